"""The directory as the steps see it: keys in, one mailbox or none out. No LDAP here, and no protocol of clients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Never

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront import limits as house_limits
from exfront.because import Trace
from exfront.config.directory import DirectorySection
from exfront.config.limits import LimitsSection
from exfront.directory.cache import Cache, CacheState
from exfront.directory.discovery import Purpose
from exfront.directory.domains import Domains
from exfront.directory.entry import Entry
from exfront.directory.filters import ANY_ENTRY, Scope, Search
from exfront.directory.outage import Outage, is_outage
from exfront.directory.schemas import Schema, schema
from exfront.directory.search_connection import SearchConnection, Searches
from exfront.directory.servers import Servers
from exfront.directory.single_flight import SingleFlight
from exfront.interfaces import MISS, IDirectory, Miss
from exfront.names import BadName, KeyKind, LookupKey, NameRules, parse_login
from exfront.reasons import AMBIGUOUS_LOGIN, DIRECTORY_TIMEOUT, Refused
from exfront.topology import Mailbox, Topology


@implementer(IDirectory)
class Directory:
    """Finds accounts and mailboxes by one long-lived connection to the first server that answers, and remembers them.

    `default_domain` is that of a bare account name; without it such names are looked for below the whole base.
    `searches` answers instead of the servers of `settings`, where it is given. Raises ValueError for names in
    `settings` that are no DNs. `outage` counts stale answers.
    """

    log = Logger()

    def __init__(
        self,
        settings: DirectorySection,
        limits: LimitsSection,
        reactor: Any,
        default_domain: str = "",
        searches: Searches | None = None,
        servers: Servers | None = None,
    ) -> None:
        self._reactor = reactor
        self._default_domain = default_domain
        self._servers = servers or Servers(settings, limits, reactor)
        self._connection = SearchConnection(self._servers)
        self._searches: Searches = searches or self._connection
        self._topology = Topology()
        self._flights: SingleFlight[LookupKey, Mailbox | None] = SingleFlight()
        self._cache = Cache(settings, self._renew)
        self._renewals = 0  # under way
        self.outage = Outage()
        self.settings = settings

    @property
    def settings(self) -> DirectorySection:
        """[directory]; assign a new one to change it while running."""
        return self._servers.settings

    @settings.setter
    def settings(self, settings: DirectorySection) -> None:
        self._domains = Domains.read(settings, self._default_domain, self._topology.domains)
        self._schema: Schema = schema(settings, self._owner_of)
        self._servers.settings = settings
        if settings != self._cache.settings:
            self._cache.settings = settings
            self._cache.flush()

    @property
    def rules(self) -> NameRules:
        """What an address may be; the one place where they are made, for whoever reads a name."""
        return NameRules(frozenset(self.settings.accepted_domains), self.settings.tag_separator)

    @property
    def limits(self) -> LimitsSection:
        """[limits]; the same."""
        return self._servers.limits

    @limits.setter
    def limits(self, limits: LimitsSection) -> None:
        self._servers.limits = limits

    @property
    def searches(self) -> Searches:
        """Who answers searches; for the topology's reader."""
        return self._searches

    def learn(self, topology: Topology) -> None:
        """Take domains and owners of databases from a new reading of the topology."""
        known, self._topology = self._topology, topology
        if topology.domains != known.domains:  # who was nobody in an unknown domain may be somebody now
            self._domains = Domains.read(self.settings, self._default_domain, topology.domains)
            self._cache.flush()

    def netbios_domain(self, account: Mailbox) -> str:
        """See `IDirectory`."""
        return self._domains.netbios_name(account.dn)

    def _owner_of(self, database: str) -> str:
        return self._topology.owner(database)

    def start(self) -> None:
        """Connect in the background; look-ups do not wait for it to be called."""
        self._connection.start()

    async def stop(self) -> None:
        """Close the connection; fires when it has ended."""
        self._flights.cancel()
        await self._connection.stop()

    def cached_find(self, keys: Sequence[LookupKey]) -> Mailbox | Miss | None:
        """See `IDirectory`. While no server answers this is also what serves past its life (S-DIR-5)."""
        now = self._reactor.seconds()
        answer = self._cache.answer(keys, now)
        if answer is not MISS or not self.outage.lasts:
            return answer
        return self._stale(keys, now) or MISS

    def find(self, keys: Sequence[LookupKey], trace: Trace | None) -> Deferred[Mailbox | None]:
        """See `IDirectory`. Within `ldap_lookup_time` there is an answer or a `Refused` (S-DIR-1)."""
        known = self.cached_find(keys) if trace is None else MISS
        if known is not MISS:
            return succeed(known)
        found: Deferred[Mailbox | None] = Deferred.fromCoroutine(self._find(keys, trace))
        found.addTimeout(self.limits.ldap_lookup_time, self._reactor, _too_slow)
        return found.addErrback(self._stale_or_refused, keys, trace)

    def forget(self, what: Mailbox | Sequence[LookupKey]) -> bool:
        """See `IDirectory`; an account may also be named by keys."""
        return self._cache.forget(what, self._reactor.seconds())

    def flush(self, user: str | None) -> int:
        """Hold nothing more of whom `user` (a login name) may mean, or of anybody; how many entries that were."""
        if user is None:
            return self._cache.flush()
        try:
            login = parse_login(user, self.rules)
        except BadName:  # nobody could log on by it, so nothing is held of it
            return 0
        return self._cache.flush((*login.keys, *login.mailbox_keys))

    def cached(self, key: LookupKey) -> CacheState:
        """What is held of `key`, for explain."""
        return self._cache.state(key, self._reactor.seconds())

    async def _find(self, keys: Sequence[LookupKey], trace: Trace | None) -> Mailbox | None:
        for position, key in enumerate(keys):
            mailbox = await self._look_up(key, trace)
            if mailbox is not None:
                self._cache.pass_over(keys[:position], mailbox)
                return mailbox
        return None

    def _look_up(self, key: LookupKey, trace: Trace | None) -> Deferred[Mailbox | None]:
        """Who wants to see each query gets queries of his own, past the cache; all others share."""
        if trace is not None:
            return Deferred.fromCoroutine(self._ask(key, trace))
        known = self._cache.answer((key,), self._reactor.seconds())
        return self._search(key) if known is MISS else succeed(known)

    def _search(self, key: LookupKey) -> Deferred[Mailbox | None]:
        return self._flights.join(key, partial(self._ask_and_keep, key))

    async def _ask_and_keep(self, key: LookupKey) -> Mailbox | None:
        """What was under way when the cache was flushed is not kept: it may be older than the reason to flush."""
        began, flushes = self._reactor.seconds(), self._cache.flushes
        mailbox = await self._ask(key, None)
        if flushes == self._cache.flushes:
            self._cache.keep(key, mailbox, began)
        return mailbox

    def _renew(self, key: LookupKey) -> bool:
        """Look up in the background, whom nobody waits for; False where too many are under way."""
        if self._renewals >= house_limits.CACHE_RENEWALS:
            return False
        self._renewals += 1
        self._search(key).addErrback(self._not_renewed).addBoth(self._renewed)
        return True

    def _renewed(self, _result: object) -> None:
        self._renewals -= 1

    def _not_renewed(self, failure: Failure) -> None:
        """What is held serves on until its life ends. That no server answers is told elsewhere, once."""
        refused = failure.value
        if not isinstance(refused, Refused):
            if not failure.check(CancelledError):
                self.log.failure("a look-up in the background failed", failure)
        elif not is_outage(refused):
            self.log.warn("directory_refresh {code} {cause} {detail}", code=refused.reason.code,
                          cause=refused.reason.cause, detail=refused.detail)  # fmt: skip

    def _stale(self, keys: Sequence[LookupKey], now: float) -> Mailbox | None:
        """What may serve while no server answers; now and then somebody asks whether one does again."""
        mailbox = self._cache.stale(keys, now)
        if mailbox is None:
            return None
        self.outage.served_stale()
        if self.outage.probe_due(now):
            for key in keys:
                self._renew(key)
        return evolve(mailbox, stale=True)

    def _stale_or_refused(self, failure: Failure, keys: Sequence[LookupKey], trace: Trace | None) -> Mailbox:
        refused, mailbox = failure.value, None
        if isinstance(refused, Refused) and is_outage(refused):
            mailbox = self._stale(keys, self._reactor.seconds())
        if mailbox is None:
            assert refused is not None
            raise refused
        if trace is not None:
            trace.add("stale location", mailbox.dn, mailbox.home_server)
        return mailbox

    async def _ask(self, key: LookupKey, trace: Trace | None) -> Mailbox | None:
        """Raises `Refused` for two entries, always (S-AUTH-5): who is meant is never guessed."""
        search = self._search_for(key, trace)
        if search is None:
            return None
        entries, complete = await self._entries(search, trace)
        if key.kind is KeyKind.ACCOUNT:
            entries = tuple(entry for entry in entries if self._domains.owns(key.domain, entry.name()))
        if len(entries) > 1 or not complete:
            raise Refused(AMBIGUOUS_LOGIN, " and ".join(repr(entry.dn) for entry in entries))
        if not entries:
            return None
        return await self._schema.mailbox(entries[0], partial(self._fetch, trace), trace)

    def _search_for(self, key: LookupKey, trace: Trace | None) -> Search | None:
        """None where nobody can be meant: an unknown domain, or a kind of key that the schema does not have."""
        base = self._domains.base_of(key.domain) if key.kind is KeyKind.ACCOUNT else self._domains.base
        wanted = self._schema.filter(key)
        if base is None or wanted is None:
            if trace is not None:
                trace.add("unknown domain" if base is None else "not in this schema", key.kind.value, key.domain)
            return None
        return Search(base, wanted, self._schema.attributes)

    async def _entries(
        self, search: Search, trace: Trace | None, purpose: Purpose = "users"
    ) -> tuple[tuple[Entry, ...], bool]:
        began = self._reactor.seconds()
        try:
            answer = await self._searches.search(search, purpose)
        except Refused as refused:
            self.outage.met(refused, self._reactor.seconds())
            raise
        self.outage.over()
        if trace is not None:
            took = self._reactor.seconds() - began
            trace.add("search", search, search.attributes, answer.server, took, len(answer.entries), answer.references)
            for entry in answer.entries:
                trace.add("entry", entry.dn, dict(entry.attributes))
        return answer.entries, answer.complete

    async def read(self, name: str, attributes: tuple[str, ...], purpose: Purpose = "users") -> Entry | None:
        """One entry by its DN, None where there is none. Raises `Refused`."""
        return await self._fetch(None, name, attributes, purpose)

    async def _fetch(
        self, trace: Trace | None, name: str, attributes: tuple[str, ...], purpose: Purpose = "users"
    ) -> Entry | None:
        """One entry by its DN, None if it is gone."""
        entries, _ = await self._entries(Search(name, ANY_ENTRY, attributes, Scope.BASE), trace, purpose)
        return entries[0] if entries else None


def _too_slow(_result: object, seconds: float) -> Never:
    raise Refused(DIRECTORY_TIMEOUT, f"look-up over {seconds:g} s")
