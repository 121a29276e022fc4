"""Directories (IFDs) of TIFF 6.0, which are also the inside of every EXIF block (CIPA DC-008)."""

from __future__ import annotations

from dataclasses import dataclass

from streetveil.domain.geometry import Orientation
from streetveil.errors import UndecodableImageError
from streetveil.imaging.reader import Reader

ORIENTATION = 0x0112
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I"}
_MAX_ENTRIES = 4096


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag.

    Attributes:
        kind: TIFF field type; count: how many values of it.
        at: where the values lie, inside the entry or elsewhere.
        size: bytes of all values; 0 where the type is unknown.
    """

    tag: int
    kind: int
    count: int
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One IFD.

    Attributes:
        entries: by tag; of a tag given twice the first counts.
        next_at: where the offset of the next directory is written.
        next: that offset; 0 for none.
    """

    entries: dict[int, Entry]
    next_at: int
    next: int


def byte_order(reader: Reader) -> str:
    """The struct prefix of the byte order mark at the start.

    Raises:
        UndecodableImageError: there is none.
    """
    mark = reader.take(0, 4)
    if mark == b"II*\x00":
        return "<"
    if mark == b"MM\x00*":
        return ">"
    raise UndecodableImageError("The TIFF structure has no byte order mark.")


def first_directory(reader: Reader, order: str) -> Directory:
    """IFD0; raises as `read_directory`."""
    return read_directory(reader, order, reader.unpack(order + "I", 4)[0])


def read_directory(reader: Reader, order: str, offset: int) -> Directory:
    """The IFD at `offset`. Values are not read, and their places not checked.

    Raises:
        MoreBytesNeeded, UndecodableImageError: as `Reader`; too many entries.
    """
    (count,) = reader.unpack(order + "H", offset)
    if count > _MAX_ENTRIES:
        raise UndecodableImageError(f"A TIFF directory claims {count} entries.")
    entries: dict[int, Entry] = {}
    for index in range(count):
        entry = _entry(reader, order, offset + 2 + 12 * index)
        entries.setdefault(entry.tag, entry)
    next_at = offset + 2 + 12 * count
    return Directory(entries, next_at, reader.unpack(order + "I", next_at)[0])


def integers(reader: Reader, order: str, entry: Entry) -> tuple[int, ...]:
    """The values of an entry of an unsigned integer type, one at least.

    Raises:
        MoreBytesNeeded, UndecodableImageError: as `Reader`; the type is another, or there is no value.
    """
    if entry.kind not in _INTEGERS or not entry.count:
        raise UndecodableImageError(f"TIFF tag {entry.tag} is not of an integer type, or empty.")
    reader.require(entry.at, entry.size)
    return reader.unpack(f"{order}{entry.count}{_INTEGERS[entry.kind]}", entry.at)


def exif_orientation(block: bytes) -> Orientation:
    """The orientation in an EXIF block (without its `Exif` signature); upright where it cannot be read.

    Tolerant on purpose: wrong lengths elsewhere in the block must not turn the picture, as in any viewer.
    """
    reader = Reader(block, complete=True)
    try:
        order = byte_order(reader)
        (offset,) = reader.unpack(order + "I", 4)
        (count,) = reader.unpack(order + "H", offset)
        for index in range(min(count, _MAX_ENTRIES)):
            entry = _entry(reader, order, offset + 2 + 12 * index)
            if entry.tag == ORIENTATION and entry.kind in _INTEGERS and entry.count == 1:
                return Orientation.parse(integers(reader, order, entry)[0])
    except UndecodableImageError:
        pass  # broken EXIF: shown as stored
    return Orientation.UPRIGHT


def orientation_block(orientation: Orientation) -> bytes:
    """A new EXIF block (without signature) that says the orientation and nothing else."""
    return (
        b"MM\x00*\x00\x00\x00\x08\x00\x01"
        + ORIENTATION.to_bytes(2)
        + b"\x00\x03\x00\x00\x00\x01"
        + int(orientation).to_bytes(2)
        + b"\x00\x00\x00\x00\x00\x00"
    )


def _entry(reader: Reader, order: str, position: int) -> Entry:
    tag, kind, count = reader.unpack(order + "HHI", position)
    size = TYPE_BYTES.get(kind, 0) * count
    at = position + 8 if size <= 4 else reader.unpack(order + "I", position + 8)[0]
    return Entry(tag, kind, count, at, size)
