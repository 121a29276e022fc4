"""Loads a running service with photos and follows every one of them to its end; needs no k6.

    .venv/bin/python load-tests/load_test.py                       smoke, then 30/s for a minute, then a spike to 100/s
    .venv/bin/python load-tests/load_test.py --scenario soak --duration 14400
    .venv/bin/python load-tests/load_test.py --url https://photos.example.org --token "$TOKEN" --scenario smoke

Photos arrive when they are due, whether or not earlier ones were answered. Scenarios, metrics and thresholds are those
of load-test.js. Ends with 1 where a threshold is crossed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from load_client import Answer, Client
from load_scenarios import COUNTS, Figures, Scenario, percentile, scenarios
from make_photos import make_photos, photos_in, sample_photos
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from streetveil.errors import StreetveilError

_UPLOADS_AT_ONCE = 256
_POLLS_AT_ONCE = 8
_LATE_S = 1.0
_BETWEEN_S = 10.0
_LONGEST_PAUSE_S = 20.0


def unique(jpeg: bytes, text: str) -> bytes:
    """The same picture in another file: a comment right behind the JPEG's first marker."""
    comment = text.encode("ascii")
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


class LoadTest:
    """Uploads on time, and follows what was accepted.

    Args:
        photos: JPEG files, taken in turns.
        follow_s: after this time an accepted photo that is not done counts as lost.
        profile: asked for with each photo; None: the service's default.
    """

    def __init__(self, client: Client, photos: Sequence[bytes], *, follow_s: float, profile: str | None) -> None:
        self._client = client
        self._photos = photos
        self._follow_s = follow_s
        self._fields = {"profile": profile} if profile else {}
        self._ahead_s = client.clock_ahead_s()
        self._senders = ThreadPoolExecutor(_UPLOADS_AT_ONCE)
        self._askers = ThreadPoolExecutor(_POLLS_AT_ONCE)

    async def run(self, scenario: Scenario, on_tick: Callable[[Figures], None]) -> Figures:
        """Returns when all photos are done."""
        figures = Figures(scenario)
        begin = time.time()
        open_tasks: set[asyncio.Task[None]] = set()
        for number, due in enumerate(scenario.arrivals()):
            await asyncio.sleep(begin + due - time.time())
            task = asyncio.create_task(self._one(figures, number, begin + due))
            open_tasks.add(task)
            task.add_done_callback(open_tasks.discard)
            on_tick(figures)
        while open_tasks:
            await asyncio.wait(open_tasks, timeout=0.5)
            on_tick(figures)
        return figures

    async def _one(self, figures: Figures, number: int, due: float) -> None:
        name = f"{figures.scenario.name}-{number}"
        times: list[float] = []
        try:
            answer = await self._in_thread(self._senders, lambda: self._send(number, name, due, times))
        except OSError as error:
            figures.counts["unexpected_answers"] += 1
            figures.complaints[f"upload: {error}"] += 1
            return
        if answer is None:
            figures.counts["dropped"] += 1
            return
        sent, answered = times
        figures.upload_s.append(answered - sent)
        if answer.status == 202:
            figures.counts["accepted"] += 1
            figures.counts[await self._follow(figures, answer.json()["job_id"], sent)] += 1
        elif answer.status == 429 and answer.retry_after:
            figures.counts["refused_429"] += 1
        else:
            figures.counts["unexpected_answers"] += 1
            figures.complaints[f"upload answered {answer.status}: {answer.body[:200]!r}"] += 1

    def _send(self, number: int, name: str, due: float, times: list[float]) -> Answer | None:
        """None where this machine could not send in time: the figures would be too good."""
        if time.time() - due > _LATE_S:
            return None
        photo = unique(self._photos[number % len(self._photos)], f"{time.time_ns()} {name}")
        times.append(time.time())
        answer = self._client.upload(photo, f"{name}.jpg", self._fields)
        times.append(time.time())
        return answer

    async def _follow(self, figures: Figures, job: str, sent: float) -> str:
        """What became of it: completed, failed or lost.

        Asks ever more seldom, as a thousand photos that wait must not cost more than the work on them. The service
        says when a job was done, so that this does not make the figures coarser.
        """
        pause = 0.25
        while time.time() - sent < self._follow_s:
            await asyncio.sleep(pause * random.uniform(0.9, 1.1))  # noqa: S311 - no secret
            pause = min(pause * 2, _LONGEST_PAUSE_S)
            try:
                answer = await self._in_thread(self._askers, lambda: self._client.get(f"/status/{job}"))
            except OSError:
                continue
            if answer.status == 404:
                break
            body = answer.json() if answer.status == 200 else {}
            if body.get("status") == "completed":
                done = min(time.time(), body["updated_at"] - self._ahead_s)
                figures.end_to_end_s.append(max(0.0, done - sent))
                return "completed"
            if body.get("status") == "failed":
                figures.complaints[f"job failed: {body.get('error')}"] += 1
                return "failed"
        return "lost"

    @staticmethod
    async def _in_thread(pool: ThreadPoolExecutor, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what work returns
        return await asyncio.get_running_loop().run_in_executor(pool, work)


def main() -> int:
    """Runs, prints, and returns the exit code."""
    arguments = _arguments()
    console = Console(stderr=True)
    try:
        chosen = scenarios(arguments.scenario.split(","), arguments.rate, arguments.peak, arguments.duration)
        photos = _photos(arguments.photos)
        test = LoadTest(
            Client(arguments.url, arguments.token),
            photos,
            follow_s=arguments.follow,
            profile=arguments.profile,
        )
    except (ValueError, OSError, StreetveilError) as error:
        console.print(f"Cannot start: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    results = asyncio.run(_run_all(test, chosen, console))
    _print(results, Console())
    if arguments.json:
        arguments.json.write_text(json.dumps([figures.as_dict() for figures in results], indent=2) + "\n")
    return 0 if all(all(figures.thresholds().values()) for figures in results) else 1


async def _run_all(test: LoadTest, chosen: Sequence[Scenario], console: Console) -> list[Figures]:
    results = []
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as bar:
        for scenario in chosen:
            task = bar.add_task(scenario.name, total=sum(1 for _ in scenario.arrivals()))

            def show(figures: Figures, task: Any = task) -> None:  # noqa: ANN401 - rich's TaskID is a NewType
                counts = figures.counts
                ended = sum(counts[name] for name in COUNTS if name != "accepted")
                said = f"{figures.scenario.name}: {counts['accepted']} accepted, {counts['completed']} completed"
                bar.update(task, completed=ended, description=f"{said}, {counts['refused_429']} refused")

            results.append(await test.run(scenario, show))
            if scenario is not chosen[-1]:
                await asyncio.sleep(_BETWEEN_S)
    return results


def _photos(folder: Path | None) -> list[bytes]:
    if folder is not None:
        return [path.read_bytes() for path in photos_in(folder) if path.suffix.lower() in {".jpg", ".jpeg"}]
    return list(make_photos(sample_photos(), 8))


def _print(results: Sequence[Figures], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for figures in results:
        table.add_column(figures.scenario.name, justify="right")
    for name in COUNTS:
        table.add_row(name, *(str(figures.counts[name]) for figures in results))
    for name, share in (("median", 50), ("p95", 95), ("p99", 99)):
        table.add_row(f"upload {name}", *(f"{percentile(figures.upload_s, share):.3f} s" for figures in results))
    for name, share in (("median", 50), ("p95", 95), ("p99", 99)):
        times = (percentile(figures.end_to_end_s, share) for figures in results)
        table.add_row(f"end to end {name}", *(f"{seconds:.2f} s" for seconds in times))
    console.print(table)
    for figures in results:
        for threshold, kept in figures.thresholds().items():
            verdict = "[green]kept   [/green]" if kept else "[red]CROSSED[/red]"
            console.print(f"{verdict} {figures.scenario.name}: {threshold}", highlight=False)
        for complaint, number in figures.complaints.most_common(5):
            console.print(f"{number} x {complaint}", markup=False, highlight=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the service (http://127.0.0.1:8000)")
    parser.add_argument("--token", help="sent as Authorization: Bearer TOKEN")
    parser.add_argument(
        "--scenario", default="smoke,steady,spike", help="smoke, steady, spike, soak, with commas (smoke,steady,spike)"
    )
    parser.add_argument("--rate", type=float, default=30, help="uploads per second of steady and soak (30)")
    parser.add_argument("--peak", type=float, default=100, help="uploads per second of the spike (100)")
    parser.add_argument("--duration", type=float, help="seconds of steady, of the spike's height (60), of soak (1800)")
    parser.add_argument("--profile", help="fast, balanced or accurate (the service's default)")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="JPEG files to send (made of the samples)")
    parser.add_argument("--follow", type=float, default=300, help="seconds after which a photo counts as lost (300)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
