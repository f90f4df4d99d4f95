"""Listening services on real loopback sockets."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from exfront.config.kinds import HostPort
from exfront.net.lean.transports import LeanTransports
from exfront.net.listeners import AdmittingFactory, ListenerService
from exfront.net.tls import client_options, server_options
from exfront.net.transports import Transports, TwistedTransports
from tests.support.authority import Authority

reactor: Any = the_reactor


class _Greeter(Protocol):
    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"hello")
        self.transport.loseConnection()


class _Reader(Protocol):
    def __init__(self) -> None:
        self.heard = b""
        self.over: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(self.heard)


class ListenerTests(TestCase):
    """On Twisted's transports."""

    timeout = 20

    def transports(self) -> Transports:
        return TwistedTransports(reactor)

    def listener(self, tls: CertificateOptions | None = None, admitted: bool = True, port: int = 0) -> ListenerService:
        self.asked: list[IAddress] = []

        def accept(address: IAddress) -> IProtocol | None:
            self.asked.append(address)
            return _Greeter() if admitted else None

        service = ListenerService(self.transports(), HostPort("127.0.0.1", port), AdmittingFactory(accept), tls)
        self.addCleanup(service.stopService)
        return service

    async def read(self, port: int, factory: Any = None) -> bytes:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port, timeout=5)
        reader = _Reader()
        if factory is None:
            await connectProtocol(endpoint, reader)
        else:
            await endpoint.connect(TLSMemoryBIOFactory(factory, True, Factory.forProtocol(lambda: reader)))  # type: ignore[arg-type]
        return await reader.over

    async def test_an_admitted_client_is_served(self) -> None:
        service = self.listener()
        service.privilegedStartService()
        service.startService()
        self.assertEqual(await self.read(service.bound_port()), b"hello")
        self.assertEqual(self.asked[0].host, "127.0.0.1")  # type: ignore[attr-defined]

    async def test_a_refused_client_gets_no_octet_not_even_of_tls(self) -> None:
        """S-OPS-4: over a limit the connection is closed before TLS."""
        folder = Path(self.mktemp())
        folder.mkdir()
        authority = Authority(folder)
        for tls in (None, server_options(authority.issue("mail"), None)):
            service = self.listener(tls, admitted=False)
            service.startService()
            self.assertEqual(await self.read(service.bound_port()), b"")

    async def test_implicit_tls(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        authority = Authority(folder)
        service = self.listener(server_options(authority.issue("mail"), None))
        service.startService()
        options = client_options("mail", str(authority.ca_file))
        self.assertEqual(await self.read(service.bound_port(), options), b"hello")

    def test_a_port_in_use_raises(self) -> None:
        """S-OPS-12: the start fails instead of going on without a listener."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            service = self.listener(port=other.getsockname()[1])
            self.assertRaises(CannotListenError, service.privilegedStartService)

    async def test_a_stopped_listener_takes_nobody(self) -> None:
        """S-OPS-7: listeners close at once when the service stops."""
        service = self.listener()
        service.startService()
        port = service.bound_port()
        await service.stopService()
        with self.assertRaises(Exception) as caught:
            await self.read(port)
        self.assertEqual(type(caught.exception).__name__, "ConnectionRefusedError")

    async def test_accepted_sockets_have_no_delay_and_keepalive(self) -> None:
        """S-MAIL-12: TCP keepalive on the client's leg, by what the accepted socket says."""
        options: list[int] = []

        class Looker(Protocol):
            def connectionMade(self) -> None:
                handle = self.transport.getHandle()  # type: ignore[union-attr]
                options.append(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
                options.append(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
                options.append(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                self.transport.loseConnection()  # type: ignore[union-attr]

        service = ListenerService(
            self.transports(), HostPort("127.0.0.1", 0), AdmittingFactory(lambda address: Looker())
        )
        self.addCleanup(service.stopService)
        service.startService()
        await self.read(service.bound_port())
        self.assertEqual(options, [1, 120, 1])


class LeanListenerTests(ListenerTests):
    """The same on lean ones."""

    def transports(self) -> Transports:
        return LeanTransports(reactor)
