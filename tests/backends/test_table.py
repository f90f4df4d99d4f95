"""The table of back ends: places, breakers and counters by server, on a clock of the test's own."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from exfront.backends.table import BackEndTable, Place
from exfront.config.limits import LimitsSection
from exfront.facts import Health
from exfront.reasons import Reason, Refused
from exfront.topology import Protocol

PORTS: dict[Protocol, int] = {"imap4": 143, "pop3": 110, "http": 80}


class TableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.table = BackEndTable(LimitsSection(connections_per_back_end=3), self.clock.seconds)

    def health(self, protocol: Protocol, application: str = "") -> str:
        """The word for it, empty where nothing is known."""
        found = self.table.health("chicago", protocol, application)
        return "" if found is None else found.state

    def refusal(self, server: str, protocol: Protocol = "imap4") -> Refused:
        return self.assertRaises(Refused, self.table.take, server, protocol, PORTS[protocol])  # type: ignore[no-any-return]

    def break_down(self, protocol: Protocol, reason: Reason = reasons.BACK_END_REFUSED, times: int = 3) -> None:
        for _ in range(times):
            self.table.take("chicago", protocol, PORTS[protocol]).failed(Refused(reason, "address=192.0.2.1"))

    def test_a_server_has_so_many_places_over_all_protocols(self) -> None:
        """S-OPS-4: the next one is refused, at this server alone, until a connection ends."""
        protocols: tuple[Protocol, ...] = ("imap4", "http", "pop3")
        places = [self.table.take(name, each, 143) for name, each in zip(("a", "A", "a"), protocols, strict=True)]
        refused = self.refusal("a")
        self.assertIs(refused.reason, reasons.TOO_MANY_AT_BACK_END)
        self.assertIn("connections_per_back_end", refused.detail)
        self.table.take("b", "imap4", 143)
        places[0].connected()
        places[0].free()
        places[0].free()  # told twice, counted once
        self.table.take("a", "imap4", 143)
        self.refusal("a")

    def test_an_idle_connection_makes_room(self) -> None:
        """S-OPS-4: what is only kept for later keeps nobody out; where nothing is kept, full is full."""
        kept = ["chicago", "chicago"]
        self.table.reclaim = lambda server: bool(kept) and kept.pop() == server
        places = [self.table.take("chicago", "http", 80) for _ in range(3)]
        for _ in range(2):
            self.table.take("chicago", "imap4", 143)
            places.pop().free()  # the one that was reclaimed
        self.assertIs(self.refusal("chicago").reason, reasons.TOO_MANY_AT_BACK_END)

    def waiting(self, server: str = "chicago") -> Deferred[Place]:
        """A log-on that wants a place."""
        return Deferred.fromCoroutine(self.table.wait_and_take(server, "imap4", 143, self.clock))

    def fill(self) -> list[Place]:
        return [self.table.take("chicago", "imap4", 143) for _ in range(3)]

    def test_a_log_on_waits_for_a_place_first_come_first_served(self) -> None:
        """S-OPS-4: nobody overtakes, and the limit holds."""
        places = self.fill()
        first, second = self.waiting(), self.waiting()
        self.assertNoResult(first)
        places[0].free()
        self.successResultOf(first)
        self.assertNoResult(second)
        self.refusal("chicago")
        places[1].free()
        self.successResultOf(second)
        self.refusal("chicago")

    def test_it_does_not_wait_for_ever(self) -> None:
        """S-OPS-4: 5 s, then it is refused, and nobody else's turn is lost with it."""
        places = self.fill()
        first = self.waiting()
        self.clock.advance(4.0)
        second = self.waiting()
        self.clock.advance(1.5)
        refused = self.failureResultOf(first, Refused).value
        self.assertIs(refused.reason, reasons.TOO_MANY_AT_BACK_END)
        self.assertIn("back_end_queue_time", refused.detail)
        places[0].free()
        self.successResultOf(second)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_leaves_gives_its_turn_up(self) -> None:
        """S-MAIL-19: a client that went away takes no place."""
        places = self.fill()
        gone, patient = self.waiting(), self.waiting()
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        places[0].free()
        self.successResultOf(patient)

    def test_the_line_has_an_end(self) -> None:
        """S-OPS-4: whoever comes when it is full is refused at once; with no time to wait, everybody.

        Bad input: more log-ons at a full mailbox server than may wait for it.
        """
        self.table.settings = LimitsSection(connections_per_back_end=3, back_end_queue=2)
        self.fill()
        waiting = [self.waiting() for _ in range(3)]
        self.assertIn("name=back_end_queue ", self.failureResultOf(waiting[2], Refused).value.detail)
        self.assertEqual(self.waiting_shown(), 0)
        self.table.settings = LimitsSection(connections_per_back_end=0, back_end_queue_time=0.0)
        self.failureResultOf(self.waiting("dallas"), Refused)
        for each in waiting[:2]:
            each.cancel()
            self.failureResultOf(each, CancelledError)

    def waiting_shown(self) -> int:
        self.table.application("dallas", "imap4", port=143)
        (row,) = self.table.states()
        return row.waiting

    def test_a_turn_at_a_service_that_is_out_passes_on(self) -> None:
        """S-ROUTE-12: who waits learns of it too, one after the other, and keeps no place."""
        places = self.fill()
        waiting = [self.waiting() for _ in range(4)]
        for place in places:
            place.failed(Refused(reasons.BACK_END_REFUSED))
        for each in waiting[:2]:
            self.successResultOf(each)
        self.assertEqual(
            [self.failureResultOf(each, Refused).value.reason for each in waiting[2:]], [reasons.BACK_END_OUT] * 2
        )

    def test_a_connection_that_is_kept_makes_room_for_who_waits(self) -> None:
        """S-OPS-4: an idle one of HTTP keeps nobody in line."""
        places, asked = self.fill(), []
        self.table.reclaim = lambda server: bool(asked.append(server))
        self.table.kept("chicago")
        self.assertEqual(asked, [])
        waiting = self.waiting()
        asked.clear()
        self.table.kept("CHICAGO")
        self.assertEqual(asked, ["CHICAGO"])
        places[0].free()
        self.successResultOf(waiting)

    def test_a_place_is_free_again_however_the_attempt_ends(self) -> None:
        """S-OPS-4: 1000 failures leave no connection counted."""
        ends = (Place.given_up, lambda place: place.failed(Refused(reasons.BACK_END_CERTIFICATE)), Place.free)
        for end in ends * 5:
            end(self.table.take("a", "imap4", 143))
        for _ in range(3):
            self.table.take("a", "imap4", 143)

    def test_one_protocol_is_out_the_others_are_not(self) -> None:
        """S-ROUTE-12: a dead IMAP4 is not a dead server."""
        self.break_down("imap4")
        refused = self.refusal("chicago")
        self.assertIs(refused.reason, reasons.BACK_END_OUT)
        self.assertIn("out=0.0s last: XF-BE-REFUSED connection refused address=192.0.2.1", refused.detail)
        self.table.take("chicago", "http", 80).connected()
        self.table.take("dallas", "imap4", 143).connected()

    def test_a_service_on_a_port_of_its_own_is_another_service(self) -> None:
        """S-ROUTE-12: a virtual directory whose port is dead takes none of the others along."""
        self.table.application("chicago", "http", "ews", port=8080)
        self.table.application("chicago", "http", "owa", port=80)
        for _ in range(3):
            self.table.take("chicago", "http", 8080).failed(Refused(reasons.BACK_END_REFUSED, "address=192.0.2.1"))
        self.assertRaises(Refused, self.table.take, "chicago", "http", 8080)
        self.table.take("chicago", "http", 80).connected()
        states = {state.application: state.state for state in self.table.states()}
        self.assertEqual(states, {"ews": "out", "owa": "healthy"})

    def test_what_opens_the_breaker(self) -> None:
        """S-ROUTE-12: nobody answered; a certificate of another name, and an address never tried, open nothing."""
        cases = (
            (reasons.BACK_END_REFUSED, True),
            (reasons.BACK_END_CONNECT_TIMEOUT, True),
            (reasons.BACK_END_NO_ADDRESS, True),
            (reasons.BACK_END_CERTIFICATE, False),
            (reasons.BACK_END_PROTOCOL, False),
            (reasons.BACK_END_NOT_ALLOWED, False),
            (reasons.LOOP, False),
        )
        for reason, opens in cases:
            self.table = BackEndTable(LimitsSection(), self.clock.seconds)
            self.table.application("chicago", "imap4", port=143)
            self.break_down("imap4", reason, 10 if not opens else 3)
            self.assertEqual(self.health("imap4"), "out" if opens else "healthy", reason)

    def test_the_log_tells_once_when_it_goes_and_when_it_comes(self) -> None:
        """S-ROUTE-12: one line for all that is refused meanwhile."""
        lines: list[str] = []
        globalLogPublisher.addObserver(observer := lambda event: lines.append(formatEvent(event)))
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.break_down("imap4")
        for _ in range(5):
            self.refusal("chicago")
            self.clock.advance(1.0)
            self.break_down("imap4", times=1)
        self.clock.advance(1.0)
        self.table.take("chicago", "imap4", 143).connected()
        self.table.take("chicago", "imap4", 143).connected()
        error = "XF-BE-REFUSED connection refused address=192.0.2.1"
        self.assertEqual(lines, [f"imap4 of chicago is left alone for now: {error}", "imap4 of chicago is back"])

    def test_it_comes_back_with_its_server(self) -> None:
        """S-ROUTE-12: a second later one is let through as a probe; once that is connected, all are."""
        self.break_down("http")
        self.clock.advance(1.0)
        probe = self.table.take("chicago", "http", 80)
        self.assertIs(self.refusal("chicago", "http").reason, reasons.BACK_END_OUT)
        probe.connected()
        self.table.take("chicago", "http", 80)
        self.assertNotEqual(self.health("http", "owa"), "out")

    def test_who_has_others_beside_it_is_due_when_the_whole_pause_is_over(self) -> None:
        """S-ROUTE-12: 10 s; while one probes it is not."""
        self.table.application("chicago", "http", "owa", port=80)
        self.break_down("http")

        def due() -> bool:
            found = self.table.health("chicago", "http", "owa")
            assert found is not None and found.state == "out"
            return found.due

        self.clock.advance(9.9)
        self.assertFalse(due())
        self.assertRaises(Refused, self.table.take, "chicago", "http", 80, only=False)
        self.clock.advance(0.1)
        self.assertTrue(due())
        probe = self.table.take("chicago", "http", 80, only=False)
        self.assertFalse(due())
        probe.connected()
        self.assertEqual(self.health("http", "owa"), "healthy")

    def test_nothing_is_said_of_what_nobody_used(self) -> None:
        self.assertIsNone(self.table.health("chicago", "http", "owa"))
        self.table.application("chicago", "http", "owa", port=80)
        self.assertEqual((self.health("http", "owa"), self.health("http", "exchange")), ("healthy", ""))

    def test_applications_of_one_server_are_apart(self) -> None:
        """S-ROUTE-12: OWA broken is not ActiveSync broken."""
        owa = self.table.application("CHICAGO", "http", "owa", port=80)
        self.assertIs(self.table.application("chicago", "http", "owa", port=80), owa)
        for _ in range(5):
            owa.begin()
            owa.answered(500, 0.5, self.clock.seconds())
        self.assertEqual(self.table.health("CHICAGO", "http", "owa"), Health("degraded", "status=500"))
        self.table.application("chicago", "http", "activesync", port=80)
        self.assertEqual(self.health("http", "activesync"), "healthy")
        self.table.take("chicago", "http", 80).connected()  # and the server is none the worse

    def test_what_is_shown(self) -> None:
        self.table.application("dallas", "imap4", port=143).begin()
        owa = self.table.application("chicago", "http", "owa", port=80)
        owa.begin()
        owa.failed(Refused(reasons.BACK_END_RESET), self.clock.seconds())
        self.table.take("chicago", "http", 80)
        self.clock.advance(2.5)
        first, second = self.table.states()
        self.assertEqual((first.server, first.application, first.state), ("chicago", "owa", "healthy"))
        self.assertEqual((first.connections, first.failures, first.error_age, first.retry), (1, 1, 2.5, None))
        self.assertEqual((second.server, second.application, second.in_flight), ("dallas", "imap4", 1))
        self.assertEqual((second.error, second.error_age), ("", None))
        self.break_down("http")
        first, _ = self.table.states()
        self.assertEqual((first.state, first.retry), ("out", 1.0))
        self.assertIn("192.0.2.1", first.error)
