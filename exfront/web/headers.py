"""Header fields on their way through: what is taken away, what is added; pure functions over pairs (S-HTTP-14, -18).

A back end believes its front end. So nothing that a client wrote may look like a front end's word.
"""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import evolve, frozen

from exfront.topology import Server, Service
from exfront.wire.http1.events import Headers, NoBody, RequestHead, ResponseHead
from exfront.wire.http1.field_lines import FieldLine
from exfront.wire.http1.fields import HOP_BY_HOP, PROTECTED, end_to_end, tokens
from exfront.wire.http1.write import describes, field_lines

PSEUDONYM = b"exfront"

# S-HTTP-18. CVE-2021-26855 and CVE-2022-41080 (X-BE*, X-AnonResource*, X-OWA-Proxy*), CVE-2016-5385 (Proxy), KB327800.
_UNTRUSTED = re.compile(
    rb"x-commonaccesstoken|x-be.*|x-anonresource.*|x-targetserver|x-target.*be.*|x-fe.*|x-isfromcafe"
    rb"|x-sourcecafeserver|x-owa-proxy.*|x-backend.*|x-msexchangeactivityctx|x-ms-edgeip|x-rps-cat"
    rb"|return-client-request-id"
    rb"|msexchproxy.*|msexchlogon.*|x-ms-forwarded-client-ip|x-ms-proxy|x-ms-endpoint-absolute-path|x-ms-exchange-.*"
    rb"|front-end-https|x-forwarded-.*|forwarded|x-real-ip|x-original-url|x-rewrite-url|x-http-method-override"
    rb"|proxy|ssl_client.*|x-arr-.*|x-exfront.*",
    re.IGNORECASE,
)
ANCHORS = (b"x-anchormailbox", b"x-owa-explicitlogonuser")
_SMTP_ADDRESS = re.compile(rb"[A-Za-z0-9.!#$%&'*+=?^_`{|}~-]+@[A-Za-z0-9.-]+")
_REPLACED = (b"host", b"authorization", b"expect", b"max-forwards", b"content-length")

# S-HTTP-31
_TELLING = frozenset({
    b"server", b"x-powered-by", b"x-aspnet-version", b"x-feserver", b"x-beserver", b"x-diaginfo",
    b"x-calculatedbetarget", b"x-targetbeserver",
})  # fmt: skip
_LOCATIONS = (b"location", b"content-location")
_EDITED = frozenset({*_LOCATIONS, b"set-cookie"})
_LOOKED_AT = HOP_BY_HOP | _TELLING | _EDITED | {b"content-length"}
_OPTIONS = frozenset({b"close", b"keep-alive"})
CONNECTION_SCHEMES = frozenset({b"negotiate", b"ntlm", b"kerberos"})
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_ABOUT_CACHES = frozenset({b"cache-control", b"expires", b"pragma"})
_NOT_STORED = FieldLine(b"Cache-Control", b"no-store")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


@frozen
class ClientFacts:
    """What back ends are told of a client (S-HTTP-19); `session_id` goes along for the logs.

    `hop` counts the front ends up to this one (S-ROUTE-5), `proxied` says that a trusted proxy told all this.
    """

    address: str
    secure: bool
    session_id: str
    hop: int = 1
    proxied: bool = False


@lru_cache(1024)
def _is_untrusted_field(name: bytes) -> bool:
    return b"_" in name or _UNTRUSTED.fullmatch(name) is not None


def loops(headers: Headers) -> bool:
    """Whether a request was here before: our pseudonym stands in its Via (S-ROUTE-5)."""
    received = [value for name, value in headers if len(name) == 3 and name.lower() == b"via"]  # most have none
    return bool(received) and any(PSEUDONYM in entry.split() for entry in tokens(received))


def asks_for_web_socket(head: RequestHead) -> bool:
    """Whether a request wants to switch to a web socket (RFC 6455 section 4.1)."""
    if head.method != b"GET" or not head.minor or not isinstance(head.framing, NoBody):
        return False
    return tokens(head.get_all(b"upgrade")) == [b"websocket"] and b"upgrade" in tokens(head.get_all(b"connection"))


def to_back_end(
    head: RequestHead,
    host: bytes,
    client: ClientFacts,
    authorization: bytes | None,
    removed: frozenset[bytes] = frozenset(),
    *,
    upgrade: bool = False,
    destination: bytes = b"",
) -> Headers:
    """The fields of a request for the back end.

    `host` is the Host it gets, `authorization` the one Authorization value, None for none; `removed` are the names, in
    lower case, that are not believed here, besides those never believed; with `upgrade` it asks for a web socket.
    `destination` takes the place of scheme and host in Destination, unless it is empty. The framing's own fields are
    the writer's business.
    """
    pairs: list[tuple[bytes, bytes]] = [(b"Host", host)]
    for name, value in end_to_end(head.headers):
        if _is_untrusted_field(name):
            continue
        lower = name.lower()
        if lower in _REPLACED or lower in removed:
            continue
        if lower == b"cookie":
            value = trusted_cookies(value, removed)
            if not value:
                continue
        elif lower in ANCHORS and not _SMTP_ADDRESS.fullmatch(value):
            continue
        elif lower == b"destination" and destination:
            value = destination + _path(value)
        pairs.append((name, value))
    if upgrade:
        pairs += ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))
    return (*pairs, *_kept(head), *_added(head, client, authorization))


def is_smtp_address(value: bytes) -> bool:
    """Whether a field's value is a plain SMTP address: what an anchor must be (S-HTTP-18)."""
    return _SMTP_ADDRESS.fullmatch(value) is not None


def for_log_on(head: RequestHead, host: bytes, client: ClientFacts) -> Headers:
    """The fields of a request of our own that logs a connection on, for what `head` asks."""
    return ((b"Host", host), *_added(head, client, None))


def _path(url: bytes) -> bytes:
    absolute = _ABSOLUTE.fullmatch(url)
    return absolute[2] if absolute else url


def _kept(head: RequestHead) -> Headers:
    """Fields that pass on in our own words."""
    kept: list[tuple[bytes, bytes]] = []
    if head.expect_continue:
        kept.append((b"Expect", b"100-continue"))
    forwards = head.get(b"max-forwards") if head.method == b"OPTIONS" else None
    if forwards is not None and forwards.isdigit() and len(forwards) < 10:
        kept.append((b"Max-Forwards", b"%d" % max(0, int(forwards) - 1)))
    return tuple(kept)


def _added(head: RequestHead, client: ClientFacts, authorization: bytes | None) -> Headers:
    added = [
        (b"Via", b"1.%d %b" % (head.minor, PSEUDONYM)),
        (b"X-Forwarded-For", client.address.encode("ascii")),
        (b"X-Forwarded-Proto", b"https" if client.secure else b"http"),
        (b"X-ExFront-Session", client.session_id.encode("ascii")),
        (b"X-ExFront-Hop", b"%d" % client.hop),
    ]
    if client.secure:
        added.append((b"Front-End-Https", b"On"))
    if authorization is not None:
        added.append((b"Authorization", authorization))
    return tuple(added)


def trusted_cookies(value: bytes, removed: frozenset[bytes] = frozenset()) -> bytes:
    """A Cookie value without the cookies that are called like an untrusted field (S-HTTP-18, S-ROUTE-1)."""
    pieces = value.split(b";")
    kept = [piece for piece in pieces if not _holds_untrusted(piece, removed)]
    return value if len(kept) == len(pieces) else b";".join(kept).strip()


def _holds_untrusted(piece: bytes, removed: frozenset[bytes]) -> bool:
    # RFC 2965 let a comma part cookies, and old servers still do.
    names = (part.partition(b"=")[0].strip(b' \t"') for part in piece.split(b","))
    return any(_UNTRUSTED.fullmatch(name) or name.lower() in removed for name in names)


@frozen
class BackEndUrls:
    """URLs in which a back end names itself; `public`, scheme and name without a slash, stands for it (S-HTTP-31)."""

    server: Server
    service: Service
    public: bytes

    def public_url(self, url: bytes) -> bytes:
        """`url`, rewritten if it names the back end."""
        absolute = _ABSOLUTE.fullmatch(url)
        if absolute is None or absolute[1].lower() not in self._authorities():
            return url
        return self.public + (absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2])

    def _authorities(self) -> frozenset[bytes]:
        server = self.server
        names = {name.lower() for name in (server.name, server.host, server.address) if name}
        hosts = {f"[{name}]" if ":" in name else name for name in names}
        ports = ("", ":80", ":443", f":{self.service.port}")
        return frozenset((host + port).encode("utf-8") for host in hosts for port in ports)


def to_client(head: ResponseHead, urls: BackEndUrls, *, diagnosis: bool = False) -> bytes:
    """The field lines of a back end's response for the client, without those of its framing.

    With `diagnosis` those that tell of the back end pass too.
    """
    kept: list[bytes] = []
    connection: list[bytes] = []
    for line in head.lines:
        name = line.lower
        if name not in _LOOKED_AT or (name == b"content-length" and describes(head.status, head.framing)):
            kept.append(line.octets)
        elif name in _EDITED:
            kept.append(_edited(line, head, urls))
        elif diagnosis and name in _TELLING:
            kept.append(line.octets)
        elif name == b"connection" and line.value.lower() not in _OPTIONS:
            connection.append(line.value)
    named = frozenset(tokens(connection)) - PROTECTED - _OPTIONS if connection else None
    return b"".join([each for each in kept if _name_of(each) not in named] if named else kept)


def _edited(line: FieldLine, head: ResponseHead, urls: BackEndUrls) -> bytes:
    """A line that does not simply pass, as the client gets it; empty where it does not get it."""
    if line.lower in _LOCATIONS:
        url = urls.public_url(line.value)
        return line.octets if url is line.value else field_lines([(line.name, url)])
    return b"" if line.value[:9].lower() == b"x-exfront" else line.octets  # a cookie of our own is not theirs to set


def _name_of(octets: bytes) -> bytes:
    return octets.partition(b":")[0].lower()


def asks_for_connection_logon(head: ResponseHead) -> bool:
    """Whether a 401 offers a scheme that authenticates the connection and not the request (S-HTTP-33)."""
    return any(_offers(line, CONNECTION_SCHEMES) for line in head.lines)


def without_cookies(head: ResponseHead) -> ResponseHead:
    """`head` without the cookies that it sets."""
    return evolve(head, lines=[line for line in head.lines if line.lower != b"set-cookie"])


def without_challenges(head: ResponseHead, schemes: frozenset[bytes] | None = None) -> ResponseHead:
    """`head` without the challenges of `schemes` (lower case), or without any: not all of them are for the client."""
    if schemes is None:
        lines = [line for line in head.lines if line.lower != b"www-authenticate"]
    else:
        lines = [line for line in head.lines if not _offers(line, schemes)]
    return evolve(head, lines=lines)


def not_stored(head: ResponseHead) -> ResponseHead:
    """`head` so that no page of it is shown again from a cache: who comes back after a log-off sees none."""
    for line in head.lines:
        if line.lower == b"content-type" and line.value[:9].lower() == b"text/html":
            kept = [line for line in head.lines if line.lower not in _ABOUT_CACHES]
            kept.append(_NOT_STORED)
            return ResponseHead(head.status, head.reason, head.minor, kept, head.framing, head.keep_alive)
    return head


def _offers(line: FieldLine, schemes: frozenset[bytes]) -> bool:
    """Whether a challenge of a field line is of one of `schemes` (RFC 9110 section 11.6.1: it may hold several)."""
    if line.lower != b"www-authenticate":
        return False
    members = tokens([_QUOTED.sub(b"", line.value)])
    return any(member.split(b" ", 1)[0] in schemes for member in members)
