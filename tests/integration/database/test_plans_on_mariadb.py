"""No query of the product reads all jobs: the optimizer's own word, on a server with many rows."""

from datetime import UTC, datetime

import pytest
from scripts.explain_queries import explain, fill

from streetveil.database.engine import open_engine

ROWS = 8_000
NOW = datetime(2026, 6, 1, tzinfo=UTC)

# Those that are bounded by what waits (1,000 here), by an hour's jobs or by their LIMIT.
_MANY = {
    "counts",
    "recent",
    "waiting",
    "oldest_submission, of all",
    "overdue, submitted",
    "finished",
    "finished, with original",
    "finished, of a tenant",
}


@pytest.fixture(scope="module")
def plans(mariadb):
    engine = open_engine(mariadb.url("plans"))
    sample = fill(engine, ROWS, NOW, seed=100)
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
        assert {step.index for step in read} <= {
            "ix_processed_images_tenant_status_id",
            "ix_processed_images_tenant_found",
        }
        assert not [step for step in read if "filesort" in step.extra], plan.name


@pytest.mark.parametrize("name", ["counts", "completed_since", "failures", "recent"])
def test_figures_of_the_last_hour_are_read_by_an_index_that_ends_with_the_time(plans, name):
    steps = {plan.name: [step for step in plan.steps if step.table == "processed_images"] for plan in plans}
    ours, all_tenants = steps[name][-1], steps[f"{name}, of all"][-1]
    assert (ours.access, ours.index) == ("range", "ix_processed_images_tenant_status_finished_at")
    assert (all_tenants.access, all_tenants.index) == ("range", "ix_processed_images_status_finished_at")


def test_queries_read_few_rows_however_many_there_are(plans):
    for plan in plans:
        # A page of 51: of each of its cases as many, once more when they are sorted, and then the rows themselves.
        most = (
            5000
            if {plan.name, plan.name.removesuffix(", of all")} & _MANY
            else 1500
            if plan.name.startswith("page")
            else 100
        )
        assert plan.rows_read <= most, plan
