"""The directory as the steps see it: keys in, one mailbox or none out. No LDAP here, and no protocol of clients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Never

from twisted.internet.defer import Deferred
from zope.interface import implementer

from exfront.because import Trace
from exfront.config.directory import DirectorySection
from exfront.config.limits import LimitsSection
from exfront.directory.domains import Domains
from exfront.directory.entry import Entry
from exfront.directory.filters import ANY_ENTRY, Scope, Search
from exfront.directory.schemas import Schema, schema
from exfront.directory.search_connection import SearchConnection, Searches
from exfront.directory.servers import Servers
from exfront.directory.single_flight import SingleFlight
from exfront.interfaces import IDirectory
from exfront.names import KeyKind, LookupKey
from exfront.reasons import AMBIGUOUS_LOGIN, DIRECTORY_TIMEOUT, Refused
from exfront.topology import Mailbox


@implementer(IDirectory)
class Directory:
    """Finds accounts and mailboxes by one long-lived connection to the first server that answers.

    `default_domain` is that of a bare account name; without it such names are looked for below the whole base.
    `searches` answers instead of the servers of `settings`, where it is given. Raises ValueError for names in
    `settings` that are no DNs.
    """

    def __init__(
        self,
        settings: DirectorySection,
        limits: LimitsSection,
        reactor: Any,
        default_domain: str = "",
        searches: Searches | None = None,
    ) -> None:
        self._reactor = reactor
        self._default_domain = default_domain
        self._servers = Servers(settings, limits, reactor)
        self._connection = SearchConnection(self._servers)
        self._searches: Searches = searches or self._connection
        self._flights: SingleFlight[LookupKey, Mailbox | None] = SingleFlight()
        self.settings = settings

    @property
    def settings(self) -> DirectorySection:
        """[directory]; assign a new one to change it while running."""
        return self._servers.settings

    @settings.setter
    def settings(self, settings: DirectorySection) -> None:
        self._domains = Domains.read(settings, self._default_domain)
        self._schema: Schema = schema(settings)
        self._servers.settings = settings

    @property
    def limits(self) -> LimitsSection:
        """[limits]; the same."""
        return self._servers.limits

    @limits.setter
    def limits(self, limits: LimitsSection) -> None:
        self._servers.limits = limits

    def start(self) -> None:
        """Connect in the background; look-ups do not wait for it to be called."""
        self._connection.start()

    async def stop(self) -> None:
        """Close the connection; fires when it has ended."""
        self._flights.cancel()
        await self._connection.stop()

    def find(self, keys: Sequence[LookupKey], trace: Trace | None) -> Deferred[Mailbox | None]:
        """See `IDirectory`. Within `ldap_lookup_time` there is an answer or a `Refused` (S-DIR-1)."""
        found: Deferred[Mailbox | None] = Deferred.fromCoroutine(self._find(keys, trace))
        return found.addTimeout(self.limits.ldap_lookup_time, self._reactor, _too_slow)

    async def _find(self, keys: Sequence[LookupKey], trace: Trace | None) -> Mailbox | None:
        for key in keys:
            mailbox = await self._look_up(key, trace)
            if mailbox is not None:
                return mailbox
        return None

    def _look_up(self, key: LookupKey, trace: Trace | None) -> Deferred[Mailbox | None]:
        """Who wants to see each query gets queries of his own; all others share. A cache belongs in front of this."""
        if trace is not None:
            return Deferred.fromCoroutine(self._ask(key, trace))
        return self._flights.join(key, partial(self._ask, key, None))

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

    async def _entries(self, search: Search, trace: Trace | None) -> tuple[tuple[Entry, ...], bool]:
        began = self._reactor.seconds()
        answer = await self._searches.search(search)
        if trace is not None:
            took = self._reactor.seconds() - began
            trace.add("search", search, search.attributes, answer.server, took, len(answer.entries), answer.references)
            for entry in answer.entries:
                trace.add("entry", entry.dn, dict(entry.attributes))
        return answer.entries, answer.complete

    async def _fetch(self, trace: Trace | None, name: str, attributes: tuple[str, ...]) -> Entry | None:
        """One entry by its DN, None if it is gone."""
        entries, _ = await self._entries(Search(name, ANY_ENTRY, attributes, Scope.BASE), trace)
        return entries[0] if entries else None


def _too_slow(_result: object, seconds: float) -> Never:
    raise Refused(DIRECTORY_TIMEOUT, f"look-up over {seconds:g} s")
