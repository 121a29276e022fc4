"""Redacting files and folders on disk."""
