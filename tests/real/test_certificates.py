"""Certificates by name and renewed ones, through a running exfront."""

from __future__ import annotations

import http.client
import imaplib
import os
import shutil
import socket
import ssl
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.mail_site import DNS_DOMAIN, EXFRONT_ADDRESS, LIMITS, LISTENERS, PUBLIC_NAME, shared
from tests.support.process import temporary_folder, wait_until

WEST = f"webmail.west.{DNS_DOMAIN}"


class CertificateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared()
        folder = Path(temporary_folder("certificates"))
        self.mail, self.west = folder / "mail.pem", folder / "west.pem"
        shutil.copy(self.site.certificate, self.mail)
        shutil.copy(self.site.authority.issue(WEST), self.west)
        directory = {"path": "/public", "application": "public", "authentication": "anonymous", "server": "chicago"}
        sites = [
            {"name": "mail", "public_name": PUBLIC_NAME, "virtual_directory": [directory]},
            {"name": "west", "public_name": WEST, "virtual_directory": [directory]},
        ]
        self.front = self.site.exfront(
            {name: LISTENERS[name] for name in ("https", "imaps")},
            tls={"certificate": str(self.mail), "more_certificates": [str(self.west)]},
            virtual_site=sites,
            limits={**LIMITS, "certificate_watch_time": 0.2},
        )
        self.addCleanup(self.front.daemon.stop)
        self.front.start()
        self.context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))

    def names(self, connection: ssl.SSLSocket) -> set[str]:
        found = connection.getpeercert()
        assert found is not None
        return {str(value) for kind, value in found["subjectAltName"] if kind == "DNS"}

    def connected(self, listener: str, name: str) -> ssl.SSLSocket:
        """A connection on which TLS was asked for `name`, and got a certificate for it."""
        return self.context.wrap_socket(socket.create_connection(self.front.at(listener), 10), server_hostname=name)

    def ask(self, name: str, host: str) -> int:
        """The status of a GET where TLS is asked for `name` and the request for `host`."""
        connection = http.client.HTTPSConnection(*self.front.at("https"), context=self.context, timeout=10)
        connection.sock = self.connected("https", name)
        try:
            connection.request("GET", "/public/", headers={"Host": host})
            return connection.getresponse().status
        finally:
            connection.close()

    def test_each_site_shows_its_own(self) -> None:
        """S-TLS-4: and the name in TLS and the name in Host are of one site, or it is 421."""
        self.assertEqual((self.ask(PUBLIC_NAME, PUBLIC_NAME), self.ask(WEST, WEST)), (200, 200))
        self.assertEqual((self.ask(PUBLIC_NAME, WEST), self.ask(WEST, PUBLIC_NAME)), (421, 421))
        wait_until(lambda: len(self.front.access_lines()) == 4, "a line for each request")
        last = self.front.access_lines()[-1]
        self.assertEqual((last["x-reason"], last["sc-status"]), ("XF-HOST", "421"))

    def test_mail_clients_get_the_certificate_of_the_name_too(self) -> None:
        """S-TLS-4: verified by the client."""
        for name in (PUBLIC_NAME, WEST):
            with self.connected("imaps", name) as connection:
                self.assertIn(name, self.names(connection))
                self.assertTrue(connection.recv(100).startswith(b"* OK"))

    def test_a_renewed_certificate_is_shown_and_a_bad_one_is_not(self) -> None:
        """S-TLS-5: sessions live on."""
        host, port = self.front.at("imaps")
        context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        context.check_hostname = False
        with imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=10) as session:
            key = self.site.dallas.certificate.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0]
            wrong = self.mail.with_name("wrong")
            wrong.touch(mode=0o600)
            wrong.write_bytes(key + self.mail.read_bytes().partition(b"-----END PRIVATE KEY-----\n")[2])
            os.replace(wrong, self.mail)
            wait_until(lambda: "certificates not loaded" in self.front.server_log(), "the bad set is told")
            self.assertEqual(self.ask(PUBLIC_NAME, PUBLIC_NAME), 200)
            renewed = self.site.authority.issue(PUBLIC_NAME, [EXFRONT_ADDRESS], folder=self.mail.parent)
            os.replace(renewed, self.mail)
            wait_until(lambda: "certificates loaded" in self.front.server_log(), "the new one is loaded")
            with self.connected("imaps", PUBLIC_NAME) as connection:
                self.assertEqual(self.names(connection), {PUBLIC_NAME})
            self.assertEqual(session.noop()[0], "OK")
