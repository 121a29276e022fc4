"""One run: a cluster, clients, faults, and the audit at the end."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.chaos.audit import Audit
from tests.support.chaos.client import Clients
from tests.support.chaos.cluster import Cluster
from tests.support.chaos.faults import FAULTS, Appointment, schedule
from tests.support.chaos.photos import Kind, PhotoStream


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        seconds: how long photos are uploaded; 0: one round of faults.
        rate: photos per second.
        faults: kinds that strike, in rounds of random order, each once in a round.
        quiet_s: shortest and longest time from the end of one fault to the next.
        lasting_s: shortest and longest time that a fault lasts.
        settle_s: how long the last jobs may take once all faults are over.
    """

    seed: int = 1
    seconds: float = 0
    rate: float = 3.0
    faults: Sequence[str] = tuple(FAULTS)
    quiet_s: tuple[float, float] = (2.0, 4.0)
    lasting_s: tuple[float, float] = (1.0, 6.0)
    settle_s: float = 240


@dataclass(frozen=True)
class Struck:
    """A fault that was; Unix times."""

    kind: str
    began_at: float
    ended_at: float


@dataclass
class Report:
    """What happened.

    Attributes:
        settled_s: from the end of the last fault until all jobs had ended.
        recovery_s: per kind of fault, for each time it struck: from its end to the next result.
        backlog_s: the same to the last result of those jobs that were open at its end.
        given_up: jobs that used up their attempts; they completed when they were retried.
        latency_s: from the 202 to the result.
        complaints: promises that were broken.
    """

    seed: int
    seconds: float = 0
    settled_s: float = 0
    struck: list[Struck] = field(default_factory=list)
    recovery_s: dict[str, list[float]] = field(default_factory=dict)
    backlog_s: dict[str, list[float]] = field(default_factory=dict)
    uploads: int = 0
    accepted: int = 0
    completed: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    given_up: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    latency_s: dict[str, float] = field(default_factory=dict)
    maintained: str = ""
    complaints: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        faults = Counter(struck.kind for struck in self.struck)
        return {name: value for name, value in vars(self).items() if name != "struck"} | {"faults": dict(faults)}


Progress = Callable[[float, str], None]
"""Is told how many seconds have passed, and what happens."""


def run(cluster: Cluster, photos: PhotoStream, plan: Plan, progress: Progress = lambda *_: None) -> Report:
    """Runs the plan on a started cluster."""
    report = Report(plan.seed)
    clients = Clients(cluster, photos, rate=plan.rate, seed=plan.seed)
    chance = random.Random(plan.seed)
    began = time.monotonic()
    clients.start()
    over = threading.Event()
    watch = threading.Thread(target=_restart_ended, args=(cluster, over, report.complaints), daemon=True)
    watch.start()
    try:
        while True:
            for appointment in schedule(plan.faults, chance, quiet_s=plan.quiet_s, lasting_s=plan.lasting_s):
                if plan.seconds and time.monotonic() - began >= plan.seconds:
                    break
                _strike(cluster, appointment, chance, report, lambda what: _tell(progress, began, plan, what))
            if time.monotonic() - began >= plan.seconds:
                break
        _tell(progress, began, plan, "last uploads")
        clients.finish(plan.settle_s)
        report.seconds = time.monotonic() - began
        audit = Audit(cluster, clients.sent, lambda what: _tell(progress, began, plan, what))
        audit(plan.settle_s)
    finally:
        over.set()
        watch.join()
    _sum_up(report, clients, audit)
    return report


def _tell(progress: Progress, began: float, plan: Plan, what: str) -> None:
    passed = time.monotonic() - began
    progress(min(passed, plan.seconds) if plan.seconds else passed, what)


def _strike(
    cluster: Cluster, appointment: Appointment, chance: random.Random, report: Report, tell: Callable[[str], None]
) -> None:
    tell("quiet")
    time.sleep(appointment.quiet_s)
    tell(appointment.kind)
    began_at = time.time()
    FAULTS[appointment.kind](cluster, chance, appointment.seconds)
    report.struck.append(Struck(appointment.kind, began_at, time.time()))


def _restart_ended(cluster: Cluster, over: threading.Event, complaints: list[str]) -> None:
    """As an orchestrator would; but no process should end because of what others suffer."""
    while not over.wait(0.5):
        for program in cluster.programs:
            code = program.ended_by_itself()
            if code is not None:
                complaints.append(f"{program.name} ended by itself with {code}: {program.tail(1000)}")
                program.start()


def _sum_up(report: Report, clients: Clients, audit: Audit) -> None:
    sent = clients.sent.values()
    report.uploads = len(sent)
    report.accepted = sum(bool(one.job_ids) for one in sent)
    report.completed = len(audit.finished_at)
    report.failed = dict(Counter(audit.failed.values()))
    report.given_up = len(audit.given_up)
    report.refused = dict(Counter(one.refusal for one in sent if one.refusal))
    report.answers = dict(sum((one.answers for one in sent), Counter()))
    report.repeated = clients.repeated
    report.maintained = audit.maintained
    report.complaints += clients.complaints + audit.complaints
    done = [(one.accepted_at, audit.finished_at[job]) for one in sent for job in one.job_ids & audit.finished_at.keys()]
    if done and report.struck:
        report.settled_s = max(0.0, max(end for _, end in done) - report.struck[-1].ended_at)
    for struck in report.struck:
        later = [end - struck.ended_at for _, end in done if end > struck.ended_at]
        open_then = [end - struck.ended_at for begin, end in done if begin < struck.ended_at < end]
        if later:
            report.recovery_s.setdefault(struck.kind, []).append(min(later))
        report.backlog_s.setdefault(struck.kind, []).append(max(open_then, default=0.0))
    waits = sorted(end - begin for begin, end in done)
    if waits:
        report.latency_s = {
            "median": statistics.median(waits),
            "p95": waits[int(len(waits) * 0.95)],
            "longest": waits[-1],
        }
    if report.accepted == 0 or not any(one.photo.kind is Kind.GOOD for one in sent):
        report.complaints.append("nothing was accepted: the run proves nothing")
