"""Runs of one model shared by jobs that know nothing of each other.

A GPU answers for sixteen pictures in hardly more time than for one. Threads hand in tensors; one runner per device
takes those of one shape together. Nothing is padded or scaled to fit a batch, so which pictures share one changes no
picture's result, and a tensor that makes a run fail is tried again alone, so it fails alone.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog

from streetveil.detection.batch_queue import BatchPolicy, BatchQueue, Item, Tensor
from streetveil.errors import ModelError, StreetveilError

_log = structlog.get_logger(__name__)

Run = Callable[[Sequence[Tensor]], list[Tensor]]
"""All outputs for tensors of one shape, put one behind the other along their first axis."""


@dataclass(frozen=True, slots=True)
class BatchRun:
    """One run that took place, for metrics.

    Attributes:
        rows: pictures, or pieces of them, in it.
        tensors: how many were handed in by different calls.
        seconds: how long it took.
    """

    model: str
    device: str
    rows: int
    tensors: int
    seconds: float = field(default=0.0, compare=False)


BatchObserver = Callable[[BatchRun], None]
"""Called by whoever ran it after each run that succeeded; it must be quick, and what it raises is logged."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One device's way to run the model; used by one thread only."""

    device: str
    run: Run


class BatchedNetwork:
    """A `Network` whose runs are shared. Its threads end with `close`, or when nobody holds it any more.

    Attributes:
        model: as given.

    Args:
        model: its name, for errors and the observer.
        lanes: one runner thread each; whichever is free takes the next batch.
        last_resort: runs a tensor that failed alone, elsewhere; None: it has failed.
        most_waiting: tensors that may wait; who hands in another waits with it.
    """

    def __init__(
        self,
        model: str,
        lanes: Sequence[Lane],
        policy: BatchPolicy,
        *,
        last_resort: Callable[[Tensor], list[Tensor]] | None = None,
        on_batch: BatchObserver | None = None,
        most_waiting: int = 1024,
    ) -> None:
        self.model = model
        self._policy = policy
        self._process = os.getpid()
        self._queue = BatchQueue(model, policy, len(lanes), most_waiting)
        self._runners = [_Runner(model, lane, self._queue, last_resort, on_batch) for lane in lanes]
        # The threads hold the queue and not this object, so that it can be seen that nobody needs them any more.
        weakref.finalize(self, self._queue.close)
        for runner in self._runners:
            runner.start()

    def run(self, tensor: Tensor) -> list[Tensor]:
        """All outputs for one input tensor (n, ...), in the model's order. Blocks until they are there.

        Raises:
            ModelError: the model refuses the tensor or fails inside, or this is closed.
        """
        if os.getpid() != self._process:
            raise ModelError("A model that jobs share cannot be used in a forked process: its threads stayed behind.")
        most = self._policy.rows_of(tensor)
        parts = [tensor[start : start + most] for start in range(0, len(tensor), most)] or [tensor]
        answers = [future.result() for future in [self._queue.put(part) for part in parts]]
        return answers[0] if len(answers) == 1 else [np.concatenate(pieces) for pieces in zip(*answers, strict=True)]

    def close(self) -> None:
        """Takes no more tensors, answers for those that wait, and ends its threads. May be called again."""
        self._queue.close()
        for runner in self._runners:
            runner.join()


class _Runner(threading.Thread):
    """Takes batches and answers for them until the queue is closed."""

    def __init__(
        self,
        model: str,
        lane: Lane,
        queue: BatchQueue,
        last_resort: Callable[[Tensor], list[Tensor]] | None,
        on_batch: BatchObserver | None,
    ) -> None:
        # A daemon, for a process must end even where nobody closes; waiters are never daemons.
        super().__init__(name=f"{model} on {lane.device}", daemon=True)
        self._model = model
        self._lane = lane
        self._queue = queue
        self._last_resort = last_resort
        self._on_batch = on_batch

    def run(self) -> None:
        taken: list[Item] = []
        try:
            while batch := self._queue.take():
                taken = [item for item in batch if item.answer.set_running_or_notify_cancel()]
                self._serve(taken)
                del batch, taken[:]  # or the pictures stay in memory until the next ones come
        finally:
            self._queue.runner_ended(taken)

    def _serve(self, batch: Sequence[Item]) -> None:
        """Answers each; whatever happens, nobody waits for ever."""
        if not batch:
            return
        started = time.perf_counter()
        try:
            outputs = self._lane.run([item.tensor for item in batch])
            seconds = time.perf_counter() - started
            self._answer(batch, outputs)
        except Exception as error:  # noqa: BLE001 - each waiter has it, or an answer from a second try
            if len(batch) > 1:
                _log.warning("batch_failed", model=self._model, device=self._lane.device, detail=str(error))
                for item in batch:
                    self._serve([item])
            else:
                self._rescue(batch[0], error)
        else:
            self._tell(batch, seconds)

    def _rescue(self, item: Item, error: Exception) -> None:
        if self._last_resort is not None:
            try:
                item.answer.set_result(self._last_resort(item.tensor))
            except Exception as second:  # noqa: BLE001 - the waiter has it
                error = second
            else:
                _log.warning("ran_elsewhere", model=self._model, device=self._lane.device, detail=str(error))
                return
        if not isinstance(error, StreetveilError):
            error = ModelError(f"{self._model} failed on a {item.tensor.shape} tensor: {error}")
        item.answer.set_exception(error)

    def _answer(self, batch: Sequence[Item], outputs: list[Tensor]) -> None:
        if len(batch) == 1:
            batch[0].answer.set_result(outputs)
            return
        rows = sum(len(item.tensor) for item in batch)
        if any(output.ndim == 0 or len(output) != rows for output in outputs):
            raise ModelError(f"{self._model} does not answer row by row.")
        start = 0
        for item in batch:
            end = start + len(item.tensor)
            item.answer.set_result([output[start:end] for output in outputs])
            start = end

    def _tell(self, batch: Sequence[Item], seconds: float) -> None:
        rows = sum(len(item.tensor) for item in batch)
        tell(self._on_batch, BatchRun(self._model, self._lane.device, rows, len(batch), seconds))


def tell(observer: BatchObserver | None, run: BatchRun) -> None:
    """Tells an observer, where there is one, of a run."""
    if observer is None:
        return
    try:
        observer(run)
    except Exception:  # noqa: BLE001 - who counts must not stop who works
        _log.exception("batch_observer_failed", model=run.model)
