"""h11 as a second opinion: what it refuses we refuse too, and what we take it understands in the same way."""

from __future__ import annotations

import h11
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.http1.events import END, Data, End, Event, Headers, Malformed, RequestHead, ResponseHead
from exfront.wire.http1.request import RequestReader
from exfront.wire.http1.response import ResponseReader
from tests.wire.http1.reading import play

_LONG = 1 << 20
Seen = tuple[str, tuple[object, ...], bytes, bool]
"""Of one message: kind, its start line and headers, its body, whether it is complete."""


def refused_by_h11(octets: bytes, role: type[h11.SERVER] | type[h11.CLIENT]) -> bool:
    """Whether h11 finds a fault in the first message."""
    try:
        seen_by_h11(octets, role)
    except h11.RemoteProtocolError:
        return True
    return False


def connection(role: type[h11.SERVER] | type[h11.CLIENT]) -> h11.Connection:
    """A connection that awaits a message; a client's request was a GET."""
    result = h11.Connection(role, max_incomplete_event_size=_LONG)
    if role is h11.CLIENT:
        result.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
        result.send(h11.EndOfMessage())
    return result


def seen_by_h11(octets: bytes, role: type[h11.SERVER] | type[h11.CLIENT]) -> list[Seen]:
    """The messages up to the first that is not interim, as h11 sees them. Raises RemoteProtocolError."""
    peer, seen = connection(role), list[Seen]()
    peer.receive_data(octets)
    while True:
        event = peer.next_event()
        if event in (h11.NEED_DATA, h11.PAUSED):
            return seen
        if isinstance(event, h11.Request):
            start: tuple[object, ...] = (event.method, event.target, event.http_version)
            seen.append(("request", (*start, *event.headers.raw_items()), b"", False))
        elif isinstance(event, h11.InformationalResponse | h11.Response):
            start = (event.status_code, event.reason, event.http_version)
            interim = isinstance(event, h11.InformationalResponse)
            seen.append(("interim" if interim else "response", (*start, *event.headers.raw_items()), b"", False))
        elif isinstance(event, h11.Data):
            kind, head, body, _ = seen[-1]
            seen[-1] = (kind, head, body + bytes(event.data), False)
        elif isinstance(event, h11.EndOfMessage):
            return [*seen[:-1], (*seen[-1][:3], True)]


def as_h11_gives(headers: Headers) -> Headers:
    """`headers` with h11's one change: the value of Transfer-Encoding in lower case."""
    return tuple((name, value.lower() if name == b"Transfer-Encoding" else value) for name, value in headers)


def seen_by_us(events: list[Event]) -> list[Seen]:
    """The same of our events."""
    seen: list[Seen] = []
    for event in events:
        if isinstance(event, RequestHead):
            start: tuple[object, ...] = (event.method, event.target, b"1.%d" % event.minor)
            seen.append(("request", (*start, *as_h11_gives(event.headers)), b"", False))
        elif isinstance(event, ResponseHead):
            kind = "interim" if event.status < 200 else "response"
            start = (event.status, event.reason, b"1.%d" % event.minor)
            seen.append((kind, (*start, *as_h11_gives(event.headers)), b"", False))
        elif isinstance(event, Data):
            seen[-1] = (*seen[-1][:2], event.octets, False)
        elif isinstance(event, End):
            seen[-1] = (*seen[-1][:3], True)
    return seen


_REQUEST_LINES = [
    b"GET / HTTP/1.1",
    b"POST /owa/?a=b HTTP/1.1",
    b"PUT /\xe9 HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"G(T / HTTP/1.1",
]
_STATUS_LINES = [b"HTTP/1.1 200 OK", b"HTTP/1.1 500 ", b"HTTP/1.1 404", b"HTTP/1.1 2x0 OK", b"HTTP/1.1 200 \xe9 OK"]
_LINES = [
    b"Host: a", b"Host: b", b"Content-Length: 3", b"Content-Length: 03", b"Content-Length: x", b"Content-Length: 3, 4",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked", b"Transfer-Encoding: gzip", b"X: y z", b"X:",
    b"X : y", b" fold", b"X: \xe9\t.", b"X: a\0b", b"X: a\rb", b": y", b"nocolon", b"Connection: close",
    b"Cookie: a=b;  ",
]  # fmt: skip
_BODIES = [
    b"", b"abc", b"ab", b"3\r\nabc\r\n0\r\n\r\n", b"3;x=y\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n",
    b"3\r\nab\r\n0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\nX : y\r\n\r\n", b"g\r\n", b"0x3\r\nabc\r\n",
    b"3\nabc\r\n", b"-1\r\n\r\n",
]  # fmt: skip


def _messages(start_lines: list[bytes], always: list[bytes]) -> st.SearchStrategy[bytes]:
    def join(start: bytes, lines: list[bytes], body: bytes, noise: tuple[int, bytes] | None) -> bytes:
        octets = b"\r\n".join([start, *always, *lines, b"", b""]) + body
        if noise is None:
            return octets
        at = 1 + noise[0] % len(octets)
        return octets[:at] + noise[1] + octets[at:]

    lines = st.lists(st.sampled_from(_LINES), max_size=4)
    # No semicolon among the noise: h11 does not know white space before an extension (RFC 9112 section 7.1.1).
    noise = st.tuples(st.integers(0, 300), st.sampled_from([b"\0", b"\r", b"\n", b" ", b":", b"\x7f", b"x", b"1"]))
    return st.builds(join, st.sampled_from(start_lines), lines, st.sampled_from(_BODIES), st.none() | noise)


class SecondOpinionTests(SynchronousTestCase):
    @given(_messages(_REQUEST_LINES, [b"Host: a"]) | _messages(_REQUEST_LINES, []))
    @settings(deadline=None, max_examples=600)
    def test_requests_that_we_take_are_the_same_to_h11(self, octets: bytes) -> None:
        """S-HTTP-1, S-HTTP-2, S-HTTP-3, S-HTTP-4, S-HTTP-9, S-HTTP-10, S-HTTP-11: whatever h11 refuses is refused."""
        events = play(RequestReader(), [octets])
        first = events[: events.index(END) + 1] if END in events else events
        if any(isinstance(event, Malformed) for event in first):
            return
        self.assertFalse(refused_by_h11(octets, h11.SERVER), octets)
        if first:
            self.assertEqual(seen_by_us(first), seen_by_h11(octets, h11.SERVER))

    @given(_messages(_STATUS_LINES, []) | _messages([b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK"], []))
    @settings(deadline=None, max_examples=600)
    def test_responses_that_we_take_are_the_same_to_h11(self, octets: bytes) -> None:
        """S-HTTP-27: whatever h11 refuses is refused."""
        events = play(ResponseReader(b"GET"), [octets])
        if any(isinstance(event, Malformed) for event in events):
            return
        self.assertFalse(refused_by_h11(octets, h11.CLIENT), octets)
        if events:
            self.assertEqual(seen_by_us(events), seen_by_h11(octets, h11.CLIENT))

    @given(st.data())
    @settings(deadline=None, max_examples=150)
    def test_what_h11_writes_we_read(self, data: st.DataObject) -> None:
        """S-HTTP-1: every legal request and response gets through."""
        token, text = st.text("abcXYZ019-_.!~", min_size=1, max_size=9), st.text("abc XYZ019;,=\"'\t", max_size=12)
        fields = [
            ("X" + name, value.strip()) for name, value in data.draw(st.lists(st.tuples(token, text), max_size=4))
        ]
        pieces = data.draw(st.lists(st.binary(min_size=1, max_size=9), max_size=3))
        chunked = ("Transfer-Encoding", "chunked") if data.draw(st.booleans()) else None
        framing = chunked or ("Content-Length", str(sum(map(len, pieces))))
        client, server = h11.Connection(h11.CLIENT), h11.Connection(h11.SERVER)
        request = h11.Request(
            method=data.draw(token), target="/" + data.draw(token), headers=[("Host", "a"), framing, *fields]
        )
        sent = b"".join(client.send(event) or b"" for event in self.whole(request, pieces))
        self.assertEqual(seen_by_us(play(RequestReader(), [sent])), seen_by_h11(sent, h11.SERVER))
        server.receive_data(sent)
        while server.next_event() not in (h11.PAUSED, h11.NEED_DATA):
            pass
        response = h11.Response(status_code=data.draw(st.integers(200, 203)), headers=[framing, *fields])
        answer = b"".join(server.send(event) or b"" for event in self.whole(response, pieces))
        self.assertEqual(seen_by_us(play(ResponseReader(b"GET"), [answer])), seen_by_h11(answer, h11.CLIENT))

    def whole(self, head: h11.Event, pieces: list[bytes]) -> list[h11.Event]:
        """A message as h11's events."""
        return [head, *(h11.Data(data=piece) for piece in pieces), h11.EndOfMessage()]
