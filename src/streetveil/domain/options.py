"""What a caller may choose for one photo. The same options on every entrance: HTTP, command line, queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeVar

from streetveil.domain.detections import REDACTABLE, Label
from streetveil.errors import InvalidOptionError

_Choice = TypeVar("_Choice", bound=StrEnum)


class Style(StrEnum):
    """How a region is made unrecognisable; docs/redaction.md gives the strength of each."""

    GAUSSIAN = "gaussian"
    PIXELATE = "pixelate"
    SOLID = "solid"


class Profile(StrEnum):
    """How much arithmetic a photo is worth: sets the detectors' input sizes."""

    FAST = "fast"
    BALANCED = "balanced"
    ACCURATE = "accurate"


class MetadataPolicy(StrEnum):
    """What happens to EXIF, XMP, IPTC and comments. Embedded pictures never survive either way."""

    STRIP = "strip"
    KEEP = "keep"
    KEEP_EXCEPT_GPS = "keep-except-gps"

    @property
    def keeps(self) -> bool:
        """True where what tells about the photo stays, with its place or without."""
        return self is not MetadataPolicy.STRIP

    @property
    def hides_place(self) -> bool:
        """True where what is kept must not say where the photo was taken."""
        return self is MetadataPolicy.KEEP_EXCEPT_GPS


@dataclass(frozen=True, slots=True)
class JobOptions:
    """Choices for one photo; None means "as the service is set".

    Attributes:
        classes: which classes are redacted; vehicles are always detected.
        face_confidence, plate_confidence, car_confidence: lowest score that counts, 0..1.
        reversible: whether what is made unrecognisable is kept sealed; only a service that has keys can.

    Raises:
        InvalidOptionError: a threshold is outside 0..1, or no class or one that cannot be redacted is named.
    """

    classes: frozenset[Label] = REDACTABLE
    style: Style = Style.GAUSSIAN
    profile: Profile = Profile.BALANCED
    metadata: MetadataPolicy = MetadataPolicy.STRIP
    face_confidence: float | None = None
    plate_confidence: float | None = None
    car_confidence: float | None = None
    reversible: bool = False

    def __post_init__(self) -> None:
        if not self.classes or not self.classes <= REDACTABLE:
            raise InvalidOptionError(f"classes must be some of {_names(REDACTABLE)}, not {_names(self.classes)}.")
        for name in ("face_confidence", "plate_confidence", "car_confidence"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:  # NaN fails the comparison too
                raise InvalidOptionError(f"{name} must be from 0 to 1, not {value}.")

    @classmethod
    def parse(cls, values: Mapping[str, str | float | Iterable[str] | None]) -> JobOptions:
        """Options from form fields, command-line values or a stored row; absent and None mean the default.

        `classes` is a comma-separated string or an iterable of names.

        Raises:
            InvalidOptionError: a name is unknown or a value is not allowed; the message lists what is.
        """
        given = {name: value for name, value in values.items() if value is not None}
        unknown = given.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise InvalidOptionError(f"unknown option {_names(unknown)}.")
        parsed: dict[str, Any] = {}
        for name, kind in (("style", Style), ("profile", Profile), ("metadata", MetadataPolicy)):
            if name in given:
                parsed[name] = _choice(name, kind, given[name])
        if "classes" in given:
            parsed["classes"] = frozenset(_label(name) for name in _split(given["classes"]))
        for name in ("face_confidence", "plate_confidence", "car_confidence"):
            if name in given:
                parsed[name] = _number(name, given[name])
        if "reversible" in given:
            parsed["reversible"] = _truth("reversible", given["reversible"])
        return cls(**parsed)

    def as_dict(self) -> dict[str, str | float | bool | list[str]]:
        """The JSON form kept in a job's row; `parse` reads it back."""
        result: dict[str, str | float | bool | list[str]] = {
            "classes": sorted(self.classes),
            "style": self.style.value,
            "profile": self.profile.value,
            "metadata": self.metadata.value,
        }
        for name in ("face_confidence", "plate_confidence", "car_confidence"):
            value = getattr(self, name)
            if value is not None:
                result[name] = value
        if self.reversible:  # else not named: rows and fingerprints of before there was this choice are the same
            result["reversible"] = True
        return result


def _split(raw: str | float | Iterable[str]) -> Iterable[object]:
    if isinstance(raw, str):
        return [name.strip() for name in raw.split(",")]
    return raw if isinstance(raw, Iterable) else [raw]


def _label(name: object) -> Label:
    for label in REDACTABLE:
        if label.value == name:
            return label
    raise InvalidOptionError(f"classes must be some of {_names(REDACTABLE)}, not {str(name)[:40]!r}.")


def _choice(name: str, kind: type[_Choice], value: object) -> _Choice:
    try:
        return kind(str(value))
    except ValueError:
        raise InvalidOptionError(f"{name} must be one of {_names(kind)}, not {str(value)[:40]!r}.") from None


def _number(name: str, value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise InvalidOptionError(f"{name} must be a number from 0 to 1, not {str(value)[:40]!r}.") from None


def _truth(name: str, value: object) -> bool:
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise InvalidOptionError(f"{name} must be true or false, not {str(value)[:40]!r}.")
    return text == "true"


def _names(items: Iterable[str]) -> str:
    return ", ".join(sorted(str(item)[:40] for item in items)) or "nothing"
