"""Where the bytes of originals, results and metadata live."""
