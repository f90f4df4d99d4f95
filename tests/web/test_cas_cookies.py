"""The jar of a user at a second Client Access server."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.web.cas_cookies import CasSession, CasSessions, with_cookies

_NOW = 1_000_000_000.0  # 9 September 2001


class SessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.session = CasSession()

    def take(self, *values: bytes) -> None:
        for value in values:
            self.session.take(value, _NOW)

    def test_path_and_case(self) -> None:
        """RFC 6265 section 5.1.4"""
        self.take(b"a=1; Path=/owa", b"b=2; path=/owa/", b"c=3", b"d=4; Path=/ecp", b"e=5; path=relative")
        self.assertEqual(set(self.session.cookies(b"/OWA/x")), {b"a", b"b", b"c", b"e"})
        self.assertEqual(set(self.session.cookies(b"/owa")), {b"a", b"c", b"e"})
        self.assertEqual(set(self.session.cookies(b"/owability")), {b"c", b"e"})

    def test_the_longer_path_wins(self) -> None:
        self.take(b"a=long; Path=/owa", b"a=short; Path=/")
        self.assertEqual(self.session.cookies(b"/owa/"), {b"a": b"long"})

    def test_the_end_of_a_cookie(self) -> None:
        for ending in (b"Max-Age=0", b"max-age=-1", b"Expires=Thu, 01 Jan 1970 00:00:00 GMT", b"Max-Age=00"):
            self.take(b"a=1", b"a=; " + ending)
            self.assertEqual(self.session.cookies(b"/"), {}, ending)
        self.take(b"a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", b"b=2; expires=nonsense")
        self.assertEqual(self.session.cookies(b"/"), {b"a": b"1", b"b": b"2"})

    def test_what_is_no_cookie_or_too_long(self) -> None:
        self.take(b"", b"a", b"=1", b"a=" + b"x" * limits.CAS_COOKIE_OCTETS)
        self.assertEqual(self.session.cookies(b"/"), {})

    def test_the_oldest_of_too_many_goes(self) -> None:
        self.take(*(b"c%d=1" % number for number in range(limits.CAS_COOKIES + 1)))
        self.assertEqual(len(self.session.cookies(b"/")), limits.CAS_COOKIES)
        self.assertNotIn(b"c0", self.session.cookies(b"/"))

    def test_with_those_of_a_client(self) -> None:
        self.take(b"UserContext=ours; path=/owa")
        fields = ((b"Host", b"h"), (b"Cookie", b"UserContext=theirs; x=1;;y=2"))
        merged = with_cookies(fields, self.session, b"/owa/")
        self.assertEqual(merged, ((b"Host", b"h"), (b"Cookie", b"x=1; y=2; UserContext=ours")))
        self.assertIs(with_cookies(fields, self.session, b"/ecp/"), fields)


class SessionsTests(SynchronousTestCase):
    def test_users_and_servers_are_apart(self) -> None:
        sessions = CasSessions(most=2)
        sessions.of("alice", "dallas").take(b"a=1", _NOW)
        self.assertEqual(sessions.of("bob", "dallas").cookies(b"/"), {})
        self.assertEqual(sessions.of("alice", "DALLAS").cookies(b"/"), {b"a": b"1"})
        self.assertEqual(sessions.of("alice", "austin").cookies(b"/"), {})
        self.assertEqual(len(sessions), 2)
        self.assertEqual(sessions.of("alice", "dallas").cookies(b"/"), {b"a": b"1"})
