"""The names under which others know our classes: in data sets, and in the models that users bring."""

from __future__ import annotations

from collections.abc import Mapping

from streetveil.domain.detections import Label

_NAMES: Mapping[Label, tuple[str, ...]] = {
    # A head is taken for a face: redacting it covers the face, whichever way it looks.
    Label.FACE: ("face", "faces", "human face", "person face", "head", "human head"),
    Label.LICENSE_PLATE: (
        "plate",
        "plates",
        "license plate",
        "licence plate",
        "license plates",
        "licence plates",
        "licenseplate",
        "licenceplate",
        "number plate",
        "numberplate",
        "registration plate",
        "vehicle registration plate",
        "lp",
    ),
    Label.CAR: ("car", "cars", "vehicle", "vehicles", "van", "suv", "taxi", "pickup"),
    Label.MOTORCYCLE: ("motorcycle", "motorcycles", "motorbike", "motor", "scooter"),
    Label.BUS: ("bus", "buses", "minibus", "coach"),
    Label.TRUCK: ("truck", "trucks", "lorry"),
}
_LABELS = {name: label for label, names in _NAMES.items() for name in names}


def label_named(name: str) -> Label | None:
    """Our class for a name, whatever its case and whether words are parted by spaces, hyphens or underscores."""
    return _LABELS.get(" ".join(name.lower().replace("_", " ").replace("-", " ").split()))


def known_names(labels: frozenset[Label]) -> tuple[str, ...]:
    """All names understood for some classes, in the order in which they are best listed."""
    return tuple(name for name, label in _LABELS.items() if label in labels)
