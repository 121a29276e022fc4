"""What surrounds the picture in a JPEG file: which segments survive a redaction, and in what order they are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streetveil.domain.geometry import Orientation
from streetveil.domain.options import MetadataPolicy
from streetveil.errors import UndecodableImageError
from streetveil.imaging import jpeg
from streetveil.imaging.jpeg import Layout, Segment
from streetveil.imaging.picture import Picture
from streetveil.redaction import exif, hidden, photoshop, places, profile, texts, xmp, xmp_extension

_JFIF, _ADOBE, _PROFILE = b"JFIF\x00", b"Adobe", b"ICC_PROFILE\x00"
_XMP, _PHOTOSHOP = b"http://ns.adobe.com/xap/1.0/\x00", b"Photoshop 3.0\x00"
_JFIF_BYTES = 14  # up to the thumbnail's size, which becomes 0 x 0
_ADOBE_BYTES = 12
_PROFILE_BYTES = len(_PROFILE) + 2  # before a portion of the profile
_LONGEST = 65533


def rewrap(
    original: Layout,
    pieces: Iterable[bytes],
    colour: Sequence[Segment],
    orientation: Orientation,
    policy: MetadataPolicy,
) -> bytes:
    """A picture with those segments of `original` that the policy lets through.

    Always gone: embedded previews (in EXIF, JFXX, Photoshop resources, XMP), the secondary pictures of
    multi-picture files with their index (CIPA DC-007), application segments of unknown content, and
    whatever stands between scans or behind the end marker.

    Args:
        original: the file that came in.
        pieces: the picture that goes out, as `pieces_of` returns it.
        colour: segments of the file for which its samples were coded.
        orientation: as the original is shown.
        policy: what happens to EXIF, XMP, IPTC and comments.
    """
    # Adobe's marker tells how the samples were coded, so it must come from the file that holds the samples.
    adobe = [_write(s.marker, s.payload[:_ADOBE_BYTES]) for s in colour if _is(s, jpeg.APP14, _ADOBE)]
    density = [s for s in original.segments if _is(s, jpeg.APP0, _JFIF) and len(s.payload) >= _JFIF_BYTES]
    fallback = [s for s in colour if _is(s, jpeg.APP0, _JFIF)]
    jfif = [_write(s.marker, s.payload[: _JFIF_BYTES - 2] + b"\0\0") for s in (density or fallback)[:1]]
    if adobe and not fallback:
        jfif = []  # CMYK and RGB: JFIF would say that the samples are YCbCr
    kept = _metadata(original.segments, orientation, policy)
    profiles = _profiles([s.payload for s in original.segments if _is(s, jpeg.APP2, _PROFILE)])
    return b"".join([b"\xff\xd8", *jfif, *kept, *profiles, *adobe[:1], *pieces])


def _profiles(payloads: Sequence[bytes]) -> list[bytes]:
    """The segments of the colour profile, whose portions are numbered from 1 (ICC.1:2022, annex B.4)."""
    ordered = sorted(payloads, key=lambda payload: payload[len(_PROFILE) : len(_PROFILE) + 1])
    whole = b"".join(payload[_PROFILE_BYTES:] for payload in ordered)
    kept = profile.surviving(whole)
    if kept is None:
        return []
    if kept == whole:
        return [_write(jpeg.APP2, payload) for payload in payloads]
    room = _LONGEST - _PROFILE_BYTES
    portions = [kept[at : at + room] for at in range(0, len(kept), room)]
    total = len(portions)
    return [
        _write(jpeg.APP2, _PROFILE + bytes([number, total]) + portion)
        for number, portion in enumerate(portions, start=1)
    ]


def pieces_of(data: bytes, layout: Layout) -> list[bytes]:
    """Tables, frame header and scans byte for byte.

    Args:
        data: the whole file.
        layout: `data` taken apart.
    """
    picture = [data[segment.start : segment.end] for segment in layout.segments if not jpeg.is_application(segment)]
    return [*picture, *(data[piece] for piece in layout.scans)]


def same_picture(one: Picture, other: Picture) -> bool:
    """True where two files hold the same tables, scans and marks of colour byte for byte, so that one decodes as the
    other does.

    Raises:
        UndecodableImageError, UnsupportedPixelFormatError: one of the two cannot be taken apart.
    """
    mine, theirs = ((pieces_of(it.data, it.jpeg_layout), _colour(it.jpeg_layout)) for it in (one, other))
    return mine == theirs


def require_nothing_else(written: Picture) -> None:
    """Makes sure that a JPEG has nothing between its scans and nothing behind its end.

    Raises:
        UndecodableImageError: it has.
    """
    layout = written.jpeg_layout
    coded = sum(piece.stop - piece.start for piece in layout.scans)
    if layout.scans[0].start + coded != len(written.data):
        raise UndecodableImageError("Something else than the picture stands between its scans.")


def _colour(layout: Layout) -> list[tuple[bool, bytes]]:
    """What decoders read of APP0 and APP14 (jdmarker.c): that JFIF is there, and Adobe's transform."""
    jfif = [(True, b"") for s in layout.segments if _is(s, jpeg.APP0, _JFIF) and len(s.payload) >= _JFIF_BYTES]
    return jfif[:1] + [(False, s.payload[:_ADOBE_BYTES]) for s in layout.segments if _is(s, jpeg.APP14, _ADOBE)]


def _metadata(segments: tuple[Segment, ...], orientation: Orientation, policy: MetadataPolicy) -> list[bytes]:
    kept: list[bytes] = []
    blocks = (s.payload[len(jpeg.EXIF_SIGNATURE) :] for s in segments if _is(s, jpeg.APP1, jpeg.EXIF_SIGNATURE))
    block = exif.block_for(next(blocks, None), orientation, policy)
    if block is not None:
        kept.append(_write(jpeg.APP1, jpeg.EXIF_SIGNATURE + block))
    packets = [s.payload[len(_XMP) :] for s in segments if _is(s, jpeg.APP1, _XMP)]
    if not policy.keeps:
        geometry = (xmp.surviving(packet, policy) for packet in packets)
        return kept + [_write(jpeg.APP1, _XMP + packet) for packet in geometry if packet][:1]
    kept += _xmp(packets, [s.payload for s in segments if _is(s, jpeg.APP1, xmp_extension.SIGNATURE)], policy)
    comments = (s.payload for s in segments if s.marker == jpeg.COM)
    kept += [_write(jpeg.COM, comment) for comment in comments if _text_stays(comment, policy)]
    resources = b"".join(s.payload[len(_PHOTOSHOP) :] for s in segments if _is(s, 0xED, _PHOTOSHOP))
    iptc = photoshop.iptc_alone(resources, policy)
    if iptc and len(_PHOTOSHOP + iptc) <= _LONGEST:
        kept.append(_write(0xED, _PHOTOSHOP + iptc))
    return kept


def _xmp(packets: Sequence[bytes], portions: Sequence[bytes], policy: MetadataPolicy) -> list[bytes]:
    """Segments of packets, and of extended XMP if a packet points to it."""
    extension = xmp_extension.surviving(packets, portions, policy) if portions else None
    if extension is not None:
        packets = [extension.rename_in(packet) for packet in packets]
    cleaned = (xmp.surviving(packet, policy, extension.new if extension else None) for packet in packets)
    written = [packet for packet in cleaned if packet and len(_XMP + packet) <= _LONGEST]
    payloads = [_XMP + packet for packet in written]
    if extension is not None and any(xmp.pointer(packet) is not None for packet in written):
        payloads += extension.portions()
    return [_write(jpeg.APP1, payload) for payload in payloads]


def _text_stays(comment: bytes, policy: MetadataPolicy) -> bool:
    if texts.may_be_pixels(comment) or hidden.holds_picture(comment):
        return False
    return not (policy.hides_place and places.tells_place(comment))


def _is(segment: Segment, marker: int, signature: bytes) -> bool:
    return segment.marker == marker and segment.payload.startswith(signature)


def _write(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2) + payload
