"""From a Redis URL to a client whose calls end in bounded time, and from its errors to ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
import structlog
from dramatiq.errors import BrokerConnectionError
from redis.backoff import NoBackoff
from redis.connection import BlockingConnectionPool, parse_url
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from streetveil.errors import ConfigurationError, QueueUnavailableError

_log = structlog.get_logger(__name__)

_SENTINEL_PORT = 26379
_MAX_CONNECTIONS = 100
_MAX_CAUSE = 300
# What a URL may set after its `?`; anything else would be passed to the driver unseen.
_OPTIONS = frozenset({"client_name", "health_check_interval"})
_TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"})
_SENTINEL_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})
_MORE_OPTIONS = {
    "redis": frozenset[str](),
    "rediss": _TLS_OPTIONS,
    "unix": frozenset({"db", "password"}),
    "redis+sentinel": _SENTINEL_OPTIONS,
    "rediss+sentinel": _SENTINEL_OPTIONS | _TLS_OPTIONS,
}
_UNAUTHENTICATED = "Redis asks for a password, and REDIS_URL has none."
_CLUSTER = "REDIS_URL names a Redis Cluster, which is not supported."
# What errors mean: by a part of their text or by their class; the first that fits.
_MEANINGS: dict[str | type[BaseException], str] = {
    "CERTIFICATE_VERIFY_FAILED": "Redis's certificate is not trusted: name its authority, ?ssl_ca_certs=/path/ca.pem.",
    "WRONG_VERSION_NUMBER": "Redis speaks no TLS on this port; REDIS_URL begins with redis:// then.",
    "Authentication required": _UNAUTHENTICATED,
    "unauthenticated": _UNAUTHENTICATED,
    "DB index is out of range": "Redis has no database of the number in REDIS_URL.",
    redis.AuthenticationError: "Redis refuses the user or password in REDIS_URL.",
    redis.exceptions.NoPermissionError: "Redis does not let this user run scripts on the keys of the queue.",
    redis.exceptions.OutOfMemoryError: "Redis is full (maxmemory): give it more memory.",
    redis.ReadOnlyError: "REDIS_URL names a replica, which takes no writes; name the master, or the sentinels.",
    redis.BusyLoadingError: "Redis is still loading its data.",
    MasterNotFoundError: "The sentinels know no master of this name that works, or none of them can be reached.",
    redis.exceptions.ClusterError: _CLUSTER,
    redis.exceptions.ClusterCrossSlotError: _CLUSTER,
    redis.exceptions.AskError: _CLUSTER,
    redis.exceptions.InvalidResponse: "What REDIS_URL names is no Redis.",
    redis.TimeoutError: "Redis does not answer in time.",
    redis.ResponseError: "Redis refuses what the queue asks of it.",
}
_HOW = (
    "REDIS_URL cannot be used{why}. It looks like redis://:password@host:6379/0, rediss://... for TLS, unix:///path or "
    "redis+sentinel://:password@host1:26379,host2:26379/name/0; special characters in a password are percent-encoded."
)


def connect(url: str, *, timeout_s: float) -> redis.Redis:
    """A client for `url`; no connection is made yet.

    Args:
        url: of Redis or of its sentinels; docs/queue.md says what may stand in it.
        timeout_s: most seconds to wait for a connection, and for an answer.

    Raises:
        ConfigurationError: the URL cannot be used; the message holds nothing of it but its scheme.
    """
    scheme = url.partition("://")[0].lower()
    if "cluster" in scheme:
        _refuse(": Redis Cluster is not supported, for a queue lives in one place; Sentinel gives it a spare")
    try:
        if scheme in ("redis+sentinel", "rediss+sentinel"):
            return _through_sentinels(url, timeout_s, tls=scheme.startswith("rediss"))
        if scheme not in ("redis", "rediss", "unix"):
            _refuse(": it begins with no scheme that is known")
        return _direct(url, timeout_s)
    except ValueError:
        # Not chained: the driver's messages may quote what stands in the place of a port, a password say.
        _refuse()


@contextmanager
def translated() -> Iterator[None]:
    """Turns what the driver raises into QueueUnavailableError; the cause is logged, for it may hold addresses."""
    try:
        yield
    except (redis.RedisError, OSError, BrokerConnectionError) as error:
        cause = error.__cause__ if isinstance(error, BrokerConnectionError) and error.__cause__ else error
        _log.warning("redis_failed", kind=type(cause).__name__, cause=str(cause)[:_MAX_CAUSE])
        raise QueueUnavailableError(explain(cause)) from cause


def explain(error: BaseException) -> str:
    """One sentence on what is wrong and what to do, without addresses."""
    text = str(error)
    for sign, meaning in _MEANINGS.items():
        if sign in text if isinstance(sign, str) else isinstance(error, sign):
            return meaning
    return "Redis cannot be reached."


def _direct(url: str, timeout_s: float) -> redis.Redis:
    parts = urlsplit(url)
    _check_options(parts.query, _OPTIONS | _MORE_OPTIONS[parts.scheme])
    if parts.scheme != "unix":
        if not parts.hostname:
            _refuse(": it names no host")
        _number(parts.path)
    arguments = _bounded(timeout_s) | parse_url(url)  # type: ignore[no-untyped-call]
    pool = BlockingConnectionPool(  # type: ignore[no-untyped-call]
        max_connections=_MAX_CONNECTIONS, timeout=timeout_s, **arguments
    )
    return redis.Redis(connection_pool=pool)


def _through_sentinels(url: str, timeout_s: float, *, tls: bool) -> redis.Redis:
    """Like `redis+sentinel://user:password@host1:26379,host2/name/0`; the user and password are those of Redis."""
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    name, _, number = parts.path.strip("/").partition("/")
    if not name:
        _refuse(": it does not say which master to ask the sentinels for")
    options = _check_options(parts.query, _OPTIONS | _MORE_OPTIONS[parts.scheme])
    arguments = _bounded(timeout_s) | {
        # parse_url knows the types of options; it is shown a plain URL.
        **parse_url(f"{'rediss' if tls else 'redis'}://host/?{parts.query}"),  # type: ignore[no-untyped-call]
        "username": unquote(user) or None,
        "password": unquote(password) or None,
        "db": _number(number),
    }
    for argument in ("host", "connection_class", "sentinel_username", "sentinel_password"):
        arguments.pop(argument, None)
    secure = {key: value for key, value in arguments.items() if key.startswith("ssl_")} | {"ssl": tls} if tls else {}
    to_sentinels = {"username": options.get("sentinel_username"), "password": options.get("sentinel_password")}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        [_address(host) for host in hosts.split(",")],
        sentinel_kwargs=_bounded(timeout_s) | to_sentinels | secure,
    )
    client: redis.Redis = sentinel.master_for(unquote(name), **arguments | secure)  # type: ignore[no-untyped-call]
    return client


def _bounded(timeout_s: float) -> dict[str, Any]:
    # One more try, at once, for a connection that broke while it was idle; none for a server that does not answer.
    # A message put twice by that is delivered twice, which delivery "at least once" allows.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "retry": retry, "protocol": 2}


def _check_options(query: str, known: frozenset[str]) -> dict[str, str]:
    options = dict(parse_qsl(query))
    if options.keys() - known:
        _refuse(f": after the ? only these may stand here: {', '.join(sorted(known))}")
    return options


def _number(path: str) -> int:
    number = unquote(path).strip("/")
    if number and not number.isdecimal():
        _refuse(": the number of a database stands after the host")
    return int(number or 0)


def _address(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        _refuse(": a sentinel has no host")
    return parts.hostname, parts.port or _SENTINEL_PORT


def _refuse(why: str = "") -> NoReturn:
    raise ConfigurationError(_HOW.format(why=why)) from None
