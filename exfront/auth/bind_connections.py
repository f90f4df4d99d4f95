"""Connections to bind as users on, and on nothing else (S-AUTH-2): a few to each server, one bind at a time on each."""

from __future__ import annotations

from collections import Counter, deque
from typing import Never

from attrs import define, field
from twisted.internet.defer import Deferred

from exfront import limits
from exfront.config.kinds import LdapUrl
from exfront.directory.client import Connection
from exfront.directory.errors import DirectoryError
from exfront.directory.health import Health
from exfront.directory.servers import Servers
from exfront.reasons import DIRECTORY_DOWN, DIRECTORY_TIMEOUT, Refused


@define(eq=False)
class BindConnections:
    """At most `LDAP_BIND_CONNECTIONS` to one server. Who waits for a place goes elsewhere when its server fails."""

    servers: Servers
    _taken: Counter[LdapUrl] = field(factory=Counter)
    _idle: deque[Connection] = field(factory=deque)
    _open: set[Connection] = field(factory=set)
    _waiting: deque[Deferred[None]] = field(factory=deque)
    _stopped: bool = False

    def __attrs_post_init__(self) -> None:
        self.servers.on_change.append(self._changed)

    def start(self) -> None:
        """Take binds (again); connections are opened when they are needed."""
        self._stopped = False

    async def stop(self) -> None:
        """Close all connections; fires when they have ended. A bind under way fails as a temporary failure."""
        self._stopped = True
        connections = tuple(self._open)
        for connection in connections:
            connection.close()
        for connection in connections:
            await connection.ended

    async def take(self) -> Connection:
        """A connection to the best server, for one bind; give it back after that. Raises `Refused`."""
        await self.servers.ready()
        began = self.servers.reactor.seconds()
        while self._taken[url := self.servers.candidates()[0]] >= limits.LDAP_BIND_CONNECTIONS:
            await self._turn(began)
        self._taken[url] += 1
        connection: Connection | None = None
        try:
            connection = self._idle_one() or await self._new()
        finally:
            self._taken[url] -= 1
            if connection is None:
                self._next()
        self._taken[self.servers.url_of(connection)] += 1
        return connection

    def give_back(self, connection: Connection) -> None:
        """For the next bind; the connection itself sees to it that one without an answer is dead (S-AUTH-2)."""
        self._taken[self.servers.url_of(connection)] -= 1
        if connection.alive:
            self._idle.append(connection)
        self._next()

    def _idle_one(self) -> Connection | None:
        """One that lives, to the server that is best now; those to others are closed."""
        while self._idle:
            connection = self._idle.pop()
            if connection.alive and self.servers.is_best(connection):
                return connection
            connection.close()
        return None

    async def _new(self) -> Connection:
        if self._stopped:
            raise Refused(DIRECTORY_DOWN, "stopped")
        connection = await self.servers.open()
        self._open.add(connection)
        connection.on_lost = self._lost
        return connection

    def _lost(self, connection: Connection, why: DirectoryError) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    async def _turn(self, began: float) -> None:
        """Wait until a place is free or the servers' order has changed; not longer than for a bind."""
        left = began + self.servers.limits.ldap_bind_time - self.servers.reactor.seconds()
        turn: Deferred[None] = Deferred()
        self._waiting.append(turn)
        try:
            await turn.addTimeout(max(left, 0.0), self.servers.reactor, _all_busy)
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)

    def _next(self) -> None:
        if self._waiting:
            self._waiting.popleft().callback(None)

    def _changed(self, health: Health) -> None:
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:
            turn.callback(None)


def _all_busy(_result: object, _seconds: float) -> Never:
    raise Refused(DIRECTORY_TIMEOUT, "all bind connections are busy")
