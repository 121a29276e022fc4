"""The one picture of a TIFF file, and what of it must be copied so that it decodes as before (TIFF 6.0)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streetveil.domain.geometry import Orientation, Size
from streetveil.errors import AnimatedImageError, UndecodableImageError, UnsupportedPixelFormatError
from streetveil.imaging import tiff
from streetveil.imaging.reader import Reader

NEW_SUBFILE_TYPE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
STRIP_OFFSETS, SAMPLES, STRIP_BYTES, PLANAR = 273, 277, 279, 284
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES, EXTRA_SAMPLES, SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
ICC_PROFILE = 34675
_RAW_TAGS = frozenset({50706, 33421, 33422})  # DNGVersion, CFARepeatPatternDim, CFAPattern
_CODINGS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
_PHOTOMETRICS = frozenset({0, 1, 2, 3, 5, 6})
# With FillOrder, RowsPerStrip, T4Options, T6Options, Predictor, InkSet and YCbCrPositioning
_SINGLE = frozenset({
    NEW_SUBFILE_TYPE, WIDTH, LENGTH, COMPRESSION, PHOTOMETRIC, 266, SAMPLES, 278, PLANAR, 292, 293, 317, TILE_WIDTH,
    TILE_LENGTH, 332, 531,
})  # fmt: skip
_REDUCED = 1
_MAX_PAGES = 64
_MAX_PIECES = 1_000_000
_MAX_TILE_PIXELS = 1 << 26


@dataclass(frozen=True, slots=True)
class Page:
    """The first directory of a TIFF, checked.

    Attributes:
        order: struct prefix of the byte order.
        bits: per sample, the same for all; samples: per pixel, alpha included.
    """

    order: str
    directory: tiff.Directory
    size: Size
    orientation: Orientation
    bits: int
    samples: int
    photometric: int
    compression: int


def read_page(reader: Reader, check: Callable[[Size], None]) -> Page:
    """Reads the first page and makes sure that no other is there but thumbnails of it.

    Args:
        reader: the file from its first byte.
        check: is given the size as soon as it is known, and raises where it is too large.

    Raises:
        MoreBytesNeeded, UndecodableImageError: as `Reader`; values that cannot be.
        AnimatedImageError: several pages.
        UnsupportedPixelFormatError: raw sensor data, floating point, rare codings, too many or mixed samples.
    """
    order = tiff.byte_order(reader)
    directory = tiff.first_directory(reader, order)

    def value(tag: int, default: int | None = None) -> int:
        entry = directory.entries.get(tag)
        if entry is None:
            if default is None:
                raise UndecodableImageError(f"The TIFF lacks tag {tag}.")
            return default
        return tiff.integers(reader, order, entry)[0]

    if any(directory.entries[tag].count != 1 for tag in _SINGLE & directory.entries.keys()):
        raise UndecodableImageError("The TIFF gives several values where one must be.")
    size = Size(value(WIDTH), value(LENGTH))
    if not size.pixels:
        raise UndecodableImageError("The TIFF says that it has no pixels.")
    check(size)
    if _RAW_TAGS & directory.entries.keys() or value(NEW_SUBFILE_TYPE, 0) & _REDUCED:
        raise UnsupportedPixelFormatError("The TIFF is a camera's raw file.")
    samples = value(SAMPLES, 1)
    page = Page(
        order,
        directory,
        size,
        Orientation.parse(value(tiff.ORIENTATION, 1)),
        _bits(reader, order, directory, samples),
        samples,
        value(PHOTOMETRIC),
        value(COMPRESSION, 1),
    )
    if page.photometric not in _PHOTOMETRICS or page.compression not in _CODINGS or not 1 <= samples <= 5:
        raise UnsupportedPixelFormatError(
            f"The TIFF has {samples} samples of photometric kind {page.photometric} in coding {page.compression}."
        )
    formats = directory.entries.get(SAMPLE_FORMAT)
    if formats and set(tiff.integers(reader, order, formats)) != {1}:
        raise UnsupportedPixelFormatError("The TIFF's samples are not unsigned integers.")
    if TILE_WIDTH in directory.entries and value(TILE_WIDTH) * value(TILE_LENGTH, 0) > _MAX_TILE_PIXELS:
        raise UndecodableImageError("The TIFF's tiles are larger than any picture.")
    pieces(reader, page)
    _only_thumbnails_follow(reader, order, directory)
    return page


def pieces(reader: Reader, page: Page) -> list[slice]:
    """Where the strips or tiles lie in the file.

    Raises:
        MoreBytesNeeded, UndecodableImageError: as `Reader`; a piece lies outside the file.
    """
    entries = page.directory.entries
    tiled = TILE_OFFSETS in entries
    offsets, lengths = (TILE_OFFSETS, TILE_BYTES) if tiled else (STRIP_OFFSETS, STRIP_BYTES)
    if offsets not in entries or lengths not in entries:
        raise UndecodableImageError("The TIFF does not say where its pixels are.")
    if not 1 <= entries[offsets].count == entries[lengths].count <= _MAX_PIECES:
        raise UndecodableImageError("The TIFF's strips are not all described.")
    starts = tiff.integers(reader, page.order, entries[offsets])
    sizes = tiff.integers(reader, page.order, entries[lengths])
    if reader.complete:
        for start, size in zip(starts, sizes, strict=True):
            reader.require(start, size)
    if sum(sizes) > len(reader.data) and reader.complete:
        raise UndecodableImageError("The TIFF's strips overlap.")
    return [slice(start, start + size) for start, size in zip(starts, sizes, strict=True)]


def _bits(reader: Reader, order: str, directory: tiff.Directory, samples: int) -> int:
    entry = directory.entries.get(BITS)
    depths = set(tiff.integers(reader, order, entry)) if entry and entry.count <= 16 else {1}
    if len(depths) != 1 or (bits := depths.pop()) not in {1, 2, 4, 8, 16} or (bits < 8 and samples > 1):
        raise UnsupportedPixelFormatError("The TIFF's samples have a depth that is not handled.")
    return bits


def _only_thumbnails_follow(reader: Reader, order: str, directory: tiff.Directory) -> None:
    seen: set[int] = set()
    while directory.next:
        if directory.next in seen or len(seen) >= _MAX_PAGES:
            raise UndecodableImageError("The TIFF's directories run in a circle.")
        seen.add(directory.next)
        directory = tiff.read_directory(reader, order, directory.next)
        kind = directory.entries.get(NEW_SUBFILE_TYPE)
        if kind is None or not tiff.integers(reader, order, kind)[0] & _REDUCED:
            raise AnimatedImageError("The TIFF has several pages; only single pictures are redacted.")
