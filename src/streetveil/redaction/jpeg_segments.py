"""What surrounds the picture in a JPEG file: which segments survive a redaction, and in what order they are written."""

from __future__ import annotations

from streetveil.domain.geometry import Orientation
from streetveil.domain.options import MetadataPolicy
from streetveil.imaging import jpeg
from streetveil.imaging.jpeg import Segment
from streetveil.redaction import exif, hidden, photoshop, places, xmp

_JFIF, _ADOBE, _PROFILE = b"JFIF\x00", b"Adobe", b"ICC_PROFILE\x00"
_XMP, _PHOTOSHOP = b"http://ns.adobe.com/xap/1.0/\x00", b"Photoshop 3.0\x00"
_JFIF_BYTES = 14  # up to the thumbnail's size, which becomes 0 x 0
_ADOBE_BYTES = 12
_LONGEST = 65533


def rewrap(original: bytes, coded: bytes, orientation: Orientation, policy: MetadataPolicy) -> bytes:
    """The picture of `coded` with those segments of `original` that the policy lets through.

    Always gone: embedded previews (in EXIF, JFXX, Photoshop resources, XMP), the secondary pictures of
    multi-picture files with their index (CIPA DC-007), application segments of unknown content, and
    whatever stands between scans or behind the end marker. Tables and scans are copied byte for byte.

    Args:
        original: the file that came in.
        coded: the file whose pixels go out, the same object where they are untouched.
        orientation: as the original is shown.
        policy: what happens to EXIF, XMP, IPTC and comments.

    Raises:
        UndecodableImageError: one of the two cannot be taken apart.
    """
    old = jpeg.take_apart(original)
    new = old if coded is original else jpeg.take_apart(coded)
    # Adobe's marker tells how the samples were coded, so it must come from the file that holds the samples.
    adobe = [_write(s.marker, s.payload[:_ADOBE_BYTES]) for s in new.segments if _is(s, jpeg.APP14, _ADOBE)]
    density = [s for s in old.segments if _is(s, jpeg.APP0, _JFIF) and len(s.payload) >= _JFIF_BYTES]
    fallback = [s for s in new.segments if _is(s, jpeg.APP0, _JFIF)]
    jfif = [_write(s.marker, s.payload[: _JFIF_BYTES - 2] + b"\0\0") for s in (density or fallback)[:1]]
    if adobe and new is not old and not fallback:
        jfif = []  # CMYK and RGB: JFIF would say that the samples are YCbCr
    picture = [coded[s.start : s.end] for s in new.segments if not jpeg.is_application(s)]
    kept = _metadata(old.segments, orientation, policy)
    profile = [s.payload for s in old.segments if _is(s, jpeg.APP2, _PROFILE)]
    if hidden.holds_file(b"".join(payload[len(_PROFILE) + 2 :] for payload in profile)):
        profile = []
    profiles = [_write(jpeg.APP2, payload) for payload in profile]
    scans = [coded[piece] for piece in new.scans]
    return b"".join([b"\xff\xd8", *jfif, *kept, *profiles, *adobe[:1], *picture, *scans])


def _metadata(segments: tuple[Segment, ...], orientation: Orientation, policy: MetadataPolicy) -> list[bytes]:
    kept: list[bytes] = []
    blocks = (s.payload[len(jpeg.EXIF_SIGNATURE) :] for s in segments if _is(s, jpeg.APP1, jpeg.EXIF_SIGNATURE))
    block = exif.block_for(next(blocks, None), orientation, policy)
    if block is not None:
        kept.append(_write(jpeg.APP1, jpeg.EXIF_SIGNATURE + block))
    # Extended XMP (depth maps, unblurred copies) has another signature, and so is left out.
    packets = (xmp.surviving(s.payload[len(_XMP) :], policy) for s in segments if _is(s, jpeg.APP1, _XMP))
    written = [packet for packet in packets if packet and len(_XMP + packet) <= _LONGEST]
    kept += [_write(jpeg.APP1, _XMP + packet) for packet in (written if policy.keeps else written[:1])]
    if not policy.keeps:
        return kept
    comments = (s.payload for s in segments if s.marker == jpeg.COM)
    kept += [_write(jpeg.COM, comment) for comment in comments if _text_stays(comment, policy)]
    resources = b"".join(s.payload[len(_PHOTOSHOP) :] for s in segments if _is(s, 0xED, _PHOTOSHOP))
    iptc = photoshop.iptc_alone(resources, policy)
    if iptc and len(_PHOTOSHOP + iptc) <= _LONGEST:
        kept.append(_write(0xED, _PHOTOSHOP + iptc))
    return kept


def _text_stays(comment: bytes, policy: MetadataPolicy) -> bool:
    return not hidden.holds_picture(comment) and not (policy.hides_place and places.tells_place(comment))


def _is(segment: Segment, marker: int, signature: bytes) -> bool:
    return segment.marker == marker and segment.payload.startswith(signature)


def _write(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2) + payload
