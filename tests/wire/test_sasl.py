"""SASL responses: strict base64, and PLAIN."""

from __future__ import annotations

import base64
from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.secret import Secret
from exfront.wire.sasl import (
    BadSasl,
    Challenge,
    Credentials,
    Exchange,
    Mechanism,
    decode_initial_response,
    decode_response,
    read_oauthbearer,
    read_plain,
    read_xoauth2,
)
from exfront.wire.sasl_client import write_response

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

    @given(*[NO_NUL.filter(lambda octets: not set(octets) & {10, 13})] * 2)
    @settings(deadline=None)
    def test_what_is_written_is_read_back(self, name: bytes, password: bytes) -> None:
        plain = read_plain(decode_response(write_response(Credentials(name, Secret(password)))))
        self.assertEqual(plain, Credentials(name, Secret(password)))

    def test_nul_is_not_written(self) -> None:
        """S-MAIL-7: a NUL would move the border between name and password."""
        for name, password in ((b"a\0b", b"x"), (b"a", b"x\0y")):
            with self.assertRaises(ValueError):
                write_response(Credentials(name, Secret(password)))


MECHANISMS: tuple[Mechanism, ...] = ("PLAIN", "LOGIN", "EXTERNAL", "XOAUTH2", "OAUTHBEARER")


class ExchangeTests(SynchronousTestCase):
    def run_through(self, mechanism: Mechanism, *said: bytes | None) -> list[object]:
        """What comes of the initial response (None: none) and of each line; the last may be the error's class."""
        exchange, results = Exchange(mechanism), []
        for number, line in enumerate(said):
            try:
                results.append(exchange.begin(line) if number == 0 else exchange.answer(line or b""))
            except BadSasl:
                return [*results, BadSasl]
        return results

    def test_with_and_without_initial_response(self) -> None:
        plain, word = Credentials(b"alice", Secret(b"x")), b64encode(b"\0alice\0x")
        self.assertEqual(self.run_through("PLAIN", word), [plain])
        self.assertEqual(self.run_through("PLAIN", None, word), [Challenge(b""), plain])
        name, password = Challenge(b"VXNlcm5hbWU6"), Challenge(b"UGFzc3dvcmQ6")
        self.assertEqual(self.run_through("LOGIN", None, b"YWxpY2U=", b"eA=="), [name, password, plain])
        self.assertEqual(self.run_through("LOGIN", b"YWxpY2U=", b"eA=="), [password, plain])
        nobody = Credentials(b"", Secret(b""), b"", "EXTERNAL")
        self.assertEqual(self.run_through("EXTERNAL", b"="), [nobody])
        self.assertEqual(self.run_through("EXTERNAL", None, b""), [Challenge(b""), nobody])
        self.assertEqual(self.run_through("EXTERNAL", b"Ym9i"), [Credentials(b"", Secret(b""), b"bob", "EXTERNAL")])

    def test_responses_that_are_none(self) -> None:
        """S-MAIL-8: strict base64, and no NUL where none belongs.

        Bad input: SASL response that is no base64, or has more or fewer NULs than the mechanism.
        """
        for mechanism in MECHANISMS:
            for word in (b"!!!", b"YQ", b" YQ==", b"AA=="):
                results = self.run_through(mechanism, word)
                if mechanism == "LOGIN" and word == b"AA==":
                    continue  # a name with NUL is refused as one (S-AUTH-1)
                self.assertEqual(results, [BadSasl], (mechanism, word))

    def test_xoauth2(self) -> None:
        """Google, SASL XOAUTH2: the example of its documentation."""
        message = b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"
        credentials = Credentials(b"someuser@example.com", Secret(message), b"", "XOAUTH2")
        self.assertEqual(read_xoauth2(message), credentials)

    def test_oauthbearer(self) -> None:
        """RFC 7628 section 4.1, and names with a comma and an equals sign (RFC 5801 section 4)."""
        rest = b"\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRh==\x01\x01"
        for header, name in (
            (b"n,a=user@example.com,", b"user@example.com"),
            (b"y,a=user@example.com,", b"user@example.com"),
            (b"n,a=Doe=2C J=3D,", b"Doe, J="),
        ):
            self.assertEqual(
                read_oauthbearer(header + rest), Credentials(name, Secret(header + rest), b"", "OAUTHBEARER")
            )
        self.assertEqual(read_oauthbearer(b"n,a=u,\x01auth=Bearer t\x01\x01").name, b"u")

    def test_tokens_that_are_none(self) -> None:
        """S-MAIL-8.

        Bad input: token without a user, with NUL, or for another channel.
        """
        bearer = b"auth=Bearer t\x01"
        for message in (
            b"", b"user=\x01" + bearer + b"\x01", b"user=a\x01" + bearer, b"user=a\x01" + bearer + b"\x01x",
            b"user=a\0b\x01" + bearer + b"\x01", b"user=a\x01auth=Basic t\x01\x01", b"user=a\x01auth=Bearer \x01\x01",
            b"user=a\x01user=b\x01" + bearer + b"\x01", b"user=a\x01auth=Bearer t u\x01\x01",
        ):  # fmt: skip
            self.assertRaises(BadSasl, read_xoauth2, message)
        for message in (
            b"", b"n,,\x01" + bearer + b"\x01", b"n,a=,\x01" + bearer + b"\x01",
            b"p=tls-unique,a=u,\x01" + bearer + b"\x01",
            b"n,a=u\x01" + bearer + b"\x01", b"n,a=u=v,\x01" + bearer + b"\x01", b"n,a=u,\x01" + bearer,
            b"n,a=u,\x01host=x\x01\x01", b"n,a=u\0v,\x01" + bearer + b"\x01", b"n,a=u,\x01" + bearer + b"\x01\x01",
            b"F,n,a=u,\x01" + bearer + b"\x01",
            b"n,a=u,\x01" + bearer + bearer + b"\x01",
            b"n,a=u,\x01host=a\r\nb\x01" + bearer + b"\x01",
            b"n,a=u\nv,\x01" + bearer + b"\x01",
            b"n,a=u,\x01" + bearer * 5000 + b"x",
            b"n,a=u,\x01" + b"k=v\x01" * 15_000 + b"x",
        ):  # fmt: skip
            self.assertRaises(BadSasl, read_oauthbearer, message)

    def test_a_token_is_not_in_the_repr(self) -> None:
        """S-AUTH-11."""
        self.assertNotIn("t0ken", repr(read_xoauth2(b"user=a\x01auth=Bearer t0ken\x01\x01")))

    @given(st.sampled_from(MECHANISMS), st.lists(st.none() | st.binary(max_size=60), min_size=1, max_size=3))
    @settings(deadline=None)
    def test_whatever_is_said_gives_challenges_credentials_or_bad_sasl(
        self, mechanism: Mechanism, said: list[bytes | None]
    ) -> None:
        exchange = Exchange(mechanism)
        for number, octets in enumerate(said):
            line = None if octets is None else b64encode(octets)
            try:
                result = exchange.begin(line) if number == 0 else exchange.answer(line or b"")
            except BadSasl:
                return
            if isinstance(result, Credentials):
                return
