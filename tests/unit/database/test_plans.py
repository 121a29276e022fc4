"""Every query that may meet many rows finds its way by an index."""

import re
from datetime import UTC, datetime

import pytest
from scripts.explain_queries import Sample, a_job, queries
from sqlalchemy import event

from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.unit_of_work import SqlDatabase

NOW = datetime(2026, 5, 4, tzinfo=UTC)
SAMPLE = Sample(NOW, a_job(NOW, None), "no-batch", "no-key")
QUERIES = queries(SAMPLE)


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_reads_the_whole_table(path, name):
    engine = open_engine(sqlite_url(path))
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2:4]))
    database = SqlDatabase(engine)
    database.transact(QUERIES[name])
    asked = [pair for pair in statements if re.match("SELECT|UPDATE|DELETE", pair[0])]
    assert asked or name == "add"
    with engine.connect() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            for step in plan:
                assert not step.detail.startswith("SCAN processed_images"), (statement, step.detail)
    engine.dispose()
