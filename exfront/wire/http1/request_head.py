"""The rules for a request's head: its request line, and what its fields say of host, body and connection."""

from __future__ import annotations

from attrs import define, field

from exfront.wire.http1 import grammar
from exfront.wire.http1.events import NO_BODY, Headers, Length, Malformed, RequestFields
from exfront.wire.http1.fields import gather, tokens
from exfront.wire.http1.framing import declared, lives_on
from exfront.wire.http1.target import Target, parse_authority, parse_target

BAD_REQUEST_LINE = Malformed(400, "the request line is not method, target, version")
OTHER_VERSION = Malformed(505, "not HTTP/1.0 or HTTP/1.1")
METHOD_TOO_LONG = Malformed(501, "the method is too long to be known")
TARGET_TOO_LONG = Malformed(414, "the request target is too long")
BAD_TARGET = Malformed(400, "the request target has not the form for its method")
NO_HOST = Malformed(400, "no Host")
TWO_HOSTS = Malformed(400, "two Hosts")
BAD_HOST = Malformed(400, "Host is not a name or address with a port")
TWO_AUTHORIZATIONS = Malformed(400, "two Authorizations")
UNKNOWN_EXPECTATION = Malformed(417, "an expectation other than 100-continue")

_VERSION_OCTETS = len(b"HTTP/1.1\r\n")
_DECISIVE = frozenset({
    b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"authorization",
})  # fmt: skip


@define(repr=False)
class RequestLine:
    """A request line, checked; without a repr, like all here that holds targets or fields (S-AUTH-11)."""

    method: bytes
    target: bytes
    parts: Target
    minor: int


def parse_request_line(line: bytes) -> RequestLine | Malformed:
    """The request line in `line`, which ends with its CRLF (S-HTTP-1, S-HTTP-6)."""
    match = grammar.REQUEST_LINE.fullmatch(line)
    if match is None:
        return BAD_REQUEST_LINE
    method, target, major, minor = match.groups()
    if major != b"1":
        return OTHER_VERSION
    parts = parse_target(method, target)
    if parts is None:
        return BAD_TARGET
    # RFC 9110 section 2.5: a higher minor version is read as the highest that we know.
    return RequestLine(method, target, parts, 0 if minor == b"0" else 1)


def examine(headers: Headers, minor: int) -> RequestFields | Malformed:
    """What `headers` of a request in HTTP/1.`minor` say together."""
    fields = gather(headers, _DECISIVE)
    host = _host(fields.get(b"host", []), minor)
    if isinstance(host, Malformed):
        return host
    if len(fields.get(b"authorization", ())) > 1:
        return TWO_AUTHORIZATIONS  # which of them a back end would take is anybody's guess
    framing = declared(fields.get(b"content-length", ()), fields.get(b"transfer-encoding", ()), minor)
    if isinstance(framing, Malformed):
        return framing
    expectations = tokens(fields.get(b"expect", ())) if minor else []  # S-HTTP-15: ignored in HTTP/1.0
    if any(expectation != b"100-continue" for expectation in expectations):
        return UNKNOWN_EXPECTATION
    return RequestFields(
        headers,
        host,
        framing or NO_BODY,
        lives_on(fields.get(b"connection", ()), minor),
        bool(expectations) and framing not in (None, Length(0)),
    )


def _host(values: list[bytes], minor: int) -> bytes | Malformed:
    if len(values) > 1:
        return TWO_HOSTS
    if not values:
        return NO_HOST if minor else b""
    return parse_authority(values[0]) or BAD_HOST


@define(repr=False)
class RequestStartLine:
    """Meets a request line that comes in pieces; `line` is what it was found to be."""

    _method_octets: int
    _target_octets: int
    counted: bool = field(default=False, init=False)
    line: RequestLine | None = field(default=None, init=False)

    def room(self, octets: bytes | bytearray, begin: int, end: int) -> tuple[int, Malformed]:
        """How many octets the line may have, after the part that is still unfinished."""
        most = begin + self._method_octets
        space = octets.find(b" ", begin, min(end, most + 1))
        if space < 0:
            token = end <= most or grammar.TOKEN.fullmatch(octets, begin, most)
            return self._method_octets, METHOD_TOO_LONG if token else BAD_REQUEST_LINE
        most = space + 1 + self._target_octets
        space = octets.find(b" ", space + 1, min(end, most + 1))
        if space < 0:
            return most - begin, TARGET_TOO_LONG
        return space + 1 + _VERSION_OCTETS - begin, BAD_REQUEST_LINE

    def fault(self, line: bytes) -> Malformed | None:
        """What is wrong with the finished `line`; without a fault it is kept."""
        parsed = parse_request_line(line)
        if isinstance(parsed, Malformed):
            return parsed
        self.line = parsed
        return None
