"""Messages to webhooks: a change happens only to the message, and the try of it, that it is about."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from streetveil.domain.job import JobFailure, JobStatus, utc_now
from streetveil.domain.reports import Backlog
from streetveil.domain.webhooks import WebhookReport

URL = "https://hooks.example.org/"
MINUTE = timedelta(minutes=1)
LONGEST = f"https://hooks.example.org/{'x' * 1974}"


@pytest.fixture
def change(database):
    """Does something to the messages in a transaction of its own."""
    return lambda name, *args, **more: database.transact(
        lambda transaction: getattr(transaction.webhooks, name)(*args, **more)
    )


@pytest.fixture
def ended(database, add, change):
    """The message of a job that has just failed."""
    job = add()
    change("add", job, URL)
    fail(database, job)
    (delivery,) = change("due", job.created_at, 10)
    return job, delivery


def fail(database, job):
    def work(transaction):
        transaction.jobs.resubmit(job.id, now=job.created_at)
        claimed = transaction.jobs.claim(job.id, worker_id="w", now=job.created_at, lease=MINUTE)
        return transaction.jobs.fail(claimed, JobFailure("x", ""), now=job.created_at)

    assert database.transact(work)


def test_a_message_is_taken_by_one_and_comes_back_when_its_time_is_over(change, ended):
    job, delivery = ended
    now = job.created_at
    taken = change("claim", delivery, now=now, until=now + MINUTE)
    assert taken.attempts == 1
    assert change("claim", delivery, now=now, until=now + MINUTE) is None
    assert change("due", now + MINUTE - timedelta(microseconds=1), 10) == []
    assert change("due", now + MINUTE, 10) == [taken]


def test_what_another_left_for_later_is_not_taken_at_once(change, ended):
    job, delivery = ended
    now = job.created_at
    taken = change("claim", delivery, now=now, until=now + MINUTE)
    assert change("give_back", taken, due_at=now + MINUTE)
    assert change("claim", delivery, now=now, until=now + MINUTE) is None
    assert change("due", now + MINUTE, 10) == [delivery]


@pytest.mark.parametrize("late", ["delivered", "postpone", "give_up", "give_back"])
def test_whose_time_was_over_changes_nothing_any_more(change, ended, late):
    job, delivery = ended
    now = job.created_at
    first = change("claim", delivery, now=now, until=now)
    assert change("claim", first, now=now, until=now + MINUTE)
    assert not _late(change, late, first, now)
    assert change("report", job.id) == WebhookReport("due", 2)


@pytest.mark.parametrize("late", ["delivered", "postpone", "give_up", "give_back"])
def test_what_is_noted_of_a_message_is_not_noted_of_the_next(database, change, ended, late):
    job, delivery = ended
    now = job.created_at
    old = change("claim", delivery, now=now, until=now)
    fail(database, job)
    (newer,) = change("due", now, 10)
    assert (newer.number, newer.attempts) == (2, 0)
    assert change("claim", newer, now=now, until=now + MINUTE)
    assert not _late(change, late, old, now)
    assert change("report", job.id) == WebhookReport("due", 1)


def _late(change, name, delivery, now):
    more = {"delivered": {"now": now}, "give_up": {}}.get(name, {"due_at": now})
    return change(name, delivery, *(["error"] if name in {"postpone", "give_up"} else []), **more)


def test_the_longest_url_and_error_fit(change, add, database):
    job = add()
    assert len(LONGEST) == 2000
    change("add", job, LONGEST)
    fail(database, job)
    (delivery,) = change("due", job.created_at, 10)
    assert delivery.url == LONGEST
    taken = change("claim", delivery, now=job.created_at, until=job.created_at + MINUTE)
    change("give_up", taken, "e" * 3000)
    assert change("report", job.id) == WebhookReport("given_up", 1, "e" * 500)


def test_a_job_whose_end_is_rolled_back_is_not_told_of(database, change, add):
    job = add()
    change("add", job, URL)

    def undone(transaction):
        claimed = transaction.jobs.claim(job.id, worker_id="w", now=job.created_at, lease=MINUTE)
        assert transaction.jobs.fail(claimed, JobFailure("x", ""), now=job.created_at)
        raise KeyError

    with pytest.raises(KeyError):
        database.transact(undone)
    assert change("report", job.id) == WebhookReport("waiting", 0)


def test_of_an_erased_job_no_row_is_left(database, change, ended):
    job, delivery = ended
    database.transact(lambda transaction: transaction.jobs.erase(job.id, now=job.created_at))
    assert change("report", job.id) is None
    assert not change("claim", delivery, now=job.created_at, until=job.created_at)
    with database.snapshot() as snapshot:
        assert snapshot.jobs.get(job.id).status is JobStatus.ERASED


def test_what_is_still_to_be_sent_is_counted_and_from_when_on_it_could_be(database, add, change, ended):
    waiting = add()
    change("add", waiting, URL)  # its job has not ended
    job, delivery = ended
    assert change("backlog") == Backlog(1, job.created_at)
    taken = change("claim", delivery, now=job.created_at, until=job.created_at + MINUTE)
    assert change("backlog") == Backlog(1, job.created_at + MINUTE)
    fail(database, waiting)
    assert change("backlog") == Backlog(2, waiting.created_at)
    change("delivered", taken, now=job.created_at)
    assert change("backlog").count == 1


def test_what_is_due_is_found_by_an_index(database, change):
    asked = []
    event.listen(database._engine, "before_cursor_execute", lambda *args: asked.append(args[2:4]))
    change("due", utc_now(), 10)
    (statement, parameters) = next(pair for pair in asked if pair[0].startswith("SELECT"))
    with database._engine.connect() as connection:
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert [step.detail for step in steps] == [
        "SEARCH webhook_deliveries USING INDEX ix_webhook_deliveries_due_at (due_at<?)"
    ]
