"""What one photo asks of the models and the decoder, recorded once, to be done again without all the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import numpy as np

from streetveil.detection.batching import BatchedNetwork
from streetveil.detection.session import Session
from streetveil.domain.geometry import Size
from streetveil.imaging.picture import Picture


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run of a model: on which network, and on what."""

    network: Session | BatchedNetwork
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def __call__(self) -> None:
        self.network.run(*self.arguments, **self.options)

    @property
    def model(self) -> str:
        """The name of the model's file, without its suffix."""
        name = self.network.model if isinstance(self.network, BatchedNetwork) else self.network.path.name
        return name.removesuffix(".onnx")


@dataclass(slots=True)
class Tape:
    """What was asked, in order.

    Attributes:
        runs: of models, with their prebuilt inputs.
        scales: the least size that pixels were asked for, each time; None for all of them.
    """

    runs: list[Run] = field(default_factory=list)
    scales: list[Size | None] = field(default_factory=list)

    def play(self) -> None:
        """The models alone: the same runs, one after the other."""
        for run in self.runs:
            run()


@contextmanager
def recorded() -> Iterator[Tape]:
    """Records everything that is asked within, from whichever thread.

    The methods themselves are listened to, so that nothing in the product need know of it, and what is
    recorded is what really happens however the detectors are put together.
    """
    tape, lock = Tape(), threading.Lock()

    def on_run(network: Session | BatchedNetwork, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - whatever run() takes
        kept = tuple(np.array(item) if isinstance(item, np.ndarray) else item for item in arguments)
        with lock:
            tape.runs.append(Run(network, kept, options))

    def on_pixels(_: Picture, at_least: Size | None = None) -> None:
        with lock:
            tape.scales.append(at_least)

    with ExitStack() as stack:
        # where jobs share runs, a session is not asked itself
        stack.enter_context(_overheard(Session, "run", on_run))
        stack.enter_context(_overheard(BatchedNetwork, "run", on_run))
        stack.enter_context(_overheard(Picture, "pixels", on_pixels))
        yield tape


@contextmanager
def _overheard(owner: type, name: str, listener: Callable[..., None]) -> Iterator[None]:
    method = getattr(owner, name)

    @wraps(method)
    def told(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the method takes
        listener(*arguments, **options)
        return method(*arguments, **options)

    setattr(owner, name, told)
    try:
        yield
    finally:
        setattr(owner, name, method)
