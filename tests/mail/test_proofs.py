"""Log-ons without a password: by certificate, by token; and what is learned of back ends by each log-on."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from cryptography import x509
from OpenSSL.crypto import X509
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.config.mail import MailSection
from exfront.mail.kinds import IMAP4, POP3, Kind
from exfront.reasons import (
    AUTHORIZATION_FAILED,
    BACK_END_LOGIN_REFUSED,
    UNKNOWN_USER,
    WITHOUT_PASSWORD,
    WRONG_TOKEN,
)
from exfront.secret import Secret
from exfront.topology import Master
from tests.mail.connection import FLOOR, MailConnection
from tests.support.authority import Authority
from tests.support.steps import SmallWorld, server

FAILED = b"NO [AUTHENTICATIONFAILED] The user name or password is not correct. (XF-AUTH-FAIL)\r\n"
MASTERS = tuple(server(name, master=Master("front", Secret(b"m4ster"))) for name in ("chicago", "dallas"))
TOKENS = MailSection(tokens=True)


class CertificateTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = Authority(folder)

    def connection(
        self, name: str = "alice", kind: Kind = IMAP4, mode: str = "implicit", world: SmallWorld | None = None
    ) -> MailConnection:
        """Under TLS, with a certificate for `name`, or without one for nobody."""
        c = MailConnection(kind, world or SmallWorld(servers=MASTERS), mode, plaintext=False, asks=True)
        if name:
            (certificate,) = x509.load_pem_x509_certificates(self.authority.issue_client(name).read_bytes())[:1]
            c.transport.peer = X509.from_cryptography(certificate)
        if mode == "starttls":
            c.say(b"x STARTTLS\r\n" if kind is IMAP4 else b"STLS\r\n")
        c.transport.shake_hands()
        c.greeting += c.transport.take()
        return c

    def test_it_is_offered_to_who_has_shown_one(self) -> None:
        """S-MAIL-4, S-MAIL-8: under TLS from the start the greeting waits for that."""
        self.assertIn(b"AUTH=EXTERNAL", self.connection().greeting)
        self.assertNotIn(b"EXTERNAL", self.connection("").greeting)
        for name, offered in (("alice", True), ("", False)):
            c = self.connection(name, mode="starttls")
            self.assertNotIn(b"EXTERNAL", c.greeting)
            self.assertEqual(b"EXTERNAL" in c.say(b"a CAPABILITY\r\n"), offered)
            for mode in ("implicit", "starttls"):
                answer = self.connection(name, POP3, mode).say(b"CAPA\r\n")
                self.assertIn(b"SASL EXTERNAL PLAIN" if offered else b"SASL PLAIN", answer)

    def test_nobody_is_asked_where_the_listener_has_no_authorities(self) -> None:
        c = MailConnection(mode="implicit")
        self.assertIn(b"* OK [CAPABILITY IMAP4rev1", c.greeting)
        c.transport.shake_hands()
        self.assertEqual(c.transport.take(), b"")

    def test_log_on_with_the_masters_credentials(self) -> None:
        """S-MAIL-8, S-ROUTE-3: the account that the certificate is mapped to, by its own name."""
        for kind, command in ((IMAP4, b"a AUTHENTICATE EXTERNAL =\r\n"), (POP3, b"AUTH EXTERNAL =\r\n")):
            c = self.connection("bob", kind)
            self.assertEqual(c.say(command), b"")
            self.assertEqual(c.world.dialer.dialled[0].relay.server.name, "dallas")
            asked = c.back_end_says(b"* OK [CAPABILITY AUTH=PLAIN SASL-IR] hi\r\n" if kind is IMAP4 else b"+OK\r\n")
            if kind is POP3:
                asked = c.back_end_says(b"+OK\r\nSASL PLAIN\r\n.\r\n")
            self.assertIn(b64encode(b"bob\0front\0m4ster"), asked)
            self.assertEqual(c.world.passwords.checked, [])
            self.assertEqual(c.session.record.scheme_used, "external")

    def test_whom_to_act_for(self) -> None:
        """S-MAIL-8: nobody but the same account, however it is spelt."""
        for acts_for, passes in ((b"alice@fourthcoffee.com", True), (b"bob", False), (b"nobody", False)):
            c = self.connection()
            answer = c.say(b"a AUTHENTICATE EXTERNAL " + b64encode(acts_for) + b"\r\n")
            self.assertEqual(len(c.world.dialer.dialled), int(passes), acts_for)
            if not passes:
                self.assertTrue(answer.startswith(b"a NO [AUTHORIZATIONFAILED] "), answer)
                self.assertEqual(c.records[0].reason, AUTHORIZATION_FAILED)

    def test_one_of_nobody(self) -> None:
        """S-AUTH-6: as a wrong password, and after the same time.

        Bad input: EXTERNAL without a certificate, or with one of nobody.
        """
        c = self.connection("stranger")
        self.assertEqual(c.say(b"a AUTHENTICATE EXTERNAL =\r\n"), b"")
        self.assertEqual(c.wait(FLOOR), b"a " + FAILED)
        self.assertEqual([(r.user, r.reason) for r in c.records], [("CN=stranger", UNKNOWN_USER)])

    def test_a_back_end_that_takes_passwords_alone(self) -> None:
        """S-MAIL-14: in words, and it is no wrong password."""
        c = self.connection(world=SmallWorld())
        self.assertEqual(
            c.say(b"a AUTHENTICATE EXTERNAL =\r\n"),
            b"a NO [CANNOT] Log on with a password: the mailbox server takes nothing else. (XF-NO-PASSWORD)\r\n",
        )
        self.assertEqual([r.reason for r in c.records], [WITHOUT_PASSWORD])


def _token(name: bytes, mechanism: str = "XOAUTH2") -> bytes:
    if mechanism == "XOAUTH2":
        return b64encode(b"user=" + name + b"\x01auth=Bearer t0ken\x01\x01")
    return b64encode(b"n,a=" + name + b",\x01auth=Bearer t0ken\x01\x01")


GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER] hi\r\n"
ALL_MECHANISMS = frozenset((b"PLAIN", b"XOAUTH2", b"OAUTHBEARER"))


class TokenTests(SynchronousTestCase):
    def world(self, world: SmallWorld | None = None) -> SmallWorld:
        """Both servers are known to judge tokens."""
        world = world or SmallWorld()
        for name in ("chicago", "dallas"):
            world.back_ends.capabilities.learn(name, "imap4", after=(), mechanisms=ALL_MECHANISMS)
            world.back_ends.capabilities.learn(name, "pop3", after=(), mechanisms=ALL_MECHANISMS)
        return world

    def connection(self, kind: Kind = IMAP4, mail: MailSection = TOKENS) -> MailConnection:
        return MailConnection(kind, self.world(), "implicit", mail=mail)

    def test_they_are_offered_where_wanted_and_all_back_ends_judge_them(self) -> None:
        """S-MAIL-4, S-ROUTE-3: one that is not known, or does not, ends it."""
        offered = b"AUTH=XOAUTH2 AUTH=OAUTHBEARER"
        self.assertIn(offered, self.connection().greeting)
        self.assertNotIn(b"OAUTH", self.connection(mail=MailSection()).greeting)
        self.assertNotIn(b"OAUTH", MailConnection(mode="implicit", mail=TOKENS).greeting)
        world = self.world()
        world.back_ends.capabilities.learn("dallas", "imap4", mechanisms=frozenset((b"PLAIN", b"XOAUTH2")))
        self.assertIn(b"AUTH=XOAUTH2]", MailConnection(world=world, mode="implicit", mail=TOKENS).greeting)
        c = self.connection(POP3)
        self.assertIn(b"SASL PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\n", c.say(b"CAPA\r\n"))

    def test_the_token_goes_to_the_users_back_end_as_it_is(self) -> None:
        """S-ROUTE-3: exfront proves nothing, and adds nothing."""
        for mechanism in ("XOAUTH2", "OAUTHBEARER"):
            c = self.connection()
            message, word = _token(b"bob", mechanism), mechanism.encode()
            self.assertEqual(c.say(b"a AUTHENTICATE " + word + b" " + message + b"\r\n"), b"")
            self.assertEqual(c.world.dialer.dialled[0].relay.server.name, "dallas")
            self.assertEqual(c.back_end_says(GREETING), b"L AUTHENTICATE " + word + b" " + message + b"\r\n")
            c.back_end_says(b"L OK [CAPABILITY IMAP4rev1] in\r\n")
            self.assertEqual(c.transport.take(), b"a OK [CAPABILITY IMAP4rev1] Logged on.\r\n")
            self.assertEqual(c.world.passwords.checked, [])

    def test_no_master_speaks_for_a_token(self) -> None:
        """S-ROUTE-3: nothing opens the mailbox but the client's own token."""
        c = MailConnection(world=self.world(SmallWorld(servers=MASTERS)), mode="implicit", mail=TOKENS)
        c.say(b"a AUTHENTICATE XOAUTH2 " + _token(b"alice") + b"\r\n")
        self.assertEqual(c.back_end_says(GREETING), b"L AUTHENTICATE XOAUTH2 " + _token(b"alice") + b"\r\n")

    def test_a_refused_token(self) -> None:
        """S-MAIL-14, S-AUTH-6: the back end's challenge, whatever the client answers, and NO; no alarm."""
        c = self.connection()
        c.say(b"a AUTHENTICATE XOAUTH2 " + _token(b"alice") + b"\r\n")
        c.back_end_says(GREETING)
        challenge = b64encode(b'{"status":"invalid_token"}')
        self.assertEqual(c.back_end_says(b"+ " + challenge + b"\r\n"), b"\r\n")
        self.assertEqual(c.back_end_says(b"L NO [AUTHENTICATIONFAILED] be1.corp says no\r\n"), b"")
        self.assertEqual(c.wait(FLOOR), b"+ " + challenge + b"\r\n")
        self.assertEqual(c.say(b"\r\n"), b"a " + FAILED)
        (record,) = c.records
        self.assertEqual((record.front_end_status, record.reason, record.scheme_used), ("NO", WRONG_TOKEN, "xoauth2"))
        self.assertEqual(c.say(b"b NOOP\r\n"), b"b OK NOOP completed.\r\n")

    def test_a_token_for_nobody_looks_the_same(self) -> None:
        """S-AUTH-6: after the same time, with the challenge by which the back end refuses others."""
        c = self.connection()
        c.say(b"a AUTHENTICATE XOAUTH2 " + _token(b"alice") + b"\r\n")
        c.back_end_says(GREETING)
        c.back_end_says(b"+ QmFkLg==\r\n")
        c.back_end_says(b"L NO\r\n")
        self.assertEqual(c.wait(FLOOR), b"+ QmFkLg==\r\n")
        c.say(b"\r\n")
        c.say(b"b AUTHENTICATE XOAUTH2 " + _token(b"nobody") + b"\r\n")
        self.assertEqual(c.wait(FLOOR), b"+ QmFkLg==\r\n")
        self.assertEqual(c.say(b"\r\n"), b"b " + FAILED)

    def test_a_token_for_nobody_before_anybody_was_refused(self) -> None:
        """RFC 7628 section 3.2.2: a challenge of our own."""
        c = self.connection(POP3)
        self.assertEqual(c.say(b"AUTH XOAUTH2 " + _token(b"nobody") + b"\r\n"), b"")
        self.assertTrue(c.wait(FLOOR).startswith(b"+ ey"))
        self.assertTrue(c.say(b"AQ==\r\n").startswith(b"-ERR [AUTH] "))
        self.assertEqual([r.reason for r in c.records], [UNKNOWN_USER])

    def test_a_back_end_that_does_not_judge_it_after_all(self) -> None:
        """S-MAIL-14: unavailable, never a wrong password."""
        c = self.connection()
        c.say(b"a AUTHENTICATE XOAUTH2 " + _token(b"alice") + b"\r\n")
        c.back_end_says(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n")
        self.assertTrue(c.transport.take().startswith(b"a NO [UNAVAILABLE] "))
        self.assertEqual([r.reason for r in c.records], [BACK_END_LOGIN_REFUSED])


class LearningTests(SynchronousTestCase):
    def imap4(self, world: SmallWorld, name: bytes, after: bytes) -> None:
        c = MailConnection(world=world)
        c.say(b"a LOGIN " + name + b" secret-" + name + b"\r\n")
        c.back_end_says(GREETING)
        c.back_end_says(b"L OK [CAPABILITY " + after + b"] in\r\n")
        c.transport.peer_closes()

    def test_each_log_on_teaches(self) -> None:
        """S-MAIL-4: once both servers are known, clients are promised what both keep; a change is seen at once."""
        world = SmallWorld()
        own = b"IMAP4rev1 SASL-IR LITERAL+ ID AUTH=PLAIN AUTH=LOGIN"
        self.assertIn(b"[CAPABILITY " + own + b"]", MailConnection(world=world).greeting)
        self.imap4(world, b"alice", b"IMAP4rev1 ID LITERAL+ IDLE MOVE")
        self.assertIn(b"[CAPABILITY " + own + b"]", MailConnection(world=world).greeting)
        self.imap4(world, b"bob", b"IMAP4rev1 ID LITERAL+ MOVE QUOTA")
        self.assertIn(b"[CAPABILITY " + own + b" MOVE]", MailConnection(world=world).greeting)
        self.imap4(world, b"alice", b"IMAP4rev1 QUOTA")
        greeting = MailConnection(world=world).greeting
        self.assertIn(b"[CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN QUOTA]", greeting)

    def test_one_pop3_log_on_in_a_while_asks(self) -> None:
        """S-MAIL-4: the others take no longer for it."""
        world = SmallWorld()
        world.clock.advance(limits.CAPABILITY_TIME)
        for name in (b"alice", b"bob"):
            c = MailConnection(POP3, world)
            c.say(b"USER " + name + b"\r\nPASS secret-" + name + b"\r\n")
            self.assertEqual(c.back_end_says(b"+OK\r\n"), b"CAPA\r\n")
            c.back_end_says(b"+OK\r\nTOP\r\nUIDL\r\nPIPELINING\r\nEXPIRE NEVER\r\nSASL PLAIN\r\n.\r\n")
            c.back_end_says(b"+OK\r\n")
            c.back_end_says(b"+OK in\r\n")
            self.assertEqual(c.transport.take(), b"+OK Logged on.\r\n")
            c.transport.peer_closes()
        c = MailConnection(POP3, world)
        self.assertIn(b"\r\nPIPELINING\r\nEXPIRE NEVER\r\n", c.say(b"CAPA\r\n"))
        c.say(b"USER alice\r\nPASS secret-alice\r\n")
        self.assertEqual(c.back_end_says(b"+OK\r\n"), b"USER alice\r\n")
