"""What a child measured, as JSON. It may be a lie, so what the parent takes of it is small and makes no new labels."""

from __future__ import annotations

from typing import Any

from streetveil.domain.detections import Label
from streetveil.domain.measurements import CLASSES, PHOTO_STAGES, Measurements, ModelRun, Task
from streetveil.isolation.frames import BrokenFrameError

_MOST_FOUND = 5000
_MOST_RUNS = 2000
_MOST_ROWS = 4096
_LONGEST_S = 24 * 3600.0


def as_dict(measured: Measurements) -> dict[str, Any]:
    """For `read`; of more than it takes, the first."""
    return {
        "seconds": dict(measured.seconds),
        "found": {
            task: [[label.value, score] for label, score in found[:_MOST_FOUND]]
            for task, found in measured.found.items()
        },
        "runs": [list(run) for run in measured.runs[:_MOST_RUNS]],
    }


def read(value: object) -> Measurements:
    """What the child measured.

    Raises:
        BrokenFrameError: this cannot have been measured.
    """
    match value:
        case {"seconds": dict(seconds), "found": dict(found), "runs": list(runs)} if len(runs) <= _MOST_RUNS:
            return Measurements(
                seconds={_one_of(PHOTO_STAGES, stage): _number(spent, _LONGEST_S) for stage, spent in seconds.items()},
                found={_task(task): _found(_task(task), items) for task, items in found.items()},
                runs=tuple(_run(run) for run in runs),
            )
    raise BrokenFrameError("no measurements")


def _found(task: Task, items: object) -> tuple[tuple[Label, float], ...]:
    if not isinstance(items, list) or len(items) > _MOST_FOUND:
        raise BrokenFrameError("more than can be found")
    found = []
    for item in items:
        match item:
            case [str(name), score]:
                found.append((Label(_one_of(CLASSES[task], name)), _number(score, 1.0)))
            case _:
                raise BrokenFrameError("nothing that can be found")
    return tuple(found)


def _run(value: object) -> ModelRun:
    match value:
        case [task, int(rows), seconds] if 0 < rows <= _MOST_ROWS:
            return ModelRun(_task(task), rows, _number(seconds, _LONGEST_S))
    raise BrokenFrameError("no run of a model")


def _task(value: object) -> Task:
    for task in CLASSES:
        if value == task:
            return task
    raise BrokenFrameError("a model for nothing known")


def _one_of(known: tuple[str, ...], value: object) -> str:
    for name in known:
        if value == name:
            return name
    raise BrokenFrameError("a name that nobody knows")


def _number(value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise BrokenFrameError("a number that cannot be")
    return float(value)
