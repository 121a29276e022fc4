"""The bodies that tell what went wrong."""

from __future__ import annotations

from pydantic import Field

from streetveil.api.schemas.base import Schema


class Problem(Schema):
    """An RFC 9457 problem document."""

    type: str = Field(examples=["urn:streetveil:error:job_not_found"])
    title: str = Field(examples=["Job not found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="One sentence for a person.")
    code: str = Field(description="Stable; docs/errors.md lists them all.", examples=["job_not_found"])
    retryable: bool = Field(description="Whether the same request may succeed later.")
    request_id: str = Field(description="Also in the header X-Request-ID and in the service's log.")
    errors: list[InvalidParameter] = Field(default=[], description="Each parameter that was refused.")


class InvalidParameter(Schema):
    """One parameter that was refused."""

    location: str = Field(examples=["query.limit"])
    message: str


class FileProblem(Schema):
    """Why one file of a batch was refused."""

    code: str = Field(examples=["unsupported_format"])
    detail: str
