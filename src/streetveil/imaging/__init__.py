"""Reading pictures: what a file is, and its pixels at the scale that is needed. Shared by detection and redaction."""
