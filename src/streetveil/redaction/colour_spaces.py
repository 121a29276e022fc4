"""From a JPEG's components to the colours that are painted, and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streetveil.redaction.turbojpeg import Colours

Values = npt.NDArray[np.floating]

_FROM_RGB = np.array([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
"""ITU-T T.871, section 7: full range BT.601."""


class ColourSpace:
    """An affine map. RGB, grey and CMYK are painted as stored; YCCK as CMYK, which is what its first three stand for.

    Attributes:
        components: how many the file has.
    """

    def __init__(self, colours: Colours) -> None:
        self.components = {Colours.GREY: 1, Colours.CMYK: 4, Colours.YCCK: 4}.get(colours, 3)
        matrix, offset = np.eye(self.components), np.zeros(self.components)
        if colours in {Colours.YCBCR, Colours.YCCK}:
            matrix[:3, :3] = _FROM_RGB
            offset[1:3] = 128
        inverse = np.linalg.inv(matrix)
        self._forward = np.column_stack([matrix, offset])
        self._inverse = np.column_stack([inverse, -inverse @ offset])

    def colours(self, samples: Values) -> Values:
        """Colours of samples, from 0 to 255: (height, width, components) to the same shape."""
        return np.clip(samples @ self._inverse[:, :-1].T + self._inverse[:, -1], 0, 255)

    def samples(self, colours: Values) -> Values:
        """The way back: of the same shape."""
        return colours @ self._forward[:, :-1].T + self._forward[:, -1]
