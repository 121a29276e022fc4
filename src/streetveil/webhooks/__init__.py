"""Telling others that a job has ended. The only room that connects to addresses which clients chose."""
