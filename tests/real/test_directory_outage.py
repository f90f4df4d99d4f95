"""Every directory server is lost: who was seen before reads on, others hear "unavailable", nobody "wrong password"."""

from __future__ import annotations

import imaplib
import poplib
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Page, basic, get, imap4_log_in, pop3_log_in
from tests.support.failover import TwoDirectories
from tests.support.mail_site import LIMITS, LISTENERS, shared
from tests.support.population import Person
from tests.support.process import wait_until

_LDAP_TIMES = {"ldap_connect_time": 1.0, "ldap_bind_time": 1.0, "ldap_search_time": 1.0, "ldap_lookup_time": 2.0}
_LOST = {"XF-DIR-UNAVAILABLE", "XF-LDAP-TIMEOUT"}


class OutageTests(SynchronousTestCase):
    """Two slapds of exfront's own; the back ends' directory goes on."""

    def setUp(self) -> None:
        self.site = shared()
        self.directories = TwoDirectories()
        self.addCleanup(self.directories.close)
        servers = (self.directories.first, self.directories.second)
        settings = self.site.settings()
        directory = {**settings["directory"], "servers": [one.url for one in servers], "cache_time": 0.5,
                     "ca_file": str(self.directories.settings.ca_file)}  # fmt: skip
        self.front = self.site.exfront(
            {name: LISTENERS[name] for name in ("imap-clear", "pop3-clear", "http")},
            directory=directory,
            authentication={"failure_delay": 0.0, "credential_cache_time": 60.0},
            limits={**LIMITS, **_LDAP_TIMES},
        )
        self.addCleanup(self.front.daemon.kill)
        self.front.start()
        both = {person.name: person for person in self.directories.people}
        people = [person for person in self.site.living_on("chicago") if both.get(person.name) == person]
        self.seen, self.mailbox_only, self.new = people[:3]

    def page(self, person: Person, password: bytes = b"") -> Page:
        """The mailbox as a browser sees it."""
        header = basic(person.name, password or person.password)
        return get(self.front.at("http"), f"/exchange/{person.alias}/", header)

    def lose(self, how: str) -> None:
        """Both servers at once: ``kill`` or ``freeze``."""
        for server in (self.directories.first, self.directories.second):
            getattr(server, how)()

    def unavailable(self, person: Person, password: bytes = b"") -> None:
        """A temporary error over each protocol, and the Reasons in the log are the directory's."""
        self.front.settle()
        mark = len(self.front.access_lines())
        wanted = Person(person.name, password or person.password)
        page = self.page(person, password)
        self.assertEqual(page.status, 503, page.body)
        self.assertTrue(any(code.encode() in page.body for code in _LOST), page.body)
        imap4 = self.assertRaises(imaplib.IMAP4.error, imap4_log_in, self.front.at("imap-clear"), wanted)
        self.assertIn("[UNAVAILABLE]", str(imap4))
        pop3 = self.assertRaises(poplib.error_proto, pop3_log_in, self.front.at("pop3-clear"), wanted)
        self.assertIn("[SYS/TEMP]", str(pop3))
        lines = self.front.lines_since(mark, 3)
        self.assertLessEqual({line["x-reason"] for line in lines}, _LOST)

    def outage(self, lose: Callable[[], None], recover: Callable[[], None]) -> None:
        """The whole of it."""
        before = self.page(self.seen)
        self.assertEqual(before.status, 200)
        imap4_log_in(self.front.at("imap-clear"), self.mailbox_only).logout()
        lose()
        self.stale_page(before)
        self.unavailable(self.new)
        self.unavailable(self.seen, b"not the password")
        imap4 = self.assertRaises(imaplib.IMAP4.error, imap4_log_in, self.front.at("imap-clear"), self.mailbox_only)
        self.assertIn("[UNAVAILABLE]", str(imap4), "a place is known, but no password is proven by what was kept")
        self.assertEqual(self.page(self.seen).body, before.body)
        recover()
        wait_until(lambda: self.page(self.new).status == 200, "a new user's page", 30)
        self.assertEqual(self.page(self.seen, b"not the password").status, 401)
        imap4_log_in(self.front.at("imap-clear"), self.mailbox_only).logout()
        pop3_log_in(self.front.at("pop3-clear"), self.new).quit()
        self.assertNotIn("Traceback", self.front.server_log())

    def stale_page(self, before: Page) -> None:
        """At the latest when the entry's life is over, the page comes by a location that says so in the log."""

        def is_stale() -> bool:
            page = self.page(self.seen)
            self.assertEqual((page.status, page.body), (200, before.body))
            return "stale" in {line["x-location"] for line in self.front.access_lines()[1:]}

        wait_until(is_stale, "a stale location in the access log", 20)
        stale = [line for line in self.front.access_lines() if line["x-location"] == "stale"]
        self.assertEqual({(line["sc-status"], line["x-reason"]) for line in stale}, {("200", "-")})

    def start(self) -> None:
        for server in (self.directories.first, self.directories.second):
            server.start()

    def thaw(self) -> None:
        for server in (self.directories.first, self.directories.second):
            server.thaw()

    def test_all_killed(self) -> None:
        """S-DIR-5, S-AUTH-9, S-DIR-13: dead servers: the proven user reads on, all others are told to come again.

        Bad input: every directory server killed
        """
        self.outage(lambda: self.lose("kill"), self.start)

    def test_all_frozen(self) -> None:
        """S-DIR-5, S-AUTH-9, S-DIR-13: the same with servers that accept and say nothing.

        Bad input: every directory server frozen
        """
        self.outage(lambda: self.lose("freeze"), self.thaw)
