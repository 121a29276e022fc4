"""Which chunks of a PNG survive a redaction."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streetveil.domain.geometry import Orientation
from streetveil.domain.options import MetadataPolicy
from streetveil.imaging.png import Chunk
from streetveil.redaction import exif, hidden, places, profile, texts, xmp

_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_COLOUR = frozenset({
    b"cHRM", b"gAMA", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"pHYs",
})  # fmt: skip
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_LONGEST_TEXT = 1 << 20
_LONGEST_PROFILE = 1 << 24
_LONGEST_NAME = 79
# Hexadecimal copies of EXIF and the like, with their thumbnails; and thumbnails of the desktop.
_CARRIERS = (b"raw profile type", b"thumb::")


_XMP = b"XML:com.adobe.xmp"


@dataclass(frozen=True, slots=True)
class _Text:
    keyword: bytes
    text: bytes


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
        elif chunk.kind in _PICTURE or chunk.kind in _COLOUR:
            yield chunk
        elif chunk.kind == b"iCCP":
            yield from _profile(chunk)
        elif chunk.kind in _TEXT:
            yield from _text(chunk, policy)
        elif chunk.kind == b"tIME" and policy.keeps:
            yield chunk


def _text(chunk: Chunk, policy: MetadataPolicy) -> Iterator[Chunk]:
    """What stays of a text: itself, a new packet where it was XMP, or nothing."""
    found = _read_text(chunk)
    if found is None or found.keyword.lower().startswith(_CARRIERS):
        return
    if found.keyword == _XMP:
        packet = xmp.surviving(found.text, policy)
        if packet is not None:
            yield chunk if packet == found.text else Chunk(b"iTXt", _XMP + bytes(5) + packet)
        return
    content = found.keyword + b"\n" + found.text
    if not policy.keeps or texts.may_be_pixels(found.text) or hidden.holds_picture(content):
        return
    if not (policy.hides_place and places.tells_place(content)):
        yield chunk


def _read_text(chunk: Chunk) -> _Text | None:
    """Keyword and text, inflated; None where they cannot be read or are longer than any text would be."""
    keyword, _, rest = chunk.body.partition(b"\0")
    match chunk.kind:
        case b"tEXt":
            return _Text(keyword, rest)
        case b"zTXt":
            compressed, about, body = True, b"", rest[1:]
        case _:
            language, _, behind = rest[2:].partition(b"\0")
            translated, _, body = behind.partition(b"\0")
            compressed, about = rest[:1] != b"\0", language + b"\n" + translated
    text = _inflate(body) if compressed else body
    if text is None or hidden.holds_picture(about):
        return None
    return _Text(keyword, text)


def _inflate(body: bytes, longest: int = _LONGEST_TEXT) -> bytes | None:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(body, longest)
    except zlib.error:
        return None
    return text if inflater.eof and not inflater.unused_data else None


def _profile(chunk: Chunk) -> Iterator[Chunk]:
    """What stays of a colour profile, found behind its compression: itself, a new chunk, or nothing."""
    name, _, rest = chunk.body.partition(b"\0")
    whole = _inflate(rest[1:], _LONGEST_PROFILE)
    kept = None if whole is None else profile.surviving(whole)
    if kept is not None and len(name) <= _LONGEST_NAME:
        yield chunk if kept == whole else Chunk(b"iCCP", name + b"\0\0" + zlib.compress(kept))
