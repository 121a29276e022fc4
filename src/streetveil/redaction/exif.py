"""EXIF blocks under `keep`: what may stay of them, byte for byte and where it was."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from streetveil.domain.geometry import Orientation
from streetveil.domain.options import MetadataPolicy
from streetveil.errors import UndecodableImageError
from streetveil.imaging import tiff
from streetveil.imaging.reader import Reader
from streetveil.redaction import hidden, iptc, places, profile, texts, xmp

GPS, MAKER_NOTE = 0x8825, 0x927C
_EXIF, _INTEROPERABILITY = 0x8769, 0xA005
_XMP, _IPTC = 0x02BC, 0x83BB
_DIRECTORY = 13  # the field type of an offset to one
_STARTS = {0x0111: 0x0117, 0x0144: 0x0145, 0x0201: 0x0202}  # where strips, tiles, a JPEG lie, and how long they are
_SUB_IFDS = 0x014A
# The above, Photoshop's resources and layers, Microsoft's thumbnail, makers' private data in DNG
_CARRIERS = frozenset({*_STARTS, *_STARTS.values(), _SUB_IFDS, 0x8649, 0x935C, 0x501B, 0xC634})
# What says where: the GPS directory, GeoTIFF's tags, and the maker note, in which some makers write places
_LOCATORS = frozenset({GPS, MAKER_NOTE, 33550, 33922, 34264, 34735, 34736, 34737})
_TEXT = 2
_TEXTS = frozenset({0x9286, *range(0x9C9B, 0x9CA0)})  # UserComment and Windows' texts, which are not of type text
_PROFILE, _CURVES = 0x8773, 0x012D
_CURVE_LENGTHS = {512, 1536}  # bytes: one for all three colours or one for each, of 256 numbers
_MOST_DIRECTORIES = 16
_MOST_STRIPS = 1 << 14

_Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A directory as it will be.

    Attributes:
        start: where it stands; end: first byte behind it, in the original.
        entries: those that stay.
    """

    start: int
    end: int
    entries: tuple[tiff.Entry, ...]

    @property
    def values(self) -> list[_Place]:
        """Where the values lie that do not fit into their entries."""
        return [(entry.at, entry.at + entry.size) for entry in self.entries if entry.size > 4]


def block_for(original: bytes | None, orientation: Orientation, policy: MetadataPolicy) -> bytes | None:
    """The EXIF block (without signature) that a redacted file carries; None for none.

    Args:
        original: the block of the original; None where there was none.
        orientation: the one that the original is shown with.
        policy: `strip` leaves a block of the orientation alone, where it is not upright.
    """
    if policy.keeps and original is not None:
        kept = without_pictures(original, policy)
        if kept is not None and tiff.exif_orientation(kept) is orientation:
            return kept
    return None if orientation is Orientation.UPRIGHT else tiff.orientation_block(orientation)


def without_pictures(block: bytes, policy: MetadataPolicy) -> bytes | None:
    """The block with nothing in it but IFD0, Exif, GPS and interoperability directories and their values.

    What stays stands where it stood, so that offsets stay valid, also those that a maker note holds in ways nobody
    documents. All else is zero: thumbnails with their directories, other sub-directories, gaps between values. A
    tag that holds a picture, and under `keep-except-gps` one that says a place, is taken out of its directory.

    Returns:
        None where the block cannot be read, or where a picture lies over what would stay.
    """
    reader = Reader(block, complete=True)
    try:
        order = tiff.byte_order(reader)
        first = reader.unpack(order + "I", 4)[0]
        kept = [_chosen(reader, order, first, policy)]
        for tag in (_EXIF, GPS, _INTEROPERABILITY):
            pointers = [entry for directory in kept for entry in directory.entries if entry.tag == tag]
            kept += [_chosen(reader, order, tiff.integers(reader, order, entry)[0], policy) for entry in pointers[:1]]
        pictures = _pictures(reader, order, first)
    except UndecodableImageError:
        return None
    directories = [(directory.start, directory.end) for directory in kept]
    values = [place for directory in kept for place in directory.values]
    if _overlap([(0, 8), *directories]) or _touch(directories, values) or _touch(pictures, [*directories, *values]):
        return None
    end = max(end for _, end in (*directories, *values))
    result = bytearray(min(end + end % 2, len(block)))
    result[:8] = block[:8]
    for start, end in values:
        result[start:end] = block[start:end]
    for directory in kept:
        written = struct.pack(order + "H", len(directory.entries))
        written += b"".join(_entry(block, order, entry) for entry in directory.entries)
        result[directory.start : directory.start + len(written)] = written
    return None if hidden.holds_picture(bytes(result)) else bytes(result)


def tag_stays(tag: int, kind: int, value: bytes, policy: MetadataPolicy) -> bool:
    """True where a tag of IFD0, Exif or GPS may be kept with this value, as far as the value itself tells.

    Args:
        tag: its number.
        kind: its TIFF field type.
        value: as it stands in the file.
        policy: one that keeps.
    """
    if tag in _CARRIERS or kind == _DIRECTORY or (policy.hides_place and tag in _LOCATORS):
        return False
    if tag == _XMP:
        return xmp.surviving(value, policy) == value
    if tag == _IPTC:
        return iptc.surviving(value, policy) == value
    if policy.hides_place and (kind == _TEXT or tag in _TEXTS) and places.tells_place(value):
        return False
    if tag == _PROFILE:
        return profile.surviving(value) == value
    if tag == _CURVES:
        return _rises(value)
    if tag != MAKER_NOTE and texts.may_be_pixels(value):  # those are judged as a whole
        return False
    return not hidden.holds_picture(value)


def _rises(value: bytes) -> bool:
    """True of transfer curves, in either byte order: a darker tone never becomes the brighter one."""
    if len(value) not in _CURVE_LENGTHS:
        return False
    curves = (np.frombuffer(value, order).reshape(-1, 256).astype(np.int32) for order in ("<u2", ">u2"))
    return any(bool((np.diff(curve) >= 0).all()) for curve in curves)


def _chosen(reader: Reader, order: str, start: int, policy: MetadataPolicy) -> _Kept:
    directory = tiff.read_directory(reader, order, start)
    entries = []
    # Values may lie over one another: thousands that each claim the whole block would take hours to look through.
    if sum(entry.size for entry in directory.entries.values() if _lies_inside(reader, entry)) > 2 * len(reader.data):
        raise UndecodableImageError("The EXIF values are larger than their block.")
    for entry in directory.entries.values():
        if entry.tag in {_EXIF, GPS, _INTEROPERABILITY}:
            stays = entry.kind in {4, _DIRECTORY} and entry.count == 1
            stays = stays and not (policy.hides_place and entry.tag == GPS)
        else:
            stays = _lies_inside(reader, entry) and tag_stays(
                entry.tag, entry.kind, reader.take(entry.at, entry.size), policy
            )
        if stays:
            entries.append(entry)
    return _Kept(start, directory.next_at + 4, tuple(entries))


def _lies_inside(reader: Reader, entry: tiff.Entry) -> bool:
    return entry.size > 0 and entry.at + entry.size <= len(reader.data)


def _entry(block: bytes, order: str, entry: tiff.Entry) -> bytes:
    """The twelve bytes as they were; a short value stands in the last four, with whatever fills them up."""
    if entry.size > 4:
        return struct.pack(order + "HHII", entry.tag, entry.kind, entry.count, entry.at)
    return block[entry.at - 8 : entry.at + 4]


def _pictures(reader: Reader, order: str, first: int) -> list[_Place]:
    """Where thumbnails and previews say that they lie, in IFD0, in what follows it and below it."""
    found: list[_Place] = []
    waiting, seen = [first], {0}
    while waiting and len(seen) <= _MOST_DIRECTORIES:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        try:
            directory = tiff.read_directory(reader, order, at)
        except UndecodableImageError:
            continue  # nobody finds a picture through it
        waiting.append(directory.next)
        entries = directory.entries
        if _SUB_IFDS in entries:
            waiting += _numbers(reader, order, entries[_SUB_IFDS])
        for starts, lengths in _STARTS.items():
            if starts in entries and lengths in entries:
                sizes = _numbers(reader, order, entries[lengths])
                found += [(s, s + n) for s, n in zip(_numbers(reader, order, entries[starts]), sizes, strict=False)]
    return found


def _numbers(reader: Reader, order: str, entry: tiff.Entry) -> tuple[int, ...]:
    if entry.count > _MOST_STRIPS:
        raise UndecodableImageError("A thumbnail in EXIF has too many strips.")
    try:
        return tiff.integers(reader, order, entry)
    except UndecodableImageError:
        return ()


def _touch(some: list[_Place], others: list[_Place]) -> bool:
    """True where a place of one list shares a byte with one of the other."""
    furthest = [0, 0]
    both = [(*place, 0) for place in some] + [(*place, 1) for place in others]
    for start, end, side in sorted(place for place in both if place[0] < place[1]):
        if furthest[1 - side] > start:
            return True
        furthest[side] = max(furthest[side], end)
    return False


def _overlap(places: list[_Place]) -> bool:
    ordered = sorted(places)
    return any(left[1] > right[0] for left, right in pairwise(ordered))
