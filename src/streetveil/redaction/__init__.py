"""Making regions unrecognisable, and writing a file that shows them nowhere else either."""
