"""Lengths of time as people write them: `0`, `45s`, `30m`, `12h`, `30d`, `8w`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_UNITS["s"] = timedelta(seconds=1)
_WRITTEN = re.compile(r"([0-9]{1,9}) ?([wdhms])")
_LONGEST = timedelta(weeks=52 * 100)


def parse_duration(text: str) -> timedelta:
    """The length of time; at most a century.

    Raises:
        ValueError: the text is none. A number without a unit is refused, for who knows which was meant.
    """
    stripped = text.strip().lower()
    if stripped == "0":
        return timedelta()
    found = _WRITTEN.fullmatch(stripped)
    if found is not None and int(found[1]) <= _LONGEST / _UNITS[found[2]]:
        return int(found[1]) * _UNITS[found[2]]
    raise ValueError("must be a length of time, such as 0, 12h, 30d or 8w")


def duration_text(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as that many whole seconds."""
    for name, unit in _UNITS.items():
        if duration and not duration % unit:
            return f"{duration // unit}{name}"
    return "0"
