"""What exfront says to a POP3 client before login."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.backends.capabilities import Shared
from exfront.mail.actions import Action, Authenticate, Close, Join, NoteRefusal, Prompt, Send, StartTLS
from exfront.mail.kinds import POP3
from exfront.mail.offer import Offer
from exfront.mail.outcome import Refusal, Welcome
from exfront.reasons import (
    BACK_END_LOGIN_REFUSED,
    BAD_INPUT,
    CLIENT_TIMEOUT,
    DIRECTORY_DOWN,
    INTERNAL_ERROR,
    NO_MAILBOX,
    PRIVACY_REQUIRED,
    TOO_MANY_COMMANDS,
    TOO_MANY_ERRORS,
    TOO_MANY_FAILURES,
    UNKNOWN_USER,
    WRONG_PASSWORD,
)
from exfront.secret import Secret
from tests.mail.playbook import CLEAR, PLAIN_ALLOWED, SECURE, Happens, Playbook, Scene

ALICE = Authenticate(b"alice", Secret(b"s3 cret"))
OK: list[Action] = [Send(b"+OK\r\n")]
NOT_CORRECT = Send(b"-ERR [AUTH] The user name or password is not correct. (XF-AUTH-FAIL)\r\n")
NOT_SECURE = Send(b"-ERR [SYS/PERM] Log on over a secure connection (TLS). (XF-TLS-REQUIRED)\r\n")
UNKNOWN = Send(b"-ERR Unknown command, or not before a log-on.\r\n")
TRIES: tuple[Scene, Scene] = ((b"USER alice\r\n", OK), (b"PASS s3 cret\r\n", [ALICE]))


class Pop3Tests(SynchronousTestCase):
    def play(self, offer: Offer, *script: Scene) -> None:
        book = Playbook(POP3, offer)
        for stimulus, expected in script:
            self.assertEqual(book.act(stimulus), expected, stimulus)


class GreetingTests(Pop3Tests):
    def test_the_greeting_has_no_version_and_no_time_stamp(self) -> None:
        """S-MAIL-17: APOP is not offered, and refused in words."""
        refused = Send(b"-ERR APOP is not offered: log on with AUTH, or with USER and PASS.\r\n")
        self.play(SECURE, (Happens.BEGIN, [Send(b"+OK exfront ready.\r\n")]), (b"APOP alice x\r\n", [refused]))

    def test_capa_tells_what_is_offered(self) -> None:
        """S-MAIL-3, S-MAIL-4: CAPA is true, and has neither USER nor SASL without TLS."""
        for offer, offered in (
            (CLEAR, b"STLS\r\n"),
            (PLAIN_ALLOWED, b"STLS\r\nUSER\r\nSASL PLAIN LOGIN\r\n"),
            (SECURE, b"USER\r\nSASL PLAIN LOGIN\r\n"),
        ):
            answer = (
                b"+OK Capability list follows.\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n" + offered + b".\r\n"
            )
            self.play(offer, (b"capa\r\n", [Send(answer)]))

    def test_what_all_back_ends_have_in_common_is_promised(self) -> None:
        """S-MAIL-4, RFC 2449 section 6: PIPELINING, EXPIRE and LOGIN-DELAY if all have them alike; what one is known to
        do without is not there; LANG is a command before login too (RFC 6856), and no back end is there to be asked."""
        names = (b"TOP", b"PIPELINING", b"EXPIRE 60", b"LANG", b"UTF8 USER", b"IMPLEMENTATION Shlemazle", b"X-NEW")
        shared = Shared(names, complete=True, known=frozenset(names))
        answer = (
            b"+OK Capability list follows.\r\nTOP\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE 60\r\n"
            b"UTF8 USER\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n"
        )
        self.play(evolve(SECURE, shared=shared), (b"CAPA\r\n", [Send(answer)]), (b"LANG\r\n", [UNKNOWN]))

    def test_utf8_is_carried_to_the_back_end(self) -> None:
        """S-MAIL-4, RFC 6856 section 2.1: what is said before the log-on holds behind it, however that is done; STLS
        makes it void, and where it is not announced it is no command."""
        offer = evolve(SECURE, shared=Shared((b"UTF8",), complete=True, known=frozenset((b"UTF8",))))
        self.play(SECURE, (b"UTF8\r\n", [UNKNOWN]))
        self.play(evolve(offer, hidden=frozenset((b"UTF8",))), (b"UTF8\r\n", [UNKNOWN]))
        utf8 = evolve(ALICE, utf8=True)
        self.play(offer, (b"UTF8 x\r\n", [Send(b"-ERR The argument is not valid.\r\n")]), *TRIES)
        self.play(offer, (b"utf8\r\n", OK), TRIES[0], (b"PASS s3 cret\r\n", [utf8]))
        self.play(offer, (b"UTF8\r\n", OK), (b"AUTH PLAIN AGFsaWNlAHMzIGNyZXQ=\r\n", [utf8]))
        login: Scene = (b"AUTH LOGIN YWxpY2U=\r\n", [Prompt(b"+ UGFzc3dvcmQ6\r\n")])
        self.play(offer, (b"UTF8\r\n", OK), login, (b"czMgY3JldA==\r\n", [utf8]))
        clear = evolve(offer, secure=False, starttls=True)
        self.play(clear, (b"UTF8\r\n", OK), StlsTests.GO, (Happens.SECURED, []), *TRIES)

    def test_settings_take_away(self) -> None:
        """S-MAIL-4, S-MAIL-8: what is hidden is not announced, and a hidden mechanism is not taken."""
        hidden = evolve(SECURE, hidden=frozenset((b"UIDL", b"AUTH=PLAIN")))
        answer = b"+OK Capability list follows.\r\nTOP\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nUSER\r\nSASL LOGIN\r\n.\r\n"
        self.play(hidden, (b"CAPA\r\n", [Send(answer)]))
        self.play(hidden, (b"AUTH PLAIN AGEAYg==\r\n", [Send(b"-ERR This mechanism is not offered.\r\n")]))

    def test_what_needs_no_log_on_is_answered(self) -> None:
        self.play(CLEAR, (b"NOOP\r\n", OK), (b"QUIT\r\n", [Send(b"+OK Logging out.\r\n"), Close()]))

    def test_what_is_not_valid_is_an_error(self) -> None:
        not_valid = b"-ERR The argument is not valid.\r\n"
        for line, answer in (
            (b"NOOP x\r\n", not_valid),
            (b"QUIT x\r\n", not_valid),
            (b"CAPA x\r\n", not_valid),
            (b"STLS x\r\n", not_valid),
            (b"USER \r\n", not_valid),
            (b"PASS x\r\n", b"-ERR USER comes first.\r\n"),
            (b"AUTH CRAM-MD5\r\n", b"-ERR This mechanism is not offered.\r\n"),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", UNKNOWN.data),
            (b"USER a\0b\r\n", b"-ERR NUL or CR within a line.\r\n"),
        ):
            self.play(SECURE, (line, [Send(answer)]))


class StlsTests(Pop3Tests):
    GO: Scene = (b"stls\r\n", [Send(b"+OK Begin TLS now.\r\n"), StartTLS()])

    def test_log_on_after_stls(self) -> None:
        self.play(CLEAR, self.GO, (Happens.SECURED, []), *TRIES)

    def test_octets_behind_stls_close(self) -> None:
        """S-MAIL-1: bytes behind STLS: -ERR and close, and they are never run.

        Bad input: STARTTLS with pipelined plain text.
        """
        refused: list[Action] = [Send(b"-ERR Nothing may follow before TLS.\r\n"), Close(BAD_INPUT)]
        self.play(CLEAR, (b"STLS\r\nNOOP\r\n", refused), (b"NOOP\r\n", []))

    def test_the_name_said_in_clear_is_forgotten(self) -> None:
        """S-MAIL-1: USER, STLS, PASS: -ERR."""
        first = Send(b"-ERR USER comes first.\r\n")
        self.play(PLAIN_ALLOWED, (b"USER alice\r\n", OK), self.GO, (Happens.SECURED, []), (b"PASS x\r\n", [first]))

    def test_a_second_stls_is_an_error(self) -> None:
        """S-MAIL-1: a second STLS: -ERR."""
        self.play(SECURE, (b"STLS\r\n", [Send(b"-ERR TLS cannot be started here.\r\n")]))

    def test_passwords_in_clear_are_refused_unseen(self) -> None:
        """S-MAIL-3: USER, PASS and AUTH without TLS: -ERR, and nothing is looked up."""
        for line, name in ((b"USER alice\r\n", b"alice"), (b"AUTH PLAIN\r\n", b"")):
            self.play(CLEAR, (line, [NoteRefusal(PRIVACY_REQUIRED, name), NOT_SECURE]))
        self.play(CLEAR, (b"PASS x\r\n", [Send(b"-ERR USER comes first.\r\n")]))
        self.play(CLEAR, (b"AUTH\r\n", [Send(b"+OK\r\n.\r\n")]))


class LogOnTests(Pop3Tests):
    def test_user_and_pass(self) -> None:
        """S-MAIL-17, S-AUTH-1: USER is always +OK, and spaces of a password are kept."""
        self.play(SECURE, *TRIES)
        self.play(SECURE, (b"USER nobody\r\n", OK), (b"PASS  x \r\n", [Authenticate(b"nobody", Secret(b" x "))]))

    def test_auth_plain(self) -> None:
        self.play(SECURE, (b"AUTH PLAIN AGFsaWNlAHMzIGNyZXQ=\r\n", [ALICE]))
        self.play(SECURE, (b"AUTH plain\r\n", [Prompt(b"+ \r\n")]), (b"AGFsaWNlAHMzIGNyZXQ=\r\n", [ALICE]))
        self.play(SECURE, (b"AUTH\r\n", [Send(b"+OK\r\nPLAIN\r\nLOGIN\r\n.\r\n")]))

    def test_auth_login(self) -> None:
        """Two prompts, in the words that some clients compare; a name may come with the command."""
        name, password = (b"YWxpY2U=\r\n", [Prompt(b"+ UGFzc3dvcmQ6\r\n")]), (b"czMgY3JldA==\r\n", [ALICE])
        self.play(SECURE, (b"AUTH LOGIN\r\n", [Prompt(b"+ VXNlcm5hbWU6\r\n")]), name, password)
        self.play(SECURE, (b"AUTH LOGIN YWxpY2U=\r\n", [Prompt(b"+ UGFzc3dvcmQ6\r\n")]), password)

    def test_auth_external(self) -> None:
        """S-MAIL-8: offered to who has shown a certificate, and to nobody else."""
        shown, nobody = evolve(SECURE, certificate=True), Authenticate(b"", Secret(b""), b"", "EXTERNAL")
        self.play(SECURE, (b"AUTH EXTERNAL =\r\n", [Send(b"-ERR This mechanism is not offered.\r\n")]))
        self.play(shown, (b"AUTH\r\n", [Send(b"+OK\r\nEXTERNAL\r\nPLAIN\r\nLOGIN\r\n.\r\n")]))
        self.play(shown, (b"AUTH EXTERNAL =\r\n", [nobody]))
        self.play(shown, (b"AUTH EXTERNAL\r\n", [Prompt(b"+ \r\n")]), (b"\r\n", [nobody]))

    def test_responses_that_are_none(self) -> None:
        """S-MAIL-8: `*` cancels; strict base64, exactly two NULs."""
        prompt: Scene = (b"AUTH PLAIN\r\n", [Prompt(b"+ \r\n")])
        bad = Send(b"-ERR The response is not valid.\r\n")
        self.play(SECURE, prompt, (b"*\r\n", [Send(b"-ERR Cancelled.\r\n")]), (b"NOOP\r\n", OK))
        self.play(SECURE, prompt, (b"!!!\r\n", [bad]), prompt, (b"YQ==\r\n", [bad]), (b"AUTH PLAIN =\r\n", [bad]))

    def test_an_empty_password_goes_to_the_one_check(self) -> None:
        """S-AUTH-1: `PASS ` is refused like a wrong password, by the same code for all protocols."""
        self.play(SECURE, (b"USER alice\r\n", OK), (b"PASS \r\n", [Authenticate(b"alice", Secret(b""))]))

    def test_success(self) -> None:
        self.play(SECURE, *TRIES, (Welcome(), [Send(b"+OK Logged on.\r\n"), Join()]))

    def test_each_refusal_has_its_code(self) -> None:
        """S-MAIL-14, S-AUTH-6: only wrong credentials are [AUTH], and their causes look the same."""
        for refusal, answer in (
            (Refusal(WRONG_PASSWORD), NOT_CORRECT),
            (Refusal(UNKNOWN_USER), NOT_CORRECT),
            (
                Refusal(DIRECTORY_DOWN),
                Send(b"-ERR [SYS/TEMP] The mailbox is temporarily unavailable. (XF-DIR-UNAVAILABLE)\r\n"),
            ),
            (Refusal(NO_MAILBOX), Send(b"-ERR [SYS/PERM] This user has no mailbox. (XF-NO-MAILBOX)\r\n")),
            (
                Refusal(BACK_END_LOGIN_REFUSED, b"IN-USE"),
                Send(b"-ERR [IN-USE] The mailbox is temporarily unavailable. (XF-BE-LOGIN-REFUSED)\r\n"),
            ),
        ):
            self.play(SECURE, *TRIES, (refusal, [answer]))

    def test_after_a_failure_the_name_is_said_again(self) -> None:
        self.play(
            SECURE,
            *TRIES,
            (Refusal(WRONG_PASSWORD), [NOT_CORRECT]),
            (b"PASS x\r\n", [Send(b"-ERR USER comes first.\r\n")]),
        )


class EndTests(Pop3Tests):
    def test_the_third_wrong_log_on_closes(self) -> None:
        """S-MAIL-11: three failures a connection."""
        refused: Scene = (Refusal(WRONG_PASSWORD), [NOT_CORRECT])
        last: Scene = (Refusal(WRONG_PASSWORD), [NOT_CORRECT, Close(TOO_MANY_FAILURES)])
        self.play(SECURE, *TRIES, refused, *TRIES, refused, *TRIES, last, (b"NOOP\r\n", []))

    def test_the_tenth_bad_command_closes(self) -> None:
        """S-MAIL-6: ten bad commands, then the end."""
        bad: Scene = (b"X\r\n", [UNKNOWN])
        self.play(SECURE, *[bad] * 9, (b"X\r\n", [UNKNOWN, Close(TOO_MANY_ERRORS)]))

    def test_too_many_commands_without_a_log_on(self) -> None:
        """S-MAIL-6: good ones too: a client that does not read would fill the memory with their answers."""
        book = Playbook(POP3, SECURE)
        for _ in range(200):
            self.assertEqual(len(book.act(b"NOOP\r\n")), 1)
        self.assertEqual(book.act(b"CAPA\r\n")[-1], Close(TOO_MANY_COMMANDS))

    def test_a_line_without_end_closes(self) -> None:
        """S-MAIL-6: over the line limit: -ERR and close.

        Bad input: 100 kB line before login.
        """
        answer = Send(b"-ERR [SYS/PERM] The input is not valid. (XF-BAD-INPUT)\r\n")
        self.play(SECURE, (b"x" * 100_000, [answer, Close(BAD_INPUT)]))

    def test_the_time_is_up(self) -> None:
        """S-MAIL-12: 60 s before login, then a close without a word (RFC 1939 section 3)."""
        self.play(SECURE, (Happens.TIMED_OUT, [Close(CLIENT_TIMEOUT)]))

    def test_a_fault_of_ours_is_unavailable(self) -> None:
        """S-MAIL-17: no text of the exception."""
        answer = Send(b"-ERR [SYS/TEMP] An internal fault; it is logged. (XF-INTERNAL)\r\n")
        self.play(SECURE, *TRIES, (Happens.FAULT, [answer, Close(INTERNAL_ERROR)]))
