"""What is left around the pixels, in every format, under both policies."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from tests.unit.redaction.camera_files import exif as exif_of

from streetveil.domain.options import MetadataPolicy
from streetveil.imaging.picture import Picture
from streetveil.redaction import exif, photoshop

KEEP, STRIP = MetadataPolicy.KEEP, MetadataPolicy.STRIP
BOX = (40, 30, 100, 80)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Label="our-xmp-text"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
IPTC = b"\x1c\x02\x78\x00\x0cour-iptc-txt"
CAMERA, PLACE, COMMENT = b"Our Camera Make", b"2020:02:02 02:02:02", b"our own comment"
both = pytest.mark.parametrize("boxes", [(), (BOX,)], ids=["untouched", "redacted"])


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


@pytest.fixture
def thumbnail(encode):
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return encode(Image.fromarray(noise), "JPEG")


def exif_block(thumbnail: bytes | None, orientation: int = 6, note: bytes = b"a maker's note") -> bytes:
    """Big-endian EXIF with make, orientation, date, maker note, GPS latitude reference, and IFD1 with a thumbnail."""
    make = CAMERA + b"\0"
    ifd0, exif_at = 8, 8 + 2 + 12 * 4 + 4
    make_at = exif_at + 2 + 12 * 2 + 4
    date_at = make_at + len(make)
    note_at = date_at + 20
    gps_at = note_at + len(note)
    ifd1 = gps_at + 2 + 12 + 4
    thumbnail_at = ifd1 + 2 + 12 * 3 + 4

    def entry(tag: int, kind: int, count: int, value: int | bytes) -> bytes:
        return struct.pack(">HHI", tag, kind, count) + (
            value.ljust(4, b"\0") if isinstance(value, bytes) else struct.pack(">I", value)
        )

    block = b"MM\0*" + struct.pack(">I", ifd0) + struct.pack(">H", 4)
    block += entry(0x010F, 2, len(make), make_at) + entry(0x0112, 3, 1, struct.pack(">H", orientation))
    block += entry(0x8769, 4, 1, exif_at) + entry(0x8825, 4, 1, gps_at)
    block += struct.pack(">I", ifd1 if thumbnail else 0)
    block += struct.pack(">H", 2) + entry(0x9003, 2, 20, date_at) + entry(0x927C, 7, len(note), note_at) + bytes(4)
    block += make + PLACE + b"\0" + note
    block += struct.pack(">H", 1) + entry(0x0001, 2, 2, b"N\0") + bytes(4)
    if thumbnail:
        block += struct.pack(">H", 3) + entry(0x0103, 3, 1, struct.pack(">H", 6))
        block += entry(0x0201, 4, 1, thumbnail_at) + entry(0x0202, 4, 1, len(thumbnail)) + bytes(4)
        block += thumbnail
    return block


@pytest.fixture
def camera_jpeg(photo, encode, thumbnail):
    """A JPEG with everything that cameras and editors put around the pixels."""
    plain = encode(photo, "JPEG", quality=90, icc_profile=PROFILE, dpi=(72, 144))
    jfif_end = 2 + 2 + 16
    assert plain[6:10] == b"JFIF"
    resource = b"8BIM\x04\x0c\0\0" + struct.pack(">I", len(thumbnail)) + thumbnail + b"\0" * (len(thumbnail) % 2)
    resource += b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + b"\0" * (len(IPTC) % 2)
    extra = [
        segment(0xE0, b"JFXX\0\x10" + thumbnail),
        segment(0xE1, b"Exif\0\0" + exif_block(thumbnail)),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"depth map or original"),
        segment(0xE2, b"MPF\0" + b"index of further pictures"),
        segment(0xED, b"Photoshop 3.0\0" + resource),
        segment(0xEB, b"JP private block"),
        segment(0xFE, COMMENT),
    ]
    return plain[:jfif_end] + b"".join(extra) + plain[jfif_end:] + thumbnail + b"trailer of a phone"


@both
def test_a_stripped_jpeg_keeps_orientation_profile_and_density_and_nothing_else(redact, camera_jpeg, thumbnail, boxes):
    data = redact(camera_jpeg, *boxes).data
    gone = (CAMERA, PLACE, COMMENT, b"our-xmp", b"our-iptc", b"depth map", b"MPF\0", b"private", b"maker", b"trailer")
    for text in (*gone, thumbnail[:40], thumbnail[100:140], b"JFXX"):
        assert text not in data
    with Image.open(io.BytesIO(data)) as image:
        assert dict(image.getexif()) == {0x0112: 6}
        assert image.info["icc_profile"] == PROFILE
        assert image.info["dpi"] == (72, 144)
    assert data.endswith(b"\xff\xd9")


@both
def test_a_kept_jpeg_keeps_all_but_embedded_pictures(redact, camera_jpeg, thumbnail, boxes):
    data = redact(camera_jpeg, *boxes, metadata=KEEP).data
    for text in (CAMERA, PLACE, COMMENT, XMP, IPTC, b"a maker's note", PROFILE):
        assert text in data
    for text in (thumbnail[:40], thumbnail[100:140], b"JFXX", b"depth map", b"MPF\0", b"private", b"trailer"):
        assert text not in data
    with Image.open(io.BytesIO(data)) as image:
        exif = image.getexif()
        assert exif[0x0112] == 6
        assert exif.get_ifd(0x8769)[0x9003] == PLACE.decode()
        assert exif.get_ifd(0x8825)[1] == "N"
        assert not exif.get_ifd(1)


def test_kept_exif_is_the_original_byte_for_byte_but_for_the_thumbnail(redact, camera_jpeg, thumbnail):
    data = redact(camera_jpeg, metadata=KEEP).data
    block = exif_block(thumbnail)
    at = data.index(b"Exif\0\0") + 6
    kept = data[at : at + len(block)]
    ifd1 = struct.unpack_from(">I", block, 8 + 2 + 12 * 4)[0]
    assert kept[:58] == block[:58]
    assert kept[62:ifd1] == block[62:ifd1]
    assert data[at + ifd1] == 0xFF


@pytest.mark.parametrize("metadata", [KEEP, STRIP])
def test_upright_pictures_carry_no_exif_unless_it_is_kept(photo, encode, redact, metadata):
    data = redact(encode(photo, "JPEG", exif=b"Exif\0\0" + exif_block(None, 1)), metadata=metadata).data
    assert (b"Exif" in data) == (metadata is KEEP)


@pytest.mark.parametrize("cut", [12, 40, 90, 150])
def test_exif_with_wrong_lengths_is_dropped_but_for_the_orientation(photo, encode, redact, thumbnail, cut):
    block = exif_block(thumbnail)
    broken = block[: len(block) - len(thumbnail) - cut]
    original = encode(photo, "JPEG", exif=b"Exif\0\0" + broken)
    orientation = Picture.open(original, max_pixels=10**6).header.orientation
    for metadata in (KEEP, STRIP):
        data = redact(original, BOX, metadata=metadata).data
        assert Picture.open(data, max_pixels=10**6).header.orientation is orientation


def test_a_maker_note_that_holds_a_preview_is_blanked(photo, encode, redact, thumbnail):
    block = exif_block(None, note=b"a maker's note " + thumbnail)
    data = redact(encode(photo, "JPEG", exif=b"Exif\0\0" + block), metadata=KEEP).data
    assert thumbnail[:30] not in data
    assert CAMERA in data


@pytest.mark.parametrize("orientation", [1, 6])
def test_exif_whose_thumbnail_claims_to_be_its_directory_is_dropped(photo, encode, redact, thumbnail, orientation):
    block = bytearray(exif_block(thumbnail, orientation))
    places = block.index(struct.pack(">HHI", 0x0201, 4, 1)) + 8
    block[places : places + 4] = struct.pack(">I", 8)
    data = redact(encode(photo, "JPEG", exif=b"Exif\0\0" + bytes(block)), metadata=KEEP).data
    assert CAMERA not in data
    with Image.open(io.BytesIO(data)) as image:
        assert dict(image.getexif()) == ({} if orientation == 1 else {0x0112: 6})


@pytest.mark.parametrize("carrier", [b"<xmp:Thumbnails>", b"/9j/4AAQSkZJRg", "GImage:Data".encode("utf-16-be")])
def test_xmp_with_pictures_in_it_is_dropped(photo, encode, redact, carrier):
    xmp = (b"\0<" if b"\0" in carrier else b"") + XMP + carrier
    data = redact(encode(photo, "JPEG", xmp=xmp), metadata=KEEP).data
    assert b"our-xmp" not in data


@pytest.mark.parametrize("metadata", [KEEP, STRIP])
@both
def test_the_second_picture_of_a_camera_file_is_dropped(photo, encode, redact, metadata, boxes):
    secret = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    data = encode(photo, "MPO", save_all=True, append_images=[secret])
    result = redact(data, *boxes, metadata=metadata).data
    assert result.count(b"\xff\xd8\xff") == 1
    assert encode(secret, "JPEG")[-200:-2] not in result


def test_comments_between_scans_are_dropped(photo, encode, redact):
    data = encode(photo, "JPEG", progressive=True)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    second = data.rindex(b"\xff\xc4", 0, second)
    hidden = data[:second] + segment(0xFE, COMMENT) + segment(0xE5, b"hidden") + data[second:]
    for metadata in (KEEP, STRIP):
        result = redact(hidden, metadata=metadata).data
        assert COMMENT not in result
        assert b"hidden" not in result


def png_with_everything(photo, encode, thumbnail):
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", COMMENT.decode())
    info.add_text("Title", "our zipped text", zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    info.add_text("Raw profile type exif", thumbnail.hex())
    info.add_text("Thumb::Image", "a desktop's thumbnail")
    info.add(b"prVt", b"private chunk")
    return (
        encode(photo, "PNG", pnginfo=info, exif=exif_block(thumbnail), icc_profile=PROFILE, dpi=(300, 300)) + thumbnail
    )


@both
def test_a_stripped_png_keeps_orientation_profile_and_density(photo, encode, redact, thumbnail, boxes):
    data = redact(png_with_everything(photo, encode, thumbnail), *boxes).data
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert dict(image.getexif()) == {0x0112: 6}
        assert set(image.info) == {"icc_profile", "dpi", "exif"}
        assert image.info["icc_profile"] == PROFILE
    assert data.endswith(b"IEND\xaeB`\x82")


@both
def test_a_kept_png_keeps_all_but_embedded_pictures(photo, encode, redact, thumbnail, boxes):
    data = redact(png_with_everything(photo, encode, thumbnail), *boxes, metadata=KEEP).data
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.info["Comment"] == COMMENT.decode()
        assert image.info["Title"] == "our zipped text"
        assert (
            b"our-xmp" in image.info["xmp"] if isinstance(image.info["xmp"], bytes) else "our-xmp" in image.info["xmp"]
        )
        assert image.getexif()[0x010F] == CAMERA.decode()
        assert not image.getexif().get_ifd(1)
    for text in (thumbnail[:40], thumbnail.hex()[:40].encode(), b"Thumb::", b"private"):
        assert text not in data


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@both
def test_webp_metadata(photo, encode, redact, thumbnail, options, mode, boxes):
    image = photo.convert(mode)
    data = encode(image, "WEBP", exif=b"Exif\0\0" + exif_block(thumbnail), icc_profile=PROFILE, xmp=XMP, **options)
    for metadata in (STRIP, KEEP):
        result = redact(data, *boxes, metadata=metadata).data
        with Image.open(io.BytesIO(result)) as read:
            read.load()
            assert read.info["icc_profile"] == PROFILE
            assert read.getexif()[0x0112] == 6
            assert (CAMERA in result) == (metadata is KEEP)
            assert (XMP in result) == (metadata is KEEP)
        assert thumbnail[:40] not in result


def test_webp_with_a_thumbnail_in_its_xmp_loses_it(photo, encode, redact):
    data = encode(photo, "WEBP", xmp=XMP + b"<xmp:Thumbnails>")
    assert XMP not in redact(data, metadata=KEEP).data


@both
def test_tiff_metadata(photo, encode, redact, boxes):
    tags = {
        270: "our description",
        271: CAMERA.decode(),
        274: 6,
        700: XMP,
        33723: IPTC,
        34377: b"8BIM layers",
        34665: {0x9003: PLACE.decode()},
        34853: {1: "N"},
        65000: b"private",
    }
    info = ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[tag] = value
    data = encode(photo, "TIFF", tiffinfo=info, icc_profile=PROFILE, dpi=(150, 150))
    for metadata in (STRIP, KEEP):
        result = redact(data, *boxes, metadata=metadata).data
        with Image.open(io.BytesIO(result)) as image:
            found = image.getexif()
            assert found[0x0112] == 6
            assert image.info["icc_profile"] == PROFILE
            assert image.info["dpi"] == (150, 150)
            assert (found.get_ifd(0x8769).get(0x9003) == PLACE.decode()) == (metadata is KEEP)
            assert (found.get_ifd(0x8825).get(1) == "N") == (metadata is KEEP)
        for text in (b"our description", CAMERA, XMP, IPTC):
            assert (text in result) == (metadata is KEEP)
        for text in (b"8BIM layers", b"private"):
            assert text not in result


def test_bytes_in_the_gaps_and_behind_a_bitmap_are_dropped(photo, encode, redact):
    plain = encode(photo, "BMP")
    at = struct.unpack_from("<I", plain, 10)[0]
    data = (
        plain[:10] + struct.pack("<I", at + 40) + plain[14:at] + b"hidden words".ljust(40) + plain[at:] + b"more words"
    )
    for boxes in ((), (BOX,)):
        result = redact(data, *boxes).data
        assert b"words" not in result
        with Image.open(io.BytesIO(result)) as image:
            assert image.size == photo.size


def test_only_the_iptc_of_photoshop_resources_is_kept():
    other = b"8BIM\x04\x25\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    wanted = b"8BIM\x04\x04\0\0" + struct.pack(">I", 17) + IPTC + b"\0"
    assert photoshop.iptc_alone(other + wanted + other, KEEP) == wanted
    assert photoshop.iptc_alone(other, KEEP) == b""
    assert photoshop.iptc_alone(b"8BIM\x04\x04\0\0\xff\xff\xff\xffwords", KEEP) == b""
    assert photoshop.iptc_alone(b"8BIM", KEEP) == b""


@pytest.mark.parametrize(
    ("where", "tag", "kind", "text"),
    [
        ("root", 0x010E, 2, b'{"MAPLatitude": 48, "MAPLongitude": 11}\0'),
        ("root", 0x9C9C, 1, "48.85837, 2.29448".encode("utf-16-le")),
        ("details", 0x9286, 7, b"ASCII\0\0\0GPS 48 11"),
        ("root", 33922, 7, bytes(48)),
    ],
)
def test_exif_texts_with_coordinates_go_with_gps(where, tag, kind, text):
    more = {tag: (kind, text)}
    block = exif_of(root=more) if where == "root" else exif_of(details=more)
    assert exif.without_pictures(block, KEEP) == block
    kept = exif.without_pictures(block, MetadataPolicy.KEEP_EXCEPT_GPS)
    assert kept is not None
    assert CAMERA in kept
    assert text not in kept.rstrip(b"\0") or not any(text)
    assert struct.pack(">H", tag) not in kept[:80]


def test_exif_whose_values_lie_over_its_directories_is_dropped():
    block = bytearray(exif_of())
    make = block.index(struct.pack(">HHI", 0x010F, 2, len(CAMERA) + 1)) + 8
    block[make : make + 4] = struct.pack(">I", 8)
    assert exif.without_pictures(bytes(block), KEEP) is None


def test_a_tag_whose_value_lies_outside_goes_alone():
    block = bytearray(exif_of())
    make = block.index(struct.pack(">HHI", 0x010F, 2, len(CAMERA) + 1)) + 8
    block[make : make + 4] = struct.pack(">I", 60_000)
    kept = exif.without_pictures(bytes(block), KEEP)
    assert kept is not None
    assert CAMERA not in kept
    assert PLACE in kept


def test_exif_that_claims_the_same_bytes_thousands_of_times_is_dropped():
    large = bytes(1 << 20)
    entries = b"".join(struct.pack(">HHII", tag, 7, len(large), 8) for tag in range(4000))
    block = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 4000) + entries + bytes(4) + large
    assert exif.without_pictures(block, KEEP) is None


@pytest.mark.parametrize(
    "value",
    [
        b"ASCII\0\0\0" + b"words and more words, " * 60,
        b"UNICODE\0" + ("Wörter und mehr, " * 60).encode("utf-16-le"),
        b"UNICODE\0" + ("写真の説明、" * 120).encode("utf-16-be") + bytes(20),
        b"JIS\0\0\0\0\0" + ("写真の説明、" * 120).encode("iso2022_jp"),
        ("写真の説明、" * 120).encode("utf-8"),
        ("Wörter und mehr, " * 60).encode("latin-1") + bytes(900),
    ],
    ids=["ASCII", "UTF-16", "UTF-16, most significant byte first", "JIS", "UTF-8", "Latin-1"],
)
def test_long_texts_of_exif_stay_in_every_code(value):
    block = exif_of(details={0x9286: (7, value)})
    kept = exif.without_pictures(block, MetadataPolicy.KEEP)
    assert kept is not None
    assert value in kept
