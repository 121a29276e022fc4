"""Faults, each by its name, and the order in which they strike."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.chaos.cluster import Cluster
from tests.support.chaos.programs import Program
from tests.support.fault_proxy import Fault
from tests.support.servers import Server

Strike = Callable[[Cluster, random.Random, float], None]
"""Does harm for some seconds, and mends it: what was ended runs again when it returns."""


def _killed(programs: Callable[[Cluster], list[Program]]) -> Strike:
    def strike(cluster: Cluster, chance: random.Random, seconds: float) -> None:
        victim = chance.choice(programs(cluster))
        victim.kill()
        time.sleep(seconds)
        victim.start()

    return strike


def _worker_hangs(cluster: Cluster, chance: random.Random, seconds: float) -> None:
    """For longer than its lease: when it goes on, others have its jobs, and what it still writes must not count."""
    victim = chance.choice(cluster.workers)
    victim.pause()
    try:
        time.sleep(float(cluster.environment["LEASE_S"]) + seconds)
    finally:
        victim.resume()


def _replaced(cluster: Cluster, chance: random.Random, _seconds: float) -> None:
    victim = chance.choice(cluster.workers)
    victim.terminate()
    victim.start()


def _server(pick: Callable[[Cluster], Server], how: str) -> Strike:
    def strike(cluster: Cluster, _chance: random.Random, seconds: float) -> None:
        server = pick(cluster)
        mend = server.resume if how == "hang" else server.start
        {"hang": server.pause, "stop": server.stop, "kill": server.kill}[how]()
        try:
            time.sleep(seconds)
        finally:
            mend()

    return strike


def _redis_wiped(cluster: Cluster, _chance: random.Random, seconds: float) -> None:
    """While nobody works, so that there is something to lose."""
    for worker in cluster.workers:
        worker.pause()
    try:
        time.sleep(seconds)
        _flush(cluster)
    finally:
        for worker in cluster.workers:
            worker.resume()


def _flush(cluster: Cluster) -> None:
    with socket.create_connection(("127.0.0.1", cluster.redis.port), timeout=10) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        answer = connection.recv(100)
    if not answer.startswith(b"+OK"):
        raise AssertionError(f"FLUSHALL: {answer!r}")


def _s3(fault: Fault) -> Strike:
    def strike(cluster: Cluster, _chance: random.Random, seconds: float) -> None:
        with cluster.s3_proxy.fault(fault):
            time.sleep(seconds)

    return strike


def _queue_filled(cluster: Cluster, _chance: random.Random, seconds: float) -> None:
    cluster.refused_as_full.clear()
    for worker in cluster.workers:
        worker.pause()
    cluster.burst.set()
    try:
        cluster.refused_as_full.wait(10 + seconds)
    finally:
        cluster.burst.clear()
        for worker in cluster.workers:
            worker.resume()


FAULTS: dict[str, Strike] = {
    "worker killed": _killed(lambda cluster: cluster.workers),
    "worker hangs": _worker_hangs,
    "worker replaced": _replaced,
    "API killed": _killed(lambda cluster: cluster.apis),
    "Redis restarted empty": _server(lambda cluster: cluster.redis, "kill"),
    "Redis wiped": _redis_wiped,
    "Redis hangs": _server(lambda cluster: cluster.redis, "hang"),
    "database stopped": _server(lambda cluster: cluster.database, "stop"),
    "database killed": _server(lambda cluster: cluster.database, "kill"),
    "database hangs": _server(lambda cluster: cluster.database, "hang"),
    "S3 answers 500": _s3(Fault.ANSWER_500),
    "S3 answers 503": _s3(Fault.ANSWER_503),
    "S3 times out": _s3(Fault.HANG),
    "S3 resets": _s3(Fault.RESET),
    "S3 cuts answers": _s3(Fault.CUT),
    "queue full": _queue_filled,
}


@dataclass(frozen=True)
class Appointment:
    """A fault with its length and the quiet time before it, in seconds."""

    kind: str
    quiet_s: float
    seconds: float


def schedule(
    kinds: Sequence[str], chance: random.Random, *, quiet_s: tuple[float, float], lasting_s: tuple[float, float]
) -> list[Appointment]:
    """One round: each kind once, in random order."""
    order = list(kinds)
    chance.shuffle(order)
    return [Appointment(kind, chance.uniform(*quiet_s), chance.uniform(*lasting_s)) for kind in order]
