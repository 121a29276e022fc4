"""The whole service as processes over real servers, with faults: shared by load-tests/ and the acceptance tests.

Nothing here imports the product: it is seen only through its commands, its HTTP interface and its bucket.
"""
