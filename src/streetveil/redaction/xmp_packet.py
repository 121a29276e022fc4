"""The properties of an XMP packet (ISO 16684-1) and the bytes that each of them takes up, read without trust."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML = "http://www.w3.org/XML/1998/namespace"
_DESCRIPTION, _ROOT = (RDF, "Description"), (RDF, "RDF")
_WRAPPERS = frozenset({("adobe:ns:meta/", "xmpmeta"), ("adobe:ns:meta/", "xapmeta")})
_LONGEST = 1 << 20
_DEEPEST = 64
_MOST_PROPERTIES = 20_000
_TAG = re.compile(rb"""<[^\s/>]+((?:\s+[^\s=<>"'/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*+)\s*/?>""")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=<>"'/]+)\s*=\s*(?:"[^"<]*"|'[^'<]*')""")


class UnreadablePacketError(Exception):
    """The packet is broken, or more than a packet of properties. Never leaves `streetveil.redaction`."""


@dataclass(slots=True)
class Property:
    """One property of the picture, with all that is nested in it.

    Attributes:
        namespace, name: of the property itself.
        start, end: its bytes in the packet.
        names: (namespace, name) of it and of all elements and attributes in it.
        texts: its value, or the values and texts in it.
        simple: it is an attribute, or an element with a text alone.
    """

    namespace: str
    name: str
    start: int
    end: int = 0
    names: set[tuple[str, str]] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    simple: bool = True

    @property
    def value(self) -> str:
        return "".join(self.texts)


@dataclass(frozen=True, slots=True)
class Packet:
    """What stands in a packet. Attributes: comments: where XML comments lie, which are no properties."""

    properties: tuple[Property, ...]
    comments: tuple[tuple[int, int], ...]


def read(packet: bytes) -> Packet:
    """Takes a packet in UTF-8 apart.

    Raises:
        UnreadablePacketError: not well-formed; in another encoding; longer than 1 MiB; with a document type (and so
            entities), processing instructions but Adobe's own, or anything beside descriptions in its RDF.
    """
    if len(packet) > _LONGEST:
        raise UnreadablePacketError
    reader = _PacketReader(packet)
    try:
        return reader.read()
    except (expat.ExpatError, ValueError, RecursionError) as error:
        raise UnreadablePacketError from error


class _PacketReader:
    def __init__(self, packet: bytes) -> None:
        self._packet = packet
        self._path: list[tuple[str, str]] = []
        self._open: Property | None = None
        self._self_closing: list[bool] = []
        self._properties: list[Property] = []
        self._comments: list[tuple[int, int]] = []
        # A parser is told the encoding, so a declaration of another one changes nothing of what is read.
        parser = expat.ParserCreate("UTF-8", " ")
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartDoctypeDeclHandler = self._refuse
        self._parser = parser

    def read(self) -> Packet:
        self._parser.Parse(self._packet, True)  # noqa: FBT003 - pyexpat takes it by position
        return Packet(tuple(self._properties), tuple(self._comments))

    def _refuse(self, *_: object) -> None:
        raise UnreadablePacketError

    def _start(self, name: str, attributes: list[str]) -> None:
        at = self._parser.CurrentByteIndex
        tag = _TAG.match(self._packet, at)
        if tag is None or len(self._path) >= _DEEPEST:
            raise UnreadablePacketError
        qualified = _split(name)
        pairs = list(zip(map(_split, attributes[::2]), attributes[1::2], strict=True))
        if self._open is not None:
            self._open.simple = False
            self._note(self._open, qualified, pairs)
        elif self._path and self._path[-1] == _DESCRIPTION:
            self._open = self._add(qualified, at)
            self._note(self._open, qualified, pairs)
            self._open.simple = not pairs
        elif qualified == _DESCRIPTION and self._path and self._path[-1] == _ROOT:
            self._shorthand(tag, pairs)
        elif not (qualified in _WRAPPERS and not self._path) and not (
            qualified == _ROOT and (not self._path or self._path[-1] in _WRAPPERS)
        ):
            raise UnreadablePacketError
        self._path.append(qualified)
        self._self_closing.append(self._packet[tag.end() - 2 : tag.end()] == b"/>")

    def _end(self, _name: str) -> None:
        self._path.pop()
        at = self._parser.CurrentByteIndex
        closed = at if self._self_closing.pop() else self._packet.index(b">", at) + 1
        if self._open is not None and self._path[-1] == _DESCRIPTION and self._path.count(_DESCRIPTION) == 1:
            self._open.end = closed
            self._open = None

    def _text(self, text: str) -> None:
        if self._open is not None:
            self._open.texts.append(text)
        elif not text.isspace():
            raise UnreadablePacketError

    def _comment(self, _text: str) -> None:
        at = self._parser.CurrentByteIndex
        if self._open is None:  # one inside of a property goes with it, or is judged with the whole packet
            self._comments.append((at, self._packet.index(b"-->", at) + 3))

    def _instruction(self, target: str, _content: str) -> None:
        if target not in {"xpacket", "adobe-xap-filters"}:
            raise UnreadablePacketError

    def _shorthand(self, tag: re.Match[bytes], pairs: list[tuple[tuple[str, str], str]]) -> None:
        """Properties written as attributes of a description."""
        written = [
            match
            for match in _ATTRIBUTE.finditer(self._packet, tag.start(1), tag.end(1))
            if match[1] != b"xmlns" and not match[1].startswith(b"xmlns:")
        ]
        for match, (name, value) in zip(written, pairs, strict=True):
            if name[0] not in {RDF, _XML}:
                found = self._add(name, match.start())
                found.end = match.end()
                found.names.add(name)
                found.texts.append(value)

    def _add(self, name: tuple[str, str], at: int) -> Property:
        if len(self._properties) >= _MOST_PROPERTIES:
            raise UnreadablePacketError
        found = Property(*name, at)
        self._properties.append(found)
        return found

    @staticmethod
    def _note(found: Property, name: tuple[str, str], pairs: list[tuple[tuple[str, str], str]]) -> None:
        found.names.add(name)
        if len(found.names) > 1 or found.texts:
            found.texts.append("\n")  # texts of two elements are two texts
        for inner, value in pairs:
            found.names.add(inner)
            found.texts += [value, "\n"]


def _split(name: str) -> tuple[str, str]:
    namespace, _, local = name.rpartition(" ")
    return namespace, local
