"""The directory servers: in which order they are tried, when one is left alone for a while, and how one is opened."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from secrets import SystemRandom
from typing import Any, Never

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.interfaces import IAddress, IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from exfront import limits
from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.config.limits import LimitsSection
from exfront.directory.client import TIME_LIMIT_EXCEEDED, Connection
from exfront.directory.errors import (
    BadCertificate,
    DirectoryError,
    ServerFault,
    ServiceBindRefused,
    TimedOut,
    Unreachable,
)
from exfront.net.tls import client_options
from exfront.reasons import (
    DIRECTORY_CERTIFICATE,
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    SERVICE_BIND_REFUSED,
    Refused,
)

Prepare = Callable[[Connection], Awaitable[None]]


@define(eq=False)
class _Standing:
    """What is known of one server; times are the reactor's seconds."""

    failures: int = 0  # in a row
    tried: float = -1e9
    rests_until: float = -1e9  # tried before that only if there is no other
    barred_until: float = -1e9  # it refused the service account: not tried before that at all (S-DIR-3)


@define(eq=False)
class Servers:
    """Opens connections to the servers of `settings`, in their order. Keeps no connection itself.

    `random` gives numbers from 0 to 1, for the jitter of the back-off.
    """

    log = Logger()

    settings: DirectorySection
    limits: LimitsSection
    reactor: Any
    random: Callable[[], float] = SystemRandom().random
    _standings: dict[LdapUrl, _Standing] = field(factory=dict)
    _last_refusal: Refused = field(factory=lambda: Refused(DIRECTORY_DOWN))

    async def open(self, prepare: Prepare | None = None) -> Connection:
        """A connection with TLS done, after `prepare`, from the first server that gives one. Raises `Refused`."""
        refusals = []
        for url in self._candidates():
            try:
                return await self._open(url, prepare)
            except DirectoryError as error:
                self.failed(url, error)
                refusals.append(refusal(error))
        self._last_refusal = max(refusals, key=_gravity)
        raise self._last_refusal

    def failed(self, url: LdapUrl, error: DirectoryError) -> None:
        """A server does not serve: leave it alone for a while."""
        standing = self._standing(url)
        standing.failures += 1
        now = self.reactor.seconds()
        rest = min(limits.LDAP_RECONNECT_MOST, limits.LDAP_RECONNECT_FIRST * 2.0 ** min(standing.failures - 1, 10))
        standing.rests_until = now + rest * (0.75 + 0.5 * self.random())
        if isinstance(error, ServiceBindRefused):
            standing.barred_until = now + limits.SERVICE_BIND_PAUSE
        self._last_refusal = refusal(error)
        self._tell(url, standing, error)

    def url_of(self, connection: Connection) -> LdapUrl:
        """The server that a connection of `open` leads to."""
        return LdapUrl.read(connection.name)

    def _candidates(self) -> list[LdapUrl]:
        """Whom to try, in order: of those that rest the one tried longest ago, at the end.

        Raises `Refused` when it is too soon to try anyone.
        """
        now = self.reactor.seconds()
        allowed = [url for url in self.settings.servers if self._standing(url).barred_until <= now]
        if not allowed:
            raise Refused(SERVICE_BIND_REFUSED, "tried once a minute")
        ready = [url for url in allowed if self._standing(url).rests_until <= now]
        resting = sorted(set(allowed).difference(ready), key=lambda url: self._standing(url).tried)
        due = [url for url in resting[:1] if now - self._standing(url).tried >= limits.LDAP_RECONNECT_FIRST]
        if not ready and not due:
            raise Refused(self._last_refusal.reason, f"{self._last_refusal.detail} (a moment ago)")
        return ready + due

    async def _open(self, url: LdapUrl, prepare: Prepare | None) -> Connection:
        standing = self._standing(url)
        standing.tried = self.reactor.seconds()
        connection = Connection(str(url), self.limits, self.reactor)
        ready = False
        try:
            await self._connect(url, connection)
            if prepare is not None:
                await prepare(connection)
            ready = True
        finally:
            if not ready:
                connection.abort()
        if standing.failures:
            self.log.info("ldap_up {server}", server=str(url))
        standing.failures, standing.rests_until = 0, -1e9
        return connection

    async def _connect(self, url: LdapUrl, connection: Connection) -> None:
        """TCP and TLS, as the URL and the settings say; clear text only where it is allowed (S-DIR-10)."""
        secure = url.scheme == "ldaps" or self.settings.starttls
        if not secure and not self.settings.allow_clear:
            raise Unreachable(f"{url} without TLS is not allowed (allow_clear)")
        if url.scheme == "ldaps":
            await self._tcp(url, wrapClientTLS(self._context(url), self._endpoint(url)), connection)
            await connection.handshake()
        else:
            context = self._context(url) if secure else None
            await self._tcp(url, self._endpoint(url), connection)
            if context is not None:
                await connection.start_tls(context)

    async def _tcp(self, url: LdapUrl, endpoint: IStreamClientEndpoint, connection: Connection) -> None:
        def too_slow(_result: object, seconds: float) -> Never:
            raise TimedOut(f"{url} connect over {seconds:g} s")

        connecting: Deferred[Any] = endpoint.connect(_Ready(connection))
        try:
            await connecting.addTimeout(self.limits.ldap_connect_time, self.reactor, too_slow)
        except ConnectingCancelledError:  # an endpoint's word for it; nobody but `stop` cancels
            raise CancelledError from None
        except (ConnectError, DNSLookupError) as error:
            raise Unreachable(f"{url} {type(error).__name__}") from None

    def _endpoint(self, url: LdapUrl) -> IStreamClientEndpoint:
        """A literal address needs no resolver's thread."""
        try:
            version = ipaddress.ip_address(url.host).version
        except ValueError:
            return HostnameEndpoint(self.reactor, url.host, url.port)
        kind = TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint
        return kind(self.reactor, url.host, url.port)

    def _context(self, url: LdapUrl) -> IOpenSSLClientConnectionCreator:
        ca_file = str(self.settings.ca_file or "")
        try:
            return client_options(url.host, ca_file)
        except (OSError, ValueError) as error:
            raise BadCertificate(f"ca_file {ca_file}: {error}") from None

    def _standing(self, url: LdapUrl) -> _Standing:
        return self._standings.setdefault(url, _Standing())

    def _tell(self, url: LdapUrl, standing: _Standing, error: DirectoryError) -> None:
        """An alarm each time, an ordinary failure once until the server is back."""
        if isinstance(error, BadCertificate):
            self.log.error("ldap_cert {server} {error}", server=str(url), error=str(error))
        elif isinstance(error, ServiceBindRefused):
            self.log.error("ldap_service_bind {server} {error}", server=str(url), error=str(error))
        elif standing.failures == 1:
            self.log.warn("ldap_down {server} {error}", server=str(url), error=str(error))


class _Ready(Factory[Any]):
    """Hands out the protocol of a connection."""

    noisy = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._connection.protocol


def refusal(error: DirectoryError) -> Refused:
    """What a failed operation means for who waits for it."""
    if isinstance(error, ServiceBindRefused):
        return Refused(SERVICE_BIND_REFUSED, str(error))
    if isinstance(error, BadCertificate):
        return Refused(DIRECTORY_CERTIFICATE, str(error))
    if isinstance(error, TimedOut) or (isinstance(error, ServerFault) and error.code == TIME_LIMIT_EXCEEDED):
        return Refused(DIRECTORY_TIMEOUT, str(error))
    return Refused(DIRECTORY_DOWN, str(error))


def _gravity(refused: Refused) -> int:
    """Of several servers' failures the one to tell is what a person must mend."""
    order = (DIRECTORY_DOWN, DIRECTORY_TIMEOUT, DIRECTORY_CERTIFICATE, SERVICE_BIND_REFUSED)
    return order.index(refused.reason)
