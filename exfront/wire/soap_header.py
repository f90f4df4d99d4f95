"""The start of a SOAP envelope, up to its Body: read as it comes, with a block put into its header or taken out of it.

SOAP 1.1 section 4 and SOAP 1.2 part 1 section 5: an Envelope has perhaps one Header, and then a Body. No more than the
start is ever held. Read with expat, which Python brings along, in UTF-8 alone: what one side takes for UTF-8 and the
other for UTF-7 or UTF-16 is two different envelopes. No document type (so no entities) and no instruction, which SOAP
forbids (SOAP 1.1 section 3).
"""

from __future__ import annotations

from typing import Never
from xml.parsers import expat

from attrs import define, field, frozen

from exfront.wire.soap_context import NAME, TYPES, Part

SOAP_1_1 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_1_2 = "http://www.w3.org/2003/05/soap-envelope"

# What only one server says to another one: the EWS reference has the first two for token serialization and for the
# proxy, the third "for internal use only". Whoever says one of them over our connection is believed.
SERVERS_OWN = frozenset({"serializedsecuritycontext", "proxysecuritycontext", "openasadminorsystemservice"})

_SPACE = " "  # between name space and name, as expat is told to write them
_CONTEXT = f"{TYPES}{_SPACE}{NAME}"
_ENCODINGS = frozenset({"utf-8", "us-ascii"})
_MARKS = (b"\xfe\xff", b"\xff\xfe")  # of UTF-16; UTF-32 begins with one of them, or with NUL
_HANDLERS = ("StartElementHandler", "EndElementHandler", "CharacterDataHandler", "XmlDeclHandler")
_LOOK = 4  # octets that tell the encoding (XML 1.0 appendix F)


class BadEnvelope(ValueError):  # noqa: N818 - an answer to a peer, not a fault
    """Not the start of a SOAP envelope; the message says why and repeats nothing of it."""


class OtherEncoding(BadEnvelope):
    """It may be one, in an encoding that is not read."""


class ForeignContext(BadEnvelope):
    """Its header has what only servers say to each other."""


@frozen
class Span:
    """Octets from `start` up to `end`, without that."""

    start: int
    end: int


@frozen
class Envelope:
    """`octets` are all that came until the Body began, and perhaps some more; `body` is where it begins.

    `soap` is the name space of this version of SOAP, `header` where the Header is; `context` where a security context
    is in it, and `parts` what that says.
    """

    octets: bytes = field(repr=False)
    soap: str
    body: int
    header: Span | None = None
    context: Span | None = None
    parts: tuple[Part, ...] = field(default=(), repr=False)

    def with_block(self, block: bytes) -> bytes:
        """The octets with one more block, the last one of the header; with a header, where there was none."""
        octets, header = self.octets, self.header
        if header is None:
            made = b'<x:Header xmlns:x="%b">%b</x:Header>' % (self.soap.encode("ascii"), block)
            return b"%b%b%b" % (octets[: self.body], made, octets[self.body :])
        tag_end = _tag_end(octets, header.start)
        if octets[tag_end - 2] == _SLASH:  # <s:Header/>
            name = _name_at(octets, header.start + 1)
            return b"%b>%b</%b>%b" % (octets[: tag_end - 2], block, name, octets[tag_end:])
        end = octets.rindex(b"</", header.start, header.end)
        return b"%b%b%b" % (octets[:end], block, octets[end:])

    def without_context(self) -> bytes:
        """The octets without the security context."""
        span = self.context
        return self.octets if span is None else self.octets[: span.start] + self.octets[span.end :]


_SLASH, _QUOTES, _END = ord("/"), b"\"'", ord(">")


@define(eq=False)
class EnvelopeReader:
    """Takes the octets of a request's body until its Body has begun, `most` of them at most.

    With `contexts` its header may hold one security context: of a peer that is believed. How the octets are split does
    not matter.
    """

    most: int
    contexts: bool = False
    _octets: bytearray = field(factory=bytearray, repr=False)
    _taken: int = 0  # by expat
    _envelope: Envelope | None = None
    _names: list[str] = field(factory=list, repr=False)  # of the elements that are open
    _soap: str = ""
    _header_start: int = -1
    _header: Span | None = None
    _context_start: int = -1
    _context: Span | None = None
    _parts: list[Part] = field(factory=list, repr=False)
    _parser: expat.XMLParserType = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._parser = parser = expat.ParserCreate("utf-8", _SPACE)
        for name, handler in zip(_HANDLERS, (self._start, self._end, self._text, self._declared), strict=True):
            setattr(parser, name, handler)
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ProcessingInstructionHandler = _forbidden
        parser.ordered_attributes = parser.buffer_text = True
        if hasattr(parser, "SetReparseDeferralEnabled"):  # expat 2.6: the Body must not be seen later than it came
            parser.SetReparseDeferralEnabled(False)

    def receive(self, octets: bytes) -> Envelope | None:
        """More of it; the envelope once its Body has begun. Raises `BadEnvelope`."""
        self._octets += octets
        if not self._taken and not self._known_encoding():
            return None
        piece = bytes(self._octets[self._taken : self.most])
        self._taken += len(piece)
        self._parse(piece, last=False)
        if self._envelope is None and len(self._octets) > self.most:
            raise BadEnvelope(f"no Body within {self.most} octets")
        return self._envelope

    def end(self) -> Never:
        """There is no more of it, and no Body. Raises `BadEnvelope`."""
        self._parse(bytes(self._octets[self._taken :]), last=True)
        raise BadEnvelope("no Body")

    def _known_encoding(self) -> bool:
        """Whether enough is there to see that it is no UTF-16."""
        start = bytes(self._octets[:_LOOK])
        if start.startswith(_MARKS) or b"\0" in start:
            raise OtherEncoding("UTF-16 or UTF-32")
        return len(start) == _LOOK

    def _parse(self, piece: bytes, *, last: bool) -> None:
        try:
            self._parser.Parse(piece, last)
        except _BodyBegins as begins:
            self._envelope = Envelope(
                bytes(self._octets), self._soap, begins.index, self._header, self._context, tuple(self._parts)
            )
            self._let_go()
        except expat.ExpatError as error:
            raise BadEnvelope(f"not well-formed XML: {expat.ErrorString(error.code)}") from None

    def _let_go(self) -> None:
        """The parser knows us: nothing is left for the garbage collector to find out."""
        for name in _HANDLERS:
            setattr(self._parser, name, None)

    # --- of expat

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        if version != "1.0":
            raise BadEnvelope("not XML 1.0")
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise OtherEncoding("it declares an encoding other than UTF-8")

    def _start(self, name: str, attributes: list[str]) -> None:
        depth = len(self._names)
        if depth == 0:
            self._envelope_starts(name)
        elif depth == 1:
            self._child_starts(name)
        else:
            self._block_starts(name, depth, attributes)
        self._names.append(name)

    def _envelope_starts(self, name: str) -> None:
        self._soap, _, local = name.rpartition(_SPACE)
        if local != "Envelope" or self._soap not in (SOAP_1_1, SOAP_1_2):
            raise BadEnvelope("not an Envelope of SOAP 1.1 or 1.2")

    def _child_starts(self, name: str) -> None:
        index = self._parser.CurrentByteIndex
        if name == f"{self._soap}{_SPACE}Body":
            raise _BodyBegins(index)
        if name != f"{self._soap}{_SPACE}Header":
            raise BadEnvelope("something beside Header and Body")
        if self._header is not None:
            raise BadEnvelope("two Headers")
        self._header_start = index

    def _block_starts(self, name: str, depth: int, attributes: list[str]) -> None:
        """An element within the header; `depth` 2 is a block of it."""
        if self._context_start >= 0:
            self._parts.append(Part(name, tuple(attributes)))
            return
        if name.rpartition(_SPACE)[2].lower() not in SERVERS_OWN:
            return
        if not self.contexts or depth != 2 or name != _CONTEXT:
            raise ForeignContext("what only servers say to each other")
        if self._context is not None:
            raise ForeignContext("two security contexts")
        self._context_start = self._parser.CurrentByteIndex

    def _text(self, text: str) -> None:
        if self._context_start >= 0:
            self._parts.append(Part("", (text,)))

    def _end(self, name: str) -> None:
        self._names.pop()
        depth = len(self._names)
        if depth == 1:
            self._header = Span(self._header_start, self._here(self._header_start))
        elif depth == 2 and self._context_start >= 0:
            self._context = Span(self._context_start, self._here(self._context_start))
            self._context_start = -1
        elif self._context_start >= 0:
            self._parts.append(Part(""))

    def _here(self, start: int) -> int:
        """Where the element that began at `start` and is over ends."""
        octets = bytes(self._octets)
        tag_end = _tag_end(octets, start)
        if octets[tag_end - 2] == _SLASH:
            return tag_end
        return octets.index(b">", self._parser.CurrentByteIndex) + 1


class _BodyBegins(Exception):  # noqa: N818 - stops expat: the rest is nobody's business here
    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def _forbidden(*_: object) -> Never:
    raise BadEnvelope("a document type or an instruction")


def _tag_end(octets: bytes, start: int) -> int:
    """Behind the ``>`` of a start tag, which expat has found well-formed: a ``>`` may stand within quotes."""
    quote = 0
    for index in range(start, len(octets)):
        octet = octets[index]
        if quote:
            quote = 0 if octet == quote else quote
        elif octet in _QUOTES:
            quote = octet
        elif octet == _END:
            return index + 1
    raise BadEnvelope("a tag without an end")


def _name_at(octets: bytes, start: int) -> bytes:
    """The qualified name of a tag."""
    end = start
    while octets[end] not in b" \t\r\n/>":
        end += 1
    return octets[start:end]
