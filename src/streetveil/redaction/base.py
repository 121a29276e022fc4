"""What redaction promises to the use cases, whichever way a file is rewritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.imaging.picture import Picture


class Shape(StrEnum):
    """Outline of a region. An ellipse circumscribes its box: the box's corners lie on it."""

    RECTANGLE = "rectangle"
    ELLIPSE = "ellipse"


@dataclass(frozen=True, slots=True)
class Region:
    """One area to make unrecognisable, in pixels of the upright picture; parts outside it are ignored."""

    box: Box
    label: Label
    confidence: float
    style: Style
    shape: Shape = Shape.RECTANGLE


@dataclass(frozen=True, slots=True)
class RedactedFile:
    """A file in the format of the original.

    Attributes:
        data: the whole file.
        lossless: True where nothing outside the regions was coded a second time: pixels decode exactly as in the
            original but, in a JPEG, those that share a block with a region.
        reason: why not, in one sentence; None where lossless.
    """

    data: bytes
    lossless: bool
    reason: str | None = None


class Redactor(Protocol):
    """Rewrites one file. Safe to call from several threads at once."""

    def redact(self, picture: Picture, regions: Sequence[Region], metadata: MetadataPolicy) -> RedactedFile:
        """The picture with `regions` unrecognisable and no embedded preview left.

        Without regions the pixels come out untouched, and only the metadata policy applies.

        Raises:
            UndecodableImageError: the pixels cannot be read.
            UnsupportedPixelFormatError: the layout cannot be written back as it was.
            RedactionFailedError: the file could not be rewritten; nothing is returned.
        """
        ...
