"""Which function converts which model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import onnx

from streetveil.detection.conversion.centerface import convert_centerface
from streetveil.detection.conversion.centernet import convert_centernet
from streetveil.detection.conversion.expected import check, load_expected
from streetveil.detection.conversion.platedet import convert_platedet
from streetveil.errors import ConversionError

Converter = Callable[[tuple[Path, ...]], onnx.ModelProto]

CONVERTERS: Mapping[str, Converter] = {
    "centerface-1": convert_centerface,
    "centernet-2": convert_centernet,
    "platedet-1": convert_platedet,
}


def convert(converter: str, members: Sequence[Path], target: Path) -> None:
    """Write the ready-to-run ONNX file and check what it computes, where answers to compare with are stored.

    Args:
        converter: name and version, as in the catalogue.
        members: the published files, in the catalogue's order.
        target: the ONNX file to write.

    Raises:
        ConversionError: there is no such converter, the files are not what it was written for, or
            the result computes something else than the published model.
    """
    if converter not in CONVERTERS:
        raise ConversionError(f"There is no converter {converter}.")
    target.write_bytes(CONVERTERS[converter](tuple(members)).SerializeToString())
    expected = load_expected(converter.rpartition("-")[0])
    if expected is not None:
        check(target, expected)
