"""Feeds a request's body to a `FormReader`, with all parsing, hashing and writing off the event loop."""

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
async def received_form(request: Request, rules: FormRules, *, idle_timeout_s: float) -> AsyncIterator[Form]:
    """The form in the body of `request`; its files are removed on leaving.

    Raises:
        MalformedRequestError: the body is not multipart/form-data.
        TooLargeError: the declared or actual length is over `rules.max_total_bytes`.
        StalledRequestError: nothing arrived for `idle_timeout_s` seconds.
        StreetveilError: as `FormReader` says.
    """
    reader = FormReader(_boundary(request), rules)
    try:
        _check_length(request, rules)
        async for piece in _pieces(request, idle_timeout_s):
            await run_sync(reader.feed, piece)
        form = await run_sync(reader.finish)
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


async def _pieces(request: Request, idle_timeout_s: float) -> AsyncIterator[bytes]:
    """The body in pieces worth a change of thread: small ones first, so that a bad start shows early."""
    waiting = bytearray()
    enough = _FIRST_PIECE
    stream = request.stream()
    while True:
        try:
            with anyio.fail_after(idle_timeout_s):
                chunk = await anext(stream, b"")
        except TimeoutError:
            raise StalledRequestError(f"Nothing arrived for {idle_timeout_s:g} seconds.") from None
        waiting += chunk
        if len(waiting) >= enough or (waiting and not chunk):
            yield bytes(waiting)
            waiting.clear()
            enough = min(2 * enough, _LARGEST_PIECE)
        if not chunk:
            return
