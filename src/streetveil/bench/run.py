"""The whole bench: which work is measured for which section, and what is made of the figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from streetveil.bench import inside, services
from streetveil.bench.inside import Inside
from streetveil.bench.photos import PhotoSet
from streetveil.bench.plan import Plan, Section
from streetveil.bench.rounds import Work, alternate, steps
from streetveil.bench.sample import Ratio, Series, ratio
from streetveil.bench.service import RunningService
from streetveil.settings import LoadedSettings

_STARTS = 3
_WHOLES = (inside.JOB, services.EMBEDDED, services.SERVERS)

OnStep = Callable[[str, int], None]
"""Is told what is done now, and of how many steps."""


def works(plan: Plan, parts: Inside, running: Sequence[RunningService]) -> list[Work]:
    """All that takes turns. The models alone are always among it: they are what the rest is measured by."""
    found: list[Work] = []
    for threads in plan.threads:
        found.append(parts.models_alone(threads))
        if Section.JOB in plan.sections:
            found += [parts.decode(threads), parts.redaction(threads), parts.job(threads)]
        if Section.MODELS in plan.sections:
            found += [parts.model_alone(model, threads) for model in parts.models]
        found += [service for service in running if service.threads == threads]
    if Section.MODELS in plan.sections and max(plan.threads) > 1:
        found += [parts.model_within(model, max(plan.threads)) for model in parts.models]
    return found


def start(
    plan: Plan, loaded: LoadedSettings, photos: PhotoSet, profile: str, folder: Path, stack: ExitStack
) -> list[RunningService]:
    """The services that are to be measured, ready; they end with `stack`.

    The one over servers has the most threads only: two of them would take each other's jobs.

    Raises:
        ConfigurationError: there are no servers to be used.
        MeasurementError: a service does not start.
    """
    if Section.SERVICE not in plan.sections:
        return []
    most = max(plan.threads)
    running = [
        stack.enter_context(
            services.embedded(
                loaded,
                photos,
                folder / f"embedded-{threads}",
                threads=threads,
                profile=profile,
                starts=_STARTS if threads == most else 1,
            )
        )
        for threads in plan.threads
    ]
    if plan.servers:
        over = services.with_servers(loaded, photos, folder / "servers", threads=most, profile=profile)
        running.append(stack.enter_context(over))
    return running


def measure(plan: Plan, parts: Inside, running: Sequence[RunningService], on_step: OnStep) -> list[Series]:
    """Runs the rounds."""
    todo = works(plan, parts, running)
    total = steps(todo, plan.rounds)
    return alternate(todo, rounds=plan.rounds, seconds=plan.seconds, on_step=lambda text: on_step(text, total))


def ratios(series: Sequence[Series]) -> list[Ratio]:
    """The whole against the models alone at the same number of threads, and many threads against one."""
    known = {(item.name, item.threads): item for item in series}
    shares = [
        ratio(f"{item.name} / {inside.MODELS}", item, known[inside.MODELS, item.threads])
        for item in series
        if item.name in _WHOLES
    ]
    gains = [
        ratio(f"{item.name}, {item.threads} at once / 1", item, known[item.name, 1])
        for item in series
        if item.name in (inside.MODELS, *_WHOLES) and item.threads > 1 and (item.name, 1) in known
    ]
    return shares + gains
