"""Checks of some users: who could not get to a mailbox, and whose address somebody else has too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred, FirstError, gatherResults

from exfront import limits
from exfront.check.back_ends import listened_for
from exfront.check.rows import ROUTE_ADVICE, Rows
from exfront.config.settings import Settings
from exfront.decision import Refuse
from exfront.directory.client import Connection, SearchAnswer
from exfront.directory.entry import Entry
from exfront.directory.filters import ANY_ENTRY, AllOf, AnyOf, Equals, Filter, Present, Scope, Search
from exfront.directory.schemas import Schema
from exfront.facts import Facts, Identity, World
from exfront.names import KeyKind, LookupKey
from exfront.operate.check_table import Row
from exfront.reasons import CAS_DOWN, CONTRADICTORY_TOPOLOGY, PROTOCOL_NOT_SERVED, SERVER_UNKNOWN, Refused
from exfront.routing import decide
from exfront.topology import Mailbox

# What no administrator wants.
_NOWHERE = (SERVER_UNKNOWN, PROTOCOL_NOT_SERVED, CAS_DOWN, CONTRADICTORY_TOPOLOGY)


@frozen
class UserCheck:
    """Reads and routes users as a log-on would."""

    settings: Settings
    schema: Schema
    world: Callable[[], World]
    reactor: Any

    async def look(self, subject: str, connection: Connection, page: int, until: float) -> Rows:
        """The users of that `page` (0 is the first), and all others who have one of their addresses.

        No question is begun after `until`, on the reactor's clock. Raises `DirectoryError`.
        """
        sample = await self._sample(connection, page, until)
        rows = [Row("ok", subject, f"{sample.size} looked at") if sample.size else _none(subject)]
        return rows + sample.rows(subject) + await self._doubles(subject, connection, sample.found, until)

    async def _sample(self, connection: Connection, number: int, until: float) -> _Sample:
        sample = _Sample()
        for entry in await self._page(connection, number):
            if self.reactor.seconds() >= until:
                break
            mailbox = await self._read(connection, entry)
            if mailbox is None:
                sample.broken.append(entry.dn)
                continue
            sample.found.append(mailbox)
            if not mailbox.home_server:
                sample.homeless.append(entry.dn)
            else:
                sample.lost.update(self._not_routed(mailbox))
        return sample

    async def _page(self, connection: Connection, number: int) -> Sequence[Entry]:
        """That page of all users, or the last one before it."""
        search = Search(self.settings.directory.base, self._people(), self.schema.attributes)
        page = await connection.page(search, limits.CHECK_SAMPLE)
        entries = page.entries
        for _ in range(number):
            if not page.cookie:
                break
            page = await connection.page(search, limits.CHECK_SAMPLE, page.cookie)
            entries = page.entries or entries
        return entries

    def _people(self) -> Filter:
        if self.settings.directory.schema == "active_directory":
            return AllOf((Equals("objectClass", "user"), Present("proxyAddresses")))
        directory = self.settings.directory
        names = directory.address_attributes or (directory.account_attribute,)
        people = AnyOf(tuple(Equals("objectClass", name) for name in directory.object_classes))
        return AllOf((people, AnyOf(tuple(Present(name) for name in names))))

    async def _read(self, connection: Connection, entry: Entry) -> Mailbox | None:
        async def fetch(name: str, attributes: tuple[str, ...]) -> Entry | None:
            answer = await connection.search(Search(name, ANY_ENTRY, attributes, Scope.BASE))
            return answer.entries[0] if answer.entries else None

        try:
            return await self.schema.mailbox(entry, fetch, None)
        except Refused:
            return None

    def _not_routed(self, mailbox: Mailbox) -> set[str]:
        """Why the decision for a protocol that is listened for is a refusal that shows a fault."""
        found = set()
        for protocol in listened_for(self.settings):
            decision = decide(Facts(protocol, Identity(mailbox), mailbox), self.world())
            if isinstance(decision, Refuse) and decision.reason in _NOWHERE:
                found.add(f"{decision.reason.cause}, {decision.detail}")
        return found

    async def _doubles(self, subject: str, connection: Connection, mailboxes: Sequence[Mailbox], until: float) -> Rows:
        """Each address is asked for as a log-on with it would be: two answers, and nobody can (S-AUTH-5)."""
        addresses = sorted({address.lower() for mailbox in mailboxes for address in mailbox.addresses})
        left, rows, asked = iter(addresses), [], 0
        while self.reactor.seconds() < until and (some := tuple(islice(left, limits.CHECK_QUESTIONS))):
            asked += len(some)
            for address, answer in zip(some, await self._ask(connection, some), strict=True):
                if len(answer.entries) > 1:
                    owners = " and ".join(sorted(entry.dn for entry in answer.entries))
                    more = "" if answer.complete else " and others"
                    found = f"{address} belongs to {owners}{more}"
                    rows.append(Row("warning", subject, found, "take it from all but one of them"))
        if asked < len(addresses):
            rows.append(Row("ok", subject, f"{asked} of their {len(addresses)} addresses asked for: the time was over"))
        return rows

    async def _ask(self, connection: Connection, addresses: Sequence[str]) -> Sequence[SearchAnswer]:
        searches = [Deferred.fromCoroutine(connection.search(search)) for search in self._searches(addresses)]
        try:
            return await gatherResults(searches, consumeErrors=True)
        except FirstError as first:
            raise first.subFailure.value or first from None

    def _searches(self, addresses: Sequence[str]) -> Iterator[Search]:
        for address in addresses:
            wanted = self.schema.filter(LookupKey(KeyKind.ADDRESS, address))
            assert wanted is not None  # an entry has shown one
            yield Search(self.settings.directory.base, wanted, ("objectClass",))


@frozen
class _Sample:
    """Who was looked at. `lost` counts why users go nowhere."""

    found: list[Mailbox] = field(factory=list)
    broken: list[str] = field(factory=list)
    homeless: list[str] = field(factory=list)
    lost: Counter[str] = field(factory=Counter)

    @property
    def size(self) -> int:
        return len(self.found) + len(self.broken)

    def rows(self, subject: str) -> Rows:
        """What is wrong with them."""
        total, rows = f"of {self.size} users looked at", []
        if self.homeless:
            advice = "such users get no mailbox: see homeMDB, or [directory] home_server_attribute"
            found = f"{len(self.homeless)} {total} have no home server, as {self.homeless[0]}"
            rows.append(Row("warning", subject, found, advice))
        if self.broken:
            advice = "exfrontctl explain tells for each of them what contradicts itself"
            found = f"{len(self.broken)} {total} cannot be read, as {self.broken[0]}"
            rows.append(Row("warning", subject, found, advice))
        for why, number in sorted(self.lost.items()):
            rows.append(Row("error", subject, f"{number} {total} go nowhere: {why}", ROUTE_ADVICE))
        return rows


def _none(subject: str) -> Row:
    return Row("warning", subject, "no user with a mail address was found", "is [directory] base right?")
