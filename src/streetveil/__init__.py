"""Streetveil finds and irreversibly blurs faces and licence plates, and lists the vehicles."""

__version__ = "0.1.0"
