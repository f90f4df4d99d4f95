"""STARTTLS on real sockets, to the client and to the back end: TLS in memory is not TLS."""

from __future__ import annotations

import imaplib
import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ServerFactory
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from exfront.backends.allowed import AllowList
from exfront.backends.dial import Dialer
from exfront.config.kinds import HostPort
from exfront.config.listener import ListenerSection
from exfront.mail.back_end import BackEnd
from exfront.mail.kinds import IMAP4
from exfront.mail.protocol import MailProtocol
from exfront.net.lean.transports import LeanTransports
from exfront.net.tls import server_options
from exfront.net.transports import Transports, TwistedTransports
from exfront.topology import Service
from tests.support.authority import Authority
from tests.support.scripted_server import ScriptedServer
from tests.support.steps import SmallWorld, server

reactor: Any = the_reactor
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


class StartTlsTests(TestCase):
    """exfront on one port, a scripted back end on another; both want STARTTLS. On Twisted's transports."""

    timeout = 30

    def transports(self) -> Transports:
        return TwistedTransports(reactor)

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        authority = Authority(folder)
        self.certificate = authority.issue("mail.fourthcoffee.com", ["127.0.0.1"])
        self.ca_file = str(authority.ca_file)
        self.back_end = ScriptedServer("127.0.0.1")
        self.addCleanup(self.back_end.stop)
        self.heard: list[bytes] = []
        self.gone: Deferred[None] = Deferred()
        lost = BackEnd.connectionLost

        def connection_lost(back_end: BackEnd, reason: Failure) -> None:
            lost(back_end, reason)
            self.gone.callback(None)

        self.patch(BackEnd, "connectionLost", connection_lost)

    async def listen(self) -> Any:
        """Start exfront's listener."""
        service = Service(self.back_end.port, "starttls")
        home = server("chicago", host="mail.fourthcoffee.com", address="127.0.0.1", imap4=service, ca_file=self.ca_file)
        world = SmallWorld(servers=(home,))
        world.steps.dialer = self.dialer = Dialer(
            self.transports(), reactor, world.limits, AllowList(LOOPBACK), world.back_ends
        )
        listener = ListenerSection("imap4", HostPort("127.0.0.1", 0), "starttls")
        tls = server_options(self.certificate, None)
        factory = ServerFactory()
        factory.buildProtocol = lambda address: MailProtocol(  # type: ignore[method-assign, assignment]
            IMAP4, world.admit("imap4"), world.steps, listener, world.limits, reactor, tls
        )
        self.world = world
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            return self.transports().listen(listening, factory)

    def behave(self, after_go: bytes = b"") -> None:
        """The back end's part; `after_go` follows its OK to STARTTLS in the same packet, in clear."""

        def behaviour(connection: socket.socket) -> None:
            connection.sendall(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n")
            self.heard.append(connection.recv(4096))
            connection.sendall(b"S OK go\r\n" + after_go)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            with context.wrap_socket(connection, server_side=True) as secure:
                for answer in (b"* CAPABILITY IMAP4rev1\r\nC OK\r\n", b"L OK [CAPABILITY A] in\r\n"):
                    self.heard.append(secure.recv(4096))
                    for octet in answer:
                        secure.sendall(bytes([octet]))
                self.heard.append(_whole_line(secure))  # an end before all of it was read would be a reset
                secure.sendall(b"* BYE\r\n" + self.heard[-1].split()[0] + b" OK\r\n")
                secure.recv(4096)

        self.back_end.behaviour = behaviour

    def log_on(self, port: int) -> tuple[str, str]:
        """A client's part: its answers to LOGIN and LOGOUT."""
        context = ssl.create_default_context(cafile=self.ca_file)
        with imaplib.IMAP4("127.0.0.1", port, timeout=10) as client:
            client.starttls(context)
            try:
                answer = client.login("alice", "secret-alice")[1][0]
            except imaplib.IMAP4.error as error:
                return str(error), ""
            return answer.decode(), client.logout()[0]

    async def test_log_on_under_tls_on_both_sides(self) -> None:
        """S-MAIL-1, S-MAIL-2: no password goes before TLS, on either side."""
        self.behave()
        port = await self.listen()
        self.addCleanup(port.stopListening)
        answers = await deferToThread(self.log_on, port.getHost().port)
        self.assertEqual(answers, ("[CAPABILITY A] Logged on.", "BYE"))
        self.assertEqual(
            self.heard[:3], [b"S STARTTLS\r\n", b"C CAPABILITY\r\n", b'L LOGIN "alice" "secret-alice"\r\n']
        )
        await self.closed()

    async def test_octet_by_octet(self) -> None:
        """S-MAIL-6: segments and records of one octet each, from the client and from the back end.

        Bad input: a connection that brings one octet at a time.
        """
        self.behave()
        port = await self.listen()
        self.addCleanup(port.stopListening)
        answers = await deferToThread(self.log_on_slowly, port.getHost().port)
        self.assertEqual(answers, [b"s OK Begin TLS now.\r\n", b"a OK [CAPABILITY A] Logged on.\r\n", b"* BYE\r\n"])
        await self.closed()

    def log_on_slowly(self, port: int) -> list[bytes]:
        """A client's part: its answers to STARTTLS, LOGIN and LOGOUT."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _lines(plain, b"", b"* OK")
            answers = [_lines(plain, b"s STARTTLS\r\n", b"s ")]
            with context.wrap_socket(plain) as secure:
                answers.append(_lines(secure, b'a LOGIN "alice" {12+}\r\nsecret-alice\r\n', b"a "))
                answers.append(_lines(secure, b"b LOGOUT\r\n", b"* BYE"))
        return answers

    async def test_what_the_back_end_says_in_clear_before_tls_ends_it(self) -> None:
        """S-MAIL-2: bytes after the OK line: unavailable, and no LOGIN is seen."""
        self.behave(b"C OK\r\n")
        port = await self.listen()
        self.addCleanup(port.stopListening)
        answer, _ = await deferToThread(self.log_on, port.getHost().port)
        self.assertIn("[UNAVAILABLE]", answer)
        self.assertEqual(self.heard, [b"S STARTTLS\r\n"])
        await self.closed()

    async def closed(self) -> None:
        """The session is over, and both its connections are closed."""
        over: Deferred[None] = Deferred()
        self.world.sessions.drain(lambda: over.callback(None))
        await over
        await self.gone


class LeanStartTlsTests(StartTlsTests):
    """On lean ones."""

    def transports(self) -> Transports:
        return LeanTransports(reactor)


def _whole_line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += (octets := connection.recv(4096))
        if not octets:
            break
    return line


def _lines(connection: socket.socket, said: bytes, beginning: bytes) -> bytes:
    """Say it in pieces of one octet; the first line of the answer, which must begin so."""
    for octet in said:
        connection.sendall(bytes([octet]))
    line = b""
    while not line.endswith(b"\n"):
        line += (octets := connection.recv(1))
        assert octets, line
    assert line.startswith(beginning), line
    return line
