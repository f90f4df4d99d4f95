"""Reading an entry's octets."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from exfront.directory.entry import Entry
from exfront.reasons import INCONSISTENT_MAILBOX, Refused

_ENTRY = Entry(
    "cn=a,dc=b",
    {
        "mail": (b"a@b",),
        "homemdb": (b"cn=x", b"cn=y"),
        "objectguid": (b"\xf0\xf1",),
        "useraccountcontrol": (b"514",),
        "uid": (b"one",),
    },
)


class EntryTests(SynchronousTestCase):
    def refused(self, read: Callable[[], object]) -> None:
        with self.assertRaises(Refused) as caught:
            read()
        self.assertIs(caught.exception.reason, INCONSISTENT_MAILBOX)

    def test_attribute_names_ignore_case(self) -> None:
        """S-DIR-12: attribute names compare without case."""
        self.assertEqual(_ENTRY.text("MAIL"), "a@b")
        self.assertEqual(_ENTRY.octets("objectGUID"), b"\xf0\xf1")

    def test_absent_is_empty(self) -> None:
        self.assertEqual(_ENTRY.text("mailHost"), "")
        self.assertEqual(_ENTRY.texts("mailHost"), ())
        self.assertEqual(_ENTRY.number("mailHost"), 0)

    def test_number(self) -> None:
        self.assertEqual(_ENTRY.number("userAccountControl"), 514)

    def test_two_values_where_one_belongs_are_refused(self) -> None:
        """S-DIR-12: two values of a single-valued attribute refuse the mailbox."""
        self.refused(lambda: _ENTRY.text("homeMDB"))
        self.assertEqual(_ENTRY.texts("homeMDB"), ("cn=x", "cn=y"))

    def test_text_that_is_not_utf8_is_refused(self) -> None:
        self.refused(lambda: _ENTRY.text("objectGUID"))
        self.refused(lambda: _ENTRY.texts("objectGUID"))

    def test_number_that_is_none_is_refused(self) -> None:
        self.refused(lambda: _ENTRY.number("uid"))

    def test_dn_that_could_only_be_guessed_is_refused(self) -> None:
        for name in (b"cn=\xff,dc=b".decode("utf-8", "surrogateescape"), "cn=a,", "a"):
            self.refused(Entry(name, {}).name)
        self.assertEqual(_ENTRY.name(), "cn=a,dc=b")
