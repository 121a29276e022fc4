"""Settings become adapters, adapters become services: the only place where things are wired together.

Each backend is chosen on its own. Without `REDIS_URL` the queue lives in this process, and the workers with it.
What is chosen is imported where it is chosen: no process waits for, and keeps in memory, what it does not use.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from streetveil import __version__
from streetveil.database.folder_lock import DataFolderLock
from streetveil.detection.base import SceneDetector
from streetveil.detection.lazy import LazySceneDetector
from streetveil.detection.models import MODELS
from streetveil.detection.unreported import UnreportedVehicles
from streetveil.domain.audit import AuditSeal
from streetveil.domain.detections import VEHICLES, Label
from streetveil.domain.measurements import ModelRun, Task
from streetveil.domain.options import JobOptions
from streetveil.errors import ConfigurationError, UnavailableError
from streetveil.jobs.anonymise import Anonymised, Anonymiser
from streetveil.jobs.anonymising import Anonymising
from streetveil.jobs.audit import AuditTrail
from streetveil.jobs.audit_log import AuditLog
from streetveil.jobs.erase import Erase
from streetveil.jobs.erasure_proof import ProveErasure
from streetveil.jobs.health import Health
from streetveil.jobs.inspect import Inspect
from streetveil.jobs.maintain import Maintain
from streetveil.jobs.measured import MeasuredAnonymising
from streetveil.jobs.notify import DeliveryPolicy, Notify
from streetveil.jobs.observer import Observers
from streetveil.jobs.process import AttemptPolicy, Process
from streetveil.jobs.release import Release
from streetveil.jobs.retention import Retention, RetentionPolicy
from streetveil.jobs.retry import Retry
from streetveil.jobs.submit import Submit
from streetveil.queue.base import Handler, JobQueue
from streetveil.redaction.base import Redactor
from streetveil.settings import Settings
from streetveil.storage.base import ObjectStore

if TYPE_CHECKING:
    from limits.storage import Storage

    from streetveil.access.base import Authenticator
    from streetveil.access.issue import TokenIssuer
    from streetveil.access.keys import KeySource
    from streetveil.crops.base import Vault
    from streetveil.crops.keys import KeyFolder
    from streetveil.database.base import Database
    from streetveil.database.unit_of_work import SqlDatabase
    from streetveil.detection.networks import Networks
    from streetveil.detection.scene import ProfiledSceneDetector
    from streetveil.limits.base import Limits
    from streetveil.observability.metrics import Metrics
    from streetveil.observability.tracing import Traces

# What a child process builds, and what of the settings that reads.
_IN_CHILD = "streetveil.bootstrap:attempt_in_child"
_CHILD_SETTINGS = {
    "streetveil_cache",
    "device",
    "batch_max_size",
    "batch_max_wait_ms",
    "max_pixels",
    "verify",
    "redaction_comment",
    "face_detection_model_path",
    "vehicle_detection_model_path",
    "plate_detection_model_path",
    "face_confidence_threshold",
    "car_confidence_threshold",
    "plate_confidence_threshold",
}

# By any one of these tokens can be judged.
_TOKEN_KEYS = ("jwt_secret", "jwt_public_key", "jwt_public_key_file", "jwks_url")
_MAX_KEY_FILE = 64 * 1024

# OpenTelemetry reads these by itself: where there is a collector for traces.
_COLLECTOR = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_log = structlog.get_logger(__name__)

OnRun = Callable[[ModelRun], None]

_RETRY_S = 1.0
# On a GPU a job spends most of its time waiting for its batch.
_GPU_JOBS_PER_CORE = 3
# Longer no request waits for being counted.
_COUNT_TIMEOUT_S = 1.0
# How old an answer about the dependencies may be.
_HEALTH_AGE_S = 5.0


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case of a running service, and what a worker needs to start."""

    anonymise: Anonymising
    submit: Submit
    inspect: Inspect
    retry: Retry
    release: Release
    erase: Erase
    audit: AuditTrail
    audit_log: AuditLog
    prove_erasure: ProveErasure
    health: Health
    process: Process
    handle: Handler
    maintain: Maintain
    queue: JobQueue
    worker_id: str
    notify: Notify | None = None


def build_metrics(settings: Settings, *, component: str) -> Metrics:
    """What a process of the service counts in; `component` is `api`, `worker`, or `embedded` for both in one."""
    from streetveil.observability.metrics import Metrics, ModelLabels
    from streetveil.observability.readings import disk_readings

    models: dict[Task, ModelLabels] = {}
    paths = _model_paths(settings)
    for card in MODELS:
        own = paths[card.task]
        models[card.task] = ModelLabels(own.name, _digest_of(own)) if own else ModelLabels(card.name, card.version)
    metrics = Metrics(component=component, version=__version__, models=models)
    metrics.watch(lambda: disk_readings(settings.data_dir) if settings.data_dir.exists() else [])
    if component != "api" and _has_gpu(settings):
        from streetveil.observability.gpus import gpu_readings

        if (ask := gpu_readings()) is not None:
            metrics.watch(ask)
    return metrics


def build_traces(*, component: str) -> Traces | None:
    """What a process of the service tells its spans to; None where OpenTelemetry's own variables name no collector.

    Raises:
        ConfigurationError: they do, and the extra `otel` is not installed.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(os.environ.get, _COLLECTOR)):
        return None
    try:
        from streetveil.observability.tracing import Traces
    except ImportError as error:
        raise ConfigurationError(
            f"{_COLLECTOR[0]} is set, and its SDK is not installed: it is the extra `otel` (docs/tracing.md)."
        ) from error
    return Traces(component=component, version=__version__)


def build_anonymiser(settings: Settings, *, vehicles: bool = True, on_run: OnRun | None = None) -> Anonymiser:
    """Loads the models; takes a second or so.

    Where `vehicles` are not reported, none are looked for but those that may carry a plate. `on_run` is told of each
    run of a model.

    Raises:
        ModelError: a model is missing or cannot be used.
    """
    detector = _load_detector(settings, on_run)
    return _anonymiser(detector if vehicles else UnreportedVehicles(detector), settings)


def lazy_anonymiser(settings: Settings, on_run: OnRun | None = None) -> Anonymiser:
    """For processes that seldom look at a photo themselves: the models load with the first."""
    return _anonymiser(LazySceneDetector(lambda: _load_detector(settings, on_run)), settings)


@contextmanager
def open_anonymiser(
    settings: Settings,
    *,
    lazy: bool = False,
    vehicles: bool = True,
    threads: int | None = None,
    metrics: Metrics | None = None,
) -> Iterator[Anonymising]:
    """What works on photos: child processes, or this one (docs/decisions/0011-photos-in-child-processes.md).

    Args:
        settings: those in force.
        lazy: models load with the first photo.
        vehicles: whether they are reported; see `build_anonymiser`.
        threads: how many call it at once; None: `worker_threads`.
        metrics: told of each run of a model, and of the children.

    Raises:
        ModelError: a model is missing or cannot be used.
        DecoderUnavailableError: no child process could be started.
    """
    if not _isolates(settings):
        # Children tell of their runs with each photo; here jobs may share them.
        on_run = None if metrics is None else partial(_count_run, metrics)
        if lazy:
            yield lazy_anonymiser(settings, on_run)
        else:
            yield build_anonymiser(settings, vehicles=vehicles, on_run=on_run)
        return
    from streetveil.isolation.limits import Limits
    from streetveil.isolation.nursery import Nursery, Recipe
    from streetveil.isolation.pool import PoolPolicy, ProcessPool

    nursery = Nursery(
        Recipe(_IN_CHILD, {"settings": _for_children(settings), "vehicles": vehicles}),
        Limits(memory_bytes=settings.photo_memory_mb * 1024 * 1024),
    )
    with ExitStack() as stack:
        stack.callback(nursery.close)
        pool = ProcessPool(
            nursery,
            PoolPolicy(
                size=threads or worker_threads(settings),
                timeout_s=settings.photo_timeout_s,
                max_pixels=settings.max_pixels,
            ),
        )
        stack.callback(pool.close)
        if metrics is not None:
            from streetveil.isolation.usage import ChildrenReadings

            metrics.watch(ChildrenReadings(pool))
        if not lazy:
            pool.start()
        yield pool


def attempt_in_child(told: Mapping[str, Any]) -> Callable[[bytes, JobOptions], Anonymised]:
    """What a child process works with, from what `open_anonymiser` tells it."""
    runs: list[ModelRun] = []
    settings = Settings.model_validate(told["settings"])
    anonymiser = build_anonymiser(settings, vehicles=told["vehicles"], on_run=runs.append)

    def attempt(data: bytes, options: JobOptions) -> Anonymised:
        runs.clear()
        result = anonymiser.attempt(data, options)
        return replace(result, measured=replace(result.measured, runs=tuple(runs)))

    return attempt


def _digest_of(path: Path) -> str:
    """What tells a model file from the one that it replaced; loading it will say where there is none."""
    from streetveil.detection.files import digest

    try:
        return digest(path)[:12]
    except OSError:
        return "missing"


def _count_run(metrics: Metrics, run: ModelRun) -> None:
    metrics.ran(run.task, run.rows, run.seconds)


def _for_children(settings: Settings) -> dict[str, object]:
    """Of the settings those that results depend on, as JSON: no address and no secret. Children have no folder."""
    chosen = settings.model_dump(mode="json", include=_CHILD_SETTINGS)
    for name in _CHILD_SETTINGS:
        if isinstance(path := getattr(settings, name), Path):
            chosen[name] = str(path.absolute())
    return chosen


def _isolates(settings: Settings) -> bool:
    """Whether photos are decoded in child processes. Threads that share a GPU or batches must share a process."""
    shared = settings.batch_max_size > 1 or _has_gpu(settings)
    return settings.isolation == "process" or (settings.isolation == "auto" and not shared)


def _anonymiser(detector: SceneDetector, settings: Settings) -> Anonymiser:
    verify = settings.verify == "redetect"
    return Anonymiser(detector, _redactor(settings), max_pixels=settings.max_pixels, verify=verify)


def _redactor(settings: Settings) -> Redactor:
    from streetveil.redaction.comment import CommentingRedactor
    from streetveil.redaction.redactor import FileRedactor

    redactor = FileRedactor()
    if redactor.missing:
        _log.warning("lossless_jpeg_unavailable", reason=redactor.missing)
    comment = settings.redaction_comment
    return CommentingRedactor(redactor, comment) if comment else redactor


def results_variant(settings: Settings) -> str:
    """Names the models, thresholds and the like in force: results made with others are not the same."""
    models: dict[str, object] = {}
    paths = _model_paths(settings)
    tuned = tuned_models(settings)
    for card in MODELS:
        own = paths[card.task]
        # A model file that was replaced is another model.
        known = [card.name, card.version, *([tuned[card.task]] if card.task in tuned else [])]
        models[card.task] = [str(own), _changed_at(own)] if own is not None else known
    more: dict[str, object] = {"comment": settings.redaction_comment} if settings.redaction_comment else {}
    if settings.verify != "off":
        more["verify"] = settings.verify
    return json.dumps({"models": models, "thresholds": _thresholds(settings), **more}, sort_keys=True)


def tuned_models(settings: Settings) -> dict[Task, str]:
    """The variants that `streetveil models tune` picked on this machine; models that run as converted are not in it."""
    if _has_gpu(settings):
        return {}
    from streetveil.detection.tuning import Machine, Tuning
    from streetveil.detection.weights import ModelCache

    tuning = Tuning(ModelCache(settings.streetveil_cache), Machine.this())
    paths = _model_paths(settings)
    chosen = {card.task: tuning.chosen(card) for card in MODELS if paths[card.task] is None}
    return {task: choice.variant for task, choice in chosen.items() if choice is not None and choice.file is not None}


def default_options(settings: Settings) -> dict[str, str | float | list[str] | None]:
    """The service's choices for options that a request leaves out, as `JobOptions.parse` takes them."""
    return {
        "style": settings.default_style,
        "profile": settings.default_profile,
        "metadata": settings.default_metadata,
    }


def worker_threads(settings: Settings) -> int:
    """As many as set, or one per core this process may use; more where jobs wait for a GPU meanwhile."""
    cores = len(os.sched_getaffinity(0))
    return settings.num_workers or cores * (_GPU_JOBS_PER_CORE if _has_gpu(settings) else 1)


@contextmanager
def open_services(
    settings: Settings, anonymise: Anonymising, metrics: Metrics | None = None, traces: Traces | None = None
) -> Iterator[Services]:
    """A process of the service: the use cases over the backends that the settings name.

    Embedded (no `REDIS_URL`), this process owns its jobs: the data folder is locked, and what an earlier process
    left unfinished is queued again before this returns.

    Raises:
        ConfigurationError: the settings cannot work, the schema is another version's, or another process uses
            the data folder.
        UnavailableError: a server could not be reached in time; the message says which and why.
    """
    with ExitStack() as stack:
        embedded = settings.redis_url is None
        if embedded:
            lock = DataFolderLock(settings.data_dir)
            lock.acquire()
            stack.callback(lock.release)
        services = stack.enter_context(_connected(settings, anonymise, metrics, traces))
        if embedded:
            services.maintain.rescue(alone=True)
        yield services


@contextmanager
def open_for_operators(settings: Settings) -> Iterator[Services]:
    """The same beside a running service, for commands that ask or change something and end."""
    with _connected(settings, lazy_anonymiser(settings)) as services:
        yield services


@contextmanager
def open_database(settings: Settings) -> Iterator[SqlDatabase]:
    """The database alone, whatever its schema."""
    from streetveil.database.engine import open_engine, sqlite_url
    from streetveil.database.unit_of_work import SqlDatabase

    url = settings.database_url
    engine = open_engine(
        url.get_secret_value() if url else sqlite_url(settings.data_dir / "streetveil.db"),
        timeout_s=settings.database_timeout_s,
    )
    database = SqlDatabase(engine)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _connected(
    settings: Settings, anonymise: Anonymising, metrics: Metrics | None = None, traces: Traces | None = None
) -> Iterator[Services]:
    observer = Observers(*(told for told in (metrics, traces) if told is not None))
    with ExitStack() as stack:
        sql = stack.enter_context(open_database(settings))
        if settings.database_url is None:
            sql.upgrade()
        database: Database = sql
        storage = _open_storage(settings)
        stack.callback(storage.close)
        queue = _open_queue(settings)
        stack.callback(queue.close)
        if metrics is not None:
            _watch_shared_state(settings, metrics, database, storage, queue, anonymise)
            database, storage, queue = _measured(metrics, database, storage, queue)
        if metrics is not None or traces is not None:
            anonymise = MeasuredAnonymising(anonymise, observer)
        for name, check in (("database", database.check), ("storage", storage.check), ("queue", queue.check)):
            _wait_for(name, check, settings.startup_timeout_s)
        attempts = AttemptPolicy(
            most=settings.max_attempts, lease=timedelta(seconds=settings.lease_s), loss_is_harm=not _isolates(settings)
        )
        retention = _retention(settings)
        vault = _vault(settings)
        key = settings.audit_key
        seal = AuditSeal(key.get_secret_value().encode() if key else None)
        worker_id = _unique_worker_id(settings)
        process = Process(
            database=database,
            storage=storage,
            queue=queue,
            anonymise=anonymise.attempt,
            worker_id=worker_id,
            host=socket.gethostname(),
            version=__version__,
            threads=worker_threads(settings),
            attempts=attempts,
            observer=observer,
            retention=retention,
            vault=vault,
        )
        yield Services(
            anonymise=anonymise,
            submit=Submit(
                database=database,
                storage=storage,
                queue=queue,
                max_queue_size=settings.max_queue_size,
                observer=observer,
                vault=vault,
            ),
            inspect=Inspect(
                database=database,
                storage=storage,
                queue=queue,
                max_queue_size=settings.max_queue_size,
                vault=vault,
            ),
            retry=Retry(database=database, queue=queue),
            release=Release(database=database),
            erase=Erase(database=database, storage=storage),
            audit=AuditTrail(database=database),
            audit_log=AuditLog(database=database, seal=seal),
            prove_erasure=ProveErasure(database=database, storage=storage, seal=seal),
            health=_health(settings, database, storage, queue, anonymise, max_age_s=_HEALTH_AGE_S),
            handle=process if traces is None else traces.around(process),
            process=process,
            maintain=Maintain(
                database=database,
                storage=storage,
                queue=queue,
                attempts=attempts,
                retention=retention,
                seal=seal,
                interval=timedelta(seconds=settings.maintain_interval_s),
                grace=timedelta(seconds=settings.requeue_after_s),
                orphan_age=timedelta(seconds=settings.orphan_age_s),
                observer=observer,
            ),
            queue=queue,
            worker_id=worker_id,
            notify=_build_notify(settings, database),
        )


def _measured(
    metrics: Metrics, database: Database, storage: ObjectStore, queue: JobQueue
) -> tuple[Database, ObjectStore, JobQueue]:
    """The same, each telling how long it takes."""
    from streetveil.database.measured import MeasuredDatabase
    from streetveil.queue.measured import MeasuredQueue
    from streetveil.storage.measured import MeasuredObjectStore

    return (
        MeasuredDatabase(database, metrics.database_asked),
        MeasuredObjectStore(storage, metrics.storage_asked),
        MeasuredQueue(queue, metrics.queue_asked),
    )


def _watch_shared_state(
    settings: Settings,
    metrics: Metrics,
    database: Database,
    storage: ObjectStore,
    queue: JobQueue,
    anonymise: Anonymising,
) -> None:
    """Has the API's processes tell of what all share; workers, of which there are many, do not ask for it too."""
    if metrics.component == "worker":
        return
    from streetveil.jobs.shared_state import SharedState

    metrics.watch(
        SharedState(
            database=database,
            queue=queue,
            health=_health(settings, database, storage, queue, anonymise),
            max_queue_size=settings.max_queue_size,
            worker_silence=2 * timedelta(seconds=settings.lease_s),
        )
    )


def _health(
    settings: Settings,
    database: Database,
    storage: ObjectStore,
    queue: JobQueue,
    anonymise: Anonymising,
    *,
    max_age_s: float = 0.0,
) -> Health:
    return Health(
        database=database,
        storage=storage,
        queue=queue,
        photos=anonymise.check if settings.redis_url is None and _isolates(settings) else None,
        max_age_s=max_age_s,
    )


def build_authenticator(settings: Settings) -> Authenticator | None:
    """What tells callers apart; None where nobody is asked who they are.

    Raises:
        ConfigurationError: the settings do not say by which one key tokens are judged, or it cannot be used.
    """
    named = [name for name in _TOKEN_KEYS if getattr(settings, name) is not None]
    if settings.auth_mode == "none":
        if named:
            raise ConfigurationError(f"{named[0].upper()} is set, but tokens are not asked for: set AUTH_MODE=jwt.")
        return None
    if len(named) != 1:
        raise ConfigurationError(f"AUTH_MODE=jwt takes exactly one of {', '.join(_TOKEN_KEYS).upper()}.")
    from streetveil.access.tokens import JwtAuthenticator

    return JwtAuthenticator(_token_keys(settings), issuer=settings.jwt_issuer, audience=settings.jwt_audience)


def _token_keys(settings: Settings) -> KeySource:
    from streetveil.access.jwks import RemoteKeys
    from streetveil.access.keys import OneKey, public_key, shared_secret

    if settings.jwks_url is not None:
        if settings.jwt_issuer is None or settings.jwt_audience is None:
            raise ConfigurationError(
                "JWKS_URL takes JWT_ISSUER and JWT_AUDIENCE too: its provider signs tokens for others as well."
            )
        return RemoteKeys(settings.jwks_url)
    if settings.jwt_secret is not None:
        return OneKey(shared_secret(settings.jwt_secret.get_secret_value()))
    if settings.jwt_public_key_file is not None:
        return OneKey(public_key(_text_of(settings.jwt_public_key_file)))
    return OneKey(public_key(settings.jwt_public_key or ""))


def build_limits(settings: Settings) -> Limits | None:
    """What counts requests and photos: in Redis where there is one; None where nothing is limited.

    Raises:
        ConfigurationError: REDIS_URL cannot be used.
    """
    if settings.rate_limit is None and settings.quota_photos_per_day is None and settings.quota_bytes_per_day is None:
        return None
    from streetveil.limits.counters import Counters
    from streetveil.limits.limiter import Limiter

    return Limiter(
        Counters(None if settings.redis_url is None else _shared_counts(settings.redis_url.get_secret_value())),
        rate=settings.rate_limit,
        photos_per_day=settings.quota_photos_per_day,
        bytes_per_day=settings.quota_bytes_per_day,
    )


def _shared_counts(redis_url: str) -> Storage:
    from streetveil.limits.shared import redis_storage
    from streetveil.queue.redis_client import connect

    return redis_storage(connect(redis_url, timeout_s=_COUNT_TIMEOUT_S).connection_pool)


def build_token_issuer(settings: Settings, private_key: Path | None = None) -> TokenIssuer:
    """What makes tokens that `build_authenticator` takes: with the private key in that file, else with the secret.

    Raises:
        ConfigurationError: there is neither, or it cannot be used.
    """
    from streetveil.access.issue import TokenIssuer

    names = {"issuer": settings.jwt_issuer, "audience": settings.jwt_audience}
    if private_key is not None:
        return TokenIssuer.with_private_key(_text_of(private_key).encode(), **names)
    if settings.jwt_secret is None:
        raise ConfigurationError("Tokens are signed with JWT_SECRET or a private key, and there is neither.")
    return TokenIssuer.with_secret(settings.jwt_secret.get_secret_value(), **names)


def _text_of(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as file:
            return file.read(_MAX_KEY_FILE)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read as a key in PEM form.") from error


def webhook_secret(settings: Settings, tenant: str) -> str:
    """The secret that a tenant's receivers check signatures with.

    Raises:
        ConfigurationError: there is none, or it cannot be used.
    """
    from streetveil.webhooks.signing import tenant_secret

    if settings.webhook_secret is None:
        raise ConfigurationError("WEBHOOK_SECRET is not set: `openssl rand -base64 32` makes one.")
    return tenant_secret(settings.webhook_secret.get_secret_value(), tenant)


def key_folder(settings: Settings) -> KeyFolder:
    """The keys that crops are sealed with.

    Raises:
        ConfigurationError: the settings name no folder.
    """
    from streetveil.crops.keys import KeyFolder

    if settings.crops_keys_dir is None:
        raise ConfigurationError("CROPS_KEYS_DIR is not set: it names the folder of tenants' keys.")
    return KeyFolder(settings.crops_keys_dir)


def _vault(settings: Settings) -> Vault | None:
    """None where no photo is reversible."""
    if settings.crops_keys_dir is None:
        return None
    from streetveil.crops.envelope import EnvelopeVault

    keys = key_folder(settings)
    keys.check()
    return EnvelopeVault(keys)


def _build_notify(settings: Settings, database: Database) -> Notify | None:
    """None where nobody is told: without a secret receivers could not know who tells them."""
    if settings.webhook_secret is None:
        return None
    from streetveil.webhooks.sender import HttpWebhookSender

    sender = HttpWebhookSender(
        settings.webhook_secret.get_secret_value(),
        user_agent=f"streetveil/{__version__}",
        allow_http=settings.webhook_allow_http,
        allow_private=settings.webhook_allow_private,
        timeout_s=settings.webhook_timeout_s,
    )
    policy = DeliveryPolicy(
        retry_for=timedelta(seconds=settings.webhook_retry_s),
        # A round, and one message that is begun at its end: looking up the name may take a minute.
        lease=timedelta(seconds=120 + 2 * settings.webhook_timeout_s),
    )
    return Notify(database=database, sender=sender, policy=policy)


def _open_storage(settings: Settings) -> ObjectStore:
    if settings.s3_bucket is None:
        from streetveil.storage.local import LocalObjectStore

        return LocalObjectStore.open(settings.data_dir / "objects")
    from streetveil.storage.s3 import S3ObjectStore
    from streetveil.storage.s3_options import S3Options

    key, secret, token = settings.aws_access_key_id, settings.aws_secret_access_key, settings.aws_session_token
    return S3ObjectStore.open(
        S3Options(
            bucket=settings.s3_bucket,
            region=settings.aws_region,
            endpoint_url=settings.s3_endpoint_url,
            public_endpoint_url=settings.s3_public_endpoint_url,
            presigned=settings.s3_presigned,
            addressing=settings.s3_addressing,
            access_key_id=key.get_secret_value() if key else None,
            secret_access_key=secret.get_secret_value() if secret else None,
            session_token=token.get_secret_value() if token else None,
            encryption=settings.s3_encryption,
            kms_key_id=settings.s3_kms_key_id,
            request_timeout_s=settings.s3_timeout_s,
        )
    )


def _open_queue(settings: Settings) -> JobQueue:
    if settings.redis_url is None:
        from streetveil.queue.memory import MemoryQueue

        return MemoryQueue()
    from streetveil.queue.dramatiq_queue import DramatiqQueue

    return DramatiqQueue(settings.redis_url.get_secret_value(), heartbeat_s=settings.redis_heartbeat_s)


def _retention(settings: Settings) -> RetentionPolicy:
    general = Retention(
        settings.retention_original, settings.retention_failed, settings.retention_result, settings.retention_crops
    )
    # What a tenant's terms do not name is as for everyone.
    terms: Mapping[str, Mapping[str, Any]] = settings.retention_tenants or {}
    tenants = {tenant: replace(general, **said) for tenant, said in terms.items()}
    return RetentionPolicy(general, tenants)


def _wait_for(name: str, check: Callable[[], None], patience_s: float) -> None:
    """Returns when the dependency works. Servers that start together may take a moment; a wrong setting does not."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            check()
        except UnavailableError as error:
            if time.monotonic() >= deadline:
                raise
            _log.warning("waiting", dependency=name, code=error.code, detail=error.detail)
            time.sleep(_RETRY_S)
        else:
            return


def _unique_worker_id(settings: Settings) -> str:
    """Names this very process: one that was started again must not extend the leases of its predecessor."""
    name = settings.worker_id or socket.gethostname()
    return f"{name[:40]}-{os.getpid()}-{secrets.token_hex(3)}"


def _load_detector(settings: Settings, on_run: OnRun | None = None) -> ProfiledSceneDetector:
    from streetveil.detection.factory import build_scene_detector
    from streetveil.detection.weights import ModelCache

    cache = ModelCache(settings.streetveil_cache)
    return build_scene_detector(
        cache,
        model_paths=_model_paths(settings),
        thresholds=_thresholds(settings),
        networks=_networks(settings, cache.root / "tensorrt"),
        on_run=on_run,
    )


def _networks(settings: Settings, engines: Path) -> Networks:
    from streetveil.detection.devices import choose, gpus_of_driver
    from streetveil.detection.networks import Batching, Networks
    from streetveil.detection.session import installed_runtime

    return Networks(
        choose(settings.device, installed_runtime(), gpus_of_driver),
        batching=Batching(settings.batch_max_size, settings.batch_max_wait_ms / 1000),
        engines=engines,
        lanes=len(os.sched_getaffinity(0)),
    )


def _has_gpu(settings: Settings) -> bool:
    """Whether models will run on a GPU; where there is none that is known without loading ONNX Runtime."""
    from streetveil.detection.devices import choose, gpus_of_driver

    if settings.device == "cpu" or isinstance(gpus_of_driver(), str):
        return False
    from streetveil.detection.session import installed_runtime

    return choose(settings.device, installed_runtime(), gpus_of_driver).on_gpu


def _model_paths(settings: Settings) -> dict[Task, Path | None]:
    return {
        "faces": settings.face_detection_model_path,
        "vehicles": settings.vehicle_detection_model_path,
        "plates": settings.plate_detection_model_path,
    }


def _thresholds(settings: Settings) -> dict[Label, float]:
    thresholds: dict[Label, float] = {}
    if settings.face_confidence_threshold is not None:
        thresholds[Label.FACE] = settings.face_confidence_threshold
    if settings.plate_confidence_threshold is not None:
        thresholds[Label.LICENSE_PLATE] = settings.plate_confidence_threshold
    if settings.car_confidence_threshold is not None:
        thresholds |= dict.fromkeys(VEHICLES, settings.car_confidence_threshold)
    return thresholds


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # loading it will say what is wrong
