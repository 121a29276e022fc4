"""Works on photos in child processes, one each at a time: what `Anonymiser` promises, whatever the photo does."""

from __future__ import annotations

import os
import queue
import signal
import threading
from dataclasses import dataclass

import structlog

from streetveil.domain.options import JobOptions
from streetveil.errors import DecoderCrashedError, DecoderUnavailableError, UndecodableImageError
from streetveil.imaging.header import ImageHeader, read_header
from streetveil.isolation.children import Child, ChildEndedError
from streetveil.isolation.limits import resident
from streetveil.isolation.nursery import Nursery
from streetveil.isolation.quarantine import Quarantine
from streetveil.jobs.anonymise import Anonymised, without_review

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PoolPolicy:
    """How children are treated.

    Attributes:
        size: how many photos are worked on at once.
        timeout_s: how long one photo may take.
        max_pixels: of a photo that is let in.
        photos_per_child: after so many another child takes over, so that nothing a photo did to it lasts.
        resident_bytes: a child that occupies more when it is done is replaced too, for it will not give it back.
    """

    size: int
    timeout_s: float
    max_pixels: int
    photos_per_child: int = 200
    resident_bytes: int = 600 * 1024 * 1024


class ProcessPool:
    """Hands each photo to a child that is free. Safe to share by threads; children start when they are needed.

    Only the file goes to a child, and only the redacted file and its description come back, as JSON that is checked:
    a child that was taken over by its photo can lie about its photos, and harm nothing else.
    """

    def __init__(self, nursery: Nursery, policy: PoolPolicy, *, quarantine: Quarantine | None = None) -> None:
        self._nursery = nursery
        self._policy = policy
        self._quarantine = quarantine or Quarantine()
        self._lock = threading.Lock()
        self._crashes = 0
        self._closed = False
        self._children: set[Child] = set()
        # One place per child; None where it is not born yet.
        self._free: queue.LifoQueue[Child | None] = queue.LifoQueue()
        for _ in range(policy.size):
            self._free.put(None)

    @property
    def crashes(self) -> int:
        """How many photos ended their child, or had it ended, since the start."""
        return self._crashes

    def processes(self) -> tuple[int | None, list[int]]:
        """The zygote, where there is one, and the children."""
        with self._lock:
            return self._nursery.zygote, [child.pid for child in self._children]

    def __call__(self, data: bytes, options: JobOptions) -> Anonymised:
        """As `attempt`, for who hands out the result at once.

        Raises:
            NeedsReviewError: something was still found in the result.
        """
        return without_review(self.attempt(data, options))

    def check(self) -> None:
        """Returns where children can be had, as far as is known.

        Raises:
            StreetveilError: why not.
        """
        if (failure := self._nursery.failure) is not None:
            raise failure

    def start(self) -> None:
        """Has all children started now, for who would rather wait now than at the first photo.

        Raises:
            StreetveilError: what loading the models raised.
            DecoderUnavailableError: they cannot be started.
        """
        places = [self._free.get() for _ in range(self._policy.size)]
        try:
            places = [place or self._born() for place in places]
        finally:
            for place in places:
                self._free.put(place)

    def attempt(self, data: bytes, options: JobOptions) -> Anonymised:
        """As `Anonymiser.attempt`.

        Raises:
            StreetveilError: as there.
            DecoderCrashedError: the child ended, or its answer made no sense.
            PhotoTimeoutError, PhotoMemoryError: the photo took too long, or too much.
            DecoderUnavailableError: there is no child to be had.
        """
        header = read_header(data, complete=True, max_pixels=self._policy.max_pixels)
        if header is None:  # cannot be where the file is complete
            raise UndecodableImageError("The picture's header is not complete.")
        self._quarantine.check(data)
        child = self._free.get()
        try:
            if self._closed:
                raise DecoderUnavailableError("This process is about to end.")
            if child is not None and not child.waits():
                self._ended(child)  # between two photos: the next is not to blame
                child = None
            child = child or self._born()
            return self._attempted(child, data, options, header)
        except DecoderCrashedError as error:
            self._quarantine.add(data, error)
            with self._lock:
                self._crashes += 1
            _log.warning("photo_harmed_its_process", code=error.code, detail=error.detail)
            raise
        finally:
            self._free.put(self._kept(child))

    def close(self) -> None:
        """Ends all children, those at work too: their photos are not to blame."""
        with self._lock:
            self._closed = True
            children = list(self._children)
        for child in children:
            self._nursery.reap(child.pid)
            child.close()

    def _born(self) -> Child:
        child = Child(*self._nursery.birth())
        with self._lock:
            self._children.add(child)
        return child

    def _attempted(self, child: Child, data: bytes, options: JobOptions, header: ImageHeader) -> Anonymised:
        try:
            return child.attempt(data, options, header, timeout_s=self._policy.timeout_s)
        except ChildEndedError:
            status = self._ended(child)
            if status is None:
                raise DecoderUnavailableError(
                    "The process that worked on this photo was ended with all others."
                ) from None
            raise DecoderCrashedError(f"The process that worked on this photo ended: {_said(status)}.") from None

    def _kept(self, child: Child | None) -> Child | None:
        """The child, where it can go on; else it is ended, and None stands for its place."""
        if child is None or child.closed:
            return None
        policy = self._policy
        if (
            not self._closed
            and child.usable
            and child.photos < policy.photos_per_child
            and resident(child.pid) <= policy.resident_bytes
        ):
            return child
        self._ended(child)
        return None

    def _ended(self, child: Child) -> int | None:
        with self._lock:
            self._children.discard(child)
        child.close()
        return self._nursery.reap(child.pid)


def _said(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name if number in {item.value for item in signal.Signals} else str(number)
        return f"{name}, which another process sent; was there too little memory?" if number == signal.SIGKILL else name
    return f"status {os.waitstatus_to_exitcode(status)}"
