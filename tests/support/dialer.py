"""A dialer whose back ends are connections in memory that the test speaks for."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from zope.interface import implementer

from exfront.decision import Relay
from exfront.interfaces import IBackEndDialer
from exfront.reasons import BACK_END_REFUSED, Reason, Refused
from exfront.topology import Protocol
from tests.support.transport import MemoryTransport


@define(eq=False)
class Dialled:
    """One connection that was asked for: what for, and its transport once connected."""

    relay: Relay
    protocol: Protocol
    transport: MemoryTransport | None = None
    preface: bytes = b""

    @property
    def line(self) -> MemoryTransport:
        """The transport of a connection that was made."""
        assert self.transport is not None
        return self.transport


@implementer(IBackEndDialer)
@define(eq=False)
class MemoryDialer:
    """Connects at once, or refuses with `refuse`; with `hold` set the Deferred waits in `held`.

    `dialled` are all connections so far, in order; `tls` the protocols that started TLS; `tls_refuse` refuses that.
    """

    refuse: Reason | None = None
    dead: set[str] = field(factory=set)  # names of servers that refuse connections
    tls_refuse: Reason | None = None
    hold: bool = False
    held: list[Deferred[IProtocol]] = field(factory=list)
    dialled: list[Dialled] = field(factory=list)
    tls: list[IProtocol] = field(factory=list)

    def dial(
        self, relay: Relay, protocol: Protocol, factory: IProtocolFactory, preface: bytes = b""
    ) -> Deferred[IProtocol]:
        connection = Dialled(relay, protocol, preface=preface)
        self.dialled.append(connection)
        if self.hold:
            waiting: Deferred[IProtocol] = Deferred()
            self.held.append(waiting)
            return waiting
        if relay.server.name in self.dead:
            return fail(Refused(BACK_END_REFUSED))
        if self.refuse is not None:
            return fail(Refused(self.refuse))
        built = factory.buildProtocol(IPv4Address("TCP", "192.0.2.99", relay.service.port))
        assert built is not None
        connection.transport = MemoryTransport(built)
        built.makeConnection(connection.transport)
        return succeed(built)

    def address_of(self, relay: Relay) -> Deferred[str]:
        if self.refuse is not None:
            return fail(Refused(self.refuse))
        return succeed(relay.server.address or "192.0.2.99")

    def start_tls(self, relay: Relay, protocol: IProtocol) -> Deferred[None]:
        self.tls.append(protocol)
        return fail(Refused(self.tls_refuse)) if self.tls_refuse is not None else succeed(None)
