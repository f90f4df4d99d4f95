"""What a log-on cookie says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.secret import Secret
from exfront.wire.cookies import cookie
from exfront.wire.logon_cookie import SESSION_ID_OCTETS, LogonCookie, decode

_TIMES = st.integers(0, 2**40)
_COOKIES = st.builds(
    LogonCookie,
    st.binary(min_size=SESSION_ID_OCTETS, max_size=SESSION_ID_OCTETS),
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.binary(max_size=256),
    _TIMES,
    _TIMES,
    st.booleans(),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 2**62)),
    st.one_of(st.none(), st.builds(Secret, st.binary(max_size=1024))),
)


class LogonCookieTests(SynchronousTestCase):
    @given(_COOKIES)
    def test_what_is_written_is_read_again(self, logon: LogonCookie) -> None:
        """S-HTTP-35."""
        self.assertEqual(decode(logon.encode()), logon)

    @given(_COOKIES, st.data())
    def test_pieces_are_nothing(self, logon: LogonCookie, data: st.DataObject) -> None:
        """S-HTTP-35: every octet, and no more."""
        octets = logon.encode()
        self.assertIsNone(decode(octets[: data.draw(st.integers(0, len(octets) - 1))]))
        self.assertIsNone(decode(octets + b"\0"))

    @given(st.binary(max_size=120))
    def test_no_octets_raise(self, octets: bytes) -> None:
        decode(octets)

    def test_no_repr_shows_the_password(self) -> None:
        """S-AUTH-11."""
        logon = LogonCookie(b"s" * 16, "id", b"alice", 1, 2, secret=Secret(b"secret-alice"))
        self.assertNotIn("secret-alice", repr(logon))


class CookieTests(SynchronousTestCase):
    def test_it_is_found_by_its_whole_name(self) -> None:
        """RFC 6265 section 4.2: case matters, the first one counts."""
        for values, value in (
            ([b"a=1; b=2"], b"2"), ([b"a=1", b"b=2;b=3"], b"2"), ([b"ab=1; B=2"], None), ([b"b"], b""), ([b"b="], b""),
            ([b" \tb=x=y ;"], b"x=y"), ([], None), ([b""], None), ([b'"b=1"'], None),
        ):  # fmt: skip
            self.assertEqual(cookie(values, b"b"), value, values)
