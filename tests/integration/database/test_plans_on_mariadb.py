"""No query of the product reads all jobs: the optimizer's own word, on a server with many rows."""

from datetime import UTC, datetime

import pytest
from scripts.explain_queries import explain, fill

from streetveil.database.engine import open_engine

ROWS = 16_000
NOW = datetime(2026, 6, 1, tzinfo=UTC)

# What reads many rows on purpose, and what bounds them: see docs/database.md.
_BOUNDED = {
    "counts": "an hour's jobs and those that wait",
    "recent": "an hour's jobs, 10,000 at most",
    "waiting": "those that wait",
    "overdue, submitted": "LIMIT, in the order of the index",
    "finished": "LIMIT, in the order of the index",
    "finished, with original": "LIMIT, in the order of the index",
}


@pytest.fixture(scope="module")
def plans(mariadb):
    engine = open_engine(mariadb.url("plans"))
    sample = fill(engine, ROWS, NOW, seed=200)
    yield list(explain(engine, sample))
    engine.dispose()


def test_no_query_reads_the_whole_table_nor_a_whole_index(plans):
    assert len(plans) > 30
    for plan in plans:
        for step in plan.steps:
            if step.table == "processed_images":
                assert step.access in {"const", "eq_ref", "ref", "range"}, (plan.name, step)


def test_pages_are_read_in_the_order_of_an_index(plans):
    pages = [plan for plan in plans if plan.name.startswith("page")]
    assert len(pages) >= 7
    for plan in pages:
        read = [step for step in plan.steps if step.table == "processed_images" and step.index != "PRIMARY"]
        assert read
        assert {step.index for step in read} <= {"ix_processed_images_status_id", "ix_processed_images_found"}
        assert not [step for step in read if "filesort" in step.extra], plan.name


def test_the_others_look_at_few_rows(plans):
    for plan in plans:
        if plan.name not in _BOUNDED and not plan.name.startswith("page"):
            assert sum(step.rows for step in plan.steps) < 200, plan
