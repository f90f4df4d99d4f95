"""The directory servers as all see them: in which order they are tried, when one is left alone, how one is opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from secrets import SystemRandom
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from exfront import limits
from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.config.limits import LimitsSection
from exfront.directory.client import TIME_LIMIT_EXCEEDED, Connection
from exfront.directory.connector import Connector
from exfront.directory.discovery import Discovery, Purpose
from exfront.directory.errors import (
    BadCertificate,
    DirectoryError,
    FellSilent,
    ServerFault,
    ServiceBindRefused,
    TimedOut,
)
from exfront.directory.health import Health, ServerState
from exfront.directory.own_site import own_site
from exfront.reasons import (
    DIRECTORY_CERTIFICATE,
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    SERVICE_BIND_REFUSED,
    Refused,
)

Prepare = Callable[[Connection], Awaitable[None]]


@define(eq=False)
class Servers:
    """One view of the servers of `settings`, shared by searches and binds. Keeps no connection itself.

    `random` gives numbers from 0 to 1, for the jitter of the pauses. Who wants to know that a server's state changed
    adds a callable to `on_change`.
    """

    log = Logger()

    settings: DirectorySection
    limits: LimitsSection
    reactor: Any
    random: Callable[[], float] = SystemRandom().random
    subnet_site: str = ""  # the site of Active Directory whose subnet holds one of our addresses, once that is known
    on_change: list[Callable[[Health], None]] = field(factory=list)
    _healths: dict[LdapUrl, Health] = field(factory=dict)
    _discovery: Discovery = field(init=False)
    _last_refusal: Refused = field(factory=lambda: Refused(DIRECTORY_DOWN))

    def __attrs_post_init__(self) -> None:
        self._discovery = Discovery(self.reactor, self.random)

    @property
    def site(self) -> str:
        """Our own site of Active Directory, empty where it is not known."""
        roots = (health.root for url in self.urls() if (health := self._healths.get(url)) is not None)
        return own_site(self.settings.site, self.subnet_site, (root.site for root in roots if root is not None))

    async def ready(self) -> None:
        """Wait until DNS named servers, where they are not listed. Raises `Refused`."""
        if self.settings.discover:
            await self._discovery.refresh(self.settings, self.site)

    async def open(self, prepare: Prepare | None = None, purpose: Purpose = "users") -> Connection:
        """A connection with TLS done, after `prepare`, from the first server that gives one. Raises `Refused`."""
        await self.ready()
        refusals = []
        for url in self.candidates(purpose):
            try:
                return await self.open_at(url, prepare)
            except DirectoryError as error:
                refusals.append(refusal(error))
        raise gravest(refusals)

    async def open_at(self, url: LdapUrl, prepare: Prepare | None = None) -> Connection:
        """A connection to this server, whatever its state. Raises `DirectoryError`, and the state tells it."""
        health = self.health(url)
        health.tried = self.reactor.seconds()
        health.opening += 1
        connection = Connection(str(url), self.limits, self.reactor, health)
        ready = False
        try:
            await Connector(self.settings, self.limits, self.reactor).connect(url, connection)
            if prepare is not None:
                await prepare(connection)
            ready = True
        except DirectoryError as error:
            self.failed(url, error)
            raise
        finally:
            health.opening -= 1
            if not ready:
                connection.abort()
        health.opened()
        return connection

    def cancel(self) -> None:
        """Wait for no answer of DNS any more."""
        self._discovery.cancel()

    def failed(self, url: LdapUrl, error: DirectoryError) -> None:
        """A server does not serve: leave it alone for a while."""
        self._last_refusal = refusal(error)
        self._alarm(url, error)
        self.health(url).refused(error)

    def url_of(self, connection: Connection) -> LdapUrl:
        """The server that a connection of `open` leads to."""
        return LdapUrl.read(connection.name)

    def urls(self, purpose: Purpose = "users") -> tuple[LdapUrl, ...]:
        """All servers for that purpose, the preferred one first, without regard to their states."""
        found = self._discovery.found(purpose) if self.settings.discover else ()
        return found or tuple(dict.fromkeys(_for_purpose(url, purpose) for url in self.settings.servers))

    def candidates(self, purpose: Purpose = "users") -> list[LdapUrl]:
        """Whom to ask, in order: the healthy, the degraded, and at the end the one that is down and rested longest.

        Raises `Refused` when it is too soon to try anyone.
        """
        now = self.reactor.seconds()
        healths = [self.health(url) for url in self.urls(purpose)]
        allowed = [health for health in healths if health.barred_until <= now]
        if healths and not allowed:
            raise Refused(SERVICE_BIND_REFUSED, "tried once a minute")
        usable = sorted((one for one in allowed if one.state != "down"), key=lambda one: one.state == "degraded")
        down = sorted((one for one in allowed if one.state == "down"), key=lambda one: one.tried)
        due = [one for one in down if one.opening]  # who comes while it is tried waits for the outcome too
        due = due or [one for one in down[:1] if now - one.tried >= limits.LDAP_RECONNECT_FIRST]
        if not usable and not due:
            raise Refused(self._last_refusal.reason, f"{self._last_refusal.detail} (a moment ago)")
        return [one.url for one in usable + due]

    def is_best(self, connection: Connection) -> bool:
        """Whether a connection leads to the server that is to be asked now."""
        try:
            return str(self.candidates()[0]) == connection.name
        except Refused:
            return False

    def others_healthy(self, url: LdapUrl) -> bool:
        """Whether work can be taken from this server to a healthy one."""
        return any(one != url and self.health(one).state == "healthy" for one in self.urls())

    def health(self, url: LdapUrl) -> Health:
        """What is known of one server."""
        found = self._healths.get(url)
        if found is None:
            found = self._healths[url] = Health(url, self.reactor, self.random, self._changed)
        return found

    def states(self) -> tuple[ServerState, ...]:
        """All servers that are in use, for people and for tests; in the order of preference."""
        urls = dict.fromkeys((*self.urls("users"), *self.urls("configuration")))
        return tuple(self._healths[url].shown(self.site) for url in urls if url in self._healths)

    def _changed(self, health: Health) -> None:
        if health.state == "healthy":
            self.log.info("ldap_up {server}", server=str(health.url))
        else:
            self.log.warn(
                "ldap_{state} {server} {error}", state=health.state, server=str(health.url), error=health.error
            )
        for tell in tuple(self.on_change):
            tell(health)

    def _alarm(self, url: LdapUrl, error: DirectoryError) -> None:
        """What a person must mend is told each time; ordinary failures are told by the state."""
        if isinstance(error, BadCertificate):
            self.log.error("ldap_cert {server} {error}", server=str(url), error=str(error))
        elif isinstance(error, ServiceBindRefused):
            self.log.error("ldap_service_bind {server} {error}", server=str(url), error=str(error))


_CATALOG_PORTS = {3268: 389, 3269: 636}


def _for_purpose(url: LdapUrl, purpose: Purpose) -> LdapUrl:
    """A global catalog holds a part of each entry only: the configuration is read from the same host's domain."""
    if purpose == "users" or url.port not in _CATALOG_PORTS:
        return url
    return LdapUrl(url.scheme, url.host, _CATALOG_PORTS[url.port])


def gravest(refusals: Sequence[Refused]) -> Refused:
    """Of several servers' failures the one to tell is what a person must mend."""
    order = (DIRECTORY_DOWN, DIRECTORY_TIMEOUT, DIRECTORY_CERTIFICATE, SERVICE_BIND_REFUSED)
    return max(refusals, key=lambda refused: order.index(refused.reason))


def refusal(error: DirectoryError) -> Refused:
    """What a failed operation means for who waits for it."""
    if isinstance(error, ServiceBindRefused):
        return Refused(SERVICE_BIND_REFUSED, str(error))
    if isinstance(error, BadCertificate):
        return Refused(DIRECTORY_CERTIFICATE, str(error))
    if isinstance(error, TimedOut | FellSilent) or (
        isinstance(error, ServerFault) and error.code == TIME_LIMIT_EXCEEDED
    ):
        return Refused(DIRECTORY_TIMEOUT, str(error))
    return Refused(DIRECTORY_DOWN, str(error))
