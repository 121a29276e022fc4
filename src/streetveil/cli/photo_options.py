"""The options for one photo, as the verbs `redact` and `detect` offer them."""

from __future__ import annotations

from typing import Annotated

import typer

from streetveil.bootstrap import default_options
from streetveil.domain.options import JobOptions, MetadataPolicy, Profile, Style
from streetveil.errors import InvalidOptionError
from streetveil.settings import Settings

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
