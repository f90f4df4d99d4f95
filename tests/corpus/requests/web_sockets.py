"""Handshakes of web sockets in a directory that allows them, and what is none (S-HTTP-16)."""

from tests.corpus.entry import PUBLIC_NAME, Answer, Entry, Reached, answered, bad_answer, passes, request

_UPGRADE = "RFC 9110 7.8"
_HANDSHAKE = "RFC 6455 4.1"
_SOCKET = (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
_ASKED = ((b"upgrade", b"websocket"), (b"connection", b"Upgrade"))
_GET = b"GET /ws/a HTTP/1.1"


def _handshake(
    line: bytes = _GET, connection: bytes = b"Upgrade", upgrade: bytes = b"websocket", *fields: bytes, body: bytes = b""
) -> bytes:
    return request(line, b"Connection: " + connection, b"Upgrade: " + upgrade, *_SOCKET, *fields, body=body)


def _asks(name: str, octets: bytes, why: str = "legal") -> Entry:
    reached = Reached(target=b"/ws/a", has=(*_ASKED, (b"sec-websocket-version", b"13")))
    return passes(name, octets, reached, "S-HTTP-16", _HANDSHAKE, why, peers=False)


def _does_not(
    name: str,
    octets: bytes,
    why: str,
    source: str = _HANDSHAKE,
    method: bytes = b"GET",
    body: bytes = b"",
    kept: bool = True,
) -> Entry:
    reached = Reached(method, b"/ws/a", body, lacks=(b"upgrade", b"connection"))
    return passes(name, octets, reached, "S-HTTP-16", source, why, kept, peers=False)


def _switch(*fields: bytes, status: bytes = b"101 Switching Protocols") -> bytes:
    return b"\r\n".join((b"HTTP/1.1 " + status, *fields, b"", b""))


def _bad(name: str, answer: bytes, why: str, source: str = _UPGRADE, octets: bytes = _handshake()) -> Entry:
    reached = Reached(target=b"/ws/a")
    return bad_answer(name, answer, "S-HTTP-16", source, why, octets=octets, reached=reached, peers=False)


_PLAIN = request(_GET)

ENTRIES = (
    _asks("handshake", _handshake()),
    _asks("handshake in other case", _handshake(upgrade=b"WebSocket", connection=b"upgrade")),
    _asks("handshake beside keep-alive", _handshake(connection=b"keep-alive, Upgrade")),
    _does_not("handshake by POST", _handshake(b"POST /ws/a HTTP/1.1", b"Upgrade", b"websocket", b"Content-Length: 2", body=b"ab"), "the method must be GET", method=b"POST", body=b"ab"),
    _does_not("handshake with a body", _handshake(_GET, b"Upgrade", b"websocket", b"Content-Length: 2", body=b"ab"), "nobody could tell where the body ends and the tunnel begins", body=b"ab"),
    _does_not("handshake in HTTP/1.0", _handshake(b"GET /ws/a HTTP/1.0"), "to be ignored in HTTP/1.0", _UPGRADE, kept=False),
    _does_not("handshake without Connection", request(_GET, b"Upgrade: websocket", *_SOCKET), "Connection must name it"),
    _does_not("handshake without Upgrade", request(_GET, b"Connection: Upgrade", *_SOCKET), "no protocol is named"),
    _does_not("h2c in place of a web socket", _handshake(upgrade=b"h2c"), "a tunnel past all rules", "RFC 9113 3.1"),
    _does_not("h2c beside a web socket", _handshake(upgrade=b"websocket, h2c"), "a tunnel past all rules", "RFC 9113 3.1"),
    _does_not("h2c in a second field", _handshake(_GET, b"Upgrade", b"websocket", b"Upgrade: h2c"), "a tunnel past all rules", "RFC 9113 3.1"),
    answered("handshake answered by a page", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Answer(200, b"ok"), "S-HTTP-16", _UPGRADE, "legal: no tunnel", _handshake(), Reached(target=b"/ws/a", has=_ASKED), peers=False),
    answered("handshake answered by 426", b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno", Answer(426, b"no"), "S-HTTP-16", "RFC 9110 15.5.22", "legal: no tunnel", _handshake(), Reached(target=b"/ws/a"), peers=False),
    _bad("101 to another protocol", _switch(b"Connection: Upgrade", b"Upgrade: h2c"), "a protocol that nobody asked for"),
    _bad("101 to two protocols", _switch(b"Connection: Upgrade", b"Upgrade: websocket, h2c"), "a protocol that nobody asked for"),
    _bad("101 without a protocol", _switch(b"Connection: Upgrade"), "the field is a must"),
    _bad("101 with a folded line", _switch(b"Upgrade: websocket", b"X-A: 1", b" b"), "no field line", "RFC 9112 5.2"),
    _bad("101 that was not asked for, where it could be", _switch(b"Connection: Upgrade", b"Upgrade: websocket"), "a tunnel that nobody asked for", octets=_PLAIN),
    passes("plain request where web sockets are allowed", _PLAIN, Reached(target=b"/ws/a", has=((b"host", PUBLIC_NAME),), lacks=(b"upgrade",)), "S-HTTP-16", _UPGRADE, "legal", peers=False),
)  # fmt: skip
