"""Connections that keep a server waiting: bounded in number, and each in time.

uvicorn waits for ever for the head of a connection's first request and for clients that do not read; this is what
keeps thousands of such clients from keeping everybody else out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(Protocol):
    """One that is counted: it speaks HTTP, or does not yet."""

    @property
    def transport(self) -> asyncio.Transport:
        """What is aborted to end it."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How many connections one server may have, and how long it waits for each.

    Attributes:
        most: where there are more, one ends. Of those that never sent a request the oldest; where there are none, the
            one that has been without a request for the longest time; where all are in requests, the one that has left
            its answer unread for the longest time.
        head_s: so long a client may take from connecting, or from the first byte of a request, to the end of its head;
            and before that for a TLS handshake.
        unread_s: so long a client may leave an answer unread.
        on_drop: called for each that ends because there are too many.
    """

    most: int
    head_s: float
    unread_s: float
    on_drop: Callable[[], None] = lambda: None
    _all: set[Connection] = field(default_factory=set, init=False)
    _silent: dict[Connection, None] = field(default_factory=dict, init=False)
    _kept: dict[Connection, None] = field(default_factory=dict, init=False)
    _unread: dict[Connection, None] = field(default_factory=dict, init=False)

    def protocol(self) -> type[asyncio.Protocol]:
        """What uvicorn takes as `http`; for one server."""
        return type("BoundProtocol", (PatientProtocol,), {"patience": self})

    def came(self, connection: Connection) -> None:
        """Notes that it is there, and has sent no request yet. Where there are too many, one ends."""
        self._all.add(connection)
        self._silent[connection] = None
        if len(self._all) > self.most:
            self._make_room(connection)

    def went(self, connection: Connection) -> None:
        """Notes that it is there no more."""
        self._all.discard(connection)
        self.busy(connection)
        self.read(connection)

    def kept(self, connection: Connection) -> None:
        """Notes that it is in no request from now on, having been answered one."""
        self._kept[connection] = None

    def busy(self, connection: Connection) -> None:
        """Notes that it is in a request."""
        self._silent.pop(connection, None)
        self._kept.pop(connection, None)

    def unread(self, connection: Connection) -> None:
        """Notes that an answer waits for its client to read on."""
        self._unread[connection] = None

    def read(self, connection: Connection) -> None:
        """Notes that no answer waits there any more."""
        self._unread.pop(connection, None)

    def _make_room(self, newest: Connection) -> None:
        """Ends one connection: `newest`, which was the last to be made, only where all others are being worked for."""
        waiting = chain(self._silent, self._kept, self._unread)
        victim = next((connection for connection in waiting if connection is not newest), newest)
        self.went(victim)
        victim.transport.abort()
        self.on_drop()


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with the limits of `patience`."""

    patience: ClassVar[Patience]

    _head_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self.patience.head_s, transport.abort)
        self.patience.came(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_request():
            self.patience.busy(self)
            self._stop_head_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.patience.head_s, self.transport.abort)

    def on_response_complete(self) -> None:
        # A request that was sent ahead of this answer begins within.
        super().on_response_complete()
        if not self._in_request() and not self.transport.is_closing():
            self.patience.kept(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.patience.unread(self)
        self._unread_timer = self.loop.call_later(self.patience.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_unread_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self.patience.went(self)
        self._stop_head_timer()
        self._stop_unread_timer()
        super().connection_lost(exc)

    def _in_request(self) -> bool:
        cycle: Any = self.cycle  # uvicorn's own annotation leaves out that there is none at first
        return cycle is not None and not cycle.response_complete

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_unread_timer(self) -> None:
        self.patience.read(self)
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
