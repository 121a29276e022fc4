"""Many rows at once, for measuring with a table as large as a service's after months."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from streetveil.database.engine import WRITING, open_engine
from streetveil.database.failures import translate
from streetveil.database.records import new_row
from streetveil.database.tables import JobRecord
from streetveil.domain.job import Job

_AT_A_TIME = 1000


def add_copies(url: str, job: Job, ids: Sequence[str]) -> None:
    """Inserts `job` again under each of `ids`, a thousand in a transaction: past the queue, which is not told.

    Raises:
        DatabaseUnavailableError: the database cannot be reached or refuses us.
    """
    row = new_row(job, None)
    engine = open_engine(url)
    try:
        for start in range(0, len(ids), _AT_A_TIME):
            rows = [row | {"id": job_id} for job_id in ids[start : start + _AT_A_TIME]]
            with engine.execution_options(**{WRITING: True}).begin() as connection:
                connection.execute(insert(JobRecord), rows)
    except DBAPIError as error:
        raise translate(error, engine) from error
    finally:
        engine.dispose()
