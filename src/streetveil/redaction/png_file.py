"""Redacting a PNG: pixels in the depth they are stored in, written back in the same."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from streetveil.domain.options import MetadataPolicy
from streetveil.errors import RedactionFailedError
from streetveil.imaging import decoders, png
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.imaging.png import Chunk, PngHeader
from streetveil.imaging.reader import Reader
from streetveil.redaction import effects, invisible, png_chunks, png_encoder
from streetveil.redaction.base import RedactedFile
from streetveil.redaction.regions import Area

_WITH_ALPHA = frozenset({png.GREY_ALPHA, png.RGBA})


def rewrite(picture: Picture, found: Sequence[Area], policy: MetadataPolicy) -> RedactedFile:
    """The PNG with `found` painted over; without any, the compressed pixels stay as they are byte for byte.

    They do not stay where they hold more than viewers show: rows below the picture, data behind it, colours that are
    fully transparent. A picture whose pixels are written anew is not interlaced: it decodes to the same pixels.
    """
    chunks = list(png.chunks(Reader(picture.data, complete=True)))
    kept = list(png_chunks.surviving(chunks, picture.header.orientation, policy))
    header = png.read_ihdr(chunks[0])
    anew = not png.holds_pixels_only(chunks, header) or bool(found)
    if anew or _may_hide_colours(chunks, header):
        pixels = _decode(chunks, header)
        if _blank(pixels, chunks, header) or anew:
            palette = _painted(pixels, chunks, header, found)
            kept = _with_pixels(kept, palette, _coded(pixels, header))
    return RedactedFile(png.SIGNATURE + b"".join(chunk.encode() for chunk in kept), lossless=True)


def _with_pixels(chunks: Sequence[Chunk], palette: bytes, content: bytes) -> list[Chunk]:
    first = Chunk(b"IHDR", chunks[0].body[:12] + b"\0")
    others = [
        Chunk(b"PLTE", palette) if palette and chunk.kind == b"PLTE" else chunk
        for chunk in chunks[1:-1]
        if chunk.kind != b"IDAT"
    ]
    at = next((i for i, chunk in enumerate(chunks[1:-1]) if chunk.kind == b"IDAT"), len(others))
    return [first, *others[:at], Chunk(b"IDAT", content), *others[at:], chunks[-1]]


def _body(chunks: Sequence[Chunk], kind: bytes) -> bytes:
    """The content of the first chunk of a kind; empty where there is none."""
    return next((chunk.body for chunk in chunks if chunk.kind == kind), b"")


def _may_hide_colours(chunks: Sequence[Chunk], header: PngHeader) -> bool:
    """Whether it takes a look at the pixels to know that none of them is fully transparent and has a colour."""
    if header.colour == png.PALETTE:
        return _body(chunks, b"tRNS").count(0) > 1
    return header.colour in _WITH_ALPHA


def _blank(pixels: effects.Pixels, chunks: Sequence[Chunk], header: PngHeader) -> bool:
    """Takes from pixels what transparency hides, in place; True where that was anything."""
    if header.colour == png.PALETTE:
        return invisible.blank_indices(pixels[..., 0], _body(chunks, b"tRNS"))
    return header.colour in _WITH_ALPHA and invisible.blank(pixels)


def _painted(pixels: effects.Pixels, chunks: Sequence[Chunk], header: PngHeader, found: Sequence[Area]) -> bytes:
    """Makes `found` unrecognisable in place; the palette that the pixels then have, empty where they have none."""
    if header.colour == png.PALETTE:
        palette = np.frombuffer(bytearray(_body(chunks, b"PLTE")), np.uint8).reshape(-1, 3)[: 1 << header.depth]
        effects.paint_indices(pixels[..., 0], palette, found)
        invisible.blank_unused(palette, pixels[..., 0])
        return palette.tobytes()
    effects.paint(pixels, found, maximum=(1 << header.depth) - 1, alpha=header.colour in _WITH_ALPHA)
    return b""


def _coded(pixels: effects.Pixels, header: PngHeader) -> bytes:
    """The content of a new IDAT."""
    rows = len(pixels)
    if header.depth < 8:
        packed = png_encoder.pack_bits(pixels[..., 0].astype(np.uint8), header.depth)
        return png_encoder.compress(packed, 1, filtered=False)
    stored = pixels.astype(">u2").view(np.uint8) if header.depth == 16 else pixels.astype(np.uint8)
    pixel_bytes = header.channels * header.depth // 8
    return png_encoder.compress(stored.reshape(rows, -1), pixel_bytes, filtered=header.colour != png.PALETTE)


def _decode(chunks: Sequence[Chunk], header: PngHeader) -> effects.Pixels:
    """Samples as stored: (height, width, channels), uint8 or uint16, palette indices not resolved."""
    # Without tRNS, which decoders would turn into an alpha channel that the file does not have.
    needed = [chunk for chunk in chunks if chunk.kind in {b"IHDR", b"PLTE", b"IDAT", b"IEND"}]
    data = png.SIGNATURE + b"".join(chunk.encode() for chunk in needed)
    if header.depth == 16:
        return _decode_deep(data, header)
    image = decoders.decode(data, ImageFormat.PNG, header.size)
    pixels = np.array(image).astype(np.uint8).reshape(header.size.height, header.size.width, -1)
    if header.colour == png.GREY and 1 < header.depth < 8:
        pixels //= 255 // ((1 << header.depth) - 1)  # Pillow spreads 2 and 4 bits over the range of 8
    if pixels.shape[2] != header.channels:
        raise RedactionFailedError(f"The PNG was decoded to {pixels.shape[2]} channels, not {header.channels}.")
    return pixels


def _decode_deep(data: bytes, header: PngHeader) -> npt.NDArray[np.uint16]:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    size = header.size
    if decoded is None or decoded.dtype != np.uint16 or decoded.shape[:2] != (size.height, size.width):
        raise RedactionFailedError("The PNG's 16-bit samples could not be read.")
    pixels = decoded.reshape(size.height, size.width, -1)
    match header.colour:
        case png.GREY:
            wanted = pixels[..., :1]
        case png.GREY_ALPHA:
            wanted = pixels[..., [0, -1]]
        case png.RGB:
            wanted = pixels[..., 2::-1]
        case _:
            wanted = pixels[..., [2, 1, 0, 3]]
    return np.ascontiguousarray(wanted, np.uint16)
