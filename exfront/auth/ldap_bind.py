"""Proves passwords by binding as the user, on connections that do nothing else (S-AUTH-2)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from exfront.auth.bind_connections import BindConnections
from exfront.auth.bind_outcome import bind_outcome
from exfront.config.directory import DirectorySection
from exfront.config.limits import LimitsSection
from exfront.directory import password_policy
from exfront.directory.client import BUSY, UNAVAILABLE, BindResult
from exfront.directory.errors import DirectoryError, ServerFault
from exfront.directory.servers import Servers, refusal
from exfront.interfaces import ICheckPasswords
from exfront.reasons import EMPTY_PASSWORD, Refused
from exfront.secret import Secret
from exfront.topology import Mailbox

_SERVERS = 3  # that may say in turn that they are busy


@implementer(ICheckPasswords)
class LdapBindChecker:
    """Binds on connections of its own to the best of `servers`, which it shares with the searches."""

    def __init__(
        self, settings: DirectorySection, limits: LimitsSection, reactor: Any, servers: Servers | None = None
    ) -> None:
        self._servers = servers or Servers(settings, limits, reactor)
        self._connections = BindConnections(self._servers)

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
        self._connections.start()

    async def stop(self) -> None:
        """Close all connections; fires when they have ended. A check under way fails as a temporary failure."""
        await self._connections.stop()

    def check(self, account: Mailbox, secret: Secret) -> Deferred[str]:
        """See `ICheckPasswords`: ``ldap_bind`` when the directory accepts `secret` for `account`."""
        return Deferred.fromCoroutine(self._check(account.dn, secret))

    async def _check(self, dn: str, secret: Secret) -> str:
        if not dn or not secret:  # S-AUTH-1: the directory would say yes, to nobody
            raise Refused(EMPTY_PASSWORD)
        refused = bind_outcome(await self._bind(dn, secret))
        if refused is not None:
            raise refused
        return "ldap_bind"

    async def _bind(self, dn: str, secret: Secret) -> BindResult:
        """One bind; asked of another server only where this one said that it did not look (51, 52). Raises `Refused`.

        After a loss or a time-out the bind may have counted: it is never repeated (S-DIR-13).
        """
        result = BindResult(UNAVAILABLE, "")
        for _ in range(_SERVERS):
            connection = await self._connections.take()
            try:
                result = await connection.bind(dn, secret, password_policy.REQUEST)
            except DirectoryError as error:
                raise refusal(error) from None
            finally:
                self._connections.give_back(connection)
            if result.code not in (BUSY, UNAVAILABLE):
                break
            self._servers.failed(self._servers.url_of(connection), ServerFault(result.code, result.message))
            connection.abort()
        return result
