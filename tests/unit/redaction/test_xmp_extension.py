"""Extended XMP under policies that keep metadata: its texts stay, and what points to it."""

from __future__ import annotations

import hashlib

import pytest
from PIL import Image
from tests.unit.redaction import camera_files as cf

from streetveil.domain.options import MetadataPolicy
from streetveil.imaging import jpeg
from streetveil.redaction import xmp, xmp_extension

STRIP, KEEP, NO_PLACE = MetadataPolicy
NOTE = 'xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
GDEPTH = 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/" xmlns:my="urn:my"'
LONG = "<my:History>" + "a word and another, " * 8000 + "</my:History>"


def named(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).hexdigest().upper().encode()


def camera(content: bytes, *segments: bytes, guid: bytes | None = None) -> cf.CameraFile:
    guid = guid or named(content)
    return cf.CameraFile(
        xmp=cf.xmp(f'xmpNote:HasExtendedXMP="{guid.decode()}"', namespaces=NOTE),
        extra=segments or cf.extended(content, guid),
    )


@pytest.fixture
def plain(photo: Image.Image, encode) -> bytes:
    coded: bytes = encode(photo, "JPEG", quality=92, progressive=True)
    return coded


def read(data: bytes) -> tuple[bytes | None, bytes]:
    """Name by which the packet points to extended XMP, and the portions of that name in one piece, by any reader."""
    segments = jpeg.take_apart(data).segments
    packet = next(s.payload for s in segments if s.payload.startswith(cf.XMP_SIGNATURE))
    name = packet.partition(b'HasExtendedXMP="')[2][:32] or None
    portions = [s.payload[len(cf.EXTENSION) :] for s in segments if s.payload.startswith(cf.EXTENSION)]
    whole = bytearray()
    for portion in portions:
        assert portion[:32] == name
        assert int.from_bytes(portion[36:40]) == len(whole)
        whole += portion[40:]
        assert int.from_bytes(portion[32:36]) <= sum(len(it) - 40 for it in portions)
    return name, bytes(whole)


@pytest.mark.parametrize("boxes", [[], [(20, 20, 80, 80)]])
def test_texts_survive_byte_for_byte(redact, plain, boxes):
    content = cf.xmp(elements=LONG, namespaces=GDEPTH)
    original = camera(content)
    assert len(original.extra) == 3
    assert read(redact(original.around(plain), *boxes, metadata=KEEP).data) == (named(content), content)


def test_what_is_left_without_pictures_gets_its_own_name(redact, plain):
    content = cf.xmp(elements=LONG + f"<GDepth:Data>{cf.coded()}</GDepth:Data>", namespaces=GDEPTH)
    name, kept = read(redact(camera(content).around(plain), metadata=KEEP).data)
    assert kept == content.replace(f"<GDepth:Data>{cf.coded()}</GDepth:Data>".encode(), b"")
    assert name == named(kept)


def test_places_go_with_gps(redact, plain):
    content = cf.xmp(elements=LONG, namespaces=GDEPTH)
    data = redact(camera(content).around(plain), metadata=NO_PLACE).data
    name, kept = read(data)
    assert name == named(kept)
    assert b"a word and another" in kept
    assert not any(place in data for place in cf.PLACES)


def test_stripped_files_have_none(redact, plain):
    data = redact(camera(cf.xmp(elements=LONG, namespaces=GDEPTH)).around(plain), metadata=STRIP).data
    assert cf.EXTENSION not in data
    assert b"HasExtended" not in data


CONTENT = cf.xmp(elements=LONG, namespaces=GDEPTH)
FIRST, SECOND, THIRD = cf.extended(CONTENT, named(CONTENT))


@pytest.mark.parametrize(
    "segments",
    [
        (FIRST, THIRD),
        (FIRST, SECOND, SECOND, THIRD),
        (FIRST, SECOND),
        (SECOND, THIRD),
        cf.extended(CONTENT, b"F" * 32),
        (FIRST, SECOND, THIRD, *cf.extended(CONTENT[:-1], named(CONTENT))),
        (cf.segment(0xE1, cf.EXTENSION + b"short"),),
        cf.extended(b"<x>no packet</x>", named(CONTENT)),
        cf.extended(cf.xmp(elements=LONG * 8, namespaces=GDEPTH), named(CONTENT)),
    ],
    ids=["gap", "twice", "no end", "no beginning", "other name", "two lengths", "short", "no packet", "too long"],
)
def test_what_is_not_exactly_one_whole_goes_with_what_points_to_it(redact, plain, segments):
    data = redact(camera(CONTENT, *segments).around(plain), metadata=KEEP).data
    assert cf.EXTENSION not in data
    assert b"HasExtended" not in data
    assert all(text in data for text in cf.KEPT)


def test_portions_may_come_in_any_order(redact, plain):
    data = redact(camera(CONTENT, THIRD, FIRST, SECOND).around(plain), metadata=KEEP).data
    assert read(data) == (named(CONTENT), CONTENT)


def test_an_extension_that_nothing_points_to_goes(redact, plain):
    data = redact(cf.CameraFile(extra=(FIRST, SECOND, THIRD)).around(plain), metadata=KEEP).data
    assert cf.EXTENSION not in data


def test_a_picture_across_two_portions_is_found():
    content = cf.xmp(elements=f"<my:Blob>{cf.coded()}</my:Blob>", namespaces=GDEPTH)
    at = content.index(cf.coded().encode())
    payloads = [piece[4:] for piece in cf.extended(content, named(content), at + 3)]
    packet = camera(content).xmp
    found = xmp_extension.surviving([packet], payloads, KEEP)
    assert found is not None
    assert b"Blob" not in found.content
    assert xmp.surviving(found.rename_in(packet), KEEP, found.new) == packet.replace(found.old, found.new)
