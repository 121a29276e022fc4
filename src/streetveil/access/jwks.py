"""Keys that an identity provider publishes (JWK Set, RFC 7517), kept, renewed and rotated."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from jwt import PyJWK, PyJWTError

from streetveil.access.fetch import fetch_json
from streetveil.access.keys import ALGORITHMS, VerificationKey, bind
from streetveil.errors import ConfigurationError, KeysUnavailableError

_log = structlog.get_logger(__name__)

_LOOPBACK = ("127.0.0.1", "::1", "localhost")

Fetch = Callable[[str], Mapping[str, Any]]


class RemoteKeys:
    """A `KeySource` over a JWKS URL.

    The set is fetched when the first token comes, again when it is older than `fresh_s`, and when a token
    names a key that is not in it (the provider has rotated). No more often than every `pause_s` seconds
    though, whatever tokens ask for and whether or not the provider answers: who sends tokens with made-up
    names must not make us flood it. While it does not answer, the keys last seen serve for `stale_s`.

    Args:
        fetch: returns the parsed document of a URL; raises OSError or ValueError.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        fresh_s: float = 300,
        stale_s: float = 24 * 3600,
        pause_s: float = 15,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Fetches nothing yet.

        Raises:
            ConfigurationError: the URL is neither https nor of this machine.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ConfigurationError("JWKS_URL must be an https address: whoever changes the keys lets anyone in.")
        self._url = url
        self._fresh_s = fresh_s
        self._stale_s = stale_s
        self._pause_s = pause_s
        self._fetch = fetch or fetch_json
        self._clock = clock
        self._asking = threading.Lock()
        self._keys: Mapping[str | None, VerificationKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None

    def key(self, key_id: str | None) -> VerificationKey | None:
        self._renew_if_due(key_id)
        if not self._usable():
            raise KeysUnavailableError("The keys that tokens are checked with cannot be fetched; try again.")
        keys = self._keys
        if key_id is None and len(keys) == 1:
            return next(iter(keys.values()))
        return keys.get(key_id)

    def _renew_if_due(self, wanted: str | None) -> None:
        """One caller asks the provider. Nobody waits for that but those who could go on with nothing else."""
        if not self._is_due(wanted) and not (self._asking.locked() and self._lacks(wanted)):
            return
        if self._asking.acquire(blocking=not self._usable()):
            try:
                if self._is_due(wanted):
                    self._tried_at = self._clock()
                    self._renew()
            finally:
                self._asking.release()
        elif self._lacks(wanted):
            raise KeysUnavailableError("The keys that tokens are checked with are being fetched; try again.")

    def _is_due(self, wanted: str | None) -> bool:
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < self._pause_s:
            return False
        return self._lacks(wanted) or self._fetched_at is None or now - self._fetched_at >= self._fresh_s

    def _lacks(self, wanted: str | None) -> bool:
        return not self._usable() or (wanted is not None and wanted not in self._keys)

    def _usable(self) -> bool:
        return self._fetched_at is not None and self._clock() - self._fetched_at <= self._stale_s

    def _renew(self) -> None:
        try:
            keys = _read(self._fetch(self._url))
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            _log.warning("jwks_not_fetched", error=type(error).__name__)
            return
        self._keys = keys
        self._fetched_at = self._clock()


def _read(document: Mapping[str, Any]) -> dict[str | None, VerificationKey]:
    """The set's signature keys by name; those of other kinds are left out, as RFC 7517, section 5, asks."""
    entries = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise ValueError("not a JWK Set")  # noqa: TRY004 - what is wrong is the document
    keys: dict[str | None, VerificationKey] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not _is_for_signatures(entry):
            continue
        name, algorithm = entry.get("kid"), entry.get("alg")
        try:
            bound = bind(PyJWK(entry, algorithm).key)
        except (PyJWTError, ValueError, TypeError, KeyError):
            continue
        if bound is not None and (algorithm is None or algorithm in bound.algorithms):
            keys[name if isinstance(name, str) else None] = bound
    if not keys:
        raise ValueError("a JWK Set without a usable key")
    return keys


def _is_for_signatures(entry: Mapping[str, Any]) -> bool:
    """Whether a key says nothing of what it is for, or that it checks signatures of a kind that is taken."""
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("use", "sig") == "sig"
        and entry.get("alg") in (None, *ALGORITHMS)
        and isinstance(operations, list)
        and "verify" in operations
    )
