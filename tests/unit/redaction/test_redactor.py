from __future__ import annotations

import numpy as np
import pytest
from tests.unit.redaction.jpegs import Kind, by_pillow, encode, oriented, picture

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.errors import RedactionFailedError, StreetveilError, UndecodableImageError
from streetveil.imaging.picture import Picture
from streetveil.redaction import jpeg_lossless, jpeg_segments
from streetveil.redaction.base import RedactedFile, Region
from streetveil.redaction.pixels import PixelRedactor, verify
from streetveil.redaction.redactor import FileRedactor, JpegCoefficientRedactor
from streetveil.redaction.turbojpeg import LibraryMissingError, TurboJpeg, TurboJpegError

STRIP, KEEP = MetadataPolicy.STRIP, MetadataPolicy.KEEP
REGION = Region(Box(10, 12, 40, 44), Label.FACE, 0.9, Style.SOLID)


def opened(data: bytes) -> Picture:
    return Picture.open(data, max_pixels=1_000_000)


def test_a_jpeg_is_redacted_without_loss():
    result = FileRedactor().redact(opened(encode(picture(64, 64), Kind())), [REGION], STRIP)
    assert result.lossless
    assert result.reason is None


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
def test_other_formats_go_through_their_pixels(photo, encode, kind):
    data = encode(photo, kind)
    result = FileRedactor().redact(opened(data), [REGION], STRIP)
    assert result == PixelRedactor().redact(opened(data), [REGION], STRIP)


@pytest.mark.parametrize("regions", [[], [Region(Box(500, 500, 600, 600), Label.FACE, 0.9, Style.SOLID)]])
def test_without_a_region_inside_the_coded_picture_stays_byte_for_byte(regions):
    data = encode(picture(64, 64), Kind())
    result = FileRedactor().redact(opened(data), regions, STRIP)
    assert result.lossless
    assert data[data.index(b"\xff\xdb") :] in result.data


def test_without_the_library_pixels_are_used_and_the_result_says_so():
    redactor = FileRedactor("libnosuchthing.so.9")
    assert redactor.missing is not None
    result = redactor.redact(opened(encode(picture(64, 64), Kind())), [REGION], STRIP)
    assert not result.lossless
    assert result.reason is not None
    assert "libnosuchthing" in result.reason
    assert np.abs(by_pillow(result.data)[24:32, 20:30] - 128).max() < 3
    assert FileRedactor().missing is None
    with pytest.raises(LibraryMissingError):
        JpegCoefficientRedactor("libnosuchthing.so.9")


def test_sampling_factors_that_turbojpeg_has_no_name_for_go_through_pixels(photo, encode):
    data = encode(photo.convert("CMYK"), "JPEG", subsampling=2)
    with pytest.raises(TurboJpegError):
        TurboJpeg().describe(data)
    result = FileRedactor().redact(opened(data), [REGION], STRIP)
    assert not result.lossless
    assert "subsampling" in str(result.reason)
    assert np.abs(by_pillow(result.data)[24:32, 20:30] - 128).max() < 3


@pytest.mark.parametrize("policy", list(MetadataPolicy))
def test_metadata_come_out_as_they_do_with_pixels(policy):
    data = oriented(encode(picture(64, 64), Kind()), 6)
    comment = b"\xff\xfe\x00\x08remark"
    data = data[:2] + comment + data[2:] + b"behind the end"
    ours, theirs = (
        redactor.redact(opened(data), [REGION], policy).data for redactor in (FileRedactor(), PixelRedactor())
    )
    assert ours[: ours.index(b"\xff\xdb")] == theirs[: theirs.index(b"\xff\xdb")]
    assert (comment in ours) == (policy is not STRIP)
    assert b"behind" not in ours


def test_what_libjpeg_would_fill_up_with_grey_is_never_returned():
    data = encode(picture(64, 64), Kind())
    with pytest.raises(UndecodableImageError):
        FileRedactor().redact(opened(data[: len(data) * 3 // 4] + b"\xff\xd9"), [REGION], STRIP)


def test_a_quantisation_table_of_zeros_is_no_division_by_zero():
    data = encode(picture(64, 64), Kind())
    at = data.index(b"\xff\xdb") + 5
    result = FileRedactor().redact(opened(data[:at] + bytes(64) + data[at + 64 :]), [REGION], STRIP)
    assert not result.lossless
    assert "quantisation table" in str(result.reason)


def test_a_result_that_does_not_read_back_is_never_returned(monkeypatch):
    def broken(*_: object) -> RedactedFile:
        good = encode(picture(64, 64), Kind())
        return RedactedFile(good[: len(good) // 2] + b"\xff\xd9", lossless=True)

    monkeypatch.setattr(jpeg_lossless, "rewrite", broken)
    with pytest.raises(StreetveilError) as caught:
        FileRedactor().redact(opened(encode(picture(64, 64), Kind())), [REGION], STRIP)
    assert caught.value.code == "redaction_failed"


def test_a_copy_of_a_decoded_picture_is_not_decoded_again(monkeypatch):
    original = opened(oriented(encode(picture(64, 64), Kind()), 6))
    original.check()
    monkeypatch.setattr(Picture, "_decode", None)
    assert FileRedactor().redact(original, [], STRIP).lossless


def test_what_is_no_copy_after_all_is_decoded(monkeypatch):
    data = encode(picture(64, 64), Kind())
    original = opened(data)
    original.check()
    broken = data[: len(data) * 3 // 4] + b"\xff\xd9"
    monkeypatch.setattr(jpeg_segments, "rewrap", lambda *_: broken)
    with pytest.raises(RedactionFailedError, match="read back"):
        FileRedactor().redact(original, [], STRIP)


@pytest.mark.parametrize(
    "tail", [b"behind the end", b"\xff\xd9", b"\xff\xd8\xff\xe0"], ids=["text", "another end", "another beginning"]
)
def test_a_result_with_anything_behind_its_end_is_never_returned(tail):
    data = encode(picture(64, 64), Kind())
    verify(data, opened(data))
    with pytest.raises(RedactionFailedError, match="read back"):
        verify(data + tail, opened(data))


def test_a_result_with_anything_between_its_scans_is_never_returned():
    data = encode(picture(64, 64), Kind(progressive=True))
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    with pytest.raises(RedactionFailedError, match="read back"):
        verify(data[:second] + b"\xff\xfe\x00\x06face" + data[second:], opened(data))
