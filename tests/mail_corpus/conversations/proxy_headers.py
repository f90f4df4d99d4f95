"""PROXY headers of a load balancer, good and bad (proxy-protocol.txt sections 2.1 and 2.2)."""

from __future__ import annotations

from tests.mail_corpus.entry import LOGIN, NAME, PASSWORD, Entry, Until, proxied

_V1, _V2 = "proxy-protocol.txt 2.1", "proxy-protocol.txt 2.2"
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_ADDRESSES = b"\xcb\0\x71\x09\xc0\0\x02\x01\x12\x67\0\x8f"
_V1_GOOD = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 143\r\n"
_GREETED = Until(rb"\* OK")


def _v2(command: int = 0x21, family: int = 0x11, payload: bytes = _ADDRESSES, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return _SIGNATURE + bytes((command, family)) + size.to_bytes(2, "big") + payload


def _good(name: str, header: bytes, source: str) -> Entry:
    return proxied(name, (header, _GREETED, LOGIN), "a OK", source, "legal", logins=((NAME, PASSWORD),))


def _bad(name: str, octets: bytes, source: str, why: str) -> Entry:
    return proxied(name, octets, (), source, why, end="closed", lacks=(b"* OK", b"a OK"))


ENTRIES = [
    _good("a header of version 1", _V1_GOOD, _V1),
    _good("a header of version 1 for IPv6", b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 143\r\n", _V1),
    _good("a header of version 1 that knows nobody", b"PROXY UNKNOWN\r\n", _V1),
    _good("a header of version 2", _v2(), _V2),
    _good("a header of version 2 for IPv6", _v2(family=0x21, payload=bytes(16) + bytes(15) + b"\1" + b"\x12\x67\0\x8f"), _V2),
    _good("a header of version 2 with a TLV", _v2(payload=_ADDRESSES + b"\x04\0\x03abc"), _V2),
    _good("a header of version 2 of the balancer's own", _v2(0x20, 0, b""), _V2),
    proxied("a header and a log-on in one segment", (_V1_GOOD + LOGIN,), "a OK", _V1, "nothing is lost behind it", logins=((NAME, PASSWORD),)),
    proxied("two headers", (_V1_GOOD, _GREETED, _V1_GOOD), "PROXY BAD", _V1, "the second is a bad command"),
    _bad("no header, but a command", b"a NOOP\r\n", _V1, "required there: nobody speaks past the balancer"),
    _bad("no header, but a log-on", LOGIN, _V1, "required there: nobody speaks past the balancer"),
    _bad("a header in lower case", b"proxy tcp4 203.0.113.9 192.0.2.1 4711 143\r\n", _V1, "by the letter"),
    _bad("a header with an address that is none", b"PROXY TCP4 999.0.113.9 192.0.2.1 4711 143\r\n", _V1, "no address"),
    _bad("a header with a port of 65,536", b"PROXY TCP4 203.0.113.9 192.0.2.1 65536 143\r\n", _V1, "no port"),
    _bad("a header with a leading zero", b"PROXY TCP4 203.0.113.009 192.0.2.1 4711 143\r\n", _V1, "octal to some"),
    _bad("a header with an address of the other kind", b"PROXY TCP4 2001:db8::9 192.0.2.1 4711 143\r\n", _V1, "TCP4 names IPv4"),
    _bad("a header that ends in LF", b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 143\n" + LOGIN, _V1, "CR LF ends it"),
    _bad("a header with two spaces", b"PROXY  TCP4 203.0.113.9 192.0.2.1 4711 143\r\n", _V1, "one space"),
    _bad("a header of 200 octets", b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n", _V1, "107 at most"),
    _bad("a header without end", b"PROXY TCP4 " + b"1" * 5000, _V1, "107 at most"),
    _bad("a header of version 3", _v2(0x31), _V2, "another version"),
    _bad("a header of an unknown command", _v2(0x2F), _V2, "neither LOCAL nor PROXY"),
    _bad("a header of version 2 that is too short", _v2(payload=b"\xcb\0\x71\x09"), _V2, "IPv4 takes 12 octets"),
    _bad("a header of version 2 of 60 kB", _v2(payload=b"", length=60_000) + bytes(3000), _V2, "2 KiB at most"),
    _bad("half a signature", _SIGNATURE[:8] + b"a NOOP\r\n", _V2, "neither version"),
]  # fmt: skip
