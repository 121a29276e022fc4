"""Opens models on the devices that were chosen, shared by all jobs where that pays."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from streetveil.detection.batch_queue import BatchPolicy, Tensor
from streetveil.detection.batching import BatchedNetwork, BatchObserver, BatchRun, Lane, tell
from streetveil.detection.devices import ON_CPU, TENSORRT_SIDE, Choice, Device, provider_options
from streetveil.detection.files import digest
from streetveil.detection.session import BoundRun, Network, Session
from streetveil.domain.geometry import Size
from streetveil.errors import ModelError

_log = structlog.get_logger(__name__)

_GPU_ROWS = 16


@dataclass(frozen=True, slots=True)
class Batching:
    """How jobs share runs.

    Attributes:
        most_rows: most pictures in one run; 0: 16 on a GPU, and 1 on a CPU, which gains nothing by more.
        wait_s: how long the first picture of a run waits for others.
    """

    most_rows: int = 0
    wait_s: float = 0.002


class Networks:
    """Opens model files. What cannot run on the chosen GPUs, and all after it, runs on the CPU, with one warning.

    Args:
        choice: the devices.
        engines: folder under which TensorRT keeps what it builds.
        threads: cores that one run on the CPU may use.
        lanes: runs at once on the CPU, where runs are shared there.
    """

    def __init__(
        self,
        choice: Choice = ON_CPU,
        *,
        batching: Batching | None = None,
        engines: Path | None = None,
        threads: int = 1,
        lanes: int = 1,
    ) -> None:
        self._choice = choice
        self._batching = batching or Batching()
        self._engines = engines
        self._threads = threads
        self._lanes = lanes
        if choice.complaint:
            _warn(choice.complaint)

    @property
    def on_gpu(self) -> bool:
        """Whether models run on GPUs, as far as it is known by now."""
        return self._choice.on_gpu

    def open(self, path: Path, usual: Sequence[Size] = (), *, on_batch: BatchObserver | None = None) -> Network:
        """A model, ready to run. On GPUs the `usual` input sizes are tried out, so that no job waits for that.

        `on_batch` is told of each run.

        Raises:
            ModelMissingError: there is no such file.
            ModelError: it cannot be used, on a CPU either.
        """
        session = Session(path, threads=self._threads)
        if self._choice.on_gpu:
            try:
                return self._on_gpus(session, usual, on_batch)
            except ModelError as error:
                _warn(error.detail)
                self._choice = ON_CPU
        policy = self._policy(session)
        if policy.most_rows == 1:
            return _observed(session, on_batch)
        lanes = [_lane(session, Device(), policy) for _ in range(self._lanes)]
        return BatchedNetwork(path.name, lanes, policy, on_batch=on_batch)

    def _on_gpus(self, session: Session, usual: Sequence[Size], on_batch: BatchObserver | None) -> Network:
        policy = self._policy(session)
        lanes = [_lane(self._load(session, device, policy), device, policy) for device in self._choice.devices]
        for lane in lanes:
            for tensor in _samples(session, policy, usual):
                lane.run([tensor])
            _log.info("model_on_gpu", model=session.path.name, device=lane.device)
        network = BatchedNetwork(session.path.name, lanes, policy, last_resort=session.run, on_batch=on_batch)
        return (
            _Bounded(network, _observed(session, on_batch)) if self._choice.devices[0].kind == "tensorrt" else network
        )

    def _load(self, session: Session, device: Device, policy: BatchPolicy) -> Session:
        """The same model on a GPU.

        Raises:
            ModelError: it cannot be loaded, or ONNX Runtime would silently run it elsewhere.
        """
        options = provider_options(
            device,
            input_name=session.input.name,
            input_shape=session.input.shape,
            most_rows=policy.most_rows,
            engines=self._engine_folder(session.path) if device.kind == "tensorrt" else None,
        )
        loaded = Session(session.path, threads=self._threads, providers=options)
        if loaded.providers[0] != device.provider:
            raise ModelError(f"ONNX Runtime could not start {device.provider} on {device}; its own messages say why.")
        return loaded

    def _policy(self, session: Session) -> BatchPolicy:
        if session.input.shape[:1] != (None,):
            return BatchPolicy(1, 0)  # a model exported for one picture at a time
        rows = self._batching.most_rows or (_GPU_ROWS if self._choice.on_gpu else 1)
        return BatchPolicy(rows, self._batching.wait_s)

    def _engine_folder(self, path: Path) -> Path | None:
        """The folder of one model's engines: a file that was replaced is another model."""
        if self._engines is None:
            return None
        folder = self._engines / f"{path.stem}-{digest(path)[:12]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _log.warning("engines_not_kept", folder=str(folder), detail=str(error))
            return None
        return folder


class _Bounded:
    """Keeps from TensorRT what it would have to build another engine for, which takes minutes."""

    def __init__(self, network: Network, cpu: Network) -> None:
        self._network = network
        self._cpu = cpu

    def run(self, tensor: Tensor) -> list[Tensor]:
        return (self._cpu if max(tensor.shape[-2:]) > TENSORRT_SIDE else self._network).run(tensor)


class _Observed:
    """Tells of each run of a model that no other shares."""

    def __init__(self, session: Session, on_batch: BatchObserver) -> None:
        self._session = session
        self._on_batch = on_batch

    def run(self, tensor: Tensor) -> list[Tensor]:
        started = time.perf_counter()
        outputs = self._session.run(tensor)
        seconds = time.perf_counter() - started
        tell(self._on_batch, BatchRun(self._session.path.name, "cpu", len(tensor), 1, seconds))
        return outputs


def _observed(session: Session, on_batch: BatchObserver | None) -> Network:
    return session if on_batch is None else _Observed(session, on_batch)


def _lane(session: Session, device: Device, policy: BatchPolicy) -> Lane:
    bound = session.bind(memory=device.memory, index=device.index)
    return Lane(str(device), lambda tensors: _run_rows(bound, tensors, policy if device.is_gpu else None))


def _run_rows(bound: BoundRun, tensors: Sequence[Tensor], policy: BatchPolicy | None) -> list[Tensor]:
    """One run; with a policy its rows are made a power of two, for each number of rows is tuned by itself."""
    count = sum(len(tensor) for tensor in tensors)
    rows = next(rows for rows in _row_counts(policy.rows_of(tensors[0])) if rows >= count) if policy else count
    outputs = bound(tensors, rows=rows)
    if rows == count:
        return outputs
    if any(output.ndim == 0 or len(output) != rows for output in outputs):
        raise ModelError("The model does not answer row by row.")
    return [output[:count] for output in outputs]


def _row_counts(most: int) -> Iterator[int]:
    """1, 2, 4 and so on, and `most` itself."""
    rows = 1
    while rows < most:
        yield rows
        rows *= 2
    yield most


def _samples(session: Session, policy: BatchPolicy, sizes: Sequence[Size]) -> Iterator[Tensor]:
    """Zeros in every shape that is expected."""
    for size in sizes:
        one = np.zeros((1, 3, size.height, size.width), session.input.dtype)
        for rows in _row_counts(policy.rows_of(one)):
            yield np.repeat(one, rows, axis=0)


def _warn(reason: str) -> None:
    _log.warning("gpu_unavailable", detail=reason, running_on="cpu")
