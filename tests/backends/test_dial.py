"""The dialer against real sockets on the loopback network."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from exfront.backends.allowed import AllowList
from exfront.backends.dial import Dialer
from exfront.config.kinds import HostPort
from exfront.config.limits import LimitsSection
from exfront.decision import Relay
from exfront.net.tls import server_options
from exfront.reasons import (
    BACK_END_CERTIFICATE,
    BACK_END_CONNECT_TIMEOUT,
    BACK_END_NO_ADDRESS,
    BACK_END_NOT_ALLOWED,
    BACK_END_PROTOCOL,
    BACK_END_REFUSED,
    LOOP,
    Reason,
    Refused,
)
from exfront.topology import Server, Service, Tls
from tests.support.authority import Authority

reactor: Any = the_reactor
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


class _Peer(Protocol):
    """Keeps what it hears, and tells when it is connected and lost."""

    def __init__(self) -> None:
        self.heard = b""
        self.gone: Deferred[None] = Deferred()
        self.answered: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        if not self.answered.called:
            self.answered.callback(data)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self.gone.callback(None)


class _BackEnd(Factory):
    """Greets, and keeps its peers."""

    noisy = False

    def __init__(self, greeting: bytes = b"") -> None:
        self.greeting = greeting
        self.peers: list[_Peer] = []

    def buildProtocol(self, addr: object) -> _Peer:
        peer = _Peer()
        peer.connectionMade = lambda: peer.transport.write(self.greeting)  # type: ignore[method-assign, union-attr]
        self.peers.append(peer)
        return peer


class DialTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = Authority(folder)
        self.limits = LimitsSection(back_end_connect_time=2.0)
        self.dialer = Dialer(reactor, self.limits, AllowList(LOOPBACK), str(self.authority.ca_file))
        self.mine: list[_Peer] = []

    async def listen(self, factory: Any) -> int:
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def tls(self, certificate: Path, inner: _BackEnd) -> TLSMemoryBIOFactory:
        return TLSMemoryBIOFactory(server_options(certificate, None), False, inner)

    def factory(self) -> Factory:
        def build() -> _Peer:
            peer = _Peer()
            self.mine.append(peer)
            return peer

        return Factory.forProtocol(build)  # type: ignore[arg-type]

    async def dial(self, port: int, tls: Tls = "none", host: str = "chicago", address: str = "127.0.0.1") -> _Peer:
        service = Service(port, tls)
        relay = Relay(Server("CHICAGO", host, address, imap4=service), service, "typed")
        peer: Any = await self.dialer.dial(relay, "imap4", self.factory())
        self.addCleanup(self.close, peer)
        return peer  # type: ignore[no-any-return]

    def close(self, peer: _Peer) -> Deferred[None]:
        if peer.gone.called:
            return succeed(None)
        peer.transport.abortConnection()  # type: ignore[union-attr]
        return peer.gone

    async def refusal(self, *args: Any, **more: Any) -> Reason:
        try:
            await self.dial(*args, **more)
        except Refused as refused:
            return refused.reason
        raise AssertionError("not refused")

    async def test_a_plain_back_end_greets(self) -> None:
        back_end = _BackEnd(b"* OK ready\r\n")
        peer = await self.dial(await self.listen(back_end))
        self.assertEqual(await peer.answered, b"* OK ready\r\n")

    async def test_a_closed_port_is_refused(self) -> None:
        listening = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(_BackEnd())
        port = listening.getHost().port
        await listening.stopListening()
        self.assertIs(await self.refusal(port), BACK_END_REFUSED)

    async def test_an_address_outside_the_networks_is_never_connected_to(self) -> None:
        """S-DIR-4: the allow list is asked before any connection."""
        self.assertIs(await self.refusal(143, address="169.254.169.254"), BACK_END_NOT_ALLOWED)

    async def test_a_name_is_resolved_and_its_address_checked(self) -> None:
        """S-DIR-4: the checked address is the one connected to."""
        port = await self.listen(_BackEnd(b"hello"))
        peer = await self.dial(port, host="localhost", address="")
        self.assertEqual(await peer.answered, b"hello")
        self.dialer.allowed = AllowList(None)
        self.assertIs(await self.refusal(port, host="localhost", address=""), BACK_END_NOT_ALLOWED)

    async def test_a_name_without_an_address(self) -> None:
        self.assertIs(await self.refusal(143, host="no-such-host.invalid", address=""), BACK_END_NO_ADDRESS)

    async def test_slow_dns_ends_in_time(self) -> None:
        """S-ROUTE-12: the time to connect bounds the resolver too."""

        class Silent:
            def resolveHostName(self, receiver: object, host: str) -> object:
                return receiver

        clock = Clock()
        clock.nameResolver = Silent()  # type: ignore[attr-defined]
        dialer = Dialer(clock, self.limits, AllowList(LOOPBACK))
        service = Service(143)
        relay = Relay(Server("CHICAGO", "chicago.fourthcoffee.com", imap4=service), service, "typed")
        dialled = dialer.dial(relay, "imap4", self.factory())
        clock.advance(self.limits.back_end_connect_time)
        self.assertIs(self.failureResultOf(dialled, Refused).value.reason, BACK_END_NO_ADDRESS)

    async def test_an_own_listener_is_a_loop(self) -> None:
        """S-ROUTE-5: an own listener is refused without a connection."""
        back_end = _BackEnd()
        port = await self.listen(back_end)
        self.dialer.allowed = AllowList(LOOPBACK, (HostPort("127.0.0.1", port),))
        self.assertIs(await self.refusal(port), LOOP)
        self.assertEqual(back_end.peers, [])

    async def test_verified_tls_carries_octets(self) -> None:
        """S-ROUTE-8: a chain to the configured authority and the right name."""
        back_end = _BackEnd(b"secret greeting")
        port = await self.listen(self.tls(self.authority.issue("chicago"), back_end))
        peer = await self.dial(port, "implicit")
        self.assertEqual(await peer.answered, b"secret greeting")

    async def test_a_wrong_name_an_expired_and_a_foreign_certificate_get_no_octet(self) -> None:
        """S-ROUTE-8: each certificate fault refuses, and no octet of ours was sent."""
        foreign = Path(self.mktemp())
        foreign.mkdir()
        cases = {
            "name": self.authority.issue("dallas"),
            "expired": self.authority.issue("chicago", expired=True),
            "issuer": Authority(foreign).issue("chicago"),
        }
        for what, certificate in cases.items():
            back_end = _BackEnd()
            port = await self.listen(self.tls(certificate, back_end))
            with self.assertRaises(Refused) as caught:
                await self.dial(port, "implicit")
            self.assertIs(caught.exception.reason, BACK_END_CERTIFICATE, what)
            self.assertIn(f"TLS: {what}", caught.exception.detail)
            self.assertEqual([peer.heard for peer in back_end.peers], [b""])
            self.assertEqual(self.mine, [])

    async def test_a_back_end_without_tls_where_tls_is_configured(self) -> None:
        """S-ROUTE-8: no fall-back to clear."""
        port = await self.listen(_BackEnd(b"* OK plain\r\n"))
        self.assertIs(await self.refusal(port, "implicit"), BACK_END_PROTOCOL)

    async def test_a_back_end_that_is_silent_in_the_handshake(self) -> None:
        self.patch(__import__("exfront.limits", fromlist=["limits"]), "BACK_END_TLS_TIME", 0.2)
        port = await self.listen(_BackEnd())
        self.assertIs(await self.refusal(port, "implicit"), BACK_END_CONNECT_TIMEOUT)

    async def test_start_tls_is_verified(self) -> None:
        """S-MAIL-2, S-ROUTE-8: TLS begun on a plain connection is verified like any other."""
        for name, wanted in (("chicago", None), ("dallas", BACK_END_CERTIFICATE)):
            self.assertIs(await self.start_tls(name), wanted)

    async def start_tls(self, certificate_name: str) -> Reason | None:
        back_end = _BackEnd(b"go")
        port = await self.listen(back_end)
        peer = await self.dial(port)
        await peer.answered
        options = server_options(self.authority.issue(certificate_name), None)
        back_end.peers[0].transport.startTLS(options)  # type: ignore[union-attr]
        service = Service(port, "starttls")
        relay = Relay(Server("CHICAGO", "chicago", "127.0.0.1", imap4=service), service, "typed")
        try:
            await self.dialer.start_tls(relay, peer)
        except Refused as refused:
            return refused.reason
        peer.transport.write(b"over TLS")  # type: ignore[union-attr]
        await deferLater(reactor, 0.05)
        self.assertEqual(back_end.peers[0].heard, b"over TLS")
        return None
