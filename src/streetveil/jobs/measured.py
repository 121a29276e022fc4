"""Work on photos that is told to an observer."""

from __future__ import annotations

import time

from streetveil.domain.options import JobOptions
from streetveil.jobs.anonymise import Anonymised, without_review
from streetveil.jobs.anonymising import Anonymising
from streetveil.jobs.observer import JobObserver


class MeasuredAnonymising:
    """An `Anonymising` around another, in this process or not. Photos that fail are not told of."""

    def __init__(self, anonymise: Anonymising, observer: JobObserver) -> None:
        self._anonymise = anonymise
        self._observer = observer

    def __call__(self, data: bytes, options: JobOptions) -> Anonymised:
        """As `Anonymising.__call__`.

        Raises:
            StreetveilError: as there.
        """
        return without_review(self.attempt(data, options))

    def attempt(self, data: bytes, options: JobOptions) -> Anonymised:
        """As `Anonymising.attempt`.

        Raises:
            StreetveilError: as there.
        """
        started = time.perf_counter()
        result = self._anonymise.attempt(data, options)
        seconds = time.perf_counter() - started
        self._observer.photo(result.measured)
        self._observer.stage("handover", max(0.0, seconds - sum(result.measured.seconds.values())))
        return result

    def check(self) -> None:
        """As `Anonymising.check`.

        Raises:
            StreetveilError: as there.
        """
        self._anonymise.check()
