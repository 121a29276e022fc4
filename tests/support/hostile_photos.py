"""Photos that do to the process that decodes them what hostile ones would, and the anonymiser that lets them.

`build` runs in the zygote of a test; the photo says in a PNG text chunk what is to happen.
"""

from __future__ import annotations

import ctypes
import io
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from streetveil.detection.base import Found, ModelIdentity, Query, Scene
from streetveil.domain.detections import Detection, Detections, Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import JobOptions
from streetveil.errors import ModelMissingError, UndecodableImageError
from streetveil.imaging.picture import Picture
from streetveil.jobs.anonymise import Anonymised, Anonymiser
from streetveil.redaction.pixels import PixelRedactor

PLACE = "tests.support.hostile_photos:build"

_MARK = b"misdeed:"


def photo(misdeed: str = "", *, seed: int = 1) -> bytes:
    """A small PNG; without a misdeed a good one."""
    info = PngInfo()
    info.add_text("Comment", f"misdeed:{misdeed};" if misdeed else "harmless")
    file = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(noise).save(file, "PNG", pnginfo=info)
    return file.getvalue()


class OneFace:
    """Finds a face at one place in every picture."""

    def detect(self, pictures: Sequence[Picture], queries: Sequence[Query]) -> list[Scene]:
        """One face each."""
        found = Detections.of([Detection(Label.FACE, Box(20, 10, 40, 30), 0.9)])
        return [Scene(Found(found, ModelIdentity("one", "1", "ab"), margin=0.1), None, None) for _ in queries]


def good_anonymiser() -> Anonymiser:
    """What children use for photos without misdeeds."""
    return Anonymiser(OneFace(), PixelRedactor(), max_pixels=10**6)


def build(argument: dict[str, Any]) -> Callable[[bytes, JobOptions], Anonymised]:
    """The anonymiser of a child; `argument` may hold `fail` (no models) or `end` (the zygote itself ends)."""
    if argument.get("fail"):
        raise ModelMissingError("There is no model file x.onnx.")
    if argument.get("end"):
        os._exit(3)
    good = good_anonymiser()

    def attempt(data: bytes, options: JobOptions) -> Anonymised:
        if _MARK in data:
            words = data.partition(_MARK)[2].partition(b";")[0].decode().split()
            _MISDEEDS[words[0]](*words[1:])
        return good.attempt(data, options)

    return attempt


def _peer() -> socket.socket:
    """The child's socket to its parent, as whoever took it over would find it."""
    for descriptor in range(3, 64):
        try:
            return socket.socket(fileno=os.dup(descriptor))
        except OSError:
            continue
    raise AssertionError("no socket")


def _hang() -> None:
    while True:
        time.sleep(60)


def _say(*pieces: bytes) -> None:
    for piece in pieces:
        _peer().sendall(piece)
    _hang()


def _answer(header: bytes, body_length: int = 0) -> None:
    _say(struct.pack("!IQ", len(header), body_length), header, bytes(min(body_length, 10**6)))


def _try(what: str, *words: str) -> None:
    """Tries something that a child must not be able to do, and tells by an error what came of it."""
    try:
        came = _TRIES[what](*words)
    except OSError as error:
        came = type(error).__name__
    raise UndecodableImageError(f"{what}: {came}")


def _defect() -> None:
    raise RuntimeError("a defect of ours")


def _refuse() -> None:
    raise UndecodableImageError("not for \x1b[31m us\r")


def _eat(megabytes: str) -> None:
    eaten = bytearray(int(megabytes) * 1024 * 1024)
    del eaten


def _connect(port: str) -> str:
    socket.create_connection(("127.0.0.1", int(port)), 5).close()
    return "connected"


def _end_early() -> None:
    _peer().sendall(b"\x00\x00")
    os._exit(0)


def _speak_later() -> None:
    """Lets the photo's own answer go first: it comes from another thread, a moment later."""
    peer = _peer()
    frame = struct.pack("!IQ", 2, 0) + b"{}"
    threading.Timer(0.5, peer.sendall, (frame,)).start()


def _signal(pid: str) -> str:
    os.kill(int(pid), 0)
    return "sent"


def _fork() -> str:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "forked"


def _write(path: str) -> str:
    Path(path).write_bytes(b"x")
    return "written"


_MISDEEDS: dict[str, Callable[..., object]] = {
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "exit": lambda: os._exit(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": _hang,
    "eat": _eat,
    "defect": _defect,
    "refuse": _refuse,
    "garbage": lambda: _say(b"\x00\x00\x00\x10" + bytes(8) + b"this is no JSON."),
    "promise": lambda: _answer(b"{}", 2**60),
    "long": lambda: _say(struct.pack("!IQ", 2**32 - 1, 0)),
    "deep": lambda: _answer(b"[" * 200_000),
    "nan": lambda: _answer(b'{"done": NaN}'),
    "list": lambda: _answer(b"[1, 2]"),
    "empty": lambda: _answer(b"{}"),
    "lie": lambda: _answer(b'{"done": {"lossless": 1, "blur_metadata": [], "detection_metadata": "x"}}'),
    "unknown": lambda: _answer(b'{"error": {"code": "no_such_code", "detail": "x"}}'),
    "half": _end_early,
    "twice": lambda: _peer().sendall(struct.pack("!IQ", 2, 0) + b"{}" + struct.pack("!IQ", 2, 0) + b"{}"),
    "afterwards": _speak_later,
    "try": _try,
}

_TRIES: dict[str, Callable[..., str]] = {
    "environment": lambda: ",".join(sorted(os.environ)),
    "read": lambda path: f"read {len(Path(path).read_bytes())} bytes",
    "list": lambda path: f"listed {len(list(Path(path).iterdir()))}",
    "write": _write,
    "connect": _connect,
    "signal": _signal,
    "fork": _fork,
    "limits": lambda: ",".join(
        line.split(":")[1].strip()
        for line in Path("/proc/self/status").read_text("ascii").splitlines()
        if line.startswith("NoNewPrivs")
    ),
}
