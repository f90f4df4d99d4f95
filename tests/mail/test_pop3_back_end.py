"""The log-on at a POP3 back end, as answers and what is done about them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.mail.back_end_log_on import BackEndRefused, BeginTLS, Say, Step
from exfront.mail.login import Welcome
from exfront.mail.pop3_back_end import pop3_log_on
from exfront.reasons import BACK_END_AUTH_MISMATCH, BACK_END_LOGIN_REFUSED, BACK_END_PROTOCOL, Reason
from exfront.secret import Secret
from exfront.wire.pop3 import AnswerReader

USER = Say(b"USER alice\r\n")
PASS = Say(b"PASS two words\r\n")

Scene = tuple[bytes, "Step | Welcome"]


class Pop3BackEndTests(SynchronousTestCase):
    def play(self, *script: Scene, tls: bool = False, name: bytes = b"alice", password: bytes = b"two words") -> None:
        """Each scene: what the back end says, and what exfront does then."""
        log_on = pop3_log_on(name, Secret(password), tls)
        reader = AnswerReader()
        done: Step | Welcome = next(log_on)
        self.assertEqual(done, Say())
        for said, expected in script:
            reader.feed(said)
            while isinstance(done, Say | BeginTLS) and (answer := reader.next_event()) is not None:
                try:
                    done = log_on.send(answer)
                except StopIteration as end:
                    done = end.value
            self.assertEqual(done, expected, said)

    def refused(self, reason: Reason, *script: Scene, last: bytes, tls: bool = False) -> BackEndRefused:
        """After `script`, `last` ends the log-on with `reason`."""
        refused: BackEndRefused = self.assertRaises(BackEndRefused, self.play, *script, (last, Say()), tls=tls)
        self.assertIs(refused.reason, reason)
        return refused


class LogOnTests(Pop3BackEndTests):
    def test_user_and_pass(self) -> None:
        self.play(
            (b"+OK hi <1@be1>\r\n", USER), (b"+OK\r\n", PASS), (b"+OK User successfully logged on.\r\n", Welcome())
        )

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
                pop3_log_on(name, Secret(password), False)


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
        """S-MAIL-13, S-MAIL-9: the back end's [IN-USE] passes, as only listed codes do."""
        for answer, code in (
            (b"-ERR [IN-USE] busy\r\n", b"IN-USE"),
            (b"-ERR [login-delay] wait\r\n", b"LOGIN-DELAY"),
            (b"-ERR [SYS/TEMP] be1.corp down\r\n", b"SYS/TEMP"),
            (b"-ERR [X-HOST=be2.corp] moved\r\n", b""),
        ):
            refused = self.refused(BACK_END_LOGIN_REFUSED, *self.ASKED, last=answer)
            self.assertEqual((refused.status, refused.code), ("ERR", code), answer)

    def test_a_greeting_that_turns_away(self) -> None:
        self.refused(BACK_END_LOGIN_REFUSED, last=b"-ERR too many connections\r\n")

    def test_garbage(self) -> None:
        """S-MAIL-9: only status lines make sense.

        Bad input: back end sends garbage.
        """
        for greeting in (b"* OK imap\r\n", b"\r\n", b"\0\r\n", b"+OK" + b"x" * 70_000):
            self.refused(BACK_END_PROTOCOL, last=greeting)
        self.refused(BACK_END_PROTOCOL, *self.ASKED, last=b"what\r\n")
