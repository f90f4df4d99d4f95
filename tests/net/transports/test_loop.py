"""The lean loop by hand: who gets a turn, and when."""

from __future__ import annotations

import socket
from collections.abc import Callable

from attrs import define, field
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from exfront.net.lean import loop as the_loop
from exfront.net.lean.loop import LeanLoop


class _Reactor(Clock):
    """Time and readers."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[object] = []

    def addReader(self, reader: object) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: object) -> None:
        self.readers.remove(reader)


@define(eq=False)
class _Watched:
    """Notes what it is told; `does` is done in each event."""

    does: Callable[[], object] = lambda: None
    events: int = 0
    agains: int = 0
    failures: list[Failure] = field(factory=list)

    def event(self, flags: int) -> None:
        self.events += 1
        self.does()

    def again(self) -> None:
        self.agains += 1
        self.does()

    def broke(self, failure: Failure) -> None:
        self.failures.append(failure)


class LoopTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = _Reactor()
        self.loop = LeanLoop(self.reactor)
        self.now = 0.0
        self.patch(the_loop, "monotonic", lambda: self.now)

    def watch(self, watched: _Watched) -> socket.socket:
        """A socket with an octet to read, in the loop."""
        near, far = socket.socketpair()
        for each in (near, far):
            self.addCleanup(each.close)
        near.setblocking(False)
        far.send(b"x")
        self.loop.add(near.fileno(), watched)
        return near

    def work(self) -> None:
        """Takes 1.5 ms."""
        self.now += 0.0015

    def test_nothing_is_open_before_the_first_and_after_the_last(self) -> None:
        """An epoll made before a fork would be shared."""
        self.assertEqual((self.loop.fileno(), self.reactor.readers), (-1, []))
        near = self.watch(_Watched())
        self.assertEqual(self.reactor.readers, [self.loop])
        self.loop.remove(near.fileno())
        self.assertEqual((self.loop.fileno(), self.reactor.readers), (-1, []))

    def test_a_turn_ends_after_two_milliseconds_and_the_rest_has_the_next(self) -> None:
        """The reactor has its turn in between; no event is lost, as none comes a second time."""
        watched = [_Watched(self.work) for _ in range(5)]
        for each in watched:
            self.watch(each)
        self.loop.doRead()
        self.assertEqual(sum(each.events for each in watched), 2)
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        self.loop.doRead()
        self.assertEqual(sum(each.events for each in watched), 4)
        self.reactor.advance(0)
        self.assertEqual([each.events for each in watched], [1] * 5)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_who_asks_for_more_waits_for_the_others(self) -> None:
        order: list[str] = []
        greedy = _Watched(lambda: (order.append("greedy"), len(order) < 9 and self.loop.soon(greedy)))
        other = _Watched(lambda: order.append("other"))
        self.loop.soon(greedy)
        self.watch(other)
        self.reactor.advance(0)
        self.assertEqual(order[:2], ["greedy", "other"])
        self.assertGreater(order.count("greedy"), 2)

    def test_soon_is_never_within_the_call(self) -> None:
        watched = _Watched()
        self.loop.soon(watched)
        self.assertEqual(watched.agains, 0)
        self.reactor.advance(0)
        self.assertEqual(watched.agains, 1)

    def test_an_exception_costs_one_and_no_other(self) -> None:
        """S-OPS-8."""
        bad, good = _Watched(lambda: 1 / 0), _Watched()
        self.watch(bad)
        self.watch(good)
        self.loop.soon(bad)
        self.loop.doRead()
        self.assertEqual((len(bad.failures), good.events), (2, 1))

    def test_an_exception_of_who_ends_it_is_logged(self) -> None:
        bad = _Watched(lambda: 1 / 0)
        bad.failures = None  # type: ignore[assignment]
        self.watch(bad)
        self.loop.doRead()
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    def test_an_event_of_one_that_is_gone_is_nobodys(self) -> None:
        """One handler closes another whose event waits in the same batch."""
        sockets: list[socket.socket] = []

        def close(other: int) -> None:
            self.loop.remove(sockets[other].fileno())
            sockets[other].close()

        watched = [_Watched(lambda: close(1)), _Watched(lambda: close(0))]
        sockets += [self.watch(each) for each in watched]
        self.loop.doRead()
        self.assertEqual(sum(each.events for each in watched), 1)
