"""What the service around the photos costs: core ms of its own process and of its children, per photo.

    .venv/bin/python load-tests/service_cost.py
    git worktree add ../before 284f7a7 && .venv/bin/python load-tests/service_cost.py ../before .

Starts `streetveil serve` from each source tree that is named (this one by default), embedded, and has them take turns:
the same photos are uploaded over one connection, and worked on while somebody asks once a second; in the end each job's
state is asked for once more. Shown are medians of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from streetveil.bench.client import Client
from streetveil.bench.photos import Uploads, from_samples
from streetveil.bench.processes import ended_in_order, family
from streetveil.bench.program import Program, environment_of
from streetveil.bench.surroundings import of_the_work, without_servers
from streetveil.detection.models import SAMPLES
from streetveil.detection.weights import ModelCache
from streetveil.settings import load_settings

HERE = Path(__file__).resolve().parent.parent


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="*", type=Path, default=[HERE], help="folders with a src/ each")
    parser.add_argument("--photos", type=int, default=24, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="photos worked on at once")
    chosen = parser.parse_args()
    loaded = without_servers(of_the_work(load_settings()))
    cache = ModelCache(loaded.settings.streetveil_cache)
    uploads = Uploads(from_samples([cache.path(sample) for sample in SAMPLES]))
    table = Table(box=None)
    for heading in ("source", "upload", "own process in all", "a question", "children", "answer, ms"):
        table.add_column(heading, justify="left" if heading == "source" else "right")
    with ended_in_order(), ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="streetveil-cost-")))
        programs = {}
        for number, tree in enumerate(chosen.trees):
            data = folder / str(number)
            environment = environment_of(
                loaded,
                PYTHONPATH=str(tree.resolve() / "src"),
                NUM_WORKERS=str(chosen.threads),
                DATA_DIR=str(data),
                DEFAULT_PROFILE="fast",
            )
            programs[tree] = stack.enter_context(Program(["serve", "--port", "0"], data, environment))
        found: dict[Path, list[tuple[float, ...]]] = {tree: [] for tree in programs}
        for number in range(chosen.rounds + 1):
            for tree in list(programs)[:: 1 if number % 2 else -1]:
                figures = _round(programs[tree], uploads, chosen.photos)
                if number:  # the first is for warming up
                    found[tree].append(figures)
    for tree, rounds in found.items():
        table.add_row(str(tree), *(f"{statistics.median(values):.1f}" for values in zip(*rounds, strict=True)))
    Console().print(table)
    return 0


def _round(program: Program, uploads: Uploads, photos: int) -> tuple[float, ...]:
    client = Client(program.url)
    try:
        own, children = program.pid, family(program.pid)[1:]
        begin, before = _core_ms([own]), _core_ms(children)
        jobs = [client.upload(next(uploads)) for _ in range(photos)]
        uploaded = _core_ms([own])
        for job in jobs:
            while not client.state(job).ended:
                time.sleep(1)
        end, after = _core_ms([own]), _core_ms(children)
        for job in jobs:
            client.state(job)
        asked = _core_ms([own])
        for job in jobs:
            client.erase(job)
        answer = 1e3 * statistics.median(client.upload_s)
        costs = (uploaded - begin, end - begin, asked - end, after - before)
        return *(cost / photos for cost in costs), answer
    finally:
        client.close()


def _core_ms(pids: Iterable[int]) -> float:
    """Processor time of these processes' threads, to the nanosecond; threads that have ended are not in it."""
    tasks = (task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks) / 1e6


if __name__ == "__main__":
    sys.exit(main())
