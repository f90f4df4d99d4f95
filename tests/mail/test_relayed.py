"""A mail session after its log-on: both ways, both ends, and the stop of the service."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.limits import LimitsSection
from exfront.mail.kinds import IMAP4, POP3, Kind
from exfront.mail.protocol import Fault
from exfront.reasons import CLIENT_IDLE, CLIENT_TIMEOUT, DRAINING, INTERNAL_ERROR, Reason
from tests.mail.connection import MailConnection
from tests.support.steps import SmallWorld

BYE = b"* BYE [UNAVAILABLE] The service is stopping. (XF-DRAIN)\r\n"


class RelayedTests(SynchronousTestCase):
    def relayed(self, kind: Kind = IMAP4, **limits: float) -> MailConnection:
        c = MailConnection(kind, SmallWorld(limits=LimitsSection(**limits)))  # type: ignore[arg-type]
        if kind is IMAP4:
            c.say(b"a LOGIN alice secret-alice\r\n")
            c.back_end_says(b"* OK [CAPABILITY A] x\r\n")
            c.back_end_says(b"L OK [CAPABILITY A] x\r\n")
        else:
            c.say(b"USER alice\r\nPASS secret-alice\r\n")
            for _ in range(3):
                c.back_end_says(b"+OK\r\n")
        c.transport.clear()
        self.assertEqual((c.session.record.front_end_status, c.session.record.back_end_status), ("OK", "OK"))
        return c

    def over(self, c: MailConnection, reason: Reason | None = None) -> None:
        """Both sides are closed, one line is written, and nothing waits any more."""
        self.assertFalse(c.transport.connected or c.back_end.connected)
        self.assertEqual([record.reason for record in c.records], [reason])
        self.assertEqual(len(c.world.sessions), 0)
        c.clock.advance(301)  # what the relay gives a client to read the rest
        self.assertEqual(c.clock.getDelayedCalls(), [])


class EndTests(RelayedTests):
    def test_the_login_deadline_is_over(self) -> None:
        """S-MAIL-12: IMAP4 may be silent for 29 min after login, POP3 for 10."""
        for kind, minutes in ((IMAP4, 29), (POP3, 10)):
            c = self.relayed(kind)
            c.clock.pump([60] * minutes)
            self.assertTrue(c.transport.connected and c.back_end.connected, kind)

    def test_silence_ends_it_at_last(self) -> None:
        """S-MAIL-12: idle time-outs after login; IMAP4 has a word for it, POP3 has none (RFC 1939 section 3)."""
        bye = b"* BYE [UNAVAILABLE] Closed after a long silence. (XF-CLIENT-TIMEOUT)\r\n"
        for kind, words in ((IMAP4, bye), (POP3, b"")):
            c = self.relayed(kind, imap4_idle_time=100.0, pop3_idle_time=100.0)
            c.clock.pump([60] * 4)
            self.assertEqual(c.transport.take(), words)
            self.over(c, CLIENT_IDLE)

    def test_silence_within_an_answer(self) -> None:
        """S-MAIL-18: nothing is said into a literal."""
        c = self.relayed(imap4_idle_time=100.0)
        c.say(b"b FETCH 1 BODY[]\r\n")
        c.back_end_says(b"* 1 FETCH (BODY[] {1000}\r\nhalf a mail")
        c.transport.take()
        c.clock.pump([60] * 4)
        self.assertEqual(c.transport.take(), b"")
        self.over(c, CLIENT_IDLE)

    def test_the_client_logs_out(self) -> None:
        c = self.relayed()
        c.say(b"b LOGOUT\r\n")
        c.back_end_says(b"* BYE\r\nb OK\r\n")
        c.back_end.peer_closes()
        self.assertEqual(c.transport.take(), b"* BYE\r\nb OK\r\n")
        self.over(c)

    def test_the_client_vanishes(self) -> None:
        """S-MAIL-19: the back end's leg ends within 5 s."""
        c = self.relayed()
        c.transport.peer_closes(ConnectionLost())
        c.clock.advance(5.1)
        self.over(c)

    def test_the_client_half_closes(self) -> None:
        """S-MAIL-19: after a half close the answer is waited for."""
        c = self.relayed()
        c.transport.peer_ends_writing()
        self.assertTrue(c.back_end.closed_writing)
        c.protocol.writeConnectionLost()
        c.back_end_says(b"b OK\r\n")
        c.back_end.peer_ends_writing()
        self.assertEqual(c.transport.take(), b"b OK\r\n")
        self.over(c)

    def test_the_back_end_is_lost_within_an_answer(self) -> None:
        """S-MAIL-18: the client gets what came, and the end: nothing is invented."""
        for kind in (IMAP4, POP3):
            c = self.relayed(kind)
            c.back_end_says(b"* 1 FETCH (BODY[] {1000}\r\n" + b"x" * 400)
            c.back_end.peer_closes(ConnectionLost())
            self.assertEqual(c.transport.take(), b"* 1 FETCH (BODY[] {1000}\r\n" + b"x" * 400)
            self.over(c)

    def test_a_client_that_does_not_read(self) -> None:
        """S-MAIL-20: a stalled reader stops the back end; 5 min without progress abort both legs."""
        c = self.relayed()
        producer = c.transport.producer
        assert producer is not None
        producer.pauseProducing()
        self.assertEqual(c.back_end.producerState, "paused")
        c.clock.pump([60] * 11)
        self.over(c, CLIENT_TIMEOUT)

    def test_a_fault_in_the_relay_ends_both(self) -> None:
        """S-OPS-8: an exception closes its own connection."""
        c = self.relayed()
        self.patch(c.session, "stop", c.session.stop)
        self.patch(type(c.protocol._relayed), "drain", lambda self, bye: 1 / 0)
        c.session.stop()
        self.over(c, INTERNAL_ERROR)
        self.assertEqual(len(self.flushLoggedErrors(Fault)), 1)


class StopTests(RelayedTests):
    def test_an_idle_imap4_client_is_told_within_the_spread(self) -> None:
        """S-OPS-7: `* BYE` to IMAP4, spread over 20 s."""
        c = self.relayed()
        c.clock.advance(60)
        c.session.stop()
        self.assertEqual(c.transport.take(), b"")
        c.clock.pump([1.0] * 22)
        self.assertEqual(c.transport.take(), BYE)
        self.over(c, DRAINING)

    def test_the_spread_is_shorter_where_less_time_is_given(self) -> None:
        c = self.relayed(drain_time=3.0)
        c.session.stop()
        c.clock.pump([0.5] * 7)
        self.assertEqual(c.transport.take(), BYE)
        self.over(c, DRAINING)

    def test_a_running_download_is_let_run(self) -> None:
        """S-OPS-7: a running download ends whole."""
        c = self.relayed(drain_time=1.5)
        c.session.stop()
        for _ in range(20):
            c.back_end_says(b"x" * 99 + b"\n")
            c.clock.advance(0.5)
        self.assertEqual(len(c.transport.take()), 2000)
        c.back_end_says(b"b OK\r\n")
        c.clock.pump([1.0] * 3)
        self.assertEqual(c.transport.take(), b"b OK\r\n" + BYE)
        self.over(c, DRAINING)

    def test_no_bye_within_a_literal(self) -> None:
        """S-MAIL-18: inside a literal: just close."""
        c = self.relayed(drain_time=1.5)
        c.back_end_says(b"* 1 FETCH (BODY[] {1000}\r\nxxx")
        c.transport.clear()
        c.session.stop()
        c.clock.pump([1.0] * 5)
        self.assertEqual(c.transport.take(), b"")
        self.over(c, DRAINING)

    def test_pop3_sessions_go_on(self) -> None:
        """S-OPS-7: POP3 sessions get the drain time whole."""
        c = self.relayed(POP3)
        c.session.stop()
        c.clock.pump([1.0] * 29)
        self.assertTrue(c.transport.connected and c.back_end.connected)
        self.assertEqual(c.transport.take(), b"")
        c.session.abort()
        self.over(c)
