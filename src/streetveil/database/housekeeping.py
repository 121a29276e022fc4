"""Queries about the processes themselves: which are alive, and whose turn something is."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from streetveil.database.base import WorkerRow
from streetveil.database.records import worker_column
from streetveil.database.tables import TurnRecord, WorkerRecord, table_of


class SqlWorkerRepository:
    """A `WorkerRepository` within one connection's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def seen(self, worker: WorkerRow) -> None:
        values = asdict(worker) | {"id": worker_column(worker.id), "host": worker.host[:128]}
        # Only the process itself writes its row, so nobody inserts it in between.
        if not _changed(self._connection, update(WorkerRecord).where(WorkerRecord.id == values["id"]).values(values)):
            self._connection.execute(insert(WorkerRecord).values(values))

    def left(self, worker_id: str) -> None:
        self._connection.execute(delete(WorkerRecord).where(WorkerRecord.id == worker_column(worker_id)))

    def prune(self, before: datetime) -> int:
        return _changed(self._connection, delete(WorkerRecord).where(WorkerRecord.last_seen_at < before))

    def all(self) -> list[WorkerRow]:
        rows = self._connection.execute(select(table_of(WorkerRecord)).order_by(WorkerRecord.id))
        return [
            WorkerRow(row.id, row.host, row.version, row.started_at, row.last_seen_at, row.threads, row.busy)
            for row in rows
        ]


class SqlTurnRepository:
    """A `TurnRepository` within one connection's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, name: str, *, holder: str, now: datetime, until: datetime) -> bool:
        values = {"holder": worker_column(holder), "expires_at": until}
        over = TurnRecord.name == name, TurnRecord.expires_at <= now
        if _changed(self._connection, update(TurnRecord).where(*over).values(values)):
            return True
        if self._connection.scalar(select(TurnRecord.name).where(TurnRecord.name == name)) is not None:
            return False
        try:
            _changed(self._connection, insert(TurnRecord).values(name=name, **values))
        except IntegrityError:  # another process was the first
            return False
        return True

    def keep(self, name: str, *, holder: str, until: datetime) -> bool:
        own = TurnRecord.name == name, TurnRecord.holder == worker_column(holder)
        return _changed(self._connection, update(TurnRecord).where(*own).values(expires_at=until)) == 1


def _changed(connection: Connection, statement: Executable) -> int:
    result: CursorResult[Any] = connection.execute(statement)
    return result.rowcount
