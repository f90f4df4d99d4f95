"""The dialer against real sockets on the loopback network."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

from cryptography import x509
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
from exfront.backends.table import BackEndTable
from exfront.config.kinds import HostPort
from exfront.config.limits import LimitsSection
from exfront.decision import Relay
from exfront.net.lean.transports import LeanTransports
from exfront.net.pins import digests
from exfront.net.tls import server_options
from exfront.net.transports import Transports, TwistedTransports
from exfront.reasons import (
    BACK_END_CERTIFICATE,
    BACK_END_CONNECT_TIMEOUT,
    BACK_END_LOGIN_TIMEOUT,
    BACK_END_NO_ADDRESS,
    BACK_END_NOT_ALLOWED,
    BACK_END_OUT,
    BACK_END_PROTOCOL,
    BACK_END_REFUSED,
    LOOP,
    TOO_MANY_AT_BACK_END,
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
    """On Twisted's transports."""

    timeout = 20

    def transports(self) -> Transports:
        return TwistedTransports(reactor)

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = Authority(folder)
        self.limits = LimitsSection(back_end_connect_time=2.0)
        self.table = BackEndTable(self.limits, reactor.seconds)
        self.dialer = Dialer(
            self.transports(), reactor, self.limits, AllowList(LOOPBACK), self.table, str(self.authority.ca_file)
        )
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

    async def dial(
        self,
        port: int,
        tls: Tls = "none",
        host: str = "chicago",
        address: str = "127.0.0.1",
        pins: tuple[bytes, ...] = (),
        replaceable: bool = False,
    ) -> _Peer:
        service = Service(port, tls)
        server = Server("CHICAGO", host, address, imap4=service, tls_pins=pins)
        relay = Relay(server, service, "typed", replaceable=replaceable)
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
        dialer = Dialer(
            TwistedTransports(clock), clock, self.limits, AllowList(LOOPBACK), BackEndTable(self.limits, clock.seconds)
        )
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
            found = "dallas" if what == "name" else "chicago"
            told = f"TLS: {what} wanted=chicago found={found} subject=CN={found} notAfter="
            self.assertIn(told, caught.exception.detail)
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

    async def test_a_pinned_certificate_needs_no_name_no_date_and_no_issuer(self) -> None:
        """S-ROUTE-8: it is known by its key; another one gets no octet, and the log says what it was."""
        foreign = Path(self.mktemp())
        foreign.mkdir()
        file = Authority(foreign).issue("elsewhere", expired=True)
        certificate, key = digests(x509.load_pem_x509_certificates(file.read_bytes())[0])
        port = await self.listen(self.tls(file, _BackEnd(b"hello")))
        for pin in (certificate, key):
            peer = await self.dial(port, "implicit", pins=(pin,))
            self.assertEqual(await peer.answered, b"hello")
        back_end = _BackEnd()
        port = await self.listen(self.tls(self.authority.issue("chicago"), back_end))
        with self.assertRaises(Refused) as caught:
            await self.dial(port, "implicit", pins=(certificate, key))
        self.assertIs(caught.exception.reason, BACK_END_CERTIFICATE)
        self.assertIn("TLS: pin wanted=chicago found=chicago ", caught.exception.detail)
        self.assertEqual([peer.heard for peer in back_end.peers], [b""])

    async def test_a_dead_server_is_left_alone_and_found_again(self) -> None:
        """S-ROUTE-12: three refusals, then no connection is tried; when its second is over one is, and all are well."""
        clock = Clock()
        self.dialer.table = BackEndTable(self.limits, clock.seconds)
        listening = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(_BackEnd())
        port = listening.getHost().port
        await listening.stopListening()
        self.assertEqual([await self.refusal(port) for _ in range(3)], [BACK_END_REFUSED] * 3)
        back_end = _BackEnd(b"hello")
        listening = await TCP4ServerEndpoint(reactor, port, interface="127.0.0.1").listen(back_end)
        self.addCleanup(listening.stopListening)
        self.assertEqual([await self.refusal(port) for _ in range(10)], [BACK_END_OUT] * 10)
        self.assertEqual(back_end.peers, [])
        clock.advance(1.0)
        self.assertIs(await self.refusal(port, replaceable=True), BACK_END_OUT)  # others would do: its pause is 10 s
        for _ in range(2):
            peer = await self.dial(port)
            self.assertEqual(await peer.answered, b"hello")

    async def test_a_place_is_held_while_the_connection_lives(self) -> None:
        """S-OPS-4: the limit of a back end counts connections, not log-ons; one that ends makes room."""
        limits = LimitsSection(connections_per_back_end=2, back_end_queue_time=0.0)
        self.dialer.table = BackEndTable(limits, reactor.seconds)
        port = await self.listen(_BackEnd(b"hello"))
        peers = [await self.dial(port) for _ in range(2)]
        self.assertIs(await self.refusal(port), TOO_MANY_AT_BACK_END)
        await self.close(peers[0])
        await self.dial(port)
        self.assertIs(await self.refusal(port), TOO_MANY_AT_BACK_END)

    async def test_an_attempt_that_is_given_up_frees_its_place(self) -> None:
        """S-OPS-4: a client that goes away while its connection is made leaves nothing behind."""
        self.dialer.table = BackEndTable(LimitsSection(connections_per_back_end=1), reactor.seconds)
        port = await self.listen(_BackEnd())  # silent: the handshake hangs
        service = Service(port, "implicit")
        relay = Relay(Server("CHICAGO", "chicago", "127.0.0.1", imap4=service), service, "typed")
        for _ in range(3):
            dialled = self.dialer.dial(relay, "imap4", self.factory())
            await deferLater(reactor, 0.05)
            dialled.cancel()
            self.failureResultOf(dialled)
        (place,) = [self.dialer.table.take("CHICAGO", "imap4", 143)]
        place.free()

    async def test_start_tls_is_verified(self) -> None:
        """S-MAIL-2, S-ROUTE-8: TLS begun on a plain connection is verified like any other."""
        self.assertIsNone(await self.start_tls(self.authority.issue("chicago")))
        for certificate, found in (
            (self.authority.issue("dallas"), "name wanted=chicago found=dallas"),
            (self.authority.issue("chicago", expired=True), "expired wanted=chicago found=chicago"),
        ):
            refused = await self.start_tls(certificate)
            assert refused is not None
            self.assertIs(refused.reason, BACK_END_CERTIFICATE)
            self.assertIn(f"TLS: {found} ", refused.detail)

    async def test_start_tls_that_hangs_is_a_slow_login(self) -> None:
        """S-ROUTE-12: the server was reached: it is not left alone for that."""
        self.patch(__import__("exfront.limits", fromlist=["limits"]), "BACK_END_TLS_TIME", 0.2)
        port = await self.listen(_BackEnd(b"go"))
        peer = await self.dial(port, "starttls")
        await peer.answered
        service = Service(port, "starttls")
        relay = Relay(Server("CHICAGO", "chicago", "127.0.0.1", imap4=service), service, "typed")
        with self.assertRaises(Refused) as caught:
            await self.dialer.start_tls(relay, peer)
        self.assertIs(caught.exception.reason, BACK_END_LOGIN_TIMEOUT)

    async def start_tls(self, certificate: Path) -> Refused | None:
        back_end = _BackEnd(b"go")
        port = await self.listen(back_end)
        peer = await self.dial(port, "starttls")
        await peer.answered
        options = server_options(certificate, None)
        back_end.peers[0].transport.startTLS(options)  # type: ignore[union-attr]
        service = Service(port, "starttls")
        relay = Relay(Server("CHICAGO", "chicago", "127.0.0.1", imap4=service), service, "typed")
        try:
            await self.dialer.start_tls(relay, peer)
        except Refused as refused:
            return refused
        peer.transport.write(b"over TLS")  # type: ignore[union-attr]
        await deferLater(reactor, 0.05)
        self.assertEqual(back_end.peers[0].heard, b"over TLS")
        return None


class LeanDialTests(DialTests):
    """On lean ones."""

    def transports(self) -> Transports:
        return LeanTransports(reactor)
