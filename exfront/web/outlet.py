"""The writing side of a client's connection: back pressure on whoever fills it, an end for clients that do not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IPushProducer, IReactorTime
from zope.interface import implementer

from exfront.web.deadline import Deadline


@implementer(IPushProducer)
@define(eq=False)
class Outlet:
    """`stalled` is called when nothing moved for `write_time` seconds; `flowing` when writing is possible again.

    Registered with the transport as its producer for the connection's whole life: also answers to pipelined requests
    must not pile up.
    """

    transport: Any
    write_time: float
    stalled: Callable[[], None]
    flowing: Callable[[], None]
    clock: IReactorTime
    blocked: bool = False
    octets: int = 0
    _source: IPushProducer | None = None
    _registered: bool = True
    _deadline: Deadline = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._deadline = Deadline(self.clock)
        self.transport.registerProducer(self, True)

    def write(self, data: bytes) -> None:
        """Write, and count."""
        self.octets += len(data)
        self.transport.write(data)

    def feed_from(self, source: IPushProducer | None) -> None:
        """From now on `source` fills the client's buffer."""
        self._source = source
        if source is not None and self.blocked:
            source.pauseProducing()

    def pauseProducing(self) -> None:
        """The client reads more slowly than we write."""
        self.blocked = True
        self._deadline.set(self.write_time, self.stalled)
        if self._source is not None:
            self._source.pauseProducing()

    def resumeProducing(self) -> None:
        """What waited has gone out."""
        self.blocked = False
        self._deadline.clear()
        if self._source is not None:
            self._source.resumeProducing()
        self.flowing()

    def stopProducing(self) -> None:
        """The client is gone: the protocol hears it too."""

    def hand_over(self) -> None:
        """From now on others write to the transport."""
        self._unregister()
        self._deadline.clear()

    def close_writing(self) -> None:
        """Write no more; the client may go on for a moment."""
        self._unregister()
        self.transport.loseWriteConnection()

    def close(self) -> None:
        """Close when all is written, or in `write_time` seconds by force. Over TLS a close waits for the producer."""
        self._unregister()
        self._deadline.set(self.write_time, self.transport.abortConnection)
        self.transport.loseConnection()

    def gone(self) -> None:
        """The connection is lost."""
        self._source = None
        self._deadline.stop()

    def _unregister(self) -> None:
        self._source = None
        if self._registered:
            self._registered = False
            self.transport.unregisterProducer()
