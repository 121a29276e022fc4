"""Every query that may meet many rows finds its way by an index."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.job import JobStatus
from streetveil.domain.reports import JobFilter

NOW = datetime(2026, 5, 4, tzinfo=UTC)

QUERIES = {
    "get": lambda jobs: jobs.get("x"),
    "holdings": lambda jobs: jobs.holdings({"a", "b"}),
    "key": lambda jobs: jobs.by_idempotency_key("k"),
    "page": lambda jobs: jobs.page(JobFilter(), after="x", limit=5),
    "page by status": lambda jobs: jobs.page(JobFilter(status=JobStatus.FAILED), after=None, limit=5),
    "page by time": lambda jobs: jobs.page(JobFilter(since=NOW, until=NOW), after=None, limit=5),
    "page by vehicle": lambda jobs: jobs.page(JobFilter(is_vehicle_detected=True), after=None, limit=5),
    "page by face": lambda jobs: jobs.page(JobFilter(is_face_detected=True), after=None, limit=5),
    "page by blur": lambda jobs: jobs.page(JobFilter(is_face_blurred=False), after="x", limit=5),
    "page by plate": lambda jobs: jobs.page(JobFilter(is_plate_blurred=True), after=None, limit=5),
    "batch": lambda jobs: jobs.of_batch("x", 5),
    "batch counts": lambda jobs: jobs.batch_counts("x"),
    "waiting": lambda jobs: jobs.waiting(),
    "counts": lambda jobs: jobs.counts(since=NOW),
    "overdue": lambda jobs: jobs.overdue(JobStatus.PROCESSING, before=NOW, after=None, limit=5),
    "all submitted": lambda jobs: jobs.overdue(JobStatus.SUBMITTED, before=None, after=None, limit=5),
    "unpurged": lambda jobs: jobs.unpurged(5),
    "completed": lambda jobs: jobs.completed_since(NOW),
    "failures": lambda jobs: jobs.failures(since=NOW),
    "recent": lambda jobs: jobs.recent(NOW, 5),
    "oldest": lambda jobs: jobs.oldest_submission(),
    "claim": lambda jobs: jobs.claim("x", worker_id="w", now=NOW, lease=timedelta(1)),
}


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_reads_the_whole_table(path, name):
    engine = open_engine(sqlite_url(path))
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2:4]))
    database = SqlDatabase(engine)
    database.transact(lambda transaction: QUERIES[name](transaction.jobs))
    asked = [pair for pair in statements if re.match("SELECT|UPDATE", pair[0])]
    assert asked
    with engine.connect() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            for step in plan:
                # Counting all jobs by status reads an index from end to end; nothing reads the table itself.
                assert not re.match(r"SCAN processed_images(?! USING)", step.detail), (statement, step.detail)
                assert name == "counts" or not step.detail.startswith("SCAN processed_images"), step.detail
    engine.dispose()
