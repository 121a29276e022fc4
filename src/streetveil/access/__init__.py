"""Tokens: who the caller is. The only room that knows JSON Web Tokens."""
