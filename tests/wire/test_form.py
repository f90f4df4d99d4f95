"""Forms as browsers send them."""

from __future__ import annotations

from urllib.parse import quote_plus, urlencode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.wire.form import BadForm, is_form, parse_form

_NAMES = st.text("abcdefghijklmnopqrstuvwxyzUTF8 -_", min_size=1, max_size=12)


class FormTests(SynchronousTestCase):
    def test_what_scripts_and_browsers_send(self) -> None:
        """S-HTTP-38: the fields of Exchange's own form."""
        sent = (
            b"destination=https%3A%2F%2Fhost%2Fexchange%2F&flags=0&username=DOM%5Cuser&password=x+y%2B&SubmitCreds=Log+On"
            b"&trusted=0&isUtf8=1&forcedownlevel="
        )
        self.assertEqual(
            parse_form(sent),
            {
                "destination": b"https://host/exchange/", "flags": b"0", "username": b"DOM\\user", "password": b"x y+",
                "SubmitCreds": b"Log On", "trusted": b"0", "isUtf8": b"1", "forcedownlevel": b"",
            },
        )  # fmt: skip

    def test_octets_are_kept(self) -> None:
        """S-AUTH-12: UTF-8 and Latin-1 as they came; who proves a password decides what they mean."""
        self.assertEqual(parse_form(b"password=%C3%A9")["password"], "é".encode())
        self.assertEqual(parse_form(b"password=%e9")["password"], b"\xe9")

    @given(st.dictionaries(_NAMES, st.binary(max_size=40), max_size=limits.LOGON_FORM_FIELDS))
    def test_what_is_written_is_read_again(self, fields: dict[str, bytes]) -> None:
        self.assertEqual(parse_form(urlencode(fields, quote_via=quote_plus).encode()), fields)

    @given(st.one_of(st.binary(max_size=80), st.text("a=&%+0fé", max_size=40).map(str.encode)))
    def test_no_octets_raise_anything_else(self, octets: bytes) -> None:
        """S-HTTP-38: read, or refused."""
        try:
            fields = parse_form(octets)
        except BadForm:
            return
        self.assertLessEqual(sum(map(len, fields.values())), len(octets))

    def test_what_is_refused(self) -> None:
        """S-HTTP-38: whatever two readers could read differently, or is more than a form has."""
        for octets in (
            b"a=1&a=2", b"a=1&%61=2", b"a=%", b"a=%4", b"a=%zz", b"a=%u0041", b"a=\xe9", b"a=b c", b"a=1\r\n", b"a=\0",
            b"%ff=1", b"&".join(b"f%d=" % number for number in range(limits.LOGON_FORM_FIELDS + 1)),
            b"a=" + b"x" * limits.LOGON_FORM_OCTETS,
        ):  # fmt: skip
            with self.assertRaises(BadForm, msg=octets[:40]) as caught:
                parse_form(octets)
            self.assertNotIn("x" * 9, str(caught.exception))

    def test_content_type(self) -> None:
        for value, form in (
            (b"application/x-www-form-urlencoded", True), (b"Application/X-WWW-Form-Urlencoded ; charset=utf-8", True),
            (b"text/plain", False), (b"multipart/form-data; boundary=x", False), (b"", False), (None, False),
        ):  # fmt: skip
            self.assertEqual(is_form(value), form, value)
