"""Restart markers for versions of libturbojpeg that cannot be told to write them (all before 3.1).

A TurboJPEG handle points to a structure that begins with libjpeg's public `jpeg_compress_struct`, whose layout has been
frozen since 1998 (jpeglib.h; two variants, for the binary interfaces of version 6b and of versions 7 and 8).
Coding begins after the last callback, and only then is `restart_interval` read.
"""

from __future__ import annotations

import ctypes
from typing import ClassVar

_INT, _POINTER = ctypes.c_int, ctypes.c_void_p
_HEAD = (
    ("err", _POINTER), ("mem", _POINTER), ("progress", _POINTER), ("client_data", _POINTER),
    ("is_decompressor", _INT), ("global_state", _INT), ("dest", _POINTER),
    ("image_width", ctypes.c_uint), ("image_height", ctypes.c_uint),
    ("input_components", _INT), ("in_color_space", _INT), ("input_gamma", ctypes.c_double),
)  # fmt: skip
_SCALING = (("scale", ctypes.c_uint * 2), ("jpeg_size", ctypes.c_uint * 2))
_COMPONENTS = (
    ("data_precision", _INT), ("num_components", _INT), ("jpeg_color_space", _INT), ("comp_info", _POINTER),
    ("quant_tbl_ptrs", _POINTER * 4),
)  # fmt: skip
_SCALE_FACTORS = (("q_scale_factor", _INT * 4),)
_CODING = (
    ("dc_huff_tbl_ptrs", _POINTER * 4), ("ac_huff_tbl_ptrs", _POINTER * 4), ("arithmetic", ctypes.c_uint8 * 48),
    ("num_scans", _INT), ("scan_info", _POINTER),
    ("raw_data_in", _INT), ("arith_code", _INT), ("optimize_coding", _INT), ("CCIR601_sampling", _INT),
)  # fmt: skip
_DOWNSAMPLING = (("do_fancy_downsampling", _INT),)
_TAIL = (
    ("smoothing_factor", _INT), ("dct_method", _INT), ("restart_interval", ctypes.c_uint), ("restart_in_rows", _INT),
    ("write_JFIF_header", _INT), ("JFIF_version", ctypes.c_uint8 * 2), ("density_unit", ctypes.c_uint8),
    ("density", ctypes.c_uint16 * 2), ("write_Adobe_marker", _INT), ("next_scanline", ctypes.c_uint),
)  # fmt: skip
_WRITING_COEFFICIENTS = 103  # CSTATE_WRCOEFS in jpegint.h


class _Compress6(ctypes.Structure):
    _fields_: ClassVar = [*_HEAD, *_COMPONENTS, *_CODING, *_TAIL]


class _Compress8(ctypes.Structure):
    _fields_: ClassVar = [
        *_HEAD, *_SCALING, *_COMPONENTS, *_SCALE_FACTORS, *_CODING, *_DOWNSAMPLING, *_TAIL,
    ]  # fmt: skip


def set_interval(handle: int, interval: int) -> bool:
    """Has restart markers written every `interval` MCUs; called while the library writes coefficients.

    Nothing is touched unless one of the two layouts fits: state, precision, counts and flags must all be what they are
    in this situation. False where none does; the file is then written without restart markers.
    """
    for layout in (_Compress6, _Compress8):
        compress = layout.from_address(handle)
        if _fits(compress):
            compress.restart_interval = interval
            return True
    return False


def _fits(compress: ctypes.Structure) -> bool:
    def value(name: str) -> int:
        return int(getattr(compress, name) or 0)

    flags = ("raw_data_in", "arith_code", "optimize_coding", "CCIR601_sampling", "write_JFIF_header")
    return (
        value("is_decompressor") == 0
        and value("global_state") == _WRITING_COEFFICIENTS
        and value("data_precision") == 8
        and value("num_components") in {1, 3, 4}
        and 1 <= value("jpeg_color_space") <= 5
        and value("comp_info") != 0
        and all(value(flag) in {0, 1} for flag in (*flags, "write_Adobe_marker"))
        and value("smoothing_factor") == 0
        and value("dct_method") in {0, 1, 2}
        and value("restart_interval") == 0
        and value("restart_in_rows") == 0
        and value("next_scanline") == 0
    )
