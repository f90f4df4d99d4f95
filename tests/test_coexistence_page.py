"""docs/coexistence.rst is what the rows say now."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.coexistence_page import OUTPUT, page


class CoexistencePageTests(SynchronousTestCase):
    def test_the_page_is_up_to_date(self) -> None:
        self.assertEqual(OUTPUT.read_text("utf-8"), page(), "docs/coexistence.rst is out of date: make docs")
