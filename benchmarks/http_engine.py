"""CPU time of an authenticated, routed GET without sockets. Run: python -m benchmarks.http_engine.

A client's octets go in, what the back end gets comes out; the back end's go in, the client's answer comes out. All
between is the real thing: reader, virtual directory, steps, connection pool, writer, session table, access log.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import h11
from attrs import define, field
from twisted.internet.interfaces import ITCPTransport
from zope.interface import implementer

from benchmarks.measure import show
from exfront.facts import World
from exfront.operate.access_log import AccessLog, w3c_line
from exfront.topology import Topology
from tests.support.steps import server
from tests.web.conversation import ALICE, Conversation
from tests.web.logging_on import Browser
from tests.web.test_integrated import challenge

_REQUESTS = 20_000
_A_TURN = 500  # requests between two writes of the access log
_ROUNDS = 5
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\nServer: Microsoft-IIS/6.0\r\nX-Powered-By: ASP.NET\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nCache-Control: private\r\nContent-Length: 1024\r\n\r\n" + b"x" * 1024
)
_FIELDS = (
    b"Host: mail.fourthcoffee.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\nCookie: sessionid=0123456789abcdef"
)
_BASIC = _FIELDS + b"\r\n" + ALICE


@implementer(ITCPTransport)
@define(eq=False)
class _Wire:
    """The cheapest transport there is: what was written lies in `written`."""

    written: list[bytes] = field(factory=list)
    write: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.write = self.written.append

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_: None


def _conversation(log: IO[str] | None, by_form: bool, ntlm: bool) -> tuple[bytes, Any, _Wire, Any, _Wire]:
    """The header fields, and a client's protocol and a back end's that have served a request, each with its wire."""
    browser = Browser().log_on() if by_form else None
    conversation = Conversation() if browser is None else browser.talk
    fields = _BASIC if browser is None else b"%b; X-ExFront-Logon=%b\r\n" % (_FIELDS, browser.cookie)
    world = conversation.world
    world.directory.remembers = True
    world.sessions.observers = () if log is None else (AccessLog(log, world.clock, w3c_line),)
    if ntlm:
        servers = World(Topology((server("chicago", next_hop=("ntlm",)),)))
        world.steps.world = lambda: servers
    conversation.send(b"GET /exchange/ HTTP/1.1\r\n" + fields + b"\r\n")
    for octets in (challenge(), _ANSWER) if ntlm else ():
        conversation.answer(octets)
    conversation.answer(_ANSWER)
    client: Any = conversation.protocol
    back_end: Any = conversation.back_end().protocol
    wires = _Wire(), _Wire()
    client._outlet.transport, back_end.transport = wires
    return fields, client, wires[0], back_end, wires[1]


def _run(path: Callable[[int], bytes], log: IO[str] | None, *, by_form: bool = False, ntlm: bool = False) -> float:
    """Microseconds of CPU a request; what was written is looked at and thrown away between the turns."""
    fields, client, answers, back_end, asked = _conversation(log, by_form, ntlm)
    spent = 0.0
    for turn in range(_REQUESTS // _A_TURN):
        numbers = range(turn * _A_TURN, (turn + 1) * _A_TURN)
        requests = [b"GET %b HTTP/1.1\r\n%b\r\n" % (path(number), fields) for number in numbers]
        before = time.process_time()
        for octets in requests:
            client.dataReceived(octets)
            back_end.dataReceived(_ANSWER)
        for observer in client._context.steps.sessions.observers:
            observer.flush()
        spent += time.process_time() - before
        assert [octets.split(b" ", 2)[1] for octets in asked.written] == [path(number) for number in numbers]
        assert len(answers.written) == _A_TURN and all(each.endswith(_ANSWER[-1024:]) for each in answers.written)
        asked.written.clear()
        answers.written.clear()
    return spent / _REQUESTS * 1e6


def _h11() -> float:
    """Microseconds of CPU that h11 takes for reading the head of such a request, and for nothing else."""
    request = b"GET /exchange/?1 HTTP/1.1\r\n" + _BASIC + b"\r\n"
    before = time.process_time()
    for _ in range(_REQUESTS // 4):
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(request)
        connection.next_event()
    return (time.process_time() - before) / (_REQUESTS // 4) * 1e6


def main() -> None:
    """Print the table."""
    with Path(os.devnull).open("w", encoding="utf-8") as log:
        works: dict[str, Callable[[], float]] = {
            "own mailbox": lambda: _run(lambda number: b"/exchange/?%d" % number, log),
            "own mailbox, without access log": lambda: _run(lambda number: b"/exchange/?%d" % number, None),
            "named mailbox": lambda: _run(lambda number: b"/exchange/alice/Inbox/%d.EML" % number, log),
            "own mailbox, log-on by form": lambda: _run(lambda number: b"/exchange/?%d" % number, log, by_form=True),
            "own mailbox, next hop by NTLM": lambda: _run(lambda number: b"/exchange/?%d" % number, log, ntlm=True),
            "h11 reads the head, no more": _h11,
        }
        figures: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(_ROUNDS):
            for name, work in works.items():
                figures[name].append(work())
    show("HTTP: an authenticated, routed GET of 1 kB, octets in, octets out", "µs of CPU", figures, list(works)[-1])


if __name__ == "__main__":
    main()
