"""What no viewer shows of a picture's own pixels, and programs still read: hidden and unused colours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streetveil.redaction.effects import Pixels


def blank(pixels: Pixels) -> bool:
    """Makes the colours of fully transparent pixels black, in place; True where there were any others.

    A face that was rubbed out in a drawing program is often still there below, and no detector sees it.

    Args:
        pixels: (height, width, channels), the last of which is opacity and not multiplied into the others.
    """
    colours = pixels[pixels[..., -1] == 0, :-1]
    if not colours.any():
        return False
    pixels[pixels[..., -1] == 0, :-1] = 0
    return True


def blank_indices(indices: Pixels, opacity: bytes) -> bool:
    """The same for palette indices: all entries without any opacity become the first of them.

    Args:
        indices: (height, width).
        opacity: of each palette entry; entries behind its end are opaque.
    """
    clear = np.flatnonzero(np.frombuffer(opacity, np.uint8) == 0)
    if len(clear) < 2:
        return False
    hidden: npt.NDArray[np.bool_] = np.isin(indices, clear[1:])
    indices[hidden] = clear[0]
    return bool(hidden.any())


def blank_unused(palette: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], indices: Pixels) -> None:
    """Makes the palette entries that no pixel has black, in place: among them are those of what was painted over.

    Args:
        palette: (entries, channels).
        indices: (height, width); one beyond the palette counts as its last entry.
    """
    used = np.zeros(len(palette), np.bool_)
    used[np.minimum(np.unique(indices), len(palette) - 1)] = True
    palette[~used] = 0
