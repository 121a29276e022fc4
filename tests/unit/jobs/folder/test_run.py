"""Runs over folders: what is done, skipped, done again and left behind."""

import errno
import os
import threading
import time

import pytest

from streetveil.domain.options import JobOptions, Style
from streetveil.errors import OutputBusyError, UnreadableFileError, UnwritableOutputError
from streetveil.jobs.folder import run as folder_run
from streetveil.jobs.folder.files import find_tasks
from streetveil.jobs.folder.manifest import MANIFEST_NAME, Manifest

DONE = "redacted"
SKIPPED = "skipped"
FAILED = "failed"


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.005)


def manifest(folders):
    return folders.output / MANIFEST_NAME


def test_every_photo_has_its_result_in_the_mirrored_tree(folders):
    folders.put("a.jpg")
    folders.put("2024/b.png")

    outcomes = folders.redact()

    assert folders.results() == {"a.jpg": b"redacted a.jpg", "2024/b.png": b"redacted 2024/b.png"}
    assert outcomes["2024/b.png"].as_dict() == {
        "source": str(folders.source / "2024/b.png"),
        "output": str(folders.output / "2024/b.png"),
        "status": "redacted",
        "seconds": pytest.approx(0, abs=30),
        "blur_metadata": {"regions": [], "faces_blurred": 2, "plates_blurred": 0},
        "detection_metadata": {"vehicles": []},
    }


def test_what_is_done_is_skipped_the_next_time(folders):
    folders.put("a.jpg")
    folders.redact()

    assert folders.statuses() == {"a.jpg": SKIPPED}
    assert len(folders.marker.seen) == 1


def test_force_does_it_again(folders):
    folders.put("a.jpg")
    folders.redact()

    assert folders.statuses(force=True) == {"a.jpg": DONE}


def test_a_source_that_changed_is_done_again(folders):
    folders.put("a.jpg", b"old")
    folders.put("b.jpg")
    folders.redact()
    folders.put("a.jpg", b"newer")

    assert folders.statuses() == {"a.jpg": DONE, "b.jpg": SKIPPED}
    assert folders.results()["a.jpg"] == b"redacted newer"


def test_a_source_of_the_same_size_but_a_later_time_is_done_again(folders):
    path = folders.put("a.jpg", b"old")
    folders.redact()
    folders.put("a.jpg", b"new")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))

    assert folders.statuses() == {"a.jpg": DONE}


@pytest.mark.parametrize(
    "change",
    [{"options": JobOptions(style=Style.SOLID)}, {"options": JobOptions(face_confidence=0.1)}, {"variant": "x"}],
)
def test_other_options_or_models_make_it_again(folders, change):
    folders.put("a.jpg")
    folders.redact()

    assert folders.statuses(**change) == {"a.jpg": DONE}
    assert folders.statuses(**change) == {"a.jpg": SKIPPED}


def test_an_output_that_was_deleted_is_made_again(folders):
    folders.put("a.jpg")
    folders.redact()
    (folders.output / "a.jpg").unlink()

    assert folders.statuses() == {"a.jpg": DONE}


def test_a_file_of_the_same_name_that_no_run_made_is_not_taken_for_done(folders):
    folders.put("a.jpg")
    folders.output.mkdir()
    (folders.output / "a.jpg").write_bytes(b"the original, copied here")

    assert folders.statuses() == {"a.jpg": DONE}
    assert folders.results() == {"a.jpg": b"redacted a.jpg"}


def test_a_photo_that_fails_has_no_output_and_stops_no_other(folders):
    folders.marker.broken = {b"bad"}
    folders.put("a.jpg")
    folders.put("bad.jpg", b"bad")
    folders.put("c.jpg")

    outcomes = folders.redact()

    assert outcomes["bad.jpg"].as_dict() == {
        "source": str(folders.source / "bad.jpg"),
        "output": None,
        "status": "failed",
        "error": {"code": "undecodable_image", "detail": "The picture is broken."},
    }
    assert folders.results().keys() == {"a.jpg", "c.jpg"}


def test_a_photo_that_fails_now_loses_the_result_of_an_earlier_run(folders):
    folders.put("a.jpg", b"good")
    folders.redact()
    folders.marker.broken = {b"bad!"}
    folders.put("a.jpg", b"bad!")

    assert folders.statuses() == {"a.jpg": FAILED}
    assert folders.results() == {}
    assert folders.statuses() == {"a.jpg": FAILED}


def test_an_error_nobody_thought_of_fails_one_photo_and_tells_no_inner_things(folders):
    folders.put("a.jpg")
    folders.put("b.jpg")
    tasks = find_tasks([folders.source], folders.output)
    run = folders.run()

    def crash(data, options):
        if data == b"a.jpg":
            raise RuntimeError("secret detail")
        return folders.marker(data, options)

    run._anonymise = crash
    outcomes = {outcome.task.name: outcome for outcome in run(tasks)}

    assert outcomes["b.jpg"].status.value == DONE
    assert outcomes["a.jpg"].as_dict()["error"] == {
        "code": "internal_error",
        "detail": "Unexpected RuntimeError; the log has the details.",
    }
    assert folders.results().keys() == {"b.jpg"}


def test_things_that_are_no_photos_fail_alone(folders):
    folders.put("a.jpg")
    os.mkfifo(folders.source / "pipe.jpg")
    (folders.source / "gone.jpg").symlink_to("nowhere")
    (folders.source / "folder.jpg").mkdir()

    assert folders.statuses() == {"a.jpg": DONE, "pipe.jpg": FAILED, "gone.jpg": FAILED}


def test_a_photo_that_vanishes_after_it_was_listed_fails_alone(folders):
    gone = folders.put("a.jpg")
    folders.put("b.jpg")
    tasks = find_tasks([folders.source], folders.output)
    gone.unlink()

    outcomes = {outcome.task.name: outcome for outcome in folders.run()(tasks)}

    assert outcomes["a.jpg"].failure.code == "unreadable_file"
    assert outcomes["b.jpg"].status.value == DONE


def test_a_source_that_changes_while_it_is_read_does_not_count_as_done(folders):
    path = folders.put("a.jpg", b"first")
    run = folders.run()

    def change(data, options):
        path.write_bytes(b"second")
        return folders.marker(data, options)

    run._anonymise = change
    assert [outcome.status.value for outcome in run(find_tasks([folders.source], folders.output))] == [DONE]

    assert folders.statuses() == {"a.jpg": DONE}
    assert folders.results() == {"a.jpg": b"redacted second"}


def test_a_result_that_cannot_be_written_down_as_made_is_removed(folders, monkeypatch):
    folders.put("a.jpg")

    def full(self, task, state):
        raise UnwritableOutputError("No space left on device.")

    monkeypatch.setattr(Manifest, "record", full)

    assert folders.statuses() == {"a.jpg": FAILED}
    assert folders.results() == {}


def test_a_manifest_on_a_full_disk_is_told_as_such(folders, monkeypatch):
    folders.put("a.jpg")
    folders.output.mkdir()
    book = Manifest(folders.output, JobOptions(), "")
    [task] = find_tasks([folders.source], folders.output)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(manifest(folders)), "open", full)
    with pytest.raises(UnwritableOutputError, match="No space left"):
        book.record(task, book.state_of(task.source))


@pytest.mark.parametrize("torn", [b'{"name": "b.j', b"\xff\xfe\x00", b"[]", b'"name"', b"{}", b"\x00" * 4096])
def test_a_manifest_whose_last_line_was_torn_loses_that_line_alone(folders, torn):
    folders.put("a.jpg")
    folders.put("b.jpg")
    folders.redact()
    lines = manifest(folders).read_bytes().splitlines(keepends=True)
    manifest(folders).write_bytes(next(line for line in lines if b"a.jpg" in line) + torn)

    assert folders.statuses() == {"a.jpg": SKIPPED, "b.jpg": DONE}
    assert folders.statuses() == {"a.jpg": SKIPPED, "b.jpg": SKIPPED}


def test_a_manifest_that_cannot_be_read_is_told(folders):
    folders.put("a.jpg")
    manifest(folders).mkdir(parents=True)

    with pytest.raises(UnreadableFileError, match=r"manifest\.jsonl cannot be read"):
        folders.redact()


def test_names_that_are_not_unicode_are_remembered(folders):
    folders.put(os.fsdecode(b"caf\xe9.jpg"), b"x")

    assert list(folders.statuses().values()) == [DONE]
    assert list(folders.statuses().values()) == [SKIPPED]


def test_two_runs_into_one_folder_at_once_are_refused(folders):
    folders.put("a.jpg")
    folders.marker.hold = threading.Event()
    running = iter(folders.run()(find_tasks([folders.source], folders.output)))
    first = threading.Thread(target=lambda: list(running))
    first.start()
    try:
        wait_for(lambda: folders.marker.seen)
        with pytest.raises(OutputBusyError):
            folders.redact()
    finally:
        folders.marker.hold.set()
        first.join(20)

    assert folders.results() == {"a.jpg": b"redacted a.jpg"}
    assert folders.statuses() == {"a.jpg": SKIPPED}


def test_an_output_folder_that_cannot_be_made_is_told(folders):
    folders.put("a.jpg")
    folders.output.write_bytes(b"a file")

    with pytest.raises(UnwritableOutputError):
        folders.redact()


@pytest.mark.parametrize("threads", [1, 3])
def test_never_more_than_twice_as_many_photos_as_threads_are_begun(folders, threads):
    for number in range(20):
        folders.put(f"{number:02}.jpg")
    tasks = find_tasks([folders.source], folders.output)
    taken = []
    folders.marker.hold = threading.Event()

    def listed():
        for task in tasks:
            taken.append(task)
            yield task

    outcomes = folders.run(threads=threads)(listed())
    consumer = threading.Thread(target=lambda: list(outcomes))
    consumer.start()
    try:
        wait_for(lambda: len(folders.marker.seen) == threads)
        assert len(taken) <= 2 * threads
        assert len(folders.marker.seen) == threads
    finally:
        folders.marker.hold.set()
        consumer.join(20)
    assert len(folders.results()) == 20


def test_the_next_photos_are_read_while_all_threads_are_busy(folders, monkeypatch):
    read: list[str] = []

    def noted(path):
        read.append(path.name)
        return path.read_bytes()

    monkeypatch.setattr(folder_run, "read_photo", noted)
    for number in range(9):
        folders.put(f"{number}.jpg")
    folders.marker.hold = threading.Event()
    consumer = threading.Thread(target=lambda: folders.redact(threads=2))
    consumer.start()
    try:
        wait_for(lambda: len(read) == 4)
        assert len(folders.marker.seen) == 2
    finally:
        folders.marker.hold.set()
        consumer.join(20)
    assert len(folders.results()) == 9


def test_stopping_finishes_what_is_in_work_and_begins_nothing_more(folders):
    for number in range(20):
        folders.put(f"{number:02}.jpg")
    folders.marker.hold = threading.Event()
    run = folders.run(threads=2)
    outcomes = []
    consumer = threading.Thread(target=lambda: outcomes.extend(run(find_tasks([folders.source], folders.output))))
    consumer.start()
    wait_for(lambda: len(folders.marker.seen) == 2)

    run.stop()
    folders.marker.hold.set()
    consumer.join(20)

    assert {outcome.status.value for outcome in outcomes} == {DONE}
    assert 2 <= len(outcomes) <= 4
    assert len(folders.results()) == len(outcomes) == len(folders.marker.seen)
    folders.marker.hold = None
    assert list(folders.statuses().values()).count(DONE) == 20 - len(outcomes)


def test_a_run_that_was_stopped_before_it_began_does_nothing(folders):
    folders.put("a.jpg")
    run = folders.run()
    run.stop()

    assert list(run(find_tasks([folders.source], folders.output))) == []
    assert folders.marker.seen == []


def test_a_consumer_that_leaves_early_lets_go_of_the_folder(folders):
    for number in range(20):
        folders.put(f"{number:02}.jpg")
    outcomes = folders.run(threads=1)(find_tasks([folders.source], folders.output))

    next(outcomes)
    outcomes.close()

    begun = len(folders.marker.seen)
    assert begun <= 4
    assert list(folders.statuses().values()).count(SKIPPED) == begun
