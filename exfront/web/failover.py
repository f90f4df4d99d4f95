"""Where a request goes instead of the server that could not be reached, or has the mailbox no more (S-ROUTE-10)."""

from __future__ import annotations

from attrs import define, field

from exfront import limits
from exfront.decision import Relay, SessionRecord
from exfront.reasons import Refused
from exfront.steps import Steps
from exfront.web.route import Case, Route

UNAVAILABLE = 503
_FIRST_FINAL = 200
_MAJOR = 15


@define(eq=False)
class Failover:
    """Of one request. `moved`: the directory was asked once more, which happens once."""

    steps: Steps
    record: SessionRecord
    moved: bool = field(default=False, init=False)
    _failed: frozenset[str] = field(default=frozenset(), init=False)
    _relocated: bool = field(default=False, init=False)  # the mailbox is not where the case has it

    def not_reached(self, route: Route, refused: Refused) -> Relay | None:
        """Another server in place of one that could not be reached: nothing of the request was sent yet."""
        relay = self.steps.elsewhere(self.record, route.case.facts, route.relay, refused, self._failed)
        self._failed |= {route.relay.server.name}
        return relay if self._may_go_on() else None

    async def moved_to(self, case: Case) -> Relay | None:
        """Where the mailbox is by one fresh look at the directory; None where it is where it was."""
        self.moved = True
        relay = await self.steps.moved(self.record, case.facts, case.named)
        self._relocated = relay is not None
        return relay

    def another_copy(self, route: Route) -> Relay | None:
        """The next server with a copy of the database, after one that said 503; None where there is no other."""
        if not route.relay.replaceable or self._relocated:
            return None
        self._failed |= {route.relay.server.name}
        return self.steps.another_copy(route.case.facts, self._failed) if self._may_go_on() else None

    def answered(self, route: Route, status: int) -> None:
        """A server has answered: the active copy is there, if another one was to have it."""
        if self._failed and _FIRST_FINAL <= status != UNAVAILABLE:
            self.remember(route, route.relay)

    def remember(self, route: Route, relay: Relay) -> None:
        """The next who want this database go by `relay`."""
        mailbox = route.case.mailbox
        if of_2013(relay) and mailbox is not None and mailbox.database and not self._relocated:
            self.steps.back_ends.copies.found(mailbox.database, relay.server.name)

    def _may_go_on(self) -> bool:
        return len(self._failed) <= limits.OTHER_SERVERS


def of_2013(relay: Relay) -> bool:
    """Whether a server has mailboxes itself, and perhaps not the active copy of a database: its 503 may mean that."""
    return relay.server.version is not None and relay.server.version.major >= _MAJOR
