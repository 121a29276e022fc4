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

from streetveil.errors import InvalidWebhookUrlError, WebhookFailedError, WebhookUnreachableError
from streetveil.webhooks.addresses import is_public
from streetveil.webhooks.signing import Signer, tenant_secret
from streetveil.webhooks.target import Target, parse_target

Resolve = Callable[[str, int], list[str]]
"""All numeric addresses of a name for a port; raises OSError where there are none."""

# Of a name; a machine may have an address of a family in which the other cannot be reached.
_MOST_ADDRESSES = 4
_PRIVATE = "webhook_url leads to an address that is not of the open internet."


def resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


class HttpWebhookSender:
    """A `WebhookSender` over HTTP/1.1.

    Args:
        secret: of which each tenant's own is made.
        allow_http: for receivers inside a trusted network; messages can be read on their way.
        allow_private: for receivers inside; clients can then have us post to whatever we can reach.
        timeout_s: to be connected, and again until the answer's head has come.
        tls: who is trusted; the system's authorities by default.

    Raises:
        ConfigurationError: the secret is too short, or no base64.
    """

    def __init__(
        self,
        secret: str,
        *,
        user_agent: str = "streetveil",
        allow_http: bool = False,
        allow_private: bool = False,
        timeout_s: float = 10,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        Signer(secret)  # one that cannot be used is told now
        self._secret = secret
        self._user_agent = user_agent
        self._allow_http = allow_http
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._tls = tls or ssl.create_default_context()

    def check(self, url: str) -> None:
        self._target(url)

    def send(self, url: str, *, tenant: str, message_id: str, body: bytes, now: datetime) -> None:
        target = self._target(url)
        addresses = self._judged(target)
        headers = {
            "Host": target.host_header,
            "User-Agent": self._user_agent,
            "Content-Type": "application/json",
            "Connection": "close",
            **Signer(tenant_secret(self._secret, tenant)).headers(message_id, body, now),
        }
        try:
            with self._connected(target, addresses) as connection:
                connection.request("POST", target.resource, body, headers)
                status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise WebhookUnreachableError(f"The webhook's receiver did not answer: {type(error).__name__}.") from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise WebhookFailedError(f"The webhook's receiver answered with {status}.")

    def _target(self, url: str) -> Target:
        target = parse_target(url, allow_http=self._allow_http)
        if target.is_numeric and not self._may_reach(target.host):
            raise InvalidWebhookUrlError(_PRIVATE)
        return target

    def _judged(self, target: Target) -> list[str]:
        """The addresses to connect to. One that is not public among several is reason enough to connect to none."""
        if target.is_numeric:
            return [target.host]
        try:
            addresses = self._resolve(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise WebhookUnreachableError("The webhook's host cannot be resolved.") from error
        if not addresses or not all(self._may_reach(address) for address in addresses):
            raise WebhookFailedError(_PRIVATE)
        return addresses[:_MOST_ADDRESSES]

    def _may_reach(self, address: str) -> bool:
        return self._allow_private or is_public(address)

    @contextmanager
    def _connected(self, target: Target, addresses: list[str]) -> Iterator[http.client.HTTPConnection]:
        with ExitStack() as stack:
            plain = stack.enter_context(self._reached(addresses, target.port))
            # Timeouts of sockets are for one call each: who sends a byte now and then would hold us for ever.
            stack.enter_context(_cut_after(self._timeout_s, plain))
            connection = http.client.HTTPConnection(target.host, target.port)
            connection.sock = plain
            if target.scheme == "https":
                connection.sock = stack.enter_context(self._tls.wrap_socket(plain, server_hostname=target.host))
            stack.callback(connection.close)
            yield connection

    def _reached(self, addresses: list[str], port: int) -> socket.socket:
        """A connection to the first address that takes one, all of them together in the time for one."""
        *others, last = addresses
        for address in others:
            with suppress(OSError):
                return self._connect(address, port, self._timeout_s / len(addresses))
        return self._connect(last, port, self._timeout_s / len(addresses))

    def _connect(self, address: str, port: int, timeout_s: float) -> socket.socket:
        connection = socket.create_connection((address, port), timeout=timeout_s)
        connection.settimeout(self._timeout_s)
        return connection


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
