"""Turns and rates of log-ons, by client network."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.log_on_turns import LogOnTurns
from exfront.config.limits import LimitsSection
from exfront.reasons import TOO_MANY_LOG_ONS, Refused


class TurnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.proving: list[Deferred[None]] = []

    def turns(self, **settings: int) -> LogOnTurns:
        return LogOnTurns(LimitsSection(**settings), self.clock)

    def log_on(self, turns: LogOnTurns, client: str = "192.0.2.1:5000") -> Deferred[None]:
        """A log-on that lasts until its Deferred in `proving` fires."""

        async def prove() -> None:
            turn = await turns.begin(client)
            self.proving.append(Deferred())
            try:
                await self.proving[-1]
            finally:
                turns.end(turn)

        return Deferred.fromCoroutine(prove())

    def test_further_ones_of_a_network_wait_for_their_turn(self) -> None:
        """S-OPS-4: in the order in which they came; another network is not held up."""
        turns = self.turns(log_ons_per_address=2)
        done = [self.log_on(turns) for _ in range(4)]
        self.assertEqual((len(self.proving), turns.busiest()), (2, ("192.0.2.1", 4)))
        other = self.log_on(turns, "[2001:db8::1]:5000")
        self.assertEqual(len(self.proving), 3)
        self.proving[0].callback(None)
        self.successResultOf(done[0])
        self.assertEqual((len(self.proving), turns.busiest()), (4, ("192.0.2.1", 3)))
        for proving in self.proving[1:]:
            proving.callback(None)
        self.proving[-1].callback(None)
        for each in (*done, other):
            self.successResultOf(each)
        self.assertEqual((turns.busiest(), self.clock.getDelayedCalls()), (("", 0), []))

    def test_nobody_waits_longer_than_a_look_up_may_take(self) -> None:
        """S-OPS-4: then it is refused for now, and its place in the queue is free."""
        turns = self.turns(log_ons_per_address=1)
        first, second = self.log_on(turns), self.log_on(turns)
        self.clock.advance(10.1)
        refused = self.failureResultOf(second, Refused).value
        self.assertEqual((refused.reason, refused.detail), (
            TOO_MANY_LOG_ONS, "limit name=log_ons_per_address net=192.0.2.1"
        ))  # fmt: skip
        self.proving[0].callback(None)
        self.successResultOf(first)
        self.assertEqual(turns.busiest(), ("", 0))

    def test_who_gives_up_waits_no_longer(self) -> None:
        """S-MAIL-19: a client that goes leaves the queue, or hands its place over."""
        turns = self.turns(log_ons_per_address=1)
        first, second, third = (self.log_on(turns) for _ in range(3))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(len(self.proving), 2)
        self.proving[1].callback(None)
        self.successResultOf(third)
        self.assertEqual(turns.busiest(), ("", 0))

    def test_a_refusal_frees_the_place(self) -> None:
        turns = self.turns(log_ons_per_address=1)
        first = self.log_on(turns)
        self.proving[0].errback(Refused(TOO_MANY_LOG_ONS))
        self.failureResultOf(first, Refused)
        self.assertEqual(turns.busiest(), ("", 0))


class RateTests(TurnTests):
    def refusals(self, turns: LogOnTurns, clients: list[str]) -> list[str]:
        found = []
        for client in clients:
            done = self.log_on(turns, client)
            if not self.proving or self.proving[-1].called:
                found.append(self.failureResultOf(done, Refused).value.detail)
            else:
                self.proving[-1].callback(None)
                self.successResultOf(done)
                found.append("")
        return found

    def test_log_ons_per_second(self) -> None:
        """S-OPS-4: three at once, then three a second, whoever they are."""
        turns = self.turns(log_ons_per_second=3)
        clients = [f"192.0.2.{number}" for number in range(4)]
        over = "limit name=log_ons_per_second"
        self.assertEqual(self.refusals(turns, clients), ["", "", "", over])
        self.clock.advance(0.34)
        self.assertEqual(self.refusals(turns, clients[:2]), ["", over])
        self.clock.advance(100)
        self.assertEqual(self.refusals(turns, clients), ["", "", "", over])

    def test_log_ons_per_second_of_an_address(self) -> None:
        """S-OPS-4: the others do not notice."""
        turns = self.turns(log_ons_per_second_per_address=2)
        over = "limit name=log_ons_per_second_per_address net=192.0.2.1"
        self.assertEqual(self.refusals(turns, ["192.0.2.1"] * 3 + ["192.0.2.2"]), ["", "", over, ""])
