"""The query of GET /jobs: filters, and a cursor that callers pass back without looking into it."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from streetveil.api.schemas.jobs import PublicStatus
from streetveil.domain.job import JobStatus
from streetveil.domain.reports import JobFilter
from streetveil.errors import InvalidParameterError


def _not_a_number(value: object) -> object:
    """Refuses what pydantic would take for Unix seconds, or milliseconds: "2026" would be a moment of 1970."""
    if isinstance(value, str) and re.fullmatch(r"\s*[-+.\d_eE]+\s*", value) and not re.match(r"\d{4}-", value):
        raise ValueError("it must be a date or time in ISO 8601")
    return value


Time = Annotated[datetime, BeforeValidator(_not_a_number)]


class JobQuery(BaseModel):
    """Filters are combined with "and"; an unknown parameter is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: PublicStatus | None = None
    is_vehicle_detected: bool | None = None
    is_face_detected: bool | None = None
    is_face_blurred: bool | None = None
    is_plate_blurred: bool | None = None
    since: Time | None = Field(
        None, description="Submitted at this time or later; ISO 8601, UTC where it names no zone."
    )
    until: Time | None = Field(None, description="Submitted before this time.")
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(None, pattern="^[A-Za-z0-9_-]{22}$", description="`next_cursor` of the page before.")

    @property
    def filter(self) -> JobFilter:
        return JobFilter(
            status=None if self.status is None else JobStatus(self.status),
            is_vehicle_detected=self.is_vehicle_detected,
            is_face_detected=self.is_face_detected,
            is_face_blurred=self.is_face_blurred,
            is_plate_blurred=self.is_plate_blurred,
            since=_in_utc(self.since),
            until=_in_utc(self.until),
        )

    @property
    def after(self) -> str | None:
        """The id that `cursor` stands for: its 16 bytes in base64url without padding."""
        return None if self.cursor is None else str(UUID(bytes=base64.urlsafe_b64decode(self.cursor + "==")))


def cursor_for(job_id: str) -> str:
    """The cursor of the page that begins after `job_id`."""
    return base64.urlsafe_b64encode(UUID(job_id).bytes).decode().rstrip("=")


def _in_utc(time: datetime | None) -> datetime | None:
    if time is None:
        return None
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        raise InvalidParameterError("query: A time is outside of what can be told in UTC.") from None
