"""Settings become adapters, adapters become services: the only place where things are wired together."""
