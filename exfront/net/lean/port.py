"""A listening socket in the lean loop."""

from __future__ import annotations

import socket
from select import EPOLLIN
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits
from exfront.net.addresses import Address, address_of
from exfront.net.lean.handle import Name
from exfront.net.lean.loop import Flags, LeanLoop
from exfront.net.reactor_port import NONE_FREE


class Starts(Protocol):
    """Makes a transport of an accepted socket and starts `protocol` on it."""

    def __call__(self, connected: socket.SocketType, peer: Name, protocol: Any) -> None: ...


@implementer(IListeningPort)
class LeanPort:
    """Takes one connection an event: the loop watches by level, so that the others who wait report themselves again.

    Between two there is a look at everybody else, and no call is spent on finding out that nobody waits.
    """

    def __init__(self, loop: LeanLoop, listening: socket.socket, factory: ServerFactory, start: Starts) -> None:
        self._loop = loop
        self._socket: socket.socket | None = listening
        self._fd = listening.fileno()
        self._factory = factory
        self._start = start
        self._family = listening.family
        self._pause: IDelayedCall | None = None
        self._full = False  # no descriptor was free the last time
        self._held = False

    def startListening(self) -> None:
        """Take connections from now on."""
        self._factory.doStart()
        self._loop.add(self._fd, self, EPOLLIN)

    def stopListening(self) -> Deferred[None]:
        """Take no more; those that are open live on."""
        listening, self._socket = self._socket, None
        if listening is not None:
            if self._pause is not None:
                self._pause.cancel()
                self._pause = None
            self._loop.remove(self._fd, shared=True)
            listening.close()
            self._factory.doStop()
        return succeed(None)

    def stopReading(self) -> None:
        """Let who calls wait in the backlog."""
        self._held = True
        self._watch()

    def startReading(self) -> None:
        """Take them again."""
        self._held = False
        self._watch()

    def getHost(self) -> Address:
        """Where it listens. Raises `OSError` when it does not any more."""
        if self._socket is None:
            raise OSError("not listening")
        return address_of(self._socket.getsockname())

    # --- for the loop

    def event(self, flags: Flags) -> None:
        """Somebody may have called."""
        if self._socket is None or self._pause is not None or self._held:
            return
        accept: Any = getattr(self._socket, "_accept", None)  # without the cost of a socket.socket
        try:
            descriptor, name = accept()
        except BlockingIOError:
            return  # another process was faster, or the event was another's
        except OSError as error:
            if error.errno in NONE_FREE:
                self._wait(error)
            return  # else that one is gone already, or not let in by the firewall (accept(2))
        self._full = False
        self._take(descriptor, name)

    def again(self) -> None:
        """Never asked for."""

    def broke(self, failure: Failure) -> None:
        """A fault costs one connection."""
        _log.failure("unhandled error while a connection was taken", failure)

    def _take(self, descriptor: int, name: Any) -> None:
        connected = socket.SocketType(self._family, socket.SOCK_STREAM, 0, descriptor)
        try:
            connected.setblocking(False)
            protocol = self._factory.buildProtocol(address_of(name))
            if protocol is None:
                connected.close()
            else:
                self._start(connected, name, protocol)
        except BaseException:
            connected.close()
            raise

    def _wait(self, error: OSError) -> None:
        """No descriptor is free: look away for a while, instead of being told of it in each turn."""
        if not self._full:
            _log.error("cannot take a connection: {error}", error=error.strerror)
        self._full = True
        self._pause = self._loop.reactor.callLater(limits.ACCEPT_PAUSE, self._go_on)
        self._watch()

    def _go_on(self) -> None:
        self._pause = None
        self._watch()

    def _watch(self) -> None:
        """Be told of who calls, or of nobody."""
        if self._socket is not None:
            self._loop.change(self._fd, 0 if self._held or self._pause is not None else EPOLLIN)


_log = Logger()
