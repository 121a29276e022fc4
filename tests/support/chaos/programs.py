"""Processes of the product that are killed and started again."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_END_S = 30


class Program:
    """One command, started as often as it is killed. Its log goes on in one file."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.environment = dict(environment)
        self.log = folder / f"{name}.log"
        self._command = list(command)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        # The schedule of faults and the watch over processes that end by themselves both start programs.
        self._lock = threading.Lock()

    def start(self) -> None:
        with self._lock, self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def ended_by_itself(self) -> int | None:
        """The exit code of a process that nobody ended."""
        with self._lock:
            return self._process.poll() if self._process is not None else None

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int | None:
        """SIGTERM; its exit code, None where it did not end in time and was killed."""
        return self._end(signal.SIGTERM)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def tail(self, length: int = 3000) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-length:] if self.log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> int | None:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
