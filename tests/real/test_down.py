"""A mailbox server is away: its users hear "unavailable", never "wrong password", and the others notice nothing."""

from __future__ import annotations

import imaplib
import poplib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import basic, get, imap4_log_in, pop3_log_in
from tests.support.mail_site import LIMITS, LISTENERS, shared
from tests.support.network import deaf
from tests.support.population import Person
from tests.support.process import wait_until

AT_A_TIME = 8
EACH = 100  # users of either server


class ServerDownTests(SynchronousTestCase):
    """chicago is killed, Dovecot and Apache; dallas is not."""

    def setUp(self) -> None:
        self.site = shared()
        self.front = self.site.front
        self.addCleanup(self.site.chicago.start)

    def imap4(self, user: Person) -> str:
        """What a client learns over IMAP4."""
        try:
            imap4_log_in(self.front.at("imap-clear"), user).logout()
        except imaplib.IMAP4.error as error:
            return str(error)
        return "in"

    def pop3(self, user: Person) -> str:
        """What a client learns over POP3."""
        try:
            pop3_log_in(self.front.at("pop3-clear"), user).quit()
        except poplib.error_proto as error:
            return str(error)
        return "in"

    def http(self, user: Person) -> str:
        """What a client learns over HTTP."""
        page = get(self.front.at("http"), f"/exchange/{user.alias}/", basic(user.name, user.password))
        return "in" if page.status == 200 else f"{page.status} {page.body.decode()}"

    def all_of(self, server: str, log_in: Callable[[Person], str]) -> list[str]:
        """The outcome for each of the server's users."""
        users = self.site.living_on(server)
        self.assertEqual(len(users), EACH)
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            return list(pool.map(log_in, users))

    def reasons(self, mark: int) -> Counter[str]:
        """In the access log, after its first `mark` lines."""
        lines = self.front.access_lines()[mark:]
        return Counter(line["x-reason"] for line in lines if line["x-reason"] != "-")

    def all_around(self, log_in: Callable[[Person], str], refusal: str) -> None:
        """Dead: 100 refusals and 100 logins; back again, and seen to be so: 100 logins."""
        self.site.chicago.kill()
        self.front.settle()
        mark = len(self.front.access_lines())
        refused = self.all_of("chicago", log_in)
        self.assertEqual([text for text in refused if refusal not in text or "XF-BE-REFUSED" not in text], [])
        wait_until(lambda: sum(self.reasons(mark).values()) >= EACH, "all refusals in the access log")
        self.assertEqual(self.reasons(mark), {"XF-BE-REFUSED": EACH})
        self.assertEqual(self.all_of("dallas", log_in), ["in"] * EACH)
        self.site.chicago.start()
        first = self.site.living_on("chicago")[0]
        wait_until(lambda: log_in(first) == "in", "chicago is back")
        self.assertEqual(self.all_of("chicago", log_in), ["in"] * EACH)

    def test_imap4(self) -> None:
        """S-MAIL-14: 100 logins to a dead server are NO [UNAVAILABLE], 100 to the other succeed; back again, they work.

        Bad input: back end refuses the connection
        """
        self.all_around(self.imap4, "[UNAVAILABLE]")

    def test_pop3(self) -> None:
        """S-MAIL-14: 100 logins to a dead server are -ERR [SYS/TEMP], 100 to the other succeed; back again, they work.

        Bad input: back end refuses the connection
        """
        self.all_around(self.pop3, "[SYS/TEMP]")

    def test_http(self) -> None:
        """100 requests to a dead server are 502, 100 to the other succeed; back again, they work.

        Bad input: back end refuses the connection
        """
        self.all_around(self.http, "502")


class SilentNetworkTests(SynchronousTestCase):
    """chicago's address answers no connection attempt, not even with a refusal."""

    def setUp(self) -> None:
        self.site = shared()
        self.user = self.site.living_on("chicago")[0]
        port = deaf(self, self.site.chicago.address)
        listeners = {name: LISTENERS[name] for name in ("imap-clear", "http")}
        chicago = self.site.chicago.section(imap4=port, http=port)
        limits = {**LIMITS, "back_end_connect_time": 1.0, "back_end_login_time": 15.0}
        self.front = self.site.exfront(listeners, server=[chicago, self.site.dallas.section()], limits=limits)
        self.addCleanup(self.front.daemon.kill)
        self.front.start()

    def test_connecting_ends_in_time(self) -> None:
        """S-ROUTE-12: after the time to connect, long before that of a login: UNAVAILABLE and 504, phase=connect."""
        error = self.assertRaises(imaplib.IMAP4.error, imap4_log_in, self.front.at("imap-clear"), self.user)
        self.assertIn("[UNAVAILABLE]", str(error))
        page = get(self.front.at("http"), f"/exchange/{self.user.alias}/", basic(self.user.name, self.user.password))
        self.assertEqual(page.status, 504)
        wait_until(lambda: len(self.front.access_lines()) >= 2, "two access-log lines")
        for line in self.front.access_lines():
            self.assertEqual((line["x-reason"], line["x-cause"]), ("XF-BE-TIMEOUT", "phase=connect"), line)
            self.assertLess(float(line["time-taken"]), 10)
