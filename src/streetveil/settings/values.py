"""What settings may be, where that is more than a number, a text or a choice.

Each refuses with ValueError, which pydantic makes a sentence about the setting of.
"""

from __future__ import annotations

import ipaddress
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from streetveil.domain.access import is_tenant
from streetveil.domain.durations import parse_duration

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_DEVICE = re.compile(r"auto|cpu|(cuda|tensorrt)(:[0-9]{1,3}(,[0-9]{1,3})*)?")
_RETENTIONS = {"original", "failed", "result", "crops"}


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    return parse_duration(str(value) if isinstance(value, str | int) else "")


def _tenant_retention(value: object) -> dict[str, dict[str, timedelta | None]]:
    wrong = 'must be JSON of tenants and their terms, such as {"acme": {"original": "0", "result": "30d"}}'
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(wrong) from None
    if not isinstance(found, dict):
        raise ValueError(wrong)  # noqa: TRY004 - pydantic reports ValueError alone
    for tenant, terms in found.items():
        if not is_tenant(tenant) or not isinstance(terms, dict) or not terms.keys() <= _RETENTIONS:
            raise ValueError(wrong)
        if terms.get("crops", "") is None:
            raise ValueError("crops are never kept for ever")
    return {
        tenant: {name: None if term is None else _duration(term) for name, term in terms.items()}
        for tenant, terms in found.items()
    }


def _log_level(value: str) -> str:
    if value.upper() not in _LEVELS:
        raise ValueError("must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return value.upper()


def _device(value: str) -> str:
    named = value.strip().lower()
    if not _DEVICE.fullmatch(named):
        raise ValueError("must be auto, cpu, cuda or tensorrt, the last two alone or with GPUs, as in cuda:0,1")
    return named


def _proxies(value: str) -> str:
    for item in value.split(",") if value != "*" else ():
        try:
            ipaddress.ip_network(item.strip())  # of an address too
        except ValueError:
            raise ValueError("must be addresses and networks, as in 10.0.0.7,10.1.0.0/16, or *") from None
    return value


Access = Literal["open", "upload", "read", "read:original", "operate", "metrics", "erase", "admin"]
"""Open to all, or the scope that it takes."""

Score = Annotated[float, Field(ge=0, le=1)]

Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A length of time, as `domain.durations` reads it."""

TenantRetention = Annotated[dict[str, dict[str, timedelta | None]], NoDecode, BeforeValidator(_tenant_retention)]
"""By tenant what is said of it; null there means for ever."""

LogLevel = Annotated[str, AfterValidator(_log_level)]
"""In capitals."""

Device = Annotated[str, AfterValidator(_device)]
"""Where models run, in small letters."""

Proxies = Annotated[str, AfterValidator(_proxies)]
"""As uvicorn reads them, which takes all else for names that no caller ever has, a network with host bits too."""

Folder = Annotated[Path, AfterValidator(Path.expanduser)]
"""A path in which `~` is somebody's home."""
