"""The use cases. Read `process.py` first: it is the path of one photo."""
