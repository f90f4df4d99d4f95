"""Proves passwords by binding as the user, on connections that do nothing else (S-AUTH-2)."""

from __future__ import annotations

import re
from collections import deque
from typing import Any, Never

from twisted.internet.defer import Deferred, DeferredSemaphore
from zope.interface import implementer

from exfront import limits as house_limits
from exfront.config.directory import DirectorySection
from exfront.config.limits import LimitsSection
from exfront.directory.client import BUSY, SUCCESS, UNAVAILABLE, BindResult, Connection
from exfront.directory.errors import DirectoryError, ServerFault
from exfront.directory.servers import Servers, refusal
from exfront.interfaces import ICheckPasswords
from exfront.reasons import (
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    DISABLED_ACCOUNT,
    EMPTY_PASSWORD,
    LOCKED_ACCOUNT,
    PASSWORD_EXPIRED,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import Secret
from exfront.topology import Mailbox

_INVALID_CREDENTIALS = 49
_SUB_CODE = re.compile(r"\bdata ([0-9a-f]{1,8})\b", re.IGNORECASE)

# What Active Directory says beside result 49 (S-AUTH-16). All but the last two look alike to the client.
_SUB_CODES: dict[str, tuple[Reason, str]] = {
    "525": (UNKNOWN_USER, "no such user"),
    "52e": (WRONG_PASSWORD, ""),
    "530": (WRONG_PASSWORD, "log-on hours"),
    "531": (WRONG_PASSWORD, "workstation not permitted"),
    "533": (DISABLED_ACCOUNT, ""),
    "701": (DISABLED_ACCOUNT, "account expired"),
    "775": (LOCKED_ACCOUNT, ""),
    "532": (PASSWORD_EXPIRED, ""),
    "773": (PASSWORD_EXPIRED, "must be changed"),
}


@implementer(ICheckPasswords)
class LdapBindChecker:
    """A pool of `LDAP_BIND_CONNECTIONS` connections, opened when needed, one bind at a time on each."""

    def __init__(self, settings: DirectorySection, limits: LimitsSection, reactor: Any) -> None:
        self._reactor = reactor
        self._servers = Servers(settings, limits, reactor)
        self._places = DeferredSemaphore(house_limits.LDAP_BIND_CONNECTIONS)
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._stopped = False

    @property
    def settings(self) -> DirectorySection:
        """[directory]; assign a new one to change it while running."""
        return self._servers.settings

    @settings.setter
    def settings(self, settings: DirectorySection) -> None:
        self._servers.settings = settings

    @property
    def limits(self) -> LimitsSection:
        """[limits]; the same."""
        return self._servers.limits

    @limits.setter
    def limits(self, limits: LimitsSection) -> None:
        self._servers.limits = limits

    def start(self) -> None:
        """Take checks (again); connections are opened when the first password comes."""
        self._stopped = False

    async def stop(self) -> None:
        """Close all connections; fires when they have ended. A check under way fails as a temporary failure."""
        self._stopped = True
        for connection in tuple(self._open):
            connection.close()
            await connection.ended

    def check(self, account: Mailbox, secret: Secret) -> Deferred[str]:
        """See `ICheckPasswords`: ``ldap_bind`` when the directory accepts `secret` for `account`."""
        return Deferred.fromCoroutine(self._check(account.dn, secret))

    async def _check(self, dn: str, secret: Secret) -> str:
        if not dn or not secret:  # S-AUTH-1: the directory would say yes, to nobody
            raise Refused(EMPTY_PASSWORD)
        await self._place()
        try:
            result = await self._bind(dn, secret)
        finally:
            self._places.release()
        if result.code != SUCCESS:
            raise _refused(result)
        return "ldap_bind"

    async def _place(self) -> None:
        """Wait for one of the pool's places, not for ever."""
        waiting: Deferred[Any] = self._places.acquire()
        await waiting.addTimeout(self.limits.ldap_bind_time, self._reactor, _all_busy)

    async def _bind(self, dn: str, secret: Secret) -> BindResult:
        """One bind; asked of another server only where this one said that it did not look (51, 52). Raises `Refused`.

        After a loss or a time-out the bind may have counted: it is never repeated (S-DIR-13).
        """
        result = BindResult(UNAVAILABLE, "")
        for _ in self.settings.servers:
            connection = await self._connection()
            try:
                result = await connection.bind(dn, secret)
            except DirectoryError as error:
                raise refusal(error) from None
            finally:
                self._give_back(connection)
            if result.code not in (BUSY, UNAVAILABLE):
                break
            self._servers.failed(self._servers.url_of(connection), ServerFault(result.code, result.message))
            connection.abort()
        return result

    async def _connection(self) -> Connection:
        """An idle one that still lives, else a new one. Raises `Refused`."""
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
        if self._stopped:
            raise Refused(DIRECTORY_DOWN, "stopped")
        connection = await self._servers.open()
        self._open.add(connection)
        connection.on_lost = self._lost
        return connection

    def _give_back(self, connection: Connection) -> None:
        """For the next bind; the connection itself sees to it that one without an answer is dead (S-AUTH-2)."""
        if connection.alive:
            self._idle.append(connection)

    def _lost(self, connection: Connection, why: DirectoryError) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


def _all_busy(_result: object, _seconds: float) -> Never:
    raise Refused(DIRECTORY_TIMEOUT, "all bind connections are busy")


def _refused(result: BindResult) -> Refused:
    """What a refused bind means: result 49 is about the password, anything else a temporary failure (S-AUTH-16)."""
    if result.code != _INVALID_CREDENTIALS:
        return Refused(DIRECTORY_DOWN, f"bind result={result.code} {result.message}")
    found = _SUB_CODE.search(result.message)
    code = found[1].lower() if found else ""
    reason, detail = _SUB_CODES.get(code, (WRONG_PASSWORD, ""))
    return Refused(reason, " ".join(filter(None, (f"data={code}" if code else "", detail))))
