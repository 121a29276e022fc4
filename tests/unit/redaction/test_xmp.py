"""Which bytes of an XMP packet stay, and which packets are not trusted at all."""

from __future__ import annotations

import pytest
from tests.unit.redaction import camera_files as cf

from streetveil.domain.options import MetadataPolicy
from streetveil.redaction import hidden, places, xmp

STRIP, KEEP, NO_PLACE = MetadataPolicy
DEPTH = 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'


def test_only_the_bytes_of_a_property_that_goes_are_taken_out():
    before, behind = b'xmp:Label="one"', b'xmp:Rating="5"'
    packet = cf.xmp(
        f"{before.decode()}\n GDepth:Near = '1.5'  {behind.decode()}", "<GDepth:Far >2</GDepth:Far >", DEPTH
    )
    expected = packet.replace(b"\n GDepth:Near = '1.5'", b"").replace(b"<GDepth:Far >2</GDepth:Far >", b"")
    assert xmp.surviving(packet, KEEP) == expected
    assert len(expected) < len(packet)


def test_without_gps_titles_and_directions_stay():
    kept = xmp.surviving(cf.xmp(elements="<xmp:Label>text</xmp:Label>"), NO_PLACE)
    assert kept is not None
    for text in (cf.TITLE, b"<xmp:Label>text</xmp:Label>", b"PoseHeadingDegrees", b"our stitcher"):
        assert text in kept
    assert b"GPS" not in kept


@pytest.mark.parametrize(
    "place",
    [
        '<drone:AbsoluteAltitude xmlns:drone="urn:d">+120.5</drone:AbsoluteAltitude>',
        '<a:Where xmlns:a="urn:a">48.13743, 11.57549</a:Where>',
        '<i:LocationShown xmlns:i="urn:i"><rdf:Bag><rdf:li i:City="Town"/></rdf:Bag></i:LocationShown>',
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{"latitude": 48}</rdf:li></rdf:Alt></dc:description>',
        "<photoshop:Country>Land</photoshop:Country>",
    ],
)
def test_whatever_names_a_place_goes_with_gps(place):
    packet = cf.xmp(elements=place)
    assert xmp.surviving(packet, NO_PLACE) == xmp.surviving(cf.xmp(), NO_PLACE)
    assert xmp.surviving(packet, KEEP) == packet


def test_packets_of_the_first_photoshops_are_understood():
    packet = (
        cf.xmp().replace(b"<x:xmpmeta", b'<?adobe-xap-filters esc="CR"?><x:xapmeta').replace(b"x:xmptk", b"x:xaptk")
    )
    packet = packet.replace(b"</x:xmpmeta", b"</x:xapmeta").replace(b"rdf:about", b"about").replace(b"xmptk", b"xaptk")
    assert xmp.surviving(packet, KEEP) == packet


def test_names_of_pictures_go_whatever_they_hold():
    packet = cf.xmp('my:RawThermalImage="short"', "<my:PreviewTiny>x</my:PreviewTiny>", 'xmlns:my="urn:my"')
    kept = xmp.surviving(packet, KEEP)
    assert kept is not None
    assert b"RawThermal" not in kept
    assert b"Tiny" not in kept


def bomb() -> bytes:
    entities = b'<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(12)
    )
    return b"<!DOCTYPE x [" + entities + b"]>" + cf.xmp(elements="<dc:source>&m;</dc:source>")


UNTRUSTED = {
    "empty": lambda: b"",
    "not XML": lambda: b"our label = text",
    "cut": lambda: cf.xmp()[:-200],
    "a billion laughs": bomb,
    "external entity": lambda: b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + cf.xmp(),
    "another encoding": lambda: cf.xmp().decode().encode("utf-16-le"),
    "bytes that are no UTF-8": lambda: cf.xmp().replace(cf.TITLE, b"\xff\xfe\xfa"),
    "longer than any": lambda: cf.xmp().replace(b" " * 100, b" " * (1 << 20)),
    "deeper than any": lambda: cf.xmp(elements="<xmp:a>" * 200 + "</xmp:a>" * 200),
    "text beside the properties": lambda: cf.xmp(elements="</rdf:Description>text<rdf:Description>"),
    "other elements in its RDF": lambda: cf.xmp(elements="</rdf:Description><xmp:x/><rdf:Description>"),
    "another root": lambda: b'<svg xmlns="urn:svg"><image/></svg>',
    "instructions": lambda: b"<?php x ?>" + cf.xmp(),
    "undeclared prefixes": lambda: cf.xmp('foo:bar="1"'),
}


@pytest.mark.parametrize("policy", MetadataPolicy)
@pytest.mark.parametrize("name", UNTRUSTED)
def test_a_packet_that_cannot_be_understood_goes_as_a_whole(name, policy):
    assert xmp.surviving(UNTRUSTED[name](), policy) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("ProjectionType", "<b>hello</b>"), ("PoseHeadingDegrees", "12 hello"), ("FullPanoWidthPixels", "1" * 30)],
)
def test_geometry_is_numbers_and_known_words(name, value):
    namespace = "http://ns.google.com/photos/1.0/panorama/"
    text = value.replace("<", "&lt;")
    packet = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="">'
        f'<p:{name} xmlns:p="{namespace}">{text}</p:{name}>'
        f'<p:ProjectionType xmlns:p="{namespace}"> equirectangular\n</p:ProjectionType></rdf:Description></rdf:RDF>'
    ).encode()
    kept = xmp.surviving(packet, STRIP)
    assert kept is not None
    assert b'GPano:ProjectionType="equirectangular"' in kept
    assert b"hello" not in kept
    assert b"111" not in kept


def test_ordinary_texts_are_no_pictures_and_no_places():
    texts = [
        b"A street with cars and people in front of a bakery. " * 40,
        b"https://example.org/a/long/path/to/some/9j/page?with=" + b"parameters&" * 30,
        b"uuid:0123456789ABCDEF0123456789ABCDEF\n" * 10,
        b"Canon EF 24-70mm f/2.8, 1/250 s, 20\xc2\xb0C; version 1.2.3.4567; 12.5 x 14.2",
        "Grüße aus dem Büro".encode("utf-16-le"),
    ]
    for text in texts:
        assert not hidden.holds_picture(text)
        assert not places.tells_place(text)


@pytest.mark.parametrize(
    "text",
    [
        b"48.85837, 2.29448",
        b"+48.8583+002.2945/",
        "48°51'30\" N".encode(),
        b"GPS 12",
        "48.85837, 2.29448".encode("utf-16"),
    ],
)
def test_coordinates_in_texts_are_found(text):
    assert places.tells_place(text)
