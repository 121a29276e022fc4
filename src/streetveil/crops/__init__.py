"""Reversible mode: what was made unrecognisable is kept sealed, with a key of each tenant that can be deleted."""
