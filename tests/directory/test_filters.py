"""Filters as values: their text, and that ldaptor's reading of that text is what goes over the wire."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from ldaptor.ldapfilter import parseFilter
from twisted.trial.unittest import SynchronousTestCase

from exfront.directory.filters import AllOf, AnyOf, Equals, EqualsOctets, Filter, Present, Scope, Search
from exfront.directory.search_request import encode

_VALUES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)


class TextTests(SynchronousTestCase):
    def test_special_characters_are_escaped(self) -> None:
        """S-AUTH-3: what a user types is shown escaped."""
        for value, text in (
            ("*", r"(uid=\2a)"),
            ("a)(uid=*", r"(uid=a\29\28uid=\2a)"),
            (r"\2a", r"(uid=\5c2a)"),
            ("a\0b", r"(uid=a\00b)"),
            ("jürgen", "(uid=jürgen)"),
        ):
            self.assertEqual(str(Equals("uid", value)), text)

    def test_octets_are_escaped_one_by_one(self) -> None:
        """RFC 4515 section 3; and on the wire they are what they are."""
        value = EqualsOctets("msExchMailboxGuid", b"\x00*a\xff")
        self.assertEqual(str(value), r"(msExchMailboxGuid=\00\2a\61\ff)")
        self.assertEqual(encode(value), b"\xa3\x19\x04\x11msExchMailboxGuid\x04\x04\x00*a\xff")

    def test_nesting(self) -> None:
        value = AllOf((Present("objectClass"), AnyOf((Equals("mail", "a"), Equals("uid", "b")))))
        self.assertEqual(str(value), "(&(objectClass=*)(|(mail=a)(uid=b)))")

    def test_search(self) -> None:
        search = Search("dc=x", Present("objectClass"), ("mail",), Scope.BASE)
        self.assertEqual(str(search), "base='dc=x' scope=base filter=(objectClass=*)")


class EncodeTests(SynchronousTestCase):
    """`encode` never reads text; ldaptor's parser does, and both must agree."""

    def test_present(self) -> None:
        self.assertEqual(encode(Present("objectClass")), parseFilter("(objectClass=*)").toWire())

    @given(_VALUES, _VALUES)
    @settings(deadline=None, max_examples=50)
    def test_same_octets_as_the_text(self, first: str, second: str) -> None:
        """S-AUTH-3: no value changes the structure of the filter."""
        value: Filter = AllOf((Equals("objectClass", "user"), AnyOf((Equals("mail", first), Equals("uid", second)))))
        encoded = encode(value)
        self.assertIn(b"\x04" + bytes((len(first.encode()),)) + first.encode(), encoded)
        if (first + second).isprintable() and " " not in first + second:  # ldaptor's parser changes white space
            self.assertEqual(encoded, parseFilter(str(value)).toWire())

    def test_octets_of_a_nul(self) -> None:
        self.assertIn(b"a\0b", encode(Equals("uid", "a\0b")))
