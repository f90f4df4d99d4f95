"""A web socket: after a back end's 101 octets pass both ways, and nobody looks at them (S-HTTP-16)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront import limits
from exfront.decision import SessionRecord
from exfront.net.relay import Ended, Relay, join
from exfront.web.back_end import BackEndConnection


@define(eq=False)
class Tunnel:
    """Joins a client's transport and the `connection` of a back end that has switched protocols.

    `ended` is called once, when both are closing. The client's protocol passes its events to `client`.
    """

    connection: BackEndConnection
    record: SessionRecord
    ended: Callable[[], None]
    _relay: Relay = field(init=False)

    def start(self, client: Any, read_ahead: bytes, clock: IReactorTime) -> None:
        """`client` is the transport, `read_ahead` what the client sent behind its request."""
        connection = self.connection
        self._relay = relay = join(
            client,
            connection.transport,
            self.record,
            clock,
            idle_time=limits.WEB_SOCKET_IDLE_TIME,
            stall_time=limits.STALL_TIME,
            ended=self._over,
        )
        connection.begin(self)
        for leg, octets in ((relay.back_end, connection.reader.rest), (relay.client, read_ahead)):
            if octets:
                leg.received(octets)

    @property
    def client(self) -> Any:
        """The leg that hears of the client's events."""
        return self._relay.client

    def received(self, data: bytes) -> None:
        """Octets of the back end."""
        self._relay.back_end.received(data)

    def back_end_ended(self, clean: bool) -> None:
        """The back end's end, of its writing first or of all."""
        if self.connection.gone:
            self._relay.back_end.lost(Failure(ConnectionLost()))
        else:
            self._relay.back_end.read_ended()

    def fault(self, failure: Failure) -> None:
        """A fault of our own ends both."""
        _log.failure("a fault in session {session}", failure, session=self.record.session_id)
        self._relay.abort()

    def _over(self, how: Ended) -> None:
        if how.reason is not None:
            self.record.refuse(how.reason, f"ended by={how.who}")
        self.ended()


_log = Logger()
