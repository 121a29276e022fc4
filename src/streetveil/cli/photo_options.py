"""The options for one photo, as the verbs `redact` and `detect` offer them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streetveil.bootstrap import default_options
from streetveil.domain.options import JobOptions, MetadataPolicy, Profile, Style
from streetveil.errors import InvalidOptionError
from streetveil.jobs.folder.files import PICTURE_SUFFIXES
from streetveil.settings import Settings


def named(text: str) -> Path:
    """A path from the command line.

    Raises:
        typer.BadParameter: it is empty. That would be the folder the program is started in, but is what a shell makes
            of a variable that is not set.
    """
    if not text:
        raise typer.BadParameter("an empty name; say . for the current folder")
    return Path(text)


def folder(text: str) -> Path:
    """A folder for results, which need not be there yet.

    Raises:
        typer.BadParameter: it is empty, is a file, or is not there and has the name of a photo.
    """
    path = named(text)
    if path.is_dir():
        return path
    if path.exists() or path.suffix.lower() in PICTURE_SUFFIXES:
        raise typer.BadParameter(f"{text!r} is the name of a file; results go into a folder, under their own names")
    return path


Sources = Annotated[list[Path], typer.Argument(metavar="SRC...", parser=named, help="Photos, or folders of photos.")]
Classes = Annotated[
    str | None, typer.Option(metavar="NAMES", help="What to redact: face, license_plate or both, with a comma between.")
]
StyleOption = Annotated[Style | None, typer.Option(help="How regions are made unrecognisable.")]
ProfileOption = Annotated[Profile | None, typer.Option(help="How thoroughly to look; more takes longer.")]
Metadata = Annotated[
    MetadataPolicy | None,
    typer.Option(help="Drop or keep EXIF, XMP, IPTC and comments, or all but the place. Previews are always dropped."),
]
FaceConfidence = Annotated[float | None, typer.Option(metavar="0..1", help="Lowest score of a face that counts.")]
PlateConfidence = Annotated[float | None, typer.Option(metavar="0..1", help="Lowest score of a plate that counts.")]
CarConfidence = Annotated[float | None, typer.Option(metavar="0..1", help="Lowest score of a vehicle that counts.")]


def job_options(settings: Settings, **given: str | float | None) -> JobOptions:
    """The options given on the command line over those of the settings.

    Raises:
        typer.BadParameter: a value is not allowed.
    """
    try:
        return JobOptions.parse(
            default_options(settings) | {name: value for name, value in given.items() if value is not None}
        )
    except InvalidOptionError as error:
        raise typer.BadParameter(error.detail) from error
