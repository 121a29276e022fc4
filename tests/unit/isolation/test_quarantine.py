"""Files that did harm are refused after the second time, for a while."""

from __future__ import annotations

import pytest

from streetveil.errors import DecoderCrashedError, PhotoTimeoutError
from streetveil.isolation.quarantine import Quarantine

PHOTO, OTHER = b"harmful", b"harmless"
HARM = DecoderCrashedError("It ended.")


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quarantine(clock: Clock) -> Quarantine:
    return Quarantine(kept_s=900, tries=2, monotonic=clock)


def refused(quarantine: Quarantine, data: bytes) -> bool:
    try:
        quarantine.check(data)
    except DecoderCrashedError:
        return True
    return False


def test_once_may_be_chance_and_twice_is_the_file(quarantine: Quarantine) -> None:
    assert not refused(quarantine, PHOTO)
    quarantine.add(PHOTO, HARM)
    assert not refused(quarantine, PHOTO)
    quarantine.add(PHOTO, HARM)
    assert refused(quarantine, PHOTO)
    assert not refused(quarantine, OTHER)


def test_it_is_told_what_the_file_did_last(quarantine: Quarantine) -> None:
    quarantine.add(PHOTO, HARM)
    quarantine.add(PHOTO, PhotoTimeoutError("It took too long."))
    with pytest.raises(PhotoTimeoutError, match="too long"):
        quarantine.check(PHOTO)


def test_after_a_while_without_harm_it_is_tried_anew(quarantine: Quarantine, clock: Clock) -> None:
    quarantine.add(PHOTO, HARM)
    clock.now_s += 800
    quarantine.add(PHOTO, HARM)
    clock.now_s += 800
    assert refused(quarantine, PHOTO)
    clock.now_s += 101
    assert not refused(quarantine, PHOTO)
    quarantine.add(PHOTO, HARM)
    assert not refused(quarantine, PHOTO)


def test_what_it_remembers_is_bounded(quarantine: Quarantine) -> None:
    for _ in range(2):
        quarantine.add(PHOTO, HARM)
    for number in range(999):
        quarantine.add(str(number).encode(), HARM)
    assert refused(quarantine, PHOTO)
    quarantine.add(b"one more", HARM)
    assert not refused(quarantine, PHOTO)
