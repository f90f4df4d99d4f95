"""The test run's own judgement: what trial lets pass and a gate must not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.run import ROOT, judge, ordinary_tests, real_tests


class JudgementTests(SynchronousTestCase):
    """Closing lines and exit statuses of trial, as measured."""

    def test_only_successes_pass(self) -> None:
        """Each other word of the closing line counts as a failure, whatever the exit status."""
        cases = [
            ("PASSED (successes=5)", 0, (5, 0)),
            ("PASSED (skips=1, successes=4)", 0, (4, 1)),
            ("PASSED (expectedFailures=1, successes=4)", 0, (4, 1)),
            ("PASSED (unexpectedSuccesses=1, successes=4)", 0, (4, 1)),
            ("FAILED (failures=1, errors=2, successes=3)", 1, (3, 3)),
        ]
        for line, status, counts in cases:
            outcome = judge(f"Ran 5 tests in 0.1s\n\n{line}\n", status, 5)
            self.assertEqual((outcome.passed, outcome.failed), counts, line)
            self.assertEqual(outcome.complaints, [], line)

    def test_a_group_that_loses_tests_fails(self) -> None:
        """Trial is content with a package without tests."""
        for output, status in (("Ran 0 tests\n\nPASSED\n", 0), ("Killed", -9), ("", 1), ("PASSED (successes=4)\n", 0)):
            outcome = judge(output, status, 5)
            self.assertGreater(outcome.failed, 0, output)
            self.assertTrue(outcome.complaints)

    def test_a_status_without_a_counted_failure_fails(self) -> None:
        """The reactor left unclean, a test that trial could not load."""
        self.assertEqual(judge("PASSED (successes=5)\n", 1, 5).failed, 1)


class SelectionTests(SynchronousTestCase):
    """What belongs to the ordinary tests."""

    def test_real_servers_stay_apart(self) -> None:
        """They run in a process of their own, as do the heavy ones."""
        found = ordinary_tests()
        self.assertIn("tests.test_run", found)
        self.assertFalse({"tests.real", "tests.soak", "tests.support"} & set(found))

    def test_each_module_on_real_servers_is_in_one_group(self) -> None:
        found = [name for group in real_tests() for name in group]
        modules = [f"tests.real.{file.stem}" for file in (ROOT / "tests" / "real").glob("test_*.py")]
        self.assertEqual(sorted(found), sorted(modules))
