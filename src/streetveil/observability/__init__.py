"""Logs and metrics, and later traces."""
