"""Redacting a WebP: lossless stays lossless, lossy is coded again at a high quality."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from streetveil.domain.options import MetadataPolicy
from streetveil.imaging import decoders, jpeg, webp
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.imaging.reader import Reader
from streetveil.redaction import effects, exif, invisible, profile, xmp
from streetveil.redaction.base import RedactedFile
from streetveil.redaction.regions import Area

REASON = "The lossy WebP was decoded and coded again."
_QUALITY = 90
"""The file does not tell its own; at this one the second loss is hard to see, and files grow little."""


def rewrite(picture: Picture, found: Sequence[Area], policy: MetadataPolicy) -> RedactedFile:
    """The WebP with `found` painted over; without any, the compressed pixels stay as they are byte for byte.

    In a lossless one they do not stay where fully transparent pixels have colours. Lossy ones have some of them always.
    """
    reader = Reader(picture.data, complete=True)
    parts = webp.picture_chunks(reader)
    lossless = not found or b"VP8L" in parts
    if found or b"VP8L" in parts:
        coded = _painted(picture, found, lossless=lossless)
        parts = parts if coded is None else webp.picture_chunks(Reader(coded, complete=True))
    bodies: dict[bytes, bytes] = {}
    for chunk in webp.chunks(reader):
        bodies.setdefault(chunk.kind, reader.take(chunk.start, chunk.end - chunk.start))
    block = bodies.get(b"EXIF")
    kept = exif.block_for(
        None if block is None else block.removeprefix(jpeg.EXIF_SIGNATURE), picture.header.orientation, policy
    )
    packet = xmp.surviving(bodies[b"XMP "], policy) if b"XMP " in bodies else None
    data = webp.assemble(
        parts, profile=profile.surviving(bodies.get(b"ICCP", b"")), exif=kept, xmp=packet, canvas=picture.header.stored
    )
    return RedactedFile(data, lossless=lossless, reason=None if lossless else REASON)


def _painted(picture: Picture, found: Sequence[Area], *, lossless: bool) -> bytes | None:
    """A new file of the pixels; None where they stay as they are."""
    bare = decoders.pixels_only(picture.data, ImageFormat.WEBP)
    image = decoders.decode(bare, ImageFormat.WEBP, picture.header.stored)
    with_alpha = image.mode == "RGBA"
    if not found and not with_alpha:
        return None
    pixels = np.array(image)
    if not (with_alpha and invisible.blank(pixels)) and not found:
        return None
    effects.paint(pixels, found, maximum=255, alpha=with_alpha)
    output = io.BytesIO()
    # "exact": the encoder gives transparent pixels no colours of its own, which the next run would take for hidden ones
    Image.fromarray(pixels, image.mode).save(output, "WEBP", lossless=lossless, quality=_QUALITY, exact=True)
    return output.getvalue()
