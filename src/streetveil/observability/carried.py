"""What travels with a job's id through the queue: by it, what a worker logs belongs to the request that it is for.

It is part of the context that stands in each log line. A queue takes it where an id is put, and has it in force while
the id is worked on; so an id that is put again from there takes it along.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager

import structlog

# `traceparent` is that of https://www.w3.org/TR/trace-context/, version 00.
_CARRIED = {
    "request_id": re.compile(r"[A-Za-z0-9._:-]{1,128}"),
    "traceparent": re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"),
}


def carried() -> dict[str, str]:
    """What is in force here, to be taken along."""
    return sound(structlog.contextvars.get_contextvars())


def carrying(context: Mapping[str, str]) -> AbstractContextManager[None]:
    """Has it in force, as it was taken along."""
    return structlog.contextvars.bound_contextvars(**context)


def sound(context: object) -> dict[str, str]:
    """What is as it must be of something that came from elsewhere; the rest is left out."""
    if not isinstance(context, Mapping):
        return {}
    values = {name: context.get(name) for name in _CARRIED}
    return {name: value for name, value in values.items() if isinstance(value, str) and _CARRIED[name].fullmatch(value)}
