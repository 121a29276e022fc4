"""How much one client may send in at once, how slowly, and how much in a day."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial

import anyio
from anyio.to_thread import run_sync

from streetveil.api.incoming import ReceivedFile
from streetveil.api.multipart import Form, RefusedFile
from streetveil.errors import OverloadedError, RateLimitedError, StalledRequestError, StreetveilError
from streetveil.limits.base import Limits

_RETRY_S = 1


@dataclass(frozen=True, slots=True)
class Pace:
    """How long may be waited for a body.

    Attributes:
        idle_s: for the next piece of it.
        total_s: for all of it.
        bytes_per_s: slower, after the first `idle_s` seconds, it must not come on average.
    """

    idle_s: float
    total_s: float
    bytes_per_s: int

    def patience(self, waited_s: float, received: int) -> float:
        """Seconds to wait for the next piece of a body of which so much came while it was waited for.

        Raises:
            StalledRequestError: none.
        """
        slowest = self.idle_s + received / self.bytes_per_s if self.bytes_per_s else self.total_s
        left = min(self.total_s, slowest) - waited_s
        if left <= 0:
            raise StalledRequestError(f"The request came too slowly: {received} bytes in {waited_s:.0f} seconds.")
        return min(self.idle_s, left)


class OpenUploads:
    """Bodies that are arriving: each takes a connection and some memory, however slow it is."""

    def __init__(self, most: int, most_per_client: int) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    @contextmanager
    def one_more(self, client: str) -> Iterator[None]:
        """Held while a body arrives.

        Raises:
            RateLimitedError: too many of this client's are arriving.
            OverloadedError: too many are.
        """
        if self._open[client] >= self._most_per_client:
            detail = f"More than {self._most_per_client} uploads at once are not taken."
            raise RateLimitedError(detail, _RETRY_S, limit="uploads_per_client")
        if len(self) >= self._most:
            raise OverloadedError(
                "Too many photos are arriving at this moment. Try again.", _RETRY_S, limit="open_uploads"
            )
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]


class Intake:
    """What one caller may send in; made for each request."""

    def __init__(
        self,
        client: str,
        tenant: str,
        *,
        pace: Pace,
        uploads: OpenUploads,
        limits: Limits | None,
        threads: anyio.CapacityLimiter,
    ) -> None:
        """`client` is the name that requests are counted under, `tenant` that of photos; `threads` ask the limits."""
        self.pace = pace
        self._client = client
        self._tenant = tenant
        self._uploads = uploads
        self._limits = limits
        self._threads = threads

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Held while a body arrives; raises as `OpenUploads.one_more`."""
        with self._uploads.one_more(self._client):
            yield

    async def ensure_room(self, size: int) -> None:
        """To be asked before a body of `size` bytes is read.

        Raises:
            QuotaExceededError: it would be over the tenant's quota.
        """
        if self._limits is not None:
            await run_sync(self._limits.ensure_room, self._tenant, size, limiter=self._threads)

    async def count(self, form: Form, *, fail_alone: bool) -> None:
        """As `count_here`, in a thread."""
        if self._limits is not None:
            await run_sync(partial(self.count_here, form, fail_alone=fail_alone), limiter=self._threads)

    def count_here(self, form: Form, *, fail_alone: bool) -> None:
        """Counts a form's photos; where they `fail_alone`, those that are too many become refused files. May block.

        Raises:
            RateLimitedError, QuotaExceededError: a photo is too many.
        """
        if self._limits is not None:
            self._count(self._limits, form, fail_alone)

    def _count(self, limits: Limits, form: Form, fail_alone: bool) -> None:  # noqa: FBT001 - it is private
        for index, file in enumerate(form.files):
            if not isinstance(file, ReceivedFile):
                continue
            try:
                if index:  # the first was counted as the request
                    limits.request(self._client)
                limits.photo(self._tenant, file.size)
            except StreetveilError as error:
                if not fail_alone:
                    raise
                file.content.close()
                form.files[index] = RefusedFile(file.filename, error)


@lru_cache(maxsize=256)
def client_at(address: str | None) -> str:
    """What a client without a name is counted under: its address, of IPv6 the network that one customer has."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "address:unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return f"address:{ipaddress.ip_network((found, 64), strict=False).network_address}"
        found = found.ipv4_mapped
    return f"address:{found}"
