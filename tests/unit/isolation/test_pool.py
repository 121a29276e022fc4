"""Whatever a photo does to the process that decodes it, it fails alone, and the next one is redacted."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import pytest
from tests.support.hostile_photos import good_anonymiser, photo
from tests.support.processes import is_alive, wait_until_gone

from streetveil.domain.options import JobOptions, Style
from streetveil.errors import (
    DecoderCrashedError,
    DecoderUnavailableError,
    EmptyFileError,
    ModelMissingError,
    PhotoMemoryError,
    PhotoTimeoutError,
    StreetveilError,
    TooManyPixelsError,
    UndecodableImageError,
)
from streetveil.imaging.picture import Picture
from streetveil.isolation.answers import ChildDefectError, of_result, read
from streetveil.isolation.frames import BrokenFrameError, Frame
from streetveil.jobs.anonymise import Anonymised

OPTIONS = JobOptions()


def children_of(pool):
    """Pids of the children that are free."""
    return {child.pid for child in pool._free.queue if child is not None}


@pytest.mark.parametrize("options", [OPTIONS, JobOptions(style=Style.SOLID, face_confidence=0.5)])
def test_the_result_is_that_of_the_same_anonymiser_without_a_process(pool, options):
    expected = good_anonymiser().attempt(photo(), options)
    result = pool.attempt(photo(), options)
    for field in fields(Anonymised):
        if field.compare:
            assert getattr(result, field.name) == getattr(expected, field.name), field.name
    assert result.measured.found == expected.measured.found
    assert result.measured.seconds.keys() == expected.measured.seconds.keys()
    assert all(seconds > 0 for seconds in result.measured.seconds.values())


@pytest.mark.parametrize("misdeed", ["segfault", "abort", "kill", "exit"])
def test_a_photo_that_ends_its_process_fails_alone(pool, misdeed):
    with pytest.raises(DecoderCrashedError) as caught:
        pool.attempt(photo(misdeed), OPTIONS)
    assert caught.value.code == "decoder_crashed"
    signals = {"segfault": "SIGSEGV", "abort": "SIGABRT", "kill": "SIGKILL", "exit": "status 0"}
    assert signals[misdeed] in caught.value.detail
    assert pool.attempt(photo(), OPTIONS).blur_metadata["faces_blurred"] == 1


@pytest.mark.parametrize(
    "misdeed", ["garbage", "promise", "long", "deep", "nan", "list", "empty", "lie", "unknown", "half", "twice"]
)
def test_what_a_child_makes_up_is_not_believed(pool, misdeed):
    with pytest.raises(DecoderCrashedError):
        pool.attempt(photo(misdeed), OPTIONS)
    assert pool.attempt(photo(), OPTIONS).blur_metadata["faces_blurred"] == 1


def test_a_photo_that_takes_too_long_is_ended(open_pool):
    pool = open_pool(size=1, timeout_s=3)  # a photo that does not hang must make it on a busy machine too
    pool.start()
    [child] = children_of(pool)
    with pytest.raises(PhotoTimeoutError, match="3 seconds"):
        pool.attempt(photo("hang"), OPTIONS)
    assert not is_alive(child)
    assert pool.attempt(photo(), OPTIONS)


def test_a_photo_that_takes_too_much_memory_fails_alone(open_pool):
    pool = open_pool(size=1)
    assert pool.attempt(photo("eat 100"), OPTIONS)
    with pytest.raises(PhotoMemoryError):
        pool.attempt(photo("eat 300"), OPTIONS)
    assert pool.attempt(photo(), OPTIONS)


def test_deliberate_errors_come_through_and_their_child_goes_on(pool):
    pool.start()
    before = children_of(pool)
    with pytest.raises(UndecodableImageError) as caught:
        pool.attempt(photo("refuse"), OPTIONS)
    assert caught.value.detail == "not for ?[31m us?"  # nothing that could write elsewhere in a terminal or a log
    assert children_of(pool) == before


def test_a_defect_of_ours_comes_with_its_traceback(pool):
    with pytest.raises(ChildDefectError, match=r"(?s)Traceback.*RuntimeError: a defect of ours"):
        pool.attempt(photo("defect"), OPTIONS)


def test_what_is_no_photo_never_reaches_a_child(pool):
    with pytest.raises(EmptyFileError):
        pool.attempt(b"", OPTIONS)
    with pytest.raises(StreetveilError):
        pool.attempt(b"no photo at all", OPTIONS)


def test_a_photo_of_too_many_pixels_is_refused(open_pool):
    with pytest.raises(TooManyPixelsError):
        open_pool(max_pixels=100).attempt(photo(), OPTIONS)


def test_a_file_that_did_harm_twice_is_not_tried_a_third_time(open_pool):
    pool = open_pool(size=1)
    for _ in range(2):
        with pytest.raises(DecoderCrashedError, match="SIGSEGV"):
            pool.attempt(photo("segfault"), OPTIONS)
    pool.start()
    before = children_of(pool)
    with pytest.raises(DecoderCrashedError, match="SIGSEGV"):
        pool.attempt(photo("segfault"), OPTIONS)
    assert children_of(pool) == before
    assert pool.attempt(photo(), OPTIONS)


def test_photos_are_worked_on_side_by_side(open_pool):
    pool = open_pool(size=2)
    pool.start()
    children = set()

    def work(seed):
        result = pool.attempt(photo(seed=seed), OPTIONS)
        children.update(children_of(pool))
        return result.file.data

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(work, range(40)))
    assert results == [good_anonymiser().attempt(photo(seed=seed), OPTIONS).file.data for seed in range(40)]
    assert len(children) == 2


def test_others_work_on_while_one_hangs(open_own_pool):
    pool = open_own_pool(size=2)
    pool.start()
    failures = []

    def hang():
        try:
            pool.attempt(photo("hang"), OPTIONS)
        except StreetveilError as error:
            failures.append(error.code)

    thread = threading.Thread(target=hang)
    thread.start()
    while pool._free.qsize() == 2:
        pass
    for seed in range(5):
        assert pool.attempt(photo(seed=seed), OPTIONS)
    pool.close()
    thread.join(10)
    assert failures == ["decoder_unavailable"]  # the photo is not to blame


def test_a_photo_is_not_blamed_for_a_child_that_ended_before(open_pool):
    pool = open_pool(size=2)
    pool.start()
    for child in children_of(pool):
        os.kill(child, signal.SIGKILL)
        wait_until_gone(child)
    assert pool.attempt(photo(), OPTIONS)
    assert pool.attempt(photo(), OPTIONS)
    assert pool.crashes == 0


def test_what_a_child_says_unasked_is_not_the_answer_for_the_next_photo(open_pool):
    pool = open_pool(size=1)
    assert pool.attempt(photo("afterwards"), OPTIONS)
    [child] = pool._free.queue
    while child.waits():
        time.sleep(0.01)
    assert pool.attempt(photo(seed=2), OPTIONS).file.data == good_anonymiser().attempt(photo(seed=2), OPTIONS).file.data
    assert pool.crashes == 0


def test_a_child_is_replaced_after_some_photos(open_pool):
    pool = open_pool(size=1, photos_per_child=3)
    seen = []
    for seed in range(7):
        pool.attempt(photo(seed=seed), OPTIONS)
        seen.append(children_of(pool))
    assert [bool(children) for children in seen] == [True, True, False, True, True, False, True]
    assert not is_alive(seen[0].pop())


def test_a_child_that_keeps_much_memory_is_replaced(open_pool):
    pool = open_pool(size=1, resident_bytes=1)
    assert pool.attempt(photo(), OPTIONS)
    assert children_of(pool) == set()


def test_models_that_cannot_be_loaded_are_told_as_such(open_own_pool):
    pool = open_own_pool(argument={"fail": True})
    with pytest.raises(ModelMissingError, match=r"x\.onnx"):
        pool.start()
    with pytest.raises(ModelMissingError):
        pool.check()
    with pytest.raises(ModelMissingError):
        pool.attempt(photo(), OPTIONS)


def test_a_start_that_fails_without_a_word_is_told(open_own_pool):
    pool = open_own_pool(argument={"end": True})
    with pytest.raises(DecoderUnavailableError):
        pool.start()
    with pytest.raises(DecoderUnavailableError):
        pool.check()


def test_after_the_end_nothing_is_left(open_own_pool):
    pool = open_own_pool(size=2)
    pool.start()
    pids = children_of(pool) | {pool._nursery._process.pid}
    pool.close()
    pool._nursery.close()
    for pid in pids:
        wait_until_gone(pid)
    with pytest.raises(DecoderUnavailableError):
        pool.attempt(photo(), OPTIONS)


def test_where_the_zygote_is_killed_another_takes_over(open_own_pool):
    pool = open_own_pool(size=1)
    pool.start()
    [child] = children_of(pool)
    pool._nursery._process.kill()
    wait_until_gone(child)
    assert pool.attempt(photo(), OPTIONS)


def test_crops_come_back_beside_the_file_where_they_are_asked_for(pool):
    reversible = JobOptions(reversible=True)
    expected = good_anonymiser().attempt(photo(), reversible)
    result = pool.attempt(photo(), reversible)
    assert result.crops is not None
    assert (result.file, result.crops) == (expected.file, expected.crops)
    assert pool.attempt(photo(), OPTIONS).crops is None


@pytest.mark.parametrize("length", [0, -1, 10, 11, True, "3", 2.0])
def test_crops_of_no_sensible_length_are_no_answer(length):
    done = of_result(good_anonymiser().attempt(photo(), OPTIONS)).header["done"]
    header = Picture.open(photo(), max_pixels=10**6).header
    with pytest.raises(BrokenFrameError):
        read(Frame({"done": done | {"crops": length}}, b"0123456789"), header)
    told = read(Frame({"done": done | {"crops": 3}}, b"0123456789"), header)
    assert (told.file.data, told.crops) == (b"0123456", b"789")
