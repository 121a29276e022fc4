"""Runs `streetveil bench` over real servers: Redis, MariaDB and an S3 store, started here and gone afterwards.

    .venv/bin/python load-tests/bench_servers.py service --seconds 60 --profile fast

What is given is given on to `streetveil bench`; with nothing, that is `service`. The servers share the machine's
cores with what is measured. Needs what ./test.sh installs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.servers import MariaDb, Redis, SeaweedS3  # noqa: E402 - the path above makes it importable

STREETVEIL = Path(sys.executable).with_name("streetveil")


def main(arguments: list[str]) -> int:
    """Runs, and returns the exit code of the bench."""
    signal.signal(signal.SIGTERM, _leave)
    with tempfile.TemporaryDirectory(prefix="streetveil-servers-") as name, ExitStack() as stack:
        folder = Path(name)
        database, redis, s3 = MariaDb(folder / "mariadb"), Redis(folder / "redis"), SeaweedS3(folder / "s3")
        for server in (database, redis, s3):
            stack.callback(server.stop)  # before the start, which may be interrupted
            server.start()
        environment = os.environ | s3.settings()
        environment |= {"DATABASE_URL": database.url("streetveil"), "REDIS_URL": redis.url, "COLUMNS": "120"}
        upgrade = [STREETVEIL, "db", "upgrade"]
        subprocess.run(upgrade, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
        command = [STREETVEIL, "bench", *(arguments or ["service"]), "--servers"]
        bench = subprocess.Popen(command, env=environment)  # noqa: S603 - our own program
        try:
            return bench.wait()
        finally:
            bench.terminate()  # it ends its own processes, and before the servers do
            bench.wait()


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
