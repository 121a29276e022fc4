"""Objects to which no job belongs: of uploads and claims that were broken off, or whose removal was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TypeVar

import structlog

from streetveil.database.base import Database, Holding
from streetveil.domain.job import JobStatus
from streetveil.storage.base import ObjectStore
from streetveil.storage.keys import FOLDERS, ObjectName, parse_key

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

_AT_A_TIME = 500


def remove_orphans(
    database: Database, storage: ObjectStore, older_than: datetime, *, between: Callable[[], None] = lambda: None
) -> int:
    """Removes objects older than that moment to which no job belongs; how many. Lists all objects there are.

    Raises:
        UnavailableError: database or storage cannot be used; what was done until then stands.
    """
    count = storage.discard_unfinished(older_than)
    for folder in FOLDERS:
        old = (item.key for item in storage.list(folder) if item.modified <= older_than)
        named = ((key, name) for key in old if (name := parse_key(key)) is not None)
        for chunk in _chunks(named, _AT_A_TIME):
            with database.snapshot() as snapshot:
                holdings = snapshot.jobs.holdings({name.job_id for _, name in chunk})
            orphans = [key for key, name in chunk if _is_orphan(key, name, holdings.get(name.job_id))]
            storage.delete(orphans)
            count += len(orphans)
            between()
    if count:
        _log.info("orphans_removed", count=count)
    return count


def _is_orphan(key: str, name: ObjectName, holding: Holding | None) -> bool:
    """Whether no row needs the object now, nor ever will: numbers of claims only grow."""
    if holding is None or holding.status is JobStatus.ERASED:
        return True
    if key in holding.keys or (name.kind == "crops" and holding.crops and name.claim == holding.claims):
        return False
    return not (holding.status is JobStatus.PROCESSING and name.claim >= holding.claims)


def _chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
