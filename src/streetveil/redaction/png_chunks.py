"""Which chunks of a PNG survive a redaction."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from streetveil.domain.geometry import Orientation
from streetveil.domain.options import MetadataPolicy
from streetveil.imaging.png import Chunk
from streetveil.redaction import exif

_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_COLOUR = frozenset({
    b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"pHYs",
})  # fmt: skip
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_LONGEST_TEXT = 1 << 20
# Hexadecimal copies of EXIF and the like, with their thumbnails; and thumbnails of the desktop.
_CARRIERS = (b"raw profile type", b"thumb::")


def surviving(chunks: Iterable[Chunk], orientation: Orientation, policy: MetadataPolicy) -> Iterator[Chunk]:
    """The chunks in order without those that the policy takes out; a new eXIf stands before the first IDAT.

    Chunks of unknown content never survive.
    """
    block: bytes | None = None
    pixels_begun = False
    for chunk in chunks:
        if chunk.kind == b"IDAT" and not pixels_begun:
            pixels_begun = True
            kept = exif.block_for(block, orientation, policy)
            if kept is not None:
                yield Chunk(b"eXIf", kept)
        if chunk.kind == b"eXIf" and not pixels_begun:
            block = chunk.body
        elif chunk.kind in _PICTURE or chunk.kind in _COLOUR or (policy is MetadataPolicy.KEEP and _may_stay(chunk)):
            yield chunk


def _may_stay(chunk: Chunk) -> bool:
    if chunk.kind == b"tIME":
        return True
    if chunk.kind not in _TEXT or chunk.body[:32].lower().startswith(_CARRIERS):
        return False
    text = _readable_text(chunk)
    return text is not None and not exif.holds_picture(text)


def _readable_text(chunk: Chunk) -> bytes | None:
    """Keyword and text, inflated; None where they cannot be read or are longer than any text would be."""
    keyword, _, rest = chunk.body.partition(b"\0")
    if chunk.kind == b"tEXt":
        return chunk.body
    if chunk.kind == b"zTXt":
        compressed, body = True, rest[1:]
    else:
        compressed = rest[:1] != b"\0"
        body = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if not compressed:
        return keyword + body
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(body, _LONGEST_TEXT)
    except zlib.error:
        return None
    return keyword + text if inflater.eof and not inflater.unused_data else None
