"""The log-on at a POP3 back end, as answers and what is done about them."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.mail.back_end_log_on import BackEndRefused, BeginTLS, Entry, Say, Step
from exfront.mail.outcome import Welcome
from exfront.mail.pop3_back_end import pop3_log_on
from exfront.reasons import BACK_END_AUTH_MISMATCH, BACK_END_LOGIN_REFUSED, BACK_END_PROTOCOL, MAILBOX_REFUSED, Reason
from exfront.secret import Secret
from exfront.wire.client_facts import ClientFacts, write_xclient
from exfront.wire.pop3 import AnswerReader
from exfront.wire.proxy_protocol import Endpoint
from exfront.wire.sasl import Credentials

USER = Say(b"USER alice\r\n")
PASS = Say(b"PASS two words\r\n")

Scene = tuple[bytes, "Step | Welcome"]


class Pop3BackEndTests(SynchronousTestCase):
    def play(
        self,
        *script: Scene,
        tls: bool = False,
        name: bytes = b"alice",
        password: bytes = b"two words",
        entry: Entry | None = None,
    ) -> Welcome | None:
        """Each scene: what the back end says, and what exfront does then. What a Welcome learned is left out."""
        log_on = pop3_log_on(entry or Entry(Credentials(name, Secret(password)), tls))
        welcome: Welcome | None = None
        reader = AnswerReader()
        done: Step | Welcome = next(log_on)
        self.assertEqual(done, Say())
        for said, expected in script:
            reader.feed(said)
            while isinstance(done, Say | BeginTLS) and (answer := reader.next_event()) is not None:
                try:
                    done = log_on.send(answer)
                except StopIteration as end:
                    welcome = end.value
                    done = evolve(end.value, capabilities=(), mechanisms=None)
            self.assertEqual(done, expected, said)
        return welcome

    def refused(
        self, reason: Reason, *script: Scene, last: bytes, tls: bool = False, entry: Entry | None = None
    ) -> BackEndRefused:
        """After `script`, `last` ends the log-on with `reason`."""
        refused: BackEndRefused = self.assertRaises(
            BackEndRefused, self.play, *script, (last, Say()), tls=tls, entry=entry
        )
        self.assertIs(refused.reason, reason)
        return refused


class LogOnTests(Pop3BackEndTests):
    def test_user_and_pass(self) -> None:
        self.play(
            (b"+OK hi <1@be1>\r\n", USER), (b"+OK\r\n", PASS), (b"+OK User successfully logged on.\r\n", Welcome())
        )

    def test_what_it_can_do_is_asked_before(self) -> None:
        """S-MAIL-4: in the state in which every server answers that; a server without CAPA says nothing."""
        entry = Entry(Credentials(b"alice", Secret(b"two words")), asks=True)
        ask = Say(b"CAPA\r\n")
        welcome = self.play(
            (b"+OK\r\n", ask),
            (b"+OK\r\nEXPIRE 60\r\nSASL plain xoauth2\r\n.\r\n", USER),
            (b"+OK\r\n", PASS),
            (b"+OK in\r\n", Welcome()),
            entry=entry,
        )
        assert welcome is not None
        self.assertEqual(welcome.capabilities, (b"EXPIRE 60", b"SASL plain xoauth2"))
        self.assertEqual(welcome.mechanisms, {b"PLAIN", b"XOAUTH2"})
        no = b"-ERR\r\n"
        welcome = self.play((b"+OK\r\n", ask), (no, USER), (b"+OK\r\n", PASS), (b"+OK\r\n", Welcome()), entry=entry)
        assert welcome is not None
        self.assertIsNone(welcome.mechanisms)

    def test_utf8_comes_before_the_log_on(self) -> None:
        """S-MAIL-4, RFC 6856: what the client has said before it; a server that takes it back is not entered."""
        entry = Entry(Credentials(b"alice", Secret(b"two words")), utf8=True)
        utf8 = Say(b"UTF8\r\n")
        self.play((b"+OK\r\n", utf8), (b"+OK\r\n", USER), (b"+OK\r\n", PASS), (b"+OK\r\n", Welcome()), entry=entry)
        self.refused(BACK_END_LOGIN_REFUSED, (b"+OK\r\n", utf8), last=b"-ERR what?\r\n", entry=entry)

    def test_sasl_for_what_user_and_pass_may_not_carry(self) -> None:
        """S-MAIL-7: spaces in a name and 8-bit octets arrive exact."""
        for name, password, response in (
            (b"al ice", b"x", b"AGFsIGljZQB4"),
            (b"alice", b"\xe9", b"AGFsaWNlAOk="),
        ):
            self.play(
                (b"+OK\r\n", Say(b"CAPA\r\n")),
                (b"+OK\r\nUSER\r\nSASL LOGIN PLAIN\r\n.\r\n", Say(b"AUTH PLAIN " + response + b"\r\n")),
                (b"+OK\r\n", Welcome()),
                name=name,
                password=password,
            )

    def test_a_long_response_gets_a_line_of_its_own(self) -> None:
        """S-MAIL-7: RFC 2449 allows 255 octets a command."""
        log_on = (b"+OK\r\nSASL PLAIN\r\n.\r\n", Say(b"AUTH PLAIN\r\n"))
        self.play(
            (b"+OK\r\n", Say(b"CAPA\r\n")),
            log_on,
            (b"+ \r\n", Say(b"AOkA" + b"eHh4" * 100 + b"\r\n")),
            (b"+OK\r\n", Welcome()),
            name=b"\xe9",
            password=b"x" * 300,
        )

    def test_user_and_pass_where_there_is_no_sasl(self) -> None:
        for capa in (b"-ERR what?\r\n", b"+OK\r\nSASL LOGIN\r\nUSER\r\n.\r\n"):
            self.play(
                (b"+OK\r\n", Say(b"CAPA\r\n")),
                (capa, Say(b"USER al ice\r\n")),
                (b"+OK\r\n", PASS),
                name=b"al ice",
            )

    def test_line_ends_and_nul_never_go_out(self) -> None:
        """S-MAIL-7: CR, LF or NUL in a name or password."""
        for name, password in ((b"u\r\nDELE 1", b"x"), (b"u", b"x\n"), (b"u\0", b"x")):
            with self.assertRaises(ValueError):
                pop3_log_on(Entry(Credentials(name, Secret(password))))


FACTS = ClientFacts(Endpoint("192.0.2.7", 50_001), Endpoint("198.51.100.1", 110), "0123abcd", 4)
XCLIENT = write_xclient(FACTS) + b"\r\n"


class ClientFactsTests(Pop3BackEndTests):
    ENTRY = Entry(Credentials(b"alice", Secret(b"two words")), facts=FACTS)
    LOG_ON: tuple[Scene, ...] = ((b"+OK Updated\r\n", USER), (b"+OK\r\n", PASS), (b"+OK\r\n", Welcome()))

    def test_xclient_where_the_greeting_offers_it(self) -> None:
        """S-MAIL-16: exfront's own XCLIENT, and only where it is believed."""
        self.play((b"+OK [XCLIENT] Dovecot ready.\r\n", Say(XCLIENT)), *self.LOG_ON, entry=self.ENTRY)
        self.play((b"+OK ready.\r\n", USER), *self.LOG_ON[1:], entry=self.ENTRY)

    def test_xclient_goes_under_tls(self) -> None:
        """S-MAIL-16: nothing of the client is said in clear where TLS is to be started."""
        self.play(
            (b"+OK [XCLIENT] hi\r\n", Say(b"STLS\r\n")),
            (b"+OK\r\n", BeginTLS(XCLIENT)),
            *self.LOG_ON,
            entry=evolve(self.ENTRY, tls=True),
        )

    def test_a_server_that_does_not_like_it(self) -> None:
        """S-MAIL-14: that is no word on the password."""
        offered: Scene = (b"+OK [XCLIENT] hi\r\n", Say(XCLIENT))
        self.refused(BACK_END_LOGIN_REFUSED, offered, last=b"-ERR no\r\n", entry=self.ENTRY)


class SaslTests(Pop3BackEndTests):
    MASTER = Entry(Credentials(b"master", Secret(b"x"), acts_for=b"alice"))
    TOKEN = Entry(Credentials(b"alice", Secret(b"user=alice\1auth=Bearer t\1\1"), mechanism="XOAUTH2"))
    ASKED: Scene = (b"+OK\r\n", Say(b"CAPA\r\n"))
    OFFER = b"+OK\r\nSASL PLAIN XOAUTH2\r\n.\r\n"
    SENT: Scene = (OFFER, Say(b"AUTH XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0AQE=\r\n"))

    def test_a_master_asks_for_the_user(self) -> None:
        self.play(
            self.ASKED,
            (self.OFFER, Say(b"AUTH PLAIN YWxpY2UAbWFzdGVyAHg=\r\n")),
            (b"+OK\r\n", Welcome()),
            entry=self.MASTER,
        )

    def test_the_client_s_token_is_passed_on_as_it_is(self) -> None:
        welcome = self.play(self.ASKED, self.SENT, (b"+OK\r\n", Welcome()), entry=self.TOKEN)
        assert welcome is not None
        self.assertEqual(welcome.mechanisms, {b"PLAIN", b"XOAUTH2"})

    def test_a_refused_token_is_answered_before_it_is_refused(self) -> None:
        """S-MAIL-14: RFC 7628 section 3.2.3."""
        refused = self.refused(
            BACK_END_AUTH_MISMATCH,
            self.ASKED,
            self.SENT,
            (b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n", Say(b"\r\n")),
            last=b"-ERR [AUTH] no\r\n",
            entry=self.TOKEN,
        )
        self.assertEqual(refused.challenge, b"eyJzdGF0dXMiOiI0MDEifQ==")

    def test_a_server_without_the_mechanism(self) -> None:
        """S-MAIL-7: a master's password is never sent as a user's."""
        for entry in (self.MASTER, self.TOKEN):
            for capa in (b"-ERR what?\r\n", b"+OK\r\nUSER\r\nSASL CRAM-MD5\r\n.\r\n"):
                self.refused(BACK_END_LOGIN_REFUSED, self.ASKED, last=capa, entry=entry)


class StlsTests(Pop3BackEndTests):
    def test_the_log_on_follows_under_tls(self) -> None:
        self.play(
            (b"+OK\r\n", Say(b"STLS\r\n")),
            (b"+OK go\r\n", BeginTLS(b"USER alice\r\n")),
            (b"+OK\r\n", PASS),
            (b"+OK\r\n", Welcome()),
            tls=True,
        )

    def test_without_stls_nothing_goes_on_in_clear(self) -> None:
        """S-MAIL-2: -ERR to STLS: the leg is dropped."""
        self.refused(BACK_END_PROTOCOL, (b"+OK\r\n", Say(b"STLS\r\n")), last=b"-ERR no\r\n", tls=True)


class RefusalTests(Pop3BackEndTests):
    ASKED: tuple[Scene, ...] = ((b"+OK\r\n", USER), (b"+OK\r\n", PASS))

    def test_a_refused_password(self) -> None:
        """S-MAIL-14: a back end that refuses a verified password."""
        for answer in (b"-ERR Logon failure: unknown user name or bad password.\r\n", b"-ERR [AUTH] no\r\n"):
            refused = self.refused(BACK_END_AUTH_MISMATCH, *self.ASKED, last=answer)
            self.assertEqual((refused.status, refused.code), ("ERR", b""))
        self.refused(BACK_END_AUTH_MISMATCH, self.ASKED[0], last=b"-ERR who?\r\n")

    def test_refused_for_now(self) -> None:
        """S-MAIL-9: only listed codes are passed on."""
        for answer, code in (
            (b"-ERR [SYS/TEMP] be1.corp down\r\n", b"SYS/TEMP"),
            (b"-ERR [X-HOST=be2.corp] moved\r\n", b""),
            (b"-ERR Server Unavailable. 21\r\n", b""),  # Exchange 2007 and later, with the right password
        ):
            refused = self.refused(BACK_END_LOGIN_REFUSED, *self.ASKED, last=answer)
            self.assertEqual((refused.status, refused.code), ("ERR", code), answer)

    def test_a_mailbox_that_is_refused(self) -> None:
        """S-MAIL-13, S-MAIL-9, S-ROUTE-12: the back end's [IN-USE] passes, and is no fault of the server."""
        for code in (b"IN-USE", b"LOGIN-DELAY", b"SYS/PERM"):
            refused = self.refused(MAILBOX_REFUSED, *self.ASKED, last=b"-ERR [%b] no\r\n" % code.lower())
            self.assertEqual((refused.status, refused.code), ("ERR", code))

    def test_a_greeting_that_turns_away(self) -> None:
        self.refused(BACK_END_LOGIN_REFUSED, last=b"-ERR too many connections\r\n")

    def test_garbage(self) -> None:
        """S-MAIL-9: only status lines make sense.

        Bad input: back end sends garbage.
        """
        for greeting in (b"* OK imap\r\n", b"\r\n", b"\0\r\n", b"+OK" + b"x" * 70_000):
            self.refused(BACK_END_PROTOCOL, last=greeting)
        self.refused(BACK_END_PROTOCOL, *self.ASKED, last=b"what\r\n")
