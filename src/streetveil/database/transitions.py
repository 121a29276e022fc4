"""The UPDATE behind every transition of a job, made once for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal

from sqlalchemy import ColumnElement, Update, bindparam, literal, update

from streetveil.database.tables import JobRecord, table_of
from streetveil.domain.job import TRANSITIONS, JobStatus

Only = Literal["any", "claimed", "overdue", "held", "resubmittable"]
"""Which jobs it may find, beside those in a state that `to` may follow:

    any            all of them
    claimed        only while claim number `at_claim` is the latest, and not over
    overdue        the same, and only where its lease is older than `due_before`
    held           only while the result of that claim is held back
    resubmittable  only those that failed or are held back, and whose original is still there
"""


@cache
def transition(to: JobStatus, only: Only) -> Update:
    """The UPDATE of `job` to that status; to be executed with the names above, `job`, and the columns it changes.

    Columns are those that are given along with the names: they are no part of the statement.
    """
    jobs = table_of(JobRecord)
    # Values of their own, not one list, which would have to be spelt out anew each time.
    before = jobs.c.status.in_([literal(status.value) for status in sorted(TRANSITIONS[to])])
    statement = update(jobs).where(jobs.c.id == bindparam("job"), before, *_conditions()[only])
    if to is JobStatus.PROCESSING:
        statement = statement.values(attempts=jobs.c.attempts + 1, claims=jobs.c.claims + 1)
    return statement


@cache
def _conditions() -> Mapping[Only, Sequence[ColumnElement[bool]]]:
    jobs = table_of(JobRecord)
    at_claim = jobs.c.claims == bindparam("at_claim")
    claimed = (jobs.c.status == JobStatus.PROCESSING.value, at_claim)
    ended = (JobStatus.FAILED.value, JobStatus.NEEDS_REVIEW.value)
    return {
        "any": (),
        "claimed": claimed,
        "overdue": (*claimed, jobs.c.due_at < bindparam("due_before")),
        "held": (jobs.c.status == JobStatus.NEEDS_REVIEW.value, at_claim),
        "resubmittable": (jobs.c.status.in_(ended), jobs.c.original_deleted_at.is_(None)),
    }
