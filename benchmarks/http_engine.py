"""CPU time of an authenticated, routed GET without sockets. Run: python -m benchmarks.http_engine.

A client's octets go in, what the back end gets comes out; the back end's go in, the client's answer comes out. All
between is the real thing: reader, virtual directory, steps, connection pool, writer, session table, access log.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import h11
from attrs import define, field
from twisted.internet.interfaces import IProtocol, ITCPTransport
from zope.interface import implementer

from benchmarks.measure import show
from exfront.operate.access_log import AccessLog, w3c_line
from tests.web.conversation import ALICE, Conversation

_REQUESTS = 20_000
_ROUNDS = 5
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\nServer: Microsoft-IIS/6.0\r\nX-Powered-By: ASP.NET\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nCache-Control: private\r\nContent-Length: 1024\r\n\r\n" + b"x" * 1024
)
_FIELDS = (
    b"Host: mail.fourthcoffee.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\nCookie: sessionid=0123456789abcdef\r\n" + ALICE
)


@implementer(ITCPTransport)
@define(eq=False)
class _Wire:
    """The cheapest transport there is: what was written lies in `written`."""

    protocol: IProtocol
    written: list[bytes] = field(factory=list)
    disconnecting: bool = False

    def __attrs_post_init__(self) -> None:
        self.write = self.written.append

    write: Any = field(init=False)

    def writeSequence(self, pieces: list[bytes]) -> None:
        self.written.extend(pieces)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_: None


def _conversation(log: bool) -> tuple[Conversation, _Wire, _Wire]:
    conversation = Conversation()
    world = conversation.world
    world.directory.remembers = True
    if log:
        world.sessions.observers = (AccessLog(io.StringIO(), world.clock, w3c_line),)
    else:
        world.sessions.observers = ()
    client = _Wire(conversation.protocol)
    conversation.send(b"GET /exchange/ HTTP/1.1\r\n" + _FIELDS + b"\r\n")
    conversation.answer(_ANSWER)
    back_end = conversation.back_end()
    return conversation, client, _swap(back_end.protocol)


def _swap(protocol: Any) -> _Wire:
    wire = _Wire(protocol)
    protocol.transport = wire
    return wire


def _run(path: Callable[[int], bytes], log: bool) -> float:
    """Microseconds of CPU a request."""
    conversation, _, back_end = _conversation(log)
    protocol: Any = conversation.protocol
    client = protocol.transport
    client.clear()
    requests = [b"GET %b HTTP/1.1\r\n%b\r\n" % (path(number), _FIELDS) for number in range(_REQUESTS)]
    before = time.process_time()
    for octets in requests:
        protocol.dataReceived(octets)
        back_end.protocol.dataReceived(_ANSWER)
    spent = time.process_time() - before
    assert len(back_end.written) == _REQUESTS and back_end.written[-1].startswith(b"GET " + path(_REQUESTS - 1))
    assert client.value().count(b"HTTP/1.1 200 OK\r\n") == _REQUESTS
    return spent / _REQUESTS * 1e6


def _h11() -> float:
    """Microseconds of CPU that h11 takes for reading the head of such a request, and for nothing else."""
    request = b"GET /exchange/?1 HTTP/1.1\r\n" + _FIELDS + b"\r\n"
    before = time.process_time()
    for _ in range(_REQUESTS // 4):
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(request)
        connection.next_event()
    return (time.process_time() - before) / (_REQUESTS // 4) * 1e6


def main() -> None:
    """Print the table."""
    works: dict[str, Callable[[], float]] = {
        "own mailbox": lambda: _run(lambda number: b"/exchange/?%d" % number, True),
        "own mailbox, without access log": lambda: _run(lambda number: b"/exchange/?%d" % number, False),
        "named mailbox": lambda: _run(lambda number: b"/exchange/alice/Inbox/%d.EML" % number, True),
        "h11 reads the head, no more": _h11,
    }
    figures: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(_ROUNDS):
        for name, work in works.items():
            figures[name].append(work())
    show("HTTP: an authenticated, routed GET of 1 kB, octets in, octets out", "µs of CPU", figures, list(works)[-1])


if __name__ == "__main__":
    main()
