"""The service as it runs in production: API and worker processes over a database, Redis and an S3 store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from obstore.store import S3Store
from tests.support.chaos.programs import Program
from tests.support.fault_proxy import FaultProxy
from tests.support.ports import free_port
from tests.support.servers import MariaDb, Redis, SeaweedS3, wait_until

STREETVEIL = Path(sys.executable).with_name("streetveil")
_READY_S = 120

# Settings of the product that make it notice losses within seconds instead of minutes.
BRISK = {
    "LEASE_S": "4",
    "MAINTAIN_INTERVAL_S": "1",
    "REQUEUE_AFTER_S": "4",
    "REDIS_HEARTBEAT_S": "5",
    "S3_TIMEOUT_S": "4",
    "DATABASE_TIMEOUT_S": "4",
    "MAX_ATTEMPTS": "10",
    "MAX_QUEUE_SIZE": "25",
    "DEFAULT_PROFILE": "fast",
    "S3_PRESIGNED": "false",
    "NUM_WORKERS": "1",
    "LOG_FORMAT": "json",
}


@dataclass(frozen=True)
class Shape:
    """How many processes there are; `settings` are added to those of BRISK."""

    apis: int = 1
    workers: int = 2
    settings: Mapping[str, str] = field(default_factory=dict)


class Cluster:
    """Everything, in one folder, on free ports. `burst` asks the clients to hurry, so that the queue fills."""

    def __init__(self, folder: Path, shape: Shape, environment: Mapping[str, str] | None = None) -> None:
        """`environment`: that of all processes; by default ours."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.burst = threading.Event()
        self.refused_as_full = threading.Event()
        self.database = MariaDb(folder / "mariadb")
        self.redis = Redis(folder / "redis")
        self.s3 = SeaweedS3(folder / "s3")
        self.s3_proxy = FaultProxy(self.s3.port)
        self._base = dict(os.environ if environment is None else environment)
        self._shape = shape
        self._stack = ExitStack()
        self.apis: list[Program] = []
        self.workers: list[Program] = []
        self.urls: list[str] = []
        self.health_urls: list[str] = []
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def programs(self) -> list[Program]:
        return [*self.apis, *self.workers]

    def bucket(self) -> S3Store:
        """The bucket itself, past the proxy that makes faults."""
        return S3Store(
            self.s3.BUCKET,
            config={
                "endpoint": self.s3.endpoint,
                "region": "us-east-1",
                "access_key_id": self.s3.ACCESS_KEY,
                "secret_access_key": self.s3.SECRET_KEY,
            },
            client_options={"allow_http": True},
        )

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the product to its end."""
        return subprocess.run(
            [str(STREETVEIL), *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def new_api(self, name: str, **variables: str) -> tuple[Program, str]:
        """An API process that is not started yet, and its address."""
        port = free_port()
        command = [str(STREETVEIL), "serve", "--port", str(port), "--data-dir", str(self.folder / name)]
        return Program(name, command, self.folder, self.environment | variables), f"http://127.0.0.1:{port}"

    def new_worker(self, name: str, **variables: str) -> tuple[Program, str]:
        """A worker process that is not started yet, and the address of its health."""
        port = free_port()
        command = [str(STREETVEIL), "worker", "--health-port", str(port)]
        return Program(name, command, self.folder, self.environment | {"WORKER_ID": name} | variables), (
            f"http://127.0.0.1:{port}"
        )

    def _start(self) -> None:
        self._stack.enter_context(self.s3_proxy)  # first: it listens already, and is closed where a server fails
        for server in (self.database, self.redis, self.s3):
            self._stack.enter_context(server)
        self.environment = {
            **self._base,
            **BRISK,
            **self.s3.settings(),
            "S3_ENDPOINT_URL": self.s3_proxy.endpoint,
            "DATABASE_URL": self.database.url("streetveil"),
            "REDIS_URL": self.redis.url,
            **self._shape.settings,
        }
        upgraded = self.run("db", "upgrade")
        if upgraded.returncode:
            raise AssertionError(f"streetveil db upgrade: {upgraded.stderr}{upgraded.stdout}")
        for number in range(self._shape.workers):
            worker, health = self.new_worker(f"worker-{number + 1}")
            self.workers.append(worker)
            self.health_urls.append(health)
        for number in range(self._shape.apis):
            api, url = self.new_api(f"api-{number + 1}")
            self.apis.append(api)
            self.urls.append(url)
        for program in self.programs:
            self._stack.callback(program.kill)
            program.start()
        for program, url in zip(self.programs, [*self.urls, *self.health_urls], strict=True):
            wait_until_ready(program, url)


def readiness(url: str) -> tuple[int, dict[str, Any]]:
    """Status and body of `/health/ready`; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.code, json.load(answer)
    except (OSError, ValueError):
        return 0, {}


def wait_until_ready(program: Program, url: str) -> None:
    """Returns when the process says that it is ready; fails where it ends instead."""
    wait_until(lambda: program.ended_by_itself() is not None or readiness(url)[0] == 200, _READY_S)
    if program.ended_by_itself() is not None:
        raise AssertionError(f"{program.name} ended with {program.ended_by_itself()}:\n{program.tail()}")
