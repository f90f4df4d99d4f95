"""The one long-lived connection that searches go over, and how it comes back when it is lost."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront import limits
from exfront.directory.client import BUSY, SUCCESS, UNAVAILABLE, Connection, SearchAnswer
from exfront.directory.errors import ConnectionLost, DirectoryError, ServerFault, ServiceBindRefused, TimedOut
from exfront.directory.filters import Search
from exfront.directory.servers import Servers, refusal
from exfront.directory.single_flight import SingleFlight
from exfront.reasons import DIRECTORY_DOWN, Refused
from exfront.secret import Secret


class Searches(Protocol):
    """Who answers searches."""

    async def search(self, search: Search) -> SearchAnswer:
        """Raises `Refused` when no server answers."""


@define(eq=False)
class SearchConnection:
    """Bound as the service account, shared by all searches; never used to prove a user's password (S-AUTH-2)."""

    log = Logger()

    servers: Servers
    _connection: Connection | None = None
    _opening: SingleFlight[str, Connection] = field(factory=SingleFlight)
    _outstanding: DeferredSemaphore = field(factory=lambda: DeferredSemaphore(limits.LDAP_SEARCHES))
    _timer: IDelayedCall | None = None
    _pause: float = limits.LDAP_RECONNECT_FIRST
    _keep: bool = False  # connect without being asked
    _stopped: bool = False

    def start(self) -> None:
        """Connect now, in the background, and again whenever the connection is lost."""
        self._keep, self._stopped = True, False
        self._reconnect()

    async def stop(self) -> None:
        """Close; fires when the connection has ended."""
        self._keep, self._stopped = False, True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._opening.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            await connection.ended

    async def search(self, search: Search) -> SearchAnswer:
        """A read that is lost with its connection, or times out, is repeated once on a fresh one (S-DIR-13).

        Raises `Refused`.
        """
        try:
            return await self._search(search)
        except DirectoryError as error:
            if not _worth_repeating(error):
                raise refusal(error) from None
        try:
            return await self._search(search)
        except DirectoryError as error:
            raise refusal(error) from None

    async def _search(self, search: Search) -> SearchAnswer:
        connection = await self._live()
        await self._outstanding.acquire()
        try:
            return await connection.search(search)
        except (TimedOut, ServerFault) as error:
            if _worth_repeating(error):  # by another server, if there is one
                self.servers.failed(self.servers.url_of(connection), error)
                connection.abort()
            raise
        finally:
            self._outstanding.release()

    async def _live(self) -> Connection:
        """The connection, or the one that the first caller is opening. Raises `Refused`."""
        if self._connection is not None and self._connection.alive:
            return self._connection
        if self._stopped:
            raise Refused(DIRECTORY_DOWN, "stopped")
        return await self._opening.join("the search connection", self._open)

    async def _open(self) -> Connection:
        connection = await self.servers.open(self._service_bind)
        self._pause = limits.LDAP_RECONNECT_FIRST
        self._connection = connection
        connection.on_lost = self._lost
        return connection

    async def _service_bind(self, connection: Connection) -> None:
        settings = self.servers.settings
        if not settings.bind_dn:
            return
        result = await connection.bind(settings.bind_dn, self._password())
        if result.code in (BUSY, UNAVAILABLE):
            raise ServerFault(result.code, result.message)
        if result.code != SUCCESS:
            raise ServiceBindRefused(f"{settings.bind_dn} result={result.code} {result.message}")

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

    def _lost(self, connection: Connection, why: DirectoryError) -> None:
        if connection is not self._connection:
            return
        self._connection = None
        self.log.info("ldap_lost {server} {error}", server=connection.name, error=str(why))
        self._later()

    def _later(self) -> None:
        """Connect again after a pause that doubles, unless a search did so before."""
        if not self._keep or (self._timer is not None and self._timer.active()):
            return
        pause = self._pause * (0.75 + 0.5 * self.servers.random())
        self._pause = min(self._pause * 2, limits.LDAP_RECONNECT_MOST)
        self._timer = self.servers.reactor.callLater(pause, self._reconnect)

    def _reconnect(self) -> None:
        connecting: Deferred[Any] = Deferred.fromCoroutine(self._live())
        connecting.addErrback(self._not_yet)

    def _not_yet(self, failure: Failure) -> None:
        """No server: said once by servers.py; a fault of our own is logged, and trying goes on."""
        if failure.check(CancelledError):
            return
        if not failure.check(Refused):
            self.log.failure("the search connection failed", failure)
        self._later()


def _worth_repeating(error: DirectoryError) -> bool:
    if isinstance(error, ServerFault):
        return error.code in (BUSY, UNAVAILABLE)
    return isinstance(error, ConnectionLost | TimedOut)
