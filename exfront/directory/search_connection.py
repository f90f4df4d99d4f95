"""The long-lived connections that searches go over: a few per server, shared, and back by themselves when lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeVar

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront import limits
from exfront.config.kinds import LdapUrl
from exfront.directory.client import BUSY, SUCCESS, UNAVAILABLE, Connection, SearchAnswer
from exfront.directory.discovery import Purpose
from exfront.directory.entry import Entry
from exfront.directory.errors import (
    ConnectionLost,
    DirectoryError,
    FellSilent,
    ServerFault,
    ServiceBindRefused,
    TimedOut,
)
from exfront.directory.filters import Search
from exfront.directory.health import Health
from exfront.directory.servers import Servers, gravest, refusal
from exfront.directory.single_flight import SingleFlight
from exfront.reasons import DIRECTORY_DOWN, Refused
from exfront.secret import Secret

_T = TypeVar("_T")


class Searches(Protocol):
    """Who answers searches."""

    async def search(self, search: Search, purpose: Purpose = "users") -> SearchAnswer:
        """With `purpose` "configuration" a domain controller is asked. Raises `Refused` when no server answers."""

    def pages(self, search: Search, page_size: int = limits.LDAP_PAGE_SIZE) -> AsyncIterator[tuple[Entry, ...]]:
        """All that `search` finds, however much, in pages (RFC 2696). Raises `Refused`, also between two pages."""


@frozen(eq=False)
class _Line:
    """A connection, and the turns of those who search on it."""

    url: LdapUrl
    connection: Connection
    turns: DeferredSemaphore = field(factory=lambda: DeferredSemaphore(limits.LDAP_SEARCHES))


@define(eq=False)
class SearchConnection:
    """Bound as the service account, shared by all searches; never used to prove a user's password (S-AUTH-2)."""

    log = Logger()

    servers: Servers
    _lines: dict[LdapUrl, list[_Line]] = field(factory=dict)
    _opening: SingleFlight[LdapUrl, _Line] = field(factory=SingleFlight)
    _timers: dict[LdapUrl | None, IDelayedCall] = field(factory=dict)
    _keep: bool = False  # connect without being asked
    _stopped: bool = False

    def start(self) -> None:
        """Connect now, in the background, and keep connections; watch over servers that do not serve."""
        self._keep, self._stopped = True, False
        self._fill()

    def __attrs_post_init__(self) -> None:
        self.servers.on_change.append(self._changed)

    async def stop(self) -> None:
        """Close; fires when the connections have ended."""
        self._keep, self._stopped = False, True
        timers, self._timers = self._timers, {}
        for timer in timers.values():
            timer.cancel()
        self._opening.cancel()
        self.servers.cancel()
        connections = [line.connection for lines in self._lines.values() for line in lines]
        for connection in connections:
            connection.close()
        for connection in connections:
            await connection.ended

    async def search(self, search: Search, purpose: Purpose = "users") -> SearchAnswer:
        """A read that is lost with its connection, or times out, is repeated once, elsewhere if possible (S-DIR-13).

        With `purpose` "configuration" a domain controller is asked, not a global catalog. Raises `Refused`.
        """
        answer, _ = await self._twice(lambda connection: connection.search(search), purpose)
        return answer

    async def pages(self, search: Search, page_size: int = limits.LDAP_PAGE_SIZE) -> AsyncIterator[tuple[Entry, ...]]:
        """All that `search` finds, from a domain controller, page by page on one connection (RFC 2696).

        Only the first page is repeated elsewhere: a place in a list means nothing to another server. Raises `Refused`.
        """
        page, line = await self._twice(lambda connection: connection.page(search, page_size), "configuration")
        yield page.entries
        while page.cookie:
            try:
                page = await self._once(
                    line, partial(Connection.page, search=search, size=page_size, cookie=page.cookie)
                )
            except DirectoryError as error:
                raise refusal(error) from None
            yield page.entries

    async def _twice(self, ask: Callable[[Connection], Awaitable[_T]], purpose: Purpose) -> tuple[_T, _Line]:
        line = await self._line(purpose)
        try:
            return await self._once(line, ask), line
        except DirectoryError as error:
            if not _worth_repeating(error):
                raise refusal(error) from None
            if isinstance(error, ServerFault):  # it says itself that it does not serve
                self.servers.failed(line.url, error)
                line.connection.abort()
        line = await self._line(purpose, line.url)
        try:
            return await self._once(line, ask), line
        except DirectoryError as error:
            raise refusal(error) from None

    async def _once(self, line: _Line, ask: Callable[[Connection], Awaitable[_T]]) -> _T:
        await line.turns.acquire()
        try:
            if self._is_left(line.url):
                raise FellSilent(f"{line.url} is not asked any more")
            return await ask(line.connection)
        finally:
            line.turns.release()

    def _is_left(self, url: LdapUrl) -> bool:
        """Whether this server's work goes to others now."""
        return self.servers.health(url).state != "healthy" and self.servers.others_healthy(url)

    async def _line(self, purpose: Purpose, failed: LdapUrl | None = None) -> _Line:
        """A live connection to the best server, or the one that the first caller is opening. Raises `Refused`.

        To a server that just `failed` only a fresh one will do: where one was lost the others may be about to be.
        """
        if self._stopped:
            raise Refused(DIRECTORY_DOWN, "stopped")
        await self.servers.ready()
        refusals = []
        for url in self.servers.candidates(purpose):
            line = self._least_busy(url) if url != failed else None
            if line is not None:
                return line
            try:
                return await self._opening.join(url, partial(self._open, url))
            except DirectoryError as error:
                refusals.append(refusal(error))
        raise gravest(refusals)

    def _least_busy(self, url: LdapUrl) -> _Line | None:
        live = [line for line in self._lines.get(url, ()) if line.connection.alive]
        return min(live, key=lambda line: line.connection.waiting, default=None)

    async def _open(self, url: LdapUrl) -> _Line:
        connection = await self.servers.open_at(url, self._prepare)
        line = _Line(url, connection)
        self._lines.setdefault(url, []).append(line)
        connection.on_lost = partial(self._lost, line)
        if self._keep:
            self._in_background(partial(self._read_root, line))
        return line

    async def _prepare(self, connection: Connection) -> None:
        """Bind as the service account, if there is one."""
        name = self.servers.settings.bind_dn
        if not name:
            return
        result = await connection.bind(name, self._password())
        if result.code in (BUSY, UNAVAILABLE):
            raise ServerFault(result.code, result.message)
        if result.code != SUCCESS:
            raise ServiceBindRefused(f"{name} result={result.code} {result.message}")

    def _password(self) -> Secret:
        """Read at each connect: a changed password needs no restart."""
        file = self.servers.settings.bind_password_file
        if file is None:
            raise ServiceBindRefused("bind_dn without bind_password_file")
        try:
            secret = Secret(file.read_bytes().rstrip(b"\r\n"))
        except OSError as error:
            raise ServiceBindRefused(f"{file}: {error.strerror}") from None
        if not secret:  # RFC 4513 section 5.1.2: that would succeed, as anonymous
            raise ServiceBindRefused(f"{file} is empty")
        return secret

    def _lost(self, line: _Line, connection: Connection, why: DirectoryError) -> None:
        self._lines[line.url].remove(line)
        self.log.info("ldap_lost {server} {error}", server=connection.name, error=str(why))
        self._later(None, limits.LDAP_RECONNECT_FIRST * (0.75 + 0.5 * self.servers.random()), self._fill)

    def _changed(self, health: Health) -> None:
        """Take the work from a server that does not serve to one that does, and find out when it serves again."""
        if health.state != "healthy" and self.servers.others_healthy(health.url):
            for line in tuple(self._lines.get(health.url, ())):
                line.connection.give_up_searches(FellSilent(f"{health.url} {health.state}"))
        timer = self._timers.pop(health.url, None)
        if timer is not None:
            timer.cancel()
        self._watch_over(health, at_once=True)
        self._later(None, 0.0, self._fill)

    def _watch_over(self, health: Health, at_once: bool = False) -> None:
        """Probe a degraded server soon, one that is down when its time has come (S-DIR-2)."""
        if health.state == "down":
            pause = max(health.probe_at - self.servers.reactor.seconds(), 0.0)
        else:
            pause = 0.0 if at_once else limits.LDAP_RECONNECT_FIRST
        if health.state != "healthy":
            self._later(health.url, pause, partial(self._in_background, partial(self._probe, health)))

    async def _probe(self, health: Health) -> None:
        """One light question to a server that does not serve; its state follows from what happens."""
        line = self._least_busy(health.url) if health.state == "degraded" else None
        try:
            line = line or await self._opening.join(health.url, partial(self._open, health.url))
            health.root = await line.connection.root_dse()
        except DirectoryError:
            self._watch_over(health)

    async def _read_root(self, line: _Line) -> None:
        self.servers.health(line.url).root = await line.connection.root_dse()

    def _fill(self) -> None:
        self._in_background(self._keep_filled)

    async def _keep_filled(self) -> None:
        """As many connections to the best server as the settings say; one that is down is the probe's business."""
        while self._keep:
            await self.servers.ready()
            url = self.servers.candidates()[0]
            live = [line for line in self._lines.get(url, ()) if line.connection.alive]
            if len(live) >= self.servers.settings.search_connections or self.servers.health(url).state == "down":
                return
            await self._opening.join(url, partial(self._open, url))

    def _in_background(self, start: Callable[[], Coroutine[Deferred[Any], Any, None]]) -> None:
        Deferred.fromCoroutine(start()).addErrback(self._not_yet)

    def _not_yet(self, failure: Failure) -> None:
        """No server: said by servers.py; a fault of our own is logged, and trying goes on."""
        if failure.check(CancelledError):
            return
        if not failure.check(Refused, DirectoryError):
            self.log.failure("the search connections failed", failure)
        self._later(None, limits.LDAP_PROBE_FIRST, self._fill)

    def _later(self, name: LdapUrl | None, pause: float, what: Callable[[], object]) -> None:
        """Once at a time under each name, and only between `start` and `stop`."""

        def now() -> None:
            del self._timers[name]
            what()

        if self._keep and name not in self._timers:
            self._timers[name] = self.servers.reactor.callLater(pause, now)


def _worth_repeating(error: DirectoryError) -> bool:
    if isinstance(error, ServerFault):
        return error.code in (BUSY, UNAVAILABLE)
    return isinstance(error, ConnectionLost | TimedOut | FellSilent)
