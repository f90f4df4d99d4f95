"""Directory servers named by DNS: SRV records as Active Directory keeps them ([MS-ADTS] 6.3.2.3, RFC 2782).

DNS is not to be trusted (S-DIR-11): a target counts only below the domains that the settings name, and its
certificate must name it, which connector.py sees to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, TimeoutError
from twisted.logger import Logger
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.error import DNSNameError, DNSQueryTimeoutError, DomainError, ResolverError

from exfront import limits
from exfront.config.check_names import is_dns_domain
from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.directory.single_flight import SingleFlight
from exfront.reasons import DIRECTORY_DOWN, Refused

Purpose = Literal["users", "configuration"]  # a global catalog; a domain controller

_RESOLV_CONF = Path("/etc/resolv.conf")
_TRIES = (1, 2)  # seconds for the first question and for its repetition
_OVER_TLS = {389: 636, 3268: 3269}  # SRV records name the ports without TLS


@frozen
class Target:
    """One SRV record; `host` in lower case without the last dot, `ttl` in seconds."""

    priority: int
    weight: int
    host: str
    port: int
    ttl: int


@frozen
class _Found:
    asked_for: DirectorySection
    users: tuple[LdapUrl, ...]
    configuration: tuple[LdapUrl, ...]
    until: float


@define(eq=False)
class Discovery:
    """Remembers what DNS said as long as DNS allows; while it is asked anew, and when that fails, the last answer
    serves on. `random` gives numbers from 0 to 1."""

    log = Logger()

    reactor: Any
    random: Callable[[], float]
    _found: _Found | None = None
    _flights: SingleFlight[str, None] = field(factory=SingleFlight)

    def found(self, purpose: Purpose) -> tuple[LdapUrl, ...]:
        """The servers of the last answer, the preferred one first; none before `refresh`."""
        if self._found is None:
            return ()
        return self._found.users if purpose == "users" else self._found.configuration

    async def refresh(self, settings: DirectorySection, site: str) -> None:
        """Ask DNS where that is due, and wait for it where nothing is known. Raises `Refused` where nothing will be.

        `site` is the one whose servers come first, empty where it is not known (yet).
        """
        if self._found is not None and self._found.asked_for != settings:
            self._found = None
        if self._found is None:
            await self._flights.join("srv", lambda: self._ask(settings, site))
        elif self._found.until <= self.reactor.seconds():
            self._flights.join("srv", lambda: self._ask(settings, site)).addErrback(self._no_answer)

    def cancel(self) -> None:
        """Wait for no answer any more."""
        self._flights.cancel()

    async def _ask(self, settings: DirectorySection, site: str) -> None:
        catalogs, controllers = names(settings, site)
        users = await self._look_up(settings, catalogs)
        configuration = await self._look_up(settings, controllers)
        users = users or configuration
        now = self.reactor.seconds()
        if not users and self._found is not None:
            self._found = _Found(settings, self._found.users, self._found.configuration, now + limits.SRV_LEAST_TIME)
            return
        if not users and not settings.servers:
            raise Refused(DIRECTORY_DOWN, f"DNS names no directory server of {settings.discover}")
        ttl = min((target.ttl for target in (*users, *configuration)), default=0)
        until = now + min(max(ttl, limits.SRV_LEAST_TIME), limits.SRV_MOST_TIME)
        self._found = _Found(settings, _urls(users, settings), _urls(configuration, settings), until)
        self.log.info(
            "ldap_discovered {users} {configuration}",
            users=[str(url) for url in self._found.users],
            configuration=[str(url) for url in self._found.configuration],
        )

    async def _look_up(self, settings: DirectorySection, asked: Sequence[str]) -> list[Target]:
        """The targets of all these names, those of the first name before the others."""
        resolver = Resolver(servers=name_servers(settings), timeout=_TRIES, reactor=self.reactor)
        found: list[Target] = []
        for name in asked:
            targets = await self._records(resolver, name)
            allowed = [target for target in targets if self._is_ours(target, settings)]
            found += in_order(allowed, self.random)
        return found

    async def _records(self, resolver: Resolver, name: str) -> list[Target]:
        """No such name, and no answer at all, are no targets: other names and servers are left."""
        looking: Deferred[Any] = resolver.lookupService(name)
        try:
            answers, _, _ = await looking
        except DNSNameError:
            return []
        except (DomainError, ResolverError, DNSQueryTimeoutError, TimeoutError, OSError) as error:
            self.log.warn("srv_failed {name} {error}", name=name, error=type(error).__name__)
            return []
        return list(_targets(answers))

    def _is_ours(self, target: Target, settings: DirectorySection) -> bool:
        domains = (settings.discover, settings.forest or settings.discover)
        if any(target.host.endswith("." + domain.lower().strip(".")) for domain in domains):
            return True
        self.log.error("srv_foreign {host} is not below {domains}", host=target.host, domains=domains)
        return False

    def _no_answer(self, failure: Any) -> None:
        failure.trap(Refused)


def names(settings: DirectorySection, site: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What DNS is asked for: the names of global catalogs, and of domain controllers; those of our site first."""
    domain = settings.discover
    site = site if is_dns_domain(site) else ""  # a server's word may be anything
    forest = settings.forest or domain
    catalogs = [f"_gc._tcp.{site}._sites.{forest}"] if site else []
    controllers = [f"_ldap._tcp.{site}._sites.dc._msdcs.{domain}"] if site else []
    return (*catalogs, f"_gc._tcp.{forest}"), (*controllers, f"_ldap._tcp.dc._msdcs.{domain}")


def name_servers(settings: DirectorySection, file: Path = _RESOLV_CONF) -> list[tuple[str, int]]:
    """Whom to ask: the settings' DNS servers, else the system's; read anew each time, as the file may change."""
    if settings.dns_servers:
        return [(server.host, server.port) for server in settings.dns_servers]
    try:
        lines = [line.split() for line in file.read_text("utf-8", "replace").splitlines()]
    except OSError:
        lines = []
    return [(line[1], dns.PORT) for line in lines if len(line) > 1 and line[0] == "nameserver"] or [
        ("127.0.0.1", dns.PORT)
    ]


def in_order(targets: Iterable[Target], random: Callable[[], float]) -> Iterator[Target]:
    """By priority, and among equals by a draw in which weights count (RFC 2782)."""
    left = sorted(targets, key=lambda target: (target.priority, target.weight))
    while left:
        equal = [target for target in left if target.priority == left[0].priority]
        drawn = random() * sum(target.weight for target in equal)
        for chosen in equal:
            drawn -= chosen.weight
            if drawn <= 0:
                break
        left.remove(chosen)
        yield chosen


def _targets(answers: Iterable[Any]) -> Iterator[Target]:
    """The SRV records among the answers; a lone dot means "no such service here"."""
    for answer in answers:
        if answer.type != dns.SRV:
            continue
        record = answer.payload
        host = record.target.name.decode("ascii", "replace").rstrip(".").lower()
        if host:
            yield Target(record.priority, record.weight, host, record.port, answer.ttl)


def _urls(targets: Iterable[Target], settings: DirectorySection) -> tuple[LdapUrl, ...]:
    """Each server once. StartTLS and clear text keep the record's port; else LDAPS has one of its own."""
    over_tls = not settings.starttls and not settings.allow_clear
    return tuple(
        dict.fromkeys(
            LdapUrl("ldaps", target.host, _OVER_TLS.get(target.port, target.port))
            if over_tls
            else LdapUrl("ldap", target.host, target.port)
            for target in targets
        )
    )
