"""Pages of jobs that read no more rows than they show, however rare what is wanted is among millions.

A filter that leaves something open (any status, a face or none) is taken apart into the cases it allows; in each
case the rows wanted stand side by side in an index, in the order of their ids. The first ids of each case, sorted,
begin with the page. There are 8 cases at most, for a filter names at least one of the four findings or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import product

from sqlalchemy import ColumnElement, Select, select, union_all

from streetveil.database.tables import JobRecord
from streetveil.domain.job import JobStatus, first_id
from streetveil.domain.reports import JobFilter

_SHOWN = tuple(status for status in JobStatus if status is not JobStatus.ERASED)


def page_ids(wanted: JobFilter, *, tenant: str, after: str | None, limit: int) -> Select[str] | None:
    """Selects the ids of the page, newest first; None where no job can be as wanted."""
    index, cases = _cases(wanted)
    if not cases:
        return None
    bounds = _bounds(wanted, after)
    parts = [
        select(JobRecord.id)
        .where(JobRecord.tenant == tenant, *case, *bounds)
        .order_by(JobRecord.id.desc())
        .limit(limit)
        # Of several indexes that begin with these columns MySQL takes any, and sorts what it finds.
        .with_hint(JobRecord, f"FORCE INDEX ({index})", "mysql")
        .subquery()
        for case in cases
    ]
    every = union_all(*(select(part.c.id) for part in parts)).subquery()
    return select(every.c.id).order_by(every.c.id.desc()).limit(limit)


def _cases(wanted: JobFilter) -> tuple[str, Sequence[Sequence[ColumnElement[bool]]]]:
    """The name of an index, and for each case what its columns after the tenant equal."""
    found = (
        (JobRecord.is_vehicle_detected, wanted.is_vehicle_detected),
        (JobRecord.is_face_detected, wanted.is_face_detected),
        (JobRecord.is_face_blurred, wanted.is_face_blurred),
        (JobRecord.is_plate_blurred, wanted.is_plate_blurred),
    )
    if all(value is None for _, value in found):
        statuses = [wanted.status] if wanted.status else _SHOWN
        return "ix_processed_images_tenant_status_id", [[JobRecord.status == status] for status in statuses]
    if wanted.status not in (None, JobStatus.COMPLETED):
        return "", []  # nothing is known of the others: their findings are null
    choices = [[value] if value is not None else [False, True] for _, value in found]
    return "ix_processed_images_tenant_found", [
        [column == value for (column, _), value in zip(found, values, strict=True)] for values in product(*choices)
    ]


def _bounds(wanted: JobFilter, after: str | None) -> list[ColumnElement[bool]]:
    # An id begins with the millisecond of `created_at`: its range is what the index finds.
    bounds: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        bounds += [JobRecord.id >= first_id(wanted.since), JobRecord.created_at >= wanted.since]
    if wanted.until is not None:
        bounds += [
            JobRecord.id < first_id(wanted.until + timedelta(milliseconds=1)),
            JobRecord.created_at < wanted.until,
        ]
    if after is not None:
        bounds.append(JobRecord.id < after)
    return bounds
