"""Photoshop image resources (Adobe Photoshop File Formats Specification), in which JPEG and TIFF carry IPTC."""

from __future__ import annotations

from streetveil.redaction.exif import holds_picture

_IPTC = 0x0404


def iptc_alone(resources: bytes) -> bytes:
    """The IPTC resource; empty where there is none, it holds a picture, or the block is broken before it."""
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
            content = resources[start:end]
            if holds_picture(content):
                break
            return b"8BIM\x04\x04\x00\x00" + size.to_bytes(4) + content + b"\0" * (size % 2)
        position = end + size % 2
    return b""
