"""The geometry of 360-degree pictures in XMP (Google's Photo Sphere metadata), without which no viewer shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from streetveil.redaction.xmp_packet import RDF, Property

NAMESPACE = "http://ns.google.com/photos/1.0/panorama/"

_INTEGER = re.compile(r"\d{1,7}")
_REAL = re.compile(r"[+-]?\d{1,7}(?:\.\d{1,12})?")
_GEOMETRY = {
    "ProjectionType": re.compile(r"equirectangular|cylindrical|fisheye"),
    "UsePanoramaViewer": re.compile(r"True|False|true|false"),
    **dict.fromkeys(
        (
            "CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels", "FullPanoWidthPixels",
            "FullPanoHeightPixels", "CroppedAreaLeftPixels", "CroppedAreaTopPixels", "LargestValidInteriorRectLeft",
            "LargestValidInteriorRectTop", "LargestValidInteriorRectWidth", "LargestValidInteriorRectHeight",
        ),
        _INTEGER,
    ),
    **dict.fromkeys(
        (
            "PoseHeadingDegrees", "PosePitchDegrees", "PoseRollDegrees", "InitialViewHeadingDegrees",
            "InitialViewPitchDegrees", "InitialViewRollDegrees", "InitialHorizontalFOVDegrees",
            "InitialVerticalFOVDegrees", "InitialCameraDolly",
        ),
        _REAL,
    ),
}  # fmt: skip


def geometry(properties: Iterable[Property]) -> bytes | None:
    """A new packet of projection, sizes and directions alone; None where the picture is no panorama.

    Values are numbers and known words: nothing that somebody wrote is carried over.
    """
    found: dict[str, str] = {}
    for one in properties:
        allowed = _GEOMETRY.get(one.name) if one.namespace == NAMESPACE and one.simple else None
        value = one.value.strip()
        if allowed and allowed.fullmatch(value) and value.isascii():
            found.setdefault(one.name, value)
    if "ProjectionType" not in found:
        return None
    values = "".join(f' GPano:{name}="{value}"' for name, value in found.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about="" xmlns:GPano="{NAMESPACE}"{values}/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()
