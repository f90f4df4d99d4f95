"""Thousands of connections at once, and what each costs."""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Conversation, imap4_log_in
from tests.support.mail_site import LIMITS, shared
from tests.support.process import wait_until

GREETED = 3000
LOGGED_IN = 1000
AT_A_TIME = 8


class ManyConnectionsTests(SynchronousTestCase):
    """One front end, one client address."""

    timeout = 600

    def setUp(self) -> None:
        self.site = shared()
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
        self.front = self.site.exfront(limits={**LIMITS, "connections_per_address": 10_000, "mail_login_time": 600.0})
        self.addCleanup(self.front.daemon.kill)
        self.front.start()
        self.directory = [(self.site.slapd.address, self.site.slapd.ldap)]

    def assert_cost(self, connections: int, octets: int, most: int) -> None:
        """Less than `most` KiB each."""
        print(f"figure: {self.id().rpartition('.')[2]}: {connections}, {octets / connections / 1024:.1f} KiB each")
        self.assertLess(octets, connections * most * 1024)

    def test_greeted(self) -> None:
        """S-OPS-6: 3000 clients that say nothing cost less than 64 KiB each, and leave nothing when they go."""
        before = self.front.peak_memory()
        talks = [Conversation(self.front.at("imap-clear")) for _ in range(GREETED)]
        for talk in talks:
            self.assertTrue(talk.line().startswith(b"* OK"))
        self.assert_cost(GREETED, self.front.peak_memory() - before, 64)
        for talk in talks:
            talk.close()
        self.front.wait_for_connections(0, self.directory, 60)

    def test_logged_in(self) -> None:
        """S-OPS-6: 1000 sessions cost less than 256 KiB each, all still answer, and no leg is left when they go."""
        before = self.front.peak_memory()
        users = [self.site.users[number % len(self.site.users)] for number in range(LOGGED_IN)]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            sessions = list(pool.map(lambda user: imap4_log_in(self.front.at("imap-clear"), user), users))
        self.assert_cost(LOGGED_IN, self.front.peak_memory() - before, 256)
        wait_until(lambda: len(self.front.connections(self.directory)) == 2 * LOGGED_IN, "two legs a session")
        for session in sessions:
            self.assertEqual(session.noop()[0], "OK")
        for session in sessions:
            session.shutdown()
        self.front.wait_for_connections(0, self.directory, 60)
