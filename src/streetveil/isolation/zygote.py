"""The process that children are forked from: models loaded, one thread, and never a photo seen.

A fork of it is ready at once and shares the models' memory with the others. Run as `python -m` by `nursery.py`, over a
socket of whole messages (SOCK_SEQPACKET):

    parent                                          zygote
    {"build": "package.module:function",            {"ready": true} or {"error": {...}}
     "argument": ..., "limits": {...}}
    {"fork": true} + a child's end of a socket      {"pid": 123}
    {"reap": 123}                                   {"status": 11}   as waitpid(2) gives it; null: no child of its

Where the parent is gone, so is the zygote, and with it all children.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from streetveil.errors import ConfigurationError, StreetveilError
from streetveil.isolation.child import Attempt, live
from streetveil.isolation.limits import Limits

MAX_MESSAGE = 128 * 1024

Build = Callable[[Any], Attempt]


def main(descriptor: int) -> None:
    """Serves the parent at the other end of the socket until it closes it."""
    # Both come to a whole process group or control group; the parent drains, and its children must work meanwhile.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A parent that went while this one still loaded its models, by Ctrl-C say, needs no answer and no traceback.
    with suppress(BrokenPipeError, ConnectionResetError), socket.socket(fileno=descriptor) as control:
        order = json.loads(control.recv(MAX_MESSAGE) or b"{}")
        if not order:
            return
        try:
            attempt = _build(order["build"])(order["argument"])
            _check_single_thread()
        except StreetveilError as error:
            _say(control, {"error": {"code": error.code, "detail": error.detail}})
            return
        limits = Limits(**order["limits"])
        # What lives now lives as long as the process: looking for garbage in it would only unshare its memory.
        gc.collect()
        gc.freeze()
        _say(control, {"ready": True})
        _serve(control, attempt, limits)


def _serve(control: socket.socket, attempt: Attempt, limits: Limits) -> None:
    children: set[int] = set()
    while True:
        text, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, 1)
        if not text:
            return
        match json.loads(text):
            case {"fork": True}:
                with socket.socket(fileno=descriptors[0]) as peer:
                    pid = _fork(control, peer, attempt, limits)
                children.add(pid)
                _say(control, {"pid": pid})
            case {"reap": int(pid)} if pid in children:
                children.discard(pid)
                os.kill(pid, signal.SIGKILL)  # not waited for yet, so it is still that process
                _say(control, {"status": os.waitpid(pid, 0)[1]})
            case _:
                _say(control, {"status": None})


def _fork(control: socket.socket, peer: socket.socket, attempt: Attempt, limits: Limits) -> int:
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
        control.close()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(nowhere, standard)
        live(peer, attempt, limits, zygote)
    return pid


def _build(place: str) -> Build:
    module, _, function = place.partition(":")
    build: Build = getattr(import_module(module), function)
    return build


def _check_single_thread() -> None:
    """A fork has the calling thread only: what others held locked would stay so in it."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        raise ConfigurationError(
            f"Loading the models started {threads - 1} threads, so photos cannot be worked on in processes of their "
            "own: set ISOLATION=none."
        )


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    control.send(json.dumps(message).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
