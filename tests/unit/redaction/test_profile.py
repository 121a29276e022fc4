"""Colour profiles stay what they are; what only calls itself one, or hides in one, goes."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.unit.redaction import camera_files as cf

from streetveil.domain.options import MetadataPolicy
from streetveil.redaction import profile
from streetveil.redaction.exif import tag_stays

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PIXELS = np.random.default_rng(0).integers(0, 256, 6000, np.uint8).tobytes()
formats = pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])


def with_tag(signature: bytes, content: bytes, gap: bytes = b"") -> bytes:
    """The profile with one more tag behind the others, and bytes of no tag before it."""
    count = int.from_bytes(SRGB[128:132])
    entries = [SRGB[at : at + 12] for at in range(132, 132 + 12 * count, 12)]
    moved = [entry[:4] + (int.from_bytes(entry[4:8]) + 12).to_bytes(4) + entry[8:] for entry in entries]
    body = SRGB[132 + 12 * count :] + gap
    new = signature + struct.pack(">II", 132 + 12 * (count + 1) + len(body), len(content))
    whole = SRGB[4:128] + (count + 1).to_bytes(4) + b"".join([*moved, new]) + body + content
    return (len(whole) + 4).to_bytes(4) + whole


@pytest.mark.parametrize("colours", ["sRGB", "LAB", "XYZ"])
def test_a_profile_in_order_stays_byte_for_byte(colours):
    whole = ImageCms.ImageCmsProfile(ImageCms.createProfile(colours)).tobytes()
    assert profile.surviving(whole) == whole


@pytest.mark.parametrize(
    "data",
    [
        b"", bytes(128), bytes(128) + PIXELS, SRGB[:200], SRGB[:36] + b"wxyz" + SRGB[40:],
        SRGB[:128] + b"\xff\xff\xff\xff" + SRGB[132:], (1 << 31).to_bytes(4) + SRGB[4:],
        SRGB[:136] + b"\xff" * 8 + SRGB[144:], with_tag(b"desc", cf.SECRET),
    ],
)  # fmt: skip
def test_what_is_none_goes(data):
    assert profile.surviving(data) is None


@pytest.mark.parametrize(
    "more", [with_tag(b"Prvt", PIXELS), with_tag(b"A2B0", b"mft2", gap=PIXELS), SRGB + PIXELS],
    ids=["private tag", "gap", "behind"],
)  # fmt: skip
def test_what_says_nothing_of_colours_goes_and_the_rest_still_works(more):
    kept = profile.surviving(more)

    assert kept is not None
    assert not any(PIXELS[at : at + 16] in kept for at in range(0, len(PIXELS), 16))
    old, new = (ImageCms.ImageCmsProfile(io.BytesIO(data)) for data in (SRGB, kept))
    assert ImageCms.getProfileDescription(new) == ImageCms.getProfileDescription(old)
    assert new.profile.red_colorant == old.profile.red_colorant
    assert profile.surviving(kept) == kept


@formats
@pytest.mark.parametrize("boxes", [(), ((40, 30, 100, 80),)], ids=["untouched", "redacted"])
def test_in_every_format(photo, encode, redact, kind, boxes):
    def left(data: bytes) -> bytes | None:
        with Image.open(io.BytesIO(redact(encode(photo, kind, icc_profile=data), *boxes).data)) as image:
            return image.info.get("icc_profile")

    assert left(SRGB) == SRGB
    assert left(PIXELS) is None
    private = with_tag(b"Prvt", PIXELS)
    assert left(private) == profile.surviving(private)


def test_a_profile_in_several_portions_of_a_jpeg(photo, encode, redact):
    table = with_tag(b"A2B0", b"mft2" + PIXELS * 20)

    for data in (table, with_tag(b"Prvt", PIXELS * 20), table + PIXELS):
        result = redact(encode(photo, "JPEG", icc_profile=data)).data
        with Image.open(io.BytesIO(result)) as image:
            assert image.info["icc_profile"] == profile.surviving(data)


def test_a_profile_behind_a_stream_of_a_png_chunk_goes(photo, encode, redact):
    plain = encode(photo, "PNG", icc_profile=SRGB)
    at = plain.index(b"iCCP")
    (length,) = struct.unpack(">I", plain[at - 4 : at])
    body = plain[at + 4 : at + 4 + length] + PIXELS
    crc = zlib.crc32(b"iCCP" + body).to_bytes(4)
    original = plain[: at - 4] + struct.pack(">I", len(body)) + b"iCCP" + body + crc + plain[at + 8 + length :]

    assert PIXELS[:32] not in redact(original).data


@pytest.mark.parametrize("policy", [MetadataPolicy.KEEP, MetadataPolicy.KEEP_EXCEPT_GPS])
def test_in_exif_a_profile_or_transfer_curve_must_be_one(policy):
    curve = (np.linspace(0, 1, 256) ** 2.2 * 65535).astype("<u2").tobytes()
    assert tag_stays(0x8773, 7, SRGB, policy)
    assert not tag_stays(0x8773, 7, PIXELS, policy)
    assert tag_stays(0x012D, 3, curve, policy)
    assert tag_stays(0x012D, 3, np.frombuffer(curve * 3, "<u2").astype(">u2").tobytes(), policy)
    assert not tag_stays(0x012D, 3, PIXELS[:1536], policy)
    assert not tag_stays(0x012D, 3, PIXELS, policy)


def test_a_comment_that_is_no_text_goes(photo, encode, redact):
    plain = encode(photo, "JPEG")

    def kept(comment: bytes) -> bool:
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment
        return comment in redact(plain[:2] + segment + plain[2:], metadata=MetadataPolicy.KEEP).data

    assert kept("Straße, 通り, рано. ".encode() * 40)
    assert kept(b"\x01short")
    assert not kept(PIXELS)


def test_a_png_text_that_is_no_text_goes(photo, encode, redact):
    def kept(text: bytes) -> bool:
        chunk = b"tEXt" + b"Title\0" + text
        plain = encode(photo, "PNG")
        added = plain[:33] + struct.pack(">I", len(chunk) - 4) + chunk + zlib.crc32(chunk).to_bytes(4) + plain[33:]
        return text in redact(added, metadata=MetadataPolicy.KEEP).data

    assert kept("Straße am Fluß. ".encode("latin-1") * 50)
    assert not kept(PIXELS.replace(b"\0", b"\1"))
