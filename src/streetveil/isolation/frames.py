"""What goes over the socket between this process and a child: a JSON object, and raw bytes behind it.

    4 bytes   length of the JSON text, big-endian
    8 bytes   length of the bytes, big-endian
    ...       the JSON text in UTF-8
    ...       the bytes

Never pickles: a child may have been taken over by the photo it decoded, so what it says is read like an upload.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any, NoReturn

_LENGTHS = struct.Struct("!IQ")
_PIECE = 256 * 1024


class BrokenFrameError(Exception):
    """What came is no frame, or one that is longer than allowed."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message.

    Attributes:
        header: a JSON object.
        body: the bytes behind it.
    """

    header: dict[str, Any]
    body: bytes


def send(peer: socket.socket, frame: Frame, *, deadline: float | None = None) -> None:
    """Sends one frame.

    Args:
        peer: a stream socket.
        frame: the message.
        deadline: the moment of `time.monotonic` until which the peer must have taken it; None waits for ever.

    Raises:
        TimeoutError: it had not by then.
        OSError: the peer is gone.
    """
    header = json.dumps(frame.header).encode()
    peer.settimeout(_left(deadline))
    peer.sendall(_LENGTHS.pack(len(header), len(frame.body)) + header)
    if frame.body:
        peer.settimeout(_left(deadline))
        peer.sendall(frame.body)


def receive(peer: socket.socket, *, max_header: int, max_body: int, deadline: float | None = None) -> Frame:
    """The next frame. Memory grows with what has arrived, not with what is promised.

    Raises:
        BrokenFrameError: it is none, or a part is longer than allowed (both in bytes).
        EOFError: the peer closed its end, also in the middle of a frame.
        TimeoutError: it was not complete by the deadline.
        OSError: the peer is gone.
    """
    header_length, body_length = _LENGTHS.unpack(_exactly(peer, _LENGTHS.size, deadline))
    if header_length > max_header or body_length > max_body:
        raise BrokenFrameError(f"a frame of {header_length} + {body_length} bytes")
    header = _parsed(_exactly(peer, header_length, deadline))
    return Frame(header, _exactly(peer, body_length, deadline))


def _exactly(peer: socket.socket, count: int, deadline: float | None) -> bytes:
    pieces = []
    while count:
        peer.settimeout(_left(deadline))
        piece = peer.recv(min(count, _PIECE))
        if not piece:
            raise EOFError
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise BrokenFrameError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(header, dict):
        raise BrokenFrameError("not a JSON object")
    return header


def _refused(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and the infinities are no JSON, and no database takes them


def _left(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
