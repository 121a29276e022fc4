"""A child's life: limit itself, then answer one photo after the other until the socket closes."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable
from typing import NoReturn

from streetveil.domain.options import JobOptions
from streetveil.isolation import answers
from streetveil.isolation.frames import Frame, receive, send
from streetveil.isolation.limits import Limits
from streetveil.isolation.sandbox import confine
from streetveil.jobs.anonymise import Anonymised

Attempt = Callable[[bytes, JobOptions], Anonymised]

_MAX_HEADER = 64 * 1024
# The parent is trusted; whatever it sends was let in as an upload.
_MAX_BODY = 2**40


def live(peer: socket.socket, attempt: Attempt, limits: Limits, parent: int) -> NoReturn:
    """Never returns, so that nothing of the process it was forked from goes on here.

    `parent` is the process that forked this one.
    """
    status = 1
    try:
        limits.apply()
        if os.getppid() == parent:  # else it died before this one was bound to it
            confine()
            _answer(peer, attempt)
        status = 0
    finally:
        os._exit(status)


def _answer(peer: socket.socket, attempt: Attempt) -> None:
    while True:
        try:
            frame = receive(peer, max_header=_MAX_HEADER, max_body=_MAX_BODY)
        except (EOFError, ConnectionError):
            return
        except MemoryError as error:
            send(peer, answers.of_error(error, ""))
            return  # the rest of the photo is still in the socket
        answer = _work(frame, attempt)
        del frame
        send(peer, answer)


def _work(frame: Frame, attempt: Attempt) -> Frame:
    try:
        return answers.of_result(attempt(frame.body, JobOptions.parse(frame.header["options"])))
    except Exception as error:  # noqa: BLE001 - told to the parent, which raises or logs it
        return answers.of_error(error, traceback.format_exc())
