"""A search as octets: ldaptor writes the same."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ldaptor.protocols import pureldap
from twisted.trial.unittest import SynchronousTestCase

from exfront.directory.filters import AllOf, AnyOf, Equals, Filter, Present, Scope, Search
from exfront.directory.framing import BadFrame
from exfront.directory.search_request import message, page_control, page_cookie, search_request
from tests.support.scripted_ldap import page_of

_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)
_ATTRIBUTE = st.text("abcdefgXYZ-0123456789", min_size=1, max_size=40)
_FILTERS = st.recursive(
    st.builds(Equals, _ATTRIBUTE, _TEXT) | st.builds(Present, _ATTRIBUTE),
    lambda parts: st.builds(lambda kind, some: kind(tuple(some)), st.sampled_from((AllOf, AnyOf)), st.lists(parts)),
    max_leaves=8,
)
_SEARCHES = st.builds(
    Search, _TEXT, _FILTERS, st.lists(_ATTRIBUTE, max_size=20).map(tuple), st.sampled_from(tuple(Scope))
)


def _filter(value: Filter) -> Any:
    if isinstance(value, AllOf | AnyOf):
        kind = pureldap.LDAPFilter_and if isinstance(value, AllOf) else pureldap.LDAPFilter_or
        return kind([_filter(part) for part in value.parts])
    if isinstance(value, Present):
        return pureldap.LDAPFilter_present(value.attribute)
    return pureldap.LDAPFilter_equalityMatch(
        attributeDesc=pureldap.LDAPAttributeDescription(value.attribute),
        assertionValue=pureldap.LDAPAssertionValue(value.value),
    )


class RequestTests(SynchronousTestCase):
    @given(_SEARCHES, st.integers(0, 70_000), st.integers(1, 600), st.integers(1, 2**31 - 1), st.none() | st.binary())
    @settings(deadline=None)
    def test_as_ldaptor_writes_it(
        self, search: Search, size: int, seconds: int, identifier: int, cookie: bytes | None
    ) -> None:
        """S-AUTH-3: a value is written as octets, whatever characters are in it."""
        controls = None if cookie is None else page_control(500, cookie)
        theirs = pureldap.LDAPSearchRequest(
            baseObject=search.base, scope=search.scope.value, sizeLimit=size, timeLimit=seconds,
            filter=_filter(search.filter), attributes=search.attributes,
        )  # fmt: skip
        expected = pureldap.LDAPMessage(theirs, controls=controls, id=identifier).toWire()
        self.assertEqual(message(identifier, search_request(search, float(seconds), size), controls), expected)

    def test_time_limits_are_rounded_up(self) -> None:
        search = Search("", Present("objectClass"), (), Scope.BASE)
        self.assertEqual(search_request(search, 0.2), search_request(search, 1.0))

    def test_a_base_goes_back_in_the_octets_that_it_came_in(self) -> None:
        search = Search(b"cn=\xff".decode("utf-8", "surrogateescape"), Present("objectClass"), (), Scope.BASE)
        self.assertIn(b"\x04\x04cn=\xff", search_request(search, 1.0))


class CookieTests(SynchronousTestCase):
    def test_the_next_page(self) -> None:
        self.assertEqual(page_cookie(page_of("more")), b"more")
        self.assertEqual(page_cookie(None), b"")
        self.assertEqual(page_cookie(((b"1.2.3", None, b"x"),)), b"")

    def test_a_control_that_is_no_page_is_refused(self) -> None:
        for value in (None, b"", b"\x30\x00", b"\x30\x03\x02\x01\x00"):
            with self.assertRaises(BadFrame):
                page_cookie(((b"1.2.840.113556.1.4.319", None, value),))
