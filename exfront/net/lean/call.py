"""A connection that is being made."""

from __future__ import annotations

import errno
import os
import socket
from select import EPOLLERR, EPOLLHUP, EPOLLOUT
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectBindError,
    ConnectingCancelledError,
    NoProtocol,
    TimeoutError,
    getConnectError,
)
from twisted.internet.interfaces import IDelayedCall, IProtocol, IProtocolFactory
from twisted.python.failure import Failure

from exfront.net.addresses import address_of
from exfront.net.lean.handle import Name
from exfront.net.lean.loop import EDGES, Flags, LeanLoop
from exfront.net.lean.port import Starts

_ANSWERED = EPOLLOUT | EPOLLERR | EPOLLHUP


class LeanCall:
    """To an IP address and port; `done` fires with the protocol on its transport, or fails as `Transports` says."""

    _timer: IDelayedCall

    def __init__(self, loop: LeanLoop, address: str, port: int, factory: IProtocolFactory, start: Starts) -> None:
        self.done: Deferred[IProtocol] = Deferred(self._cancelled)
        self._loop = loop
        self._name = (address, port)
        self._factory = factory
        self._start = start
        self._socket: socket.SocketType | None = None
        self._fd = -1

    def begin(self, seconds: float) -> Deferred[IProtocol]:
        """Call, and wait for `seconds`."""
        family = socket.AF_INET6 if ":" in self._name[0] else socket.AF_INET
        try:
            calling = socket.SocketType(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
        except OSError as error:
            self.done.errback(ConnectBindError(error.errno, error.strerror))
            return self.done
        calling.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        calling.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket, self._fd = calling, calling.fileno()
        code = calling.connect_ex(self._name)
        if code not in (0, errno.EINPROGRESS):
            self._socket = None
            calling.close()
            self.done.errback(getConnectError((code, os.strerror(code))))
            return self.done
        self._loop.add(self._fd, self, EDGES)  # not sooner: an unconnected socket reports EPOLLHUP at once
        self._timer = self._loop.clock.callLater(seconds, self._too_slow)
        return self.done

    def event(self, flags: Flags) -> None:
        """The first writability, or the failure: SO_ERROR tells which."""
        if self._socket is None or not flags & _ANSWERED:
            return
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._fail(getConnectError((code, os.strerror(code))))
            return
        try:
            self._socket.getpeername()
        except OSError:
            return  # an event of another's before: not connected yet
        self._connected(self._name)
        if flags & ~EPOLLOUT:
            self._loop.once_more(self._fd, flags)  # for the transport: it speaks of octets, or of the end

    def again(self) -> None:
        """Never asked for."""

    def broke(self, failure: Failure) -> None:
        """A fault of the factory's."""
        self._fail(failure)

    def _connected(self, peer: Name) -> None:
        protocol: Any = self._factory.buildProtocol(address_of(peer))
        if protocol is None:
            self._fail(NoProtocol())
            return
        connected, self._socket = self._socket, None
        assert connected is not None
        self._timer.cancel()
        try:
            self._start(connected, peer, protocol)  # takes the place in the loop
        except Exception:  # noqa: BLE001 - whatever it is, the connection was not made
            self._socket = connected
            self._fail(Failure())
            return
        self.done.callback(protocol)

    def _fail(self, why: Exception | Failure) -> None:
        calling, self._socket = self._socket, None
        if calling is None:
            return
        self._loop.remove(self._fd)
        if self._timer.active():
            self._timer.cancel()
        calling.close()
        self.done.errback(why)

    def _too_slow(self) -> None:
        self._fail(TimeoutError())

    def _cancelled(self, _: object) -> None:
        self._fail(ConnectingCancelledError(address_of(self._name)))
