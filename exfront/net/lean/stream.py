"""A TCP transport on a non-blocking socket: writes at once, reads until the socket is empty."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from select import EPOLLIN, EPOLLOUT
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IPushProducer,
    ISystemHandle,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront.net.lean.handle import Handle, Name
from exfront.net.lean.loop import EDGES, READ_ENDED, Flags, LeanLoop
from exfront.net.transports import Counter

_PIECE = 65536  # octets read at once
_TURN = 262_144  # octets read before others have their turn
_SPLICED_TURN = 4 * _TURN  # the same for octets that cost less
_SHORT = 16_384  # a burst of less is no burst: copying costs less then
_NO_LINGER = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST (tcp(7), socket(7))

# Shared, as Twisted's reactors share theirs: nobody writes to them.
DONE = Failure(ConnectionDone())
LOST = Failure(ConnectionLost())
ABORTED = Failure(ConnectionAborted())

Piece = bytes | memoryview


@implementer(ITCPTransport, IPushProducer, IConsumer, ISystemHandle)
class LeanTransport(Handle):
    """One connected socket.

    What cannot be sent waits in `_out`, and as long as something waits there the producer is paused: it holds one write
    of a producer that keeps to that, never a queue. Everything that ends a connection happens in `again` or `event`,
    never within a call of the protocol's.
    """

    __slots__ = (
        "_aborted",
        "_asked",
        "_calls",
        "_closing",
        "_ended",
        "_fd",
        "_loop",
        "_out",
        "_paused",
        "_producer",
        "_pushing",
        "_read_ended",
        "_readable",
        "_reading",
        "_shut",
        "_shutting",
        "_sink",
        "_tls",
        "_why",
        "protocol",
    )

    def __init__(self, loop: LeanLoop, connected: socket.SocketType, peer: Name, calls: bool = False) -> None:
        super().__init__(connected, peer)
        self.protocol: Any = None
        self._calls = calls  # whether we made the connection
        self._tls: Any = None  # `secure.Wire`, of those that speak TLS
        self._loop = loop
        self._fd = connected.fileno()
        self._out: deque[Piece] | None = None  # what waits to be sent; never empty
        self._producer: Any = None
        self._pushing = False  # the producer is a push producer
        self._paused = False  # the producer is
        self._reading = True  # wanted by the protocol
        self._readable = False  # there may be something to read: it makes no second edge
        self._ended = False  # an edge told the end: a short read has not emptied the socket
        self._read_ended = False  # the protocol was told
        self._closing = False  # when all is written
        self._shutting = False  # our side, when all is written
        self._shut = False
        self._aborted = False
        self._asked = False  # `again` is on its way
        self._why: Failure | None = None  # lost for this, to be told soon
        self._sink: tuple[LeanTransport, Counter] | None = None  # where `dataReceived` only passes on to

    def start(self, protocol: Any) -> None:
        """Connect `protocol`, then read."""
        self.protocol = protocol
        self._loop.add(self._fd, self, EDGES)
        try:
            protocol.makeConnection(self)
        except Exception:  # noqa: BLE001 - it ends this connection and no other
            self.broke(Failure())

    # --- ITransport

    def write(self, data: bytes) -> None:
        """Send; what the kernel does not take now waits, and pauses the producer."""
        if not isinstance(data, bytes):
            raise TypeError("Data must be bytes")
        if not data or self._socket is None or self._shut or self._aborted or self._why is not None:
            return
        if self._out is not None:
            self._out.append(data)
            return
        sent = self._send(data)
        if sent < len(data):
            self._out = deque((memoryview(data)[sent:] if sent else data,))
            self._pause_producer()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send several pieces as one."""
        self.write(b"".join(data))

    def loseConnection(self, connDone: object = None) -> None:
        """Close when all is written; until then nothing is read."""
        if self._socket is not None and not self._closing:
            self._closing = True
            self._reading = False
            self._later()

    def abortConnection(self) -> None:
        """Close with RST; what waits is dropped."""
        if self._socket is not None and not self._aborted:
            self._aborted = True
            self._reading = False
            self._out = None
            self._later()

    def loseWriteConnection(self) -> None:
        """Shut our side when all is written."""
        if self._socket is not None and not self._shutting:
            self._shutting = True
            self._later()

    # --- IPushProducer, IConsumer

    def pauseProducing(self) -> None:
        """Read no more: the kernel's buffer fills, and the peer waits."""
        self._reading = False

    def resumeProducing(self) -> None:
        """Read again; what came meanwhile makes no new edge."""
        if self._socket is None or self._closing or self._aborted or self._reading:
            return
        self._reading = True
        if self._has_more():
            self._later()

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause `producer` while something waits; one that is no push producer is asked each time nothing does."""
        if self._producer is not None:
            raise RuntimeError(f"cannot register {producer}: {self._producer} was never unregistered")
        if self._socket is None:
            producer.stopProducing()
            return
        self._producer, self._pushing, self._paused = producer, bool(streaming), False
        if not streaming:
            producer.resumeProducing()
            self._later()
        elif self._out is not None:
            self._pause_producer()

    def unregisterProducer(self) -> None:
        """Nothing more comes of it; a close that waited for it goes on."""
        self._producer, self._paused = None, False
        if self._closing or self._shutting:
            self._later()

    # --- for the loop

    def event(self, flags: Flags) -> None:
        """Flags are hints: what they tell is found out by sending and reading."""
        if self._out is not None and flags & EPOLLOUT:
            self._flush()
        if flags & (EPOLLIN | READ_ENDED):
            self._readable = True
            if flags & READ_ENDED:
                self._ended = True
            if self._reading:
                self._read()
        if self._why is not None:
            self._lose(self._why)

    def again(self) -> None:
        """What was put off: an end, an own half close, a pull producer, reading on."""
        self._asked = False
        if self._socket is None:
            return
        if self._aborted:
            self._lose(ABORTED)
        elif self._why is not None:
            self._lose(self._why)
        elif self._out is None:
            self._drained()
        if self._reading and self._has_more():
            self._read()
        if self._why is not None:
            self._lose(self._why)

    def broke(self, failure: Failure) -> None:
        """An exception of the protocol's: logged, and the end of this connection."""
        _log.failure("unhandled error on a connection", failure)
        self._lose(failure)

    # --- reading

    def _has_more(self) -> bool:
        """Whether reading could give something that no event will tell of."""
        return self._readable

    def _read(self) -> None:
        """Pass on what came; `_readable` stays set unless the socket was seen empty.

        Ends when the socket is empty (a read that fails, or a short one while no edge told the end: epoll(7)),
        at the stream's end, when the protocol wants no more, and after `_TURN` octets for the sake of others.
        """
        left = _TURN
        while self._reading and self._socket is not None:
            try:
                data = self._socket.recv(_PIECE)
            except BlockingIOError:
                self._readable = False
                return
            except OSError:
                self._give_up(LOST)
                return
            if not data:
                self._end_of_stream()
                return
            if len(data) < _PIECE and not self._ended:
                self._readable = False
            self.protocol.dataReceived(data)
            if not self._readable:
                return
            left -= len(data)
            if left <= 0 or (self._sink is not None and len(data) == _PIECE and not self._splice(*self._sink)):
                self._later()
                return

    def _splice(self, sink: LeanTransport, counter: Counter) -> bool:
        """Move octets to `sink` in bursts: a read filled the buffer, so there are many; False for no time for more.

        Ends when the protocol wants no more (as when `sink` holds something), and when a burst comes up short or fails:
        whether the socket is empty, at its end or lost is found out by reading on.
        """
        left = _SPLICED_TURN
        while self._reading and self._socket is not None and sink.takes_octets():
            try:
                count, rest = self._loop.pipe.burst(self._fd, sink._fd)
            except OSError:
                return True
            if count:
                counter.passed(count)
            if rest:
                sink.write(rest)
            if count < _SHORT:
                if not count:
                    self._ended = True
                return True
            left -= count
            if left <= 0:
                return False
        return True

    def takes_octets(self) -> bool:
        """Whether what is written goes out now, behind nothing else."""
        return (
            self._socket is not None
            and self._out is None
            and not (self._closing or self._shutting or self._aborted or self._why is not None)
        )

    def _end_of_stream(self) -> None:
        self._reading = self._readable = False
        if self._read_ended:
            return
        self._read_ended = True
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.readConnectionLost()
        else:
            self._give_up(DONE)

    # --- writing

    def _send(self, data: Piece) -> int:
        """As much as goes now; a connection that turns out to be lost takes everything, and ends soon."""
        assert self._socket is not None
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._give_up(LOST)
            return len(data)

    def _flush(self) -> None:
        """Send what waits; ends when the kernel takes no more, or all is out: then whoever waited for that goes on."""
        out = self._out
        assert out is not None
        while out:
            piece = out[0]
            sent = self._send(piece)
            if sent < len(piece):
                out[0] = memoryview(piece)[sent:]
                return
            out.popleft()
        self._out = None
        self._drained()

    def _drained(self) -> None:
        """Nothing waits to be sent."""
        if self._producer is not None and (self._paused or not self._pushing):
            self._paused = False
            self._producer.resumeProducing()
            if self._producer is not None and not self._pushing:
                self._later()
        elif self._why is not None:
            pass
        elif self._closing:
            self._finish()
        elif self._shutting and not self._shut:
            self._shut_down()

    def _pause_producer(self) -> None:
        if self._producer is not None and self._pushing and not self._paused:
            self._paused = True
            self._producer.pauseProducing()

    def _finish(self) -> None:
        """All is written, and the connection is to be closed."""
        self._give_up(DONE)

    def _shut_down(self) -> None:
        self._shut = True
        try:
            self.getHandle().shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer was faster: reading tells
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.writeConnectionLost()

    # --- the end

    def _later(self) -> None:
        """Have `again` called, once."""
        if not self._asked:
            self._asked = True
            self._loop.soon(self)

    def _give_up(self, why: Failure) -> None:
        """It is over; the protocol hears of it when the call that found out has returned."""
        if self._why is None:
            self._why = why
            self._reading = False
            self._out = None
            self._later()

    def _lose(self, why: Failure) -> None:
        """Close, and tell producer and protocol: the one end of every connection."""
        sock, self._socket = self._socket, None
        if sock is None:
            return
        self._reading = self._readable = False
        self._out = None
        self._loop.remove(self._fd)
        if self._aborted:
            with suppress(OSError):  # of a connection that is lost already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        try:
            sock.close()
        except OSError:
            pass  # closed nevertheless (close(2))
        protocol, self.protocol = self.protocol, None
        producer, self._producer = self._producer, None
        self._sink = None
        try:
            if producer is not None:
                producer.stopProducing()
        finally:
            protocol.connectionLost(why)


_log = Logger()
