"""What objects are called. A key is made of a tenant and a job's id alone, never of anything a client chose.

    original/{job_id}.{ext}          the upload
    processed/{job_id}.{ext}         the result of the first claim
    metadata/{job_id}.json           what was found in it
    processed/{job_id}.{claim}.{ext} the same for later claims, from 2 on
    metadata/{job_id}.{claim}.json
    crops/{job_id}.sealed            sealed crops of the original (streetveil.crops); {claim} as above

These are those of the default tenant; before those of any other stands tenants/{tenant}/.

Each claim writes names of its own: a worker that was thought lost and still writes can neither
replace nor remove what its successor wrote, so a result once recorded in a row never changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from streetveil.domain.access import DEFAULT_TENANT, is_tenant

Kind = Literal["original", "processed", "metadata", "crops"]

FOLDERS = ("original", "processed", "metadata", "crops", "tenants")
"""In one of them is every object."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_JOB_ID = re.compile(_UUID)
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
_KEY = re.compile(
    rf"(?:tenants/([^/]+)/)?(original|processed|metadata|crops)/({_UUID})(?:\.([1-9][0-9]{{0,9}}))?\.([a-z0-9]{{1,8}})"
)


@dataclass(frozen=True, slots=True)
class ObjectName:
    """The parts of a key; `claim` is 0 for an original."""

    tenant: str
    kind: Kind
    job_id: str
    claim: int


def original_key(tenant: str, job_id: str, extension: str) -> str:
    """Key of the upload."""
    return _key(tenant, "original", job_id, 0, extension)


def processed_key(tenant: str, job_id: str, claim: int, extension: str) -> str:
    """Key of the result that claim number `claim` (1, 2, ...) writes."""
    return _key(tenant, "processed", job_id, claim, extension)


def metadata_key(tenant: str, job_id: str, claim: int) -> str:
    """Key of the JSON that stands beside that result."""
    return _key(tenant, "metadata", job_id, claim, "json")


def crops_key(tenant: str, job_id: str, claim: int) -> str:
    """Key of the sealed crops that stand beside that result, where there are any."""
    return _key(tenant, "crops", job_id, claim, "sealed")


def parse_key(key: str) -> ObjectName | None:
    """The parts of a key made here; None for any other."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    tenant, kind, job_id, claim, _ = match.groups()
    if tenant == DEFAULT_TENANT or (tenant is not None and not is_tenant(tenant)) or (kind == "original" and claim):
        return None
    number = 0 if kind == "original" else int(claim or 1)
    return ObjectName(tenant or DEFAULT_TENANT, cast("Kind", kind), job_id, number)


def extension_of(key: str) -> str:
    """The extension a key ends in."""
    return key.rpartition(".")[2]


def _key(tenant: str, kind: Kind, job_id: str, claim: int, extension: str) -> str:
    if not is_tenant(tenant) or not _JOB_ID.fullmatch(job_id) or not _EXTENSION.fullmatch(extension):
        raise ValueError(
            "not a tenant, not the id of a job or not an extension: "
            f"{tenant[:40]!r}, {job_id[:40]!r}, {extension[:40]!r}"
        )
    folder = "" if tenant == DEFAULT_TENANT else f"tenants/{tenant}/"
    number = f".{claim}" if claim > 1 else ""
    return f"{folder}{kind}/{job_id}{number}.{extension}"
