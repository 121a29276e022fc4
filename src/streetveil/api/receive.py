"""Feeds a request's body to a `FormReader`, with parsing, hashing and writing off the event loop.

A change of thread costs more than parsing a few kilobytes, and waits for Python's lock where workers share the
process. So the first of them, in which most that is wrong shows, are parsed at once and the rest in large pieces.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.to_thread import run_sync
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from streetveil.api.incoming import FormRules
from streetveil.api.multipart import Form, FormReader
from streetveil.errors import MalformedRequestError, StalledRequestError, TooLargeError

_FIRST_PIECE = 4 * 1024
_LARGEST_PIECE = 256 * 1024


@asynccontextmanager
async def received_form(
    request: Request, rules: FormRules, *, idle_timeout_s: float, limiter: anyio.CapacityLimiter | None = None
) -> AsyncIterator[Form]:
    """The form in the body of `request`; its files are removed on leaving. `limiter` bounds the threads that read it.

    Raises:
        MalformedRequestError: the body is not multipart/form-data.
        TooLargeError: the declared or actual length is over `rules.max_total_bytes`.
        StalledRequestError: nothing arrived for `idle_timeout_s` seconds.
        StreetveilError: as `FormReader` says.
    """
    reader = FormReader(_boundary(request), rules)
    try:
        _check_length(request, rules)
        body = _Body(request, idle_timeout_s)
        reader.feed(await body.read(_FIRST_PIECE))
        piece = await body.read(_LARGEST_PIECE)
        while not body.ended:
            await run_sync(reader.feed, piece, limiter=limiter)
            piece = await body.read(_LARGEST_PIECE)
        form = await run_sync(_finish, reader, piece, limiter=limiter)
    finally:
        reader.close()
    try:
        yield form
    finally:
        form.close()


def _boundary(request: Request) -> bytes:
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise MalformedRequestError("The body must be multipart/form-data.")
    boundary = parameters.get(b"boundary", b"")
    if not boundary:
        raise MalformedRequestError("The Content-Type names no boundary.")
    return boundary


def _check_length(request: Request, rules: FormRules) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > rules.max_total_bytes:
        raise TooLargeError(f"The request is larger than the {rules.max_total_bytes} bytes that are allowed.")


def _finish(reader: FormReader, last: bytes) -> Form:
    reader.feed(last)
    return reader.finish()


class _Body:
    """A request's body, to be read in pieces of a chosen size, however it arrives."""

    def __init__(self, request: Request, idle_timeout_s: float) -> None:
        self._chunks = request.stream()
        self._idle_timeout_s = idle_timeout_s
        self._waiting = bytearray()
        self._arrived = False

    @property
    def ended(self) -> bool:
        """Nothing is left to be read."""
        return self._arrived and not self._waiting

    async def read(self, size: int) -> bytes:
        """The next `size` bytes, or fewer at the end."""
        while len(self._waiting) < size and not self._arrived:
            try:
                with anyio.fail_after(self._idle_timeout_s):
                    chunk = await anext(self._chunks, b"")
            except TimeoutError:
                raise StalledRequestError(f"Nothing arrived for {self._idle_timeout_s:g} seconds.") from None
            self._waiting += chunk
            self._arrived = not chunk
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        return piece
