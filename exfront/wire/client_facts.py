"""What mail proxies tell each other of a client: by IMAP4's ID and by POP3's XCLIENT, in both roles.

Source: Dovecot's documentation, *Forwarding parameters* ("x-originating-ip", "x-proxy-ttl" ...) and *XCLIENT*.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping

from attrs import evolve, frozen

from exfront.wire.proxy_protocol import Endpoint


class BadFacts(ValueError):  # noqa: N818 - an answer to a peer, not a fault
    """A trusted peer says something of a client that has no sense; the text says what, and is for the peer."""


@frozen
class ClientFacts:
    """`client` has connected to `connected`; `session` is what logs call that. Either is None behind a Unix socket.

    `hops_left` is how many proxies more there may be, the one that reads this included.
    """

    client: Endpoint | None
    connected: Endpoint | None
    session: str
    hops_left: int


@frozen
class Told:
    """What a peer tells of its client; None for what it does not mention. Its session id is its own log's business."""

    address: str | None = None
    port: int | None = None
    hops_left: int | None = None


def write_id(tag: bytes, facts: ClientFacts) -> bytes:
    """The ID command of a proxy, with its line end."""
    pairs = {"x-session-id": facts.session, **_address("originating", facts.client)}
    pairs |= _address("connected", facts.connected)
    pairs["x-proxy-ttl"] = str(facts.hops_left)
    text = " ".join(f'"{field}" "{value}"' for field, value in pairs.items())
    return tag + f" ID ({text})\r\n".encode("ascii")


def write_xclient(facts: ClientFacts) -> bytes:
    """The XCLIENT command of a proxy, without its line end."""
    client = facts.client
    who = "" if client is None else f" ADDR={_bare(client.address)} PORT={client.port}"
    return f"XCLIENT{who} SESSION={facts.session} TTL={facts.hops_left}".encode("ascii")


def read_id_facts(pairs: Iterable[tuple[bytes, bytes]]) -> Told:
    """What an ID command says, by the same fields; others are its sender's own. Raises `BadFacts`."""
    return _read(((name.lower(), value) for name, value in pairs), _ID_FIELDS)


def read_xclient(argument: bytes) -> Told:
    """What stands behind XCLIENT; words that are not known are read over. Raises `BadFacts`."""
    words = (word.partition(b"=") for word in argument.split())
    return _read(((name.upper(), value) for name, _, value in words), _XCLIENT_FIELDS)


def _address(kind: str, endpoint: Endpoint | None) -> dict[str, str]:
    if endpoint is None:
        return {}
    return {f"x-{kind}-ip": _bare(endpoint.address), f"x-{kind}-port": str(endpoint.port)}


def _bare(address: str) -> str:
    """Without a zone, which means nothing elsewhere."""
    return address.partition("%")[0]


_NUMBER = re.compile(rb"[0-9]{1,5}")


def _read_address(told: Told, value: bytes) -> Told:
    try:
        address = ipaddress.ip_address(value.decode("ascii"))
    except ValueError:
        raise BadFacts("No IP address.") from None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return evolve(told, address=_bare(str(mapped or address)))


def _read_port(told: Told, value: bytes) -> Told:
    return evolve(told, port=_number(value))


def _read_hops(told: Told, value: bytes) -> Told:
    return evolve(told, hops_left=_number(value))


def _number(value: bytes) -> int:
    if not _NUMBER.fullmatch(value) or int(value) > 65535:
        raise BadFacts("No number from 0 to 65535.")
    return int(value)


_Readers = Mapping[bytes, Callable[[Told, bytes], Told]]
_ID_FIELDS: _Readers = {
    b"x-originating-ip": _read_address,
    b"x-originating-port": _read_port,
    b"x-proxy-ttl": _read_hops,
}
_XCLIENT_FIELDS: _Readers = {
    b"ADDR": _read_address,
    b"PORT": _read_port,
    b"TTL": _read_hops,
}


def _read(pairs: Iterable[tuple[bytes, bytes]], readers: _Readers) -> Told:
    told = Told()
    for name, value in pairs:
        reader = readers.get(name)
        if reader is not None:
            told = reader(told, value)
    return told
