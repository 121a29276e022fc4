"""`streetveil redact` with stubbed models: options, plan, report, summary and exit codes."""

import io
import json
import os

import numpy as np
import pytest
from PIL import Image
from tests.support import hostile_photos

from streetveil.bootstrap import photos
from streetveil.cli import redact as command
from streetveil.errors import OutputConflictError, UnwritableOutputError

pytestmark = pytest.mark.usefixtures("stub_models")


def test_all_done_ends_with_0_and_a_summary(streetveil, photo):
    photo("in/a.png")
    photo("in/sub/b.png")

    result = streetveil("redact", "in", "--output", "out")

    assert result.exit_code == 0
    assert "2 redacted (2 faces, 0 licence plates), 0 done already, 0 failed. Results are in out." in result.stderr
    assert result.stdout == ""


def test_running_again_does_nothing(streetveil, photo):
    photo("in/a.png")
    streetveil("redact", "in", "-o", "out")

    result = streetveil("redact", "in", "-o", "out")

    assert result.exit_code == 0
    assert "0 redacted (0 faces, 0 licence plates), 1 done already, 0 failed" in result.stderr


def test_force_and_other_options_do_it_again(streetveil, photo):
    photo("in/a.png")
    streetveil("redact", "in", "-o", "out")

    assert "1 redacted (1 face, " in streetveil("redact", "in", "-o", "out", "--force").stderr
    assert "1 redacted" in streetveil("redact", "in", "-o", "out", "--style", "solid").stderr
    assert "1 redacted (0 faces, " in streetveil("redact", "in", "-o", "out", "--classes", "license_plate").stderr


def masks_in(folder):
    return {path.relative_to(folder).as_posix(): np.asarray(Image.open(path)) for path in folder.rglob("*.mask.png")}


def test_a_mask_is_written_beside_each_result(streetveil, photo, tmp_path):
    photo("in/a.png")
    photo("in/sub/b.png")

    assert streetveil("redact", "in", "-o", "out", "--mask", "binary").exit_code == 0

    masks = masks_in(tmp_path / "out")
    assert set(masks) == {"a.png.mask.png", "sub/b.png.mask.png"}
    before, after = (np.asarray(Image.open(tmp_path / folder / "a.png")) for folder in ("in", "out"))
    mask = masks["a.png.mask.png"]
    assert (mask.shape, mask.dtype, mask[15, 15], mask[0, 0]) == ((30, 40), np.uint8, 255, 0)
    assert (before == after)[mask == 0].all()


def test_a_mask_that_is_missing_or_of_another_kind_is_made(streetveil, photo, tmp_path):
    photo("in/a.png")
    assert "1 redacted" in streetveil("redact", "in", "-o", "out").stderr
    assert "1 redacted" in streetveil("redact", "in", "-o", "out", "--mask", "binary").stderr
    assert "0 redacted" in streetveil("redact", "in", "-o", "out", "--mask", "binary").stderr
    assert "1 redacted" in streetveil("redact", "in", "-o", "out", "--mask", "instance").stderr
    assert np.unique(masks_in(tmp_path / "out")["a.png.mask.png"]).tolist() == [0, 1]

    (tmp_path / "out/a.png.mask.png").unlink()
    assert "1 redacted" in streetveil("redact", "in", "-o", "out", "--mask", "instance").stderr
    assert masks_in(tmp_path / "out")


def test_a_photo_that_fails_has_no_mask_either(streetveil, photo, tmp_path):
    path = photo("in/a.png")
    streetveil("redact", "in", "-o", "out", "--mask", "binary")
    path.write_bytes(b"hello")

    assert streetveil("redact", "in", "-o", "out", "--mask", "binary").exit_code == 1
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == []


def test_a_mask_never_takes_the_place_of_a_result(streetveil, photo):
    photo("in/a.png")
    photo("in/a.png.mask.png")

    result = streetveil("redact", "in", "-o", "out", "--mask", "binary")
    assert isinstance(result.exception, OutputConflictError)
    assert "in/a.png.mask.png would both be written to" in result.exception.detail


def test_failures_are_listed_and_end_with_1(streetveil, photo):
    photo("in/good.png")
    photo("in/text[bold].jpg", b"hello")
    photo(os.fsdecode(b"in/caf\xe9\x1b[31m.jpg"), b"")

    result = streetveil("redact", "in", "-o", "out")

    assert result.exit_code == 1
    assert "failed in/text[bold].jpg: The content is not a JPEG" in result.stderr
    assert "(unsupported_format)" in result.stderr
    assert "failed in/caf\\udce9\\x1b[31m.jpg: The file is empty. (empty_file)" in result.stderr
    assert "1 redacted (1 face, 0 licence plates), 0 done already, 2 failed" in result.stderr


def test_many_failures_are_cut_short(streetveil, photo):
    for number in range(25):
        photo(f"in/{number}.jpg", b"text")

    result = streetveil("redact", "in", "-o", "out")

    assert result.stderr.count("(unsupported_format)") == 20
    assert "... and 5 more; --report FILE lists them all." in result.stderr


def test_the_report_has_one_line_for_each_photo_and_is_appended_to(streetveil, photo, tmp_path):
    photo("in/a.png")
    photo("in/b.jpg", b"text")

    streetveil("redact", "in", "-o", "out", "--report", "reports/r.jsonl")
    streetveil("redact", "in", "-o", "out", "--report", "reports/r.jsonl", "--force")

    lines = [json.loads(line) for line in (tmp_path / "reports/r.jsonl").read_text().splitlines()]
    assert len(lines) == 4
    first = {line["source"]: line for line in lines[:2]}
    assert first["in/a.png"]["output"] == "out/a.png"
    assert first["in/a.png"]["blur_metadata"]["regions"][0]["box"] == [9.0, 9.0, 21.0, 21.0]
    assert first["in/a.png"]["detection_metadata"]["vehicles"][0]["class"] == "car"
    assert first["in/b.jpg"] == {
        "source": "in/b.jpg",
        "output": None,
        "status": "failed",
        "error": {
            "code": "unsupported_format",
            "detail": "The content is not a JPEG, PNG, WebP, TIFF or BMP picture.",
        },
    }


def test_a_report_that_cannot_be_written_stops_before_any_work(streetveil, photo, tmp_path):
    photo("in/a.png")

    result = streetveil("redact", "in", "-o", "out", "--report", tmp_path)

    assert isinstance(result.exception, UnwritableOutputError)
    assert not (tmp_path / "out" / "a.png").exists()


def test_a_dry_run_lists_and_writes_nothing(streetveil, photo, tmp_path):
    photo("in/a.png")
    photo(os.fsdecode(b"in/caf\xe9.jpg"))

    result = streetveil("redact", "in", "-o", "out", "--dry-run", "--report", "r.jsonl")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "would redact in/a.png -> out/a.png",
        "would redact in/caf\\udce9.jpg -> out/caf\\udce9.jpg",
        "2 to redact, 0 done already.",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_a_dry_run_knows_what_is_done(streetveil, photo):
    photo("in/a.png")
    streetveil("redact", "in", "-o", "out")

    result = streetveil("redact", "in", "-o", "out", "--dry-run")

    assert result.stdout.splitlines() == ["would skip   in/a.png: done already", "0 to redact, 1 done already."]


def test_a_folder_without_photos_is_told(streetveil, tmp_path):
    (tmp_path / "in").mkdir()

    result = streetveil("redact", "in", "-o", "out")

    assert result.exit_code == 0
    assert "No photos found" in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_originals_are_never_the_output(streetveil, photo):
    path = photo("in/a.png")
    before = path.read_bytes()

    result = streetveil("redact", "in", "-o", "in")

    assert isinstance(result.exception, OutputConflictError)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "options",
    [
        ("--style", "mosaic"),
        ("--profile", "best"),
        ("--metadata", "some"),
        ("--classes", "dog"),
        ("--classes", "face,car"),
        ("--classes", ""),
        ("--face-confidence", "1.5"),
        ("--plate-confidence", "-0.1"),
        ("--car-confidence", "nan"),
        ("--face-confidence", "much"),
        ("--jobs", "-1"),
        ("--jobs", "100000"),
    ],
)
def test_an_option_that_is_not_allowed_is_wrong_usage(streetveil, photo, tmp_path, options):
    photo("in/a.png")

    result = streetveil("redact", "in", "-o", "out", *options)

    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_options_reach_the_result_and_settings_are_what_is_left_out(streetveil, photo, tmp_path, monkeypatch):
    photo("in/a.png")
    monkeypatch.setenv("DEFAULT_STYLE", "solid")

    streetveil("redact", "in", "-o", "out", "--report", "r.jsonl")
    streetveil("redact", "in", "-o", "out", "--report", "r.jsonl", "--style", "pixelate")

    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [line["blur_metadata"]["regions"][0]["style"] for line in lines] == ["solid", "pixelate"]


def test_redacting_changes_the_face_alone(streetveil, photo, tmp_path):
    path = photo("in/a.png")

    streetveil("redact", path, "-o", "out", "--style", "solid")

    before, after = (np.asarray(Image.open(io.BytesIO(file.read_bytes()))) for file in (path, tmp_path / "out/a.png"))
    rows, columns = np.nonzero((before != after).any(axis=2))
    assert 6 <= rows.min() < rows.max() < 24
    assert 6 <= columns.min() < columns.max() < 24


def test_what_is_kept_of_a_run_does_not_grow_with_its_photos(streetveil, photo, tmp_path, monkeypatch):
    for number in range(3):
        photo(f"in/{number}.png")
    for number in range(30):
        (tmp_path / f"in/broken-{number}.png").write_bytes(b"no photo")
    kept = []
    monkeypatch.setattr(command, "_summarise", lambda tally, *_: kept.append(tally))

    streetveil("redact", "in", "-o", "out")

    [tally] = kept
    assert (tally.counts.total(), tally.faces, len(tally.failed)) == (33, 3, 20)


def test_only_some_of_many_failures_are_shown(streetveil, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(23):
        (tmp_path / f"in/{number}.png").write_bytes(b"no photo")

    result = streetveil("redact", "in", "-o", "out")

    assert result.exit_code == 1
    assert result.stderr.count("\nfailed ") + result.stderr.startswith("failed ") == 20
    assert "... and 3 more" in result.stderr
    assert "23 failed" in result.stderr


@pytest.mark.parametrize(("arguments", "wanted"), [([], False), (["--report", "r.jsonl"], True)])
def test_vehicles_are_looked_for_where_they_are_reported(streetveil, photo, monkeypatch, arguments, wanted):
    asked = []
    build = photos.build_anonymiser

    def noted(settings, **choices):
        asked.append(choices)
        return build(settings, **choices)

    monkeypatch.setattr(photos, "build_anonymiser", noted)
    photo("in/a.png")

    assert streetveil("redact", "in", "-o", "out", *arguments).exit_code == 0
    assert [choices["vehicles"] for choices in asked] == [wanted]


def test_a_photo_that_ends_its_process_fails_alone(streetveil, photo, tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "_IN_CHILD", hostile_photos.PLACE)
    monkeypatch.setenv("ISOLATION", "process")
    for number in range(3):
        photo(f"in/{number}.png", hostile_photos.photo(seed=number))
    photo("in/00-hostile.png", hostile_photos.photo("segfault"))

    result = streetveil("redact", "in", "-o", "out", "--jobs", "1")

    assert result.exit_code == 1
    assert "failed in/00-hostile.png: The process that worked on this photo ended: SIGSEGV. (decoder_crashed)" in (
        result.stderr
    )
    assert "3 redacted (3 faces, 0 licence plates), 0 done already, 1 failed" in result.stderr
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize("arguments", [("", "-o", "out"), ("in", "-o", ""), ("in", "-o", "out", "--report", "")])
def test_an_empty_name_is_not_taken_for_the_current_folder(streetveil, photo, tmp_path, arguments):
    """`"$UNSET"` would else redact, or fill, the folder one happens to be in."""
    photo("in/a.png")

    result = streetveil("redact", *arguments)

    assert (result.exit_code, "an empty name" in result.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("output", ["in/a.png", "b.jpg"])
def test_an_output_that_is_the_name_of_a_photo_is_no_folder(streetveil, photo, tmp_path, output):
    photo("in/a.png")

    result = streetveil("redact", "in/a.png", "-o", output)

    assert (result.exit_code, "results go into a folder" in result.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_folder_may_be_called_as_it_likes_once_it_is_there(streetveil, photo, tmp_path):
    photo("in/a.png")
    (tmp_path / "b.jpg").mkdir()

    assert streetveil("redact", "in", "-o", "b.jpg").exit_code == 0


def test_a_mask_whose_name_is_too_long_is_one_failed_photo_and_no_alarm(streetveil, photo, tmp_path):
    name = "a" * 250 + ".png"
    photo(f"in/{name}")

    result = streetveil("redact", "in", "-o", "out", "--mask", "binary")

    assert result.exit_code == 1
    assert "File name too long. (unwritable_output)" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out" / name).exists()


def test_a_report_on_a_full_disk_is_told_as_that(streetveil, photo):
    photo("in/a.png")

    result = streetveil("redact", "in", "-o", "out", "--report", "/dev/full")

    assert isinstance(result.exception, UnwritableOutputError)
    assert "/dev/full cannot be written: No space left on device." in str(result.exception)


def test_pictures_of_other_kinds_in_a_folder_are_told(streetveil, photo):
    """They have no result, and nobody is to take them for done."""
    photo("in/a.png")
    for name in ("in/b.HEIC", "in/sub/c.heic", "in/d.cr2", "in/notes.txt"):
        photo(name, b"x")

    result = streetveil("redact", "in", "-o", "out")

    assert (result.exit_code, "1 redacted (" in result.stderr) == (0, True)
    assert "Passed over, as no such picture can be redacted: 1 .cr2, 2 .heic." in result.stderr
    assert "Passed over" not in streetveil("redact", "in/a.png", "-o", "out").stderr
