"""The session table: who is connected, from where, to which back end, since when; limits by network, and draining."""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from exfront import limits
from exfront.config.kinds import Network
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.interfaces import IRecordObserver
from exfront.reasons import DRAINING, TOO_MANY_CONNECTIONS, Refused
from exfront.topology import Protocol
from exfront.wire.proxy_protocol import Endpoint


@define(eq=False)
class Session:
    """One client connection.

    `address` and `port` are the client's, `connected` is what it has connected to, None where that is no IP address;
    from a proxy that is trusted they are what that tells. `hops_left` is how many mail proxies may be on its way, this
    one included. `stop` is called when the service drains: finish what runs, take nothing new. `abort` ends the
    connection at once.
    """

    id: str
    protocol: Protocol
    listener: str
    address: str
    port: int
    secure: bool
    began: float
    record: SessionRecord
    stop: Callable[[], None] = field(default=lambda: None, repr=False)
    abort: Callable[[], None] = field(default=lambda: None, repr=False)
    connected: Endpoint | None = None
    hops_left: int = limits.MAIL_HOPS

    client: str = field(init=False)  # address and port, as logs write it

    @client.default
    def _as_logs_write_it(self) -> str:
        return _client(self.address, self.port)


@define(eq=False)
class SessionTable:
    """All sessions by id. `settings` is [limits]; `clock` gives monotonic seconds (S-OPS-10).

    `many_from` are networks whose addresses stand for many clients: trusted proxies.
    """

    settings: LimitsSection
    clock: IReactorTime
    observers: tuple[IRecordObserver, ...] = ()
    wall_clock: Callable[[], float] = time.time
    draining: bool = False
    many_from: tuple[Network, ...] = ()
    _on_empty: Callable[[], None] | None = None
    _sessions: dict[str, Session] = field(factory=dict)
    _per_network: Counter[str] = field(factory=Counter)

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))

    def open(self, protocol: Protocol, listener: str, address: str, port: int, secure: bool) -> Session:
        """Enter a new connection. Raises `Refused` when draining or over a limit (S-OPS-4)."""
        self._check()
        if not self._stands_for_many(address):
            self._check_network(_network(address))
        identifier = secrets.token_hex(8)
        record = self._record(identifier, protocol, listener)
        session = Session(identifier, protocol, listener, address, port, secure, self.clock.seconds(), record)
        record.client = session.client
        self._sessions[identifier] = session
        self._per_network[_network(address)] += 1
        return session

    def close(self, session: Session) -> None:
        """Take a session out; a second call does nothing."""
        if self._sessions.pop(session.id, None) is None:
            return
        self.leave(session.address)
        if not self._sessions and self._on_empty is not None:
            self._on_empty()

    def enter(self, address: str) -> None:
        """What is done for a client behind a trusted proxy counts for that client, as a connection of its own would.

        Raises `Refused` when it has as many as it may have (S-OPS-4).
        """
        self._check_network(_network(address))
        self._per_network[_network(address)] += 1

    def leave(self, address: str) -> None:
        """It is done."""
        network = _network(address)
        self._per_network[network] -= 1
        if not self._per_network[network]:
            del self._per_network[network]

    def readdress(self, session: Session, address: str, port: int) -> None:
        """The client of `session` is this one, as a trusted proxy tells: limits count for it, and logs name it.

        Raises `Refused` when it has as many connections as it may have (S-OPS-4).
        """
        self.enter(address)
        self.leave(session.address)
        session.address, session.port = address, port
        session.client = session.record.client = _client(address, port)

    def new_record(self, session: Session) -> SessionRecord:
        """A fresh record for one more request of `session`."""
        return SessionRecord(session.id, session.protocol, session.client, session.listener, self.wall_clock())

    def refused_record(self, protocol: Protocol, listener: str, address: str, port: int) -> SessionRecord:
        """The record of a connection that was not let in."""
        record = self._record("-", protocol, listener)
        record.client = _client(address, port)
        return record

    def finished(self, record: SessionRecord) -> None:
        """Show a finished record to all observers."""
        for observer in self.observers:
            observer.finished(record)

    def drain(self, on_empty: Callable[[], None]) -> None:
        """Refuse newcomers, ask every session to stop, and call `on_empty` when the last has gone."""
        self.draining = True
        self._on_empty = on_empty
        for session in self:
            session.stop()
        if not self._sessions:
            on_empty()

    def abort_all(self) -> None:
        """End what is left."""
        for session in self:
            session.abort()

    def _check(self) -> None:
        if self.draining:
            raise Refused(DRAINING)
        if len(self._sessions) >= self.settings.connections:
            raise Refused(TOO_MANY_CONNECTIONS, "limit name=connections")

    def _check_network(self, network: str) -> None:
        if self._per_network[network] >= self.settings.connections_per_address:
            raise Refused(TOO_MANY_CONNECTIONS, f"limit name=connections_per_address net={network}")

    def _stands_for_many(self, address: str) -> bool:
        found = ipaddress.ip_address(address.partition("%")[0])
        return any(found in network for network in self.many_from)

    def _record(self, identifier: str, protocol: str, listener: str) -> SessionRecord:
        return SessionRecord(identifier, protocol, "-", listener, started=self.wall_clock())


def _client(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _network(address: str) -> str:
    """An IPv4 address itself, an IPv6 address's /64: what one subscriber has (S-OPS-4)."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
