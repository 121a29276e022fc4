"""The form reader by itself."""

import hashlib
import io
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from streetveil.api.disposition import clean_filename, format_disposition, parse_disposition
from streetveil.api.incoming import FormRules, ReceivedFile
from streetveil.api.multipart import FormReader, RefusedFile
from streetveil.errors import (
    InvalidFilenameError,
    MalformedRequestError,
    StorageUnavailableError,
    StreetveilError,
    TooManyPixelsError,
)


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((160, 120), 90).convert("RGB").save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def rules(tmp_path):
    return FormRules(
        file_field="files",
        fields=frozenset({"style", "classes"}),
        max_files=8,
        max_file_bytes=1_000_000,
        max_total_bytes=4_000_000,
        max_pixels=1_000_000,
        spool_dir=tmp_path,
        memory_bytes=1000,
        fail_alone=True,
    )


def form(*contents: bytes) -> bytes:
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="files"; filename="{number}"\r\n\r\n'.encode() + content
        for number, content in enumerate(contents)
    ]
    parts.append(b'--b\r\nContent-Disposition: form-data; name="style"\r\n\r\nsolid')
    return b"\r\n".join([*parts, b"--b--\r\n"])


CONTENTS = [picture(kind) for kind in ("JPEG", "PNG", "WebP", "TIFF", "BMP")] + [b"", b"no picture"]
BODY = form(*CONTENTS)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(BODY)), max_size=40))
def test_however_a_body_is_cut_into_pieces_the_form_is_the_same(rules, cuts):
    reader = FormReader(b"b", rules)
    ends = [*sorted(cuts), len(BODY)]
    for start, end in zip([0, *ends], ends, strict=False):
        reader.feed(BODY[start:end])
    result = reader.finish()

    assert result.fields == {"style": "solid"}
    pictures = [file for file in result.files if isinstance(file, ReceivedFile)]
    empty, text = [file for file in result.files if isinstance(file, RefusedFile)]
    for file, content in zip(pictures, CONTENTS[:-2], strict=True):
        assert file.content.read() == content
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert file.header.stored == (160, 120)
    assert (empty.error.code, text.error.code) == ("empty_file", "unsupported_format")
    result.close()
    assert all(file.content.closed for file in pictures)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300) | st.binary(max_size=60).map(lambda noise: form(b"BM" + noise)[: len(noise) * 5]))
def test_no_body_makes_anything_but_a_deliberate_error(rules, body):
    reader = FormReader(b"b", rules)
    try:
        reader.feed(body)
        reader.finish().close()
    except StreetveilError:
        pass
    finally:
        reader.close()


def test_a_full_disk_is_told_as_such(rules, monkeypatch):
    reader = FormReader(b"b", rules)

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", no_room)
    reader.feed(form(CONTENTS[0]))
    [refused] = reader.finish().files

    assert isinstance(refused, RefusedFile)
    assert isinstance(refused.error, StorageUnavailableError)


def test_a_size_that_is_told_only_at_the_end_of_a_file_is_still_checked(tmp_path, rules):
    # A TIFF whose directory follows its pixels, as many writers do it.
    stream = io.BytesIO()
    Image.new("L", (1100, 1000)).save(stream, "TIFF")
    reader = FormReader(
        b"b", FormRules(**{name: getattr(rules, name) for name in rules.__slots__} | {"max_file_bytes": 2_000_000})
    )
    reader.feed(form(stream.getvalue()))
    [refused] = reader.finish().files

    assert isinstance(refused, RefusedFile)
    assert isinstance(refused.error, TooManyPixelsError)


@given(name=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=80))
def test_every_accepted_name_survives_a_round_trip_through_a_header(name):
    try:
        clean = clean_filename(name)
    except InvalidFilenameError:
        return
    header = format_disposition("inline", clean)

    assert header.isascii()
    assert header.isprintable()
    parameters = parse_disposition(header.replace("inline", "form-data", 1).encode())
    assert parameters.get("filename*", parameters["filename"]) == clean
    assert clean_filename(clean) == clean


@given(header=st.binary(max_size=100))
def test_no_disposition_makes_anything_but_a_deliberate_error(header):
    for whole in (header, b"form-data;" + header):
        with suppress(MalformedRequestError):
            parse_disposition(whole)
