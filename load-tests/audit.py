"""What recording who did what costs an upload's transaction: nothing, an event to be sealed later, or a chained record.

    .venv/bin/python load-tests/audit.py --seconds 3

Eight threads insert jobs as fast as they can into SQLite, then into a MariaDB that is started here, the ways in turn.
`sealing` is how many events a second one sealer chains afterwards.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from sqlalchemy import text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.servers import MariaDb  # noqa: E402 - the path above makes it importable

from streetveil.database.base import UnitOfWork  # noqa: E402
from streetveil.database.engine import open_engine, sqlite_url  # noqa: E402
from streetveil.database.unit_of_work import SqlDatabase, SqlUnitOfWork  # noqa: E402
from streetveil.domain.access import DEFAULT_TENANT  # noqa: E402
from streetveil.domain.audit import Actor, AuditAction, AuditSeal  # noqa: E402
from streetveil.domain.job import Job, JobStatus, new_id, utc_now  # noqa: E402
from streetveil.domain.options import JobOptions  # noqa: E402
from streetveil.jobs.audit import Sealer  # noqa: E402
from streetveil.storage.keys import original_key  # noqa: E402

_THREADS = 8
_SEAL = AuditSeal()
_ANN = Actor("ann", origin="192.0.2.0/24")

Way = Callable[[UnitOfWork], None]


def nothing(unit: UnitOfWork) -> None:
    """The job alone."""
    unit.jobs.add(_job())


def inbox(unit: UnitOfWork) -> None:
    """The job and its event, as the product does it."""
    job = _job()
    unit.jobs.add(job)
    unit.audit.add(_ANN.did(AuditAction.SUBMIT, at=job.created_at, job_id=job.id))


def chained(unit: UnitOfWork) -> None:
    """The job and its record at once, whose number and hash only one transaction at a time can know."""
    job = _job()
    unit.jobs.add(job)
    if isinstance(unit, SqlUnitOfWork) and unit.jobs._connection.dialect.name != "sqlite":  # noqa: SLF001
        unit.jobs._connection.execute(text("SELECT holder FROM locks WHERE name = 'chain' FOR UPDATE"))  # noqa: SLF001
    event = _ANN.did(AuditAction.SUBMIT, at=job.created_at, job_id=job.id)
    if not unit.audit.append(list(_SEAL.seal([event], unit.audit.head()))):
        raise RuntimeError("two transactions were at the chain's end")


def _job() -> Job:
    at = utc_now()
    job_id = new_id(at)
    return Job(
        id=job_id, status=JobStatus.SUBMITTED, filename="street.jpg", file_size=1, media_type="image/jpeg",
        content_sha256="ab" * 32, original_key=original_key(DEFAULT_TENANT, job_id, "jpg"), options=JobOptions(),
        created_at=at, updated_at=at, submitted_at=at, due_at=at,
    )  # fmt: skip


def per_second(database: SqlDatabase, way: Way, seconds: float) -> float:
    """Transactions a second, of all threads together."""
    counts = [0] * _THREADS
    end = time.monotonic() + seconds

    def insert(number: int) -> None:
        while time.monotonic() < end:
            database.transact(way)
            counts[number] += 1

    threads = [threading.Thread(target=insert, args=[number]) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def measure(name: str, url: str, seconds: float) -> None:
    """Prints what the ways cost on one database: two rounds each, in turn."""
    database = SqlDatabase(open_engine(url))
    database.upgrade()
    database.transact(lambda unit: unit.turns.take("chain", holder="bench", now=utc_now(), until=utc_now()))
    # A chained record must not come between events that wait, so these are sealed after each round.
    sealer = Sealer(database=database, seal=_SEAL)
    for _ in range(2):
        for way in (nothing, inbox, chained):
            rate = per_second(database, way, seconds)
            print(f"{name:8} {way.__name__:8} {rate:7.0f}/s")
        began, count = time.monotonic(), sealer()
        print(f"{name:8} sealing  {count / (time.monotonic() - began):7.0f}/s")
    database.close()


def main() -> None:
    """Measures, and removes what it made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="per way and round")
    seconds = parser.parse_args().seconds
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory(prefix="streetveil-audit-") as folder:
        measure("sqlite", sqlite_url(Path(folder) / "jobs.db"), seconds)
        with MariaDb(Path(folder) / "mariadb") as server:
            measure("mariadb", server.url("audit"), seconds)


if __name__ == "__main__":
    main()
