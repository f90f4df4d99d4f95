"""Writes heads and bodies anew from parsed values; nothing that was received is copied as it came (S-HTTP-13)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from exfront.wire.http1 import grammar
from exfront.wire.http1.events import NO_BODY, Chunked, Framing, Headers, Length, NoBody, UntilClose

REASON_PHRASES: dict[int, bytes] = {
    100: b"Continue", 101: b"Switching Protocols", 102: b"Processing", 103: b"Early Hints",
    200: b"OK", 201: b"Created", 202: b"Accepted", 203: b"Non-Authoritative Information", 204: b"No Content",
    205: b"Reset Content", 206: b"Partial Content", 207: b"Multi-Status",
    300: b"Multiple Choices", 301: b"Moved Permanently", 302: b"Found", 303: b"See Other", 304: b"Not Modified",
    307: b"Temporary Redirect", 308: b"Permanent Redirect",
    400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found", 405: b"Method Not Allowed",
    406: b"Not Acceptable", 407: b"Proxy Authentication Required", 408: b"Request Timeout", 409: b"Conflict",
    410: b"Gone", 411: b"Length Required", 412: b"Precondition Failed", 413: b"Content Too Large",
    414: b"URI Too Long", 415: b"Unsupported Media Type", 416: b"Range Not Satisfiable", 417: b"Expectation Failed",
    421: b"Misdirected Request", 422: b"Unprocessable Content", 423: b"Locked", 424: b"Failed Dependency",
    426: b"Upgrade Required", 428: b"Precondition Required", 429: b"Too Many Requests",
    431: b"Request Header Fields Too Large", 440: b"Login Timeout", 441: b"Need Identity",
    449: b"Retry after sending a PROVISION command",
    451: b"",  # of MS-ASHTTP: it is written so there
    500: b"Internal Server Error", 501: b"Not Implemented", 502: b"Bad Gateway", 503: b"Service Unavailable",
    504: b"Gateway Timeout", 505: b"HTTP Version Not Supported", 507: b"Insufficient Storage", 508: b"Loop Detected",
}  # fmt: skip
"""RFC 9110 section 15, RFC 4918, RFC 6585; 440 and 441 of Exchange, 449 and 451 of MS-ASHTTP."""

_FIRST_FINAL = 200
_NO_CONTENT = 204
_BODILESS = (_NO_CONTENT, 304)
_FRAMING_FIELDS = frozenset({b"content-length", b"transfer-encoding"})
_TRANSFER_ENCODING = frozenset({b"transfer-encoding"})


class FramingError(Exception):
    """More or fewer octets than declared, or octets behind the end: abort the connection, complete nothing."""


def request_head(method: bytes, target: bytes, headers: Headers, framing: Framing) -> bytes:
    """A request's head in HTTP/1.1.

    Content-Length and Transfer-Encoding are written by `framing`; such fields among `headers` are left out. Raises
    ValueError for what would make another message: see `response_head`, and a `framing` until close.
    """
    return request_line(method, target) + request_section(headers, framing)


def request_line(method: bytes, target: bytes) -> bytes:
    """The first line of a request. Raises ValueError for what is not a method and a target."""
    if not grammar.TOKEN.fullmatch(method) or not grammar.REQUEST_TARGET.fullmatch(target):
        raise ValueError("not a method and a target")
    return b"%b %b HTTP/1.1\r\n" % (method, target)


def request_section(headers: Headers, framing: Framing) -> bytes:
    """All of a request's head behind its first line; see `request_head`."""
    if isinstance(framing, UntilClose):
        raise ValueError("a request cannot end with the connection")
    pairs = [pair for pair in headers if pair[0].lower() not in _FRAMING_FIELDS]
    return b"%b%b\r\n" % (field_lines(pairs), _framing_line(framing))


def response_head(status: int, reason: bytes | None, headers: Headers, framing: Framing, minor: int = 1) -> bytes:
    """A response's head in HTTP/1.`minor`; `reason` None takes the phrase from `REASON_PHRASES`.

    Content-Length and Transfer-Encoding are written by `framing`; such fields among `headers` are left out. `NoBody` is
    for responses that cannot have a body (HEAD, 204, 304, 1xx); a Content-Length of HEAD or 304 stays, it describes
    what GET would give. Raises ValueError for a name that is no token, a value with a CR, LF, NUL or other control
    octet (S-HTTP-40), a status outside 100-599, chunks in HTTP/1.0, and a body with 1xx, 204 or 304.
    """
    dropped = _TRANSFER_ENCODING if describes(status, framing) else _FRAMING_FIELDS
    pairs = [pair for pair in headers if pair[0].lower() not in dropped]
    return response_head_of(status, reason, field_lines(pairs), framing, minor)


def describes(status: int, framing: Framing) -> bool:
    """Whether a Content-Length tells what GET would give: of a response without a body to HEAD, and of a 304."""
    return framing is NO_BODY and status >= _FIRST_FINAL and status != _NO_CONTENT


def response_head_of(status: int, reason: bytes | None, lines: bytes, framing: Framing, minor: int = 1) -> bytes:
    """The same of `lines` that were checked (`field_lines`, octets of a `FieldLine`), without those of the framing."""
    if not 100 <= status <= 599:
        raise ValueError("not a status")
    if minor == 0 and isinstance(framing, Chunked):
        raise ValueError("HTTP/1.0 has no chunks")
    if (status < _FIRST_FINAL or status in _BODILESS) and not isinstance(framing, NoBody):
        raise ValueError("a body that the status does not allow")
    if reason is None:
        reason = REASON_PHRASES.get(status, b"")
    elif reason != REASON_PHRASES.get(status) and not grammar.FIELD_VALUE.fullmatch(reason):
        raise ValueError("a control octet in the reason phrase")
    return b"HTTP/1.%d %d %b\r\n%b%b\r\n" % (minor, status, reason, lines, _framing_line(framing))


@define(eq=False)
class BodyWriter:
    """Writes the body of one message and holds it to its `framing` (S-HTTP-13)."""

    _framing: Framing
    _left: int = field(default=0, init=False)
    _ended: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        if isinstance(self._framing, Length):
            self._left = self._framing.octets

    def data(self, octets: bytes) -> bytes:
        """What to send for a piece of the body. Raises `FramingError` when it is more than was declared."""
        if self._ended:
            raise FramingError("octets behind the end of a body")
        if not octets:
            return b""
        if isinstance(self._framing, Length):
            return self._counted(octets)
        if isinstance(self._framing, Chunked):
            return b"%x\r\n%b\r\n" % (len(octets), octets)
        if isinstance(self._framing, NoBody):
            raise FramingError("a body where there is none")
        return octets

    def end(self) -> bytes:
        """What to send at the end of the body. Raises `FramingError` when less was written than declared."""
        if self._ended or self._left:
            raise FramingError("the end of a body at the wrong place")
        self._ended = True
        return b"0\r\n\r\n" if isinstance(self._framing, Chunked) else b""

    def _counted(self, octets: bytes) -> bytes:
        if len(octets) > self._left:
            raise FramingError("more octets than declared")
        self._left -= len(octets)
        return octets


def field_lines(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The lines of `pairs`. Raises ValueError for what is not a name and a value (S-HTTP-40)."""
    lines = b"".join([b"%b: %b\r\n" % pair for pair in pairs])
    # One look at all (a fifth of the time): as many lines as pairs, all of them valid, no name that ends too early.
    if (
        lines.count(b"\n") != len(pairs)
        or not grammar.FIELD_SECTION.fullmatch(lines + b"\r\n")
        or (pairs and not grammar.TOKEN.fullmatch(b"".join([name for name, _ in pairs])))
    ):
        raise ValueError("not a header field")  # without its octets: they may be secret
    return lines


def _framing_line(framing: Framing) -> bytes:
    if type(framing) is Length:
        return b"Content-Length: %d\r\n" % framing.octets
    return b"Transfer-Encoding: chunked\r\n" if isinstance(framing, Chunked) else b""
