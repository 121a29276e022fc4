"""A few cases of `scripts/fuzz.py`, in this process."""

from __future__ import annotations

from itertools import cycle

import pytest
from tests.support import fuzz_cases

from streetveil.domain.options import MetadataPolicy, Style


@pytest.fixture(scope="module")
def seeds() -> list[fuzz_cases.Seed]:
    return fuzz_cases.seeds()


def test_every_seed_is_in_order_and_redacted(seeds):
    for seed, policy in zip(seeds, cycle(MetadataPolicy), strict=False):
        outcome = fuzz_cases.run(fuzz_cases.Case(seed, seed.data, policy, Style.GAUSSIAN))
        assert outcome.startswith("redacted"), (seed.name, outcome)


def test_damaged_pictures_are_refused_or_redacted(seeds):
    outcomes = {fuzz_cases.run(fuzz_cases.make(seeds, seed=0, number=number)).split()[0] for number in range(200)}
    assert outcomes == {"refused", "redacted"}


def test_a_case_is_always_the_same(seeds):
    assert fuzz_cases.make(seeds, 3, 7) == fuzz_cases.make(fuzz_cases.seeds(), 3, 7)
    assert fuzz_cases.make(seeds, 3, 7) != fuzz_cases.make(seeds, 3, 8)
