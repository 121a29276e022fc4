"""Extended XMP: what does not fit into one segment of a JPEG, in portions (XMP specification, part 3, 1.1.3.1)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streetveil.domain.options import MetadataPolicy
from streetveil.redaction import xmp

SIGNATURE = b"http://ns.adobe.com/xmp/extension/\0"
_GUID = 32
_HEAD = struct.Struct(f">{len(SIGNATURE)}s{_GUID}sII")  # whole length and the portion's offset
_PORTION = 65000
_LONGEST = 1 << 20
"""As long as a packet may be. What is longer holds pictures, in every file seen so far, and goes as a whole."""


@dataclass(frozen=True, slots=True)
class Extension:
    """What is left of extended XMP.

    Attributes:
        old, new: the names by which the packet points to it, before and after; the same where nothing was taken out.
        content: the packet, in one piece.
    """

    old: bytes
    new: bytes
    content: bytes

    def rename_in(self, packet: bytes) -> bytes:
        """The packet pointing to what is left; as long as it was."""
        place = xmp.pointer(packet)
        if place is None or packet[place] != self.old:
            return packet
        return packet[: place.start] + self.new + packet[place.stop :]

    def portions(self) -> list[bytes]:
        """Payloads of the segments to write."""
        starts = range(0, len(self.content), _PORTION)
        return [
            _HEAD.pack(SIGNATURE, self.new, len(self.content), start) + self.content[start : start + _PORTION]
            for start in starts
        ]


def surviving(packets: Sequence[bytes], portions: Iterable[bytes], policy: MetadataPolicy) -> Extension | None:
    """What a redacted file carries of extended XMP, under policies that keep metadata; None for nothing.

    Args:
        packets: of ordinary XMP; the first that points to an extension decides which one counts.
        portions: payloads of all segments with this signature.
        policy: as for `xmp.surviving`.
    """
    names = (packet[place] for packet in packets if (place := xmp.pointer(packet)) is not None)
    old = next(names, None)
    content = _joined(portions, old) if old is not None else None
    cleaned = xmp.surviving(content, policy) if content is not None else None
    if old is None or cleaned is None:
        return None
    return Extension(old, old if cleaned == content else _name_of(cleaned), cleaned)


def _joined(portions: Iterable[bytes], name: bytes) -> bytes | None:
    """The portions of this name in one piece; None where they are not exactly one whole."""
    pieces: dict[int, bytes] = {}
    lengths: set[int] = set()
    for payload in portions:
        if len(payload) <= _HEAD.size:
            continue
        _, other, length, start = _HEAD.unpack_from(payload)
        if other != name:
            continue
        lengths.add(length)
        if len(lengths) != 1 or length > _LONGEST or start in pieces or start >= length:
            return None
        pieces[start] = payload[_HEAD.size :]
    whole = b"".join(pieces[start] for start in sorted(pieces))
    ends = [start + len(piece) for start, piece in sorted(pieces.items())]
    return whole if lengths == {len(whole)} and [0, *ends[:-1]] == sorted(pieces) else None


def _name_of(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).hexdigest().upper().encode()
