"""Tensors that wait for a run of their model, and which of them go together."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from streetveil.errors import ModelError

Tensor = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """When a run is started.

    Attributes:
        most_rows: most pictures in one run.
        wait_s: how long the first tensor of a run waits for others, where a runner is free.
        most_pixels: most input pixels in one run of several pictures, which bounds its memory.
    """

    most_rows: int
    wait_s: float
    most_pixels: int = 8_000_000

    def rows_of(self, tensor: Tensor) -> int:
        """Most rows of this tensor's shape in one run."""
        height, width = tensor.shape[-2:]
        return max(1, min(self.most_rows, self.most_pixels // max(1, int(height * width))))


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One tensor, where its answer goes, and since when it waits (`time.monotonic`)."""

    tensor: Tensor
    answer: Future[list[Tensor]] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class BatchQueue:
    """Tensors that wait, by shape. Safe to share by threads.

    Args:
        model: its name, for errors.
        policy: which go together, and when.
        runners: how many threads take batches from here.
        most_waiting: tensors that may wait.
    """

    def __init__(self, model: str, policy: BatchPolicy, runners: int, most_waiting: int) -> None:
        self._model = model
        self._policy = policy
        self._runners = runners
        self._most_waiting = most_waiting
        self._waiting = 0
        self._closed = False
        self._groups: dict[tuple[object, ...], deque[Item]] = {}
        # Reentrant: the garbage collector may call `close` in a thread that is in here.
        self._changed = threading.Condition(threading.RLock())

    def put(self, tensor: Tensor) -> Future[list[Tensor]]:
        """Where the outputs for a tensor will be; waits where too many wait already.

        Raises:
            ModelError: nobody will run it.
        """
        item = Item(tensor)
        with self._changed:
            while self._waiting >= self._most_waiting and not self._over:
                self._changed.wait()
            if self._over:
                raise self._refusal()
            self._groups.setdefault((tensor.shape[1:], tensor.dtype), deque()).append(item)
            self._waiting += 1
            self._changed.notify_all()
        return item.answer

    def take(self) -> list[Item]:
        """The next batch, waited for as long as the policy says; nothing when closed and empty."""
        with self._changed:
            while True:
                patience_s = None
                if self._groups:
                    group, patience_s = self._next()
                    if patience_s <= 0:
                        return self._pop(group)
                elif self._closed:
                    return []
                self._changed.wait(patience_s)

    def close(self) -> None:
        """Takes no more tensors; those that wait are still to be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def runner_ended(self, taken: Sequence[Item]) -> None:
        """Answers for what a runner leaves behind; the last one for all that nobody will run any more."""
        with self._changed:
            self._runners -= 1
            left = [item for item in taken if not item.answer.done()]
            if not self._runners:
                waiting = (item for group in self._groups.values() for item in group)
                left += [item for item in waiting if item.answer.set_running_or_notify_cancel()]
                self._groups.clear()
                self._changed.notify_all()
            for item in left:
                item.answer.set_exception(self._refusal())

    @property
    def _over(self) -> bool:
        return self._closed or not self._runners

    def _refusal(self) -> ModelError:
        return ModelError(f"{self._model} is no longer running.")

    def _next(self) -> tuple[deque[Item], float]:
        """The group to run next, and for how many more seconds it may wait for more."""
        oldest = min(self._groups.values(), key=lambda group: group[0].since)
        patience_s = oldest[0].since + self._policy.wait_s - time.monotonic()
        if self._closed or patience_s <= 0:
            return oldest, 0
        full = next((group for group in self._groups.values() if self._is_full(group)), None)
        return (full, 0) if full is not None else (oldest, patience_s)

    def _is_full(self, group: deque[Item]) -> bool:
        return sum(len(item.tensor) for item in group) >= self._policy.rows_of(group[0].tensor)

    def _pop(self, group: deque[Item]) -> list[Item]:
        """As many of a group as fit into one run, oldest first."""
        first = group.popleft()
        batch, rows = [first], len(first.tensor)
        while group and rows + len(group[0].tensor) <= self._policy.rows_of(first.tensor):
            rows += len(group[0].tensor)
            batch.append(group.popleft())
        if not group:
            del self._groups[first.tensor.shape[1:], first.tensor.dtype]
        self._waiting -= len(batch)
        self._changed.notify_all()
        return batch
