"""Header fields on their way through: what is taken away, what is added; pure functions over pairs (S-HTTP-14, -18).

A back end believes its front end. So nothing that a client wrote may look like a front end's word.
"""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import frozen

from exfront.topology import Server, Service
from exfront.wire.http1.events import Headers, RequestHead
from exfront.wire.http1.fields import end_to_end, tokens

PSEUDONYM = b"exfront"

# S-HTTP-18. CVE-2021-26855 and CVE-2022-41080 (X-BE*, X-AnonResource*, X-OWA-Proxy*), CVE-2016-5385 (Proxy), KB327800.
_UNTRUSTED = re.compile(
    rb"x-commonaccesstoken|x-be.*|x-anonresource.*|x-targetserver|x-target.*be.*|x-fe.*|x-isfromcafe"
    rb"|x-sourcecafeserver|x-owa-proxy.*|x-backend-diag-.*|x-msexchangeactivityctx|x-ms-edgeip|x-rps-cat"
    rb"|msexchproxy.*|msexchlogon.*|x-ms-forwarded-client-ip|x-ms-proxy|x-ms-endpoint-absolute-path|x-ms-exchange-.*"
    rb"|front-end-https|x-forwarded-.*|forwarded|x-real-ip|x-original-url|x-rewrite-url|x-http-method-override"
    rb"|proxy|ssl_client.*|x-arr-.*|x-exfront.*",
    re.IGNORECASE,
)
_ANCHORS = (b"x-anchormailbox", b"x-owa-explicitlogonuser")
_SMTP_ADDRESS = re.compile(rb"[A-Za-z0-9.!#$%&'*+=?^_`{|}~-]+@[A-Za-z0-9.-]+")
_REPLACED = (b"host", b"authorization", b"expect", b"max-forwards", b"content-length")

# S-HTTP-31
_TELLING = frozenset({
    b"server", b"x-powered-by", b"x-aspnet-version", b"x-feserver", b"x-beserver", b"x-diaginfo",
    b"x-calculatedbetarget", b"x-targetbeserver",
})  # fmt: skip
_LOCATIONS = (b"location", b"content-location")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


@frozen
class ClientFacts:
    """What back ends are told of a client's connection (S-HTTP-19); `session_id` goes along for the logs."""

    address: str
    secure: bool
    session_id: str


@lru_cache(1024)
def _is_untrusted_field(name: bytes) -> bool:
    return b"_" in name or _UNTRUSTED.fullmatch(name) is not None


def loops(headers: Headers) -> bool:
    """Whether a request was here before: our pseudonym stands in its Via (S-ROUTE-5)."""
    received = tokens(value for name, value in headers if name.lower() == b"via")
    return any(PSEUDONYM in entry.split() for entry in received)


def to_back_end(head: RequestHead, host: bytes, client: ClientFacts, authorization: bytes | None) -> Headers:
    """The fields of a request for the back end.

    `host` is the Host it gets, `authorization` the one Authorization value, None for none. The framing's own fields are
    the writer's business.
    """
    pairs: list[tuple[bytes, bytes]] = [(b"Host", host)]
    for name, value in end_to_end(head.headers):
        if _is_untrusted_field(name):
            continue
        lower = name.lower()
        if lower in _REPLACED:
            continue
        if lower == b"cookie":
            value = trusted_cookies(value)
            if not value:
                continue
        elif lower in _ANCHORS and not _SMTP_ADDRESS.fullmatch(value):
            continue
        pairs.append((name, value))
    return (*pairs, *_kept(head), *_added(head, client, authorization))


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
        (b"X-ExFront-Hop", b"1"),  # nobody's count is believed yet: no peers are listed (S-ROUTE-5)
    ]
    if client.secure:
        added.append((b"Front-End-Https", b"On"))
    if authorization is not None:
        added.append((b"Authorization", authorization))
    return tuple(added)


def trusted_cookies(value: bytes) -> bytes:
    """A Cookie value without the cookies that are called like an untrusted field (S-HTTP-18, S-ROUTE-1)."""
    pieces = value.split(b";")
    kept = [piece for piece in pieces if not _holds_untrusted(piece)]
    return value if len(kept) == len(pieces) else b";".join(kept).strip()


def _holds_untrusted(piece: bytes) -> bool:
    # RFC 2965 let a comma part cookies, and old servers still do.
    names = (part.partition(b"=")[0].strip(b' \t"') for part in piece.split(b","))
    return any(_UNTRUSTED.fullmatch(name) for name in names)


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


def to_client(headers: Headers, urls: BackEndUrls, challenge: bytes | None = None) -> Headers:
    """The fields of a back end's response for the client.

    With `challenge` it takes the place of the back end's own challenges: those are for exfront, not for the user.
    """
    pairs: list[tuple[bytes, bytes]] = []
    for name, value in end_to_end(headers):
        lower = name.lower()
        if lower in _TELLING or (challenge is not None and lower == b"www-authenticate"):
            continue
        pairs.append((name, urls.public_url(value) if lower in _LOCATIONS else value))
    if challenge is not None:
        pairs.append((b"WWW-Authenticate", challenge))
    return tuple(pairs)


def asks_for_connection_logon(headers: Headers) -> bool:
    """Whether a 401 offers a scheme that authenticates the connection and not the request (S-HTTP-33)."""
    offered = (value.split(b" ", 1)[0].lower() for name, value in headers if name.lower() == b"www-authenticate")
    return any(scheme.rstrip(b",") in (b"negotiate", b"ntlm", b"kerberos") for scheme in offered)
