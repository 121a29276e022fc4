"""JPEG files of every kind that is met in the field, made of small pictures."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import cv2
import numpy as np
from hypothesis import strategies as st
from PIL import Image

from streetveil.imaging import jpeg

FACTORS = {
    "4:4:4": (1, 1),
    "4:2:2": (2, 1),
    "4:2:0": (2, 2),
    "4:4:0": (1, 2),
    "4:1:1": (4, 1),
}
_OPENCV = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:4:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    "4:1:1": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
}


@dataclass(frozen=True)
class Kind:
    """How a file is coded. `colours`: grey, rgb, cmyk, ycck or one of `FACTORS`."""

    colours: str = "4:2:0"
    quality: int = 90
    progressive: bool = False
    restart: int = 0

    @property
    def factors(self) -> tuple[int, int]:
        return FACTORS.get(self.colours, (1, 1))


KINDS = st.builds(
    Kind,
    st.sampled_from([*FACTORS, "grey", "rgb", "cmyk", "ycck"]),
    st.sampled_from([30, 75, 90, 97, 100]),
    st.booleans(),
    st.sampled_from([0, 0, 1, 3]),
)


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """RGB pixels with smooth colours and fine texture on them, as photos have."""
    y, x = np.mgrid[0:height, 0:width]
    smooth = np.dstack([x * 1.2 + 20, y * 1.5 + 30, 230 - x - y / 3])
    texture = np.random.default_rng(seed).integers(-24, 25, (height, width, 3))
    return (smooth + texture).clip(0, 255).astype(np.uint8)


def encode(pixels: np.ndarray, kind: Kind) -> bytes:
    """A JPEG of RGB pixels."""
    if kind.colours in FACTORS:
        options = [
            cv2.IMWRITE_JPEG_QUALITY, kind.quality, cv2.IMWRITE_JPEG_PROGRESSIVE, int(kind.progressive),
            cv2.IMWRITE_JPEG_RST_INTERVAL, kind.restart, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _OPENCV[kind.colours],
        ]  # fmt: skip
        done, coded = cv2.imencode(".jpg", pixels[..., ::-1], options)
        assert done
        return coded.tobytes()
    image = Image.fromarray(pixels).convert({"grey": "L", "rgb": "RGB"}.get(kind.colours, "CMYK"))
    output = io.BytesIO()
    image.save(
        output, "JPEG", quality=kind.quality, progressive=kind.progressive, restart_marker_blocks=kind.restart,
        keep_rgb=kind.colours == "rgb",
    )  # fmt: skip
    data = output.getvalue()
    if kind.colours == "ycck":  # the same samples, said to be something else
        marker = data.index(b"\xff\xee")
        data = data[: marker + 15] + b"\x02" + data[marker + 16 :]
    return data


def oriented(data: bytes, orientation: int) -> bytes:
    """The file with an EXIF block that says how it is to be shown."""
    block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HHI", orientation, 0, 0)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


def frame(data: bytes) -> jpeg.Frame:
    return jpeg.take_apart(data).frame


def by_pillow(data: bytes) -> np.ndarray:
    """Samples as stored, (height, width, channels), decoded by Pillow."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image).astype(int)
    return pixels.reshape(*pixels.shape[:2], -1)


def by_opencv(data: bytes) -> np.ndarray:
    """RGB or grey samples as stored, decoded by OpenCV."""
    flags = cv2.IMREAD_IGNORE_ORIENTATION | (cv2.IMREAD_GRAYSCALE if frame(data).components == 1 else cv2.IMREAD_COLOR)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    assert pixels is not None
    return pixels.reshape(*pixels.shape[:2], -1)[..., ::-1].astype(int)
