"""What a process of its own costs a photo: processor time, photos at once, and memory. docs/security.md has figures.

Prints one line per round: milliseconds of one core per photo and photos per second, in threads of this process and in
child processes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from streetveil import bootstrap
from streetveil.detection.models import ZIDANE
from streetveil.detection.weights import ModelCache
from streetveil.domain.options import JobOptions, Profile
from streetveil.jobs.anonymising import Anonymising
from streetveil.settings import load_settings

_TICKS_MS = 10.0


def main() -> None:
    """Measures both, by turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photo", type=Path, help="by default a sample photo of 1280 x 720 pixels")
    parser.add_argument("--count", type=int, default=40, help="photos per measurement")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    threads, children = (
        load_settings({"isolation": kind, "num_workers": 2}, env_file=None).settings for kind in ("none", "process")
    )
    data = (chosen.photo or ModelCache(threads.streetveil_cache).path(ZIDANE)).read_bytes()
    # The zygote first: a process that has loaded no model yet is as small as a worker's.
    with bootstrap.open_anonymiser(children) as isolated:
        _work(isolated, data, 2 * 2, 2)
        family = _family()
        print("memory, PSS in MiB:", ", ".join(f"{name} {_pss(pid):.0f}" for name, pid in family.items()))
        print(f"together: {sum(map(_pss, family.values())):.0f}")
        with bootstrap.open_anonymiser(threads) as shared:
            _work(shared, data, 2, 1)
            for _ in range(chosen.rounds):
                for at_once in (1, 2):
                    ways = [_measured(way, data, chosen.count, at_once, family.values()) for way in (shared, isolated)]
                    told = " | ".join(f"{spent:6.1f} core-ms {rate:5.1f}/s" for spent, rate in ways)
                    print(f"{at_once} at once: threads {told} children, ratio {ways[1][0] / ways[0][0]:.3f}")


def _work(anonymise: Anonymising, data: bytes, count: int, at_once: int) -> None:
    options = JobOptions(profile=Profile.FAST)
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(lambda _: anonymise(data, options), range(count)))


def _measured(
    anonymise: Anonymising, data: bytes, count: int, at_once: int, pids: Iterable[int]
) -> tuple[float, float]:
    """Core milliseconds per photo and photos per second."""
    began, spent = time.monotonic(), sum(map(_processor_ms, pids))
    _work(anonymise, data, count, at_once)
    return (sum(map(_processor_ms, pids)) - spent) / count, count / (time.monotonic() - began)


def _family() -> dict[str, int]:
    """This process, its zygote and the zygote's children."""
    own = _parents()
    [me] = [pid for pid in own if Path(f"/proc/{pid}").samefile("/proc/self")]
    [zygote] = [pid for pid, parent in own.items() if parent == me]
    children = [pid for pid, parent in own.items() if parent == zygote]
    return {"parent": me, "zygote": zygote} | {f"child {n}": pid for n, pid in enumerate(children, 1)}


def _parents() -> dict[int, int]:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            found[int(folder.name)] = int(_stat(int(folder.name))[1])
    return found


def _processor_ms(pid: int) -> float:
    return (int(_stat(pid)[11]) + int(_stat(pid)[12])) * _TICKS_MS


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name."""
    return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()


def _pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
