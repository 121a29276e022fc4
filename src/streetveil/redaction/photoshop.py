"""Photoshop image resources (Adobe Photoshop File Formats Specification), in which JPEG carries IPTC."""

from __future__ import annotations

from streetveil.domain.options import MetadataPolicy
from streetveil.redaction import iptc

_IPTC = 0x0404


def iptc_alone(resources: bytes, policy: MetadataPolicy) -> bytes:
    """The IPTC resource with what may stay of it; empty where there is none, or the block is broken before it."""
    position = 0
    while resources[position : position + 4] == b"8BIM" and position + 12 <= len(resources):
        kind = int.from_bytes(resources[position + 4 : position + 6])
        name_bytes = 1 + resources[position + 6]
        start = position + 6 + name_bytes + name_bytes % 2 + 4
        size = int.from_bytes(resources[start - 4 : start])
        end = start + size
        if end > len(resources):
            break
        if kind == _IPTC:
            content = iptc.surviving(resources[start:end], policy)
            padding = b"\0" * (len(content) % 2)
            return b"8BIM\x04\x04\x00\x00" + len(content).to_bytes(4) + content + padding if content else b""
        position = end + size % 2
    return b""
