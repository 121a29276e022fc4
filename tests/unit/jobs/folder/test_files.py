"""Which photos are found, and how results come to disk."""

import errno
import os
import subprocess
import sys

import pytest

from streetveil.errors import OutputConflictError, TooLargeError, UnreadableFileError, UnwritableOutputError
from streetveil.jobs.folder import files
from streetveil.jobs.folder.files import find_photos, find_tasks, read_photo, write_result


def names(tasks):
    return [task.name for task in tasks]


def test_a_folders_tree_is_mirrored_and_only_photos_are_taken(folders):
    for name in ("b.jpg", "a.PNG", "2024/may/c.jpeg", "2024/d.webp", "e.tif", "f.tiff", "g.bmp", "notes.txt", "h.gif"):
        folders.put(name)

    tasks = find_tasks([folders.source], folders.output)

    assert names(tasks) == ["a.PNG", "b.jpg", "e.tif", "f.tiff", "g.bmp", "2024/d.webp", "2024/may/c.jpeg"]
    assert all(task.target == folders.output / task.name for task in tasks)
    assert all(task.source == folders.source / task.name for task in tasks)


def test_a_file_named_on_its_own_is_tried_whatever_its_name(folders):
    path = folders.put("photo.dat")

    assert names(find_tasks([path], folders.output)) == ["photo.dat"]


def test_files_named_twice_are_done_once(folders):
    path = folders.put("a.jpg")

    assert names(find_tasks([path, folders.source, path], folders.output)) == ["a.jpg"]


def test_an_output_folder_inside_the_source_is_not_a_source(folders):
    folders.put("a.jpg")
    folders.put("redacted/a.jpg")
    folders.put("redacted/sub/b.jpg")

    assert names(find_tasks([folders.source], folders.source / "redacted")) == ["a.jpg"]
    assert names(find_tasks([folders.source], folders.source / "sub/../redacted")) == ["a.jpg"]


def test_an_output_that_is_the_source_is_refused(folders):
    folders.put("a.jpg")

    with pytest.raises(OutputConflictError, match=r"a\.jpg would replace"):
        find_tasks([folders.source], folders.source)


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_an_output_that_leads_to_a_source_by_a_link_is_refused(folders, link):
    path = folders.put("a.jpg")
    folders.output.mkdir()
    getattr(folders.output / "a.jpg", link)(path)

    with pytest.raises(OutputConflictError, match="would replace"):
        find_tasks([folders.source], folders.output)


def test_the_output_of_one_photo_must_not_replace_another_source(folders):
    folders.put("a.jpg")
    other = folders.put("b.jpg")
    folders.output.mkdir()
    (folders.output / "a.jpg").hardlink_to(other)

    with pytest.raises(OutputConflictError, match=r"The result of .*in/a\.jpg would replace .*in/b\.jpg"):
        find_tasks([folders.source], folders.output)


def test_two_photos_with_one_output_are_refused(folders):
    first, second = folders.put("one/a.jpg"), folders.put("two/a.jpg")

    with pytest.raises(OutputConflictError, match="would both be written") as caught:
        find_tasks([first, second], folders.output)
    assert str(first) in caught.value.detail
    assert str(second) in caught.value.detail


def test_a_suffix_goes_behind_the_name_so_that_two_formats_do_not_collide(folders):
    folders.put("a.jpg")
    folders.put("a.png")

    assert names(find_tasks([folders.source], folders.output, added_suffix=".png")) == ["a.jpg.png", "a.png.png"]


def test_a_source_that_is_not_there_is_refused(folders):
    with pytest.raises(UnreadableFileError, match=r"nowhere does not exist"):
        find_tasks([folders.source / "nowhere"], folders.output)


def test_links_to_folders_are_not_followed(folders):
    folders.put("a.jpg")
    (folders.source / "loop").symlink_to(folders.source)

    assert names(find_tasks([folders.source], folders.output)) == ["a.jpg"]


def test_a_dangling_link_is_a_photo_that_cannot_be_read(folders):
    folders.output.mkdir()
    (folders.output / "gone.jpg").write_bytes(b"an earlier result")
    (folders.source / "gone.jpg").symlink_to(folders.source / "nowhere")

    [task] = find_tasks([folders.source], folders.output)

    with pytest.raises(UnreadableFileError, match="is not a file"):
        read_photo(task.source)


def test_a_folder_that_cannot_be_searched_is_told_like_a_photo_that_cannot_be_read(folders, monkeypatch):
    folders.put("a.jpg")
    closed = folders.put("closed/b.jpg").parent
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path) == str(closed):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)

    tasks = find_tasks([folders.source], folders.output)

    assert names(tasks) == ["a.jpg", "closed"]
    with pytest.raises(UnreadableFileError, match="closed cannot be searched"):
        read_photo(tasks[1].source)
    with pytest.raises(UnreadableFileError, match="cannot be searched: Permission denied"):
        find_tasks([closed], folders.output)


def test_a_pipe_is_refused_and_not_waited_for(folders):
    os.mkfifo(folders.source / "pipe.jpg")

    [(path, _)] = find_photos([folders.source])

    with pytest.raises(UnreadableFileError, match="is not a file"):
        read_photo(path)


def test_a_file_that_would_fill_the_memory_is_refused(folders, monkeypatch):
    monkeypatch.setattr(files, "_LARGEST_FILE", 10)

    assert read_photo(folders.put("a.jpg", b"0123456789")) == b"0123456789"
    with pytest.raises(TooLargeError):
        read_photo(folders.put("b.jpg", b"0123456789x"))


def test_a_result_replaces_what_was_there_and_leaves_nothing_beside_it(folders):
    target = folders.output / "deep" / "a.jpg"

    write_result(target, b"first")
    with target.open("rb") as reader:
        write_result(target, b"second")
        assert reader.read() == b"first"  # the other file took its place; nobody ever sees a half of one

    assert target.read_bytes() == b"second"
    assert [path.name for path in target.parent.iterdir()] == ["a.jpg"]


def test_a_name_as_long_as_the_file_system_allows_can_be_written(folders):
    name = "写" * 83 + ".jpg"  # 253 of 255 bytes

    write_result(folders.output / name, b"x")

    assert (folders.output / name).read_bytes() == b"x"


def test_a_full_disk_leaves_the_earlier_result_and_no_part(folders, monkeypatch):
    target = folders.output / "a.jpg"
    write_result(target, b"first")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(UnwritableOutputError, match="No space left on device"):
        write_result(target, b"second")
    assert folders.results() == {"a.jpg": b"first"}


def test_a_result_that_cannot_be_put_in_place_is_told(folders):
    (folders.output / "a.jpg").mkdir(parents=True)
    (folders.output / "b").write_bytes(b"")

    for name in ("a.jpg", "b/c.jpg"):
        with pytest.raises(UnwritableOutputError):
            write_result(folders.output / name, b"x")
    assert folders.results() == {"b": b""}


def test_a_process_killed_while_it_writes_leaves_no_output_and_the_next_one_cleans_up(folders):
    target = folders.output / "a.jpg"
    script = (
        "import os, signal, sys, pathlib\n"
        "from streetveil.jobs.folder.files import write_result\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_result(pathlib.Path(sys.argv[1]), b'half of it')\n"
    )

    killed = subprocess.run([sys.executable, "-c", script, str(target)], check=False)

    assert killed.returncode == -9
    assert not target.exists()
    assert list(find_photos([folders.output])) == []
    write_result(target, b"whole")
    assert folders.results() == {"a.jpg": b"whole"}
