"""Alembic's scripts: `env.py` runs them, `versions/` holds one step each."""
