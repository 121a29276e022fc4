"""Measuring what is found and covered on labelled photos."""
