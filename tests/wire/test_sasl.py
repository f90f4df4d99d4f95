"""SASL responses: strict base64, and PLAIN."""

from __future__ import annotations

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.secret import Secret
from exfront.wire.sasl import (
    BadSasl,
    Credentials,
    decode_initial_response,
    decode_response,
    read_plain,
    write_plain,
)

NO_NUL = st.binary(max_size=40).filter(lambda octets: b"\0" not in octets)


class ResponseTests(SynchronousTestCase):
    def test_right_base64_is_decoded(self) -> None:
        for line, octets in ((b"", b""), (b"YQ==", b"a"), (b"YWI=", b"ab"), (b"//8=", b"\xff\xff")):
            self.assertEqual(decode_response(line), octets, line)

    def test_anything_else_is_refused(self) -> None:
        """S-MAIL-8: base64 is read strictly."""
        for line in (
            b"*",
            b"=",
            b"YQ",
            b"YQ=",
            b"Y Q==",
            b"YQ==\n",
            b"YR==",
            b"YQ===",
            b"!!!",
            b"_-8=",
            b"\xff",
            b"YQ==YQ==",
        ):
            with self.assertRaises(BadSasl, msg=line):
                decode_response(line)

    def test_equals_sign_is_the_empty_initial_response(self) -> None:
        """S-MAIL-8: an initial response of `=` is empty."""
        self.assertEqual(decode_initial_response(b"="), b"")
        self.assertEqual(decode_initial_response(b"YQ=="), b"a")

    @given(st.binary(max_size=60))
    @settings(deadline=None)
    def test_whatever_comes_is_decoded_or_refused(self, line: bytes) -> None:
        try:
            octets = decode_response(line)
        except BadSasl:
            return
        self.assertEqual(base64.b64encode(octets), line)


class PlainTests(SynchronousTestCase):
    def test_three_parts(self) -> None:
        self.assertEqual(read_plain(b"\0alice\0s3 cret"), Credentials(b"alice", Secret(b"s3 cret")))
        self.assertEqual(read_plain(b"bob\0alice\0x"), Credentials(b"alice", Secret(b"x"), b"bob"))

    def test_other_numbers_of_nul_are_refused(self) -> None:
        """S-MAIL-8: PLAIN has exactly two NULs."""
        for message in (b"", b"alice", b"alice\0x", b"\0alice\0x\0", b"\0\0\0"):
            with self.assertRaises(BadSasl, msg=message):
                read_plain(message)

    def test_the_password_is_not_in_the_repr(self) -> None:
        """S-AUTH-11: a password does not show in a repr."""
        self.assertNotIn("s3cret", repr(read_plain(b"\0alice\0s3cret")))

    @given(NO_NUL, NO_NUL)
    @settings(deadline=None)
    def test_what_is_written_is_read_back(self, name: bytes, password: bytes) -> None:
        plain = read_plain(decode_response(write_plain(name, Secret(password))))
        self.assertEqual(plain, Credentials(name, Secret(password)))

    def test_nul_is_not_written(self) -> None:
        """S-MAIL-7: a NUL would move the border between name and password."""
        for name, password in ((b"a\0b", b"x"), (b"a", b"x\0y")):
            with self.assertRaises(BadSasl):
                write_plain(name, Secret(password))
