"""`streetveil serve` and `streetveil worker` as processes of their own, just as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import IO, Self

from streetveil.bench.client import Client
from streetveil.bench.processes import end, undisturbed
from streetveil.domain.durations import duration_text
from streetveil.errors import MeasurementError
from streetveil.settings import LoadedSettings, variables

_PATIENCE_S = 120
_LISTENING = {"listening", "health_listening"}
_RUN = "from streetveil.cli.main import run; run()"
_LAST_LINES = 1500
_COMPLAINTS = 3
# Its log is read here; and spans of what nobody asked for would be work, and a riddle to whoever collects them.
_OBSERVED = {"LOG_FORMAT": "json", "LOG_LEVEL": "INFO", "OTEL_SDK_DISABLED": "true"}


class Program:
    """A process that answers `/health/ready` on a port of its own choice. Ended when the context is left.

    Attributes:
        url: where it answers.
        startup_s: seconds from its start until it was ready.
    """

    def __init__(self, arguments: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        """`arguments` are those of `streetveil`; `folder` is for its log, and where it is run."""
        self._arguments = arguments
        self._folder = folder
        self._environment = {**environment, **_OBSERVED}
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.url = ""
        self.startup_s = 0.0

    @property
    def pid(self) -> int:
        if self._process is None:
            raise MeasurementError("The process was not started.")
        return self._process.pid

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        begin = time.perf_counter()
        self._log = (self._folder / "log").open("w+b")
        try:
            with undisturbed():
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    [sys.executable, "-c", _RUN, *self._arguments],
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=self._log,
                    start_new_session=True,  # Ctrl-C is for us, who then end it
                )
            self._wait_until_ready(self._process)
        except BaseException:
            self.__exit__()
            raise
        self.startup_s = time.perf_counter() - begin
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process)
        if self._log is not None:
            self._log.close()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        client: Client | None = None
        while time.monotonic() < deadline and process.poll() is None:
            if client is None and (port := self._port()):
                self.url = f"http://127.0.0.1:{port}"
                client = Client(self.url)
            if client is not None and client.ready():
                client.close()
                return
            time.sleep(0.01)
        raise MeasurementError(f"streetveil {self._arguments[0]} did not get ready: {self._last_lines()}")

    def _port(self) -> int | None:
        for line in (self._folder / "log").read_text("utf-8", "replace").splitlines():
            if '"port"' in line and line.endswith("}"):
                said = json.loads(line)
                if said.get("event") in _LISTENING:
                    return int(said["port"])
        return None

    def complaints(self) -> str:
        """The last warnings and errors of its log; empty where it has none."""
        lines = (self._folder / "log").read_text("utf-8", "replace").splitlines()
        return "\n".join([line for line in lines if '"level": "info"' not in line][-_COMPLAINTS:])

    def _last_lines(self) -> str:
        return (self._folder / "log").read_text("utf-8", "replace")[-_LAST_LINES:].strip() or "it said nothing"


def environment_of(loaded: LoadedSettings, **instead: str) -> dict[str, str]:
    """The environment in which a process has our settings wherever ours came from, but for those `instead`."""
    ours = variables()
    environment = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    for name, origin in loaded.origins.items():
        if origin != "default" and (value := getattr(loaded.settings, name)) is not None:
            environment[name.upper()] = _text(value)
    return environment | instead


def _text(value: object) -> str:
    if hasattr(value, "get_secret_value"):
        return str(value.get_secret_value())
    if isinstance(value, Path):
        return str(value.absolute())
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, timedelta):
        return duration_text(value)
    return value if isinstance(value, str) else json.dumps(value, default=_text)
