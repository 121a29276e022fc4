"""One file per group of routes, each route a few lines."""
