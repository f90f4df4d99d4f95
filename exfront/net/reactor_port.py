"""Takes connections in any reactor, one by one: who takes them may ask for no more."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.net.addresses import Address, address_of

_AT_ONCE = 16  # connections taken before others have their turn
NONE_FREE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


@implementer(IListeningPort, IReadDescriptor)
class ReactorPort:
    """`take` gets each connection, which is its own from then on, and the address of who called."""

    def __init__(
        self, reactor: Any, listening: socket.socket, take: Callable[[socket.socket, Address], object]
    ) -> None:
        self._reactor = reactor
        self._socket: socket.socket | None = listening
        self._take = take
        self._held = False
        self._pause: IDelayedCall | None = None
        self._full = False  # no descriptor was free the last time

    def startListening(self) -> None:
        """Take connections from now on."""
        self._reactor.addReader(self)

    def stopListening(self) -> Deferred[None]:
        """Take no more; those that are open live on."""
        listening, self._socket = self._socket, None
        if listening is not None:
            self._cancel_pause()
            self._reactor.removeReader(self)
            listening.close()
        return succeed(None)

    def stopReading(self) -> None:
        """Let who calls wait in the backlog."""
        self._held = True
        self._reactor.removeReader(self)

    def startReading(self) -> None:
        """Take them again."""
        self._held = False
        if self._socket is not None and self._pause is None:
            self._reactor.addReader(self)

    def getHost(self) -> Address:
        """Where it listens. Raises `OSError` when it does not any more."""
        if self._socket is None:
            raise OSError("not listening")
        return address_of(self._socket.getsockname())

    # --- for the reactor

    def fileno(self) -> int:
        """Of the listening socket."""
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        """See `twisted.internet.interfaces.ILoggingContext`."""
        return "listener"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends."""

    def doRead(self) -> None:
        """Ends when nobody waits, when no descriptor is free, and after a few for the sake of others."""
        for _ in range(_AT_ONCE):
            if self._socket is None or self._held:
                return
            try:
                connected, name = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in NONE_FREE:
                    self._wait(error)
                    return
                continue  # that one is gone already (accept(2))
            self._full = False
            try:
                connected.setblocking(False)
                self._take(connected, address_of(name))
            except Exception:  # noqa: BLE001 - it costs one connection
                _log.failure("unhandled error while a connection was taken")
                connected.close()

    def _wait(self, error: OSError) -> None:
        if not self._full:
            _log.error("cannot take a connection: {error}", error=error.strerror)
        self._full = True
        self._reactor.removeReader(self)
        self._pause = self._reactor.callLater(limits.ACCEPT_PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        if not self._held:
            self._reactor.addReader(self)

    def _cancel_pause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None


_log = Logger()
