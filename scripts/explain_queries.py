"""Fills a MariaDB or MySQL database with jobs and shows how each query of the product finds its rows.

    python scripts/explain_queries.py --rows 1000000 mysql+pymysql://user:password@host:3306/empty_database

Without a URL it starts a MariaDB of its own in a temporary folder (mariadbd must be installed). The database must be
an empty one that nobody uses. The table that is printed stands in docs/database.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, event, text

from streetveil.database.base import BatchRow, UnitOfWork, Whose, WorkerRow
from streetveil.database.engine import open_engine
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import Job, JobFailure, JobResult, JobStatus, new_id
from streetveil.domain.options import JobOptions
from streetveil.domain.reports import JobFilter
from streetveil.storage.keys import metadata_key, original_key, processed_key

_SPAN = timedelta(hours=1)
_TENANT = DEFAULT_TENANT
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """What queries are asked about: ids that there are (or not), and the present."""

    now: datetime
    job: Job
    batch_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan, as EXPLAIN gives it; `access` ALL means that every row of the table is read."""

    table: str
    access: str
    index: str
    rows: int
    extra: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How a query was answered.

    Attributes:
        rows_read: of tables and indexes, temporary ones included, as the server counted them.
        milliseconds: the best of three runs, with all that Python does.
    """

    name: str
    steps: list[Step]
    rows_read: int
    milliseconds: float


def queries(sample: Sample) -> Mapping[str, Callable[[UnitOfWork], object]]:
    """Every question and every change that the product asks of the database, by a name for people."""
    now, job, old = sample.now, sample.job, sample.now - 30 * _SPAN
    failure = JobFailure("storage_unavailable", "down")
    worker = WorkerRow("w", "host", "1", now, now, 4, 2)
    deep = new_id(now - 20 * _SPAN)
    return {
        "get": lambda it: it.jobs.get(job.id, tenant=_TENANT),
        "holdings": lambda it: it.jobs.holdings({job.id, deep}),
        "by_idempotency_key": lambda it: it.jobs.by_idempotency_key(sample.key, tenant=_TENANT),
        "page": lambda it: it.jobs.page(JobFilter(), tenant=_TENANT, after=None, limit=51),
        "page, far down": lambda it: it.jobs.page(JobFilter(), tenant=_TENANT, after=deep, limit=51),
        "page, failed": lambda it: it.jobs.page(
            JobFilter(status=JobStatus.FAILED), tenant=_TENANT, after=None, limit=51
        ),
        "page, of one hour": lambda it: it.jobs.page(
            JobFilter(since=now - _HOUR, until=now), tenant=_TENANT, after=None, limit=51
        ),
        "page, with a face": lambda it: it.jobs.page(
            JobFilter(is_face_detected=True), tenant=_TENANT, after=None, limit=51
        ),
        "page, face not blurred": lambda it: it.jobs.page(
            JobFilter(is_face_detected=True, is_face_blurred=False), tenant=_TENANT, after=None, limit=51
        ),
        "page, plate but no vehicle": lambda it: it.jobs.page(
            JobFilter(is_plate_blurred=True, is_vehicle_detected=False, status=JobStatus.COMPLETED),
            tenant=_TENANT,
            after=deep,
            limit=51,
        ),
        "of_batch": lambda it: it.jobs.of_batch(sample.batch_id, 1000),
        "batch_counts": lambda it: it.jobs.batch_counts(sample.batch_id),
        "waiting": lambda it: it.jobs.waiting(tenant=_TENANT),
        "waiting, of all": lambda it: it.jobs.waiting(),
        "counts": lambda it: it.jobs.counts(tenant=_TENANT, since=now - _HOUR),
        "counts, of all": lambda it: it.jobs.counts(tenant=None, since=now - _HOUR),
        "completed_since": lambda it: it.jobs.completed_since(now - timedelta(minutes=1), tenant=_TENANT),
        "completed_since, of all": lambda it: it.jobs.completed_since(now - timedelta(minutes=1), tenant=None),
        "failures": lambda it: it.jobs.failures(tenant=_TENANT, since=now - _HOUR),
        "failures, of all": lambda it: it.jobs.failures(tenant=None, since=now - _HOUR),
        "last_failed": lambda it: it.jobs.last_failed(now - _HOUR, 10, tenant=_TENANT),
        "last_failed, of all": lambda it: it.jobs.last_failed(now - _HOUR, 10, tenant=None),
        "recent": lambda it: it.jobs.recent(now - _HOUR, 10_000, tenant=_TENANT),
        "recent, of all": lambda it: it.jobs.recent(now - _HOUR, 10_000, tenant=None),
        "oldest_submission": lambda it: it.jobs.oldest_submission(tenant=_TENANT),
        "oldest_submission, of all": lambda it: it.jobs.oldest_submission(tenant=None),
        "overdue, submitted": lambda it: it.jobs.overdue(JobStatus.SUBMITTED, before=now, after=None, limit=500),
        "overdue, submitted, next": lambda it: it.jobs.overdue(JobStatus.SUBMITTED, before=None, after=job, limit=500),
        "overdue, processing": lambda it: it.jobs.overdue(JobStatus.PROCESSING, before=now, after=None, limit=500),
        "unpurged": lambda it: it.jobs.unpurged(500),
        "with_expired_crops": lambda it: it.jobs.with_expired_crops(old, 200),
        "finished": lambda it: it.jobs.finished(
            old, statuses=[JobStatus.COMPLETED], whose=Whose(), with_original=False, limit=200
        ),
        "finished, with original": lambda it: it.jobs.finished(
            old, statuses=[JobStatus.COMPLETED], whose=Whose(), with_original=True, limit=200
        ),
        "finished, of a tenant": lambda it: it.jobs.finished(
            old, statuses=[JobStatus.COMPLETED], whose=Whose(_TENANT), with_original=False, limit=200
        ),
        "add": lambda it: it.jobs.add(replace(job, id=new_id(now), idempotency_key=None)),
        "claim": lambda it: it.jobs.claim(job.id, worker_id="w", now=now, lease=_HOUR),
        "complete": lambda it: it.jobs.complete(job, _result(job, Random(1)), now=now),  # noqa: S311
        "hold": lambda it: it.jobs.hold(job, _result(job, Random(1)), now=now),  # noqa: S311
        "release": lambda it: it.jobs.hold(job, _result(job, Random(1)), now=now) and it.jobs.release(job.id, now=now),  # noqa: S311
        "postpone": lambda it: it.jobs.postpone(job, failure, now=now, due_at=now),
        "fail": lambda it: it.jobs.fail(job, failure, now=now),
        "resubmit": lambda it: it.jobs.resubmit(job.id, now=now),
        "erase": lambda it: it.jobs.erase(job.id, now=now),
        "purged": lambda it: it.jobs.purged(job.id),
        "remind": lambda it: it.jobs.remind([job.id, deep], now=now),
        "extend_leases": lambda it: it.jobs.extend_leases([job.id, deep], worker_id="w", due_at=now),
        "expire_crops": lambda it: it.jobs.expire_crops(job.id, now=now),
        "expire_original": lambda it: it.jobs.expire_original(job.id, now=now),
        "batch": lambda it: it.batches.get(sample.batch_id, tenant=_TENANT),
        "worker seen": lambda it: it.workers.seen(worker),
        "workers pruned": lambda it: it.workers.prune(now - _HOUR),
        "turn taken": lambda it: it.turns.take("rescue", holder="w", now=now, until=now),
    }


def fill(engine: Engine, rows: int, now: datetime, *, seed: int = 1000) -> Sample:
    """Makes the tables and about `rows` jobs: `seed` an hour, the last ones just now, and some that wait."""
    database = SqlDatabase(engine)
    database.upgrade()
    random = Random(7)  # noqa: S311
    batches = [BatchRow(new_id(now - _SPAN), now - _SPAN) for _ in range(seed // 20)]
    jobs = [a_job(now - _SPAN * (number / seed), random.choice(batches).id) for number in range(seed)]

    def past(transaction: UnitOfWork) -> None:
        for batch in batches:
            transaction.batches.add(batch)
        for job in jobs:
            _end(transaction, job, random)

    waiting = [a_job(now - timedelta(seconds=number), None) for number in range(1000)]
    keyed = replace(waiting[0], id=new_id(now), idempotency_key="a-key")

    def present(transaction: UnitOfWork) -> None:
        for job in (*waiting, keyed):
            transaction.jobs.add(job)
        for job in waiting[-8:]:
            transaction.jobs.claim(job.id, worker_id="w", now=now - timedelta(minutes=1), lease=timedelta(seconds=30))

    database.transact(past)
    count, shift = seed, _SPAN
    while count < rows:
        _double(engine, shift)
        count, shift = count * 2, shift * 2
    database.transact(present)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE TABLE processed_images"))
    return Sample(now, waiting[0], batches[0].id, "a-key")


def explain(engine: Engine, sample: Sample) -> Iterator[Plan]:
    """Asks each query a few times, and its plan once; changes are rolled back."""
    database = SqlDatabase(engine)
    for name, ask in queries(sample).items():
        with _overheard(engine) as heard:
            _rolled_back(database, ask)
            asked = [(statement, parameters) for _, statement, parameters in heard]
            read = _rows_read(database, ask, heard) - _rows_read(database, lambda _: None, heard)
        took = []
        for _ in range(3):
            began = time.perf_counter()
            _rolled_back(database, ask)
            took.append((time.perf_counter() - began) * 1000)
        steps = []
        with engine.connect() as connection:
            for statement, parameters in asked:
                rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).mappings()
                steps += [_step(row) for row in rows]
        yield Plan(name, steps, read, min(took))


def main() -> None:
    """Fills, explains and prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", help="of an empty database")
    parser.add_argument("--rows", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with _database(chosen.url) as url:
        engine = open_engine(url, timeout_s=3600.0)
        began = time.perf_counter()
        sample = fill(engine, chosen.rows, datetime.now(UTC))
        with engine.connect() as connection:
            rows = connection.scalar(text("SELECT COUNT(*) FROM processed_images"))
            version = connection.scalar(text("SELECT VERSION()"))
        print(f"{rows:,} jobs in {time.perf_counter() - began:.0f} s, {version}\n", file=sys.stderr)
        print("| query | access by index | rows read | ms |\n|---|---|---|---|")
        for plan in explain(engine, sample):
            steps = dict.fromkeys(_shown(step) for step in plan.steps if not step.table.startswith("<"))
            print(f"| {plan.name} | {'; '.join(filter(None, steps))} | {plan.rows_read:,} | {plan.milliseconds:.1f} |")
        engine.dispose()


def _shown(step: Step) -> str:
    if not step.access:
        return ""
    index = step.index.removeprefix("ix_processed_images_").removeprefix("uq_processed_images_")
    return f"{step.access} {index or step.table}{' sorted' if 'filesort' in step.extra else ''}"


@contextmanager
def _database(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.support.servers import MariaDb  # noqa: PLC0415 - needed without a URL only

    with tempfile.TemporaryDirectory() as folder, MariaDb(Path(folder)) as server:
        yield server.url("explain")


class _RollBackError(Exception):
    pass


def _rolled_back(database: SqlDatabase, ask: Callable[[UnitOfWork], object]) -> None:
    def work(transaction: UnitOfWork) -> None:
        ask(transaction)
        raise _RollBackError

    with suppress(_RollBackError):
        database.transact(work)


@contextmanager
def _overheard(engine: Engine) -> Iterator[list[tuple[Connection, str, Any]]]:
    """The statements with a plan that are executed meanwhile."""
    heard: list[tuple[Connection, str, Any]] = []

    def hear(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:  # noqa: ANN401
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            heard.append((connection, statement, parameters))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def _rows_read(
    database: SqlDatabase, ask: Callable[[UnitOfWork], object], heard: list[tuple[Connection, str, Any]]
) -> int:
    """What the server counts of it, and of the counting itself."""
    counted: list[int] = []

    def count() -> None:
        status = heard[-1][0].exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'")
        counted.append(sum(int(value) for _, value in status))

    def work(transaction: UnitOfWork) -> None:
        transaction.batches.get("none", tenant=_TENANT)
        count()
        ask(transaction)
        count()

    _rolled_back(database, work)
    return counted[1] - counted[0]


def _step(row: RowMapping) -> Step:
    return Step(row["table"] or "", row["type"] or "", row["key"] or "", int(row["rows"] or 0), row["Extra"] or "")


def a_job(at: datetime, batch_id: str | None) -> Job:
    job_id = new_id(at)
    return Job(
        id=job_id,
        status=JobStatus.SUBMITTED,
        filename="street.jpg",
        file_size=4_000_000,
        width=4000,
        height=3000,
        media_type="image/jpeg",
        content_sha256=f"{int(at.timestamp() * 1e6):064x}",
        original_key=original_key(DEFAULT_TENANT, job_id, "jpg"),
        options=JobOptions(),
        created_at=at,
        updated_at=at,
        submitted_at=at,
        due_at=at,
        batch_id=batch_id,
    )


def _end(transaction: UnitOfWork, job: Job, random: Random) -> None:
    at = job.created_at
    transaction.jobs.add(job)
    claimed = transaction.jobs.claim(job.id, worker_id=f"w{random.randrange(8)}", now=at, lease=_HOUR)
    if claimed is None:
        raise RuntimeError("the database is not empty, or somebody else uses it")
    if random.random() < 0.03:
        transaction.jobs.fail(claimed, JobFailure("undecodable_image", "It ends early."), now=at)
    else:
        transaction.jobs.complete(claimed, _result(claimed, random), now=at)
    if random.random() < 0.01:
        transaction.jobs.erase(job.id, now=at)
        transaction.jobs.purged(job.id)
    elif random.random() < 0.9:
        transaction.jobs.expire_original(job.id, now=at)


def _result(job: Job, random: Random) -> JobResult:
    faces, plates, vehicles = (random.random() < part for part in (0.4, 0.6, 0.9))
    region = {"box": [1.0, 2.0, 3.0, 4.0], "confidence": 0.75, "style": "gaussian"}
    regions = [region | {"class": "face"}] * faces + [region | {"class": "license_plate"}] * plates
    keys = processed_key(DEFAULT_TENANT, job.id, 1, "jpg"), metadata_key(DEFAULT_TENANT, job.id, 1)
    blur = {"regions": regions, "faces_blurred": int(faces), "plates_blurred": int(plates), "models": []}
    detection = {
        "vehicles": [{"class": "car", "box": [1.0, 2.0, 3.0, 4.0], "confidence": 0.5}] * vehicles,
        "is_vehicle_detected": vehicles,
        "is_face_detected": faces,
    }
    return JobResult(*keys, 1.0, blur, detection)


def _double(engine: Engine, shift: timedelta) -> None:
    """Copies every row to a time that much earlier, ids (which begin with a time) included."""
    milliseconds = shift // timedelta(milliseconds=1)
    with engine.begin() as connection:
        named = connection.execute(text("SHOW COLUMNS FROM processed_images")).scalars().all()
        columns = {str(name): str(name) for name in named}
        for name in ("created_at", "updated_at", "submitted_at", "started_at", "finished_at", "original_deleted_at"):
            columns[name] = f"{name} - INTERVAL {milliseconds} * 1000 MICROSECOND"
        columns |= {"id": _shifted("id", milliseconds), "batch_id": _shifted("batch_id", milliseconds)}
        columns_of_batches = f"{columns['id']}, tenant, {columns['created_at']}"
        connection.execute(
            text(f"INSERT INTO batches (id, tenant, created_at) SELECT {columns_of_batches} FROM batches")  # noqa: S608
        )
        connection.execute(
            text(
                f"INSERT INTO processed_images ({', '.join(columns)}) "  # noqa: S608 - names of columns
                f"SELECT {', '.join(columns.values())} FROM processed_images"
            )
        )


def _shifted(column: str, milliseconds: int) -> str:
    number = f"CONV(CONCAT(SUBSTR({column}, 1, 8), SUBSTR({column}, 10, 4)), 16, 10) - {milliseconds}"
    digits = f"LOWER(LPAD(HEX({number}), 12, '0'))"
    return f"CONCAT(SUBSTR({digits}, 1, 8), '-', SUBSTR({digits}, 9, 4), SUBSTR({column}, 14))"


if __name__ == "__main__":
    main()
