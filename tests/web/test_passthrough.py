"""Negotiate and NTLM pass through: whose server is asked, and what of the challenges reaches whom."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from exfront.config.virtual_site import VirtualDirectorySection
from exfront.reasons import Refused
from exfront.wire import sealed_cookie
from exfront.wire.sealed_cookie import new_key
from tests.web.conversation import BOB, DIRECTORIES, OK, SITE, Conversation, read, request
from tests.wire.test_ntlm import type_3, value

PASSES = VirtualDirectorySection("/mapi", "mapi", "passthrough", server="chicago", require_tls="no")
BOTH = VirtualDirectorySection("/both", "exchange", ("basic", "passthrough"), server="chicago", require_tls="no")
NTLM = (
    b"HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n"
    b'WWW-Authenticate: Basic realm="be1"\r\nContent-Length: 0\r\n\r\n'
)
TYPE_1 = b"Authorization: NTLM TlRMTVNTUAABAAAA\r\n"


def type_3_of(name: str) -> bytes:
    return b"Authorization: " + value(b"NTLM", type_3("", name)) + b"\r\n"


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = self.new()

    def new(self) -> Conversation:
        talk = Conversation(sites=(evolve(SITE, virtual_directory=(*DIRECTORIES, PASSES, BOTH)),))
        self.addCleanup(talk.end)
        return talk

    def asked(self, *fields: bytes, line: bytes = b"GET /mapi/", answer: bytes = OK) -> tuple[str, bytes, bytes]:
        """Which server is asked, what it gets, and what the client gets of `answer`."""
        self.talk.send(request(line, *fields))
        for number, dialled in enumerate(self.talk.world.dialer.dialled):
            sent = dialled.line.take() if dialled.line.connected else b""
            if sent:
                return dialled.relay.server.name, sent, self.talk.answer(answer, number)
        return "", b"", b""


class PlaceTests(Case):
    def cookie(self, name: str, answer: bytes = OK) -> bytes:
        """What is set, as Cookie line, when `answer` lets somebody in who claims to be `name`."""
        _, _, octets = self.asked(type_3_of(name), answer=answer)
        found = read(octets).headers.get(b"set-cookie", b"").partition(b";")[0]
        return b"Cookie: a=b; " + found + b"\r\n" if found else b""

    def test_without_a_cookie_the_configured_server_is_asked(self) -> None:
        self.assertEqual(self.asked()[0], "chicago")

    def test_the_mailbox_of_the_url_decides(self) -> None:
        """S-ROUTE-1: looked up."""
        self.assertEqual(self.asked(line=b"GET /both/bob/")[0], "dallas")

    def test_the_next_connection_goes_to_the_claimed_users_server(self) -> None:
        """S-ROUTE-1: by a cookie that holds a name and no server; it stays here (S-HTTP-18)."""
        cookie = self.cookie("bob")
        self.assertIn(b"X-ExFront-Route=", cookie)
        self.talk.client.peer_closes()
        self.talk = self.new()
        self.assertEqual(self.asked(cookie)[0], "chicago", "of another process, whose key opens nothing here")

    def test_the_cookie_is_looked_up_each_time(self) -> None:
        """S-ROUTE-1: where the mailbox is now."""
        cookie = self.cookie("bob")
        again = Conversation(world=self.talk.world, sites=self.talk.sites)
        self.addCleanup(again.end)
        self.talk = again
        name, sent, _ = self.asked(cookie)
        self.assertEqual(name, "dallas")
        self.assertIn(b"Cookie: a=b\r\n", sent)
        self.assertNotIn(b"Route", sent)
        self.talk.world.directory.entries[1] = evolve(self.talk.world.directory.entries[1], home_server="chicago")
        self.assertEqual(self.asked(cookie, b"X: 1\r\n")[0], "chicago")

    def test_nobody_let_in_nothing_set(self) -> None:
        """S-AUTH-6: a name that is only claimed shows nothing of whether it exists."""
        for name, answer in (("bob", NTLM), ("carol", OK), ("nobody", OK), ("*", OK), ("a\0b", OK)):
            self.talk = self.new()
            self.assertEqual(self.cookie(name, answer), b"", name)

    def test_it_is_not_set_again(self) -> None:
        cookie = self.cookie("bob")
        _, _, octets = self.asked(cookie, type_3_of("bob"))
        self.assertNotIn(b"Set-Cookie", octets)

    def test_a_back_end_cannot_set_it(self) -> None:
        """S-HTTP-36: a cookie of our name is ours; others pass."""
        answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: X-ExFront-Route=x\r\nSet-Cookie: a_b=c\r\nContent-Length: 0\r\n\r\n"
        _, _, octets = self.asked(answer=answer)
        self.assertEqual(octets.count(b"Set-Cookie: "), 1)
        self.assertIn(b"Set-Cookie: a_b=c\r\n", octets)

    def test_over_tls_it_never_leaves_in_clear(self) -> None:
        """S-HTTP-36."""
        self.talk = Conversation(sites=self.talk.sites, secure=True)
        self.addCleanup(self.talk.end)
        _, _, octets = self.asked(type_3_of("bob"))
        self.assertRegex(read(octets).headers[b"set-cookie"], rb"; Path=/; Secure; HttpOnly; SameSite=Lax\Z")

    def test_a_forged_cookie_is_none(self) -> None:
        """S-HTTP-35: sealed with another key, cut, or of another kind."""
        foreign = sealed_cookie.seal(new_key(), b"X-ExFront-Route", b"bob")
        other = sealed_cookie.seal(self.talk.world.cookies.key, b"logon", b"bob")
        for odd in (b"bob", foreign, other, b""):
            self.assertEqual(self.asked(b"Cookie: X-ExFront-Route=" + odd + b"\r\n")[0], "chicago", odd)

    def test_a_directory_that_is_down_is_told(self) -> None:
        """S-DIR-3: who has a cookie is not sent to somebody else's server instead."""
        cookie = self.cookie("bob")
        self.talk.world.directory.fault = Refused(reasons.DIRECTORY_DOWN)
        self.assertEqual(read(self.talk.send(request(b"GET /mapi/", cookie))).status, 503)


class ChallengeTests(Case):
    def challenges(self, octets: bytes) -> list[bytes]:
        return [line[18:] for line in octets.split(b"\r\n") if line.startswith(b"WWW-Authenticate: ")]

    def test_what_passes_is_offered_and_nothing_else(self) -> None:
        """S-HTTP-34: a password does not pass, so nobody is asked for one."""
        _, _, octets = self.asked(answer=NTLM)
        self.assertEqual(self.challenges(octets), [b"Negotiate", b"NTLM"])
        self.assertEqual(read(octets).headers[b"proxy-support"], b"Session-Based-Authentication")

    def test_beside_basic_of_our_own_the_back_ends_is_not_shown(self) -> None:
        """S-AUTH-12: a password is for us to prove."""
        _, _, octets = self.asked(line=b"GET /both/", answer=NTLM)
        self.assertEqual(self.challenges(octets), [b"Negotiate", b"NTLM", b'Basic realm="Mail", charset="UTF-8"'])

    def test_a_password_there_is_proven_here(self) -> None:
        """S-AUTH-1, S-HTTP-33: and goes on a connection of the user's."""
        self.asked(line=b"GET /both/", answer=NTLM)
        self.assertEqual(self.asked(BOB, line=b"GET /both/")[0], "dallas")
        self.assertEqual(self.talk.world.passwords.checked, ["bob"])

    def test_the_log_tells_what_was_offered_and_used(self) -> None:
        self.asked(TYPE_1, line=b"GET /both/", answer=NTLM)
        record = self.talk.records[0]
        self.assertEqual((record.schemes_offered, record.scheme_used), ("Negotiate,NTLM,Basic", "NTLM"))
