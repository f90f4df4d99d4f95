"""The TLS policy, by handshakes with OpenSSL's own client."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor as the_reactor
from twisted.internet.protocol import Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from exfront.config.kinds import HostPort
from exfront.net.lean.transports import LeanTransports
from exfront.net.listeners import AdmittingFactory, ListenerService
from exfront.net.tls import client_options, server_options
from exfront.net.transports import Transports, TwistedTransports
from tests.support.authority import Authority

reactor: Any = the_reactor


class ServerOptionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = Authority(folder)

    def handshake(self, client: ssl.SSLContext) -> ssl.SSLObject:
        """Run a handshake in memory. Raises `ssl.SSLError` or `SSL.Error`."""
        options = server_options(self.authority.issue("mail"), None)
        server = SSL.Connection(options.getContext())
        server.set_accept_state()
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        wrapped = client.wrap_bio(to_client, to_server, server_hostname="mail")
        for _ in range(6):
            try:
                wrapped.do_handshake()
                return wrapped
            except ssl.SSLWantReadError:
                pass
            server.bio_write(to_server.read())
            try:
                server.do_handshake()
            except SSL.WantReadError:
                pass
            to_client.write(server.bio_read(1 << 16))
        raise AssertionError("no end of the handshake")

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.ca_file))

    def test_tls_12_and_13_are_spoken(self) -> None:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = self.client()
            client.minimum_version = client.maximum_version = version
            self.assertIn(self.handshake(client).version(), ("TLSv1.2", "TLSv1.3"))

    def test_older_versions_are_refused(self) -> None:
        """S-TLS-1: TLS 1.1 gets an alert."""
        client = self.client()
        client.set_ciphers("ALL:@SECLEVEL=0")
        client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_1
        self.assertRaises((ssl.SSLError, SSL.Error), self.handshake, client)

    def test_suites_without_forward_secrecy_or_aead_are_refused(self) -> None:
        """S-TLS-1: ECDHE and AEAD only."""
        for suites in ("ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256"):
            client = self.client()
            client.maximum_version = ssl.TLSVersion.TLSv1_2
            client.set_ciphers(suites)
            self.assertRaises((ssl.SSLError, SSL.Error), self.handshake, client)

    def test_files_that_hold_nothing_are_refused(self) -> None:
        empty = Path(self.mktemp())
        empty.write_bytes(b"")
        self.assertRaises(ValueError, server_options, empty, None)
        self.assertRaises(ValueError, client_options, "mail", str(empty))


class AlpnTests(TestCase):
    """Over a socket of Twisted's."""

    timeout = 20

    def transports(self) -> Transports:
        return TwistedTransports(reactor)

    async def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = Authority(folder)
        options = server_options(self.authority.issue("mail"), None, (b"http/1.1",))
        factory = AdmittingFactory(lambda address: Protocol())
        self.service = ListenerService(self.transports(), HostPort("127.0.0.1", 0), factory, options)
        self.service.startService()
        self.addCleanup(self.service.stopService)

    def negotiate(self, offered: list[str]) -> str | None:
        client = ssl.create_default_context(cafile=str(self.authority.ca_file))
        if offered:
            client.set_alpn_protocols(offered)
        with socket.create_connection(("127.0.0.1", self.service.bound_port()), timeout=5) as plain:
            with client.wrap_socket(plain, server_hostname="mail") as secure:
                return secure.selected_alpn_protocol()

    async def test_alpn_on_http_takes_http_1_1_alone(self) -> None:
        """S-TLS-3: with http/1.1 among the offers that is chosen; none offered is fine; h2 alone fails."""
        for offered, chosen in ((["h2", "http/1.1"], "http/1.1"), ([], None)):
            self.assertEqual(await deferToThread(self.negotiate, offered), chosen)
        with self.assertRaises(ssl.SSLError):
            await deferToThread(self.negotiate, ["h2"])


class LeanAlpnTests(AlpnTests):
    """Over a lean socket."""

    def transports(self) -> Transports:
        return LeanTransports(reactor)


class SourceTests(SynchronousTestCase):
    def test_no_context_is_built_by_hand(self) -> None:
        """S-TLS-2: contexts come from CertificateOptions; no callback says yes to all."""
        package = Path(__file__).parents[2] / "exfront"
        banned = ("ClientContextFactory", "DefaultOpenSSLContextFactory", "set_verify", "VERIFY_NONE", "SSL.Context(")
        found = [
            (str(file.relative_to(package)), word)
            for file in package.rglob("*.py")
            for word in banned
            if word in file.read_text("utf-8")
        ]
        # The one context compares a key with its certificate; nothing ever connects with it. The one
        # function that sets callbacks has two users: tests/net/transports/secure_table.py, tests/net/test_pins.py.
        self.assertEqual(sorted(found), [("config/files.py", "SSL.Context("), ("net/tls.py", "set_verify")])
