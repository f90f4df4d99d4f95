"""What the HTTP/1.1 readers report: heads, pieces of bodies, ends, and what the peer did wrong (RFC 9112)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field, frozen

from exfront.wire.http1.field_lines import FieldLine

Headers = tuple[tuple[bytes, bytes], ...]
"""Field lines in the order received: names as received, values without the white space around them."""


@frozen
class NoBody:
    """The message has no body (RFC 9112 section 6.3, cases 1 and 7)."""


@define(unsafe_hash=True)
class Length:
    """The body has exactly this many octets (Content-Length)."""

    octets: int


@frozen
class Chunked:
    """The body comes in chunks (RFC 9112 section 7.1)."""


@frozen
class UntilClose:
    """The body of a response ends with the connection (RFC 9112 section 6.3, case 8)."""


Framing = NoBody | Length | Chunked | UntilClose

NO_BODY = NoBody()
CHUNKED = Chunked()
UNTIL_CLOSE = UntilClose()


def _names_only(headers: Headers) -> str:
    # S-AUTH-11: Authorization, Cookie and Set-Cookie are secrets; a repr ends up in logs.
    return "<" + ", ".join(name.decode("latin-1") for name, _ in headers) + ">"


def _size_only(octets: bytes) -> str:
    return f"<{len(octets)} octets>"


def first_value(headers: Headers, name: bytes) -> bytes | None:
    """The value of the first field line called `name` in any case; None when there is none."""
    wanted = name.lower()
    for found, value in headers:
        if found.lower() == wanted:
            return value
    return None


def all_values(headers: Headers, name: bytes) -> list[bytes]:
    """The values of all field lines called `name` in any case, in their order."""
    wanted = name.lower()
    return [value for found, value in headers if found.lower() == wanted]


@define
class RequestFields:
    """What the field section of a request says, checked; a client that repeats its octets gets the same object again.

    `host` is the authority that Host names. `framing` is `NoBody` when the client declared nothing, else `Length` (also
    of 0) or `Chunked`. `keep_alive` says whether the client lets the connection live on; `expect_continue` whether it
    awaits a 100 before it sends a body.
    """

    headers: Headers = field(repr=_names_only)
    host: bytes
    framing: Framing
    keep_alive: bool
    expect_continue: bool


@define
class RequestHead:
    """The head of a request, checked.

    `target` is what was received. `path` and `query` are its verbatim octets in origin form (taken out of the absolute
    form where that was used); `path` is ``*`` for ``OPTIONS *`` and empty for CONNECT. `authority` is ``host[:port]``
    in lower case, of the absolute form, else of CONNECT's target, else of Host; empty for HTTP/1.0 without any.
    """

    method: bytes
    target: bytes = field(repr=False)
    path: bytes
    query: bytes | None = field(repr=False)
    authority: bytes
    minor: int
    fields: RequestFields

    @property
    def headers(self) -> Headers:
        """The field lines."""
        return self.fields.headers

    @property
    def framing(self) -> Framing:
        """Of the body."""
        return self.fields.framing

    @property
    def keep_alive(self) -> bool:
        """Whether the client lets the connection live on."""
        return self.fields.keep_alive

    @property
    def expect_continue(self) -> bool:
        """Whether the client awaits a 100 before it sends a body."""
        return self.fields.expect_continue

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field line called `name` in any case; None when there is none."""
        return first_value(self.fields.headers, name)

    def get_all(self, name: bytes) -> list[bytes]:
        """The values of all field lines called `name` in any case, in their order."""
        return all_values(self.fields.headers, name)


@define
class ResponseHead:
    """The head of a response, checked. With a 1xx status it is an interim one: no body and no `End` follow it."""

    status: int
    reason: bytes
    minor: int
    lines: Sequence[FieldLine]
    framing: Framing
    keep_alive: bool

    @property
    def headers(self) -> Headers:
        """The field lines as pairs."""
        return tuple((line.name, line.value) for line in self.lines)

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field line called `name` in any case; None when there is none."""
        return first_value(self.headers, name)

    def get_all(self, name: bytes) -> list[bytes]:
        """The values of all field lines called `name` in any case, in their order."""
        return all_values(self.headers, name)


@define
class Data:
    """A piece of a body, freed from its framing; never empty."""

    octets: bytes = field(repr=_size_only)


@frozen
class End:
    """The message is complete; follows also a head without a body."""


@frozen
class Malformed:
    """The peer broke the rules and nothing more comes: answer `status` and close (502 for a back end's response).

    `text` is for the log; it holds no octet of the peer.
    """

    status: int
    text: str


@frozen
class Truncated:
    """The peer closed within a message; what came of it must not look complete to anybody (S-HTTP-30)."""


END = End()
TRUNCATED = Truncated()

Event = RequestHead | ResponseHead | Data | End | Malformed | Truncated
