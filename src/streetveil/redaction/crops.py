"""What redaction takes away, cut out of the original, so that it can be put back: a ZIP in memory.

    regions.json  {"width": ..., "height": ..., "crops": [{"file": "0.png", "box": [left, top, right, bottom]}, ...]}
    0.png, ...    the pixels of each box, upright, RGB of 8 bits, without loss

Boxes are whole pixels of the upright picture, right and bottom exclusive, and hold everything that was painted over.
Together they are never larger than the picture, however many regions lie upon each other.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence

from PIL import Image

from streetveil.domain.geometry import Orientation
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import Region
from streetveil.redaction.regions import areas

BYTES_PER_PIXEL = 4
"""More the crops never take for each pixel of the picture, besides a little for each file."""

_Corners = tuple[int, int, int, int]


def cut(picture: Picture, regions: Sequence[Region]) -> bytes:
    """The original's pixels of the regions, which are in pixels of the upright picture.

    Raises:
        UndecodableImageError: the pixels cannot be read.
    """
    size = picture.header.upright
    boxes = _bounded(
        [(a.left, a.top, a.right, a.bottom) for a in areas(regions, size, Orientation.UPRIGHT)], size.pixels
    )
    files = [f"{number}.png" for number in range(len(boxes))]
    crops = [{"file": file, "box": list(box)} for file, box in zip(files, boxes, strict=True)]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # stored: PNG is compressed already
        listed = json.dumps({"width": size.width, "height": size.height, "crops": crops})
        archive.writestr(zipfile.ZipInfo("regions.json"), listed)
        for file, (left, top, right, bottom) in zip(files, boxes, strict=True):
            pixels = picture.pixels()[top:bottom, left:right]
            archive.writestr(zipfile.ZipInfo(file), _png(Image.fromarray(pixels)))
    return content.getvalue()


def _bounded(boxes: list[_Corners], most: int) -> list[_Corners]:
    """The boxes, or where they lie upon each other so much that they are more than the picture, one around all."""
    if sum((right - left) * (bottom - top) for left, top, right, bottom in boxes) <= most:
        return boxes
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return [(min(lefts), min(tops), max(rights), max(bottoms))]


def _png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()
