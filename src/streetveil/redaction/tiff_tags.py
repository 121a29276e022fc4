"""Which tags of a TIFF, besides those its pixels need, survive a redaction."""

from __future__ import annotations

from streetveil.domain.options import MetadataPolicy
from streetveil.errors import UndecodableImageError
from streetveil.imaging import tiff, tiff_writer
from streetveil.imaging.reader import Reader
from streetveil.imaging.tiff_picture import ICC_PROFILE, Page
from streetveil.imaging.tiff_writer import Field
from streetveil.redaction import exif

_ALWAYS = frozenset({tiff.ORIENTATION, 282, 283, 296, ICC_PROFILE})  # with the resolution and its unit
# ImageDescription, Make, Model, Software, DateTime, Artist, HostComputer, XMP, Copyright, IPTC. Not: Photoshop's
# resources and layers (34377, 37724), which hold previews and the picture itself; sub-directories; private tags.
_ON_REQUEST = frozenset({270, 271, 272, 305, 306, 315, 316, 700, 33432, 33723})
_EXIF, _GPS, _MAKER_NOTE, _INTEROPERABILITY = 0x8769, 0x8825, 0x927C, 0xA005
_LONG = 4


def surviving(reader: Reader, page: Page, policy: MetadataPolicy) -> list[Field]:
    """Tags to be written beside the picture's own; one that cannot be read is left out.

    A maker note is always left out: its inner offsets count from the old file's start.
    """
    keep = policy is MetadataPolicy.KEEP
    fields = _readable(reader, page.directory, _ALWAYS | _ON_REQUEST if keep else _ALWAYS)
    if not keep:
        return fields
    for tag in (_EXIF, _GPS):
        pointer = page.directory.entries.get(tag)
        if pointer is None or pointer.count != 1:
            continue
        try:
            directory = tiff.read_directory(reader, page.order, tiff.integers(reader, page.order, pointer)[0])
        except UndecodableImageError:
            continue
        inside = _readable(reader, directory, directory.entries.keys() - {_MAKER_NOTE, _INTEROPERABILITY})
        if inside:
            fields.append(Field(tag, _LONG, 1, b"", tuple(inside)))
    return fields


def _readable(reader: Reader, directory: tiff.Directory, allowed: frozenset[int] | set[int]) -> list[Field]:
    fields = []
    budget = len(reader.data)  # values may overlap: all together they must not make a file larger than it was
    for tag in sorted(allowed & directory.entries.keys()):
        entry = directory.entries[tag]
        budget -= entry.size
        if budget < 0:
            break
        try:
            field = tiff_writer.copy_field(reader, entry)
        except UndecodableImageError:
            continue
        if field.value and (tag in _ALWAYS or not exif.holds_picture(field.value)):
            fields.append(field)
    return fields
