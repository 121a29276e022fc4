from __future__ import annotations

import ctypes
import resource
from pathlib import Path

import numpy as np
import pytest
from tests.unit.redaction.jpegs import FACTORS, Kind, by_pillow, encode, picture

from streetveil.imaging import jpeg
from streetveil.redaction import turbojpeg, turbojpeg_restarts
from streetveil.redaction.turbojpeg import Colours, LibraryMissingError, TurboJpeg, TurboJpegError, blocks_at

DATA = encode(picture(70, 50), Kind("4:2:0"))


def nothing(*_: int) -> None:
    pass


@pytest.mark.parametrize("library", ["libnosuchthing.so.9", "libc.so.6"])
def test_a_missing_library_or_another_one_is_said_to_be_missing(library):
    with pytest.raises(LibraryMissingError, match=library):
        TurboJpeg(library)


@pytest.mark.parametrize(
    ("colours", "expected"),
    [
        ("grey", Colours.GREY),
        ("rgb", Colours.RGB),
        ("cmyk", Colours.CMYK),
        ("ycck", Colours.YCCK),
        *((factors, Colours.YCBCR) for factors in FACTORS),
    ],
)
def test_size_and_colours_are_told(colours, expected):
    assert TurboJpeg().describe(encode(picture(70, 50), Kind(colours))) == ((70, 50), expected)


def test_every_row_is_seen_once_and_component_after_component():
    seen: list[tuple[int, int, int]] = []
    TurboJpeg().read(DATA, lambda component, row, _, blocks: seen.append((component, row, blocks)))
    luma = [(0, row, 9) for row in range(7)]
    assert seen == [*luma, *((component, row, 5) for component in (1, 2) for row in range(4))]


def test_an_untouched_rewrite_is_the_same_picture():
    written = TurboJpeg().rewrite(DATA, nothing, progressive=True)
    assert np.array_equal(by_pillow(written), by_pillow(DATA))
    assert jpeg.take_apart(written).frame.progressive


def test_rows_stay_where_they_are_until_all_have_come():
    """What editing at the last row rests on."""
    rows: dict[tuple[int, int], tuple[int, bytes]] = {}
    checked: list[int] = []

    def sink(component: int, row: int, address: int, blocks: int) -> None:
        rows[component, row] = address, blocks_at(address, blocks).tobytes()
        if (component, row) == (2, 3):
            for where, content in rows.values():
                assert ctypes.string_at(where, len(content)) == content
                checked.append(where)

    TurboJpeg().read(DATA, sink)
    assert len(set(checked)) == 15


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_a_sink_raises_comes_out_and_no_file_does(error):
    def sink(component: int, *_: int) -> None:
        if component == 1:
            raise error

    with pytest.raises(error):
        TurboJpeg().rewrite(DATA, sink, progressive=False)


@pytest.mark.parametrize("data", [DATA[: len(DATA) // 2] + b"\xff\xd9", DATA[:-9], b"\xff\xd8 no picture", b""])
def test_what_libjpeg_only_warns_of_is_an_error_too(data):
    with pytest.raises(TurboJpegError):
        TurboJpeg().read(data)
    with pytest.raises(TurboJpegError):
        TurboJpeg().rewrite(data, nothing, progressive=False)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("colours", ["grey", "4:2:0", "ycck"])
def test_restart_markers_are_written_at_the_interval(colours, progressive):
    data = encode(picture(70, 50), Kind(colours))
    written = TurboJpeg().rewrite(data, nothing, progressive=progressive, restart_interval=3)
    assert jpeg.restart_interval(jpeg.take_apart(written)) == 3
    assert b"\xff\xd0" in written
    assert b"\xff\xd1" in written
    assert np.array_equal(by_pillow(written), by_pillow(data))


def test_no_restart_markers_are_written_through_an_unknown_structure(monkeypatch):
    memory = (ctypes.c_int * 400)(*range(400))
    before = bytes(memory)
    assert not turbojpeg_restarts.set_interval(ctypes.addressof(memory), 3)
    assert bytes(memory) == before


def test_memory_is_given_back_where_things_go_well_and_where_they_do_not():
    library = TurboJpeg()
    noise = encode(np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8), Kind("4:4:4", 97))
    assert len(noise) > 500_000

    def fails(component: int, *_: int) -> None:
        if component == 2:
            raise LookupError

    def both() -> None:
        library.rewrite(noise, nothing, progressive=False)
        with pytest.raises(LookupError):
            library.rewrite(noise, fails, progressive=False)
        with pytest.raises(TurboJpegError):
            library.rewrite(noise[:-300_000], nothing, progressive=False)

    for _ in range(3):
        both()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(25):
        both()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000  # KiB; a leak would be 25 MB or more


def test_handles_are_given_back():
    library = TurboJpeg()

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    for _ in range(100):
        library.describe(DATA)
    before = resident()
    for _ in range(3_000):
        library.describe(DATA)
    assert resident() - before < 4_000_000


def test_the_structure_for_the_c_library_has_its_size():
    assert ctypes.sizeof(turbojpeg._Transform) == 40
