"""Certificates that are chosen by name, and loaded again."""

from __future__ import annotations

import shutil
import socket
import ssl
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as the_reactor
from twisted.internet.protocol import Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from exfront.config.kinds import HostPort
from exfront.net.certificates import CertificateFiles, ServerCertificates, server_name
from exfront.net.lean.transports import LeanTransports
from exfront.net.listeners import AdmittingFactory, ListenerService
from exfront.net.transports import Transports, TwistedTransports
from tests.support.authority import Authority
from tests.support.transport import MemoryTransport

reactor: Any = the_reactor


class _Asked(Protocol):
    """Notes the name that its client asked for."""

    names: list[bytes | None]

    def __init__(self, names: list[bytes | None]) -> None:
        self.names = names

    def dataReceived(self, data: bytes) -> None:
        self.names.append(server_name(self.transport))
        cast(Any, self.transport).write(data)


class CertificateTests(TestCase):
    """On Twisted's transports."""

    timeout = 30

    def transports(self) -> Transports:
        return TwistedTransports(reactor)

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = Authority(folder)
        self.names: list[bytes | None] = []
        self.mail = self.authority.issue("mail.fourthcoffee.com")
        self.west = self.authority.issue("*.west.example")
        self.certificates = ServerCertificates([CertificateFiles(self.mail), CertificateFiles(self.west)])
        factory = AdmittingFactory(lambda address: _Asked(self.names))
        self.service = ListenerService(self.transports(), HostPort("127.0.0.1", 0), factory, self.certificates)
        self.service.startService()
        self.addCleanup(self.service.stopService)

    def shown(self, name: str | None) -> str:
        """The name in the certificate that a client sees that asks for `name`."""
        client = ssl.create_default_context(cafile=str(self.authority.ca_file))
        client.check_hostname = False
        with socket.create_connection(("127.0.0.1", self.service.bound_port()), timeout=5) as plain:
            with client.wrap_socket(plain, server_hostname=name) as secure:
                secure.sendall(b"x")
                secure.recv(1)
                found: Any = secure.getpeercert()
                return str(found["subject"][0][0][1])

    async def test_the_name_asked_for_chooses(self) -> None:
        """S-TLS-4: in any case, by wildcard for one label; an unknown name or none gets the first."""
        for name, shown in (
            ("mail.fourthcoffee.com", "mail.fourthcoffee.com"), ("a.west.example", "*.west.example"),
            ("A.WEST.Example", "*.west.example"), ("b.a.west.example", "mail.fourthcoffee.com"),
            ("west.example", "mail.fourthcoffee.com"), (None, "mail.fourthcoffee.com"),
        ):  # fmt: skip
            self.assertEqual(await deferToThread(self.shown, name), shown, name)
        self.assertEqual(self.names[:2] + self.names[-1:], [b"mail.fourthcoffee.com", b"a.west.example", None])

    async def test_new_files_are_shown_to_new_connections(self) -> None:
        """S-TLS-5: all of them, once they are loaded."""
        shutil.copy(self.authority.issue("new.fourthcoffee.com"), self.mail)
        self.assertEqual(await deferToThread(self.shown, "x.example"), "mail.fourthcoffee.com")
        self.certificates.load()
        self.assertEqual(await deferToThread(self.shown, "x.example"), "new.fourthcoffee.com")
        self.assertEqual(await deferToThread(self.shown, "a.west.example"), "*.west.example")

    async def test_files_that_hold_nothing_change_nothing(self) -> None:
        """S-TLS-5: not even what is right among them."""
        shutil.copy(self.authority.issue("new.fourthcoffee.com"), self.mail)
        self.west.write_bytes(b"")
        self.assertRaises(ValueError, self.certificates.load)
        self.assertEqual(await deferToThread(self.shown, None), "mail.fourthcoffee.com")
        self.assertEqual(await deferToThread(self.shown, "a.west.example"), "*.west.example")

    def test_without_tls_no_name_was_asked_for(self) -> None:
        self.assertIsNone(server_name(MemoryTransport(Protocol())))


class LeanCertificateTests(CertificateTests):
    """On lean ones."""

    def transports(self) -> Transports:
        return LeanTransports(reactor)
