"""The JSON bodies of the contract (docs/api.md). They are built from domain objects and hold no logic."""
