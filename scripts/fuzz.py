"""Feeds damaged pictures to the product until the time is up, and keeps every one that it does not stand.

Pictures of every accepted format, with the metadata that cameras write, are changed at random and then read and
redacted as a worker does. A finding is anything but a redacted file or one of our own errors: another exception, a
crash, a hang, too much memory, a result that does not decode, or one in which what was to be redacted can still be
seen. Cases run in child processes, so that a crash in a decoder's C code ends a child. The same seed makes the same
cases.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import select
import signal
import struct
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import NoReturn

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):  # threads do not survive a fork
    os.environ[_name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: E402
from tests.support import fuzz_cases  # noqa: E402

_BATCH = 50
_OUTCOME = struct.Struct(">qB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (default 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default 0)")
    parser.add_argument("--cases", type=int, help="stop after so many cases, even if time is left")
    parser.add_argument("--case-seconds", type=float, default=20.0, help="longest that one case may take (default 20)")
    parser.add_argument("--case-mb", type=int, default=512, help="most memory that one case may add (default 512)")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), help="folder for what is found")
    arguments = parser.parse_args()
    sys.exit(1 if fuzz(arguments) else 0)


def fuzz(arguments: argparse.Namespace) -> int:
    """Runs until the time is up; the number of findings."""
    console = Console()
    seeds = fuzz_cases.seeds()
    outcomes: Counter[str] = Counter()
    findings: list[Path] = []
    number, last = arguments.first, arguments.first + arguments.cases if arguments.cases else None
    begin, length = time.monotonic(), arguments.minutes * 60
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("fuzzing", total=length)
        while time.monotonic() - begin < length and (last is None or number < last):
            until = number + _BATCH if last is None else min(number + _BATCH, last)
            done, problem = run_batch(seeds, arguments, number, until, outcomes)
            if problem:
                findings.append(save(arguments.findings, seeds, arguments.seed, done, problem))
                progress.console.print(f"[red]finding[/red] case {done}: {problem.splitlines()[-1]} {findings[-1]}")
            number = done + 1
            text = f"{number - arguments.first} cases, {len(findings)} findings"
            progress.update(task, completed=time.monotonic() - begin, description=text)
    console.print(f"{number - arguments.first} cases of seed {arguments.seed} from {len(seeds)} pictures:")
    for outcome, count in outcomes.most_common():
        console.print(f"  {count:8d}  {outcome}")
    console.print(f"  {len(findings):8d}  findings" + (f", in {arguments.findings}" if findings else ""))
    return len(findings)


def run_batch(
    seeds: list[fuzz_cases.Seed], limits: argparse.Namespace, first: int, until: int, outcomes: Counter[str]
) -> tuple[int, str | None]:
    """Cases in a child process: the last one that ran, and what was wrong with it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(writing, seeds, limits, first, until)
    os.close(writing)
    current, received = first, b""
    try:
        while True:
            ready, _, _ = select.select([reading], [], [], limits.case_seconds)
            piece = os.read(reading, 65536) if ready else b""
            if not piece:
                break
            received += piece
            while len(received) >= _OUTCOME.size + 4:
                current, problem = _OUTCOME.unpack_from(received)
                (size,) = struct.unpack_from(">I", received, _OUTCOME.size)
                end = _OUTCOME.size + 4 + size
                if len(received) < end:
                    break
                text, received = received[_OUTCOME.size + 4 : end].decode("utf-8", "replace"), received[end:]
                if problem:
                    return current, text
                outcomes[text] += 1
                current += 1
        if not ready:
            return current, f"hang: no answer within {limits.case_seconds:g} s"
        _, status = os.waitpid(child, 0)
        child = 0
        if current >= until and status == 0:
            return until - 1, None
        return current, f"crash: {describe(status)}"
    finally:
        os.close(reading)
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _child(writing: int, seeds: list[fuzz_cases.Seed], limits: argparse.Namespace, first: int, until: int) -> NoReturn:
    def tell(number: int, text: str, *, problem: bool) -> None:
        content = text.encode()[-20_000:]
        os.write(writing, _OUTCOME.pack(number, problem) + struct.pack(">I", len(content)) + content)

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff tells the terminal about every damaged file
    try:
        for number in range(first, until):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            try:
                outcome = fuzz_cases.run(fuzz_cases.make(seeds, limits.seed, number))
            except BaseException:  # noqa: BLE001 - whatever it is, it is what we are looking for
                tell(number, traceback.format_exc(), problem=True)
                os._exit(0)
            added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
            if added > limits.case_mb:
                tell(number, f"memory: {added} MB more", problem=True)
                os._exit(0)
            tell(number, outcome, problem=False)
    finally:
        os._exit(0)


def save(folder: Path, seeds: list[fuzz_cases.Seed], seed: int, number: int, problem: str) -> Path:
    """Writes the input and what was wrong with it; the path of the input."""
    case = fuzz_cases.make(seeds, seed, number)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(case.data).hexdigest()[:12]}.{case.seed.suffix}"
    path.write_bytes(case.data)
    again = f"scripts/fuzz.py --seed {seed} --first {number} --cases 1"
    path.with_suffix(".txt").write_text(f"{case.describe()}\nagain: {again}\n\n{problem}\n", "utf-8")
    return path


def describe(status: int) -> str:
    """How a child ended, in words."""
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with code {os.WEXITSTATUS(status)}"


if __name__ == "__main__":
    main()
