"""What exfront says to an IMAP4 client before login."""

from __future__ import annotations

from base64 import b64encode

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.backends.capabilities import Shared
from exfront.mail.actions import Action, Authenticate, Close, Join, NoteRefusal, Prompt, Send, StartTLS
from exfront.mail.kinds import IMAP4
from exfront.mail.offer import Offer
from exfront.mail.outcome import Refusal, Welcome
from exfront.reasons import (
    AUTHORIZATION_FAILED,
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
    WRONG_TOKEN,
)
from exfront.secret import Secret
from tests.mail.playbook import CLEAR, PLAIN_ALLOWED, SECURE, Happens, Playbook, Scene

ALICE = Authenticate(b"alice", Secret(b"s3cret"))
NOT_CORRECT = b"NO [AUTHENTICATIONFAILED] The user name or password is not correct. (XF-AUTH-FAIL)\r\n"
NOT_SECURE = b"NO [PRIVACYREQUIRED] Log on over a secure connection (TLS). (XF-TLS-REQUIRED)\r\n"
NOT_HERE = b"BAD Unknown command, or not before a log-on.\r\n"
UNAVAILABLE = b"[UNAVAILABLE] The mailbox is temporarily unavailable. "


class Imap4Tests(SynchronousTestCase):
    def play(self, offer: Offer, *script: Scene) -> None:
        book = Playbook(IMAP4, offer)
        for stimulus, expected in script:
            self.assertEqual(book.act(stimulus), expected, stimulus)


class GreetingTests(Imap4Tests):
    def test_the_greeting_tells_what_is_offered_and_no_version(self) -> None:
        """S-MAIL-4, S-MAIL-3: CAPABILITY before login is what this dialogue does, LOGINDISABLED without TLS."""
        for offer, offered in (
            (CLEAR, b"STARTTLS LOGINDISABLED"),
            (PLAIN_ALLOWED, b"STARTTLS AUTH=PLAIN AUTH=LOGIN"),
            (SECURE, b"AUTH=PLAIN AUTH=LOGIN"),
            (evolve(SECURE, certificate=True), b"AUTH=EXTERNAL AUTH=PLAIN AUTH=LOGIN"),
            (evolve(SECURE, tokens=("XOAUTH2",)), b"AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2"),
            (evolve(CLEAR, certificate=True, tokens=("XOAUTH2",)), b"STARTTLS LOGINDISABLED"),
            (Offer(secure=False, starttls=False, plaintext=False), b"LOGINDISABLED"),
        ):
            names = b"IMAP4rev1 SASL-IR LITERAL+ ID " + offered
            self.play(
                offer,
                (Happens.BEGIN, [Send(b"* OK [CAPABILITY " + names + b"] exfront ready.\r\n")]),
                (b"a capability\r\n", [Send(b"* CAPABILITY " + names + b"\r\na OK CAPABILITY completed.\r\n")]),
            )

    def capabilities(self, shared: Shared, *hidden: bytes) -> bytes:
        """What is announced under TLS."""
        book = Playbook(IMAP4, evolve(SECURE, shared=shared, hidden=frozenset(hidden)))
        (greeting,) = book.act(Happens.BEGIN)
        assert isinstance(greeting, Send)
        return greeting.data.partition(b"[CAPABILITY ")[2].partition(b"]")[0]

    def test_what_all_back_ends_keep_is_promised(self) -> None:
        """S-MAIL-4, RFC 9051 section 6.1.1: nothing that clients see before login vanishes behind the proxy; what is
        about a log-on, or is a command before login that exfront does not know, is not taken over."""
        names = (
            b"IMAP4rev1", b"IMAP4rev2", b"LITERAL+", b"SASL-IR", b"ID", b"ENABLE", b"UTF8=ACCEPT", b"Idle",
            b"COMPRESS=DEFLATE", b"LOGIN-REFERRALS", b"AUTH=GSSAPI", b"STARTTLS", b"LANGUAGE", b"UNAUTHENTICATE",
        )  # fmt: skip
        shared = Shared(names, complete=True, known=frozenset(map(bytes.upper, names)))
        own = b"IMAP4rev1 SASL-IR LITERAL+ ID AUTH=PLAIN AUTH=LOGIN"
        self.assertEqual(self.capabilities(shared), own + b" IMAP4rev2 ENABLE UTF8=ACCEPT Idle COMPRESS=DEFLATE")

    def test_what_a_back_end_is_known_to_lack_is_not(self) -> None:
        """S-MAIL-4, S-MAIL-5, RFC 7888: LITERAL+ must hold behind the log-on too, else LITERAL- if that does."""
        for known, offered in (
            (b"IMAP4REV1 ID LITERAL+", b"LITERAL+ ID"),
            (b"IMAP4REV1 LITERAL-", b"LITERAL-"),
            (b"IMAP4REV1 ID", b"ID"),
        ):
            shared = Shared(known=frozenset(known.split()))
            self.assertEqual(self.capabilities(shared), b"IMAP4rev1 SASL-IR " + offered + b" AUTH=PLAIN AUTH=LOGIN")

    def test_settings_take_away_and_never_add(self) -> None:
        """S-MAIL-4, S-MAIL-8: a hidden mechanism is refused, what is hidden is not shown after login either.

        Bad input: mechanism that is not announced.
        """
        names = (b"IMAP4rev1", b"IDLE", b"MOVE")
        shared = Shared(names, complete=True, known=frozenset(map(bytes.upper, names)))
        hidden = (b"IDLE", b"AUTH=LOGIN", b"ACL")
        self.assertEqual(self.capabilities(shared, *hidden), b"IMAP4rev1 SASL-IR AUTH=PLAIN MOVE")
        self.play(
            evolve(SECURE, shared=shared, hidden=frozenset(hidden)),
            (b"a AUTHENTICATE LOGIN\r\n", [Send(b"a NO This mechanism is not offered.\r\n")]),
            (b"a LOGIN alice s3cret\r\n", [ALICE]),
            (Welcome(names), [Send(b"a OK [CAPABILITY IMAP4rev1 MOVE] Logged on.\r\n"), Join()]),
        )

    def test_what_needs_no_log_on_is_answered(self) -> None:
        self.play(
            CLEAR,
            (b"a NOOP\r\n", [Send(b"a OK NOOP completed.\r\n")]),
            (b"b ID NIL\r\n", [Send(b'* ID ("name" "exfront")\r\nb OK ID completed.\r\n')]),
            (b'c ID ("name" "mutt")\r\n', [Send(b'* ID ("name" "exfront")\r\nc OK ID completed.\r\n')]),
            (b"d LOGOUT\r\n", [Send(b"* BYE Logging out.\r\nd OK LOGOUT completed.\r\n"), Close()]),
        )

    def test_what_is_not_valid_is_bad(self) -> None:
        for line, answer in (
            (b"a NOOP x\r\n", b"a BAD The arguments are not valid.\r\n"),
            (b"a LOGOUT x\r\n", b"a BAD The arguments are not valid.\r\n"),
            (b"a CAPABILITY x\r\n", b"a BAD The arguments are not valid.\r\n"),
            (b"a STARTTLS x\r\n", b"a BAD The arguments are not valid.\r\n"),
            (b"a ID\r\n", b"a BAD ID takes one list.\r\n"),
            (b"a LOGIN alice\r\n", b"a BAD LOGIN takes a name and a password.\r\n"),
            (b"a LOGIN (alice) x\r\n", b"a BAD LOGIN takes a name and a password.\r\n"),
            (b"a AUTHENTICATE\r\n", b"a BAD AUTHENTICATE takes a mechanism, and perhaps a response.\r\n"),
            (b"a AUTHENTICATE CRAM-MD5\r\n", b"a NO This mechanism is not offered.\r\n"),
            (b'a AUTHENTICATE PLAIN "x"\r\n', b"a BAD AUTHENTICATE takes a mechanism, and perhaps a response.\r\n"),
            (b"a SELECT INBOX\r\n", b"a " + NOT_HERE),
            (b"a ENABLE UTF8=ACCEPT\r\n", b"a " + NOT_HERE),
            (b"a COMPRESS DEFLATE\r\n", b"a " + NOT_HERE),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", b"PROXY " + NOT_HERE),
            (b"+ NOOP\r\n", b"* BAD The tag is missing or not valid.\r\n"),
        ):
            self.play(SECURE, (line, [Send(answer)]))

    def test_an_id_over_the_limits_is_bad(self) -> None:
        """S-MAIL-16: over 30 pairs: BAD."""
        line = b'a ID ("n" "v"' + b' "n" "v"' * 30 + b")\r\n"
        self.play(CLEAR, (line, [Send(b"a BAD ID has too many pairs.\r\n")]))


class StartTlsTests(Imap4Tests):
    def test_log_on_after_starttls(self) -> None:
        self.play(
            CLEAR,
            (b"a STARTTLS\r\n", [Send(b"a OK Begin TLS now.\r\n"), StartTLS()]),
            (Happens.SECURED, []),
            (b"b LOGIN alice s3cret\r\n", [ALICE]),
        )

    def test_octets_behind_starttls_close(self) -> None:
        """S-MAIL-1: bytes behind STARTTLS: BAD and close, and they are never run.

        Bad input: STARTTLS with pipelined plain text.
        """
        self.play(
            CLEAR,
            (
                b"a STARTTLS\r\nb NOOP\r\n",
                [
                    Send(b"a BAD Nothing may follow before TLS.\r\n"),
                    Send(b"* BYE [CLIENTBUG] The input is not valid. (XF-BAD-INPUT)\r\n"),
                    Close(BAD_INPUT),
                ],
            ),
            (b"c NOOP\r\n", []),
        )

    def test_a_second_starttls_is_bad(self) -> None:
        """S-MAIL-1: a second STARTTLS: BAD."""
        answer: list[Action] = [Send(b"b BAD TLS cannot be started here.\r\n")]
        self.play(SECURE, (b"b STARTTLS\r\n", answer))
        self.play(
            CLEAR,
            (b"a STARTTLS\r\n", [Send(b"a OK Begin TLS now.\r\n"), StartTLS()]),
            (Happens.SECURED, []),
            (b"b STARTTLS\r\n", answer),
        )

    def test_passwords_in_clear_are_refused_unseen(self) -> None:
        """S-MAIL-3: LOGIN and AUTHENTICATE without TLS: PRIVACYREQUIRED, and nothing is looked up."""
        for line, name in (
            (b"a LOGIN alice s3cret\r\n", b"alice"),
            (b"a AUTHENTICATE PLAIN\r\n", b""),
            (b"a AUTHENTICATE PLAIN AGFsaWNlAHg=\r\n", b""),
        ):
            self.play(CLEAR, (line, [NoteRefusal(PRIVACY_REQUIRED, name), Send(b"a " + NOT_SECURE)]))

    def test_passwords_in_clear_are_taken_where_allowed(self) -> None:
        self.play(PLAIN_ALLOWED, (b"a LOGIN alice s3cret\r\n", [ALICE]))


class LogOnTests(Imap4Tests):
    def test_every_way_to_say_a_password(self) -> None:
        plain = b"AGFsaWNlAHMzY3JldA=="
        cases: tuple[Scene, ...] = (
            (b"a LOGIN alice s3cret\r\n", [ALICE]),
            (b'a LOGIN "alice" "s3cret"\r\n', [ALICE]),
            (b"a LOGIN {5}\r\nalice {6+}\r\ns3cret\r\n", [Send(b"+ OK\r\n"), ALICE]),
            (b"a authenticate plain " + plain + b"\r\n", [ALICE]),
            (b"a AUTHENTICATE PLAIN\r\n" + plain + b"\r\n", [Prompt(b"+ \r\n"), ALICE]),
            (b'a LOGIN "\xe9" ""\r\n', [Authenticate(b"\xe9", Secret(b""))]),
            (b"a LOGIN {12+}\r\nu\r\nx LOGOUT\r x\r\n", [Authenticate(b"u\r\nx LOGOUT\r", Secret(b"x"))]),
            (b"a AUTHENTICATE PLAIN Ym9iAGFsaWNlAHg=\r\n", [Authenticate(b"alice", Secret(b"x"), b"bob")]),
        )
        for line, actions in cases:
            self.play(SECURE, (line, actions))

    def test_the_mechanism_login(self) -> None:
        """Two prompts, in the words that some clients compare; a name may come with the command (RFC 4959)."""
        prompt, password = [Prompt(b"+ UGFzc3dvcmQ6\r\n")], (b"czNjcmV0\r\n", [ALICE])
        self.play(
            SECURE,
            (b"a AUTHENTICATE LOGIN\r\n", [Prompt(b"+ VXNlcm5hbWU6\r\n")]),
            (b"YWxpY2U=\r\n", prompt),
            password,
        )
        self.play(SECURE, (b"a authenticate login YWxpY2U=\r\n", prompt), password)

    def test_the_second_response_may_be_cancelled_or_wrong(self) -> None:
        """S-MAIL-8: one BAD, and nothing is left of the first response."""
        for line, answer in ((b"*\r\n", b"a BAD Cancelled.\r\n"), (b"!\r\n", b"a BAD The response is not valid.\r\n")):
            self.play(
                SECURE,
                (b"a AUTHENTICATE LOGIN YWxpY2U=\r\n", [Prompt(b"+ UGFzc3dvcmQ6\r\n")]),
                (line, [Send(answer)]),
                (b"b AUTHENTICATE PLAIN\r\n", [Prompt(b"+ \r\n")]),
            )

    def test_external(self) -> None:
        """S-MAIL-8, RFC 4422 appendix A: for who has shown a certificate; the response is whom to act for.

        Bad input: EXTERNAL without a certificate, or with one of nobody.
        """
        shown = evolve(SECURE, certificate=True)
        self.play(SECURE, (b"a AUTHENTICATE EXTERNAL =\r\n", [Send(b"a NO This mechanism is not offered.\r\n")]))
        for response, acts_for in ((b"=", b""), (b"Ym9i", b"bob")):
            done: list[Action] = [Authenticate(b"", Secret(b""), acts_for, "EXTERNAL")]
            self.play(shown, (b"a AUTHENTICATE EXTERNAL " + response + b"\r\n", done))
            line = b"\r\n" if response == b"=" else response + b"\r\n"
            self.play(shown, (b"a AUTHENTICATE EXTERNAL\r\n", [Prompt(b"+ \r\n")]), (line, done))

    def test_tokens(self) -> None:
        """S-MAIL-8, S-ROUTE-3: the user in it is named, the message kept as it is; only where it is offered."""
        offer = evolve(SECURE, tokens=("XOAUTH2", "OAUTHBEARER"))
        for mechanism, message in (
            ("XOAUTH2", b"user=alice\x01auth=Bearer t0k.en\x01\x01"),
            ("OAUTHBEARER", b"n,a=alice,\x01host=mail\x01port=993\x01auth=Bearer t0k.en\x01\x01"),
        ):
            line = b"a AUTHENTICATE " + mechanism.encode() + b" " + b64encode(message) + b"\r\n"
            self.play(SECURE, (line, [Send(b"a NO This mechanism is not offered.\r\n")]))
            asked = Authenticate(b"alice", Secret(message), b"", mechanism)  # type: ignore[arg-type]
            self.play(offer, (line, [asked]))
            self.play(offer, (b"a AUTHENTICATE " + mechanism.encode() + b"\r\n", [Prompt(b"+ \r\n")]))

    def test_a_refused_token_is_told_why_first(self) -> None:
        """RFC 7628 section 3.2.3: a challenge, whatever the client answers to it, and then NO."""
        offer = evolve(SECURE, tokens=("XOAUTH2",))
        message = b64encode(b"user=alice\x01auth=Bearer x\x01\x01")
        for refusal, challenge in (
            (Refusal(WRONG_TOKEN, challenge=b"eyJzdGF0dXMiOiI0MDEifQ=="), b"eyJzdGF0dXMiOiI0MDEifQ=="),
            (Refusal(UNKNOWN_USER), b"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0="),
        ):
            for line in (b"AQ==\r\n", b"\r\n", b"*\r\n"):
                book = Playbook(IMAP4, offer)
                book.act(b"a AUTHENTICATE XOAUTH2 " + message + b"\r\n")
                self.assertEqual(book.act(refusal), [Prompt(b"+ " + challenge + b"\r\n")])
                self.assertEqual(book.act(line), [Send(b"a " + NOT_CORRECT)])
                self.assertEqual(book.act(b"b NOOP\r\n"), [Send(b"b OK NOOP completed.\r\n")])
        book = Playbook(IMAP4, offer)
        book.act(b"a AUTHENTICATE XOAUTH2 " + message + b"\r\n")
        self.assertEqual(
            book.act(Refusal(DIRECTORY_DOWN)), [Send(b"a NO " + UNAVAILABLE + b"(XF-DIR-UNAVAILABLE)\r\n")]
        )

    def test_a_cancelled_authenticate_is_bad_once(self) -> None:
        """S-MAIL-8: `*` cancels with one BAD."""
        self.play(
            SECURE,
            (b"a AUTHENTICATE PLAIN\r\n", [Prompt(b"+ \r\n")]),
            (b"*\r\n", [Send(b"a BAD Cancelled.\r\n")]),
            (b"b NOOP\r\n", [Send(b"b OK NOOP completed.\r\n")]),
        )

    def test_a_response_that_is_none_is_bad(self) -> None:
        """S-MAIL-8: strict base64, exactly two NULs; `=` is empty."""
        bad: list[Action] = [Send(b"a BAD The response is not valid.\r\n")]
        for word in (b"!!!", b"AGE", b"YWxpY2U=", b"=", b"AGEAYgA="):
            self.play(SECURE, (b"a AUTHENTICATE PLAIN " + word + b"\r\n", bad))
        for line in (b"!!!\r\n", b"=\r\n", b"\r\n", b" AGEAYg==\r\n"):
            self.play(SECURE, (b"a AUTHENTICATE PLAIN\r\n", [Prompt(b"+ \r\n")]), (line, bad))

    def test_success_tells_what_the_back_end_can_do(self) -> None:
        """S-MAIL-4: the back end's list less what is about the log-on, in exfront's words."""
        told = (b"IMAP4rev1", b"STARTTLS", b"IDLE", b"auth=gssapi", b"LoginDisabled", b"LOGIN-REFERRALS",
                b"MAILBOX-REFERRALS", b"UIDPLUS")  # fmt: skip
        answer = b"a OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] Logged on.\r\n"
        self.play(SECURE, (b"a LOGIN alice s3cret\r\n", [ALICE]), (Welcome(told), [Send(answer), Join()]))

    def test_success_with_an_alert_and_no_list(self) -> None:
        """S-MAIL-9: an alert of the back end is shown."""
        answer = b"* OK [ALERT] Disk full soon\r\na OK Logged on.\r\n"
        self.play(
            SECURE, (b"a LOGIN alice s3cret\r\n", [ALICE]), (Welcome((), (b"Disk full soon",)), [Send(answer), Join()])
        )

    def test_each_refusal_has_its_code(self) -> None:
        """S-MAIL-14, S-AUTH-6: only wrong credentials are AUTHENTICATIONFAILED, and their causes look the same."""
        for refusal, answer in (
            (Refusal(WRONG_PASSWORD), NOT_CORRECT),
            (Refusal(UNKNOWN_USER), NOT_CORRECT),
            (Refusal(DIRECTORY_DOWN), b"NO " + UNAVAILABLE + b"(XF-DIR-UNAVAILABLE)\r\n"),
            (Refusal(NO_MAILBOX), b"NO [CONTACTADMIN] This user has no mailbox. (XF-NO-MAILBOX)\r\n"),
            (
                Refusal(AUTHORIZATION_FAILED),
                b"NO [AUTHORIZATIONFAILED] This user may not act for that one. (XF-AUTHZ)\r\n",
            ),
            (
                Refusal(BACK_END_LOGIN_REFUSED, b"INUSE"),
                b"NO [INUSE] The mailbox is temporarily unavailable. (XF-BE-LOGIN-REFUSED)\r\n",
            ),
        ):
            self.play(SECURE, (b"a LOGIN alice s3cret\r\n", [ALICE]), (refusal, [Send(b"a " + answer)]))

    def test_a_refusal_with_an_alert(self) -> None:
        """S-MAIL-9: the alert comes untagged before the answer."""
        answer = b"* NO [ALERT] Over quota\r\na NO " + UNAVAILABLE + b"(XF-BE-LOGIN-REFUSED)\r\n"
        self.play(
            SECURE,
            (b"a LOGIN alice s3cret\r\n", [ALICE]),
            (Refusal(BACK_END_LOGIN_REFUSED, b"", (b"Over quota",)), [Send(answer)]),
        )

    def test_commands_behind_a_log_on_that_failed_are_bad(self) -> None:
        """S-MAIL-10: if the log-on fails, what was pipelined gets BAD."""
        self.play(
            SECURE,
            (b"a LOGIN alice s3cret\r\nb SELECT INBOX\r\n", [ALICE]),
            (Refusal(WRONG_PASSWORD), [Send(b"a " + NOT_CORRECT)]),
            (b"", [Send(b"b " + NOT_HERE)]),
        )


class EndTests(Imap4Tests):
    def test_the_fifth_wrong_log_on_closes(self) -> None:
        """S-MAIL-11: five failures a connection."""
        attempt: tuple[Scene, Scene] = (
            (b"a LOGIN alice s3cret\r\n", [ALICE]),
            (Refusal(WRONG_PASSWORD), [Send(b"a " + NOT_CORRECT)]),
        )
        bye = Send(b"* BYE [AUTHENTICATIONFAILED] Too many failures. (XF-AUTH-FAIL)\r\n")
        last: list[Action] = [Send(b"a " + NOT_CORRECT), bye, Close(TOO_MANY_FAILURES)]
        self.play(SECURE, *attempt * 4, attempt[0], (Refusal(WRONG_PASSWORD), last))

    def test_being_unavailable_is_no_failure_of_the_client(self) -> None:
        """S-MAIL-14: the session stays open for another try."""
        answer = Send(b"a NO " + UNAVAILABLE + b"(XF-DIR-UNAVAILABLE)\r\n")
        tries: tuple[Scene, Scene] = ((b"a LOGIN alice s3cret\r\n", [ALICE]), (Refusal(DIRECTORY_DOWN), [answer]))
        self.play(SECURE, *tries * 8)

    def test_the_tenth_bad_command_closes(self) -> None:
        """S-MAIL-6: ten bad commands, then BYE."""
        bye = Send(b"* BYE [CLIENTBUG] Too many bad commands. (XF-BAD-COMMANDS)\r\n")
        bad: Scene = (b"a x\r\n", [Send(b"a " + NOT_HERE)])
        self.play(
            SECURE, *[bad] * 9, (b"a x\r\nb x\r\n", [Send(b"a " + NOT_HERE), bye, Close(TOO_MANY_ERRORS)]), (b"", [])
        )

    def test_too_many_commands_without_a_log_on(self) -> None:
        """S-MAIL-6: good ones too: a client that does not read would fill the memory with their answers.

        Bad input: commands without end, and answers that nobody reads.
        """
        book = Playbook(IMAP4, SECURE)
        for _ in range(200):
            self.assertEqual(len(book.act(b"a NOOP\r\n")), 1)
        bye = Send(b"* BYE [CLIENTBUG] Too many commands without a log-on. (XF-BAD-COMMANDS)\r\n")
        self.assertEqual(book.act(b"a NOOP\r\n"), [bye, Close(TOO_MANY_COMMANDS)])

    def test_log_ons_in_clear_count_as_bad_commands(self) -> None:
        book = Playbook(IMAP4, CLEAR)
        for _ in range(9):
            book.act(b"a LOGIN alice s3cret\r\n")
        self.assertEqual(book.act(b"a LOGIN alice s3cret\r\n")[-1], Close(TOO_MANY_ERRORS))

    def test_a_line_without_end_closes(self) -> None:
        """S-MAIL-6: over the line limit: BYE.

        Bad input: 100 kB line before login.
        """
        bye = Send(b"* BYE [CLIENTBUG] The input is not valid. (XF-BAD-INPUT)\r\n")
        self.play(SECURE, (b"x" * 100_000, [bye, Close(BAD_INPUT)]), (b"a NOOP\r\n", []))

    def test_a_large_literal(self) -> None:
        """S-MAIL-5: `{n}` too large gets BAD without `+`, `{n+}` BYE.

        Bad input: literal of 4 GB announced.
        """
        bye = Send(b"* BYE [CLIENTBUG] The input is not valid. (XF-BAD-INPUT)\r\n")
        self.play(
            SECURE,
            (b"a LOGIN alice {4294967296}\r\n", [Send(b"a BAD The literal is too large.\r\n")]),
            (b"b NOOP\r\n", [Send(b"b OK NOOP completed.\r\n")]),
            (b"c LOGIN alice {300000+}\r\n", [bye, Close(BAD_INPUT)]),
        )

    def test_the_time_is_up(self) -> None:
        """S-MAIL-12: 60 s before login, then BYE."""
        bye = Send(b"* BYE [UNAVAILABLE] Time-out; try again. (XF-CLIENT-TIMEOUT)\r\n")
        self.play(SECURE, (Happens.TIMED_OUT, [bye, Close(CLIENT_TIMEOUT)]))
        self.play(
            CLEAR,
            (b"a STARTTLS\r\n", [Send(b"a OK Begin TLS now.\r\n"), StartTLS()]),
            (Happens.TIMED_OUT, [Close(CLIENT_TIMEOUT)]),
        )

    def test_a_fault_of_ours_is_unavailable(self) -> None:
        """S-MAIL-17: no text of the exception."""
        text = b"[UNAVAILABLE] An internal fault; it is logged. (XF-INTERNAL)\r\n"
        self.play(SECURE, (Happens.FAULT, [Send(b"* BYE " + text), Close(INTERNAL_ERROR)]))
        self.play(
            SECURE,
            (b"a LOGIN alice s3cret\r\n", [ALICE]),
            (Happens.FAULT, [Send(b"a NO " + text), Send(b"* BYE " + text), Close(INTERNAL_ERROR)]),
        )
