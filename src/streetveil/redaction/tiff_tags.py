"""Which tags of a TIFF, besides those its pixels need, survive a redaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streetveil.domain.options import MetadataPolicy
from streetveil.errors import UndecodableImageError
from streetveil.imaging import tiff, tiff_writer
from streetveil.imaging.reader import Reader
from streetveil.imaging.tiff_picture import ICC_PROFILE, Page
from streetveil.imaging.tiff_writer import Field
from streetveil.redaction import exif, hidden, iptc, profile, xmp

_ALWAYS = frozenset({tiff.ORIENTATION, 282, 283, 296})  # with the resolution and its unit
# ImageDescription, Make, Model, Software, DateTime, Artist, HostComputer, XMP, Copyright, IPTC. Not: Photoshop's
# resources and layers (34377, 37724), which hold previews and the picture itself; sub-directories; private tags.
_ON_REQUEST = frozenset({270, 271, 272, 305, 306, 315, 316, 33432})
_XMP, _IPTC = 700, 33723
_EXIF, _INTEROPERABILITY = 0x8769, 0xA005
_BYTE, _LONG, _UNDEFINED = 1, 4, 7


def surviving(reader: Reader, page: Page, policy: MetadataPolicy) -> list[Field]:
    """Tags to be written beside the picture's own; one that cannot be read is left out.

    A maker note is always left out: its inner offsets count from the old file's start.
    """
    fields = [field for field in _readable(reader, page.directory, _ALWAYS) if not hidden.holds_file(field.value)]
    entries = page.directory.entries
    if ICC_PROFILE in entries:
        fields += _rewritten(reader, entries[ICC_PROFILE], _UNDEFINED, profile.surviving)
    if _XMP in entries:
        fields += _rewritten(reader, entries[_XMP], _BYTE, lambda value: xmp.surviving(value, policy))
    if not policy.keeps:
        return fields
    if _IPTC in entries:
        fields += _rewritten(reader, entries[_IPTC], _UNDEFINED, lambda value: iptc.surviving(value, policy))
    fields += _staying(_readable(reader, page.directory, _ON_REQUEST), policy)
    for tag in (_EXIF,) if policy.hides_place else (_EXIF, exif.GPS):
        pointer = entries.get(tag)
        if pointer is None or pointer.count != 1:
            continue
        try:
            directory = tiff.read_directory(reader, page.order, tiff.integers(reader, page.order, pointer)[0])
        except UndecodableImageError:
            continue
        others = directory.entries.keys() - {exif.MAKER_NOTE, _INTEROPERABILITY}
        inside = _staying(_readable(reader, directory, others), policy)
        if inside:
            fields.append(Field(tag, _LONG, 1, b"", tuple(inside)))
    return fields


def _rewritten(reader: Reader, entry: tiff.Entry, kind: int, survive: Callable[[bytes], bytes | None]) -> list[Field]:
    """The tag as it was, or with what stays of its value."""
    try:
        field = tiff_writer.copy_field(reader, entry)
    except UndecodableImageError:
        return []
    value = survive(field.value)
    if value == field.value and value:
        return [field]
    return [Field(entry.tag, kind, len(value), value)] if value else []


def _staying(fields: Iterable[Field], policy: MetadataPolicy) -> list[Field]:
    return [field for field in fields if exif.tag_stays(field.tag, field.kind, field.value, policy)]


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
        if field.value:
            fields.append(field)
    return fields
