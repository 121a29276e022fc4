"""What holds for every test."""

from hypothesis import settings

# The same examples on every run, and no verdict by a clock on a machine that others use too.
settings.register_profile("steady", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("steady")
