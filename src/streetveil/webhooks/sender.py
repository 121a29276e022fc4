"""Connects to an address a client chose, once it is sure that this is not one of ours.

The address is resolved here, judged, and that very address is connected to: between a judgement and a
connection by name the name could be given another meaning. Redirects are answers like any other that
is no 2xx; proxies of the environment are not used.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from http import HTTPStatus

from streetveil.errors import InvalidWebhookUrlError, WebhookFailedError
from streetveil.webhooks.addresses import is_public
from streetveil.webhooks.signing import Signer
from streetveil.webhooks.target import Target, parse_target

Resolve = Callable[[str, int], list[str]]
"""All numeric addresses of a name for a port; raises OSError where there are none."""

_PRIVATE = "webhook_url leads to an address that is not of the open internet."


def resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


class HttpWebhookSender:
    """A `WebhookSender` over HTTP/1.1.

    Args:
        allow_http: for receivers inside a trusted network; messages can be read on their way.
        allow_private: for receivers inside; clients can then have us post to whatever we can reach.
        timeout_s: for one delivery, from the connection to the answer's head.
        tls: who is trusted; the system's authorities by default.
    """

    def __init__(
        self,
        signer: Signer,
        *,
        user_agent: str = "streetveil",
        allow_http: bool = False,
        allow_private: bool = False,
        timeout_s: float = 10,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._signer = signer
        self._user_agent = user_agent
        self._allow_http = allow_http
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._tls = tls or ssl.create_default_context()

    def check(self, url: str) -> None:
        self._target(url)

    def send(self, url: str, *, message_id: str, body: bytes, now: datetime) -> None:
        target = self._target(url)
        address = self._judged(target)
        headers = {
            "Host": target.host_header,
            "User-Agent": self._user_agent,
            "Content-Type": "application/json",
            "Connection": "close",
            **self._signer.headers(message_id, body, now),
        }
        try:
            with self._connected(target, address) as connection:
                connection.request("POST", target.resource, body, headers)
                status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise WebhookFailedError(f"The webhook was not delivered: {type(error).__name__}.") from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise WebhookFailedError(f"The webhook's receiver answered with {status}.")

    def _target(self, url: str) -> Target:
        target = parse_target(url, allow_http=self._allow_http)
        if target.is_numeric and not self._may_reach(target.host):
            raise InvalidWebhookUrlError(_PRIVATE)
        return target

    def _judged(self, target: Target) -> str:
        """The address to connect to. One that is not public among several is reason enough to connect to none."""
        if target.is_numeric:
            return target.host
        try:
            addresses = self._resolve(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise WebhookFailedError("The webhook's host cannot be resolved.") from error
        if not addresses or not all(self._may_reach(address) for address in addresses):
            raise WebhookFailedError(_PRIVATE)
        return addresses[0]

    def _may_reach(self, address: str) -> bool:
        return self._allow_private or is_public(address)

    @contextmanager
    def _connected(self, target: Target, address: str) -> Iterator[http.client.HTTPConnection]:
        with ExitStack() as stack:
            plain = stack.enter_context(socket.create_connection((address, target.port), timeout=self._timeout_s))
            # Timeouts of sockets are for one call each: who sends a byte now and then would hold us for ever.
            stack.enter_context(_cut_after(self._timeout_s, plain))
            connection = http.client.HTTPConnection(target.host, target.port)
            connection.sock = plain
            if target.scheme == "https":
                connection.sock = stack.enter_context(self._tls.wrap_socket(plain, server_hostname=target.host))
            stack.callback(connection.close)
            yield connection


@contextmanager
def _cut_after(seconds: float, connected: socket.socket) -> Iterator[None]:
    # The descriptor is duplicated: wrapping in TLS takes the socket object's own away.
    handle = connected.dup()

    def cut() -> None:
        with suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        handle.close()
