"""What a process of its own costs a photo: processor time, photos at once, and memory; see docs/hostile-images.md.

Prints one line per round: milliseconds of one core per photo and photos per second, in threads of this process and in
child processes.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from streetveil import bootstrap
from streetveil.bench.processes import core_seconds, family, memory
from streetveil.detection.models import ZIDANE
from streetveil.detection.weights import ModelCache
from streetveil.domain.options import JobOptions, Profile
from streetveil.jobs.anonymising import Anonymising
from streetveil.settings import load_settings


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
        pids = family(os.getpid())
        own, zygote, *others = (f"{_pss([pid]):.0f}" for pid in pids)
        print(f"memory, PSS in MiB: parent {own}, zygote {zygote}, children {', '.join(others)}")
        print(f"together: {_pss(pids):.0f}")
        with bootstrap.open_anonymiser(threads) as shared:
            _work(shared, data, 2, 1)
            for _ in range(chosen.rounds):
                for at_once in (1, 2):
                    ways = [_measured(way, data, chosen.count, at_once, pids) for way in (shared, isolated)]
                    told = " | ".join(f"{spent:6.1f} core-ms {rate:5.1f}/s" for spent, rate in ways)
                    print(f"{at_once} at once: threads {told} children, ratio {ways[1][0] / ways[0][0]:.3f}")


def _work(anonymise: Anonymising, data: bytes, count: int, at_once: int) -> None:
    options = JobOptions(profile=Profile.FAST)
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(lambda _: anonymise(data, options), range(count)))


def _measured(
    anonymise: Anonymising, data: bytes, count: int, at_once: int, pids: Sequence[int]
) -> tuple[float, float]:
    """Core milliseconds per photo and photos per second."""
    began, spent = time.monotonic(), core_seconds(pids)
    _work(anonymise, data, count, at_once)
    return 1e3 * (core_seconds(pids) - spent) / count, count / (time.monotonic() - began)


def _pss(pids: Sequence[int]) -> float:
    return memory(pids).proportional / 2**20


if __name__ == "__main__":
    main()
