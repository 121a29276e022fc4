"""Runs jobs from the queue: start, drain, health."""
