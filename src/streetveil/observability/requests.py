"""What may be told of requests without end: who sends them can make up the rest."""

from __future__ import annotations

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""HTTP's own methods that servers like ours are asked with."""
