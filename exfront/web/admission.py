"""What is decided about a request without asking anybody: client's address, TLS, method, loop, destination, size.

The rules that depend only on virtual directory, method and client are one cached verdict: a client repeats itself.
``exfrontctl explain`` shows the same rules one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from attrs import frozen

from exfront import limits
from exfront.config.kinds import within
from exfront.reasons import (
    ADDRESS_NOT_ALLOWED,
    BAD_INPUT,
    BODY_TOO_LARGE,
    DESTINATION_ELSEWHERE,
    LOOP,
    METHOD_NOT_ALLOWED,
    METHOD_UNKNOWN,
    PRIVACY_REQUIRED,
    RPC_ENDPOINT,
    Reason,
    Refused,
)
from exfront.web import rpc
from exfront.web.applications import KNOWN_METHODS
from exfront.web.headers import ClientFacts, loops
from exfront.web.paths import BadPath
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite
from exfront.wire.http1.events import Framing, Length, RequestHead

_FOUND = 302
_DESTINATION_OCTETS = len(b"destination")
_READING = frozenset({b"GET", b"HEAD"})


@frozen
class Asked:
    """Who asks for what: `secure` means TLS up to the client, `plaintext` that passwords may come without it.

    `address` is the client's, empty where none is known.
    """

    directory: VirtualDirectory
    method: bytes
    secure: bool
    plaintext: bool
    address: str


@frozen
class Verdict:
    """Let in, sent on with the status `moved`, or refused."""

    reason: Reason | None = None
    detail: str = ""
    moved: int = 0


@frozen
class Redirect:
    """An answer of exfront's own: status and Location."""

    status: int
    location: bytes


ADMITTED = Verdict()


def by_address(directory: VirtualDirectory, address: str) -> Verdict:
    """What the networks of a directory say of a client."""
    section = directory.section
    if within(address, section.deny_networks):
        return Verdict(ADDRESS_NOT_ALLOWED, "in deny_networks")
    if section.allow_networks and not within(address, section.allow_networks):
        return Verdict(ADDRESS_NOT_ALLOWED, "not in allow_networks")
    return ADMITTED


def _address(asked: Asked) -> Verdict:
    if not asked.address:  # explain without one; a connection always has an address
        return ADMITTED
    return by_address(asked.directory, asked.address)


def _tls(asked: Asked) -> Verdict:
    wanted = asked.directory.section.require_tls
    if asked.secure or wanted == "no":
        return ADMITTED
    if wanted == "redirect" and asked.method in _READING:
        return Verdict(moved=asked.directory.application.moved)
    return Verdict(PRIVACY_REQUIRED, f"require_tls = {wanted}")


def _password(asked: Asked) -> Verdict:
    """S-AUTH-12: also where the directory asks for no TLS."""
    if asked.directory.asks_password and not (asked.secure or asked.plaintext):
        return Verdict(PRIVACY_REQUIRED, "allow_plaintext = false")
    return ADMITTED


def _method(asked: Asked) -> Verdict:
    if asked.method in asked.directory.methods:
        return ADMITTED
    return Verdict(METHOD_NOT_ALLOWED if asked.method in KNOWN_METHODS else METHOD_UNKNOWN)


RULES: tuple[tuple[str, Callable[[Asked], Verdict]], ...] = (
    ("client address", _address),
    ("TLS", _tls),
    ("password in clear", _password),
    ("method", _method),
)


def verdicts(asked: Asked) -> Iterator[tuple[str, Verdict]]:
    """Each rule with what it says, up to the first that does not let in."""
    for name, rule in RULES:
        verdict = rule(asked)
        yield name, verdict
        if verdict is not ADMITTED:
            return


@lru_cache(limits.HTTP_VERDICTS)
def decide(directory: VirtualDirectory, method: bytes, secure: bool, plaintext: bool, address: str) -> Verdict:
    """What the rules together say; the arguments are those of `Asked`."""
    *_, (_, last) = verdicts(Asked(directory, method, secure, plaintext, address))
    return last


def admit(
    head: RequestHead,
    segments: Sequence[bytes],
    site: VirtualSite,
    directory: VirtualDirectory,
    client: ClientFacts,
    plaintext: bool,
) -> Redirect | None:
    """None for a request that may go on to `directory`, where `segments` (its checked path) lie. Raises `Refused`."""
    verdict = decide(directory, head.method, client.secure, plaintext, client.address)
    if verdict is not ADMITTED and verdict.reason is ADDRESS_NOT_ALLOWED:
        raise Refused(ADDRESS_NOT_ALLOWED, verdict.detail)
    if directory.application.slash and directory.lacks_slash(segments) and head.method in _READING:
        secure = client.secure or directory.section.require_tls != "no"
        return Redirect(_FOUND, _url(site, secure, head.path + b"/", head.query))  # S-HTTP-22
    if verdict.moved:
        return Redirect(verdict.moved, _url(site, True, head.path, head.query))
    if verdict.reason is not None:
        raise Refused(verdict.reason, verdict.detail)
    if directory.application.query == "rpc" and not rpc.allowed(head.method, head.query):
        raise Refused(RPC_ENDPOINT)
    _check_loop(head, client)
    _check_destinations(head, site, directory)
    _check_size(head.framing, directory.body_limit)
    return None


def admit_to_form(
    head: RequestHead, site: VirtualSite, directory: VirtualDirectory, client: ClientFacts, plaintext: bool
) -> Redirect | None:
    """None where the pages to log on at a site, whose first directory is `directory`, may be seen. Raises `Refused`."""
    asked = Asked(directory, head.method, client.secure, plaintext, client.address)
    for rule in (_address, _tls, _password):
        verdict = rule(asked)
        if verdict.moved:
            return Redirect(verdict.moved, _url(site, True, head.path, head.query))
        if verdict.reason is not None:
            raise Refused(verdict.reason, verdict.detail)
    return None


def _url(site: VirtualSite, secure: bool, path: bytes, query: bytes | None) -> bytes:
    """Under the configured name (S-HTTP-5)."""
    return site.url(secure) + path + (b"" if query is None else b"?" + query)


def _check_loop(head: RequestHead, client: ClientFacts) -> None:
    """Who is no trusted proxy may not have been here before; a trusted one counts its hops (S-ROUTE-5)."""
    if client.proxied:
        if client.hop > limits.HTTP_HOPS:
            raise Refused(LOOP, f"over {limits.HTTP_HOPS} hops")
    elif loops(head.headers):
        raise Refused(LOOP, "own pseudonym in Via")


def _check_destinations(head: RequestHead, site: VirtualSite, directory: VirtualDirectory) -> None:
    """COPY and MOVE stay within the virtual directory: a back end must not be sent elsewhere (S-HTTP-20)."""
    for name, destination in head.headers:
        if len(name) != _DESTINATION_OCTETS or name.lower() != b"destination":
            continue
        try:
            here = site.reaches(directory, destination)
        except BadPath as why:
            raise Refused(BAD_INPUT, str(why)) from None
        if not here:
            raise Refused(DESTINATION_ELSEWHERE)


def _check_size(framing: Framing, limit: int) -> None:
    """What is declared; what comes is counted as it comes (S-HTTP-25)."""
    if isinstance(framing, Length) and framing.octets > limit:
        raise Refused(BODY_TOO_LARGE, f"over {limit} octets")
