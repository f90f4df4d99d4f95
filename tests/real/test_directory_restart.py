"""The directory dies and comes back while people read their mail."""

from __future__ import annotations

import imaplib
import poplib

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import basic, first_mail, get, imap4_log_in, pop3_log_in
from tests.support.mail_site import shared
from tests.support.process import wait_until


class DirectoryRestartTests(SynchronousTestCase):
    """slapd is killed and started again, with its data."""

    def setUp(self) -> None:
        self.site = shared()
        self.front = self.site.front
        self.user = self.site.living_on("chicago")[5]
        self.front.settle()
        self.log_mark = len(self.front.server_log())
        self.addCleanup(self.start_directory)

    def start_directory(self) -> None:
        """Unless it runs."""
        if not self.site.slapd.daemon.running:
            self.site.slapd.start()
        wait_until(self.can_log_in, "log-ons work again", 30)

    def can_log_in(self) -> bool:
        """Over IMAP4."""
        try:
            imap4_log_in(self.front.at("imap-clear"), self.user).logout()
        except imaplib.IMAP4.error:
            return False
        return True

    def refusals(self, mark: int) -> set[str]:
        """The Reasons in the access log after its first `mark` lines."""
        return {line["x-reason"] for line in self.front.access_lines()[mark:]} - {"-"}

    def refusal(self) -> tuple[str, str, int]:
        """What each protocol tells somebody who logs on now; fails if one lets him in."""
        imap4 = self.assertRaises(imaplib.IMAP4.error, imap4_log_in, self.front.at("imap-clear"), self.user)
        pop3 = self.assertRaises(poplib.error_proto, pop3_log_in, self.front.at("pop3-clear"), self.user)
        path = f"/exchange/{self.user.alias}/"
        page = get(self.front.at("http"), path, basic(self.user.name, self.user.password))
        return str(imap4), str(pop3), page.status

    def test_sessions_live_and_log_ons_come_back(self) -> None:
        """S-DIR-13: without a directory sessions go on, log-ons are unavailable; with it again they work.

        Bad input: directory killed and started again
        """
        imap4 = imap4_log_in(self.front.at("imap-clear"), self.user)
        imap4.select()
        pop3 = pop3_log_in(self.front.at("pop3-clear"), self.user)
        mark = len(self.front.access_lines())
        self.site.slapd.kill()
        imap4_text, pop3_text, status = self.refusal()
        self.assertIn("[UNAVAILABLE]", imap4_text)
        self.assertIn("[SYS/TEMP]", pop3_text)
        self.assertEqual(status, 503)
        self.assertEqual(imap4.noop()[0], "OK")
        self.assertEqual(pop3.stat()[0], 3)
        self.site.slapd.start()
        wait_until(self.can_log_in, "log-ons work again", 30)
        self.assertIn("chicago", first_mail(imap4))
        self.assertIn(b"This mail lies on chicago.", pop3.retr(1)[1])
        imap4.logout()
        pop3.quit()
        wait_until(lambda: self.refusals(mark), "refusals in the access log")
        self.assertEqual(self.refusals(mark), {"XF-DIR-UNAVAILABLE"})
        self.assertNotIn("Traceback", self.front.server_log()[self.log_mark :])

    def test_a_directory_that_only_accepts_is_too_slow(self) -> None:
        """S-DIR-1: a directory that accepts and answers nothing is a temporary fault within the look-up's time."""
        self.site.slapd.freeze()
        self.addCleanup(self.site.slapd.thaw)
        mark = len(self.front.access_lines())
        error = self.assertRaises(imaplib.IMAP4.error, imap4_log_in, self.front.at("imap-clear"), self.user)
        self.assertIn("[UNAVAILABLE]", str(error))
        wait_until(lambda: self.refusals(mark), "a refusal in the access log")
        self.assertLessEqual(self.refusals(mark), {"XF-LDAP-TIMEOUT", "XF-DIR-UNAVAILABLE"})
        self.site.slapd.thaw()
        wait_until(self.can_log_in, "log-ons work again", 30)
