"""Results that are held back: `streetveil jobs` for the person who decides, `redact` for who has none to ask."""

import hashlib
import io
import json

import pytest
from tests.unit.cli.conftest import OneFaceOneCar

from streetveil import bootstrap
from streetveil.bootstrap import photos
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.options import JobOptions
from streetveil.imaging.picture import Picture
from streetveil.jobs.anonymise import Anonymiser
from streetveil.jobs.submit import Upload
from streetveil.redaction.pixels import PixelRedactor
from streetveil.settings import Settings


@pytest.fixture
def anonymiser():
    """Finds a face again, whatever is painted over it."""
    return Anonymiser(OneFaceOneCar(), PixelRedactor(), max_pixels=10**6, verify=True)


@pytest.fixture
def held(streetveil, photo, anonymiser, tmp_path):
    """The id of a job of the embedded service that needs review."""
    content = photo("street.png").read_bytes()
    with bootstrap.open_services(Settings.model_validate({"data_dir": tmp_path / "data"}), anonymiser) as services:
        sha256 = hashlib.sha256(content).hexdigest()
        header = Picture.open(content, max_pixels=10**6).header
        job = services.submit(
            Upload("street.png", io.BytesIO(content), len(content), sha256, header), JobOptions(), tenant=DEFAULT_TENANT
        )
        services.process(job.id)
    return job.id


def shown(streetveil, job_id):
    return json.loads(streetveil("jobs", "show", job_id).stdout)


def test_the_operator_sees_what_is_held_back_why_and_where(streetveil, held, tmp_path):
    assert held in streetveil("jobs", "list", "--status", "needs_review").stdout
    job = shown(streetveil, held)
    assert (job["status"], job["processed"]) == ("needs_review", None)
    assert job["blur_metadata"]["verification"]["passed"] is False
    assert (tmp_path / job["review"].removeprefix("file://")).read_bytes().startswith(b"\x89PNG")


def test_released_it_is_completed(streetveil, held):
    review = shown(streetveil, held)["review"]
    result = streetveil("jobs", "release", held)
    assert (result.exit_code, result.stdout) == (0, "1 released.\n")
    job = shown(streetveil, held)
    assert (job["status"], job["processed"]) == ("completed", review)
    assert "review" not in job
    assert type(streetveil("jobs", "release", held).exception).__name__ == "IllegalTransitionError"


def test_jobs_of_another_tenant_take_its_name(streetveil, held):
    assert held not in streetveil("jobs", "list", "--tenant", "other").stdout
    for verb in ("show", "release", "retry"):
        refused = streetveil("jobs", verb, held, "--tenant", "other")
        assert type(refused.exception).__name__ == "JobNotFoundError"
    assert streetveil("jobs", "retry", "--all-failed", "--tenant", "other").stdout == "0 queued again.\n"
    assert shown(streetveil, held)["status"] == "needs_review"
    assert streetveil("jobs", "release", held, "--tenant", "default").exit_code == 0


def test_what_can_be_no_tenant_is_refused_by_name(streetveil):
    result = streetveil("jobs", "list", "--tenant", "Some/One")
    assert result.exit_code == 2
    assert "inner hyphens" in result.stderr


def test_it_can_be_done_again(streetveil, held):
    assert streetveil("jobs", "retry", held).stdout == "1 queued again.\n"
    assert shown(streetveil, held)["status"] == "submitted"


def test_a_file_that_needs_review_has_failed_and_nothing_is_written(
    streetveil, photo, anonymiser, monkeypatch, tmp_path
):
    monkeypatch.setattr(photos, "build_anonymiser", lambda settings, **choices: anonymiser)
    monkeypatch.setenv("ISOLATION", "none")
    photo("in/a.png")
    result = streetveil("redact", "in", "-o", "out", "--mask", "binary")
    assert result.exit_code == 1
    assert "(needs_review)" in result.stderr
    assert not list((tmp_path / "out").glob("*.png"))


def test_results_that_were_not_looked_at_again_are_not_done(streetveil, photo, stub_models, monkeypatch):
    photo("in/a.png")
    streetveil("redact", "in", "-o", "out")
    assert "1 done already" in streetveil("redact", "in", "-o", "out").stderr
    monkeypatch.setenv("VERIFY", "redetect")
    assert "1 redacted" in streetveil("redact", "in", "-o", "out").stderr
