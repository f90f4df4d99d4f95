"""The session table: who is connected, from where, to which back end, since when; limits by network, and draining."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime

from exfront import limits
from exfront.addresses import network_of, parsed
from exfront.config.kinds import Network
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.interfaces import IRecordObserver
from exfront.reasons import DRAINING, TOO_MANY_CONNECTIONS, TOO_MANY_OF_A_USER, TOO_MUCH_MEMORY, Refused
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

    account: str = field(default="", init=False)  # id of the account that it counts for
    client: str = field(init=False)  # address and port, as logs write it

    @client.default
    def _as_logs_write_it(self) -> str:
        return _client(self.address, self.port)


@frozen
class LimitState:
    """A limit of [limits] as ``exfrontctl limits`` shows it: `now` of at most `most`, and `who` has so many."""

    name: str
    now: int
    most: int
    who: str = ""


@define(eq=False)
class SessionTable:
    """All sessions by id. `settings` is [limits]; `clock` gives monotonic seconds (S-OPS-10).

    `many_from` are networks whose addresses stand for many clients: trusted proxies. `crowded` says whether there is no
    memory for newcomers.
    """

    settings: LimitsSection
    clock: IReactorTime
    observers: tuple[IRecordObserver, ...] = ()
    wall_clock: Callable[[], float] = time.time
    draining: bool = False
    many_from: tuple[Network, ...] = ()
    crowded: Callable[[], bool] = lambda: False
    _on_empty: Callable[[], None] | None = None
    _sessions: dict[str, Session] = field(factory=dict)
    _per_network: Counter[str] = field(factory=Counter)
    _per_account: Counter[str] = field(factory=Counter)
    _per_account_here: Counter[tuple[str, str]] = field(factory=Counter)  # by account and network

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))

    def open(self, protocol: Protocol, listener: str, address: str, port: int, secure: bool) -> Session:
        """Enter a new connection. Raises `Refused` when draining or over a limit (S-OPS-4)."""
        self._check()
        if not self._stands_for_many(address):
            self._check_network(network_of(address))
        identifier = secrets.token_hex(8)
        record = self._record(identifier, protocol, listener)
        session = Session(identifier, protocol, listener, address, port, secure, self.clock.seconds(), record)
        record.client = session.client
        self._sessions[identifier] = session
        self._per_network[network_of(address)] += 1
        return session

    def close(self, session: Session) -> None:
        """Take a session out; a second call does nothing."""
        self.unseat(session.id)
        if self._sessions.pop(session.id, None) is None:
            return
        self.leave(session.address)
        if not self._sessions and self._on_empty is not None:
            self._on_empty()

    def enter(self, address: str) -> None:
        """What is done for a client behind a trusted proxy counts for that client, as a connection of its own would.

        Raises `Refused` when it has as many as it may have (S-OPS-4).
        """
        self._check_network(network_of(address))
        self._per_network[network_of(address)] += 1

    def leave(self, address: str) -> None:
        """It is done."""
        _less(self._per_network, network_of(address))

    def seat(self, record: SessionRecord) -> None:
        """A mail session counts for the account in its record from now on (S-MAIL-13, S-OPS-4).

        Raises `Refused` when the account has as many as it may have, in all or from this network.
        """
        session, account = self._sessions.get(record.session_id), record.account_id
        if session is None:
            return  # it is over
        self.unseat(session.id)
        here, settings = (account, network_of(session.address)), self.settings
        if self._per_account_here[here] >= settings.connections_per_account_and_address:
            raise Refused(TOO_MANY_OF_A_USER, f"limit name=connections_per_account_and_address net={here[1]}")
        if self._per_account[account] >= settings.connections_per_account:
            raise Refused(TOO_MANY_OF_A_USER, "limit name=connections_per_account")
        session.account = account
        self._per_account[account] += 1
        self._per_account_here[here] += 1

    def unseat(self, session_id: str) -> None:
        """It does not, any more."""
        session = self._sessions.get(session_id)
        if session is None or not session.account:
            return
        account, session.account = session.account, ""
        _less(self._per_account, account)
        _less(self._per_account_here, (account, network_of(session.address)))

    def readdress(self, session: Session, address: str, port: int) -> None:
        """The client of `session` is this one, as a trusted proxy tells: limits count for it, and logs name it.

        Raises `Refused` when it has as many connections as it may have (S-OPS-4).
        """
        if not self._stands_for_many(address):
            self._check_network(network_of(address))
        self._per_network[network_of(address)] += 1
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

    def states(self) -> tuple[LimitState, ...]:
        """How near each limit is; of addresses and accounts the one that is nearest."""
        settings = self.settings
        here = Counter({f"{account} {network}": count for (account, network), count in self._per_account_here.items()})
        return (
            LimitState("connections", len(self), settings.connections),
            _busiest("connections_per_address", self._per_network, settings.connections_per_address),
            _busiest("connections_per_account", self._per_account, settings.connections_per_account),
            _busiest("connections_per_account_and_address", here, settings.connections_per_account_and_address),
        )

    def _check(self) -> None:
        if self.draining:
            raise Refused(DRAINING)
        if len(self._sessions) >= self.settings.connections:
            raise Refused(TOO_MANY_CONNECTIONS, "limit name=connections")
        if self.crowded():
            raise Refused(TOO_MUCH_MEMORY, "limit name=memory")

    def _check_network(self, network: str) -> None:
        if self._per_network[network] >= self.settings.connections_per_address:
            raise Refused(TOO_MANY_CONNECTIONS, f"limit name=connections_per_address net={network}")

    def _stands_for_many(self, address: str) -> bool:
        return bool(self.many_from) and any(parsed(address) in network for network in self.many_from)

    def _record(self, identifier: str, protocol: str, listener: str) -> SessionRecord:
        return SessionRecord(identifier, protocol, "-", listener, started=self.wall_clock())


def _busiest(name: str, counts: Counter[str], most: int) -> LimitState:
    who, now = max(counts.items(), key=lambda each: each[1], default=("", 0))
    return LimitState(name, now, most, who)


def _less(counts: Counter[Any], key: object) -> None:
    """One less; nothing is kept of who has none."""
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _client(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
