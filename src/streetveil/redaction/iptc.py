"""IPTC-NAA records (Information Interchange Model 4): the texts of picture agencies."""

from __future__ import annotations

from collections.abc import Iterator

from streetveil.domain.options import MetadataPolicy
from streetveil.redaction import hidden, places

_TAG = 0x1C
_TEXT_RECORDS = frozenset({1, 2})  # envelope and application; the others carry the picture or belong to programs
_PREVIEW = frozenset({(2, 200), (2, 201), (2, 202)})
# Content location code and name, city, sub-location, province, country code and name
_PLACES = frozenset({(2, 26), (2, 27), (2, 90), (2, 92), (2, 95), (2, 100), (2, 101)})


def surviving(block: bytes, policy: MetadataPolicy) -> bytes:
    """The data sets that a redacted file carries, each byte for byte; empty for none.

    Previews, records that are no text and, under `keep-except-gps`, places go; a block that cannot be read goes as a
    whole. Zeros behind the last data set stay, as TIFF fills up with them.
    """
    if not policy.keeps:
        return b""
    sets = list(_data_sets(block))
    if not sets:
        return b""
    end = sum(len(raw) for _, raw in sets)
    if block[end:].strip(b"\0") or len(block) - end > 3:
        return b""
    kept = [raw for name, raw in sets if _stays(name, raw, policy)]
    if len(kept) == len(sets):
        return b"" if hidden.holds_picture(block) else block
    return b"".join(kept)


def _stays(name: tuple[int, int], raw: bytes, policy: MetadataPolicy) -> bool:
    if name[0] not in _TEXT_RECORDS or name in _PREVIEW or hidden.holds_picture(raw[5:]):
        return False
    return not (policy.hides_place and (name in _PLACES or places.tells_place(raw[5:])))


def _data_sets(block: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """((record, number), bytes) of each, up to the first that is none or has an extended length."""
    at = 0
    while block[at : at + 1] == bytes([_TAG]) and at + 5 <= len(block):
        size = int.from_bytes(block[at + 3 : at + 5])
        end = at + 5 + size
        if size & 0x8000 or end > len(block):
            return
        yield (block[at + 1], block[at + 2]), block[at:end]
        at = end
