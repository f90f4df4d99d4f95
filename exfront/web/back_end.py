"""A connection to a back end: passes its events to the exchange that runs on it; while idle, any event ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront.net.slim import SlimProtocol
from exfront.wire.http1.response import ResponseReader


class Listener(Protocol):
    """What an exchange wants to hear."""

    def received(self, data: bytes) -> None:
        """Octets of the back end."""
        ...

    def back_end_ended(self, clean: bool) -> None:
        """There are no more; not `clean` when the connection broke or TLS was not closed (S-TLS-7)."""
        ...

    def fault(self, failure: Failure) -> None:
        """Our own code failed on what came."""
        ...


class ConnectionKey(NamedTuple):
    """Requests with the same key may follow each other on one connection (S-HTTP-33).

    `user` is the account's id; where exfront proves nobody, a digest of the credentials that pass through. `scheme` is
    ``basic``, ``none``, ``passed``, ``kept back`` for credentials that the back end must not see, ``context`` at a
    second Client Access server, ``token`` at a server of 2013, ``integrated`` where exfront itself has logged the
    connection on as the user, or, where the client does so by a scheme that logs the connection on (Negotiate, NTLM),
    ``bound``.
    """

    server: str
    port: int
    tls: str
    user: str
    scheme: str

    def same_place(self, other: ConnectionKey) -> bool:
        """Whether both mean one service."""
        return self[:3] == other[:3]


@implementer(IHalfCloseableProtocol)
class BackEndConnection(SlimProtocol):
    """One connection. `pinned` once a request or challenge on it was about logging the connection itself on."""

    __slots__ = ("_feeding", "_listener", "alive", "gone", "idle_since", "key", "left", "pinned", "reader")

    def __init__(self) -> None:
        super().__init__()
        self.reader = ResponseReader(b"")
        self.key: ConnectionKey | None = None
        self.pinned = False
        self.alive = False
        self.gone = False  # connectionLost was called
        self.idle_since = 0.0
        self.left: Callable[[BackEndConnection], None] | None = None  # called when an idle connection is no more
        self._listener: Listener | None = None
        self._feeding = False

    def connectionMade(self) -> None:
        """Ready."""
        self.alive = True

    def at(self, key: ConnectionKey) -> bool:
        """Whether it is alive, and goes where requests of `key` go."""
        return self.alive and self.key is not None and self.key.same_place(key)

    def begin(self, listener: Listener, octets: bytes = b"") -> None:
        """From now on events go to `listener`, who begins with sending `octets`."""
        self._listener = listener
        if octets:
            self._line.write(octets)

    def finish(self) -> None:
        """The exchange is over."""
        self._listener = None
        if self._feeding:
            self.unfeed()

    def write(self, data: bytes) -> None:
        """Send; after the connection's end it goes nowhere."""
        self._line.write(data)

    def feed_from(self, source: IPushProducer) -> None:
        """`source` is paused while the back end does not read."""
        self._feeding = True
        self._line.registerProducer(source, True)

    def unfeed(self) -> None:
        """Nothing more follows from the source: over TLS a close waits for this."""
        if self._feeding:
            self._feeding = False
            self._line.unregisterProducer()

    def pause(self) -> None:
        """Read no more for now."""
        if self.alive:
            self._line.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        if self.alive:
            self._line.resumeProducing()

    def close(self) -> None:
        """End an idle connection in order."""
        self.alive = False
        self.left = None
        self.unfeed()
        self._line.loseConnection()

    def abort(self) -> None:
        """End it now: what was begun on it is not to look complete to the back end."""
        self.alive = False
        self.left = None
        self._listener = None
        self._line.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """Octets on an idle connection answer nothing: dropped unread (S-HTTP-29)."""
        listener = self._listener
        if listener is None:
            self._leave()
            self._line.abortConnection()
            return
        try:
            listener.received(data)
        except Exception:  # noqa: BLE001 - the one place of this connection; the request logs it
            listener.fault(Failure())

    def readConnectionLost(self) -> None:
        """The back end's end: what it sends is complete or not, nothing follows."""
        listener = self._listener
        self._leave()
        if listener is not None:
            listener.back_end_ended(clean=True)
        self.unfeed()
        self._line.loseConnection()

    def writeConnectionLost(self) -> None:
        """We never close only our own side."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Gone."""
        self.gone = True
        listener, self._listener = self._listener, None
        self._leave()
        if listener is not None:
            listener.back_end_ended(clean=reason.check(ConnectionDone) is not None)

    def _leave(self) -> None:
        self.alive = False
        left, self.left = self.left, None
        if left is not None:
            left(self)

    @property
    def _line(self) -> Any:
        return self.transport


class Connections(Factory):
    """Builds the protocol of new connections."""

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> BackEndConnection:  # type: ignore[override]
        """See `twisted.internet.interfaces.IProtocolFactory`."""
        return BackEndConnection()
