"""The Basic scheme (S-AUTH-12)."""

from __future__ import annotations

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.secret import Secret
from exfront.wire import basic


def value(octets: bytes, scheme: bytes = b"Basic ") -> bytes:
    return scheme + base64.b64encode(octets)


class ParseTests(SynchronousTestCase):
    def test_a_name_and_a_password_are_read(self) -> None:
        """S-AUTH-12: the scheme in any case, the first colon splits, octets as they are."""
        for octets, name, password in (
            (b"u:p", b"u", b"p"),
            (b"DOMAIN\\user:a:b:c", b"DOMAIN\\user", b"a:b:c"),
            (b"u@d:", b"u@d", b""),
            (b":p", b"", b"p"),
            (b"ren\xe9:\xc3\xa9\0 ", b"ren\xe9", b"\xc3\xa9\0 "),
        ):
            for scheme in (b"Basic ", b"basic ", b"BASIC   "):
                self.assertEqual(basic.parse(value(octets, scheme)), (name, Secret(password)))

    def test_malformed_credentials_are_none(self) -> None:
        """S-AUTH-12: `Basic !!!`, other schemes, no colon, base64 that is not strict: none."""
        for malformed in (
            b"Basic !!!", b"", b"Basic", b"Basic ", b"Basic  ", b"Basicdjpw", b"Bearer dTpw", b"Basic dTpw extra",
            b"dTpw", b"Basic dTpw\n", b"Basic dTp", b"Basic dTpwMQ", b"Basic dTpwMQ=", b"Basic dTpwMR==",
            b"Basic dTpw====", b"Basic dT=pw", b"Basic dT pw", b"Basic dTp-", b"Basic\tdTpw", b" Basic dTpw",
            b"Basic =", b"Basic dTpw,", b"Negotiate dTpw", value(b"no colon"),
        ):  # fmt: skip
            self.assertIsNone(basic.parse(malformed), malformed)

    def test_the_password_is_wrapped(self) -> None:
        """S-AUTH-11: a repr of the credentials has no password."""
        self.assertNotIn("s3cret", repr(basic.parse(value(b"u:s3cret"))))

    @given(st.binary(max_size=40))
    @settings(deadline=None)
    def test_any_octets_give_credentials_or_none(self, octets: bytes) -> None:
        for candidate in (octets, b"Basic " + octets):
            found = basic.parse(candidate)
            if found is not None:
                self.assertEqual(basic.credentials(*found), b"Basic " + candidate[6:].lstrip(b" "))


class WriteTests(SynchronousTestCase):
    def test_credentials_are_written_for_a_back_end(self) -> None:
        self.assertEqual(basic.credentials(b"u", Secret(b"a:b")), value(b"u:a:b"))

    def test_a_name_with_a_colon_is_no_name(self) -> None:
        self.assertRaises(ValueError, basic.credentials, b"u:v", Secret(b"p"))

    @given(st.binary(max_size=20).filter(lambda name: b":" not in name), st.binary(max_size=20))
    @settings(deadline=None)
    def test_what_is_written_is_read_as_the_same(self, name: bytes, password: bytes) -> None:
        self.assertEqual(basic.parse(basic.credentials(name, Secret(password))), (name, Secret(password)))

    def test_a_challenge_names_the_realm_and_utf_8(self) -> None:
        self.assertEqual(basic.challenge("mail"), b'Basic realm="mail", charset="UTF-8"')
        self.assertEqual(basic.challenge('a"b\\c'), b'Basic realm="a\\"b\\\\c", charset="UTF-8"')

    def test_a_realm_that_would_make_another_header_is_refused(self) -> None:
        """S-HTTP-40: control octets raise."""
        for realm in ("a\r\nb", "a\nb", "\0", "\xe9", "\x7f"):
            self.assertRaises(ValueError, basic.challenge, realm)
