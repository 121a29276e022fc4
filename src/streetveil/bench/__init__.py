"""Measures what the product costs on this machine: models, job, service and how each grows."""
