"""The HTTP service; the contract is docs/api.md."""
