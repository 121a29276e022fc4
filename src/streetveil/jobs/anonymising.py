"""What works on one photo, in this process (`anonymise.py`) or in others (`streetveil.isolation`)."""

from __future__ import annotations

from typing import Protocol

from streetveil.domain.options import JobOptions
from streetveil.jobs.anonymise import Anonymised


class Anonymising(Protocol):
    """Safe to share by threads. With the same settings the results are the same, wherever it works."""

    def __call__(self, data: bytes, options: JobOptions) -> Anonymised:
        """Anonymises one encoded photo, for who hands out the result at once.

        Raises:
            NeedsReviewError: something was still found in the result.
            StreetveilError: there is no result.
        """
        ...

    def attempt(self, data: bytes, options: JobOptions) -> Anonymised:
        """The same for who can hold a result back: look at its `needs_review` before it is handed out.

        Raises:
            StreetveilError: there is no result.
        """
        ...

    def check(self) -> None:
        """Returns where it could take a photo now, as far as is known.

        Raises:
            StreetveilError: why it could not.
        """
        ...
