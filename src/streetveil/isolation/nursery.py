"""Where children come from: starts the zygote, has it fork them, and learns how they ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from streetveil.errors import DecoderUnavailableError, StreetveilError
from streetveil.isolation.answers import error_of
from streetveil.isolation.limits import Limits
from streetveil.isolation.zygote import MAX_MESSAGE

_log = structlog.get_logger(__name__)

_START_S = 60.0
_ANSWER_S = 20.0
_END_S = 5.0
_BACKOFF_S = (0.5, 30.0)  # first and longest

# All that a child learns of this process's environment. No secret of any backend has one of these names.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ", "OPENBLAS_CORETYPE", "ONEDNN_MAX_CPU_ISA")
# A child works on one photo with one core, and a fork of more than one thread would not be sound.
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
    "OPENCV_FOR_THREADS_NUM": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a child comes to what it works with.

    Attributes:
        build: `package.module:function`, to be called with `argument`, that returns what works on a photo. It runs in
            a fresh process with a clean environment, and must start no thread.
        argument: any JSON; holds no secret.
    """

    build: str
    argument: Any


class Birth(NamedTuple):
    """A new child: its process, and our end of the socket to it."""

    pid: int
    peer: socket.socket


class Nursery:
    """One zygote, started when it is first needed and again when it ended. Safe to share by threads."""

    def __init__(self, recipe: Recipe, limits: Limits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._recipe = recipe
        self._limits = limits
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False
        self._failure: StreetveilError | None = None
        self._pause_s = _BACKOFF_S[0]
        self._not_before = 0.0

    @property
    def zygote(self) -> int | None:
        """The process that children are forked from; None where there is none at present."""
        process = self._process
        return None if process is None else process.pid

    @property
    def failure(self) -> StreetveilError | None:
        """Why no child can be had at present; None where one can, as far as is known."""
        return self._failure

    def birth(self) -> Birth:
        """A new child.

        Raises:
            StreetveilError: what building raised in the zygote: a ModelError, say.
            DecoderUnavailableError: none could be had; the next try may do better.
        """
        with self._lock:
            control = self._started()
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    socket.send_fds(control, [b'{"fork": true}'], [theirs.fileno()])
                    pid = self._heard(control)["pid"]
                except (OSError, ValueError, KeyError) as error:
                    ours.close()
                    raise self._broken(f"it could not fork ({type(error).__name__})") from error
            return Birth(pid, ours)

    def reap(self, pid: int) -> int | None:
        """Ends a child, if it has not ended.

        Returns:
            Its status as waitpid(2) gives it; None where it had ended together with the zygote it came from.
        """
        with self._lock:
            control = self._control
            if control is None:
                return None
            try:
                control.send(json.dumps({"reap": pid}).encode())
                status = self._heard(control)["status"]
                return status if isinstance(status, int) else None
            except (OSError, ValueError, KeyError):
                self._broken("it ended")
                return None

    def close(self) -> None:
        """Ends the zygote and all children; nothing is born any more."""
        with self._lock:
            self._closed = True
            self._end()

    def _started(self) -> socket.socket:
        if self._closed:
            raise DecoderUnavailableError("This process is about to end.")
        if self._control is not None:
            return self._control
        if self._failure is not None and self._monotonic() < self._not_before:
            raise self._failure
        try:
            control = self._start()
        except StreetveilError as error:
            self._end()
            self._failure = error
            self._not_before = self._monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, _BACKOFF_S[1])
            raise
        self._failure = None
        self._pause_s = _BACKOFF_S[0]
        self._control = control
        return control

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", "streetveil.isolation.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=_environment(os.environ),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in a terminal is for the parent alone
            )
        order = {"build": self._recipe.build, "argument": self._recipe.argument, "limits": asdict(self._limits)}
        try:
            ours.settimeout(_START_S)
            ours.send(json.dumps(order).encode())
            answer = self._heard(ours, _START_S)
        except (OSError, ValueError) as error:
            raise DecoderUnavailableError(
                f"The process that loads the models ended or did not answer ({type(error).__name__})."
            ) from error
        match answer:
            case {"ready": True}:
                return ours
            case {"error": {"code": str(code), "detail": str(detail)}}:
                raise error_of(code, detail)
        raise DecoderUnavailableError("The process that loads the models gave no answer that makes sense.")

    def _heard(self, control: socket.socket, patience_s: float = _ANSWER_S) -> dict[str, Any]:
        control.settimeout(patience_s)
        text = control.recv(MAX_MESSAGE)
        if not text:
            raise ConnectionResetError
        message = json.loads(text)
        if not isinstance(message, dict):
            raise ValueError("not an object")  # noqa: TRY004 - what came is wrong, not what was asked
        return message

    def _broken(self, reason: str) -> DecoderUnavailableError:
        """The zygote cannot be used any more: the next birth starts another."""
        _log.error("zygote_lost", reason=reason)
        self._end()
        return DecoderUnavailableError(f"The process that children are forked from cannot be used: {reason}.")

    def _end(self) -> None:
        """Ends the zygote: where it does not of itself, by force. Its children die with it."""
        if self._control is not None:
            self._control.close()
            self._control = None
        process, self._process = self._process, None
        if process is not None:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    kept = {name: ours[name] for name in _KEPT if name in ours}
    return kept | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path)}
