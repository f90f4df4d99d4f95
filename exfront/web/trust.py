"""What is believed of a request's own words about its client: nothing, unless a named proxy says it (S-HTTP-18, -19).

Pure functions over addresses and fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exfront import limits
from exfront.config.kinds import Network, read_address, within
from exfront.web.headers import ClientFacts
from exfront.wire.http1.events import Headers

_HTTPS = b"https"
_FOR, _PROTO, _HOP = b"x-forwarded-for", b"x-forwarded-proto", b"x-exfront-hop"
_TOLD = frozenset({_FOR, _PROTO, _HOP})
_LENGTHS = frozenset(map(len, _TOLD))  # a look at the length spares most names the rest


def told_by_proxy(headers: Headers, peer: ClientFacts, proxies: Sequence[Network]) -> ClientFacts:
    """What a trusted proxy, which is the `peer` of the connection, tells of the client.

    The client is the right-most address of X-Forwarded-For that is no trusted proxy. What stands to the left of it,
    or of something that is no address, may be anybody's invention.
    """
    said: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if len(name) in _LENGTHS and (lower := name.lower()) in _TOLD:
            said.setdefault(lower, []).append(value)
    address = _client_address(said.get(_FOR, ()), peer.address, proxies)
    scheme = _last(said.get(_PROTO))
    secure = peer.secure if scheme is None else scheme.lower() == _HTTPS
    return ClientFacts(address, secure, peer.session_id, _hop(_last(said.get(_HOP))), proxied=True)


def _client_address(values: Sequence[bytes], peer: str, proxies: Sequence[Network]) -> str:
    client = peer
    for text in _from_the_right(values):
        found = read_address(_without_port(text))
        if found is None:
            break
        client = str(found)
        if not within(client, proxies):
            break
    return client


def _from_the_right(values: Sequence[bytes]) -> Iterator[str]:
    for value in reversed(values):
        for part in reversed(value.split(b",")):
            yield part.strip(b" \t").decode("latin-1")


def _without_port(text: str) -> str:
    """Some proxies write a port: ``192.0.2.7:5000``, ``[2001:db8::7]:5000``."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _last(values: Sequence[bytes] | None) -> bytes | None:
    return values[-1].split(b",")[-1].strip(b" \t") if values else None


def _hop(counted: bytes | None) -> int:
    """The number of the hop to the back end; a count that is none is one too many (S-ROUTE-5)."""
    if counted is None:
        return 1
    return int(counted) + 1 if counted.isdigit() and len(counted) < 4 else limits.HTTP_HOPS + 1
