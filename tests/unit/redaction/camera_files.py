"""Files as cameras, phones and editors write them: one builder for each place in which a second picture can stand.

Every structure also holds texts (`KEPT`), which must survive `keep`, and places (`PLACES`), which must not survive
`keep-except-gps`. Layouts follow CIPA DC-008 (EXIF), DC-007 (MPF), ISO 16684 (XMP), IIM 4 (IPTC), Adobe's Photoshop
file formats, Google's photo metadata, and what ExifTool documents of maker notes.
"""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

CAMERA, DATE, TITLE = b"Our Camera Make", b"2020:02:02 02:02:02", b"our title of the picture"
CAPTION, KEYWORD, COMMENT = b"our iptc caption", b"our keyword", b"our own comment"
NOTE = b"what a maker notes"
KEPT = (CAMERA, DATE, TITLE, CAPTION, KEYWORD, COMMENT)
LATITUDE, XMP_LATITUDE, CITY, IPTC_CITY = b"48.1251-rational", b"48,7.51N", b"Our-Xmp-City", b"Our-Iptc-City"
PLACES = (LATITUDE, XMP_LATITUDE, CITY, IPTC_CITY)
GEOMETRY = b'GPano:FullPanoWidthPixels="320"'
XMP_SIGNATURE, EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
GUID = b"0123456789ABCDEF0123456789ABCDEF"


def encoded(kind: str, seed: int = 0, size: tuple[int, int] = (40, 32), **options: object) -> bytes:
    """A picture of noise, so that no sixteen bytes of it stand anywhere else."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    output = io.BytesIO()
    Image.fromarray(noise).save(output, kind, **options)
    return output.getvalue()


SECRET = encoded("JPEG")
SECRETS = {"jpeg": SECRET, "png": encoded("PNG"), "webp": encoded("WEBP")}
PIXELS = bytes(np.random.default_rng(1).integers(0, 256, 40 * 32 * 3, dtype=np.uint8))
FILM = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\x03\x8cmdat" + np.random.default_rng(2).bytes(900)

_CODED = {"jpeg": SECRET.index(b"\xff\xda") + 14, "png": 50, "webp": 60}
HIDDEN = (*(SECRETS[kind][at:] for kind, at in _CODED.items()), PIXELS, FILM[32:])
"""What no other file has: the pictures without what stands at the start of each file of their kinds."""


@dataclass
class Ifd:
    """A directory to be written: tag -> (type, value); a value may be a directory, or a `Blob` that is pointed to."""

    tags: Mapping[int, tuple[int, object]]
    following: Ifd | None = None


@dataclass
class Blob:
    content: bytes


def block(first: Ifd, order: str = ">") -> bytes:
    """A TIFF structure of this directory and all it points to."""
    body = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    _write(body, first, order)
    return bytes(body)


def _write(body: bytearray, ifd: Ifd, order: str) -> int:
    at = len(body)
    body += struct.pack(order + "H", len(ifd.tags)) + bytes(12 * len(ifd.tags) + 4)
    for index, (tag, (kind, value)) in enumerate(sorted(ifd.tags.items())):
        if isinstance(value, Ifd):
            count, raw = 1, struct.pack(order + "I", _write(body, value, order))
        elif isinstance(value, Blob):
            count, raw = 1, struct.pack(order + "I", len(body))
            body += value.content + b"\0" * (len(value.content) % 2)
        elif isinstance(value, int):
            count, raw = 1, struct.pack(order + ("H" if kind == 3 else "I"), value)
        else:
            assert isinstance(value, bytes)
            count, raw = len(value) // {5: 8, 4: 4, 3: 2}.get(kind, 1), value
        if len(raw) > 4:
            place = len(body)
            body += raw + b"\0" * (len(raw) % 2)
            raw = struct.pack(order + "I", place)
        start = at + 2 + 12 * index
        body[start : start + 12] = struct.pack(order + "HHI", tag, kind, count) + raw.ljust(4, b"\0")
    if ifd.following is not None:
        end = at + 2 + 12 * len(ifd.tags)
        body[end : end + 4] = struct.pack(order + "I", _write(body, ifd.following, order))
    return at


def thumbnail_ifd(content: bytes = SECRET) -> Ifd:
    return Ifd({0x0103: (3, 6), 0x0201: (4, Blob(content)), 0x0202: (4, len(content))})


def exif(
    *,
    order: str = ">",
    orientation: int = 6,
    root: Mapping[int, tuple[int, object]] | None = None,
    details: Mapping[int, tuple[int, object]] | None = None,
    following: Ifd | None = None,
) -> bytes:
    """An EXIF block with our texts and a GPS directory, and what a test adds to it."""
    gps = Ifd({0: (1, b"\2\3\0\0"), 1: (2, b"N\0"), 2: (5, LATITUDE + b"12345678"), 29: (2, b"2020:02:02\0")})
    inside = {0x9003: (2, DATE + b"\0"), 0x927C: (7, NOTE), 0xA005: (4, Ifd({1: (2, b"R98\0")})), **(details or {})}
    tags = {0x010F: (2, CAMERA + b"\0"), 0x0112: (3, orientation), 0x8769: (4, Ifd(inside)), 0x8825: (4, gps)}
    return block(Ifd({**tags, **(root or {})}, following), order)


def xmp(attributes: str = "", elements: str = "", namespaces: str = "") -> bytes:
    """A packet of our texts, a place, a panorama's geometry and what a test adds to it."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="a tool">\n'
        ' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"\n'
        '    xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"\n'
        '    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/"\n'
        '    xmlns:GPano="http://ns.google.com/photos/1.0/panorama/"\n'
        f"    {namespaces}\n"
        f'    exif:GPSLatitude="{XMP_LATITUDE.decode()}" photoshop:City="{CITY.decode()}"\n'
        '    GPano:ProjectionType="equirectangular" GPano:PoseHeadingDegrees="12.5"\n'
        f"    {GEOMETRY.decode()} GPano:StitchingSoftware='our stitcher'\n"
        f"    {attributes}>\n"
        f'   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{TITLE.decode()}</rdf:li></rdf:Alt></dc:title>\n'
        f"   <exif:GPSTimeStamp>2020-02-02T02:02:02Z</exif:GPSTimeStamp>\n"
        f"   {elements}\n"
        "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n" + " " * 100 + '\n<?xpacket end="w"?>'
    ).encode()


def data_set(record: int, number: int, content: bytes) -> bytes:
    return bytes([0x1C, record, number]) + struct.pack(">H", len(content)) + content


def iptc(*more: bytes) -> bytes:
    texts = [(90, IPTC_CITY), (120, CAPTION), (25, KEYWORD)]
    return data_set(1, 90, b"\x1b%G") + b"".join(data_set(2, number, text) for number, text in texts) + b"".join(more)


def resource(kind: int, content: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", kind, 0, len(content)) + content + b"\0" * (len(content) % 2)


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


@dataclass
class CameraFile:
    """What stands around the pixels of a JPEG file."""

    exif: bytes = field(default_factory=exif)
    xmp: bytes = field(default_factory=xmp)
    resources: bytes = field(default_factory=lambda: resource(0x0404, iptc()))
    comment: bytes = COMMENT
    extra: tuple[bytes, ...] = ()
    between_scans: bytes = b""
    trailer: bytes = b""

    def around(self, plain: bytes) -> bytes:
        """The file, its pixels taken from a progressive JPEG with a JFIF header."""
        parts = [
            segment(0xE1, b"Exif\0\0" + self.exif),
            segment(0xE1, XMP_SIGNATURE + self.xmp),
            *self.extra,
            segment(0xED, b"Photoshop 3.0\0" + self.resources),
            segment(0xFE, self.comment),
        ]
        second = plain.index(b"\xff\xda", plain.index(b"\xff\xda") + 2)
        second = plain.rindex(b"\xff\xc4", 0, second)
        return b"".join([plain[:20], *parts, plain[20:second], self.between_scans, plain[second:], self.trailer])


def coded(content: bytes = SECRET) -> str:
    return base64.b64encode(content).decode()


def wrapped(content: bytes = SECRET) -> str:
    """As Adobe writes it into XMP."""
    text = coded(content)
    return "&#xA;".join(text[at : at + 76] for at in range(0, len(text), 76))


def _note(header: bytes, entries: Mapping[int, tuple[int, object]], order: str = "<", *, own_offsets: bool) -> bytes:
    """A maker note; where its offsets count from itself, from the start of a TIFF structure of its own."""
    whole = block(Ifd(entries), order)
    return header + (whole if own_offsets else whole[8:])


def maker(note: bytes) -> CameraFile:
    return CameraFile(exif=exif(details={0x927C: (7, note)}))


def _multi_picture(first_size: int, second: bytes) -> bytes:
    entries = struct.pack(">IIIHH", 0x20030000, first_size, 0, 0, 0) + struct.pack(">IIIHH", 0, len(second), 9999, 0, 0)
    return segment(0xE2, b"MPF\0" + block(Ifd({0xB000: (7, b"0100"), 0xB001: (4, 2), 0xB002: (7, entries)})))


def extended(content: bytes, guid: bytes = GUID, size: int = 60_000) -> tuple[bytes, ...]:
    """Extended XMP, so many bytes a segment."""
    pieces = [(at, content[at : at + size]) for at in range(0, len(content), size)]
    return tuple(segment(0xE1, EXTENSION + guid + struct.pack(">II", len(content), at) + piece) for at, piece in pieces)


THUMBNAILS = (
    '<xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType="Resource"><xmpGImg:format>JPEG</xmpGImg:format>'
    "<xmpGImg:width>40</xmpGImg:width><xmpGImg:image>{}</xmpGImg:image></rdf:li></rdf:Alt></xmp:Thumbnails>"
)
_GOOGLE = (
    'xmlns:GImage="http://ns.google.com/photos/1.0/image/" xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/" '
    'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" '
    'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"'
)
_DIRECTORY = (
    '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="image/jpeg" '
    'Item:Semantic="Primary"/></rdf:li><rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="{}" '
    'Item:Semantic="{}" Item:Length="{}"/></rdf:li></rdf:Seq></Container:Directory>'
)
_SAMSUNG = b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + FILM + b"SEFH" + bytes(20) + b"\x20\0\0\0SEFT"
_DEPTH = extended(
    (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {_GOOGLE} GImage:Data="{coded(SECRET * 40)}" '
        f'GDepth:Data="{coded(SECRETS["png"])}"/>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()
)
_PREVIEW_IFD = Ifd({0x0103: (3, 6), 0x0201: (4, Blob(SECRET)), 0x0202: (4, len(SECRET))})

STRUCTURES: dict[str, Callable[[], CameraFile]] = {
    "text alone": CameraFile,
    "EXIF thumbnail": lambda: CameraFile(exif=exif(following=thumbnail_ifd())),
    "EXIF thumbnail, little-endian": lambda: CameraFile(exif=exif(order="<", following=thumbnail_ifd())),
    "EXIF thumbnail of raw pixels": lambda: CameraFile(
        exif=exif(following=Ifd({0x0103: (3, 1), 0x0111: (4, Blob(PIXELS)), 0x0117: (4, len(PIXELS))}))
    ),
    "EXIF with two thumbnails": lambda: CameraFile(
        exif=exif(following=Ifd(thumbnail_ifd().tags, thumbnail_ifd(SECRETS["png"])))
    ),
    "EXIF preview in a sub-directory": lambda: CameraFile(exif=exif(root={0x014A: (4, _PREVIEW_IFD)})),
    "EXIF preview in IFD0": lambda: CameraFile(exif=exif(root=_PREVIEW_IFD.tags)),
    "EXIF thumbnail by Microsoft": lambda: CameraFile(exif=exif(root={0x501B: (7, PIXELS)})),
    "EXIF pixels under a tag that nobody knows": lambda: CameraFile(exif=exif(root={0x501A: (7, PIXELS)})),
    "EXIF pixels said to be text": lambda: CameraFile(exif=exif(root={0x501A: (2, PIXELS)})),
    "EXIF pixels as user comment": lambda: CameraFile(exif=exif(details={0x9286: (7, b"UNICODE\0" + PIXELS)})),
    "EXIF with Photoshop's thumbnail": lambda: CameraFile(
        exif=exif(root={0x8649: (7, resource(0x040C, bytes(28) + SECRET))})
    ),
    "EXIF with XMP with a thumbnail": lambda: CameraFile(
        exif=exif(root={0x02BC: (1, xmp(elements=THUMBNAILS.format(wrapped())))})
    ),
    "EXIF with IPTC with a preview": lambda: CameraFile(
        exif=exif(root={0x83BB: (7, iptc(data_set(2, 202, PIXELS[:900])))})
    ),
    "EXIF user comment in base64": lambda: CameraFile(
        exif=exif(details={0x9286: (7, b"ASCII\0\0\0" + coded(SECRETS["webp"]).encode())})
    ),
    "EXIF comment of Windows in base64": lambda: CameraFile(
        exif=exif(root={0x9C9C: (1, coded(SECRET).encode("utf-16-le"))})
    ),
    "EXIF gap": lambda: CameraFile(exif=exif() + PIXELS + SECRET),
    "maker note of Canon": lambda: maker(_note(b"", {0x0006: (2, b"Canon\0"), 0x00F0: (7, SECRET)}, own_offsets=False)),
    "maker note of Nikon": lambda: maker(
        _note(b"Nikon\0\x02\x10\0\0", {0x0001: (7, b"0210"), 0x0011: (4, _PREVIEW_IFD)}, ">", own_offsets=True)
    ),
    "maker note of Olympus": lambda: maker(_note(b"OLYMPUS\0II\3\0", {0x0100: (7, SECRET)}, own_offsets=True)),
    "maker note of Casio": lambda: maker(_note(b"QVC\0\0\0", {0x2000: (7, SECRET)}, ">", own_offsets=False)),
    "maker note of Minolta, first byte overwritten": lambda: maker(
        _note(b"", {0x0000: (7, b"MLT0"), 0x0081: (7, b"\2" + SECRET[1:])}, ">", own_offsets=False)
    ),
    "maker note of Sony": lambda: maker(
        _note(b"SONY DSC \0\0\0", {0x2001: (7, bytes(32) + SECRET)}, own_offsets=False)
    ),
    "maker note of Pentax": lambda: maker(
        _note(b"AOC\0MM", {0x0003: (4, len(SECRET)), 0x0004: (4, Blob(SECRET))}, ">", own_offsets=False)
    ),
    "maker note of Samsung": lambda: maker(_note(b"", {0x0035: (4, _PREVIEW_IFD)}, own_offsets=True)),
    "maker note of Panasonic": lambda: maker(
        _note(b"Panasonic\0\0\0", {0x0010: (7, SECRETS["png"])}, own_offsets=False)
    ),
    "maker note with a preview outside of it": lambda: CameraFile(
        exif=exif(details={0x927C: (7, struct.pack(">HHHII", 1, 4, 4, 1, 999))}) + SECRET
    ),
    "JFXX thumbnail as JPEG": lambda: CameraFile(extra=(segment(0xE0, b"JFXX\0\x10" + SECRET),)),
    "JFXX thumbnail as palette": lambda: CameraFile(
        extra=(segment(0xE0, b"JFXX\0\x11\x10\x10" + PIXELS[: 768 + 256]),)
    ),
    "JFXX thumbnail as pixels": lambda: CameraFile(extra=(segment(0xE0, b"JFXX\0\x13\x28\x20" + PIXELS),)),
    "Photoshop thumbnails": lambda: CameraFile(
        resources=resource(0x0409, bytes(28) + PIXELS)
        + resource(0x0404, iptc())
        + resource(0x040C, bytes(28) + SECRET)
        + resource(0x0425, bytes(16))
    ),
    "IPTC preview": lambda: CameraFile(
        resources=resource(0x0404, iptc(data_set(2, 200, b"\0\1"), data_set(2, 202, PIXELS[:2000])))
    ),
    "IPTC picture": lambda: CameraFile(resources=resource(0x0404, iptc(data_set(8, 10, PIXELS)))),
    "XMP thumbnail": lambda: CameraFile(xmp=xmp(elements=THUMBNAILS.format(wrapped()))),
    "XMP thumbnail of raw pixels": lambda: CameraFile(xmp=xmp(elements=THUMBNAILS.format(coded(PIXELS)))),
    "XMP thumbnail hidden in entities": lambda: CameraFile(
        xmp=xmp(elements=f"<dc:source>{'&#47;' + coded()[1:]}</dc:source>")
    ),
    "XMP preview under a name of its own": lambda: CameraFile(
        xmp=xmp(f'my:Face="{coded(PIXELS)}"', namespaces='xmlns:my="urn:my"')
    ),
    "XMP comment": lambda: CameraFile(xmp=xmp(elements=f"</rdf:Description><!-- {coded()} --><rdf:Description>")),
    "extended XMP with original and depth": lambda: CameraFile(
        xmp=xmp(
            f'GImage:Mime="image/jpeg" GDepth:Format="RangeInverse" xmpNote:HasExtendedXMP="{GUID.decode()}"',
            namespaces=_GOOGLE,
        ),
        extra=_DEPTH,
    ),
    "extended XMP with texts beside a depth map": lambda: CameraFile(
        xmp=xmp(f'xmpNote:HasExtendedXMP="{GUID.decode()}"', namespaces=_GOOGLE),
        extra=extended(
            xmp("my:History='a text'", f"<GDepth:Data>{coded()}</GDepth:Data>", f'{_GOOGLE} xmlns:my="urn:my"'),
            size=500,
        ),
    ),
    "XMP with original and depth": lambda: CameraFile(
        xmp=xmp(f'GDepth:Data="{coded(SECRETS["png"])}"', f"<GImage:Data>{coded()}</GImage:Data>", _GOOGLE)
    ),
    "phone's debugging blob": lambda: CameraFile(xmp=xmp(f'GCamera:hdrp_makernote="{coded(PIXELS)}"', "", _GOOGLE)),
    "motion photo of Google": lambda: CameraFile(
        xmp=xmp(
            'GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"',
            _DIRECTORY.format("video/mp4", "MotionPhoto", len(FILM)),
            _GOOGLE,
        ),
        trailer=FILM,
    ),
    "micro video of Google": lambda: CameraFile(
        xmp=xmp(f'GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(FILM)}"', "", _GOOGLE), trailer=FILM
    ),
    "motion photo of Samsung": lambda: CameraFile(trailer=_SAMSUNG),
    "multi-picture file": lambda: CameraFile(extra=(_multi_picture(5000, SECRET),), trailer=SECRET),
    "Ultra HDR": lambda: CameraFile(
        xmp=xmp('hdrgm:Version="1.0"', _DIRECTORY.format("image/jpeg", "GainMap", len(SECRET)), _GOOGLE),
        extra=(_multi_picture(5000, SECRET), segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))),
        trailer=SECRET,
    ),
    "rest of a larger file behind the end": lambda: CameraFile(trailer=PIXELS + SECRET + SECRETS["png"]),
    "FlashPix": lambda: CameraFile(extra=(segment(0xE2, b"FPXR\0\0\1" + SECRET),)),
    "thermal camera": lambda: CameraFile(extra=(segment(0xE1, b"FLIR\0\1\0\0" + SECRETS["png"]),)),
    "JUMBF": lambda: CameraFile(extra=(segment(0xEB, b"JP\0\1" + bytes(8) + SECRET),)),
    "second EXIF": lambda: CameraFile(
        extra=(segment(0xE1, b"Exif\0\0" + exif(following=thumbnail_ifd())), segment(0xE1, SECRET))
    ),
    "colour profile": lambda: CameraFile(extra=(segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(128) + SECRET),)),
    "marker that decoders skip": lambda: CameraFile(extra=(segment(0xDC, PIXELS),)),
    "segments between scans": lambda: CameraFile(
        between_scans=segment(0xE7, SECRET) + segment(0xFE, SECRET) + segment(0xDC, PIXELS)
    ),
    "comment": lambda: CameraFile(extra=(segment(0xFE, SECRET), segment(0xFE, b"x" + SECRETS["webp"]))),
    "comment in base64": lambda: CameraFile(
        extra=(segment(0xFE, coded().encode()), segment(0xFE, b"img: " + coded(b"\0" + PIXELS).encode()))
    ),
    "comment in lines of base64": lambda: CameraFile(
        extra=(segment(0xFE, base64.encodebytes(PIXELS)), segment(0xFE, wrapped(PIXELS).encode()))
    ),
    "comment in hexadecimal": lambda: CameraFile(extra=(segment(0xFE, SECRET.hex().encode()),)),
}
"""By name; each has the texts of `KEPT` but for what its own hiding place would take with it."""
