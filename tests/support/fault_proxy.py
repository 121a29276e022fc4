"""A TCP proxy that stands between a client and a server and misbehaves on demand.

    with FaultProxy(server.port) as proxy, proxy.fault(Fault.RESET):
        ...  # every connection through proxy.port breaks

It relays bytes of any protocol (HTTP, MySQL, Redis); only answering with a status needs HTTP. A fault takes hold of
open connections too, since clients keep theirs.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Self

_CHUNK = 1 << 16
_DRAIN_S = 5.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Fault(Enum):
    """What the proxy does to connections.

    PASS: nothing. ANSWER_500, ANSWER_503: takes each request whole and answers it itself. RESET: breaks open
    connections and every new one, and loses what was held back. HANG: holds all bytes back until another fault, or
    none, is set; what a client sent may so reach the server long after the client gave up. CUT: passes on `cut_after`
    bytes of what the server sends over a connection, then breaks it.
    """

    PASS = "pass"
    ANSWER_500 = "answer 500"
    ANSWER_503 = "answer 503"
    RESET = "reset"
    HANG = "hang"
    CUT = "cut"


_STATUS = {Fault.ANSWER_500: b"500 Internal Server Error", Fault.ANSWER_503: b"503 Service Unavailable"}


class FaultProxy:
    """Listens on `port` and relays to `target_port`, both on loopback.

    `injected` counts, for each fault, how often it struck: requests answered, connections broken or held.
    """

    def __init__(self, target_port: int, *, cut_after: int = 1000) -> None:
        self.target_port = target_port
        self.cut_after = cut_after
        self.injected: Counter[Fault] = Counter()
        self._fault = Fault.PASS
        self._changed = threading.Condition()
        self._closed = False
        self._links: set[_Link] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self._acceptor.start()
        return self

    def stop(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            links = list(self._links)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        for link in links:
            link.break_off()
            link.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def set(self, fault: Fault) -> None:
        """From now on, for open connections and new ones."""
        with self._changed:
            self._fault = fault
            self._changed.notify_all()
            links = list(self._links) if fault is Fault.RESET else []
        for link in links:
            link.strike(fault)

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        """The fault for a while, then none."""
        self.set(fault)
        try:
            yield
        finally:
            self.set(Fault.PASS)

    def count(self, fault: Fault) -> None:
        with self._changed:
            self.injected[fault] += 1

    def flow(self) -> Fault:
        """The fault in force; returns only when bytes may flow again."""
        with self._changed:
            if self._fault is Fault.HANG:
                self.injected[Fault.HANG] += 1
                self._changed.wait_for(lambda: self._closed or self._fault is not Fault.HANG)
            return Fault.RESET if self._closed else self._fault

    def forget(self, link: _Link) -> None:
        with self._changed:
            self._links.discard(link)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # stopped
            link = _Link(self, client)
            with self._changed:
                closed = self._closed
                if not closed:
                    self._links.add(link)
            if closed:
                link.break_off()
            link.start()


class _Link:
    """One client's connection and the server's that belongs to it."""

    def __init__(self, proxy: FaultProxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server: socket.socket | None = None
        self._broken = threading.Event()
        self._waits_for_answer = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def break_off(self) -> None:
        """Ends both connections with a reset; the link's own threads close the sockets."""
        self._broken.set()
        for end in (self._client, self._server):
            if end is not None:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RD)  # wakes whoever reads; the close that follows sends the reset

    def strike(self, fault: Fault) -> None:
        """Breaks the connections off, and counts it once."""
        if not self._broken.is_set():
            self._proxy.count(fault)
            self.break_off()

    def _run(self) -> None:
        back: threading.Thread | None = None
        try:
            fault = self._proxy.flow()
            if fault is Fault.RESET:
                self.strike(fault)
            elif fault in _STATUS:
                self._answer(b"", fault)
            elif not self._broken.is_set():
                self._server = socket.create_connection(("127.0.0.1", self._proxy.target_port), timeout=_DRAIN_S)
                self._server.settimeout(None)
                back = threading.Thread(target=self._relay_answers, args=(self._server,), daemon=True)
                back.start()
                self._relay_requests(self._server)
        except OSError:
            self.break_off()  # either side is gone, so the other shall be
        finally:
            if back is not None:
                back.join()
            self._client.close()
            if self._server is not None:
                self._server.close()
            self._proxy.forget(self)

    def _relay_requests(self, server: socket.socket) -> None:
        while not self._broken.is_set() and (data := self._client.recv(_CHUNK)):
            fault = self._proxy.flow()
            if fault is Fault.RESET or self._broken.is_set():
                return self.strike(fault)
            if fault in _STATUS:
                # Half of this request is with the server already: nobody can take it back and answer.
                if self._waits_for_answer:
                    return self.strike(fault)
                self._answer(data, fault)
                return self.break_off()
            self._waits_for_answer = True
            server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)
        return None

    def _relay_answers(self, server: socket.socket) -> None:
        passed = 0
        try:
            while not self._broken.is_set() and (data := server.recv(_CHUNK)):
                fault = self._proxy.flow()
                if fault is Fault.RESET or self._broken.is_set():
                    return self.strike(fault)
                self._waits_for_answer = False
                if fault is Fault.CUT and passed + len(data) > self._proxy.cut_after:
                    self._client.sendall(data[: max(0, self._proxy.cut_after - passed)])
                    return self.strike(fault)
                passed += len(data)
                self._client.sendall(data)
            if not self._broken.is_set():
                self._client.shutdown(socket.SHUT_RDWR)
        except OSError:
            self.break_off()
        return None

    def _answer(self, data: bytes, fault: Fault) -> None:
        """Takes the request whole, so that its sender is not interrupted, and answers it."""
        self._client.settimeout(_DRAIN_S)
        with suppress(TimeoutError):
            while b"\r\n\r\n" not in data and (more := self._client.recv(_CHUNK)):
                data += more
            if not data:
                return
            head, _, body = data.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            missing = int(length[1]) - len(body) if length else 0
            while missing > 0 and (more := self._client.recv(_CHUNK)):
                missing -= len(more)
        self._proxy.count(fault)
        text = b"<Error><Code>InternalError</Code><Message>a fault made by the test</Message></Error>"
        head = b"HTTP/1.1 %s\r\nContent-Type: application/xml\r\n" % _STATUS[fault]
        self._client.sendall(head + b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(text), text))
        self._client.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):
            while self._client.recv(_CHUNK):
                pass
