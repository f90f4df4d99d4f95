"""``exfrontctl check``: looks at everything that a running exfront would use, changes nothing, and says what to do.

All it looks at is done by the daemon's own objects: connections, verification, reading of entries, the decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from exfront import limits
from exfront.check.back_ends import BackEndCheck
from exfront.check.directory import DirectoryCheck
from exfront.check.rows import Rows, failed, lifetime, own_certificate, too_slow
from exfront.check.topology import contradictions
from exfront.check.users import UserCheck
from exfront.config.settings import Settings
from exfront.directory.schemas import Schema
from exfront.directory.servers import Servers
from exfront.facts import World
from exfront.interfaces import IBackEndDialer
from exfront.operate.check_table import Row
from exfront.reasons import Refused
from exfront.topology import Topology


@frozen
class Checks:
    """What is looked at; all of it built elsewhere. `wall_clock` gives the time with its zone.

    `topology` reads the configuration partition, where that is wanted; `resolve` gives a name's addresses.
    """

    settings: Settings
    servers: Servers
    schema: Schema
    dialer: IBackEndDialer
    world: Callable[[], World]
    resolve: Callable[[str], Awaitable[list[str]]]
    reactor: Any
    wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    topology: Callable[[], Awaitable[Topology]] | None = None

    async def run(self) -> Rows:
        """All rows, the same order every time; after `CHECK_TIME` there is an answer or an error for each."""
        until = self.reactor.seconds() + limits.CHECK_TIME
        topology = await self._in_time("topology", self._topology(), limits.CHECK_TOPOLOGY_TIME)
        left = until - self.reactor.seconds()
        looking = [*self._directories(until), *self._back_ends(), *self._names()]
        found = await gatherResults([self._in_time(what, rows, left) for what, rows in looking], consumeErrors=True)
        return [*self._own_certificate(), *topology, *(row for rows in found for row in rows)]

    def _in_time(self, subject: str, looking: Coroutine[Any, Any, Rows], seconds: float) -> Deferred[Rows]:
        rows: Deferred[Rows] = Deferred.fromCoroutine(looking)
        rows.addTimeout(seconds, self.reactor)

        def late(failure: Any) -> Rows:
            failure.trap(DeferredTimeoutError)
            return [too_slow(subject, seconds)]

        return rows.addErrback(late)

    def _own_certificate(self) -> Rows:
        certificate = own_certificate(self.settings)
        return [] if certificate is None else [lifetime("certificate of [tls]", certificate, self.wall_clock())]

    async def _topology(self) -> Rows:
        """What the configuration partition holds; none is no fault where [[server]] names the servers."""
        try:
            await self.servers.ready()
        except Refused as refused:
            return [failed("directory servers", refused)]
        if self.topology is None:
            return [Row("ok", "topology", "not read: [directory] topology = false")]
        try:
            read = await self.topology()
        except Refused as refused:
            return [failed("topology", refused)]
        counts = f"{len(read.servers)} servers, {len(read.databases)} databases, {len(read.sites)} sites"
        row = Row("ok", "topology", f"{read.organisation or 'no Exchange organisation'}: {counts}")
        world = self.world()
        return [row, *contradictions(world)]

    def _directories(self, until: float) -> list[tuple[str, Coroutine[Any, Any, Rows]]]:
        users = UserCheck(self.settings, self.schema, self.world, self.reactor)
        check = DirectoryCheck(self.settings, self.servers, users, self.wall_clock)
        urls = dict.fromkeys((*self.servers.urls(), *self.servers.urls("configuration")))
        last = until - limits.CHECK_LAST_QUESTION
        return [(f"directory {url}", check.look(url, last)) for url in urls]

    def _back_ends(self) -> list[tuple[str, Coroutine[Any, Any, Rows]]]:
        check = BackEndCheck(self.settings, self.dialer, self.world, self.wall_clock)
        places = DeferredSemaphore(limits.CHECK_BACK_ENDS)

        async def look(server: Any) -> Rows:
            await places.acquire()
            try:
                return await check.look(server)
            finally:
                places.release()

        return [(f"back end {server.name}", look(server)) for server in check.servers()]

    def _names(self) -> list[tuple[str, Coroutine[Any, Any, Rows]]]:
        names = [name for site in self.settings.virtual_site for name in (site.public_name, *site.host_names)]
        return [(f"name {name}", self._name(name)) for name in dict.fromkeys(one.partition(":")[0] for one in names)]

    async def _name(self, name: str) -> Rows:
        """A public name that nobody can resolve here may still be known outside: no more than a warning."""
        addresses = await self.resolve(name)
        if addresses:
            return [Row("ok", f"name {name}", " ".join(addresses))]
        return [Row("warning", f"name {name}", "has no address here", "clients must be able to resolve it")]
