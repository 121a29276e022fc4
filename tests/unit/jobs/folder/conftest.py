"""Folders of photos, and runs over them with an anonymiser that only marks what it was given."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from streetveil.domain.geometry import Orientation, Size
from streetveil.domain.options import JobOptions
from streetveil.errors import UndecodableImageError
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import ImageHeader
from streetveil.jobs.anonymise import Anonymised
from streetveil.jobs.folder.files import find_tasks
from streetveil.jobs.folder.run import FolderRun
from streetveil.redaction.base import RedactedFile


def anonymised(data):
    return Anonymised(
        file=RedactedFile(b"redacted " + data, lossless=True),
        header=ImageHeader(ImageFormat.JPEG, Size(4, 3), Orientation.UPRIGHT),
        blur_metadata={"regions": [], "faces_blurred": 2, "plates_blurred": 0},
        detection_metadata={"vehicles": []},
    )


@dataclass
class Marker:
    """Takes every content but `broken` ones; `hold` stops it until released."""

    broken: set[bytes] = field(default_factory=set)
    seen: list[bytes] = field(default_factory=list)
    hold: threading.Event | None = None

    def __call__(self, data, options):
        self.seen.append(data)
        if self.hold is not None:
            assert self.hold.wait(20)
        if data in self.broken:
            raise UndecodableImageError("The picture is broken.")
        return anonymised(data)


@dataclass
class Folders:
    """A source folder, an output folder, and runs from the one to the other."""

    source: Path
    output: Path
    marker: Marker = field(default_factory=Marker)

    def put(self, name, content=None):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() if content is None else content)
        return path

    def run(self, options=None, *, variant="", threads=2, force=False):
        return FolderRun(
            self.marker,
            options=options or JobOptions(),
            output=self.output,
            variant=variant,
            threads=threads,
            force=force,
        )

    def redact(self, options=None, **kwargs):
        """Outcomes by name, after a whole run."""
        tasks = find_tasks([self.source], self.output)
        return {outcome.task.name: outcome for outcome in self.run(options, **kwargs)(tasks)}

    def statuses(self, options=None, **kwargs):
        return {name: outcome.status.value for name, outcome in self.redact(options, **kwargs).items()}

    def results(self):
        """Every file a user would see in the output folder, with its content."""
        return {
            path.relative_to(self.output).as_posix(): path.read_bytes()
            for path in self.output.rglob("*")
            if path.is_file() and path.name not in {".streetveil-manifest.jsonl", ".streetveil.lock"}
        }


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "in").mkdir()
    return Folders(tmp_path / "in", tmp_path / "out")
