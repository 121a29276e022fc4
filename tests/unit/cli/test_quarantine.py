"""`streetveil jobs retry` and photos that end the processes working on them."""

from __future__ import annotations

import hashlib
import io

import pytest

from streetveil import bootstrap
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.options import JobOptions
from streetveil.errors import DecoderCrashedError, StreetveilError, UndecodableImageError
from streetveil.imaging.picture import Picture
from streetveil.jobs.submit import Upload
from streetveil.settings import Settings


class Failing:
    """Fails as it is told."""

    def __init__(self):
        self.error = StreetveilError("not told yet")

    def __call__(self, data, options):
        raise self.error

    attempt = __call__

    def check(self):
        pass


@pytest.fixture
def failed(streetveil, photo, tmp_path):
    """Ids of three failed jobs; the photo of the second did harm."""
    content = photo("street.png").read_bytes()
    header = Picture.open(content, max_pixels=10**6).header
    failing = Failing()
    broken, crash = UndecodableImageError("broken"), DecoderCrashedError("SIGSEGV")
    ids = []
    with bootstrap.open_services(Settings.model_validate({"data_dir": tmp_path / "data"}), failing) as services:
        for error in (broken, crash, broken):
            failing.error = error
            upload = Upload(
                "street.png", io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest(), header
            )
            job = services.submit(upload, JobOptions(), tenant=DEFAULT_TENANT)
            services.process(job.id)
            services.process(job.id)
            ids.append(job.id)
    return ids


def test_quarantine_is_passed_over_and_told(streetveil, failed):
    assert streetveil("jobs", "retry", "--all-failed").stdout == (
        "2 queued again. 1 in quarantine: --force retries them too.\n"
    )
    assert failed[1] in streetveil("jobs", "list", "--status", "failed").stdout


def test_one_in_quarantine_needs_force(streetveil, failed):
    assert type(streetveil("jobs", "retry", failed[1]).exception).__name__ == "QuarantinedError"
    assert streetveil("jobs", "retry", "--force", failed[1]).stdout == "1 queued again.\n"


def test_force_retries_every_one(streetveil, failed):
    assert streetveil("jobs", "retry", "--all-failed", "--force").stdout == "3 queued again.\n"
    assert streetveil("jobs", "retry", "--all-failed").stdout == "0 queued again.\n"
