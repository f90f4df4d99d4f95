"""The rules of TLS by number, at every kind of listener of the running process, as openssl and Python see them."""

from __future__ import annotations

import socket
import ssl
import subprocess
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Conversation
from tests.support.exfront import ExFront
from tests.support.mail_site import LISTENERS, PUBLIC_NAME, shared
from tests.support.openssl import Seen, s_client
from tests.support.process import program, temporary_folder, wait_until

IMPLICIT = ("imaps", "pop3s", "https")
STARTTLS = {"imap": "imap", "pop3": "pop3"}  # by listener: what openssl calls it
ALPN = {"imaps": "imap", "pop3s": "pop3", "https": "http/1.1"}
OTHER_NAME = "other.fourthcoffee.com"


def early_data(session: Path) -> set[str]:
    """How many octets of 0-RTT a kept session allows."""
    command = [program("openssl", "openssl"), "sess_id", "-in", str(session), "-noout", "-text"]
    text = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return {line.partition(":")[2].strip() for line in text.splitlines() if "Max Early Data" in line} or {"0"}


@cache
def _running(transports: str) -> tuple[ExFront, Path]:
    """A front end with all kinds of listeners, until the process ends, and the certificate that one of them has."""
    site = shared()
    own = Path(temporary_folder("own")) / "own.pem"
    own.write_bytes(site.authority.issue(OTHER_NAME).read_bytes())
    own.chmod(0o600)
    certificates = {"protocol": "imap4", "tls": "implicit", "certificates": [str(own), str(site.certificate)]}
    front = site.exfront({**LISTENERS, "own": certificates}, process={"transports": transports})
    front.start()
    return front, own


class _Case(SynchronousTestCase):
    transports = "lean"

    def setUp(self) -> None:
        self.site = shared()
        self.front, self.own = _running(self.transports)
        self.ca = ("-CAfile", str(self.site.authority.ca_file), "-verify_return_error", "-verify_hostname", PUBLIC_NAME)

    def ask(self, listener: str, *options: str, said: bytes = b"") -> Seen:
        """One connection of openssl's."""
        starttls = ("-starttls", STARTTLS[listener]) if listener in STARTTLS else ()
        return s_client(self.front.at(listener), *starttls, *options, said=said)


class TransportTests(_Case):
    """What a make of transports could do otherwise."""

    def test_versions(self) -> None:
        """S-TLS-1: 1.2 and 1.3 are spoken; older ones get the alert protocol_version, and a line in the log."""
        for listener in (*IMPLICIT, *STARTTLS):
            for option, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
                seen = self.ask(listener, option, "-servername", PUBLIC_NAME, *self.ca)
                self.assertTrue(seen.connected, seen.text)
                self.assertIn(f"New, {version}, Cipher is ", seen.text)
                self.assertIn("Verify return code: 0 (ok)", seen.text)
            for option in ("-tls1", "-tls1_1"):
                seen = self.ask(listener, option, "-cipher", "ALL:@SECLEVEL=0")
                self.assertFalse(seen.connected, (listener, option, seen.text))
                self.assertRegex(seen.text, "alert protocol version|no protocols available")
        self.front.settle()
        self.assertIn("XF-BAD-INPUT", {line["x-reason"] for line in self.front.access_lines()})

    def test_application_protocols(self) -> None:
        """S-TLS-3: its own is chosen, also among others; only others are an alert; none is fine."""
        for listener, own in ALPN.items():
            for offers in (own, f"h2,{own}", f"{own},ftp"):
                self.assertIn(f"ALPN protocol: {own}", self.ask(listener, "-alpn", offers).text)
            for offers in ("h2", *(name for name in ALPN.values() if name != own)):
                seen = self.ask(listener, "-alpn", offers)
                self.assertFalse(seen.connected, (listener, offers, seen.text))
                self.assertIn("no application protocol", seen.text)
            self.assertIn("No ALPN negotiated", self.ask(listener).text)
        self.assertIn("ALPN protocol: imap", self.ask("imap", "-alpn", "imap").text)

    def test_clear_text_on_a_tls_port(self) -> None:
        """S-TLS-6: no greeting, no answer, at most an alert of TLS."""
        for listener, words in (("imaps", b"a LOGIN alice secret\r\n"), ("pop3s", b"USER alice\r\n"),
                                ("https", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")):  # fmt: skip
            with Conversation(self.front.at(listener)) as talk:
                talk.send(words)
                answer = talk.rest()
            self.assertTrue(answer == b"" or answer.startswith(b"\x15\x03"), answer)

    def resumed(self, at: str, session: Path, *options: str) -> bool:
        """Whether a session that was kept in `session` is resumed at a listener."""
        return "Reused, " in self.ask(at, "-sess_in", str(session), *options).text

    def test_sessions(self) -> None:
        """S-TLS-7: a ticket is of the listener that gave it, by TLS 1.2 and 1.3; elsewhere all is said anew."""
        folder = Path(temporary_folder("sessions"))
        for number, version in enumerate(("-tls1_2", "-tls1_3")):
            session = folder / f"{number}.session"
            said = b"a LOGOUT\n"  # TLS 1.3 gives its tickets behind the handshake
            self.assertIn("New, ", self.ask("imaps", version, "-sess_out", str(session), "-ign_eof", said=said).text)
            self.assertTrue(self.resumed("imaps", session, version))
            for elsewhere in ("pop3s", "own", "https"):
                seen = self.ask(elsewhere, version, "-sess_in", str(session))
                self.assertTrue(seen.connected, seen.text)
                self.assertNotIn("Reused, ", seen.text)
            self.assertEqual(early_data(session), {"0"})

    def test_a_handshake_that_does_not_end(self) -> None:
        """S-HTTP-24, S-TLS-1: half a ClientHello is cut; a wrong one is an alert, and nobody else notices."""
        with socket.create_connection(self.front.at("imaps"), 10) as half:
            half.sendall(b"\x16\x03\x01\x02\x00\x01")
            context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
            other = socket.create_connection(self.front.at("imaps"), 10)
            with context.wrap_socket(other, server_hostname=PUBLIC_NAME) as tls:
                self.assertTrue(tls.recv(100).startswith(b"* OK"))


class TwistedTransportTests(TransportTests):
    """The same on Twisted's."""

    transports = "twisted"


class TlsTests(_Case):
    """All the rest."""

    def test_ciphers(self) -> None:
        """S-TLS-1: without forward secrecy, or without authenticated encryption, there is no handshake."""
        for suite in ("AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256", "NULL", "aNULL"):
            seen = self.ask("imaps", "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0")
            self.assertFalse(seen.connected, (suite, seen.text))
        seen = self.ask("pop3s", "-tls1_2", "-cipher", "ECDHE+AESGCM")
        self.assertRegex(seen.text, "Cipher is ECDHE-(RSA|ECDSA)-AES...-GCM-SHA...")
        self.assertEqual(seen.value("Compression"), "NONE")

    def test_a_client_begins_no_renegotiation(self) -> None:
        """S-TLS-1: openssl's R is refused, and ends that connection alone."""
        with Conversation(self.front.at("imap-clear")) as other:
            other.until(b"* OK")
            seen = self.ask("imaps", "-tls1_2", said=b"R\n")
            self.assertIn("RENEGOTIATING", seen.text)
            self.assertNotIn("Verify return code: 0 (ok)\n---\nRENEGOTIATING\ndepth", seen.text)
            self.assertRegex(seen.text, "no renegotiation|handshake failure|unexpected|error")
            self.assertIn(b"a OK", other.ask(b"a NOOP"))

    def test_certificates_of_a_listener(self) -> None:
        """S-TLS-4: its own, the first where no name is known, the other by its name; others have those of [tls]."""
        for name, shown in (("", OTHER_NAME), ("unknown.example", OTHER_NAME), (PUBLIC_NAME, PUBLIC_NAME)):
            option = ("-servername", name) if name else ("-noservername",)
            self.assertIn(f"CN = {shown}", self.ask("own", *option).text)
        self.assertIn(f"CN = {PUBLIC_NAME}", self.ask("imaps", "-servername", OTHER_NAME).text)

    def test_keys_of_tickets_change(self) -> None:
        """S-TLS-7: with each load of certificates; an old ticket is then good for a full handshake."""
        front = self.site.exfront(
            {"imaps": LISTENERS["imaps"]}, tls={"certificate": str(self.own)}, limits={"certificate_watch_time": 0.2}
        )
        self.addCleanup(front.stop)
        front.start()
        session = Path(temporary_folder("sessions")) / "session"
        s_client(front.at("imaps"), "-sess_out", str(session), "-ign_eof", said=b"a LOGOUT\n")
        self.assertIn("Reused, ", s_client(front.at("imaps"), "-sess_in", str(session)).text)
        self.own.touch()
        wait_until(lambda: "certificates loaded" in front.server_log(), "the load")
        self.assertNotIn("Reused, ", s_client(front.at("imaps"), "-sess_in", str(session)).text)

    def test_a_handshake_that_does_not_end(self) -> None:
        """S-HTTP-24, S-TLS-1: half a ClientHello is cut; a wrong one is an alert, and nobody else notices."""
        with socket.create_connection(self.front.at("imaps"), 10) as half:
            half.sendall(b"\x16\x03\x01\x02\x00\x01")
            context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
            other = socket.create_connection(self.front.at("imaps"), 10)
            with context.wrap_socket(other, server_hostname=PUBLIC_NAME) as tls:
                self.assertTrue(tls.recv(100).startswith(b"* OK"))
