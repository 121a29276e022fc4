"""`streetveil status`: what an operator sees."""

import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from streetveil import bootstrap
from streetveil.cli.status import watch
from streetveil.cli.status_screen import Look, screen
from streetveil.domain.job import Job, JobFailure, JobStatus
from streetveil.domain.options import JobOptions
from streetveil.domain.reports import (
    Confidence,
    Percentiles,
    QueueStatus,
    RecentJobs,
    Stats,
    Throughput,
    WorkerSeen,
)
from streetveil.errors import DatabaseUnavailableError, UndecodableImageError
from streetveil.imaging.picture import Picture
from streetveil.jobs.submit import Upload
from streetveil.settings import Settings

NOW = datetime(2026, 9, 21, 13, 11, 11, tzinfo=UTC)
FAILED = Job(
    id="job-1", tenant="ann", status=JobStatus.FAILED, filename="a.jpg", file_size=1, width=1, height=1,
    media_type="image/jpeg", content_sha256="", original_key="original/job-1.jpg", options=JobOptions(),
    created_at=NOW, updated_at=NOW, submitted_at=NOW, finished_at=NOW, attempts=2,
    failure=JobFailure("undecodable_image", "The picture\x1b[31m ends [bold]early[/bold]."),
)  # fmt: skip
LOOK = Look(
    Stats(
        timestamp=NOW,
        by_status={
            JobStatus.SUBMITTED: 900,
            JobStatus.PROCESSING: 3,
            JobStatus.NEEDS_REVIEW: 0,
            JobStatus.COMPLETED: 99,
            JobStatus.FAILED: 1,
        },
        success_rate=0.99,
        throughput=Throughput(last_minute=0.5, last_hour=0.0275),
        recent=RecentJobs(
            latency=Percentiles(1.0, 2.5, 61.25),
            processing_time=None,
            confidence={"face": Confidence(3, 0.8), "license_plate": Confidence(0, None)},
            workers=(
                WorkerSeen("w1", 3, 90, NOW - timedelta(seconds=4), "alpha", "0.1.0", NOW, 4),
                WorkerSeen("w[red]2", 0, 9, NOW - timedelta(minutes=9)),
            ),
        ),
        failures={"undecodable_image": 1},
        queue_depth=900,
    ),
    QueueStatus(900, 1000, 75.0, NOW),
    (FAILED,),
)


def shown(look, trouble=None):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(screen(look, trouble))
    return console.export_text()


@pytest.mark.parametrize(
    "told",
    [
        "30 jobs in the last minute, 99 in the last hour",
        "99.00% of the last hour",
        "p50 1.00 s, p95 2.50 s, p99 61.25 s",
        "900 of 1000",
        "90%",
        "75.0 s",
        "900 submitted, 3 processing, 99 completed, 0 needs review, 1 failed",
        "face 0.80 (3 found)",
        "3 of 4",
        "4 s ago",
        "w[red]2",
        "ended",
        "540 s ago",
        "The picture\\x1b[31m ends [bold]early[/bold].",
    ],
)
def test_all_figures_are_on_the_screen_and_nothing_steers_it(told):
    assert told in shown(LOOK)


def test_nobody_at_work_is_told():
    idle = replace(LOOK.stats, recent=replace(LOOK.stats.recent, workers=()))
    assert "none was seen" in shown(LOOK._replace(stats=idle))


class Waits:
    """Sleeps through some rounds, then Ctrl-C is pressed."""

    def __init__(self, rounds):
        self.rounds = rounds

    def __call__(self, seconds):
        if not self.rounds:
            raise KeyboardInterrupt
        self.rounds -= 1


def test_live_it_looks_again_and_outlasts_a_database_that_is_away():
    looks = [LOOK, DatabaseUnavailableError("refused"), LOOK._replace(queue=QueueStatus(7, 1000, 1.0, NOW))]
    seen = []

    def look():
        answer = looks.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    class Screen(io.StringIO):
        def write(self, text):
            seen.append(text)
            return len(text)

    console = Console(file=Screen(), force_terminal=True, width=120, height=60, color_system=None)
    watch(console, look, every_s=1, sleep=Waits(2))

    painted = "".join(seen)
    away = painted.index("refused (database_unavailable)")
    assert painted.index("900 of 1000") < away < painted.index("7 of 1000")
    assert painted.endswith("\x1b[?25h\x1b[?1049l")  # the terminal as it was, with its cursor


def test_what_cannot_be_seen_at_all_is_an_error():
    def look():
        raise DatabaseUnavailableError("refused")

    with pytest.raises(DatabaseUnavailableError):
        watch(Console(file=io.StringIO(), force_terminal=True), look, every_s=1, sleep=Waits(0))


class Broken:
    """Fails with every photo."""

    def attempt(self, data, options):
        raise UndecodableImageError("broken")

    __call__ = attempt

    def check(self):
        pass


@pytest.fixture
def service(streetveil, photo, tmp_path):
    """An embedded service with one failed job of tenant ann, and two that wait, of ben."""
    content = photo("street.png").read_bytes()
    header = Picture.open(content, max_pixels=10**6).header
    settings = Settings.model_validate({"data_dir": tmp_path / "data"})
    with bootstrap.open_services(settings, Broken()) as services:
        ids = []
        for tenant in ("ann", "ben", "ben"):
            upload = Upload("s.png", io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest(), header)
            ids.append(services.submit(upload, JobOptions(), tenant=tenant).id)
        services.process(ids[0])
        services.process.heartbeat()
        yield ids


def test_beside_a_running_service_its_jobs_are_seen_of_all_tenants(streetveil, service):
    document = json.loads(streetveil("status", "--json").stdout)

    assert document["stats"]["jobs"] == {
        "submitted": 2,
        "processing": 0,
        "completed": 0,
        "needs_review": 0,
        "failed": 1,
    }
    assert (document["stats"]["queue_depth"], document["queue"]["queue_depth"]) == (2, 2)
    assert document["queue"]["oldest_job_age_seconds"] >= 0
    assert len(document["stats"]["workers"]) == 1
    [failure] = document["last_failures"]
    assert (failure["job_id"], failure["tenant"], failure["code"]) == (service[0], "ann", "undecodable_image")


def test_one_tenants_jobs_can_be_asked_for(streetveil, service):
    ann, ben = (json.loads(streetveil("status", "--json", "--tenant", name).stdout) for name in ("ann", "ben"))
    assert (len(ann["last_failures"]), ann["queue"]["queue_depth"]) == (1, 0)
    assert (ben["last_failures"], ben["queue"]["queue_depth"]) == ([], 2)
    assert "inner hyphens" in streetveil("status", "--tenant", "No/One").stderr


@pytest.mark.parametrize("flags", [(), ("--once",)])
def test_where_no_terminal_is_it_is_printed_once(streetveil, service, flags):
    result = streetveil("status", *flags)
    assert result.exit_code == 0
    assert "2 of 1000" in result.stdout
    assert "undecodable_image: broken" in result.stdout
    assert "\x1b" not in result.stdout
