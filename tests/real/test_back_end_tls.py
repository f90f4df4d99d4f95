"""The way to the back ends inside TLS: verified against name and authority, or not gone at all."""

from __future__ import annotations

import imaplib
import json
import poplib
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from exfront.net.pins import digests
from tests.support.authority import Authority
from tests.support.clients import basic, get, imap4_log_in, pop3_log_in
from tests.support.exfront import ExFront
from tests.support.mail_site import LISTENERS, MailboxServer, shared
from tests.support.process import wait_until

FRONT = {name: LISTENERS[name] for name in ("imap-clear", "pop3-clear", "http")}


def starttls(server: MailboxServer, **changes: object) -> dict[str, Any]:
    """A [[server]] whose IMAP4 and POP3 upgrade, and whose HTTP begins inside TLS."""
    return server.section(imap4_tls="starttls", pop3_tls="starttls", **https(server), **changes)


def implicit(server: MailboxServer, **changes: object) -> dict[str, Any]:
    """A [[server]] that speaks inside TLS only."""
    mail = {
        "imap4": server.dovecot.imaps,
        "pop3": server.dovecot.pop3s,
        "imap4_tls": "implicit",
        "pop3_tls": "implicit",
    }
    return server.section(**mail, **https(server), **changes)


def https(server: MailboxServer) -> dict[str, Any]:
    """The two keys of it."""
    return {"http": server.apache.https, "http_tls": "implicit"}


def pin(certificate: Path) -> str:
    """The public key in a PEM file, as tls_pin names it."""
    return f"sha256:{digests(x509.load_pem_x509_certificates(certificate.read_bytes())[0])[1].hex()}"


class BackEndTlsTests(SynchronousTestCase):
    """Each test runs a front end of its own."""

    def setUp(self) -> None:
        self.site = shared()
        self.users = {name: self.site.living_on(name)[7] for name in self.site.servers}

    def front(self, *servers: dict[str, Any], **changes: Any) -> ExFront:
        """Running, for these servers."""
        front = self.site.exfront(FRONT, server=list(servers), **changes)
        self.addCleanup(front.daemon.kill)
        front.start()
        return front

    def assert_works(self, front: ExFront) -> None:
        """For a user of each server, in each protocol."""
        for user in self.users.values():
            imap4_log_in(front.at("imap-clear"), user).logout()
            pop3_log_in(front.at("pop3-clear"), user).quit()
            page = get(front.at("http"), f"/exchange/{user.alias}/", basic(user.name, user.password))
            self.assertIn(user.server, page.body.decode())

    def assert_refused(self, front: ExFront, cause: str) -> None:
        """chicago is not logged in to, nobody hears "wrong password", and the log says why; dallas works."""
        user = self.users["chicago"]
        chicago = self.site.chicago
        before = len(chicago.dovecot.logins()), len(chicago.apache.accesses())
        imap4 = self.assertRaises(imaplib.IMAP4.error, imap4_log_in, front.at("imap-clear"), user)
        pop3 = self.assertRaises(poplib.error_proto, pop3_log_in, front.at("pop3-clear"), user)
        page = get(front.at("http"), f"/exchange/{user.alias}/", basic(user.name, user.password))
        self.assertIn("[UNAVAILABLE]", str(imap4))
        self.assertIn("[SYS/TEMP]", str(pop3))
        self.assertEqual(page.status, 502)
        self.assertIn(b"XF-BE-CERT", page.body)
        wait_until(lambda: len(self.certificate_lines(front)) >= 3, "three access-log lines")
        for line in self.certificate_lines(front):
            self.assertRegex(line["x-detail"], f"TLS: {cause}")
            self.assertRegex(line["x-back-end-status"], f"^TLS: {cause}")
        self.assertEqual((len(chicago.dovecot.logins()), len(chicago.apache.accesses())), before)
        imap4_log_in(front.at("imap-clear"), self.users["dallas"]).logout()

    def certificate_lines(self, front: ExFront) -> list[dict[str, str]]:
        """Access-log lines about a certificate."""
        return [line for line in front.access_lines() if line["x-reason"] == "XF-BE-CERT"]

    def test_starttls(self) -> None:
        """S-MAIL-2, S-ROUTE-8: STARTTLS, STLS and HTTPS to both back ends, certificates verified."""
        front = self.front(starttls(self.site.chicago), starttls(self.site.dallas))
        self.assert_works(front)
        self.assertNotIn("Traceback", front.server_log())

    def test_implicit(self) -> None:
        """S-ROUTE-8: IMAPS, POP3S and HTTPS to both back ends, certificates verified."""
        self.assert_works(self.front(implicit(self.site.chicago), implicit(self.site.dallas)))

    def test_wrong_name(self) -> None:
        """S-ROUTE-8: a certificate for another name is no way in, by implicit TLS or by STARTTLS."""
        host = "chicago-new.fourthcoffee.com"
        for section in (implicit, starttls):
            front = self.front(section(self.site.chicago, host=host), self.site.dallas.section())
            self.assert_refused(front, f"name wanted={host} found=chicago.fourthcoffee.com,127.0.0.20 ")
            front.daemon.kill()

    def test_both_columns_tell_a_wrong_name_and_a_right_one(self) -> None:
        """S-ROUTE-8, S-OPS-15: 502 and `TLS:` with the name wanted and those found; 200 and 200 where it is right."""
        wrong = implicit(self.site.chicago, host="chicago-new.fourthcoffee.com")
        front = self.front(wrong, implicit(self.site.dallas))
        for user in self.users.values():
            get(front.at("http"), f"/exchange/{user.alias}/", basic(user.name, user.password))
        first, second = front.lines_since(0, 2)
        self.assertEqual((first["s-back-end"], first["sc-status"]), ("chicago", "502"))
        both = "TLS: name wanted=chicago-new.fourthcoffee.com found=chicago.fourthcoffee.com,127.0.0.20 "
        self.assertTrue(first["x-back-end-status"].startswith(both), first)
        columns = (second["s-back-end"], second["sc-status"], second["x-back-end-status"])
        self.assertEqual(columns, ("dallas", "200", "200"))

    def test_a_pinned_key_needs_no_name_and_no_issuer(self) -> None:
        """S-ROUTE-8: each protocol, inside TLS and by STARTTLS; by another server's pin nobody gets through."""
        host, stranger = "chicago-new.fourthcoffee.com", self.stranger()
        pins = [pin(server.certificate) for server in (self.site.chicago, self.site.dallas)]
        for section in (implicit, starttls):
            chicago = section(self.site.chicago, host=host, ca_file=stranger, tls_pin=[pins[1], pins[0]])
            front = self.front(chicago, section(self.site.dallas, tls_pin=[pins[1]]))
            self.assert_works(front)
            front.daemon.kill()
            front = self.front(section(self.site.chicago, tls_pin=[pins[1]]), self.site.dallas.section())
            self.assert_refused(front, "pin wanted=chicago.fourthcoffee.com found=chicago.fourthcoffee.com,")
            front.daemon.kill()

    def test_check_shows_the_key_to_pin_and_the_days_left(self) -> None:
        """S-ROUTE-8: what is pinned then is what check saw; a certificate that ends within 30 days is a warning."""
        wrong = implicit(self.site.chicago, host="chicago-new.fourthcoffee.com")
        front = self.site.exfront(FRONT, server=[wrong, implicit(self.site.dallas)])
        command = [sys.executable, "-m", "exfront.control", "check", "--json", "--config", str(front.configuration)]
        rows = json.loads(subprocess.run(command, capture_output=True, timeout=60, check=False).stdout)
        for protocol in ("imap4", "pop3", "http"):
            (refused,) = (row for row in rows if row["subject"] == f"back end chicago {protocol}")
            self.assertEqual(refused["state"], "error")
            self.assertIn(f" key={pin(self.site.chicago.certificate)}", refused["found"])
            self.assertIn("tls_pin", refused["advice"])
            (days,) = (row for row in rows if row["subject"] == f"back end dallas {protocol} certificate")
            self.assertEqual((days["state"], days["advice"]), ("warning", "renew it"))
            self.assertRegex(days["found"], "valid for (29|30) days")

    def test_check_tells_where_channel_binding_cannot_hold(self) -> None:
        """S-HTTP-34: RFC 5929: what a log-on is bound to is the certificate that the client saw."""
        passing = {
            "path": "/mapi", "application": "mapi", "authentication": "passthrough", "server": "dallas",
        }  # fmt: skip
        site = {"name": "default", "public_name": "mail.fourthcoffee.com", "virtual_directory": [passing]}
        for own, state in ((self.site.certificate, "warning"), (self.site.dallas.certificate, "ok")):
            front = self.site.exfront(
                {"https": LISTENERS["https"]},
                server=[implicit(self.site.dallas)],
                tls={"certificate": str(own)},
                virtual_site=[site],
            )
            command = [sys.executable, "-m", "exfront.control", "check", "--json", "--config", str(front.configuration)]
            rows = json.loads(subprocess.run(command, capture_output=True, timeout=60, check=False).stdout)
            (found,) = (row for row in rows if row["subject"] == "back end dallas http channel binding")
            self.assertEqual((found["state"], bool(found["advice"])), (state, state == "warning"))

    def stranger(self) -> str:
        """The file of an authority that signed nothing here."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        return str(Authority(folder, "stranger").ca_file)

    def test_unknown_issuer(self) -> None:
        """S-ROUTE-8: a certificate of an authority that is not configured is no way in."""
        stranger = self.stranger()
        for section in (implicit, starttls):
            front = self.front(section(self.site.chicago, ca_file=stranger), self.site.dallas.section())
            self.assert_refused(front, "issuer wanted=chicago.fourthcoffee.com ")
            front.daemon.kill()

    def test_address_outside_the_allowed_networks(self) -> None:
        """S-DIR-4: an address that no allowed network holds is not connected to, whatever name the directory gave."""
        networks = {"suffixes": ["fourthcoffee.com"], "networks": ["127.0.0.21/32"]}
        front = self.front(self.site.chicago.section(), self.site.dallas.section(), back_ends=networks)
        before = len(self.site.chicago.dovecot.logins())
        error = self.assertRaises(imaplib.IMAP4.error, imap4_log_in, front.at("imap-clear"), self.users["chicago"])
        self.assertIn("[UNAVAILABLE]", str(error))
        self.assertIn("XF-BACKEND-NOT-ALLOWED", str(error))
        imap4_log_in(front.at("imap-clear"), self.users["dallas"]).logout()
        self.assertEqual(len(self.site.chicago.dovecot.logins()), before)
