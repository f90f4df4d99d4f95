"""A breaker and an application's counters: pure states, a row per case; times are numbers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront import limits, reasons
from exfront.backends.health import HEALTHY, Application, Attempt, Breaker
from exfront.facts import Health
from exfront.reasons import Reason, Refused


def out_since(now: float) -> Breaker:
    """A breaker that three failed connects have opened."""
    breaker = Breaker()
    for _ in range(limits.BACK_END_CONNECT_FAILURES):
        attempt = breaker.attempt(now, only=False)
        assert attempt is Attempt.ORDINARY
        breaker.failed(attempt, now, "refused")
    assert breaker.out
    return breaker


class BreakerTests(SynchronousTestCase):
    def test_three_failures_in_a_row_and_no_fewer(self) -> None:
        """S-ROUTE-12: two failures, a connection, two failures: still in; the third in a row: out."""
        breaker = Breaker()
        for outcome in "ffcff":
            attempt = breaker.attempt(0.0, only=False)
            self.assertIs(attempt, Attempt.ORDINARY)
            if outcome == "c":
                breaker.connected(Attempt.ORDINARY)
            else:
                breaker.failed(Attempt.ORDINARY, 0.0, "refused")
            self.assertFalse(breaker.out)
        breaker.failed(Attempt.ORDINARY, 7.0, "refused")
        self.assertEqual((breaker.out, breaker.since), (True, 7.0))

    def test_the_pause_is_10_s_and_doubles_to_60(self) -> None:
        """S-ROUTE-12: 10, 20, 40, 60, 60 s, counted from the end of the last probe."""
        breaker, now = out_since(100.0), 100.0
        for pause in (10.0, 20.0, 40.0, 60.0, 60.0):
            self.assertIsNone(breaker.attempt(now + pause - 0.01, only=False), pause)
            self.assertIs(breaker.attempt(now + pause, only=False), Attempt.PROBE)
            now += pause + 5.0  # the probe took as long as a connect may
            breaker.failed(Attempt.PROBE, now, "timeout")

    def test_one_probe_at_a_time(self) -> None:
        """S-ROUTE-12: while a probe runs nobody else tries, however long it takes; one given up makes room."""
        breaker = out_since(0.0)
        self.assertIs(breaker.attempt(10.0, only=True), Attempt.PROBE)
        for now in (10.0, 15.0, 1000.0):
            self.assertIsNone(breaker.attempt(now, only=True))
        breaker.given_up(Attempt.PROBE)
        self.assertIs(breaker.attempt(15.0, only=True), Attempt.PROBE)

    def test_the_only_server_is_probed_each_second(self) -> None:
        """S-ROUTE-12: where nobody else has the mailbox, the pause is 1 s and does not grow."""
        breaker, now = out_since(0.0), 0.0
        for _ in range(8):
            self.assertIsNone(breaker.attempt(now + 0.99, only=True))
            self.assertIs(breaker.attempt(now + 1.0, only=True), Attempt.PROBE)
            now += 1.0
            breaker.failed(Attempt.PROBE, now, "refused")
        self.assertIsNone(breaker.attempt(now + 59.0, only=False))

    def test_a_probe_that_connects_ends_it(self) -> None:
        """S-ROUTE-12: at once for everybody, and the next time the pause is 10 s again."""
        breaker = out_since(0.0)
        for now in (10.0, 30.0):
            breaker.attempt(now, only=False)
            breaker.failed(Attempt.PROBE, now, "refused")
        self.assertIs(breaker.attempt(70.0, only=False), Attempt.PROBE)
        breaker.connected(Attempt.PROBE)
        self.assertEqual([breaker.attempt(70.0, only=False) for _ in range(3)], [Attempt.ORDINARY] * 3)
        for _ in range(3):
            breaker.failed(Attempt.ORDINARY, 70.0, "refused")
        self.assertIsNone(breaker.attempt(79.9, only=False))
        self.assertIs(breaker.attempt(80.0, only=False), Attempt.PROBE)

    def test_stragglers_neither_lengthen_the_pause_nor_free_the_probe(self) -> None:
        """Attempts that began before it went out may end while it is out, badly or well."""
        breaker = out_since(0.0)
        breaker.failed(Attempt.ORDINARY, 4.0, "timeout")
        self.assertIs(breaker.attempt(10.0, only=False), Attempt.PROBE)
        breaker.failed(Attempt.ORDINARY, 10.5, "timeout")
        self.assertIsNone(breaker.attempt(11.0, only=False))
        breaker.connected(Attempt.ORDINARY)
        self.assertFalse(breaker.out)
        breaker.failed(Attempt.PROBE, 12.0, "timeout")
        self.assertFalse(breaker.out)


class ApplicationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.owa = Application("chicago", "http", "owa")

    def answer(self, *statuses: int) -> None:
        for status in statuses:
            self.owa.begin()
            self.owa.answered(status, 0.01, 5.0)

    def fail(self, reason: Reason, times: int = 1) -> None:  # type: ignore[override]
        for _ in range(times):
            self.owa.begin()
            self.owa.failed(Refused(reason, "detail"), 5.0)

    def test_a_run_of_bad_answers_degrades_it(self) -> None:
        """S-ROUTE-12: 5xx and time-outs in a row; one good answer ends that."""
        self.answer(500, 503, 502)
        self.fail(reasons.BACK_END_ANSWER_TIMEOUT)
        self.assertEqual(self.owa.health, HEALTHY)
        self.answer(504)
        self.assertEqual(self.owa.health, Health("degraded", "status=504"))
        self.answer(200)
        self.assertEqual(self.owa.health, HEALTHY)
        self.assertEqual((self.owa.requests, self.owa.failures, self.owa.in_flight), (6, 5, 0))
        self.assertEqual((self.owa.error, self.owa.error_at), ("status=504", 5.0))

    def test_what_says_nothing_of_the_application(self) -> None:
        """S-ROUTE-12: answers to a bad request, a wrong log-on or a full mailbox are no fault of the application."""
        for status in (400, 401, 403, 404, 409, 423, 429, 501, 505, 507):
            self.answer(*[status] * 10)
            self.assertEqual((self.owa.health, self.owa.failures), (HEALTHY, 0), status)

    def test_each_fault_counts_where_it_belongs(self) -> None:
        """S-ROUTE-12: a fault counts for the application only if the server was reached; a client's never counts."""
        cases = (
            (reasons.BACK_END_ANSWER_TIMEOUT, True, True),
            (reasons.BACK_END_RESET, True, True),
            (reasons.BACK_END_PROTOCOL, True, True),
            (reasons.BACK_END_TRUNCATED, True, True),
            (reasons.BACK_END_LOGIN_LOST, True, True),
            (reasons.BACK_END_LOGIN_TIMEOUT, True, True),
            (reasons.BACK_END_LOGIN_REFUSED, True, True),
            (reasons.BACK_END_REFUSED, True, False),
            (reasons.BACK_END_OUT, True, False),
            (reasons.BACK_END_CERTIFICATE, True, False),
            (reasons.TOO_MANY_AT_BACK_END, True, False),
            (reasons.BACK_END_AUTH_MISMATCH, False, False),
            (reasons.CLIENT_TIMEOUT, False, False),
            (reasons.BODY_TOO_LARGE, False, False),
            (reasons.BAD_INPUT, False, False),
        )
        for reason, failure, degrades in cases:
            self.owa = Application("chicago", "http", "owa")
            self.fail(reason, 10)
            self.assertEqual(self.owa.failures, 10 * failure, reason)
            self.assertEqual(self.owa.health.state, "degraded" if degrades else "healthy", reason)
            self.assertEqual(self.owa.in_flight, 0)

    def test_who_goes_away_counts_for_nothing(self) -> None:
        self.owa.begin()
        self.assertEqual(self.owa.in_flight, 1)
        self.owa.dropped()
        self.assertEqual((self.owa.in_flight, self.owa.failures, self.owa.latency), (0, 0, 0.0))

    def test_latency_follows_slowly(self) -> None:
        for seconds, average in ((0.1, 0.1), (0.1, 0.1), (1.1, 0.2)):
            self.owa.begin()
            self.owa.answered(200, seconds, 5.0)
            self.assertAlmostEqual(self.owa.latency, average)

    def test_a_failed_probe_degrades_until_a_good_one(self) -> None:
        """S-ROUTE-12: a probe is no request; and a good probe does not hide that users get bad answers."""
        self.owa.probed("status=500", 3.0)
        self.assertEqual(self.owa.health, Health("degraded", "probe: status=500"))
        self.answer(200)
        self.assertEqual(self.owa.health.state, "degraded")
        self.owa.probed("", 13.0)
        self.assertEqual((self.owa.health, self.owa.probe, self.owa.requests), (HEALTHY, "ok", 1))
        self.answer(*[503] * 5)
        self.owa.probed("", 23.0)
        self.assertEqual(self.owa.health.state, "degraded")
