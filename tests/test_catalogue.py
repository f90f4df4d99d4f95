"""The rules, their tests and the pages about them agree."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from tests import catalogue

_SECURITY = """
Mail
----
**S-MAIL-1** Bytes behind STARTTLS close the connection.

Bad input that is tried
-----------------------
- unknown user
- two Hosts

Events
------
- no bad input
"""

_TESTS = '''
class Tests:
    def test_one(self):
        """S-MAIL-1, S-MAIL-2: outcome.

        Bad input: unknown user
        """
    async def test_two(self):
        """S-MAIL-1: outcome."""
    def test_three(self):
        """A sentence that names S-MAIL-3: not held."""
    def helper(self):
        """S-MAIL-4: no test."""
'''


def _scanned(tests: str) -> catalogue.Catalogue:
    found = catalogue.Catalogue()
    for name, docstring in catalogue.documented_tests(tests):
        found.add(name, docstring)
    return found


class RepositoryTests(SynchronousTestCase):
    """The repository itself."""

    def test_nothing_is_missing(self) -> None:
        """Each stated rule and each required bad input has a test, and docs/tests.rst is as the generator writes it."""
        written = catalogue.OUTPUT.read_text("utf-8")
        found = catalogue.problems(catalogue.scan(catalogue.ROOT), catalogue.SECURITY.read_text("utf-8"), written)
        self.assertEqual(list(found), [])

    def test_each_reason_is_explained(self) -> None:
        """docs/security.rst has a row for each code that a client or an operator can see, and no row for another."""
        known = {each.code for each in vars(reasons).values() if isinstance(each, reasons.Reason)}
        _, _, table = catalogue.SECURITY.read_text("utf-8").partition("Reasons\n-------\n")
        self.assertEqual(set(re.findall(r"^``(XF-[A-Z-]+)``", table, re.MULTILINE)), known)


class ScanTests(SynchronousTestCase):
    """What is read out of sources."""

    def test_rules_are_read_from_the_first_line_only(self) -> None:
        """Ids in front of the colon count, in test methods only."""
        self.assertEqual(
            _scanned(_TESTS).rules, {"S-MAIL-1": ["Tests.test_one", "Tests.test_two"], "S-MAIL-2": ["Tests.test_one"]}
        )

    def test_bad_inputs_are_read_from_any_line(self) -> None:
        """The words behind `Bad input:`."""
        self.assertEqual(_scanned(_TESTS).bad_inputs, {"unknown user": ["Tests.test_one"]})

    def test_modules_are_named_by_their_path(self) -> None:
        """Files called test_*.py, below tests/."""
        with tempfile.TemporaryDirectory() as folder:
            room = Path(folder, "tests", "mail")
            room.mkdir(parents=True)
            (room / "test_sample.py").write_text(_TESTS)
            (room / "sample.py").write_text(_TESTS)
            self.assertEqual(catalogue.scan(Path(folder)).rules["S-MAIL-2"], ["tests.mail.test_sample.Tests.test_one"])

    def test_the_list_of_bad_inputs_ends_at_the_next_heading(self) -> None:
        """Other lists are not read."""
        self.assertEqual(catalogue.required_bad_inputs(_SECURITY), ["unknown user", "two Hosts"])


class ProblemTests(SynchronousTestCase):
    """Each kind of gap is found."""

    def problems(self, tests: str, security: str = _SECURITY) -> list[str]:
        """With a docs/tests.rst that is up to date."""
        found = _scanned(tests)
        return list(catalogue.problems(found, security, catalogue.render(found)))

    def test_a_rule_that_is_not_stated(self) -> None:
        """A test may not name what the page does not say."""
        self.assertIn(
            "S-MAIL-2 is named by Tests.test_one and docs/security.rst does not state it", self.problems(_TESTS)
        )

    def test_a_rule_without_a_test(self) -> None:
        """The page may not claim what no test holds."""
        self.assertIn("S-MAIL-1 is stated in docs/security.rst and no test names it", self.problems(""))

    def test_a_bad_input_without_a_test(self) -> None:
        """The list must be tried whole."""
        self.assertIn("no test says 'Bad input: two Hosts'", self.problems(_TESTS))

    def test_a_rule_stated_twice(self) -> None:
        """Two wordings of one rule would drift apart."""
        self.assertIn(
            "S-MAIL-1 is stated twice in docs/security.rst", self.problems(_TESTS, _SECURITY + "**S-MAIL-1** b")
        )

    def test_a_page_that_is_out_of_date(self) -> None:
        """The page is compared as text."""
        found = catalogue.problems(_scanned(_TESTS), _SECURITY, "old")
        self.assertIn("docs/tests.rst is out of date: make docs", list(found))
