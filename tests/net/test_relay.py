"""Two joined transports, over memory transports and a fake clock."""

from __future__ import annotations

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.decision import SessionRecord
from exfront.net.relay import Ended, Leg, Relay, join
from exfront.reasons import CLIENT_IDLE, CLIENT_TIMEOUT
from tests.support.transport import MemoryTransport


class _End(Protocol):
    """Passes its events to a leg, as the protocols in mail/ do."""

    leg: Leg

    def dataReceived(self, data: bytes) -> None:
        self.leg.received(data)

    def readConnectionLost(self) -> None:
        self.leg.read_ended()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.leg.lost(reason)


class RelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.record = SessionRecord("id", "imap4", "192.0.2.7:5000")
        self.ends: list[Ended] = []
        client, back_end = _End(), _End()
        self.client, self.back_end = MemoryTransport(client), MemoryTransport(back_end)
        self.relay: Relay = join(
            self.client,
            self.back_end,
            self.record,
            self.clock,
            idle_time=1800.0,
            stall_time=300.0,
            ended=self.ends.append,
        )
        client.leg, back_end.leg = self.relay.client, self.relay.back_end

    def test_octets_pass_both_ways_and_are_counted(self) -> None:
        self.client.receive(b"a NOOP\r\n")
        self.back_end.receive(b"a OK\r\n")
        self.assertEqual((self.back_end.take(), self.client.take()), (b"a NOOP\r\n", b"a OK\r\n"))
        self.assertEqual((self.record.octets_in, self.record.octets_out), (8, 6))

    def test_a_stalled_client_pauses_the_back_end(self) -> None:
        """S-MAIL-20: a reader that stops stops the peer, and reading goes on when it takes the rest."""
        self.client.producer.pauseProducing()
        self.assertEqual(self.back_end.producerState, "paused")
        self.client.producer.resumeProducing()
        self.assertEqual(self.back_end.producerState, "producing")

    def test_a_stalled_back_end_pauses_the_client(self) -> None:
        self.back_end.producer.pauseProducing()
        self.assertEqual(self.client.producerState, "paused")

    def test_five_minutes_without_progress_abort_both(self) -> None:
        """S-MAIL-20: a reader that takes nothing for five minutes loses the connection."""
        self.client.producer.pauseProducing()
        self.clock.pump([60.0] * 4 + [59.0])
        self.assertEqual(self.ends, [])
        self.clock.pump([1.0, 60.0])
        self.assertEqual(self.ends, [Ended("stall", CLIENT_TIMEOUT)])
        self.assertTrue(self.client.disconnected and self.back_end.disconnected)

    def test_a_silent_relay_lives_for_29_minutes_and_ends_after_its_idle_time(self) -> None:
        """S-MAIL-12: IDLE is silent for up to 29 minutes; then the idle time ends the session."""
        self.clock.pump([60.0] * 29)
        self.assertEqual(self.ends, [])
        self.clock.pump([60.0] * 2)
        self.assertEqual(self.ends, [Ended("idle", CLIENT_IDLE)])

    def test_traffic_keeps_a_relay_alive(self) -> None:
        for _ in range(10):
            self.clock.pump([60.0] * 10)
            self.client.receive(b"a NOOP\r\n")
        self.assertEqual(self.ends, [])

    def test_the_client_is_gone_and_the_back_end_is_closed(self) -> None:
        """S-MAIL-19: what the client sent is delivered, then the back end's leg is closed at once."""
        self.client.receive(b"QUIT\r\n")
        self.client.peer_closes()
        self.assertEqual(self.back_end.value(), b"QUIT\r\n")
        self.assertFalse(self.back_end.connected)
        self.assertEqual(self.ends, [Ended("client")])

    def test_a_back_end_that_takes_nothing_is_aborted_five_seconds_after_the_client_left(self) -> None:
        """S-MAIL-19: the back end's leg ends within 5 s, whatever it does."""
        self.back_end.loseConnection = lambda connDone=None: None  # type: ignore[method-assign]
        self.client.peer_closes()
        self.clock.advance(limits.CLIENT_GONE_TIME - 0.1)
        self.assertTrue(self.back_end.connected)
        self.clock.advance(0.2)
        self.assertFalse(self.back_end.connected)

    def test_a_half_closed_client_gets_its_answer(self) -> None:
        """S-MAIL-19: a client's FIN is passed on, and the answer still reaches it."""
        self.client.receive(b"a LOGOUT\r\n")
        self.client.peer_ends_writing()
        self.assertTrue(self.back_end.closed_writing)
        self.back_end.receive(b"* BYE\r\na OK\r\n")
        self.assertEqual(self.client.value(), b"* BYE\r\na OK\r\n")
        self.back_end.peer_closes()
        self.assertFalse(self.client.connected)

    def test_after_a_half_close_the_answer_has_thirty_seconds(self) -> None:
        """S-MAIL-19: no answer within 30 s of the client's FIN ends the relay."""
        self.client.peer_ends_writing()
        self.clock.advance(limits.HALF_CLOSE_TIME - 0.1)
        self.assertEqual(self.ends, [])
        self.clock.advance(0.2)
        self.assertEqual(self.ends, [Ended("client")])

    def test_the_back_end_is_gone_and_the_client_gets_what_came_and_an_end(self) -> None:
        """S-MAIL-18: cut inside a literal the client gets those octets and the end, nothing invented."""
        self.back_end.receive(b"* 1 FETCH (BODY[] {1000}\r\n" + b"x" * 400)
        self.back_end.peer_closes()
        self.assertEqual(self.client.value(), b"* 1 FETCH (BODY[] {1000}\r\n" + b"x" * 400)
        self.assertFalse(self.client.connected)

    def test_a_bye_is_said_in_silence_between_lines(self) -> None:
        """S-OPS-7: an idle session hears the BYE before its end."""
        self.back_end.receive(b"a OK\r\n")
        self.client.clear()
        self.clock.advance(limits.INTERJECT_SILENCE)
        self.relay.interject(b"* BYE stopping\r\n")
        self.assertEqual(self.client.value(), b"* BYE stopping\r\n")
        self.assertFalse(self.client.connected or self.back_end.connected)

    def test_no_bye_breaks_into_an_answer(self) -> None:
        """S-MAIL-18: neither within a second of traffic nor within a line is anything said; only the end comes."""
        for answer, silence in ((b"a OK\r\n", 0.5), (b"* 1 FETCH (BODY[] {1000}\r\nxx", 60.0)):
            self.setUp()
            self.back_end.receive(answer)
            self.client.clear()
            self.clock.advance(silence)
            self.relay.interject(b"* BYE stopping\r\n")
            self.assertEqual((self.client.value(), self.client.connected), (b"", False), answer)

    def test_crlf_in_two_pieces_is_seen(self) -> None:
        self.back_end.receive(b"a OK\r")
        self.back_end.receive(b"\n")
        self.clock.advance(2.0)
        self.relay.interject(b"* BYE\r\n")
        self.assertTrue(self.client.value().endswith(b"* BYE\r\n"))

    def test_nothing_is_left_behind(self) -> None:
        """S-MAIL-19: when both sides are gone no timer lives on."""
        self.client.peer_ends_writing()
        self.back_end.peer_closes()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.ends), 1)
