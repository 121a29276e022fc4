"""Answers of several parts, as `multipart/form-data` (RFC 7578)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from fastapi import Request, Response


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its name, what it is, and a file name where it is a file."""

    name: str
    media_type: str
    content: bytes
    filename: str | None = None


def wants_parts(request: Request) -> bool:
    """True where the client asks for `multipart/form-data` in its Accept header, at whatever preference."""
    accept = request.headers.get("accept", "*/*")
    return any(item.partition(";")[0].strip().lower() == "multipart/form-data" for item in accept.split(","))


def in_parts(parts: Sequence[Part]) -> Response:
    """The answer that holds `parts` in their order. Nobody may keep a copy of it."""
    boundary = uuid4().hex
    pieces: list[bytes] = []
    for part in parts:
        pieces += [f"--{boundary}\r\n".encode(), _head(part), part.content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    headers = {"Cache-Control": "private, no-store"}
    return Response(b"".join(pieces), headers=headers, media_type=f"multipart/form-data; boundary={boundary}")


def _head(part: Part) -> bytes:
    disposition = f'form-data; name="{part.name}"'
    if part.filename is not None:
        # As browsers do (WHATWG HTML, multipart/form-data encoding algorithm).
        disposition += f'; filename="{part.filename.replace(chr(34), "%22")}"'
    return f"Content-Disposition: {disposition}\r\nContent-Type: {part.media_type}\r\n\r\n".encode()
