"""TLS handshakes, bounded as what comes after them.

asyncio tells nobody of a connection before its handshake is done, and gives it a minute: thousands that never finish
theirs would take all the files that a process may open, and count nowhere. So the connection is plain at first, is
counted, and only then begins with TLS.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, ClassVar

from streetveil.api.connections import Patience


def handshake_first(patience: Patience, tls: ssl.SSLContext) -> type[asyncio.Protocol]:
    """What uvicorn takes as `http`, for one server that is not to know of TLS itself."""
    return type("BoundHandshake", (_Handshake,), {"patience": patience, "tls": tls, "http": patience.protocol()})


class _Handshake(asyncio.Protocol):
    """A connection until its handshake is done."""

    patience: ClassVar[Patience]
    tls: ClassVar[ssl.SSLContext]
    http: ClassVar[type[asyncio.Protocol]]

    transport: asyncio.Transport

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - what uvicorn gives to `http`
        self._given = given
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a socket's
        self.transport = transport
        transport.pause_reading()  # what comes is not for us
        self.patience.came(self)
        self._task = asyncio.get_running_loop().create_task(self._shake_hands())

    async def _shake_hands(self) -> None:
        early = _Early()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                self.transport, early, self.tls, server_side=True, ssl_handshake_timeout=self.patience.head_s
            )
        except OSError:  # theirs alone: it is not TLS, or took too long
            self.transport.abort()
            return
        finally:
            self.patience.went(self)
        if secured is not None:
            early.go_on_as(self.http(**self._given), secured)


class _Early(asyncio.Protocol):
    """Keeps what comes right behind the handshake until there is somebody who wants it."""

    def __init__(self) -> None:
        self._data = b""
        self._lost: tuple[Exception | None] | None = None

    def data_received(self, data: bytes) -> None:
        self._data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = (exc,)

    def go_on_as(self, protocol: asyncio.Protocol, transport: asyncio.Transport) -> None:
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._data:
            protocol.data_received(self._data)
        if self._lost is not None:
            protocol.connection_lost(*self._lost)
