"""XMP packets: which properties survive a redaction."""

from __future__ import annotations

import re

from streetveil.domain.options import MetadataPolicy
from streetveil.redaction import gpano, hidden, places
from streetveil.redaction.xmp_packet import RDF, Packet, Property, UnreadablePacketError, read

# Namespaces of which every property is a picture, a film or a sound, or tells where in or behind the file one lies.
_CARRIERS = (
    "http://ns.google.com/photos/",  # GImage, GDepth, GAudio, GCamera, Container, Item, dynamic depth; see _HARMLESS
    "http://ns.adobe.com/xap/1.0/g/img/",
    "http://ns.adobe.com/xmp/note/",  # points to extended XMP
    "http://ns.adobe.com/hdr-gain-map/",
    "http://ns.apple.com/",  # HDRGainMap, depthData, pixeldatainfo, which describe further pictures of the file
    "http://ns.xiaomi.com/",
)
_POINTER = ("http://ns.adobe.com/xmp/note/", "HasExtendedXMP")
_NAME = re.compile(rb"(?<![0-9A-F])[0-9A-F]{32}(?![0-9A-F])")
_HARMLESS = frozenset({gpano.NAMESPACE})
_PICTURE_WORDS = ("thumbnail", "preview", "thermalimage", "thermaldata", "imagedata", "motionphoto", "depthmap")


def surviving(packet: bytes, policy: MetadataPolicy, extension: bytes | None = None) -> bytes | None:
    """What a redacted file carries of a packet; None for nothing.

    - `strip`: a new packet of the geometry that viewers of 360-degree pictures need, if there is one.
    - `keep`: the packet byte for byte, without properties that hold pictures or tell of pictures beside this one.
    - `keep-except-gps`: without those that say a place, too.

    A packet that cannot be understood goes as a whole.

    Args:
        packet: in UTF-8.
        policy: which of the three.
        extension: name of the extended XMP that stays too, so that what points to it may.
    """
    packet = packet.rstrip(b"\0")
    try:
        found = read(packet)
        if not policy.keeps:
            return gpano.geometry(found.properties)
        cleaned = _without(packet, found, policy, extension)
        again = read(cleaned)
    except UnreadablePacketError:
        return None
    if any(_goes(one, policy, extension) for one in again.properties) or hidden.holds_picture(cleaned):
        return None
    return cleaned if again.properties else None


def pointer(packet: bytes) -> slice | None:
    """Where a packet says which extended XMP belongs to it: 32 hexadecimal digits; None where it does not."""
    try:
        found = read(packet.rstrip(b"\0")).properties
    except UnreadablePacketError:
        return None
    for one in found:
        name = _NAME.search(packet, one.start, one.end) if (one.namespace, one.name) == _POINTER else None
        if name is not None and one.value.strip().encode() == name[0]:
            return slice(*name.span())
    return None


def _without(packet: bytes, found: Packet, policy: MetadataPolicy, extension: bytes | None) -> bytes:
    going = [(one.start, one.end) for one in found.properties if _goes(one, policy, extension)]
    cut = sorted(going + list(found.comments))
    kept, at = [], 0
    for start, end in cut:
        kept.append(packet[at:start])
        at = end
    return b"".join([*kept, packet[at:]])


def _goes(one: Property, policy: MetadataPolicy, extension: bytes | None) -> bool:
    if extension is not None and one.names == {_POINTER} and one.value.strip().encode() == extension:
        return False
    if any(_carries(namespace, name) for namespace, name in one.names):
        return True
    text = one.value
    if hidden.holds_picture(text.encode("utf-8", "surrogatepass")):
        return True
    if not policy.hides_place or one.namespace in _HARMLESS:
        return False
    names = (name for namespace, name in one.names if namespace != RDF)  # which has an "Alt", of languages
    return any(places.names_place(name) for name in names) or places.tells_place(text.encode())


def _carries(namespace: str, name: str) -> bool:
    if namespace in _HARMLESS:
        return False
    return namespace.startswith(_CARRIERS) or any(word in name.lower() for word in _PICTURE_WORDS)
