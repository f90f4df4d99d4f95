"""Reads the configuration partition whole, now and then, and holds what it found.

A reading replaces the last one in one step, or not at all; an object that cannot be read costs only itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront import limits
from exfront.config.directory import DirectorySection
from exfront.directory import exchange_objects as objects
from exfront.directory.database_copies import with_copies
from exfront.directory.entry import Entry
from exfront.directory.filters import AnyOf, Equals, Filter, Search
from exfront.directory.mail_bindings import STANDARD_PORTS, served
from exfront.directory.root_dse import ROOT_SEARCH, RootDse
from exfront.directory.search_connection import Searches
from exfront.reasons import (
    DIRECTORY_CERTIFICATE,
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    SERVICE_BIND_REFUSED,
    Refused,
)
from exfront.topology import Server, Topology

_T = TypeVar("_T")


@frozen
class _Kind:
    """Objects of one sort: their classes, the attributes asked for, and the function that reads one."""

    name: str
    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    read: Callable[[Entry], Any]

    def filter(self) -> Filter:
        wanted = tuple(Equals("objectClass", one) for one in self.classes)
        return wanted[0] if len(wanted) == 1 else AnyOf(wanted)


_KINDS = (
    _Kind("organisation", ("msExchOrganizationContainer",), ("objectClass",), objects.read_name),
    _Kind("servers", ("msExchExchangeServer",), objects.SERVER, objects.read_server),
    _Kind("databases", ("msExchPrivateMDB",), objects.DATABASE, objects.read_database),
    _Kind("copies", ("msExchMDBCopy",), objects.DATABASE_COPY, objects.read_database_copy),
    _Kind("public_stores", ("msExchPublicMDB",), objects.PUBLIC_STORE, objects.read_public_store),
    _Kind("virtual_directories", ("msExchVirtualDirectory", "msExchProtocolCfgHTTPVirtualDirectory"),
          objects.VIRTUAL_DIRECTORY, objects.read_virtual_directory),
    _Kind("mail_settings", ("protocolCfgPOPServer", "protocolCfgIMAPServer"), objects.MAIL_SETTINGS,
          objects.read_mail_settings),
    _Kind("sites", ("site",), objects.SITE, objects.read_site),
    _Kind("subnets", ("subnet",), objects.SUBNET, objects.read_subnet),
    _Kind("site_links", ("siteLink",), objects.SITE_LINK, objects.read_site_link),
    _Kind("domains", ("crossRef",), objects.DOMAIN, objects.read_domain),
    _Kind("accepted_domains", ("msExchAcceptedDomain",), objects.ACCEPTED_DOMAIN, objects.read_accepted_domain),
)  # fmt: skip


@define(eq=False)
class TopologyReader:
    """`current` is the last whole reading, empty before the first. `broken` counts objects that it had to leave out.

    `merged` is the same with the servers of the configuration, `listed`, which win. `changed` is called with each
    reading that differs from the one before. `ports` are those that POP3 and IMAP4 of a server may be at. `settings` is
    [directory]: assign a new one to change it while running.
    """

    log = Logger()

    settings: DirectorySection
    searches: Searches
    reactor: Any
    listed: tuple[Server, ...] = ()
    changed: Callable[[Topology], None] = field(default=lambda topology: None)
    ports: frozenset[int] = STANDARD_PORTS
    current: Topology = field(factory=Topology)
    merged: Topology = field(init=False)
    broken: int = 0
    read_at: float | None = None  # on the reactor's clock; None before the first
    _running: Deferred[None] | None = None
    _settled: bool = False  # the first reading has ended, or the directory has nothing to read there
    _waiting: list[Deferred[Failure | None]] = field(factory=list)

    @merged.default
    def _merged_at_first(self) -> Topology:
        return self.current.merge(self.listed)

    def start(self) -> None:
        """Read now and every `topology_time` seconds, in the background; where [directory] topology says so."""
        if self._running is None:
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addErrback(self._ended)

    async def stop(self) -> None:
        """Stop reading; what was read stays."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
        self._answer(Failure(Refused(DIRECTORY_DOWN, "stopped")))

    async def known(self) -> None:
        """Return once the first reading has ended: before it nobody can tell which rules a mailbox server goes by.

        Raises `Refused` where no directory server says so in time.
        """
        if self._settled or self._running is None or not self.settings.topology:
            return
        waiter: Deferred[Failure | None] = Deferred()
        waiter.addTimeout(limits.LDAP_LOOKUP_TIME, self.reactor, onTimeoutCancel=_too_late)
        self._waiting.append(waiter)
        await waiter

    async def read(self) -> Topology:
        """One whole reading, which becomes the current one. Raises `Refused` when it could not be ended."""
        base = await self._base()
        found: dict[str, list[Any]] = {}
        broken = 0
        for kind in _KINDS:
            found[kind.name], unread = await self._objects(kind, base)
            broken += unread
        found["databases"] = with_copies(found["databases"], found.pop("copies"))
        found["servers"], strange = served(found["servers"], found["mail_settings"], self.ports)
        if strange:
            self.log.warn(
                "not allowed by [back_ends] ports, the standard ports are used: {strange}", strange=_named(set(strange))
            )
        self._swap(_topology(found), broken)
        return self.current

    async def _run(self) -> None:
        while True:
            pause = self.settings.topology_time
            if self.settings.topology:
                try:
                    await self.read()
                    self._settle()
                except Refused as refused:
                    pause = self._pause_after(refused)
                    self.log.warn(
                        "the topology could not be read ({reason}: {detail}); the last one stays: {servers} servers",
                        reason=refused.reason.cause, detail=refused.detail, servers=len(self.current.servers),
                    )  # fmt: skip
            await deferLater(self.reactor, pause)

    def _pause_after(self, refused: Refused) -> float:
        """After a reading that failed; before the first good one everybody waits, so the next comes soon."""
        if refused.reason not in _NO_ANSWER:
            self._settle()
        if self._settled:
            return min(self.settings.topology_time, limits.TOPOLOGY_RETRY_TIME)
        self._answer(Failure(refused))
        return limits.LDAP_RECONNECT_FIRST

    def _settle(self) -> None:
        self._settled = True
        self._answer(None)

    def _answer(self, result: Failure | None) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.called:  # else it was cancelled, or is too late
                waiter.callback(result)

    def _ended(self, failure: Failure) -> None:
        """Stopped; anything else is a fault of ours, to be seen."""
        if failure.check(CancelledError) is None:
            self.log.failure("reading the topology ended", failure)

    async def _base(self) -> str:
        """Where the configuration lies: as the server says, else below the base of all."""
        answer = await self.searches.search(ROOT_SEARCH)
        context = RootDse.read(answer.entries[0]).configuration_naming_context if answer.entries else ""
        return context or f"cn=Configuration,{self.settings.base}"

    async def _objects(self, kind: _Kind, base: str) -> tuple[list[Any], int]:
        """All objects of a kind, and how many could not be read; others have their turn after each few."""
        found: list[Any] = []
        broken = 0
        async for entries in self.searches.pages(Search(base, kind.filter(), kind.attributes)):
            for few in _slices(entries):
                for entry in few:
                    try:
                        found.append(kind.read(entry))
                    except (Refused, ValueError) as why:
                        broken += 1
                        detail = why.detail if isinstance(why, Refused) else str(why)
                        self.log.warn(
                            "left out of {kind}: {dn!r}: {why}", kind=kind.name, dn=entry.dn, why=detail
                        )  # fmt: skip
                await deferLater(self.reactor, 0.0)
        return found, broken

    def _swap(self, topology: Topology, broken: int) -> None:
        first, before = self.read_at is None, self.current
        self.current, self.merged = topology, topology.merge(self.listed)
        self.broken, self.read_at = broken, self.reactor.seconds()
        if first:
            self.log.info(
                "topology of {organisation}: {servers} servers, {databases} databases, {directories} virtual "
                "directories, {sites} sites; {broken} objects left out",
                organisation=topology.organisation or "no Exchange organisation", servers=len(topology.servers),
                databases=len(topology.databases), directories=len(topology.virtual_directories),
                sites=len(topology.sites), broken=broken,
            )  # fmt: skip
        changes = tuple(differences(before, topology))
        for change in changes if not first else ():
            self.log.info("topology changed: {change}", change=change)
        if changes:
            self.changed(topology)


# Nothing is known then of what is read; any other failure says that the configuration partition cannot be read at all.
_NO_ANSWER = frozenset((DIRECTORY_DOWN, DIRECTORY_TIMEOUT, DIRECTORY_CERTIFICATE, SERVICE_BIND_REFUSED))


def _too_late(result: object, seconds: float) -> object:
    raise Refused(DIRECTORY_TIMEOUT, "the topology is not read yet")


def differences(old: Topology, new: Topology) -> Iterator[str]:
    """What changed, one line per kind and manner: ``servers added: BOSTON, DALLAS``."""
    for name, key in _KEYS.items():
        before, after = ({key(one): one for one in getattr(topology, name)} for topology in (old, new))
        both = before.keys() & after.keys()
        manners = (
            ("added", after.keys() - before.keys()),
            ("removed", before.keys() - after.keys()),
            ("changed", {one for one in both if before[one] != after[one]}),
        )
        for manner, names in manners:
            if names:
                yield f"{name.replace('_', ' ')} {manner}: {_named(names)}"
    for name in ("organisation", "domains", "accepted_domains"):
        if getattr(old, name) != getattr(new, name):
            yield f"{name.replace('_', ' ')} changed"


# By what an object is known when two readings are compared.
_KEYS: Mapping[str, Callable[[Any], str]] = {
    "servers": lambda server: server.name,
    "databases": lambda database: database.name,
    "public_stores": lambda store: store.dn,
    "virtual_directories": lambda directory: f"{directory.name} of {directory.server}",
    "mail_settings": lambda settings: f"{settings.protocol} of {settings.server}",
    "sites": lambda site: site.name,
    "subnets": lambda subnet: str(subnet.network),
    "site_links": lambda link: link.name,
}


def _named(names: set[str]) -> str:
    shown = sorted(names)[: limits.TOPOLOGY_NAMED_CHANGES]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _slices(entries: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for begin in range(0, len(entries), limits.TOPOLOGY_SLICE):
        yield entries[begin : begin + limits.TOPOLOGY_SLICE]


def _topology(found: Mapping[str, list[Any]]) -> Topology:
    """The values as they were found, in an order that does not depend on the server's."""
    ordered = {name: tuple(sorted(found[name], key=key)) for name, key in _KEYS.items()}
    return Topology(
        **ordered,
        organisation=next(iter(found["organisation"]), ""),
        domains={name: context for domain in found["domains"] for name, context in domain.items()},
        accepted_domains=frozenset(found["accepted_domains"]),
    )
