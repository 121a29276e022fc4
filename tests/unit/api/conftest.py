"""A real HTTP server around the application, with honest small fakes of the use cases behind it."""

from __future__ import annotations

import io
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import policy
from email.message import MIMEPart
from email.parser import BytesParser
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from PIL import Image

from streetveil.api.access import AccessPolicy
from streetveil.api.app import create_app
from streetveil.api.schemas.base import Schema
from streetveil.api.schemas.problems import Problem
from streetveil.api.services import ApiServices
from streetveil.domain.audit import SERVICE, Actor
from streetveil.domain.geometry import Orientation, Size
from streetveil.domain.job import Job, JobFailure, JobResult, JobStatus, new_id
from streetveil.domain.options import JobOptions
from streetveil.domain.reports import (
    Batch,
    Confidence,
    DependencyState,
    JobFilter,
    JobPage,
    Percentiles,
    QueueStatus,
    RecentJobs,
    Stats,
    StoredImage,
    Throughput,
    WorkerSeen,
)
from streetveil.domain.webhooks import WebhookReport
from streetveil.errors import (
    BatchNotFoundError,
    CropsNotFoundError,
    DatabaseUnavailableError,
    IdempotencyConflictError,
    IllegalTransitionError,
    InvalidWebhookUrlError,
    JobNotFoundError,
    OverloadedError,
    ResultNotReadyError,
)
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.header import ImageHeader
from streetveil.jobs.anonymise import Anonymised
from streetveil.jobs.inspect import result_of
from streetveil.jobs.submit import Upload
from streetveil.redaction.base import RedactedFile

NOW = datetime(2026, 9, 21, 13, 11, 11, 530000, UTC)
MAX_UPLOAD_BYTES = 3 * 1024 * 1024

MODEL = {"name": "face-finder", "version": "1", "sha256": "0" * 64}
BLUR = {
    "regions": [
        {"class": "face", "box": [1.0, 2.0, 30.5, 40.0], "confidence": 0.91, "style": "gaussian", "shape": "ellipse"}
    ],
    "faces_blurred": 1,
    "plates_blurred": 0,
    "lossless": False,
    "model": MODEL,
    "models": [MODEL],
}
SEEN = {
    "vehicles": [{"class": "bus", "box": [0.0, 0.0, 60.0, 40.0], "confidence": 0.8}],
    "is_vehicle_detected": True,
    "is_face_detected": True,
    "is_face_blurred": True,
    "is_plate_blurred": False,
    "model": MODEL,
}


@dataclass
class World:
    """What the fakes share: jobs and originals in memory, and switches for what goes wrong."""

    jobs: dict[str, Job] = field(default_factory=dict)
    batches: dict[str, list[str]] = field(default_factory=dict)
    batch_tenants: dict[str, str] = field(default_factory=dict)
    originals: dict[str, bytes] = field(default_factory=dict)
    webhooks: dict[str, str] = field(default_factory=dict)
    audited: list[tuple[str, Actor, str | None, str]] = field(default_factory=list)
    pages: list[tuple[JobFilter, str | None, int]] = field(default_factory=list)
    redacted: list[tuple[bytes, JobOptions]] = field(default_factory=list)
    dependencies: dict[str, DependencyState] = field(default_factory=lambda: {"database": DependencyState(ok=True)})
    blur: dict[str, Any] = field(default_factory=lambda: dict(BLUR))
    seen: dict[str, Any] = field(default_factory=lambda: dict(SEEN))
    result: bytes = b"redacted bytes"
    presigned: str | None = None
    full: bool = False
    audit_fails: bool = False
    error: Exception | None = None
    hold: threading.Event | None = None
    dependencies_answer: threading.Event | None = None

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]

    def fail_if_asked(self) -> None:
        if self.error is not None:
            raise self.error

    def complete(self, job_id: str) -> None:
        result = JobResult(f"processed/{job_id}.jpg", f"metadata/{job_id}.json", 0.42, self.blur, SEEN)
        self.jobs[job_id] = replace(self.jobs[job_id], status=JobStatus.COMPLETED, result=result, finished_at=NOW)

    def hold_back(self, job_id: str) -> None:
        """As a worker does where something was still found in the result."""
        result = JobResult(f"processed/{job_id}.jpg", f"metadata/{job_id}.json", 0.42, self.blur, SEEN)
        self.jobs[job_id] = replace(self.jobs[job_id], status=JobStatus.NEEDS_REVIEW, held=result, finished_at=NOW)

    def fail(self, job_id: str) -> None:
        failure = JobFailure("undecodable_image", "The picture ends early.")
        self.jobs[job_id] = replace(self.jobs[job_id], status=JobStatus.FAILED, failure=failure, attempts=3)


@dataclass
class FakeSubmit:
    world: World

    def ensure_capacity(self, tenant: str, idempotency_key: str | None = None) -> None:
        jobs = [job for job in self.world.jobs.values() if job.tenant == tenant]
        known = idempotency_key in {job.idempotency_key for job in jobs if job.idempotency_key}
        if self.world.full and not known:
            raise OverloadedError("10 photos are waiting.", retry_after_s=7)

    def new_batch(self, *, tenant: str) -> str:
        self.world.fail_if_asked()
        batch_id = new_id()
        self.world.batches[batch_id] = []
        self.world.batch_tenants[batch_id] = tenant
        return batch_id

    def __call__(
        self,
        upload: Upload,
        options: JobOptions,
        *,
        tenant: str,
        idempotency_key: str | None = None,
        batch_id: str | None = None,
        webhook_url: str | None = None,
        by: Actor = SERVICE,
    ) -> Job:
        self.world.audited.append(("submit", by, None, "ok"))
        self.world.fail_if_asked()
        for job in self.world.jobs.values():
            if idempotency_key is not None and (job.tenant, job.idempotency_key) == (tenant, idempotency_key):
                if job.content_sha256 != upload.sha256:
                    raise IdempotencyConflictError("The key was used for another file.")
                return job
        job = Job(
            id=new_id(),
            tenant=tenant,
            status=JobStatus.SUBMITTED,
            filename=upload.filename,
            file_size=upload.size,
            width=upload.header.upright.width,
            height=upload.header.upright.height,
            media_type=upload.header.format.media_type,
            content_sha256=upload.sha256,
            original_key="original/x.jpg",
            options=options,
            created_at=NOW,
            updated_at=NOW,
            submitted_at=NOW,
            batch_id=batch_id,
            idempotency_key=idempotency_key,
        )
        self.world.jobs[job.id] = job
        if webhook_url is not None:
            self.world.webhooks[job.id] = webhook_url
        self.world.originals[job.id] = upload.content.read()
        if batch_id is not None:
            self.world.batches[batch_id].append(job.id)
        return job


@dataclass
class FakeInspect:
    world: World

    def job(self, job_id: str, *, tenant: str) -> Job:
        self.world.fail_if_asked()
        if job_id not in self.world.jobs or self.world.jobs[job_id].tenant != tenant:
            raise JobNotFoundError.of(job_id)
        return self.world.jobs[job_id]

    def batch(self, batch_id: str, *, tenant: str) -> Batch:
        if self.world.batch_tenants.get(batch_id) != tenant:
            raise BatchNotFoundError(f"There is no batch {batch_id}.")
        jobs = tuple(self.world.jobs[job_id] for job_id in self.world.batches[batch_id])
        counts = {status: sum(job.status is status for job in jobs) for status in JobStatus}
        del counts[JobStatus.ERASED]
        return Batch(batch_id, NOW, counts, jobs)

    def page(self, wanted: JobFilter, after: str | None = None, limit: int = 50, *, tenant: str) -> JobPage:
        self.world.pages.append((wanted, after, limit))
        jobs = sorted(self.world.jobs.values(), key=lambda job: job.id, reverse=True)
        jobs = [job for job in jobs if job.tenant == tenant and (after is None or job.id < after)]
        return JobPage(tuple(jobs[:limit]), jobs[limit - 1].id if len(jobs) > limit else None)

    def urls(self, job: Job) -> tuple[str, str | None]:
        return "s3://bucket/original/x.jpg", "s3://bucket/processed/x.jpg" if job.result else None

    def image(self, job_id: str, variant: str, *, tenant: str) -> StoredImage:
        job = self.job(job_id, tenant=tenant)
        if variant == "original":
            return StoredImage(iter([self.world.originals[job_id]]), job.media_type, job.filename)
        if variant == "review":
            if job.held is None:
                raise ResultNotReadyError("Nothing needs review.")
            return StoredImage(iter([b"held back"]), job.media_type, f"review-{job.filename}")
        result_of(job)
        return StoredImage(iter([b"re", b"dacted"]), job.media_type, f"redacted-{job.filename}")

    def crops(self, job_id: str, *, tenant: str) -> bytes:
        if not self.job(job_id, tenant=tenant).options.reversible:
            raise CropsNotFoundError("It was not asked to keep them.")
        return b"a ZIP"

    def presigned(self, job_id: str, variant: str, *, tenant: str) -> str | None:
        job = self.job(job_id, tenant=tenant)
        if variant == "processed":
            result_of(job)
        return self.world.presigned

    def stats(self, *, tenant: str | None) -> Stats:
        self.world.fail_if_asked()
        recent = RecentJobs(
            latency=Percentiles(1.0, 2.0, 3.0),
            processing_time=None,
            confidence={"face": Confidence(3, 0.8), "vehicle": Confidence(0, None)},
            workers=(WorkerSeen("w1", 1, 2, NOW),),
        )
        counts = dict.fromkeys(set(JobStatus) - {JobStatus.ERASED}, 1)
        return Stats(NOW, counts, 0.5, Throughput(0.1, 0.2), recent, {"undecodable_image": 1}, 4)

    def queue_status(self, *, tenant: str | None) -> QueueStatus:
        return QueueStatus(250, 1000, 12.5, NOW)


@dataclass
class FakeRetry:
    world: World

    def __call__(self, job_id: str, *, tenant: str, by: Actor = SERVICE) -> Job:
        self.world.audited.append(("retry", by, job_id, "ok"))
        job = FakeInspect(self.world).job(job_id, tenant=tenant)
        if job.status not in {JobStatus.FAILED, JobStatus.NEEDS_REVIEW}:
            raise IllegalTransitionError("Only a failed job can be retried.")
        self.world.jobs[job_id] = replace(job, status=JobStatus.SUBMITTED, failure=None, held=None)
        return self.world.jobs[job_id]


@dataclass
class FakeRelease:
    world: World

    def __call__(self, job_id: str, *, tenant: str, by: Actor = SERVICE) -> Job:
        self.world.audited.append(("release", by, job_id, "ok"))
        job = FakeInspect(self.world).job(job_id, tenant=tenant)
        if job.status is not JobStatus.NEEDS_REVIEW:
            raise IllegalTransitionError("Only a job that needs review can be released.")
        self.world.jobs[job_id] = replace(job, status=JobStatus.COMPLETED, result=job.held, held=None)
        return self.world.jobs[job_id]


@dataclass
class FakeErase:
    world: World

    def __call__(self, job_id: str, *, tenant: str, by: Actor = SERVICE) -> None:
        self.world.audited.append(("erase", by, job_id, "ok"))
        FakeInspect(self.world).job(job_id, tenant=tenant)
        del self.world.jobs[job_id]


@dataclass
class FakeAudit:
    world: World

    def record(
        self, action: str, by: Actor, *, job_id: str | None = None, outcome: str = "ok", **details: object
    ) -> None:
        if self.world.audit_fails:
            raise DatabaseUnavailableError("The database cannot be reached.")
        self.world.audited.append((str(action), by, job_id, outcome))


@dataclass
class FakeAnonymise:
    world: World

    def __call__(self, data: bytes, options: JobOptions) -> Anonymised:
        self.world.redacted.append((data, options))
        if self.world.hold is not None:
            self.world.hold.wait(10)
        self.world.fail_if_asked()
        header = ImageHeader(ImageFormat.JPEG, Size(64, 48), Orientation.UPRIGHT)
        return Anonymised(RedactedFile(self.world.result, lossless=False), header, self.world.blur, self.world.seen)


@dataclass
class FakeHealth:
    world: World

    def dependencies(self) -> dict[str, DependencyState]:
        if self.world.dependencies_answer is not None:
            assert self.world.dependencies_answer.wait(30)
        return self.world.dependencies


@dataclass
class FakeNotify:
    world: World

    def check(self, url: str) -> None:
        if not url.startswith("https://hooks.example.org"):
            raise InvalidWebhookUrlError("webhook_url must begin with https://.")

    def report(self, job_id: str) -> WebhookReport | None:
        if job_id not in self.world.webhooks:
            return None
        return WebhookReport("due", 2, "The webhook's receiver answered with 503.")


def services_of(world: World, spool_dir: Path) -> ApiServices:
    fakes: Any = {
        "submit": FakeSubmit(world),
        "inspect": FakeInspect(world),
        "retry": FakeRetry(world),
        "release": FakeRelease(world),
        "erase": FakeErase(world),
        "audit": FakeAudit(world),
        "anonymise": FakeAnonymise(world),
        "health": FakeHealth(world),
        "notify": FakeNotify(world),
    }
    return ApiServices(
        **fakes,
        max_upload_bytes=MAX_UPLOAD_BYTES,
        max_pixels=100_000_000,
        spool_dir=spool_dir,
        max_batch_files=4,
        max_batch_bytes=2 * MAX_UPLOAD_BYTES,
        default_options={"style": "pixelate", "face_confidence": 0.3},
        max_concurrent_redactions=1,
        max_waiting_redactions=1,
        idle_timeout_s=0.5,
    )


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serves the application on a free port of this machine; yields its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Service:
    """The running service as tests see it."""

    app: FastAPI
    address: str
    world: World
    spool_dir: Path

    @property
    def host_and_port(self) -> tuple[str, int]:
        url = httpx.URL(self.address)
        return url.host, cast("int", url.port)

    def left_in_spool(self) -> list[str]:
        return [path.name for path in self.spool_dir.iterdir()]

    def open_spool_files(self) -> list[str]:
        """Files in the spool folder that this process, which is also the server, still holds: they have no names."""
        links = []
        for path in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                links.append(str(path.readlink()))
        return [link for link in links if link.startswith(str(self.spool_dir))]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No log on the screen; tests that look at it capture it."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    world, spool_dir = World(), tmp_path_factory.mktemp("spool")

    @contextmanager
    def open_services() -> Iterator[ApiServices]:
        yield services_of(world, spool_dir)

    app = create_app(open_services, access=AccessPolicy(authenticate=None), version="1.2.3")
    with serving(app) as address:
        yield Service(app, address, world, spool_dir)


@pytest.fixture
def service(running: Service) -> Iterator[Service]:
    """The service with nothing in it; whatever a test did, it still serves and has left no file behind."""
    running.world.reset()
    yield running
    assert httpx.get(f"{running.address}/health/live", verify=False).status_code == 200
    assert running.left_in_spool() == []
    deadline = time.monotonic() + 5
    while running.open_spool_files() and time.monotonic() < deadline:
        time.sleep(0.01)  # a request that was cut off may still be on its way out
    assert running.open_spool_files() == []


@pytest.fixture
def world(service: Service) -> World:
    return service.world


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """A client that checks every answer against what the OpenAPI document says of it."""

    def check(response: httpx.Response) -> None:
        response.read()
        check_documented(service.app, response)

    with httpx.Client(base_url=service.address, verify=False, event_hooks={"response": [check]}) as client:
        yield client


def parts_of(response: httpx.Response) -> dict[str, MIMEPart]:
    """The parts of a multipart/form-data answer by their names, in their order."""
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + response.content)
    return {str(part.get_param("name", header="content-disposition")): part for part in message.iter_parts()}


@pytest.fixture
def parts() -> Callable[[httpx.Response], dict[str, MIMEPart]]:
    return parts_of


def check_documented(app: FastAPI, response: httpx.Response) -> None:
    document = app.openapi()
    path = template_of(app, response.request.url.path)
    method = response.request.method.lower().replace("head", "get")
    if path is None or method not in document["paths"][path]:
        assert response.status_code in {200, 404, 405}
        return
    documented = document["paths"][path][method]["responses"]
    assert str(response.status_code) in documented, f"{method} {path} may not answer {response.status_code}"
    content = documented[str(response.status_code)].get("content", {})
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if response.request.method == "HEAD":
        assert response.content == b""
    elif media_type == "application/problem+json":
        Problem.model_validate(response.json())
        examples = content[media_type]["examples"]
        assert response.json()["code"] in examples or response.status_code in {500, 503}, response.json()
    elif media_type == "application/json":
        name = content[media_type]["schema"]["$ref"].rpartition("/")[2]
        [model] = (kind for kind in Schema.__subclasses__() if kind.__name__ == name)
        model.model_validate(response.json())
    elif media_type:
        assert media_type in content or "image/*" in content


def template_of(app: FastAPI, path: str) -> str | None:
    for template in app.openapi()["paths"]:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return cast("str", template)
    return None


@pytest.fixture
def photo() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 150)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def upload(client: httpx.Client, photo: bytes) -> Callable[..., str]:
    """Uploads a photo; gives the id of its job."""

    def upload(name: str = "street.jpg", content: bytes = photo, **fields: str) -> str:
        response = client.post("/upload", files={"file": (name, content)}, data=fields)
        assert response.status_code == 202, response.text
        return cast("str", response.json()["job_id"])

    return upload
