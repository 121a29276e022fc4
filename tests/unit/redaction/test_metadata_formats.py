"""Hidden pictures, places and panoramas in PNG, WebP and TIFF, and the comment in all of them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from tests.unit.redaction import camera_files as cf
from tests.unit.redaction.test_metadata_pictures import traces

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.errors import ConfigurationError, RedactionFailedError
from streetveil.imaging import png
from streetveil.imaging.picture import Picture
from streetveil.imaging.reader import Reader
from streetveil.redaction.base import Region
from streetveil.redaction.comment import CommentingRedactor
from streetveil.redaction.pixels import PixelRedactor

STRIP, KEEP, NO_PLACE = MetadataPolicy
BOX = (40, 30, 100, 80)
policies = pytest.mark.parametrize("metadata", MetadataPolicy)
both = pytest.mark.parametrize("boxes", [(), (BOX,)], ids=["untouched", "redacted"])
XMP = cf.xmp(elements=cf.THUMBNAILS.format(cf.wrapped()))
EXIF = cf.exif(following=cf.thumbnail_ifd())
TITLES = (cf.CAMERA, cf.DATE, cf.TITLE, cf.GEOMETRY)
PLACES = (cf.LATITUDE, cf.XMP_LATITUDE, cf.CITY)


def assert_kept(content: bytes, metadata: MetadataPolicy) -> None:
    """The panorama always; texts and places as the policy has it; hidden pictures never."""
    assert traces(content) == []
    assert cf.GEOMETRY in content
    assert [text for text in (cf.CAMERA, cf.DATE, cf.TITLE) if (text in content) != metadata.keeps] == []
    assert [text for text in PLACES if (text in content) != (metadata is KEEP)] == []


def png_file(photo: Image.Image, encode: Callable[..., bytes], *, zipped: bool) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=zipped)
    info.add_text("Title", "our title", zip=zipped)
    info.add_text("Preview", cf.coded(), zip=zipped)
    info.add_text("Where", "48.12345, 11.54321", zip=zipped)
    info.add_text("Raw profile type APP1", cf.SECRET.hex())
    info.add_text("Raw profile type xmp", XMP.hex())
    info.add(b"prVt", cf.SECRETS["webp"])
    return encode(photo, "PNG", pnginfo=info, exif=EXIF) + cf.PIXELS + cf.SECRETS["png"]


def inflated(data: bytes) -> bytes:
    """All chunks of a PNG but its pixels, with texts as a reader sees them."""
    found = []
    for chunk in png.chunks(Reader(data, complete=True)):
        if chunk.kind == b"IDAT":
            continue
        body = chunk.body
        if b"x\x9c" in body:
            body += zlib.decompressobj().decompress(body[body.index(b"x\x9c") :])
        found.append(body)
    return b"\n".join(found)


@policies
@both
@pytest.mark.parametrize("zipped", [False, True])
def test_png(photo, encode, redact, metadata, boxes, zipped):
    data = redact(png_file(photo, encode, zipped=zipped), *boxes, metadata=metadata).data
    content = inflated(data)
    assert_kept(content, metadata)
    assert (b"our title" in content) == metadata.keeps
    assert (b"48.12345" in content) == (metadata is KEEP)
    assert b"Raw profile" not in content
    assert data.endswith(b"IEND\xaeB`\x82")


def test_png_with_xmp_that_needs_no_change_keeps_it_compressed(photo, encode, redact):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", cf.xmp().decode(), zip=True)
    original = encode(photo, "PNG", pnginfo=info)
    assert redact(original, metadata=KEEP).data == original


@policies
@both
@pytest.mark.parametrize("lossless", [False, True])
def test_webp(photo, encode, redact, metadata, boxes, lossless):
    original = encode(photo, "WEBP", exif=EXIF, xmp=XMP, lossless=lossless)
    hidden = b"prVt" + struct.pack("<I", len(cf.SECRET)) + cf.SECRET + b"\0" * (len(cf.SECRET) % 2)
    original = original[:4] + struct.pack("<I", len(original) - 8 + len(hidden)) + original[8:] + hidden + cf.PIXELS
    assert_kept(redact(original, *boxes, metadata=metadata).data, metadata)


def tiff_file(coding: int, strip: bytes, more: dict[int, tuple[int, object]], following: cf.Ifd | None = None) -> bytes:
    """160 x 120 pixels of RGB, or of YCbCr in JPEG, in one strip, and bytes behind the end."""
    tags = {256: (3, 160), 257: (3, 120), 258: (3, struct.pack("<HHH", 8, 8, 8)), 259: (3, coding), 277: (3, 3)}
    subsampling = {262: (3, 6), 530: (3, struct.pack("<HH", 2, 2))} if coding == 7 else {262: (3, 2)}
    strips = {273: (4, cf.Blob(strip)), 278: (3, 120), 279: (4, len(strip))}
    return cf.block(cf.Ifd({**tags, **subsampling, **strips, **more}, following), "<") + cf.SECRETS["webp"]


@policies
@both
@pytest.mark.parametrize("coding", [1, 8, 7], ids=["plain", "deflate", "jpeg"])
def test_tiff(photo, redact, metadata, boxes, coding):
    """With a thumbnail page, a sub-directory, Photoshop's resources, XMP, IPTC, and JPEG strips with metadata."""
    jpeg = cf.encoded("JPEG", 5, (160, 120))
    hiding = jpeg[:2] + cf.segment(0xE1, b"Exif\0\0" + EXIF) + jpeg[2:] + cf.SECRETS["png"]
    strip = {1: photo.tobytes(), 8: zlib.compress(photo.tobytes()), 7: hiding}[coding]
    details = {0x9003: (2, cf.DATE + b"\0"), 0x927C: (7, b"note " + cf.SECRET), 0x9286: (7, cf.coded().encode())}
    more: dict[int, tuple[int, object]] = {
        271: (2, cf.CAMERA + b"\0"),
        274: (3, 6),
        330: (4, cf.thumbnail_ifd(cf.SECRETS["png"])),
        700: (1, XMP),
        33723: (7, cf.iptc(cf.data_set(2, 202, cf.PIXELS[:900]))),
        34377: (7, cf.resource(0x040C, bytes(28) + cf.SECRET)),
        34665: (4, cf.Ifd(details)),
        34853: (4, cf.Ifd({29: (2, cf.LATITUDE + b"\0")})),
        50341: (7, cf.PIXELS),
    }
    pixels = {273: (4, cf.Blob(cf.PIXELS)), 279: (4, len(cf.PIXELS))}
    thumbnail = cf.Ifd({254: (4, 1), 256: (3, 40), 257: (3, 32), 259: (3, 1), 262: (3, 2), 277: (3, 3), **pixels})
    original = tiff_file(coding, strip, more, thumbnail)
    data = redact(original, *boxes, metadata=metadata).data
    assert_kept(data, metadata)
    assert (cf.CAPTION in data) == metadata.keeps
    assert (cf.IPTC_CITY in data) == (metadata is KEEP)
    with Image.open(io.BytesIO(original)) as before, Image.open(io.BytesIO(data)) as after:
        assert after.n_frames == 1  # type: ignore[attr-defined]
        assert after.getexif()[274] == 6
        assert (34853 in after.getexif()) == (metadata is KEEP)
        assert boxes or np.array_equal(np.asarray(before), np.asarray(after))


def test_a_file_hidden_behind_the_compressed_pixels_is_refused(photo, encode, redact):
    whole = encode(photo, "WEBP", lossless=True)
    body = whole[20:] + cf.SECRET + b"\0" * (len(cf.SECRET) % 2)
    original = b"RIFF" + struct.pack("<I", 12 + len(body)) + whole[8:16] + struct.pack("<I", len(body)) + body
    with pytest.raises(RedactionFailedError, match="hides another"):
        redact(original)
    assert traces(redact(original, BOX).data) == []


def test_a_profile_that_holds_a_file_is_dropped(photo, encode, redact):
    profile = bytes(128) + cf.SECRET
    for kind in ("PNG", "WEBP", "TIFF"):
        data = redact(encode(photo, kind, icc_profile=profile)).data
        with Image.open(io.BytesIO(data)) as image:
            assert "icc_profile" not in image.info


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@policies
def test_a_comment_tells_that_something_was_redacted(photo, encode, kind, metadata):
    comment = "Faces and plates were blurred: voilà"
    options = {} if kind == "BMP" else {"exif": b"Exif\0\0" * (kind == "JPEG") + cf.exif()}
    redactor = CommentingRedactor(PixelRedactor(), comment)

    def redact(data: bytes, *regions: Region) -> bytes:
        return redactor.redact(Picture.open(data, max_pixels=10**6), regions, metadata).data

    region = Region(Box(*BOX), Label.FACE, 0.9, Style.SOLID)
    original = encode(photo, kind, **options)
    data = redact(original, region)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        info, tag = image.info, image.getexif().get(0x9213, "").encode("latin-1").decode()
        found = {"JPEG": info.get("comment", b"").decode(), "PNG": info.get("Comment"), "TIFF": tag, "WEBP": tag}
        assert found.get(kind, comment) == comment
        if kind != "BMP":
            assert (image.getexif().get(0x010F) == cf.CAMERA.decode()) == metadata.keeps
    assert redact(data, region).count(comment.encode()) == (kind != "BMP")
    assert comment.encode() not in redact(original)


@pytest.mark.parametrize("comment", ["", "x" * 1001, "two\nlines"])
def test_comments_that_no_file_should_carry_are_refused(comment):
    with pytest.raises(ConfigurationError):
        CommentingRedactor(PixelRedactor(), comment)
