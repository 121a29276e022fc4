from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.redaction.jpegs import FACTORS, KINDS, Kind, by_opencv, by_pillow, encode, frame, oriented, picture

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Orientation
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.errors import StreetveilError
from streetveil.imaging import jpeg
from streetveil.imaging.picture import Picture
from streetveil.redaction import coefficients, jpeg_lossless
from streetveil.redaction.base import RedactedFile, Region, Shape
from streetveil.redaction.pixels import PixelRedactor
from streetveil.redaction.redactor import FileRedactor
from streetveil.redaction.regions import areas
from streetveil.redaction.turbojpeg import TurboJpeg, blocks_at

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def region(*box: float, style: Style = Style.SOLID, shape: Shape = Shape.RECTANGLE) -> Region:
    return Region(Box(*box), Label.FACE, 0.9, style, shape)


def redact(data: bytes, *regions: Region, metadata: MetadataPolicy = MetadataPolicy.STRIP) -> RedactedFile:
    return FileRedactor().redact(Picture.open(data, max_pixels=10_000_000), regions, metadata)


def coefficients_of(data: bytes) -> list[np.ndarray]:
    """Blocks of each component: (rows, columns, 64)."""
    found: dict[tuple[int, int], np.ndarray] = {}

    def keep(component: int, row: int, address: int, blocks: int) -> None:
        found[component, row] = blocks_at(address, blocks).copy()

    TurboJpeg().read(data, keep)
    count = frame(data).components
    return [np.stack([found[key] for key in sorted(found) if key[0] == component]) for component in range(count)]


def covered(data: bytes, regions: list[Region]) -> np.ndarray:
    """Which stored pixels are redacted."""
    header = Picture.open(data, max_pixels=10_000_000).header
    mask = np.zeros((header.stored.height, header.stored.width), bool)
    for area in areas(regions, header.stored, header.orientation):
        mask[area.window] |= area.mask()
    return mask


def blocks_within_reach(mask: np.ndarray, across: int, down: int, shape: tuple[int, int]) -> np.ndarray:
    """Blocks of a component that hold a sample of a covered pixel or, where samples are blended, one beside such."""
    rows, columns = np.nonzero(mask)
    reached = np.zeros(shape, bool)
    for dy in {-1, 0, 1} if down > 1 else {0}:
        for dx in {-1, 0, 1} if across > 1 else {0}:
            y, x = rows // down + dy, columns // across + dx
            inside = (y >= 0) & (x >= 0) & (y // 8 < shape[0]) & (x // 8 < shape[1])
            reached[y[inside] // 8, x[inside] // 8] = True
    return reached


@st.composite
def boxes(draw: st.DrawFn, width: int, height: int) -> tuple[float, float, float, float]:
    x = sorted(draw(st.tuples(*[st.floats(-5, width + 5, width=32)] * 2)))
    y = sorted(draw(st.tuples(*[st.floats(-5, height + 5, width=32)] * 2)))
    return x[0], y[0], x[1], y[1]


@st.composite
def cases(draw: st.DrawFn) -> tuple[bytes, Kind, list[Region]]:
    """A file and regions of its upright picture."""
    kind = draw(KINDS)
    width, height = draw(st.integers(1, 75)), draw(st.integers(1, 75))
    orientation = Orientation(draw(st.integers(1, 8)))
    data = oriented(encode(picture(width, height), kind), orientation)
    upright = (height, width) if orientation.swaps_axes else (width, height)
    chosen = [
        region(*draw(boxes(*upright)), style=draw(st.sampled_from(Style)), shape=draw(st.sampled_from(Shape)))
        for _ in range(draw(st.integers(1, 4)))
    ]
    return data, kind, chosen


@MANY
@given(cases())
def test_only_blocks_within_reach_of_a_region_change(case):
    data, kind, regions = case
    result = redact(data, *regions)
    mask = covered(data, regions)
    assert result.lossless
    assert result.reason is None
    before, after = frame(data), frame(result.data)
    assert before == after
    assert after.progressive == kind.progressive
    if mask.any():
        assert [jpeg.restart_interval(jpeg.take_apart(file)) for file in (data, result.data)] == [kind.restart] * 2
    for index, (old, new) in enumerate(zip(coefficients_of(data), coefficients_of(result.data), strict=True)):
        across, down = kind.factors if index == 0 else (1, 1)  # the first component has all the samples
        across, down = kind.factors[0] // across, kind.factors[1] // down
        changed = (old != new).any(axis=2)
        assert not (changed & ~blocks_within_reach(mask, across, down, changed.shape)).any()


@MANY
@given(cases())
def test_nothing_of_a_solid_region_is_left_for_either_decoder(case):
    data, kind, regions = case
    solid = [Region(r.box, r.label, r.confidence, Style.SOLID, r.shape) for r in regions]
    result = redact(data, *solid).data
    mask = covered(data, solid)
    # Where all neighbours are covered too, blocks are flat grey, whose coefficients are exact.
    deep = np.zeros_like(mask)
    reach = 8 * max(kind.factors) * 2
    for y, x in np.argwhere(mask):
        deep[y, x] = mask[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1].all()
    decoders = [by_pillow] if frame(data).components == 4 else [by_pillow, by_opencv]
    bound = max(frame_steps(data)) / 2 + 3
    for decode in decoders:
        pixels = decode(result)
        assert pixels.shape[:2] == mask.shape
        assert np.abs(pixels[deep] - 128).max(initial=0) <= 1
        # Elsewhere quantisation blurs the border, and each block no more than half a step in the mean square.
        if mask.any() and kind.colours == "grey":
            assert np.sqrt(((pixels[mask] - 128) ** 2).mean()) <= bound


def frame_steps(data: bytes) -> list[int]:
    tables = jpeg_lossless.quantisation(data, jpeg.take_apart(data))
    return [int(table.max()) for table in tables.values()]


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("colours", [*FACTORS, "grey", "rgb", "cmyk", "ycck"])
def test_the_region_looks_as_it_does_when_painted_in_pixels(colours, style):
    data = encode(picture(160, 120), Kind(colours, 95))
    chosen = region(35, 28, 99, 83, style=style, shape=Shape.ELLIPSE)
    ours = by_pillow(redact(data, chosen).data)
    original = Picture.open(data, max_pixels=10_000_000)
    reference = by_pillow(PixelRedactor().redact(original, [chosen], MetadataPolicy.STRIP).data)
    mask = covered(data, [chosen])
    difference = np.abs(ours - reference)
    assert difference[mask].mean() < 4
    assert np.abs(by_pillow(data) - ours)[mask].mean() > 8
    # Beside the region its border differs a little, and colour as far as one sample reaches; else nothing does.
    beside = np.abs(by_pillow(data) - ours)
    assert beside[~mask].mean() < 3
    beside[0:116, 0:148] = 0
    assert beside.max() == 0


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("colours", [*FACTORS, "grey", "rgb", "cmyk", "ycck"])
def test_pictures_that_differ_in_a_region_only_become_the_same_file(colours, style, progressive):
    """Fine detail with equal means: nothing in the result tells which of the two it was."""
    one, other = np.full((2, 96, 160, 3), 119, np.uint8)
    one[32:64, 32:96] += (np.indices((32, 64)).sum(axis=0) % 2 * 2 - 1)[..., None].astype(np.uint8) * 60
    other[32:64, 32:96] += (np.indices((32, 64))[0] // 2 % 2 * 2 - 1)[..., None].astype(np.uint8) * 60
    kind = Kind(colours, 90, progressive)
    files = [encode(pixels, kind) for pixels in (one, other)]
    assert files[0] != files[1]
    results = [redact(data, region(32, 32, 96, 64, style=style)) for data in files]
    assert results[0].lossless
    assert results[0] == results[1]


@pytest.mark.parametrize("colours", ["4:2:0", "4:1:1", "4:4:4"])
def test_what_encoders_repeat_behind_the_edge_goes_with_the_region(colours):
    one, other = (np.full((45, 67, 3), 119, np.uint8) for _ in range(2))
    one[32:, 32:] = picture(35, 13, seed=1)
    other[32:, 32:] = picture(35, 13, seed=2)
    results = [redact(encode(pixels, Kind(colours)), region(32, 32, 67, 45)).data for pixels in (one, other)]
    assert results[0] == results[1]


@pytest.mark.parametrize("colours", FACTORS)
def test_no_colour_from_around_reaches_into_the_region(colours):
    pixels = np.full((80, 96, 3), (255, 0, 0), np.uint8)
    result = by_pillow(redact(encode(pixels, Kind(colours, 100)), region(24, 16, 56, 48)).data)
    assert np.abs(result[16:48, 24:56] - 128).max() <= 3
    assert np.abs(result[:, 80:] - pixels[:, 80:]).max() <= 2


def test_no_colour_of_the_region_is_left_around_it():
    pixels = np.full((64, 64, 3), 128, np.uint8)
    pixels[20:43, 21:44] = (255, 0, 0)
    data = encode(pixels, Kind("4:2:0", 100))
    result = by_pillow(redact(data, region(21, 20, 44, 43)).data)
    assert np.abs(by_pillow(data)[20:43, 21:44] - 128).max() > 100
    assert np.abs(result - 128).max() <= 2


@pytest.mark.parametrize("shape", list(Shape))
def test_a_region_over_many_bands_has_no_seams(shape):
    data = encode(picture(40, 600), Kind("4:2:0", 95))
    result = by_pillow(redact(data, region(-300, -300, 340, 900, shape=shape)).data)
    assert np.abs(result - 128).max() <= 1


def test_overlapping_regions_leave_nothing_of_either():
    data = encode(picture(120, 120), Kind("4:2:0", 95))
    first, second = region(20, 20, 70, 70), region(50, 50, 100, 100)
    result = by_pillow(redact(data, first, second).data)
    inner = np.zeros((120, 120), bool)
    inner[24:66, 24:66] = inner[54:96, 54:96] = True
    assert np.abs(result[inner] - 128).mean() < 1


@pytest.mark.parametrize("level", [0, 255])
def test_the_finest_tables_hold_the_extremes(level):
    pixels = np.full((48, 48, 3), level, np.uint8)
    result = by_pillow(redact(encode(pixels, Kind("4:4:4", 100)), region(8, 8, 24, 24, style=Style.PIXELATE)).data)
    assert np.abs(result[:, 32:] - level).max() == 0
    assert np.abs(result[8:24, 8:24] - level).max() <= 9  # the middle of the last of 16 steps


def test_a_single_component_keeps_its_sampling_factors():
    data = encode(picture(50, 40), Kind("grey"))
    position = data.index(b"\xff\xc0") + 11
    assert data[position] == 0x11
    double = data[:position] + b"\x22" + data[position + 1 :]
    result = redact(double, region(10, 10, 30, 30))
    assert result.lossless
    assert frame(result.data).sampling == ((2, 2),)
    assert np.array_equal(by_pillow(result.data), by_pillow(redact(data, region(10, 10, 30, 30)).data))


def test_cmyk_without_a_word_from_adobe_gets_none():
    data = encode(picture(50, 40), Kind("cmyk"))
    marker = data.index(b"\xff\xee")
    bare = data[:marker] + data[marker + 16 :]
    result = redact(bare, region(10, 10, 30, 30))
    assert result.lossless
    assert b"Adobe" not in result.data
    assert np.array_equal(by_pillow(result.data)[32:], by_pillow(bare)[32:])


def test_a_few_bytes_of_padding_before_the_end_are_tolerated():
    data = encode(picture(64, 48), Kind())
    padded = data[:-2] + bytes(5) + data[-2:]
    assert redact(padded, region(8, 8, 30, 30)).lossless


def test_a_picture_is_never_returned_where_painting_fails(monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise KeyError("painting")

    monkeypatch.setattr(coefficients.CoefficientEdit, "_paint", broken)
    with pytest.raises((KeyError, StreetveilError)):
        redact(encode(picture(64, 48), Kind()), region(8, 8, 30, 30))


def test_a_picture_is_never_returned_where_rows_are_missing(monkeypatch):
    monkeypatch.setattr(coefficients.CoefficientEdit, "__call__", lambda *_: None)
    with pytest.raises(StreetveilError) as caught:
        redact(encode(picture(64, 48), Kind()), region(8, 8, 30, 30))
    assert caught.value.code == "redaction_failed"


def test_threads_do_not_disturb_each_other():
    redactor = FileRedactor()
    files = [encode(picture(150, 130, seed), Kind(progressive=seed % 2 == 0, restart=seed % 3)) for seed in range(6)]
    chosen = [region(20, 20, 90, 90, style=Style.GAUSSIAN, shape=Shape.ELLIPSE)]

    def run(data: bytes) -> bytes:
        return redactor.redact(Picture.open(data, max_pixels=10**6), chosen, MetadataPolicy.STRIP).data

    expected = [run(data) for data in files]
    found: list[list[bytes]] = []

    def work() -> None:
        found.append([run(data) for _ in range(3) for data in files])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected * 3] * 4


SOURCES = [
    encode(picture(72, 56), Kind("4:2:0", 80)),
    encode(picture(72, 56), Kind("4:2:0", 80, progressive=True)),
    encode(picture(72, 56), Kind("4:4:4", 80, restart=2)),
    encode(picture(72, 56), Kind("ycck", 80)),
]


def _mutated(data: bytes, changes: list[tuple[int, int, int]]) -> bytes:
    content = bytearray(data)
    for how, where, value in changes:
        place = where % max(len(content), 1)
        if how == 0:
            content[place : place + 1] = bytes([value])
        elif how == 1:
            del content[place : place + value]
        elif how == 2:
            content[place:place] = content[place : place + value]
        else:
            del content[-value:]
    return bytes(content)


MUTATION = st.tuples(st.integers(0, 3), st.integers(2, 6000), st.integers(0, 255))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SOURCES), st.lists(MUTATION, min_size=1, max_size=4), st.sampled_from(MetadataPolicy))
def test_a_damaged_file_is_refused_or_redacted_but_never_passed_on(data, changes, policy):
    content = _mutated(data, changes)
    try:
        opened = Picture.open(content, max_pixels=100_000)
        result = FileRedactor().redact(opened, [region(-9e3, -9e3, 9e3, 9e3)], policy)
    except StreetveilError:
        return
    assert np.abs(by_pillow(result.data) - 128).max() <= 2


def test_areas_that_share_a_block_keep_no_trace_of_what_the_other_covers():
    # Quality 30: what one block's quantisation loses is spread over all of it.
    for seed in range(20):
        noise = np.random.default_rng(seed).integers(0, 256, (1, 2, 3), np.uint8)
        data = encode(noise, Kind("4:4:4", 30))
        halves = [region(0, 0, 1, 1, style=Style.SOLID), region(1, 0, 2, 1, style=Style.SOLID)]
        assert np.abs(by_pillow(redact(data, *halves).data) - 128).max() <= 1
