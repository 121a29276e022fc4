"""Real servers on free loopback ports in temporary folders, started and stopped by the tests that need them."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from tests.support.ports import free_port

_START_S = 60
_GRPC_OFFSET = 10_000  # SeaweedFS puts each server's gRPC port so far above its HTTP port


class MissingServerError(Exception):
    """A server's program is not installed; ./test.sh does that."""


def program(name: str) -> str:
    """The path of an installed program: on PATH, beside this Python, or where Debian keeps daemons."""
    places = [os.environ.get("PATH", ""), str(Path(sys.executable).parent), "/usr/sbin"]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise MissingServerError(f"{name} is not installed; ./test.sh installs it")
    return found


class Server:
    """A process that listens on a port. Started again after `stop` or `kill` it finds its port and data again."""

    def __init__(self, folder: Path, *, offset: int = 0) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(offset=offset)
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return os.environ

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def start(self) -> Self:
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env=dict(self.environment()),
                start_new_session=True,
            )
        wait_until(lambda: self._process is None or self._process.poll() is not None or self.ready(), _START_S)
        if self._process.poll() is not None:
            raise AssertionError(f"{self.command()[0]} ended at once:\n{log.read_text('utf-8', 'replace')[-3000:]}")
        return self

    def stop(self) -> None:
        """Ends it in order, or kills it where it does not end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Ends it at once, as a lost machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Lets it hang: connections are accepted by the system and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class MariaDb(Server):
    """A MariaDB server, which speaks MySQL's protocol. Its user `root` has no password."""

    def command(self) -> list[str]:
        data = self.folder / "data"
        user = getpass.getuser()
        if not data.exists():
            install = [program("mariadb-install-db"), "--no-defaults", f"--user={user}", f"--datadir={data}"]
            install += ["--auth-root-authentication-method=normal", "--skip-test-db"]
            subprocess.run(install, check=True, capture_output=True)
        return [
            program("mariadbd"),
            "--no-defaults",
            f"--user={user}",
            f"--datadir={data}",
            f"--socket={self.folder / 's'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--tmpdir={data}",  # one that starts removes the temporary tables of all others from a shared one
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--skip-log-bin",
        ]

    def url(self, database: str) -> str:
        """The DATABASE_URL of `database`, which is made where it is missing."""
        self.execute(f"CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Runs a statement as root."""
        client = [program("mariadb"), "--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", str(self.port)]
        subprocess.run([*client, "-u", "root", "-e", statement], check=True, capture_output=True)


class Redis(Server):
    """A Redis server that keeps nothing on disk: started again it is empty."""

    def command(self) -> list[str]:
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return [program("redis-server"), *where, "--save", "", "--appendonly", "no"]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


class SeaweedS3(Server):
    """A SeaweedFS server: S3 with buckets, signatures that are checked, and encryption at rest."""

    BUCKET = "photos"
    ACCESS_KEY = "test-access"
    SECRET_KEY = "test-secret"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, offset=_GRPC_OFFSET)
        self._ports = {name: free_port(offset=_GRPC_OFFSET) for name in ("master", "volume", "filer", "admin")}

    def command(self) -> list[str]:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        ports = [f"-{name}.port={port}" for name, port in self._ports.items()]
        options = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-bucket={self.BUCKET}", f"-s3.port={self.port}"]
        off = ["-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
        return [program("weed"), "mini", f"-dir={data}", *options, *ports, *off]

    def environment(self) -> Mapping[str, str]:
        return os.environ | {
            "AWS_ACCESS_KEY_ID": self.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": self.SECRET_KEY,
            "WEED_S3_SSE_KEY": "test-encryption-passphrase",
        }

    def stop(self) -> None:
        self.kill()  # it takes half a minute to end in order, and nothing of it is kept

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> dict[str, str]:
        """The environment that makes the product use this store."""
        return {
            "S3_BUCKET": self.BUCKET,
            "S3_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": self.SECRET_KEY,
            "AWS_REGION": "us-east-1",
        }


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Returns when `condition` holds; fails the test where it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition}")
        time.sleep(0.02)
