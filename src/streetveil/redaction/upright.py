"""Turning a finished JPEG the right way up, for readers that do not look at its orientation."""

from __future__ import annotations

import io
import re
import struct

from PIL import Image, JpegImagePlugin

from streetveil.domain.geometry import Orientation
from streetveil.domain.options import MetadataPolicy
from streetveil.errors import RedactionFailedError, StreetveilError, UndecodableImageError
from streetveil.imaging import decoders, jpeg, tiff
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.imaging.reader import Reader
from streetveil.redaction import jpeg_segments
from streetveil.redaction.turbojpeg import LIBRARY, LibraryMissingError, TurboJpeg, TurboJpegError, Turn

_LOSSLESS_TURNS = {
    Orientation.MIRRORED: Turn.MIRROR,
    Orientation.ROTATED_180: Turn.ROTATE_180,
    Orientation.FLIPPED: Turn.FLIP,
    Orientation.TRANSPOSED: Turn.TRANSPOSE,
    Orientation.ROTATED_90: Turn.ROTATE_90,
    Orientation.TRANSVERSED: Turn.TRANSVERSE,
    Orientation.ROTATED_270: Turn.ROTATE_270,
}
_TURNS = {
    Orientation.MIRRORED: Image.Transpose.FLIP_LEFT_RIGHT,
    Orientation.ROTATED_180: Image.Transpose.ROTATE_180,
    Orientation.FLIPPED: Image.Transpose.FLIP_TOP_BOTTOM,
    Orientation.TRANSPOSED: Image.Transpose.TRANSPOSE,
    Orientation.ROTATED_90: Image.Transpose.ROTATE_270,
    Orientation.TRANSVERSED: Image.Transpose.TRANSVERSE,
    Orientation.ROTATED_270: Image.Transpose.ROTATE_90,
}
_SUBSAMPLING: dict[tuple[tuple[int, int], ...], int] = {
    ((1, 1),) * 3: 0,
    ((2, 1), (1, 1), (1, 1)): 1,
    ((2, 2), (1, 1), (1, 1)): 2,
}
_FULL_CHROMA = 0
_EXIF_IFD = 0x8769
_SIZES = ((0x0100, 0x0101), (0xA002, 0xA003))  # ImageWidth and ImageLength; PixelXDimension and PixelYDimension
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>\s*))[2-8](?=[\"'<\s])")


def turned_upright(data: bytes, *, max_pixels: int, library: str = LIBRARY) -> bytes:
    """The JPEG with its pixels as viewers show them, and metadata that say so.

    Coefficients are moved and stay as they are, where libturbojpeg is there and the edges lie between blocks; otherwise
    the pixels are coded again. Of the metadata only the orientation changes, and where width and height change places
    the sizes in EXIF; both byte for byte in their places. A JPEG that is upright already comes back as it is.

    Raises:
        RedactionFailedError: it cannot be turned.
    """
    try:
        picture = Picture.open(data, max_pixels=max_pixels)
        orientation = picture.header.orientation
        if orientation is Orientation.UPRIGHT:
            return data
        relabelled = _relabelled(data, swap=orientation.swaps_axes)
        pixels = _turned_in_blocks(picture, library) or _turned(picture, orientation)
        new = jpeg.take_apart(pixels)
        pieces = jpeg_segments.pieces_of(pixels, new)
        old = jpeg.take_apart(relabelled)
        result = jpeg_segments.rewrap(old, pieces, new.segments, Orientation.UPRIGHT, MetadataPolicy.KEEP)
        turned = Picture.open(result, max_pixels=max_pixels)
        turned.check()
    except (StreetveilError, *decoders.DECODER_ERRORS) as error:
        raise RedactionFailedError(f"The picture could not be turned upright: {error}.") from error
    if turned.header.orientation is not Orientation.UPRIGHT or turned.header.stored != picture.header.upright:
        raise RedactionFailedError(f"The turned picture reads as {turned.header}.")
    return result


def _turned_in_blocks(picture: Picture, library: str) -> bytes | None:
    """The turned picture with all of its coefficients; None where that cannot be done."""
    bare = jpeg.picture_only(picture.data, picture.jpeg_layout)
    progressive = picture.jpeg_layout.frame.progressive
    try:
        return TurboJpeg(library).turn(bare, _LOSSLESS_TURNS[picture.header.orientation], progressive=progressive)
    except (LibraryMissingError, TurboJpegError):
        return None


def _turned(picture: Picture, orientation: Orientation) -> bytes:
    """The pixels coded anew with the same quantisation, so that where blocks fall on blocks hardly anything changes."""
    bare = jpeg.picture_only(picture.data, picture.jpeg_layout)
    image = decoders.decode(bare, ImageFormat.JPEG, picture.header.stored)
    if not isinstance(image, JpegImagePlugin.JpegImageFile):  # cannot be: a JPEG was decoded
        raise TypeError(type(image).__name__)
    frame = picture.jpeg_layout.frame
    subsampling = _SUBSAMPLING.get(frame.sampling, _FULL_CHROMA)
    if orientation.swaps_axes and subsampling == 1:
        subsampling = _FULL_CHROMA  # 4:2:2 would become 4:4:0, which the encoder does not have
    tables = [_table(image.quantization[number], swap=orientation.swaps_axes) for number in frame.tables]
    if frame.components == 4:
        tables = [[min(steps) for steps in zip(*tables, strict=True)]]
    elif frame.components == 3:
        tables = [tables[0], [min(steps) for steps in zip(*tables[1:], strict=True)]]
    output = io.BytesIO()
    image.transpose(_TURNS[orientation]).save(
        output, "JPEG", qtables=tables, subsampling=subsampling, progressive=frame.progressive
    )
    return output.getvalue()


def _table(steps: list[int], *, swap: bool) -> list[int]:
    """Quantisation steps in natural order; turned with the picture, so that each frequency keeps its own."""
    return [steps[8 * (i % 8) + i // 8] for i in range(64)] if swap else list(steps)


def _relabelled(data: bytes, *, swap: bool) -> bytes:
    """The file with the first EXIF block and all XMP saying "upright"; its pixels are still turned."""
    changed = bytearray(data)
    exif_seen = False
    for segment in jpeg.take_apart(data).segments:
        if segment.marker != jpeg.APP1:
            continue
        start = segment.end - len(segment.payload)
        if not segment.payload.startswith(jpeg.EXIF_SIGNATURE):
            changed[start : segment.end] = _XMP_ORIENTATION.sub(rb"\g<1>1", segment.payload)
        elif not exif_seen:
            exif_seen = True
            start += len(jpeg.EXIF_SIGNATURE)
            changed[start : segment.end] = _upright_block(bytes(changed[start : segment.end]), swap=swap)
    return bytes(changed)


def _upright_block(block: bytes, *, swap: bool) -> bytes:
    reader = Reader(block, complete=True)
    changed = bytearray(block)
    order = tiff.byte_order(reader)
    directories = [tiff.first_directory(reader, order)]
    orientation = directories[0].entries[tiff.ORIENTATION]
    struct.pack_into(order + {1: "B", 3: "H"}.get(orientation.kind, "I"), changed, orientation.at, 1)
    if not swap:
        return bytes(changed)
    try:
        pointer = directories[0].entries[_EXIF_IFD]
        directories.append(tiff.read_directory(reader, order, tiff.integers(reader, order, pointer)[0]))
    except (KeyError, UndecodableImageError):
        pass  # no details, or none that can be read: nothing there can be put right
    for directory in directories:
        for across, down in _SIZES:
            width, height = directory.entries.get(across), directory.entries.get(down)
            if width and height and width.kind == height.kind and width.count == height.count == 1 and width.size <= 4:
                first, second = slice(width.at, width.at + 4), slice(height.at, height.at + 4)
                changed[first], changed[second] = block[second], block[first]
    return bytes(changed)
