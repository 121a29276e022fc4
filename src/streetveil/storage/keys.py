"""What objects are called. A key is made of a job's id alone, never of anything a client chose.

    original/{job_id}.{ext}          the upload
    processed/{job_id}.{ext}         the result of the first claim
    metadata/{job_id}.json           what was found in it
    processed/{job_id}.{claim}.{ext} the same for later claims, from 2 on
    metadata/{job_id}.{claim}.json

Each claim writes names of its own: a worker that was thought lost and still writes can neither
replace nor remove what its successor wrote, so a result once recorded in a row never changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal["original", "processed", "metadata"]
KINDS: tuple[Kind, ...] = ("original", "processed", "metadata")

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_JOB_ID = re.compile(_UUID)
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
_KEY = re.compile(rf"(original|processed|metadata)/({_UUID})(?:\.([1-9][0-9]{{0,9}}))?\.([a-z0-9]{{1,8}})")


@dataclass(frozen=True, slots=True)
class ObjectName:
    """The parts of a key; `claim` is 0 for an original."""

    kind: Kind
    job_id: str
    claim: int


def original_key(job_id: str, extension: str) -> str:
    """Key of the upload."""
    return _key("original", job_id, 0, extension)


def processed_key(job_id: str, claim: int, extension: str) -> str:
    """Key of the result that claim number `claim` (1, 2, ...) writes."""
    return _key("processed", job_id, claim, extension)


def metadata_key(job_id: str, claim: int) -> str:
    """Key of the JSON that stands beside that result."""
    return _key("metadata", job_id, claim, "json")


def parse_key(key: str) -> ObjectName | None:
    """The parts of a key made here; None for any other."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    kind, job_id, claim, _ = match.groups()
    if kind == "original":
        return None if claim else ObjectName("original", job_id, 0)
    return ObjectName(cast("Kind", kind), job_id, int(claim or 1))


def extension_of(key: str) -> str:
    """The extension a key ends in."""
    return key.rpartition(".")[2]


def _key(kind: Kind, job_id: str, claim: int, extension: str) -> str:
    if not _JOB_ID.fullmatch(job_id) or not _EXTENSION.fullmatch(extension):
        raise ValueError(f"not the id of a job or not an extension: {job_id[:40]!r}, {extension[:40]!r}")
    number = f".{claim}" if claim > 1 else ""
    return f"{kind}/{job_id}{number}.{extension}"
