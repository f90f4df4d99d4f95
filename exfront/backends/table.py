"""Who is connected to which back end, and how each is: what the dialer asks before it connects (S-OPS-4, S-ROUTE-12).

Both kinds of entries are made when a server is first used: servers come from configuration and directory alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from exfront.backends.active_copies import ActiveCopies
from exfront.backends.capabilities import Capabilities
from exfront.backends.health import CONNECT_FAULTS, Application, Attempt, Breaker, words
from exfront.config.limits import LimitsSection
from exfront.facts import Health
from exfront.reasons import BACK_END_NOT_ALLOWED, BACK_END_OUT, LOOP, TOO_MANY_AT_BACK_END, Refused
from exfront.topology import Protocol

_log = Logger()

_NEVER_TRIED = frozenset({BACK_END_NOT_ALLOWED, LOOP})


@frozen
class BackEndState:
    """One application of one server as ``exfrontctl backends`` shows it. Times are seconds.

    `connections` are those to the server, of all its applications; `waiting` are log-ons that it has no place for yet.
    `error` is empty if there was none; `retry` is the time until a service that is out may be tried again.
    """

    server: str
    application: str
    state: Literal["healthy", "degraded", "out"]
    connections: int
    waiting: int
    in_flight: int
    requests: int
    failures: int
    latency: float
    error: str
    error_age: float | None
    probe: str
    retry: float | None


@define(eq=False)
class _Server:
    """Of one server: its connections, who waits for one, and a breaker for each service."""

    connections: int = 0
    waiting: deque[Deferred[None]] = field(factory=deque)
    breakers: dict[tuple[str, int], Breaker] = field(factory=dict)  # by protocol and port
    applications: dict[tuple[str, str], Application] = field(factory=dict)

    def breaker(self, protocol: str, port: int) -> Breaker:
        return self.breakers.setdefault((protocol, port), Breaker())


@define(eq=False)
class Place:
    """One connection's place at a back end, from the attempt to its end; `failed` and `given_up` free it too."""

    _table: BackEndTable
    _protocol: Protocol
    _name: str
    _server: _Server
    _breaker: Breaker
    _attempt: Attempt
    _held: bool = True

    def connected(self) -> None:
        """The connection is made."""
        was_out = self._breaker.out
        self._breaker.connected(self._attempt)
        if was_out:
            _log.info("{service} is back", service=self._service)

    def failed(self, refused: Refused) -> None:
        """There is none; who answered with the wrong certificate was reached, and who is not allowed was not tried."""
        if refused.reason in CONNECT_FAULTS:
            self._unreachable(words(refused))
        elif refused.reason in _NEVER_TRIED:
            self._breaker.given_up(self._attempt)
        else:
            self.connected()
        self.free()

    def _unreachable(self, error: str) -> None:
        was_out = self._breaker.out
        self._breaker.failed(self._attempt, self._table.seconds(), error)
        if self._breaker.out and not was_out:
            _log.warn("{service} is left alone for now: {error}", service=self._service, error=error)

    @property
    def _service(self) -> str:
        """For the log."""
        return f"{self._protocol} of {self._name}"

    def given_up(self) -> None:
        """Nobody waits for it any more."""
        self._breaker.given_up(self._attempt)
        self.free()

    def free(self) -> None:
        """The connection is over; a second call does nothing."""
        if self._held:
            self._held = False
            self._server.connections -= 1
            self._table.serve(self._server)


@define(eq=False)
class BackEndTable:
    """`settings` is [limits]; `seconds` gives the time of a clock that only goes forward (S-OPS-10).

    `reclaim` closes a connection to a server, by name, that nobody uses just now, and says whether there was one.
    `capabilities` are what mail services said that they can do.
    `copies` remembers which server has a database's active copy.
    """

    settings: LimitsSection
    seconds: Callable[[], float]
    reclaim: Callable[[str], bool] = lambda server: False
    capabilities: Capabilities = field(factory=Capabilities)
    copies: ActiveCopies = field(init=False)
    _servers: dict[str, _Server] = field(factory=dict)
    _applications: dict[tuple[str, str, str, int], Application] = field(factory=dict)  # under names as they were spelt

    @copies.default
    def _nothing_found(self) -> ActiveCopies:
        return ActiveCopies(self.seconds)

    def application(self, server: str, protocol: Protocol, name: str = "", *, port: int) -> Application:
        """The counters of an application; `name` is HTTP's, for mail the protocol is the application. Cheap.

        `port` is that of its service: a virtual directory may have one of its own.
        """
        key = (server, protocol, name, port)
        found = self._applications.get(key)
        if found is None:
            known = self._server(server).applications
            found = known.setdefault((protocol, name), Application(server, protocol, name or protocol))
            self._applications[key] = found
        found.port = port
        return found

    def ask_capabilities(self, server: str, protocol: Protocol) -> bool:
        """Whether a log-on that begins now should ask for them, where that costs answers: one in a while does."""
        return protocol == "pop3" and self.capabilities.is_due(server, protocol, self.seconds())

    def take(self, server: str, protocol: Protocol, port: int, *, only: bool = True) -> Place:
        """A place for one more connection. Raises `Refused`: the server is full, or the service is out.

        `only` says that no other server has what is wanted.
        """
        entry = self._server(server)
        if entry.connections >= self.settings.connections_per_back_end and not self.reclaim(server):
            raise Refused(TOO_MANY_AT_BACK_END, f"limit name=connections_per_back_end server={server}")
        breaker, now = entry.breaker(protocol, port), self.seconds()
        attempt = breaker.attempt(now, only)
        if attempt is None:
            raise Refused(BACK_END_OUT, f"server={server} out={now - breaker.since:.1f}s last: {breaker.error}")
        entry.connections += 1
        return Place(self, protocol, server, entry, breaker, attempt)

    async def wait_and_take(
        self, server: str, protocol: Protocol, port: int, clock: IReactorTime, *, only: bool = True
    ) -> Place:
        """The same, but where the server is full wait a while for a place: first come, first served (S-OPS-4).

        Raises `Refused` also when too many wait already, or it took too long.
        """
        entry = self._server(server)
        if not entry.waiting:
            try:
                return self.take(server, protocol, port, only=only)
            except Refused as refused:
                if refused.reason is not TOO_MANY_AT_BACK_END or not self.settings.back_end_queue_time:
                    raise
        await self._turn(entry, server, clock)
        return self.take(server, protocol, port, only=only)

    async def _turn(self, entry: _Server, server: str, clock: IReactorTime) -> None:
        if len(entry.waiting) >= self.settings.back_end_queue:
            raise Refused(TOO_MANY_AT_BACK_END, f"limit name=back_end_queue server={server}")
        turn: Deferred[None] = Deferred(entry.waiting.remove)
        entry.waiting.append(turn)
        turn.addTimeout(self.settings.back_end_queue_time, clock)
        try:
            await turn
        except DeferredTimeoutError:
            raise Refused(TOO_MANY_AT_BACK_END, f"limit name=back_end_queue_time server={server}") from None

    def serve(self, entry: _Server) -> None:
        """Whoever waits longest takes a place that is free, as long as there are any."""
        while entry.waiting and entry.connections < self.settings.connections_per_back_end:
            entry.waiting.popleft().callback(None)

    def kept(self, server: str) -> None:
        """A connection is kept for later: it makes room for who waits."""
        entry = self._servers.get(server.lower())
        if entry is not None and entry.waiting:
            self.reclaim(server)

    def health(self, server: str, protocol: Protocol, application: str) -> Health | None:
        """How a server is for an application; None where it was neither used nor probed yet."""
        entry = self._servers.get(server.lower())
        if entry is None:
            return None
        found = entry.applications.get((protocol, application))
        if found is None:
            return None
        breaker = entry.breakers.get((protocol, found.port))
        if breaker is None or not breaker.out:
            return found.health
        return Health("out", breaker.error, breaker.due(self.seconds()))

    def states(self) -> tuple[BackEndState, ...]:
        """All that was used or probed, by name."""
        now = self.seconds()
        return tuple(
            _state(entry, application, now)
            for _, entry in sorted(self._servers.items())
            for _, application in sorted(entry.applications.items())
        )

    def _server(self, name: str) -> _Server:
        key = name.lower()
        entry = self._servers.get(key)
        if entry is None:
            entry = self._servers[key] = _Server()
        return entry


def _state(entry: _Server, application: Application, now: float) -> BackEndState:
    breaker = entry.breaker(application.protocol, application.port)
    error, age = (application.error, now - application.error_at) if application.error else ("", None)
    return BackEndState(
        application.server,
        application.name,
        "out" if breaker.out else application.health.state,
        entry.connections,
        len(entry.waiting),
        application.in_flight,
        application.requests,
        application.failures,
        application.latency,
        breaker.error if breaker.out else error,
        now - breaker.since if breaker.out else age,
        application.probe,
        max(0.0, breaker.next_try(only=True) - now) if breaker.out else None,
    )
