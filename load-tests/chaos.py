"""Runs the whole service over real servers, does it harm for as long as you like, and proves that nothing was lost.

    .venv/bin/python load-tests/chaos.py --seconds 300

Starts MariaDB, Redis and an S3 store, API and worker processes, all on free ports in a temporary folder. Ends with 1
where a promise of docs/reliability.md was broken. Needs what ./test.sh installs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.chaos.cluster import Cluster, Shape  # noqa: E402 - the path above makes it importable
from tests.support.chaos.faults import FAULTS  # noqa: E402
from tests.support.chaos.photos import PhotoStream  # noqa: E402
from tests.support.chaos.run import Plan, Report, run  # noqa: E402


def main() -> int:
    """Runs, prints, and returns the exit code."""
    arguments = _arguments()
    console = Console(stderr=True)
    plan = Plan(
        seed=arguments.seed,
        seconds=arguments.seconds,
        rate=arguments.rate,
        faults=arguments.faults,
        settle_s=arguments.settle,
    )
    samples = arguments.photos or sorted((Path("~/.cache/streetveil/models").expanduser()).glob("*/*.jpg"))
    if not samples:
        console.print("There are no sample photos: run `streetveil models pull`, or name some with --photos.")
        return 2
    shape = Shape(arguments.apis, arguments.workers)
    folder = Path(tempfile.mkdtemp(prefix="streetveil-chaos-"))
    try:
        with _bar(console) as bar:
            task = bar.add_task("starting", total=plan.seconds or None)
            with Cluster(folder, shape) as cluster:
                report = run(
                    cluster,
                    PhotoStream(samples, plan.seed),
                    plan,
                    lambda passed, what: bar.update(task, completed=passed, description=what),
                )
    finally:
        if arguments.keep:
            console.print(f"Logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    _print(report, Console())
    if arguments.json:
        arguments.json.write_text(json.dumps(report.as_dict(), indent=2) + "\n")
    return 1 if report.complaints else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300, help="how long photos are uploaded (300)")
    parser.add_argument("--seed", type=int, default=1, help="of photos and faults; the same seed, the same faults (1)")
    parser.add_argument("--apis", type=int, default=2, help="API processes (2)")
    parser.add_argument("--workers", type=int, default=3, help="worker processes (3)")
    parser.add_argument("--rate", type=float, default=3.0, help="photos per second (3)")
    parser.add_argument("--settle", type=float, default=300, help="seconds that the last jobs may take (300)")
    parser.add_argument(
        "--faults",
        type=lambda text: [_fault(part.strip()) for part in text.split(",")],
        default=list(FAULTS),
        help=f"kinds of faults, with commas between: {', '.join(FAULTS)} (all)",
    )
    parser.add_argument("--photos", type=Path, nargs="+", help="photos to make variants of, with faces (the samples)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    return parser.parse_args()


def _fault(name: str) -> str:
    if name not in FAULTS:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of: {', '.join(FAULTS)}")
    return name


def _bar(console: Console) -> Progress:
    return Progress(BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"), console=console)


def _print(report: Report, console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("fault")
    for heading in ("times", "next result after", "longest", "backlog done after", "longest"):
        table.add_column(heading, justify="right")
    for kind, times in sorted(Counter(struck.kind for struck in report.struck).items()):
        figures = [*_typical(report.recovery_s.get(kind, [])), *_typical(report.backlog_s.get(kind, []))]
        table.add_row(kind, str(times), *figures)
    console.print(table)
    latency = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.latency_s.items())
    for line in (
        f"{len(report.struck)} faults in {report.seconds:.0f} s; all ended {report.settled_s:.0f} s after the last",
        f"{report.uploads} photos sent in {sum(report.answers.values())} requests: {_listed(report.answers)}",
        f"{report.accepted} accepted: {report.completed} completed, failed: {_listed(report.failed)}",
        f"{report.given_up} were given up after their attempts and completed when they were retried",
        f"refused: {_listed(report.refused)}; sent again after a 202: {report.repeated}",
        f"from 202 to the result: {latency}",
        f"maintain: {report.maintained}",
    ):
        console.print(line, highlight=False)
    for complaint in report.complaints:
        console.print(f"BROKEN: {complaint}", style="red", markup=False, highlight=False)
    console.print(f"{len(report.complaints)} broken promises" if report.complaints else "Every promise was kept.")


def _typical(seconds: list[float]) -> tuple[str, str]:
    """Median and longest."""
    return (f"{statistics.median(seconds):.1f} s", f"{max(seconds):.1f} s") if seconds else ("", "")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
