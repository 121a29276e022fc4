"""The whole bench: which work is measured for which section, and what is made of the figures."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from streetveil.bench import growth, inside, services
from streetveil.bench.crowd import on_servers
from streetveil.bench.growth import MeasuredCurve
from streetveil.bench.inside import Inside
from streetveil.bench.photos import PhotoSet
from streetveil.bench.plan import Plan, Section
from streetveil.bench.rounds import Work, alternate, steps
from streetveil.bench.sample import Ratio, Series, ratio
from streetveil.bench.service import RunningService
from streetveil.domain.options import JobOptions
from streetveil.settings import LoadedSettings, Settings

_STARTS = 3
_WHOLES = (inside.JOB, services.EMBEDDED, services.SERVERS)

OnStep = Callable[[str, int], None]
"""Is told what is done now, and of how many steps."""


def works(plan: Plan, parts: Inside, running: Sequence[RunningService]) -> list[Work]:
    """All that takes turns. The models alone are among it: they are what the rest is measured by."""
    found: list[Work] = []
    if set(plan.sections) == {Section.GROWTH}:
        return found
    for threads in plan.threads:
        found.append(parts.models_alone(threads))
        if Section.JOB in plan.sections:
            found += [parts.decode(threads), parts.redaction(threads), parts.job(threads)]
        if Section.MODELS in plan.sections:
            found += [parts.model_alone(model, threads) for model in parts.models]
        found += [service for service in running if service.threads == threads]
    if Section.MODELS in plan.sections and max(plan.threads) > 1:
        wide = [parts.model_within(model, max(plan.threads)) for model in parts.models]
        found += [work for work in wide if work is not None]
    return found


def start(
    plan: Plan, loaded: LoadedSettings, photos: PhotoSet, options: JobOptions, folder: Path, stack: ExitStack
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
                options=options,
                starts=min(_STARTS, plan.rounds) if threads == most else 1,
            )
        )
        for threads in plan.threads
    ]
    if plan.servers:
        over = services.with_servers(loaded, photos, folder / "servers", threads=most, options=options)
        running.append(stack.enter_context(over))
    return running


def measure(plan: Plan, parts: Inside, running: Sequence[RunningService], on_step: OnStep) -> list[Series]:
    """Runs the rounds."""
    todo = works(plan, parts, running)
    if not todo:
        return []
    total = steps(todo, plan.rounds)
    return alternate(todo, rounds=plan.rounds, seconds=plan.speed_seconds, on_step=lambda text: on_step(text, total))


def grow(
    plan: Plan, parts: Inside, settings: Settings, photos: PhotoSet, folder: Path, on_step: OnStep
) -> list[MeasuredCurve]:
    """Runs the rounds of all curves. Those over servers cannot take turns: there, one table grows."""
    if Section.GROWTH not in plan.sections:
        return []
    on_step("filling tables", 0)
    with ExitStack() as stack:
        curves = [
            growth.by_jobs(settings, photos, folder / "crowds", stack, plan.jobs),
            growth.by_regions(parts.redactor, photos.files[0], settings.max_pixels),
            growth.by_megapixels(parts.anonymise, photos.files[0], parts.options),
            *growth.by_batch(parts),
        ]
        total = steps([work for curve in curves for _, work in curve.points], plan.rounds)
        seconds = plan.seconds - plan.speed_seconds
        measured = growth.measure(
            curves, rounds=plan.rounds, seconds=seconds, on_step=lambda text: on_step(text, total)
        )
    if plan.servers:
        points = []
        for crowd in on_servers(settings, photos, folder / "crowd", plan.jobs):
            on_step(crowd.name, 0)
            [series] = alternate([crowd], rounds=plan.rounds, seconds=seconds / len(curves))
            points.append((crowd.waiting, series))
        measured.append(MeasuredCurve("a job but for looking at the photo, with servers", "jobs waiting", points))
    return measured


def breakdown(series: Sequence[Series]) -> list[dict[str, float]]:
    """Where the processor time of a whole job goes, in milliseconds of one core: its parts, and the rest."""
    found = []
    for threads in sorted({item.threads for item in series if item.name == inside.JOB}):
        known = {item.name: item for item in series if item.threads == threads}
        parts = [known[name] for name in (inside.MODELS, inside.DECODE, inside.REDACTION)]
        rounds = zip(known[inside.JOB].samples, *(part.samples for part in parts), strict=True)
        # within each round, for a busy machine makes all of it slower
        rest = statistics.median(job.core_ms - sum(part.core_ms for part in others) for job, *others in rounds)
        costs = {part.name: part.core_ms for part in parts} | {"rest": rest, inside.JOB: known[inside.JOB].core_ms}
        found.append({"threads": threads} | {name: round(cost, 2) for name, cost in costs.items()})
    return found


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
