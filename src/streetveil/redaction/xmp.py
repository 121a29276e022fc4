"""XMP packets: which properties survive a redaction."""

from __future__ import annotations

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
_HARMLESS = frozenset({gpano.NAMESPACE})
_PICTURE_WORDS = ("thumbnail", "preview", "thermalimage", "thermaldata", "imagedata", "motionphoto", "depthmap")


def surviving(packet: bytes, policy: MetadataPolicy) -> bytes | None:
    """What a redacted file carries of a packet; None for nothing.

    - `strip`: a new packet of the geometry that viewers of 360-degree pictures need, if there is one.
    - `keep`: the packet byte for byte, without properties that hold pictures or tell of pictures beside this one.
    - `keep-except-gps`: without those that say a place, too.

    A packet that cannot be understood goes as a whole.
    """
    packet = packet.rstrip(b"\0")
    try:
        found = read(packet)
        if not policy.keeps:
            return gpano.geometry(found.properties)
        cleaned = _without(packet, found, policy)
        again = read(cleaned)
    except UnreadablePacketError:
        return None
    if any(_goes(one, policy) for one in again.properties) or hidden.holds_picture(cleaned):
        return None
    return cleaned if again.properties else None


def _without(packet: bytes, found: Packet, policy: MetadataPolicy) -> bytes:
    cut = sorted([(one.start, one.end) for one in found.properties if _goes(one, policy)] + list(found.comments))
    kept, at = [], 0
    for start, end in cut:
        kept.append(packet[at:start])
        at = end
    return b"".join([*kept, packet[at:]])


def _goes(one: Property, policy: MetadataPolicy) -> bool:
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
