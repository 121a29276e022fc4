"""EXIF, XMP and IPTC blocks under `keep`: what may stay of them, byte for byte where possible."""

from __future__ import annotations

from streetveil.domain.geometry import Orientation
from streetveil.domain.options import MetadataPolicy
from streetveil.errors import UndecodableImageError
from streetveil.imaging import tiff
from streetveil.imaging.reader import Reader

_EXIF_IFD, _MAKER_NOTE, _SUB_IFDS = 0x8769, 0x927C, 0x014A
_PICTURE_PLACES = ((0x0201, 0x0202), (0x0111, 0x0117))  # JPEGInterchangeFormat and strips, each with its lengths
_MAX_DIRECTORIES = 8

# A JPEG's first bytes, raw (some makers overwrite the first one) and in base64; a PNG's likewise; the names under
# which XMP carries pictures (thumbnails, and the unblurred original beside a depth map).
_PICTURES = (
    b"\xd8\xff\xdb", b"\xd8\xff\xe0", b"\xd8\xff\xe1", b"\xd8\xff\xe2", b"\xd8\xff\xc0", b"\xd8\xff\xc4",
    b"\xd8\xff\xee", b"\xd8\xff\xfe", b"/9j/", b"\x89PNG", b"iVBORw0KG", b"Thumbnails", b"xmpGImg", b"xapGImg",
    b"GImage", b"GDepth",
)  # fmt: skip


def holds_picture(block: bytes) -> bool:
    """True where a metadata block seems to carry a picture: too often is safe, too rarely is not."""
    narrow = block.replace(b"\0", b"")  # XMP may be UTF-16
    return any(mark in block or mark in narrow for mark in _PICTURES)


def block_for(original: bytes | None, orientation: Orientation, policy: MetadataPolicy) -> bytes | None:
    """The EXIF block (without signature) that a redacted file carries; None for none.

    Args:
        original: the block of the original; None where there was none.
        orientation: the one that the original is shown with.
        policy: `strip` leaves a block of the orientation alone, where it is not upright.
    """
    if policy is MetadataPolicy.KEEP and original is not None:
        kept = without_pictures(original)
        if kept is not None and tiff.exif_orientation(kept) is orientation:
            return kept
    return None if orientation is Orientation.UPRIGHT else tiff.orientation_block(orientation)


def without_pictures(block: bytes) -> bytes | None:
    """The block with its thumbnail zeroed and unlinked and all else byte for byte where it was.

    Offsets stay valid, also those that a maker note holds in ways nobody documents. None where the block
    cannot be read, or still seems to hold a picture.
    """
    reader = Reader(block, complete=True)
    cleaned = bytearray(block)
    try:
        order = tiff.byte_order(reader)
        first = tiff.first_directory(reader, order)
        if _SUB_IFDS in first.entries:
            return None
        at = first.next
        cleaned[first.next_at : first.next_at + 4] = bytes(4)
        for _ in range(_MAX_DIRECTORIES):
            if not at:
                break
            following = tiff.read_directory(reader, order, at)
            _erase_pictures(cleaned, reader, order, following)
            for entry in following.entries.values():
                if entry.size > 4:
                    _erase(cleaned, entry.at, entry.size)
            _erase(cleaned, at, following.next_at + 4 - at)
            at = following.next
        if holds_picture(bytes(cleaned)):
            _erase_maker_note(cleaned, reader, order, first)
    except UndecodableImageError:
        return None
    result = bytes(cleaned)
    return None if holds_picture(result) or not _readable(result, first) else result


def _erase_pictures(cleaned: bytearray, reader: Reader, order: str, directory: tiff.Directory) -> None:
    for places, lengths in _PICTURE_PLACES:
        if places in directory.entries and lengths in directory.entries:
            starts = tiff.integers(reader, order, directory.entries[places])
            sizes = tiff.integers(reader, order, directory.entries[lengths])
            for start, size in zip(starts, sizes, strict=False):
                _erase(cleaned, start, size)


def _erase_maker_note(cleaned: bytearray, reader: Reader, order: str, first: tiff.Directory) -> None:
    pointer = first.entries.get(_EXIF_IFD)
    if pointer is None:
        return
    details = tiff.read_directory(reader, order, tiff.integers(reader, order, pointer)[0])
    note = details.entries.get(_MAKER_NOTE)
    if note is not None:
        _erase(cleaned, note.at, note.size)


def _erase(cleaned: bytearray, start: int, size: int) -> None:
    end = min(start + size, len(cleaned))
    cleaned[start:end] = bytes(max(end - start, 0))


def _readable(block: bytes, first: tiff.Directory) -> bool:
    """A hostile thumbnail may claim to lie over the first directory; that one must have survived."""
    reader = Reader(block, complete=True)
    try:
        return tiff.first_directory(reader, tiff.byte_order(reader)).entries == first.entries
    except UndecodableImageError:
        return False
