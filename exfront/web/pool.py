"""What a client connection keeps of its connections to back ends: at most one, idle, for one user (S-HTTP-33)."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from exfront import limits
from exfront.web.back_end import BackEndConnection, ConnectionKey
from exfront.web.deadline import Deadline


@define(eq=False)
class KeptConnection:
    """Never shared between client connections, so that no logon of a connection ever reaches another user."""

    clock: IReactorTime
    _kept: BackEndConnection | None = None
    _idle: Deadline = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._idle = Deadline(self.clock)

    def take(self, key: ConnectionKey) -> BackEndConnection | None:
        """The kept connection if a request of `key` may go there; another one is closed."""
        kept = self._kept
        if kept is None:
            return None
        self._forget()
        kept.left = None
        if kept.serves(key):
            return kept
        kept.close()
        return None

    def keep(self, connection: BackEndConnection) -> None:
        """Keep an idle connection for the next request; it is closed when it is not used soon, or speaks unasked."""
        self.close()
        if not connection.alive:
            return
        self._kept = connection
        connection.left = self._forget
        self._idle.set(limits.HTTP_BACK_END_IDLE_TIME, self.close)

    def close(self) -> None:
        """Close what is kept."""
        kept = self._kept
        self._forget()
        if kept is not None:
            kept.close()

    def end(self) -> None:
        """The client connection is over."""
        self.close()
        self._idle.stop()

    def _forget(self) -> None:
        self._kept = None
        self._idle.clear()
