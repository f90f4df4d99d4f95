"""What every make of transports does where TLS is spoken."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import ssl
import subprocess
import time
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.ssl import CertificateOptions
from twisted.internet.threads import deferToThread

from exfront.net.tls import client_options, server_options
from tests.net.transports.probe import HalfProbe, OneProbe, Peer, Probe, SecureSocket, Source, turns, until
from tests.net.transports.table import BIG, Make, StreamCases
from tests.support.authority import Authority

reactor: Any = the_reactor

_UPDATES = 4
_ALERT_OR_CLOSED = (ssl.SSLError, ConnectionResetError, OSError)


class SecureMake(Make):
    """Pairs where one end is the make's, and the other is OpenSSL's own client or server."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = Authority(folder)
        self.certificate = self.authority.issue("mail", ["127.0.0.1"])

    @property
    def options(self) -> CertificateOptions:
        """Of the make as a server."""
        return server_options(self.certificate, None, (b"http/1.1",))

    def client_context(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """Of the other end as a client."""
        context = ssl.create_default_context(cafile=str(self.authority.ca_file))
        context.maximum_version = version
        return context

    def server_context(self, certificate: Path | None = None) -> ssl.SSLContext:
        """Of the other end as a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate or self.certificate)
        return context

    def serve_secure(self, *probes: Any) -> tuple[str, int]:
        """The make listens, with TLS at once."""
        with self.listening() as listening:
            address: tuple[str, int] = listening.getsockname()
            port = self.transports().listen(listening, OneProbe(*probes), self.options)
        self.addCleanup(port.stopListening)
        return address

    def secure(self, plain: ssl.SSLSocket) -> Peer:
        """The other end, after its handshake."""
        plain.setblocking(False)
        self.addCleanup(plain.close)
        return Peer(reactor, SecureSocket(plain))

    async def taken(self, probe: Any, context: ssl.SSLContext | None = None) -> Peer:
        """A connection that the make took, after the handshake."""
        address = self.serve_secure(probe)

        def connect() -> ssl.SSLSocket:
            plain = socket.create_connection(address, 10)
            return (context or self.client_context()).wrap_socket(plain, server_hostname="mail")

        peer = self.secure(await deferToThread(connect))
        await until(reactor, lambda: "secure" in probe.events, "the handshake")
        probe.events.remove("secure")
        return peer

    async def called(self, probe: Any) -> Peer:
        """A connection that the make made, after the handshake."""
        listening = self.listening()
        options = client_options("mail", str(self.authority.ca_file))
        await self.transports().connect(*listening.getsockname(), 5.0, OneProbe(probe), options)
        peer = self.secure(await deferToThread(self.accept, listening))
        await until(reactor, lambda: "secure" in probe.events, "the handshake")
        probe.events.remove("secure")
        return peer

    def accept(self, listening: socket.socket, certificate: Path | None = None) -> ssl.SSLSocket:
        """The other end's part of a handshake; in a thread."""
        plain, _ = listening.accept()
        plain.settimeout(10)
        return self.server_context(certificate).wrap_socket(plain, server_side=True)


class SecureCases(SecureMake, StreamCases):
    """The streams of the clear, and what is TLS's own."""

    async def test_it_has_the_interface(self) -> None:
        probe = Probe()
        await self.pair(probe)
        line = probe.line
        self.assertTrue(ISSLTransport.providedBy(line) or hasattr(line, "getPeerCertificate"))
        await self.finish(probe)

    async def test_an_abort_drops_what_waits(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        probe.line.write(bytes(BIG))
        probe.line.abortConnection()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual(probe.events, ["lost"])
        with contextlib.suppress(*_ALERT_OR_CLOSED):
            self.assertLess(len(await peer.end()), BIG)

    async def test_a_peer_that_reads_only_when_it_has_written(self) -> None:
        """Both have much to say: whoever waits for the other to read must not do so for ever."""
        probe = Probe()
        peer = await self.pair(probe)
        probe.line.write(bytes(BIG))
        await turns(reactor)
        await peer.write(bytes(BIG))
        self.assertEqual(len(await peer.read(BIG)), BIG)
        await until(reactor, lambda: len(probe.data) == BIG, "all that was written")
        await self.finish(probe)

    async def test_the_peers_orderly_end(self) -> None:
        """S-TLS-7: close_notify is a clean end."""
        probe = HalfProbe()
        peer = await self.pair(probe)
        await peer.write(b"last")
        closing = deferToThread(_unwrap, peer.socket.secure)
        await until(reactor, lambda: probe.lost, "the end")
        await closing
        self.assertEqual((bytes(probe.data), probe.lost, probe.events), (b"last", "ConnectionDone", ["lost"]))

    async def test_an_end_without_close_notify(self) -> None:
        """S-TLS-7: a FIN alone is no clean end.

        Bad input: TLS: an end without close_notify.
        """
        probe = HalfProbe()
        peer = await self.pair(probe)
        await peer.write(b"last")
        peer.end_writing()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((bytes(probe.data), probe.lost, probe.events), (b"last", "ConnectionLost", ["lost"]))

    async def test_the_end_behind_much(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        sent = os.urandom(BIG // 2)
        probe.on_data = lambda line, data: (line.pauseProducing(), reactor.callLater(0, line.resumeProducing))[0]
        await peer.write(sent)
        peer.end_writing()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((probe.lost, bytes(probe.data) == sent), ("ConnectionLost", True))

    async def test_garbage_within_a_session(self) -> None:
        """Bad input: TLS: plain text and garbage."""
        probe = Probe()
        peer = await self.pair(probe)
        raw = socket.socket(fileno=os.dup(peer.socket.secure.fileno()))
        self.addCleanup(raw.close)
        raw.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        await until(reactor, lambda: probe.lost, "the end")
        self.assertIs(type(probe.reason.value), SSL.Error)  # type: ignore[union-attr]

    async def test_a_truncated_record(self) -> None:
        """Bad input: TLS: a truncated record."""
        probe = Probe()
        peer = await self.pair(probe)
        raw = socket.socket(fileno=os.dup(peer.socket.secure.fileno()))
        raw.send(b"\x17\x03\x03\x40\x00" + bytes(100))
        raw.shutdown(socket.SHUT_RDWR)
        raw.close()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual(probe.lost, "ConnectionLost")

    async def test_records_in_small_pieces(self) -> None:
        """One octet of a record at a time: nothing hides, nothing is lost."""
        probe = Probe()
        peer = await self.pair(probe)
        incoming, outgoing = peer.socket.secure, b"z" * 5000
        await peer.write(outgoing)
        await until(reactor, lambda: len(probe.data) == 5000, "the octets")
        incoming.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
        await peer.write(outgoing * 20)
        await until(reactor, lambda: len(probe.data) == 105_000, "the octets")
        await self.finish(probe)


class SecureListeningCases(SecureMake):
    """Handshakes of clients."""

    async def test_both_versions(self) -> None:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            probe = Probe()
            probe.on_data = lambda line, data: line.write(data)
            peer = await self.taken(probe, self.client_context(version))
            sent = os.urandom(BIG // 4)
            done = Deferred.fromCoroutine(peer.write(sent))
            self.assertEqual(await peer.read(len(sent)), sent)
            await done
            await self.finish(probe)

    async def test_alpn(self) -> None:
        probe = Probe()
        context = self.client_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        await self.taken(probe, context)
        self.assertEqual(probe.line.negotiatedProtocol, b"http/1.1")
        await self.finish(probe)

    async def test_written_before_the_handshake(self) -> None:
        """A greeting waits for TLS, and goes out in it."""
        probe = Probe()
        probe.on_made = lambda line: line.write(b"* OK hello\r\n")
        peer = await self.taken(probe)
        self.assertEqual(await peer.read(12), b"* OK hello\r\n")
        await self.finish(probe)

    async def test_plain_text_and_garbage(self) -> None:
        """S-TLS-6: the end of that connection, and of no other.

        Bad input: TLS: plain text and garbage.
        """
        for opening in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"a LOGIN alice secret\r\n",
            os.urandom(600),
            b"\x16\x03\x01\xff\xff",
        ):
            good, bad = Probe(), Probe()
            good_peer = await self.taken(good)
            address = self.serve_secure(bad)
            with socket.create_connection(address) as plain:
                plain.send(opening)
                plain.shutdown(socket.SHUT_WR)
                await until(reactor, lambda bad=bad: bad.lost, "the end")
            self.assertEqual(bytes(bad.data), b"")
            good.line.write(b"still here")
            self.assertEqual(await good_peer.read(10), b"still here")
            await self.finish(good)

    async def test_a_handshake_that_stops(self) -> None:
        """Octet by octet and then silence: the owner's deadline ends it."""
        probe = Probe()
        address = self.serve_secure(probe)
        plain = self.bare(socket.create_connection(address))
        hello = _client_hello(self.client_context())
        for octet in hello[:-1]:
            await plain.write(bytes([octet]))
        await turns(reactor)
        self.assertEqual((probe.made, probe.events), (True, []))
        probe.line.abortConnection()
        await until(reactor, lambda: probe.lost, "the end")
        with self.assertRaises(ConnectionResetError):
            await plain.end()

    async def test_gone_within_the_handshake(self) -> None:
        """Bad input: RST in every state."""
        for reset in (False, True):
            probe = Probe()
            plain = self.bare(socket.create_connection(self.serve_secure(probe)))
            await plain.write(_client_hello(self.client_context())[:100])
            await until(reactor, lambda probe=probe: probe.made, "the connection")
            if reset:
                plain.reset()
            else:
                plain.socket.close()
            await until(reactor, lambda probe=probe: probe.lost, "the end")
            self.assertEqual(probe.lost, "ConnectionLost")

    async def test_closed_within_the_handshake(self) -> None:
        probe = Probe()
        plain = self.bare(socket.create_connection(self.serve_secure(probe)))
        await until(reactor, lambda: probe.made, "the connection")
        probe.line.loseConnection()
        await until(reactor, lambda: probe.lost, "the end")
        with self.assertRaises(ConnectionResetError):
            await plain.end()

    async def test_refused_by_the_factory(self) -> None:
        """S-OPS-4: not an octet, also of TLS."""
        peer = self.bare(socket.create_connection(self.serve_secure()))
        self.assertEqual(await peer.end(), b"")

    async def test_start_tls(self) -> None:
        """In the clear first, then TLS on the same connection."""
        probe = Probe()
        _, address, _ = self.serve(probe)
        options = self.options

        def start(line: Any, data: bytes) -> None:
            probe.on_data = lambda line, data: line.write(data)
            line.write(b"go\r\n")
            line.startTLS(options)

        probe.on_data = start

        def talk() -> tuple[bytes, bytes]:
            with socket.create_connection(address, 10) as plain:
                plain.sendall(b"STARTTLS\r\n")
                told = plain.recv(4)
                with self.client_context().wrap_socket(plain, server_hostname="mail") as secure:
                    secure.sendall(b"secret")
                    return told, secure.recv(6)

        self.assertEqual(await deferToThread(talk), (b"go\r\n", b"secret"))
        self.assertEqual(bytes(probe.data), b"STARTTLS\r\nsecret")
        self.assertTrue(ISSLTransport.providedBy(probe.line))
        await self.finish(probe)

    async def test_key_update_under_load(self) -> None:
        """RFC 8446 section 4.6.3: keys change in the middle, both ways; OpenSSL has to write where it reads.

        Bad input: TLS: new keys under load.
        """
        probe = Probe()
        address = self.serve_secure(probe)
        client = deferToThread(_key_updates, address, self.authority.ca_file, BIG)
        await until(reactor, lambda: probe.events, "the handshake")
        source = Source(probe.line, b"\xfe" * 65536, BIG // 65536, reactor)
        source.start()
        await client
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual(bytes(probe.data), b"line\n" * _UPDATES)

    async def test_renegotiation(self) -> None:
        """S-TLS-1: a client that begins TLS anew within TLS 1.2 gets no second handshake.

        Bad input: TLS: renegotiation.
        """
        probe = Probe()
        address = self.serve_secure(probe)
        refused = await deferToThread(_renegotiates, address)
        self.assertIn("no renegotiation", refused)
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((bytes(probe.data), probe.events), (b"before", ["secure", "lost"]))

    async def test_octets_behind_the_clients_hello(self) -> None:
        """What comes in the same segment as the end of the handshake is read."""
        probe = Probe()
        peer = await self.taken(probe, self.client_context(ssl.TLSVersion.TLSv1_2))
        await peer.write(b"first")
        await until(reactor, lambda: len(probe.data) == 5, "the octets")
        await self.finish(probe)


class SecureConnectingCases(SecureMake):
    """Handshakes with servers."""

    async def fails(self, host: str, certificate: Path) -> Any:
        """The failure that the protocol hears."""
        listening = self.listening()
        probe = Probe()
        probe.on_made = lambda line: line.write(b"secret")
        options = client_options(host, str(self.authority.ca_file))
        await self.transports().connect(*listening.getsockname(), 5.0, OneProbe(probe), options)
        heard: list[bytes] = []

        def serve() -> None:
            try:
                with self.accept(listening, certificate) as secure:
                    heard.append(secure.recv(100))
            except _ALERT_OR_CLOSED:
                pass

        done = deferToThread(serve)
        await until(reactor, lambda: probe.lost, "the end")
        await done
        self.assertEqual((probe.events, [each for each in heard if each]), (["lost"], []))
        return probe.reason.value  # type: ignore[union-attr]

    async def test_a_wrong_name(self) -> None:
        """S-ROUTE-8: nothing is sent to a server whose certificate is for another name."""
        error = await self.fails("chicago", self.certificate)
        self.assertEqual(type(error).__name__, "VerificationError")
        error = await self.fails("192.0.2.1", self.certificate)
        self.assertEqual(type(error).__name__, "VerificationError")

    async def test_an_unknown_authority_and_an_expired_certificate(self) -> None:
        """S-ROUTE-8."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for certificate in (Authority(folder).issue("mail"), self.authority.issue("mail", expired=True)):
            error = await self.fails("mail", certificate)
            self.assertIn("certificate verify failed", str(error.args))

    async def test_an_address_for_a_name(self) -> None:
        probe = Probe()
        listening = self.listening()
        options = client_options("127.0.0.1", str(self.authority.ca_file))
        await self.transports().connect(*listening.getsockname(), 5.0, OneProbe(probe), options)
        self.secure(await deferToThread(self.accept, listening))
        await until(reactor, lambda: probe.events == ["secure"], "the handshake")
        await self.finish(probe)

    async def test_start_tls(self) -> None:
        probe = Probe()
        listening = self.listening()
        options = client_options("mail", str(self.authority.ca_file))
        await self.transports().connect(*listening.getsockname(), 5.0, OneProbe(probe))
        probe.line.startTLS(options)
        probe.line.write(b"first")
        peer = self.secure(await deferToThread(self.accept, listening))
        self.assertEqual(await peer.read(5), b"first")
        source = Source(probe.line, os.urandom(16384), BIG // 16384, reactor)
        source.start()
        self.assertEqual(await peer.read(BIG), source.piece * (BIG // 16384))
        await self.finish(probe)


def _key_updates(address: tuple[str, int], ca_file: Path, octets: int) -> None:
    """Read so many octets of 254 with OpenSSL's own client, which asks for new keys and says a line in between."""
    command = ["openssl", "s_client", "-brief", "-CAfile", str(ca_file), "-connect", "{}:{}".format(*address)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, bufsize=0) as client:
        assert client.stdin is not None and client.stdout is not None
        try:
            for number in itertools.count():
                piece = os.read(client.stdout.fileno(), 65536)
                octets -= piece.count(254)
                if octets <= 0 or not piece:
                    break
                if number % 8 == 0 and number < 8 * 2 * _UPDATES:  # alone in a read of its own it is a command
                    client.stdin.write(b"line\n" if number % 16 else b"K\n")
                    time.sleep(0.01)
        finally:
            client.kill()
    assert octets == 0, f"{octets} octets did not come"


def _unwrap(secure: ssl.SSLSocket) -> None:
    secure.settimeout(10)
    secure.unwrap().close()


def _client_hello(context: ssl.SSLContext) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="mail").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def _renegotiates(address: tuple[str, int]) -> str:
    """The client's part: what OpenSSL says of the second handshake, or nothing."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    with socket.create_connection(address, 10) as plain:
        plain.setblocking(True)
        client = SSL.Connection(context, plain)
        client.set_connect_state()
        client.do_handshake()
        client.sendall(b"before")
        client.renegotiate()
        try:
            client.do_handshake()
        except SSL.Error as error:
            return str(error)
    return ""
