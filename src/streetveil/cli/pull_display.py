"""Shows a pull of models: bars on a terminal, a line per step anywhere else. Always on stderr."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from streetveil.detection.weights import Phase, Progress

_WORTH_A_LINE = frozenset({Phase.WAITING, Phase.FETCHING, Phase.CONVERTING})


class PullDisplay:
    """Call it with each report; use it as a context manager around the pull."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stack = ExitStack()
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._said: set[tuple[str, Phase]] = set()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            bars = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bars = self._stack.enter_context(bars)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __call__(self, report: Progress) -> None:
        if report.phase is Phase.FETCHING and self._bars is not None:
            if report.subject not in self._tasks:
                self._tasks[report.subject] = self._bars.add_task(f"fetching {report.subject}", total=report.total)
            self._bars.update(self._tasks[report.subject], completed=report.done)
        elif report.phase in _WORTH_A_LINE and (report.subject, report.phase) not in self._said:
            self._said.add((report.subject, report.phase))
            size = f" ({report.total / 1e6:.1f} MB)" if report.total else ""
            self._console.print(f"{report.subject}: {report.phase}{size}", highlight=False, soft_wrap=True)
