"""What the table of back ends learns of log-ons."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from exfront.facts import Policy, World
from exfront.topology import Topology
from tests.mail.connection import MailConnection
from tests.routing.test_owa2007 import cas
from tests.support.steps import SmallWorld

_LOGIN = b"a LOGIN alice secret-alice\r\n"
_GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+] x\r\n"


class CountingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = SmallWorld()
        self.imap4 = self.world.back_ends.application("chicago", "imap4", port=143)

    def log_in(self, answer: bytes) -> MailConnection:
        client = MailConnection(world=self.world)
        client.say(_LOGIN)
        self.assertEqual(self.imap4.in_flight, 1)
        client.back_end_says(_GREETING)
        self.world.clock.advance(0.5)
        client.back_end_says(answer)
        self.assertEqual(self.imap4.in_flight, 0)
        return client

    def test_a_log_on(self) -> None:
        """What counts is the log-on; the session that follows may last."""
        self.log_in(b"L OK [CAPABILITY A] in\r\n")
        self.assertEqual((self.imap4.requests, self.imap4.failures, self.imap4.latency), (1, 0, 0.5))

    def test_a_refused_password_is_no_fault_of_the_server(self) -> None:
        """S-ROUTE-12: what one user may not do degrades nothing."""
        for _ in range(6):
            self.log_in(b"L NO [AUTHENTICATIONFAILED] no\r\n")
        self.assertEqual((self.imap4.failures, self.imap4.health.state), (0, "healthy"))

    def test_log_ons_that_break_degrade_it(self) -> None:
        """S-ROUTE-12: IMAP4 is degraded, POP3 of the same server is not."""
        for _ in range(5):
            client = MailConnection(world=self.world)
            client.say(_LOGIN)
            client.back_end.peer_closes()
            self.world.clock.advance(1.0)
        self.assertEqual((self.imap4.failures, self.imap4.health.state), (5, "degraded"))
        self.assertIn("XF-BE-LOGIN-LOST", self.imap4.error)
        self.assertIsNone(self.world.back_ends.health("chicago", "pop3", ""))

    def test_a_client_that_leaves_during_its_log_on(self) -> None:
        client = MailConnection(world=self.world)
        client.say(_LOGIN)
        client.transport.peer_closes()
        self.assertEqual((self.imap4.in_flight, self.imap4.requests, self.imap4.failures), (0, 1, 0))

    def test_a_server_that_is_left_alone_or_full(self) -> None:
        """S-ROUTE-12, S-OPS-4: UNAVAILABLE, never a wrong password."""
        for reason in (reasons.BACK_END_OUT, reasons.TOO_MANY_AT_BACK_END):
            self.world.dialer.refuse = reason
            said = MailConnection(world=self.world).say(_LOGIN)
            self.assertTrue(said.startswith(b"a NO [UNAVAILABLE]"), said)


class OtherServerTests(SynchronousTestCase):
    def test_a_log_on_goes_to_another_server_of_the_site(self) -> None:
        """S-ROUTE-12: within the same log-on, where the first one cannot be reached."""
        first = self.asked(set())[0]
        names = self.asked({first})
        self.assertEqual((names[0], len(names), len(set(names))), (first, 2, 2))

    def asked(self, dead: set[str]) -> list[str]:
        """Which servers are dialled for alice, whose mailbox is on a 2007 mailbox server in Texas."""
        small = SmallWorld()
        small.dialer.dead = dead
        home = cas("chicago", roles=frozenset({"mailbox"}))
        world = World(Topology((home, cas("dallas"), cas("austin"))), Policy(("fourthcoffee.com",)), site="Texas")
        small.steps.world = lambda: world
        client = MailConnection(world=small)
        client.say(_LOGIN)
        client.transport.peer_closes()
        return [each.relay.server.name for each in small.dialer.dialled]
