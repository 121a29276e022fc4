"""Answers that were made of checked parts."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Response

from streetveil.api.schemas.base import Schema


def answer_of(
    body: Schema,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    headers: Mapping[str, str] | None = None,
    exclude_unset: bool = False,
) -> Response:
    """The JSON of a body. A body that a route returns instead is checked a second time, and in a thread of its own."""
    content = body.model_dump_json(by_alias=True, exclude_unset=exclude_unset)
    return Response(content, int(status), dict(headers or {}), "application/json")
