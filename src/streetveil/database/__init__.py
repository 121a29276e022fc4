"""The tables, every query, and the only place that commits."""
