"""JPEG coefficients through libturbojpeg, called by ctypes: the only place that knows the library.

Its lossless transform decodes the entropy coding, hands every row of DCT blocks to a callback and writes them again;
pixels are never computed. Errors come back as codes, where libjpeg's own interface would end the process. The functions
used are those of TurboJPEG 2, which version 3 still exports with the same structures.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from streetveil.domain.geometry import Size
from streetveil.redaction import turbojpeg_restarts

LIBRARY = "libturbojpeg.so.0"
BLOCK = 8

Coefficients = npt.NDArray[np.int16]
RowSink = Callable[[int, int, int, int], None]
"""Called once per row of blocks with component, row, address and number of blocks; components come one after another.

The address stays valid until the transform returns: libjpeg-turbo keeps all coefficients in memory (jmemnobs.c).
What is written there is what gets coded, since coding begins after the last call.
"""

_OPTION_PERFECT = 1
_OPTION_NO_OUTPUT, _OPTION_PROGRESSIVE, _OPTION_NO_MARKERS = 16, 32, 64
_FLAG_STOP_ON_WARNING, _FLAG_LIMIT_SCANS = 8192, 32768
_PARAMETER_RESTART_BLOCKS = 18


class Colours(IntEnum):
    """What the components are (TJCS)."""

    RGB = 0
    YCBCR = 1
    GREY = 2
    CMYK = 3
    YCCK = 4


class Turn(IntEnum):
    """How a picture is turned (TJXOP); rotations are clockwise."""

    MIRROR = 1
    FLIP = 2
    TRANSPOSE = 3
    TRANSVERSE = 4
    ROTATE_90 = 5
    ROTATE_180 = 6
    ROTATE_270 = 7


class LibraryMissingError(Exception):
    """libturbojpeg cannot be loaded. Never leaves `streetveil.redaction`."""


class TurboJpegError(Exception):
    """The library refused a file, or found something wrong in it. Never leaves `streetveil.redaction`."""


class _Region(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_int), ("w", ctypes.c_int), ("h", ctypes.c_int))


_Filter = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, _Region, _Region, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


class _Transform(ctypes.Structure):
    _fields_ = (
        ("region", _Region),
        ("operation", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
    )


class TurboJpeg:
    """The loaded library. Every call has a handle of its own: safe to use from several threads at once.

    Raises:
        LibraryMissingError: it is not installed, or lacks a function.
    """

    def __init__(self, library: str = LIBRARY) -> None:
        try:
            self._library = ctypes.CDLL(library)
            self._declare()
        except (OSError, AttributeError) as error:
            raise LibraryMissingError(f"{library} cannot be used: {error}") from error
        self._set = getattr(self._library, "tj3Set", None)
        if self._set is not None:
            self._set.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)

    def describe(self, data: bytes) -> tuple[Size, Colours]:
        """Size of a JPEG and what its components are, by libjpeg's rules.

        Raises:
            TurboJpegError: no JPEG, or sampling factors for which TurboJPEG has no name.
        """
        width, height, sampling, colours = (ctypes.c_int() for _ in range(4))
        outputs = (ctypes.byref(value) for value in (width, height, sampling, colours))
        with self._handle() as handle:
            self._check(handle, self._library.tjDecompressHeader3(handle, data, len(data), *outputs))
        return Size(width.value, height.value), Colours(colours.value)

    def read(self, data: bytes, sink: RowSink | None = None) -> None:
        """Reads all coefficients and writes nothing. As in `rewrite` a warning counts as an error.

        Args:
            data: the whole file.
            sink: sees every row of blocks; what it raises comes out of this call.

        Raises:
            TurboJpegError: the data cannot be read.
        """
        self._run(data, sink, _OPTION_NO_OUTPUT | _OPTION_NO_MARKERS, restart_interval=0)

    def rewrite(self, data: bytes, sink: RowSink, *, progressive: bool, restart_interval: int = 0) -> bytes:
        """The same picture with the coefficients as `sink` leaves them, without any metadata.

        Size, sampling factors and quantisation tables stay. Sequential files get the standard Huffman tables: tables
        of their own, which version 3 of the library can make, save a twentieth of the bytes and take as long again.

        Args:
            data: the whole file.
            sink: as for `read`; it may change coefficients.
            progressive: write a progressive file.
            restart_interval: MCUs between restart markers, 0 for none.

        Raises:
            TurboJpegError: the data cannot be read, or the coefficients not be written.
        """
        options = _OPTION_NO_MARKERS | (_OPTION_PROGRESSIVE if progressive else 0)
        return self._run(data, sink, options, restart_interval=restart_interval)

    def turn(self, data: bytes, turn: Turn, *, progressive: bool) -> bytes:
        """The same picture turned, without any metadata: every coefficient stays, in its new place.

        Raises:
            TurboJpegError: the data cannot be read, or the picture has incomplete MCUs at an edge that would become
                its left or upper one.
        """
        options = _OPTION_NO_MARKERS | _OPTION_PERFECT | (_OPTION_PROGRESSIVE if progressive else 0)
        return self._run(data, None, options, restart_interval=0, operation=turn)

    def _run(
        self, data: bytes, sink: RowSink | None, options: int, *, restart_interval: int, operation: int = 0
    ) -> bytes:
        # libjpeg fills up what does not decode, and only warns. And once it has warned, TurboJPEG calls fatal errors
        # warnings too: so going on in spite of a warning is no option.
        flags = _FLAG_LIMIT_SCANS | _FLAG_STOP_ON_WARNING
        raised: list[BaseException] = []
        buffer, size = ctypes.c_void_p(), ctypes.c_ulong()
        with self._handle() as handle:
            if restart_interval and self._set is not None:
                self._set(handle, _PARAMETER_RESTART_BLOCKS, restart_interval)

            # An exception must never pass through C: ctypes would swallow it and let the file out unchanged.
            def row(
                address: int, array: _Region, plane: _Region, component: int, _number: int, _transform: object
            ) -> int:
                try:
                    if restart_interval and array.y == 0 and component == 0:
                        turbojpeg_restarts.set_interval(handle, restart_interval)
                    if sink is not None and array.y < plane.h:  # padding rows come along below the picture
                        sink(component, array.y // BLOCK, address, array.w // BLOCK)
                except BaseException as error:  # noqa: BLE001 - raised again below
                    raised.append(error)
                    return -1
                return 0

            function = _Filter(row)
            wanted = sink is not None or restart_interval
            pointer = ctypes.cast(function, ctypes.c_void_p) if wanted else None
            transform = _Transform(_Region(), operation, options, None, pointer)
            try:
                code = self._library.tjTransform(
                    handle, data, len(data), 1, ctypes.byref(buffer), ctypes.byref(size), ctypes.byref(transform), flags
                )
                if raised:
                    raise raised[0]
                self._check(handle, code)
                return ctypes.string_at(buffer, size.value) if buffer else b""
            finally:
                self._library.tjFree(buffer)

    def _check(self, handle: int, code: int) -> None:
        if code != 0:
            raise TurboJpegError(self._library.tjGetErrorStr2(handle).decode("ascii", "replace"))

    @contextmanager
    def _handle(self) -> Iterator[int]:
        handle = self._library.tjInitTransform()
        if not handle:
            raise MemoryError("libturbojpeg has no memory for a handle")
        try:
            yield handle
        finally:
            self._library.tjDestroy(handle)

    def _declare(self) -> None:
        """Tells ctypes the C types; raises AttributeError where a function is missing."""
        number, pointer, size = ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong
        to_number = ctypes.POINTER(number)
        library = self._library
        library.tjInitTransform.restype = pointer
        library.tjInitTransform.argtypes = ()
        library.tjDestroy.argtypes = (pointer,)
        library.tjFree.argtypes = (pointer,)
        library.tjFree.restype = None
        library.tjGetErrorStr2.argtypes = (pointer,)
        library.tjGetErrorStr2.restype = ctypes.c_char_p
        library.tjDecompressHeader3.argtypes = (pointer, ctypes.c_char_p, size, *(to_number,) * 4)
        library.tjTransform.argtypes = (
            pointer, ctypes.c_char_p, size, number, ctypes.POINTER(pointer), ctypes.POINTER(size),
            ctypes.POINTER(_Transform), number,
        )  # fmt: skip


def blocks_at(address: int, blocks: int) -> Coefficients:
    """A writable view of one row as a `RowSink` gets it: int16 (blocks, 64), natural order, not dequantised."""
    memory = (ctypes.c_int16 * (blocks * BLOCK * BLOCK)).from_address(address)
    return np.ndarray((blocks, BLOCK * BLOCK), np.int16, memoryview(memory))
