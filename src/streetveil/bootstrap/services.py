"""The use cases over the backends: what a process of the service is made of."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from streetveil import __version__
from streetveil.bootstrap.backends import DATABASE_FILE, open_database, open_queue, open_storage, wait_for
from streetveil.bootstrap.choices import isolates, worker_threads
from streetveil.bootstrap.photos import lazy_anonymiser
from streetveil.bootstrap.tenant_keys import open_vault
from streetveil.bootstrap.watching import HEALTH_AGE_S, build_health, measured, watch_shared_state
from streetveil.database.folder_lock import DataFolderLock
from streetveil.domain.audit import AuditSeal
from streetveil.errors import ConfigurationError
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
from streetveil.settings import Settings

if TYPE_CHECKING:
    from streetveil.database.base import Database
    from streetveil.observability.metrics import Metrics
    from streetveil.observability.tracing import Traces


_log = structlog.get_logger(__name__)


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
    """The same beside a running service, for commands that ask or change something and end.

    Raises:
        ConfigurationError: also where no service ever worked in the data folder: in another one than it was started
            in, an audit log would be found in order for want of records.
    """
    with suppress(PermissionError):  # which opening it tells
        if settings.database_url is None and not (settings.data_dir / DATABASE_FILE).exists():
            raise ConfigurationError(
                f"There is no service's database in {settings.data_dir.absolute()}: start this in the folder that the "
                "service was started in, or set DATA_DIR or DATABASE_URL as it has them."
            )
    with _connected(settings, lazy_anonymiser(settings)) as services:
        yield services


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
        storage = open_storage(settings)
        stack.callback(storage.close)
        queue = open_queue(settings)
        stack.callback(queue.close)
        if metrics is not None:
            watch_shared_state(settings, metrics, database, storage, queue, anonymise)
            database, storage, queue = measured(metrics, database, storage, queue)
        if metrics is not None or traces is not None:
            anonymise = MeasuredAnonymising(anonymise, observer)
        for name, check in (("database", database.check), ("storage", storage.check), ("queue", queue.check)):
            wait_for(name, check, settings.startup_timeout_s)
        attempts = AttemptPolicy(
            most=settings.max_attempts, lease=timedelta(seconds=settings.lease_s), loss_is_harm=not isolates(settings)
        )
        retention = _retention(settings)
        vault = open_vault(settings)
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
            health=build_health(settings, database, storage, queue, anonymise, max_age_s=HEALTH_AGE_S),
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
            notify=_build_notify(settings, database, metrics),
        )


def _build_notify(settings: Settings, database: Database, metrics: Metrics | None) -> Notify | None:
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
    return Notify(
        database=database, sender=sender, policy=policy, tell=metrics.notified if metrics is not None else None
    )


def _retention(settings: Settings) -> RetentionPolicy:
    general = Retention(
        settings.retention_original, settings.retention_failed, settings.retention_result, settings.retention_crops
    )
    # What a tenant's terms do not name is as for everyone.
    terms: Mapping[str, Mapping[str, Any]] = settings.retention_tenants or {}
    tenants = {tenant: replace(general, **said) for tenant, said in terms.items()}
    return RetentionPolicy(general, tenants)


def _unique_worker_id(settings: Settings) -> str:
    """Names this very process: one that was started again must not extend the leases of its predecessor."""
    name = settings.worker_id or socket.gethostname()
    return f"{name[:40]}-{os.getpid()}-{secrets.token_hex(3)}"
