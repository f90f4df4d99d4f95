"""The trace of an answer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.because import Because, Trace


class Unformatted:
    """Fails when somebody formats it."""

    def __str__(self) -> str:
        raise AssertionError("formatted before anybody read it")

    __repr__ = __str__


class BecauseTests(SynchronousTestCase):
    def test_text(self) -> None:
        self.assertEqual(str(Because("home server", ("chicago", 143))), "home server: chicago, 143")
        self.assertEqual(str(Because("no mailbox")), "no mailbox")

    def test_trace_keeps_the_order(self) -> None:
        trace = Trace()
        trace.add("first", 1)
        trace.add("second")
        self.assertEqual(list(trace), [Because("first", (1,)), Because("second")])

    def test_nothing_is_formatted_before_it_is_read(self) -> None:
        trace = Trace()
        trace.add("rule", Unformatted())
        with self.assertRaises(AssertionError):
            str(trace.steps[0])
