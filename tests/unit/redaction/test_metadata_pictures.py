"""No second picture leaves a JPEG file, wherever cameras, phones and editors hide one; what they write does."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.unit.redaction import camera_files as cf

from streetveil.domain.options import MetadataPolicy
from streetveil.errors import StreetveilError

STRIP, KEEP, NO_PLACE = MetadataPolicy
BOX = (40, 30, 100, 80)
every = pytest.mark.parametrize("name", cf.STRUCTURES)
policies = pytest.mark.parametrize("metadata", MetadataPolicy)


@pytest.fixture(scope="module")
def plain() -> bytes:
    return cf.encoded("JPEG", 7, (160, 120), quality=60, progressive=True)


def traces(data: bytes) -> list[str]:
    """What of the hidden pictures stands in a file, raw, in base64 or in hexadecimal: one of many samples of them."""
    texts = [data, data.replace(b"\0", b"")]
    for run in re.findall(rb"[A-Za-z0-9+/]{20,}", texts[1]):
        texts += [base64.b64decode(run[at:] + b"A" * (-len(run[at:]) % 4)) for at in range(4)]
    for run in re.findall(rb"[0-9a-f]{32,}", data):
        texts += [bytes.fromhex(run[at : at + (len(run) - at) // 2 * 2].decode()) for at in range(2)]
    everything = b"\n".join(texts)
    samples = [(hidden, at) for hidden in cf.HIDDEN for at in range(0, len(hidden) - 12, 100)]
    return [f"byte {at} of {hidden[:12]!r}" for hidden, at in samples if hidden[at : at + 12] in everything]


def signatures(data: bytes) -> list[bytes]:
    """First bytes of picture and film files in a JPEG, besides its own."""
    found = re.findall(rb"\xff\xd8\xff|\x89PNG|WEBP|ftyp|GIF8|/9j/|iVBORw|UklGR|R0lGOD|(?i:ffd8ffe|89504e47)", data[2:])
    assert data[:2] == b"\xff\xd8"
    return found


@every
@policies
@pytest.mark.parametrize("boxes", [(), (BOX,)], ids=["untouched", "redacted"])
def test_nothing_of_a_hidden_picture_is_left(redact, plain, name, metadata, boxes):
    original = cf.STRUCTURES[name]().around(plain)
    assert name == "text alone" or traces(original)
    data = redact(original, *boxes, metadata=metadata).data
    assert traces(data) == []
    assert signatures(data) == []
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.getexif()[0x0112] == 6


@every
def test_texts_survive_beside_a_hidden_picture(redact, plain, name):
    data = redact(cf.STRUCTURES[name]().around(plain), metadata=KEEP).data
    for text in (*cf.KEPT, *cf.PLACES, b"2020:02:02\0", cf.GEOMETRY):
        assert text in data
    assert (cf.NOTE in data) == ("maker note" not in name)
    with Image.open(io.BytesIO(data)) as image:
        found = image.getexif()
        assert found.get_ifd(0x8769)[0x9003] == cf.DATE.decode()
        assert found.get_ifd(0x8825)[1] == "N"
        assert not found.get_ifd(1)


@every
def test_without_gps_no_place_is_left_and_other_texts_are(redact, plain, name):
    data = redact(cf.STRUCTURES[name]().around(plain), metadata=NO_PLACE).data
    for text in (*cf.KEPT, cf.GEOMETRY):
        assert text in data
    for text in (*cf.PLACES, b"GPS", b"12345678", b"2020:02:02\0", cf.NOTE):
        assert text not in data
    with Image.open(io.BytesIO(data)) as image:
        assert not image.getexif().get_ifd(0x8825)
        assert 0x8825 not in image.getexif()


@every
def test_stripped_files_keep_the_geometry_of_panoramas_alone(redact, plain, name):
    data = redact(cf.STRUCTURES[name]().around(plain)).data
    for text in (*cf.KEPT, *cf.PLACES, cf.NOTE, b"stitcher", b"a tool"):
        assert text not in data
    with Image.open(io.BytesIO(data)) as image:
        assert dict(image.getexif()) == {0x0112: 6}
    packet = data[data.index(b"<x:xmpmeta") : data.index(b"</x:xmpmeta>") + 12]
    (description,) = ET.fromstring(packet)[0]
    named = {name.rpartition("}")[2]: value for name, value in description.attrib.items()}
    assert named == {
        "about": "",
        "ProjectionType": "equirectangular",
        "PoseHeadingDegrees": "12.5",
        "FullPanoWidthPixels": "320",
    }


def test_what_needs_no_change_survives_byte_for_byte(redact, plain):
    data = redact(cf.CameraFile().around(plain), metadata=KEEP).data
    for block in (b"Exif\0\0" + cf.exif(), cf.XMP_SIGNATURE + cf.xmp(), cf.resource(0x0404, cf.iptc())):
        assert block in data


def test_of_a_thumbnail_not_even_the_space_is_left(redact, plain):
    data = redact(cf.CameraFile(exif=cf.exif(following=cf.thumbnail_ifd())).around(plain), metadata=KEEP).data
    expected = redact(cf.CameraFile().around(plain), metadata=KEEP).data
    assert data == expected


def damaged(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    changed = bytearray(data)
    for kind, where, content in changes:
        at = int(where * len(changed))
        if kind == "set":
            changed[at : at + len(content)] = content
        elif kind == "cut":
            del changed[at : at + len(content) * 8]
        elif kind == "double":
            changed[at:at] = changed[at : at + len(content) * 64]
        else:
            changed[at:at] = content
    return bytes(changed)


@given(
    name=st.sampled_from(sorted(cf.STRUCTURES)),
    metadata=st.sampled_from(MetadataPolicy),
    part=st.sampled_from(["exif", "xmp", "resources", "file"]),
    changes=st.lists(
        st.tuples(st.sampled_from(["set", "cut", "double", "insert"]), st.floats(0, 0.999), st.binary(max_size=6)),
        min_size=1,
        max_size=5,
    ),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_refused_or_hide_nothing(redact, plain, name, metadata, part, changes):
    camera = cf.STRUCTURES[name]()
    if part == "file":
        data = damaged(camera.around(plain), changes)
    else:
        setattr(camera, part, damaged(getattr(camera, part), changes))
        data = camera.around(plain)
    try:
        result = redact(data, BOX, metadata=metadata).data
    except StreetveilError:
        assert part == "file"  # damaged metadata are no reason to refuse a picture
        return
    assert signatures(result) == []
    assert not any(hidden in result for hidden in cf.SECRETS.values())
    if metadata is STRIP:
        assert traces(result) == []
