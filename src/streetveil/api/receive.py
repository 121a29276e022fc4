"""Feeds a request's body to a `FormReader`, with parsing, hashing and writing off the event loop.

A change of thread costs more than parsing a few kilobytes, and waits for Python's lock where workers share the
process. So the first of them, in which most that is wrong shows, are parsed at once and the rest in large pieces.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from anyio.to_thread import run_sync
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from streetveil.api.incoming import FormRules
from streetveil.api.intake import Intake, Pace
from streetveil.api.multipart import Form, FormReader
from streetveil.errors import InvalidOptionError, MalformedRequestError, StalledRequestError, TooLargeError

_FIRST_PIECE = 4 * 1024
_LARGEST_PIECE = 512 * 1024  # most photos of a street are one such piece

_T = TypeVar("_T")


@asynccontextmanager
async def received_form(request: Request, rules: FormRules, *, intake: Intake) -> AsyncIterator[Form]:
    """The form in the body of `request`; its files are removed on leaving.

    Raises:
        InvalidOptionError: an option stands in the address.
        MalformedRequestError: the body is not multipart/form-data.
        TooLargeError: the declared or actual length is over `rules.max_total_bytes`.
        StalledRequestError: it arrives more slowly than the intake allows.
        OverloadedError: the caller, or all together, send in more than the intake allows.
        StreetveilError: as `FormReader` says.
    """
    async with _arrived(request, rules, intake, None) as (reader, last):
        form = await run_sync(_finished, reader, last)
    try:
        await intake.count(form, fail_alone=rules.fail_alone)
        yield form
    finally:
        form.close()


async def use_form(
    use: Callable[[Form], _T], request: Request, rules: FormRules, *, intake: Intake, limiter: anyio.CapacityLimiter
) -> _T:
    """What `use`, which may block, makes of that form, in the very thread that reads the last of it.

    `limiter` bounds these threads. Raises what `received_form` raises, and what `use` does.
    """

    def finish(reader: FormReader, last: bytes) -> _T:
        form = _finished(reader, last)
        try:
            intake.count_here(form, fail_alone=rules.fail_alone)
            return use(form)
        finally:
            form.close()

    async with _arrived(request, rules, intake, limiter) as (reader, last):
        return await run_sync(finish, reader, last, limiter=limiter)


@asynccontextmanager
async def _arrived(
    request: Request, rules: FormRules, intake: Intake, limiter: anyio.CapacityLimiter | None
) -> AsyncIterator[tuple[FormReader, bytes]]:
    """What has read all of the body but its last piece, and that."""
    _require_no_options(request, rules)
    reader = FormReader(_boundary(request), rules)
    try:
        length = _checked_length(request, rules)
        # Of many photos some may fit although all do not.
        await intake.ensure_room(0 if rules.fail_alone else length)
        with intake.arriving():
            body = _Body(request, intake.pace)
            reader.feed(await body.read(_FIRST_PIECE))
            piece = await body.read(_LARGEST_PIECE)
            while not body.ended:
                await run_sync(reader.feed, piece, limiter=limiter)
                piece = await body.read(_LARGEST_PIECE)
        yield reader, piece
    finally:
        reader.close()


def _require_no_options(request: Request, rules: FormRules) -> None:
    """Options are fields of the form: in the address they would be passed over, and the defaults taken in silence."""
    given = sorted(rules.fields & request.query_params.keys())
    if given:
        raise InvalidOptionError(f"{', '.join(given)}: options are fields of the form, not part of the address.")


def _boundary(request: Request) -> bytes:
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise MalformedRequestError("The body must be multipart/form-data.")
    boundary = parameters.get(b"boundary", b"")
    if not boundary:
        raise MalformedRequestError("The Content-Type names no boundary.")
    return boundary


def _checked_length(request: Request, rules: FormRules) -> int:
    """How long the body says it is, 0 where it does not."""
    declared = request.headers.get("content-length", "")
    length = int(declared) if declared.isdecimal() else 0
    if length > rules.max_total_bytes:
        raise TooLargeError(f"The request is larger than the {rules.max_total_bytes} bytes that are allowed.")
    return length


def _finished(reader: FormReader, last: bytes) -> Form:
    reader.feed(last)
    return reader.finish()


class _Body:
    """A request's body, to be read in pieces of a chosen size, however it arrives."""

    def __init__(self, request: Request, pace: Pace) -> None:
        self._chunks = request.stream()
        self._pace = pace
        # Only what is spent waiting for the client counts, not what the service itself takes meanwhile.
        self._waited_s = 0.0
        self._received = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._arrived = False

    @property
    def ended(self) -> bool:
        """Nothing is left to be read."""
        return self._arrived and not self._waiting_bytes

    async def read(self, size: int) -> bytes:
        """The next `size` bytes, or fewer at the end."""
        patience = 0.0
        with anyio.CancelScope() as scope:  # one for all chunks of a piece: to make it is dear
            while self._waiting_bytes < size and not self._arrived:
                patience = self._pace.patience(self._waited_s, self._received)
                began = anyio.current_time()
                scope.deadline = began + patience
                chunk = await anext(self._chunks, b"")
                self._waited_s += anyio.current_time() - began
                self._received += len(chunk)
                self._waiting.append(chunk)
                self._waiting_bytes += len(chunk)
                self._arrived = not chunk
        if scope.cancelled_caught:
            raise StalledRequestError(f"Nothing arrived for {patience:.3g} seconds.")
        whole = b"".join(self._waiting)
        piece, rest = whole[:size], whole[size:]
        self._waiting = [rest]
        self._waiting_bytes = len(rest)
        return piece
