"""Idle connections to back ends, kept for requests of the same account (S-HTTP-33)."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from exfront import limits
from exfront.config.limits import LimitsSection
from exfront.web.back_end import BackEndConnection, ConnectionKey

_SWEEP_TIME = 5.0  # seconds between two looks: a connection is kept at most so much longer


@define(eq=False)
class Pool:
    """Of one process, for all client connections; the last one kept is the first one used again.

    `settings` is [limits]. A connection that was about logging itself on (`pinned`) is never in here: it belongs to its
    client connection. `kept` is told the name of each server that a connection is kept to.
    """

    clock: IReactorTime
    settings: LimitsSection
    kept: Callable[[str], None] = lambda server: None
    _idle: dict[ConnectionKey, list[BackEndConnection]] = field(factory=dict)
    _count: int = 0
    _sweep: IDelayedCall | None = None

    def __len__(self) -> int:
        return self._count

    def take(self, key: ConnectionKey) -> BackEndConnection | None:
        """An idle connection on which a request of `key` may go."""
        idle = self._idle.get(key)
        if not idle:
            return None
        connection = idle.pop()
        self._count -= 1
        connection.left = None
        return connection

    def keep(self, connection: BackEndConnection) -> None:
        """Keep an idle connection; it is closed when it is not used soon, speaks unasked, or is one too many."""
        key = connection.key
        if key is None or connection.pinned or not connection.alive or self._count >= self._most:
            connection.close()
            return
        idle = self._idle.get(key)
        if idle is None:
            idle = self._idle[key] = []
        elif len(idle) >= limits.HTTP_BACK_END_IDLE_OF_A_USER:
            connection.close()
            return
        idle.append(connection)
        self._count += 1
        connection.left = self._forget
        connection.idle_since = self.clock.seconds()
        if self._sweep is None:
            self._sweep = self.clock.callLater(self._pause(), self._look)
        self.kept(key.server)

    def reclaim(self, server: str) -> bool:
        """Close an idle connection to `server`, since it takes no more; False where there is none (S-OPS-4)."""
        name = server.lower()
        for key, idle in self._idle.items():
            if idle and key.server.lower() == name:
                connection = idle[0]
                self._forget(connection)
                connection.close()
                return True
        return False

    def leave(self, account_id: str) -> None:
        """Close what is kept for a user who has logged off (S-HTTP-37)."""
        for key, idle in self._idle.items():
            for connection in [*idle] if key.user == account_id else ():
                self._forget(connection)
                connection.close()

    def stop(self) -> None:
        """Close all."""
        for idle in list(self._idle.values()):
            for connection in list(idle):
                connection.close()
        self._idle.clear()
        self._count = 0
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _forget(self, connection: BackEndConnection) -> None:
        """It ended, or said something that nobody had asked for."""
        assert connection.key is not None
        self._idle[connection.key].remove(connection)
        self._count -= 1

    def _look(self) -> None:
        self._sweep = None
        before = self.clock.seconds() - self.settings.http_back_end_idle_time
        for key, idle in list(self._idle.items()):
            for connection in [each for each in idle if each.idle_since <= before]:
                self._forget(connection)
                connection.close()
            if not idle:
                del self._idle[key]
        if self._count:
            self._sweep = self.clock.callLater(self._pause(), self._look)

    @property
    def _most(self) -> int:
        return limits.HTTP_BACK_END_IDLE if self.settings.http_back_end_idle_time else 0

    def _pause(self) -> float:
        return min(_SWEEP_TIME, self.settings.http_back_end_idle_time)
