"""What every error is that the product raises on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self


class StreetveilError(Exception):
    """Base of all deliberate errors.

    Attributes:
        code: stable, machine-readable name; part of the public contract (docs/errors.md).
        retryable: True where the same request may succeed later without being changed.
        detail: one sentence for a person: what is wrong and, where it can be said, what to do.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @classmethod
    def kinds(cls) -> Iterator[type[Self]]:
        """This kind of error and all that are of it, as far as they are imported."""
        yield cls
        for kind in cls.__subclasses__():
            yield from kind.kinds()
