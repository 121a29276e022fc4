"""Colour profiles (ICC.1:2022, also in the forms of version 2): what they say of colours, and nothing else."""

from __future__ import annotations

from streetveil.redaction import hidden

_HEADER, _ENTRY = 128, 12
_TABLE = _HEADER + 4
_MOST_TAGS = 100
_RESERVED = slice(100, _HEADER)
_ID = slice(84, 100)  # MD5 of the rest; zeros where nobody has reckoned it
_SIGNATURES = frozenset(
    b"A2B0 A2B1 A2B2 A2B3 B2A0 B2A1 B2A2 B2A3 B2D0 B2D1 B2D2 B2D3 D2B0 D2B1 D2B2 D2B3 pre0 pre1 pre2 rig0 rig2"
    b" rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC aarg aagg aabg wtpt bkpt chad chrm cicp gamt lumi meas view vued tech desc"
    b" dscm dmnd dmdd cprt calt clro clrt clot ncl2 ciis pseq psid vcgt ndin".split()
)
"""Those by which colours are reckoned, names and conditions of viewing. Not: what a profile was measured on, other
programs' data, PostScript."""


def surviving(profile: bytes) -> bytes | None:
    """The profile, as it is where it is in order; without tags of unknown content and bytes that belong to none.

    Viewers read from a profile what they know, and never tell that the rest of it is something else.

    Returns:
        None where it is no profile, or one that holds a picture file.
    """
    if len(profile) < _TABLE or profile[36:40] != b"acsp":
        return None
    size, count = int.from_bytes(profile[:4]), int.from_bytes(profile[_HEADER:_TABLE])
    start = _TABLE + _ENTRY * count
    if count > _MOST_TAGS or not start <= size <= len(profile):
        return None
    result = bytearray(size)
    result[:_HEADER] = profile[:_HEADER]
    result[_RESERVED] = bytes(len(result[_RESERVED]))
    entries = []
    for place in range(_TABLE, start, _ENTRY):
        entry = profile[place : place + _ENTRY]
        at, end = int.from_bytes(entry[4:8]), int.from_bytes(entry[4:8]) + int.from_bytes(entry[8:])
        if not start <= at <= end <= size:
            return None
        if entry[:4] in _SIGNATURES:
            entries.append(entry)
            result[at:end] = profile[at:end]
    table = len(entries).to_bytes(4) + b"".join(entries)
    result[_HEADER : _HEADER + len(table)] = table
    if hidden.holds_file(bytes(result)):
        return None
    if result != profile:
        result[_ID] = bytes(len(result[_ID]))
    return bytes(result)
