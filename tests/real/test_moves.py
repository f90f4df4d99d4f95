"""A mailbox that moves from one real mailbox server to another, and servers that refer to each other."""

from __future__ import annotations

import imaplib
import poplib
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import first_mail, imap4_log_in, pop3_log_in
from tests.support.dovecot import Dovecot, MailUser
from tests.support.exfront import ExFront
from tests.support.mail_site import LISTENERS, mail_user, shared
from tests.support.population import DNS_DOMAIN, home_attributes
from tests.support.process import temporary_folder

_FRONT = {name: LISTENERS[name] for name in ("imap-clear", "pop3-clear")}


class _Case(SynchronousTestCase):
    """`user` has a mailbox on two Dovecots of the test's own, each with its own mails; chicago is the home server."""

    def setUp(self) -> None:
        self.site = shared()
        self.user = self.site.living_on("chicago")[6]
        addresses = {"chicago": "127.0.0.22", "dallas": "127.0.0.24"}
        self.servers = {name: self.run_dovecot(name, address) for name, address in addresses.items()}
        sections = [self.section(name) for name in self.servers]
        self.front: ExFront = self.site.exfront(_FRONT, server=sections)
        self.addCleanup(self.front.daemon.kill)
        self.front.start()

    def run_dovecot(self, name: str, address: str) -> Dovecot:
        certificate = self.site.servers[name].certificate
        dovecot = Dovecot(name, address, Path(temporary_folder(name)), certificate, self.known)
        self.addCleanup(dovecot.daemon.kill)
        dovecot.daemon.start()
        return dovecot

    def section(self, name: str) -> dict[str, Any]:
        dovecot = self.servers[name]
        ports = {"imap4": dovecot.imap, "pop3": dovecot.pop3, "imap4_tls": "starttls", "pop3_tls": "starttls"}
        return self.site.servers[name].section(address=dovecot.address, **ports)

    @property
    def known(self) -> list[MailUser]:
        return [mail_user(self.user)]

    def reads(self) -> str:
        """Where the first mail comes from, over IMAP4."""
        client = imap4_log_in(self.front.at("imap-clear"), self.user)
        client.select("INBOX")
        text = first_mail(client)
        client.logout()
        return text.strip().removeprefix("This mail lies on ").removesuffix(".")

    def reads_pop3(self) -> str:
        """The same over POP3."""
        client = pop3_log_in(self.front.at("pop3-clear"), self.user)
        text = client.retr(1)[1][-1].decode()
        client.quit()
        return text.removeprefix("This mail lies on ").removesuffix(".")


class MovedTests(_Case):
    def move(self, server: str) -> None:
        """In the directory; the other server knows the user no more."""
        self.site.slapd.replace(self.user.dn, home_attributes(self.user.home, server))
        for name, dovecot in self.servers.items():
            dovecot.know(self.known if name == server else [])

    def test_the_next_log_on_is_right(self) -> None:
        """S-ROUTE-10: while the old place is still known: one more look-up, and the client notices nothing."""
        self.addCleanup(self.move, "chicago")
        self.assertEqual((self.reads(), self.reads_pop3()), ("chicago", "chicago"))
        live = imap4_log_in(self.front.at("imap-clear"), self.user)
        self.addCleanup(live.shutdown)
        self.move("dallas")
        self.assertEqual((self.reads(), self.reads_pop3()), ("dallas", "dallas"))
        self.assertEqual(live.select("INBOX")[0], "OK")  # ends when the old server ends it
        self.assertEqual(self.servers["chicago"].failed_logins(), 1)
        lines = self.front.lines_since(0, 4)
        self.assertEqual([line["s-back-end"] for line in lines], ["chicago", "chicago", "dallas", "dallas"])
        self.assertEqual({line["x-reason"] for line in lines}, {"-"})
        self.move("chicago")
        self.assertEqual((self.reads(), self.reads_pop3()), ("chicago", "chicago"))

    def test_a_server_that_only_forgot_a_user_is_an_alarm(self) -> None:
        """S-MAIL-14: the directory says the same as before: temporary, never a wrong password."""
        self.servers["chicago"].know([])
        refused = self.assertRaises(imaplib.IMAP4.error, self.reads)
        self.assertIn("[UNAVAILABLE]", str(refused))
        pop3 = self.assertRaises(poplib.error_proto, self.reads_pop3)
        self.assertIn("[SYS/TEMP]", str(pop3))
        self.assertEqual({line["x-reason"] for line in self.front.lines_since(0, 2)}, {"XF-BE-AUTH-MISMATCH"})
        self.servers["chicago"].know(self.known)


class ReferralTests(_Case):
    """Dovecot's own login referrals (RFC 2221): a password entry with nologin and host."""

    def test_a_referral_is_followed_inside(self) -> None:
        """S-MAIL-9: the client is logged on at dallas and hears of no other server."""
        dallas = self.servers["dallas"]
        self.servers["chicago"].know(self.known, f"nologin host=dallas.{DNS_DOMAIN} port={dallas.imap}")
        self.assertEqual(self.reads(), "dallas")
        (line,) = self.front.lines_since(0, 1)
        self.assertEqual((line["s-back-end"], line["x-reason"]), ("dallas", "-"))

    def test_a_referral_to_a_stranger_is_not(self) -> None:
        """S-MAIL-9, S-DIR-4: temporary; the stranger's name stands in the log alone."""
        self.servers["chicago"].know(self.known, "nologin host=127.0.0.66 port=143")
        refused = self.assertRaises(imaplib.IMAP4.error, self.reads)
        self.assertIn("[UNAVAILABLE]", str(refused))
        self.assertNotIn("127.0.0.66", str(refused))
        (line,) = self.front.lines_since(0, 1)
        self.assertEqual((line["s-back-end"], line["x-reason"]), ("chicago", "XF-BE-LOGIN-REFUSED"))
        self.assertIn("code=REFERRAL", line["x-detail"])
        self.assertIn("referral=127.0.0.66", line["x-detail"])
