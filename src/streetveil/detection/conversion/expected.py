"""Checks a converted model against answers stored with the program.

The answers were made by the runtime the model was published for (scripts/make_centernet_reference.mjs),
so a converter that goes wrong, a damaged file that slipped through or an inference runtime that
miscomputes on this processor is found at set-up and not in the results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from streetveil.detection.session import Session
from streetveil.errors import ConversionError

# Sums of float32 taken in another order differ by some 1e-6 of the greatest value met on the way.
_TOLERANCE = 1e-3


def load_expected(name: str) -> dict[str, Any] | None:
    """The stored answers for a model, or None where there are none."""
    file = resources.files(__package__).joinpath(f"{name}_expected.json")
    if not file.is_file():
        return None
    answers: dict[str, Any] = json.loads(file.read_bytes())
    return answers


def reference_input(height: int, width: int) -> npt.NDArray[np.float32]:
    """float32 (1, 3, height, width) of whole numbers 0..255: stripes, steps and hyperbolas."""
    y, x, channel = np.ogrid[:height, :width, :3]
    values = (x * y // 128 + x // 37 * 53 + y // 29 * 31 + channel * 67) % 256
    return np.ascontiguousarray(values.astype(np.float32).transpose(2, 0, 1)[None])


def check(path: Path, expected: Mapping[str, Any]) -> None:
    """Run the model on the test pattern, at each of the stored sizes, and compare.

    Raises:
        ConversionError: an output is missing or a value differs by more than rounding explains.
    """
    session = Session(path)
    names = [port.name for port in session.outputs]
    for run in expected["runs"]:
        _, _, height, width = run["input"]
        outputs = dict(zip(names, session.run(reference_input(height, width)), strict=True))
        for name, sampled in run["outputs"].items():
            if name not in outputs:
                raise ConversionError(f"The converted {path.name} has no output {name}.")
            found = outputs[name].reshape(-1)[sampled["indices"]]
            wanted = np.asarray(sampled["values"], np.float32)
            # the scores of a test pattern are small: their error counts against the greatest of them
            difference = float(np.abs(found - wanted).max() / np.abs(wanted).max())
            if not difference <= _TOLERANCE:  # NaN fails the comparison too
                raise ConversionError(
                    f"The converted {path.name} computes something else: at {width}x{height} "
                    f"{name} differs by {difference:.1e} of its range."
                )
