"""Names in `.env` that nobody reads and that are one slip away from a setting's: its default would count in silence."""

from __future__ import annotations

from collections.abc import Iterable


def misspelt(written: Iterable[str], known: frozenset[str]) -> tuple[str, str] | None:
    """The first written name that is no setting, with the setting that was meant; names are of small letters.

    Other programs keep names of their own in the same file, so only what differs by one letter that is missing, added
    or another, or by two that changed places, counts.
    """
    for name in written:
        if name not in known:
            for setting in sorted(known):
                if _one_slip(name, setting):
                    return name, setting
    return None


def _one_slip(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    same = next((i for i, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    shorter, longer = shorter[same:], longer[same:]
    while shorter and shorter[-1] == longer[-1]:
        shorter, longer = shorter[:-1], longer[:-1]
    return len(longer) == 1 or (len(longer) == 2 and shorter == longer[::-1])
