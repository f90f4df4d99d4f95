"""A protocol that notes what its transport tells it, and the bare socket at the other end."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

_LONG = 10.0  # seconds until a wait fails
_PAUSE = 0.002


async def until(reactor: Any, condition: Callable[[], object], what: str) -> None:
    """Let the reactor run until `condition` holds."""
    limit = time.monotonic() + _LONG
    while not condition():
        if time.monotonic() > limit:
            raise AssertionError(f"waited in vain for {what}")
        await deferLater(reactor, _PAUSE)


async def turns(reactor: Any, count: int = 5) -> None:
    """Let the reactor run for a moment: for what is not to happen."""
    for _ in range(count):
        await deferLater(reactor, _PAUSE)


@implementer(IHandshakeListener)
class Probe(Protocol):
    """Notes everything; `on_made` and `on_data` do what a test wants done there."""

    def __init__(self) -> None:
        self.made = False
        self.data = bytearray()
        self.pieces = 0
        self.events: list[str] = []
        self.reason: Failure | None = None
        self.on_made: Callable[[Any], None] = lambda line: None
        self.on_data: Callable[[Any, bytes], None] = lambda line, data: None

    @property
    def line(self) -> Any:
        """The transport."""
        return self.transport

    @property
    def lost(self) -> str:
        """The kind of end, empty while there is none."""
        return "" if self.reason is None else self.reason.type.__name__

    def connectionMade(self) -> None:
        self.made = True
        self.on_made(self.line)

    def handshakeCompleted(self) -> None:
        self.events.append("secure")

    def dataReceived(self, data: bytes) -> None:
        if self.reason is not None:
            self.events.append("data after the end")
        self.data += data
        self.pieces += 1
        self.on_data(self.line, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.reason is not None:
            self.events.append("lost twice")
        self.reason = reason
        self.events.append("lost")


@implementer(IHalfCloseableProtocol)
class HalfProbe(Probe):
    """One that knows half-closed connections."""

    def readConnectionLost(self) -> None:
        self.events.append("read ended")

    def writeConnectionLost(self) -> None:
        self.events.append("write ended")


class OneProbe(ServerFactory):
    """Builds the probes that it was given, then none."""

    noisy = False

    def __init__(self, *probes: Any) -> None:
        self.probes = list(probes)
        self.addresses: list[Any] = []

    def buildProtocol(self, addr: Any) -> Any:
        self.addresses.append(addr)
        return self.probes.pop(0) if self.probes else None


@implementer(IPushProducer)
@define(eq=False, slots=False)
class Source:
    """Writes `piece` to `line` `count` times, as fast as it is let; notes each pause."""

    line: Any
    piece: bytes
    count: int
    reactor: Any
    paused: bool = False
    stopped: bool = False
    pauses: int = 0
    written: int = 0
    done: Deferred[None] = field(factory=Deferred)

    def start(self) -> None:
        self.line.registerProducer(self, True)
        self._go_on()

    def pauseProducing(self) -> None:
        self.paused = True
        self.pauses += 1

    def resumeProducing(self) -> None:
        self.paused = False
        self._go_on()

    def stopProducing(self) -> None:
        self.stopped = True

    def _go_on(self) -> None:
        while not self.paused and not self.stopped and self.count:
            self.count -= 1
            self.written += len(self.piece)
            self.line.write(self.piece)
        if not self.count and not self.stopped:
            self.stopped = True
            self.line.unregisterProducer()
            self.done.callback(None)


@define(eq=False)
class Peer:
    """The bare, non-blocking socket at the other end."""

    reactor: Any
    socket: Any

    async def read(self, octets: int) -> bytes:
        """Exactly so many."""
        found = bytearray()
        while len(found) < octets:
            try:
                piece = self.socket.recv(min(octets - len(found), 262_144))
            except BlockingIOError:
                await until(self.reactor, self._readable, f"{octets} octets, got {len(found)}")
                continue
            if not piece:
                raise AssertionError(f"the end after {len(found)} of {octets} octets")
            found += piece
        return bytes(found)

    async def end(self) -> bytes:
        """All until the end, and ours after it; raises ConnectionResetError for an end by force."""
        found = bytearray()
        while True:
            try:
                piece = self.socket.recv(262_144)
            except BlockingIOError:
                await until(self.reactor, self._readable, "the end")
                continue
            if not piece:
                return bytes(found)
            found += piece

    async def write(self, data: bytes) -> None:
        """All of it."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.socket.send(view) :]
            except BlockingIOError:
                await deferLater(self.reactor, _PAUSE)

    def write_some(self, data: bytes) -> int:
        """As much as goes without waiting."""
        sent = 0
        while sent < len(data):
            try:
                sent += self.socket.send(memoryview(data)[sent : sent + 16384])
            except BlockingIOError:
                break
        return sent

    def end_writing(self) -> None:
        """FIN, and nothing of TLS's before it."""
        socket.socket.shutdown(getattr(self.socket, "secure", self.socket), socket.SHUT_WR)

    def reset(self) -> None:
        """RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _readable(self) -> bool:
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True


@define(eq=False)
class SecureSocket:
    """A TLS socket that waits as a plain one does."""

    secure: ssl.SSLSocket

    def recv(self, octets: int, flags: int = 0) -> bytes:
        if flags:  # a peek
            raise BlockingIOError if not self.secure.pending() and not _waiting(self.secure) else OSError
        try:
            piece = self.secure.recv(octets)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except ssl.SSLEOFError:
            raise ConnectionResetError from None
        if not piece:
            self.secure.close()  # a close by TLS waits for the other side
        return piece

    def send(self, data: Any) -> int:
        try:
            return self.secure.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.secure, name)


def _waiting(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])
