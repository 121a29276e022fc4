"""Clients that upload photos and do not give up: what was refused or got no answer is sent again, with its key."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx
from tests.support.chaos.cluster import Cluster
from tests.support.chaos.photos import Photo, PhotoStream

_PATIENCE_S = 30  # with one request
_PAUSE_S = 0.3  # before the next try where no answer came
_BURST = 20  # so many times the rate while the queue is to be filled


@dataclass
class Sent:
    """What the client knows of one photo."""

    photo: Photo
    answers: Counter[str] = field(default_factory=Counter)
    job_ids: set[str] = field(default_factory=set)
    refusal: str | None = None
    accepted_at: float = 0.0

    @property
    def settled(self) -> bool:
        return bool(self.job_ids) or self.refusal is not None


class Clients:
    """Some threads that upload at a common rate. `sent` holds each photo that was begun with."""

    def __init__(self, cluster: Cluster, photos: PhotoStream, *, rate: float, seed: int, threads: int = 4) -> None:
        """`rate`: new photos per second."""
        self.sent: dict[int, Sent] = {}
        self.complaints: list[str] = []
        self.repeated = 0
        self._cluster = cluster
        self._photos = photos
        self._rate = rate
        self._seed = seed
        self._numbers = itertools.count()
        self._next_at = time.monotonic()
        self._lock = threading.Lock()
        self._finishing = threading.Event()
        self._abandoned = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]

    def start(self) -> None:
        self._next_at = time.monotonic()
        for thread in self._threads:
            thread.start()

    def finish(self, seconds: float) -> None:
        """No new photos; waits until those begun have their answers, and complains of those that have none by then."""
        self._finishing.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._abandoned.set()
        for sent in list(self.sent.values()):
            if not sent.settled:
                self.complaints.append(f"{sent.photo.name} got no answer within {seconds:.0f} s: {dict(sent.answers)}")

    def _run(self, thread: int) -> None:
        chance = random.Random(f"{self._seed}/client {thread}")
        with httpx.Client(timeout=_PATIENCE_S) as client:
            while (number := self._next()) is not None:
                sent = self.sent[number] = Sent(self._photos[number])
                while not sent.settled and not self._abandoned.is_set():
                    self._upload(client, sent, chance)
                if sent.job_ids and random.Random(f"{self._seed}/{number}/again").random() < 0.1:
                    self.repeated += 1
                    self._upload(client, sent, chance)

    def _next(self) -> int | None:
        """The number of the next photo, when it is its turn; None when there are no more."""
        with self._lock:
            while (wait_s := self._next_at - time.monotonic()) > 0:
                if self._finishing.wait(min(wait_s, 0.1)):
                    return None
            if self._finishing.is_set():
                return None
            rate = self._rate * (_BURST if self._cluster.burst.is_set() else 1)
            # After an outage photos come at their rate again, not all at once.
            self._next_at = max(self._next_at, time.monotonic() - 1) + 1 / rate
            return next(self._numbers)

    def _upload(self, client: httpx.Client, sent: Sent, chance: random.Random) -> None:
        url = chance.choice(self._cluster.urls)
        key = f"{self._seed}-{sent.photo.number}"
        try:
            answer = client.post(
                f"{url}/upload",
                files={"file": (sent.photo.name, sent.photo.data)},
                headers={"Idempotency-Key": key},
            )
        except httpx.TransportError as error:
            sent.answers[type(error).__name__] += 1
            self._abandoned.wait(_PAUSE_S)
            return
        sent.answers[str(answer.status_code)] += 1
        if answer.status_code == 202:
            sent.accepted_at = sent.accepted_at or time.time()
            sent.job_ids.add(answer.json()["job_id"])
        elif answer.status_code in {429, 503}:
            if answer.status_code == 429:
                self._cluster.refused_as_full.set()
            self._abandoned.wait(self._retry_after(answer))
        elif answer.status_code >= 500:
            self.complaints.append(f"{sent.photo.name} was answered {answer.status_code}: {answer.text[:300]}")
            self._abandoned.wait(_PAUSE_S)
        else:
            sent.refusal = answer.json()["code"]

    def _retry_after(self, answer: httpx.Response) -> float:
        stated = answer.headers.get("Retry-After", "")
        if not stated.isdecimal():
            self.complaints.append(f"{answer.status_code} without Retry-After: {answer.text[:300]}")
            return _PAUSE_S
        return float(stated)
