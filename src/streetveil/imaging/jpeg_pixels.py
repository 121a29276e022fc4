"""JPEG pixels through libjpeg-turbo, in full or scaled down while decoding.

Decoding is strict: libjpeg itself only warns when data end early or do not decode, and fills the rest with
grey. Such a file is refused, because what is missing for us may be there for another reader.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from streetveil.domain.geometry import Size
from streetveil.errors import UndecodableImageError, UnsupportedPixelFormatError
from streetveil.imaging import decoders, jpeg
from streetveil.imaging.formats import ImageFormat

_EIGHTHS = 8
# A few bytes between the last pixel and the end marker come from padding by cameras. libjpeg reports the first
# thing it stumbles over, and this can only come after the last pixel: so nothing is missing.
_PADDING = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_MOST_PADDING = 64
_TAIL = bytes(range(1, 0xFF, 2)) * 8


def scaled_size(full: Size, at_least: Size) -> Size:
    """The smallest size in eighths of `full` (rounded up, as libjpeg does) that is at least `at_least`."""
    for eighths in range(1, _EIGHTHS):
        size = Size(-(-full.width * eighths // _EIGHTHS), -(-full.height * eighths // _EIGHTHS))
        if size.width >= at_least.width and size.height >= at_least.height:
            return size
    return full


def decode_rgb(data: bytes, layout: jpeg.Layout, full: Size, target: Size) -> npt.NDArray[np.uint8]:
    """Stored pixels at the scale whose size is `target`: uint8 (height, width, 3), RGB, not turned.

    The accurate DCT and the smooth upsampling are used: the fast ones were not measurably faster here (AVX2),
    and all decoders a user may have agree with the accurate ones.

    Args:
        data: the whole file.
        layout: `data` taken apart, so that what is no whole file is refused before it is decoded.
        full: what the header promised; the decoder must see the same, or nothing is allocated.
        target: as `scaled_size` returns it.

    Raises:
        UndecodableImageError: data end early, do not decode, or are not what the header promised.
        UnsupportedPixelFormatError: no decoder at hand knows the sampling factors and the coding.
    """
    components = layout.frame.components
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError):
        # TurboJPEG has names for the usual sampling factors only, and refuses all others
        if layout.frame.arithmetic:
            raise UnsupportedPixelFormatError("The JPEG has arithmetic coding and unusual sampling factors.") from None
        image = decode_unusual(jpeg.picture_only(data, layout), full)
        return np.array(image.convert("RGB").resize(target, Image.Resampling.BOX, reducing_gap=1.0))
    if (width, height) != full:
        raise UndecodableImageError("The JPEG is not of the size that its header promises.")
    pixels = _decode(data, "CMYK" if components == 4 else "RGB", target)
    if pixels.shape[:2] != (target.height, target.width):
        raise UndecodableImageError("The JPEG was not decoded at the size that was asked for.")
    return cmyk_to_rgb(pixels) if components == 4 else pixels


def cmyk_to_rgb(inverted: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """RGB of CMYK samples as JPEG files hold them: 255 is no ink (Adobe's way, which all viewers assume)."""
    light = inverted.astype(np.uint16)
    return ((light[..., :3] * light[..., 3:] + 127) // 255).astype(np.uint8)


def decode_unusual(bare: bytes, size: Size) -> Image.Image:
    """A JPEG of sampling factors that only libjpeg itself decodes, through Pillow.

    Pillow does not pass libjpeg's warnings on. So the file is decoded again with noise behind the data of each
    scan: a whole picture never gets to see it, and a cut one becomes another picture.

    Args:
        bare: as `jpeg.picture_only` returns it.
        size: what the header promised.

    Raises:
        UndecodableImageError: data end early or do not decode.
    """
    layout = jpeg.take_apart(bare)
    begin = layout.scans[0].start
    noisy = b"".join([bare[:begin], *(bare[piece] + _TAIL for piece in layout.scans[:-1]), bare[layout.scans[-1]]])
    image, other = (decoders.decode(file, ImageFormat.JPEG, size) for file in (bare, noisy))
    if image.tobytes() != other.tobytes():
        raise UndecodableImageError("The JPEG cannot be decoded: its data end early.")
    return image


def padding(message: str) -> int:
    """How many bytes libjpeg says lie between the last pixel and the end marker; 0 for any other message, or too many.

    Nothing is missing then.
    """
    found = _PADDING.fullmatch(message)
    count = int(found[1]) if found else 0
    return count if count <= _MOST_PADDING else 0


def _decode(data: bytes, colours: str, target: Size) -> npt.NDArray[np.uint8]:
    def attempt(*, strict: bool) -> npt.NDArray[np.uint8]:
        pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data, colours, min_width=target.width, min_height=target.height, strict=strict
        )
        return pixels

    try:
        return attempt(strict=True)
    except ValueError as error:
        if padding(str(error)):
            return attempt(strict=False)
        raise UndecodableImageError(f"The JPEG cannot be decoded: {error}.") from error
