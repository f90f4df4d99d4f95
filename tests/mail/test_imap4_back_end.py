"""The log-on at an IMAP4 back end, as answers and what is done about them."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.backends.health import APPLICATION_FAULTS
from exfront.mail.back_end_log_on import BackEndRefused, BeginTLS, Entry, Say, Step
from exfront.mail.imap4_back_end import imap4_log_on
from exfront.mail.outcome import Welcome
from exfront.reasons import BACK_END_AUTH_MISMATCH, BACK_END_LOGIN_REFUSED, BACK_END_PROTOCOL, MAILBOX_REFUSED, Reason
from exfront.secret import Secret
from exfront.wire.client_facts import ClientFacts, write_id
from exfront.wire.imap4_referral import Referral
from exfront.wire.imap4_responses import ResponseReader
from exfront.wire.proxy_protocol import Endpoint
from exfront.wire.sasl import Credentials

GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] be1 ready\r\n"
PLAIN = b"L AUTHENTICATE PLAIN AGFsaWNlAHg=\r\n"
QUOTED = b'L LOGIN "alice" "x"\r\n'
ASK = b"C CAPABILITY\r\n"

Scene = tuple[bytes, "Step | Welcome"]


class Imap4BackEndTests(SynchronousTestCase):
    def play(
        self,
        *script: Scene,
        tls: bool = False,
        name: bytes = b"alice",
        password: bytes = b"x",
        entry: Entry | None = None,
    ) -> Welcome | None:
        """Each scene: what the back end says, and what exfront does then. The mechanisms of a Welcome are left out."""
        log_on = imap4_log_on(entry or Entry(Credentials(name, Secret(password)), tls))
        welcome: Welcome | None = None
        reader = ResponseReader()
        done: Step | Welcome = next(log_on)
        self.assertEqual(done, Say())
        for said, expected in script:
            reader.feed(said)
            while isinstance(done, Say | BeginTLS) and (answer := reader.next_event()) is not None:
                try:
                    done = log_on.send(answer)
                except StopIteration as end:
                    welcome = end.value
                    done = evolve(end.value, mechanisms=None)
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


class LogOnTests(Imap4BackEndTests):
    def test_one_round_trip_where_all_is_announced(self) -> None:
        self.play(
            (GREETING, Say(PLAIN)),
            (b"L OK [CAPABILITY IMAP4rev1 IDLE] in\r\n", Welcome((b"IMAP4rev1", b"IDLE"))),
        )

    def test_a_silent_greeting_is_asked_and_the_list_after_login_comes_along(self) -> None:
        self.play(
            (b"* OK Exchange ready\r\n", Say(ASK)),
            (b"* CAPABILITY IMAP4 IDLE\r\nC OK done\r\n", Say(QUOTED + ASK)),
            (b"L OK LOGIN completed.\r\n", Say()),
            (b"* CAPABILITY IMAP4 IDLE UIDPLUS\r\nC OK\r\n", Welcome((b"IMAP4", b"IDLE", b"UIDPLUS"))),
        )

    def test_the_list_said_before_the_login_is_not_the_one_after_it(self) -> None:
        """S-MAIL-4: what the client is told is what the back end has after login."""
        self.play(
            (GREETING, Say(PLAIN)),
            (b"L OK in\r\n", Say(ASK)),
            (b"* CAPABILITY IMAP4rev1\r\nC OK\r\n", Welcome((b"IMAP4rev1",))),
        )
        self.play((GREETING, Say(PLAIN)), (b"* CAPABILITY X\r\nL OK in\r\n", Welcome((b"X",))))
        self.play((GREETING, Say(PLAIN)), (b"L OK in\r\n", Say(ASK)), (b"C BAD what?\r\n", Welcome(())))

    def test_literals_are_sent_one_by_one_when_asked_for(self) -> None:
        """S-MAIL-7: 8-bit octets arrive exact."""
        self.play(
            (b"* OK [CAPABILITY IMAP4rev1] hi\r\n", Say(b"L LOGIN {1}\r\n")),
            (b"+ go on\r\n", Say(b"\xe9 {1}\r\n")),
            (b"+ go on\r\n", Say(b"\xe9\r\n")),
            (b"L OK [CAPABILITY IMAP4rev1] in\r\n", Welcome((b"IMAP4rev1",))),
            name=b"\xe9",
            password=b"\xe9",
        )

    def test_alerts_are_kept_and_made_safe(self) -> None:
        """S-MAIL-9: of an alert printable ASCII up to 400."""
        self.play(
            (GREETING, Say(PLAIN)),
            (
                b"* NO [ALERT] caf\xc3\xa9\x1b[2J" + b"x" * 500 + b"\r\n* 3 EXISTS\r\nL OK [CAPABILITY A] in\r\n",
                Welcome((b"A",), (b"caf???[2J" + b"x" * 391,)),
            ),
        )


FACTS = ClientFacts(Endpoint("192.0.2.7", 50_001), Endpoint("198.51.100.1", 143), "0123abcd", 4)
ID = write_id(b"I", FACTS)
TOKEN = Entry(Credentials(b"alice", Secret(b"user=alice\1auth=Bearer t\1\1"), mechanism="XOAUTH2"))
BEARER = Entry(Credentials(b"alice", Secret(b"n,a=alice,\1auth=Bearer t\1\1"), mechanism="OAUTHBEARER"))


class ClientFactsTests(Imap4BackEndTests):
    ENTRY = Entry(Credentials(b"alice", Secret(b"x")), facts=FACTS)

    def test_id_goes_before_the_log_on_in_the_same_packet(self) -> None:
        """S-MAIL-16: whatever the answer to ID is, it is no answer to the log-on."""
        for answer in (b'* ID ("name" "Dovecot")\r\nI OK\r\n', b"I NO\r\n", b"I BAD what?\r\n"):
            self.play(
                (GREETING, Say(ID + PLAIN)),
                (answer, Say()),
                (b"L OK [CAPABILITY A] in\r\n", Welcome((b"A",))),
                entry=self.ENTRY,
            )
        self.refused(BACK_END_PROTOCOL, (GREETING, Say(ID + PLAIN)), last=b"L OK in\r\n", entry=self.ENTRY)

    def test_id_goes_under_tls(self) -> None:
        """S-MAIL-16: nothing of the client is said in clear where TLS is to be started."""
        self.play(
            *StartTlsTests.GO,
            (b"* CAPABILITY IMAP4rev1\r\nC OK\r\n", Say(ID + QUOTED)),
            (b"I OK\r\n", Say()),
            (b"L OK [CAPABILITY A] in\r\n", Welcome((b"A",))),
            entry=evolve(self.ENTRY, tls=True),
        )


class TokenTests(Imap4BackEndTests):
    GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER] hi\r\n"
    SENT: Scene = (GREETING, Say(b"L AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0AQE=\r\n"))

    def test_the_client_s_token_is_passed_on_as_it_is(self) -> None:
        self.play(self.SENT, (b"L OK [CAPABILITY A] in\r\n", Welcome((b"A",))), entry=TOKEN)

    def test_a_refused_token_is_answered_before_it_is_refused(self) -> None:
        """S-MAIL-14: RFC 7628 section 3.2.3; of the server's words only base64 goes on."""
        sent: Scene = (
            self.GREETING,
            Say(b"L AUTHENTICATE OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciB0AQE=\r\n"),
        )
        for entry, log_on, answer in ((TOKEN, self.SENT, b"\r\n"), (BEARER, sent, b"AQ==\r\n")):
            for said in (b"eyJzdGF0dXMiOiI0MDEifQ==", b"be1.corp says no"):
                refused = self.refused(
                    BACK_END_AUTH_MISMATCH,
                    log_on,
                    (b"+ %b\r\n" % said, Say(answer)),
                    last=b"L NO failed\r\n",
                    entry=entry,
                )
                self.assertEqual(refused.challenge, b"" if b" " in said else said)

    def test_a_server_that_takes_no_tokens(self) -> None:
        refused = self.refused(BACK_END_LOGIN_REFUSED, last=GREETING, entry=TOKEN)
        self.assertIn("no AUTH=XOAUTH2", refused.detail)

    def test_the_mechanisms_that_were_offered_before(self) -> None:
        """S-MAIL-4: what the list before login may promise."""
        welcome = self.play(self.SENT, (b"L OK [CAPABILITY A] in\r\n", Welcome((b"A",))), entry=TOKEN)
        assert welcome is not None
        self.assertEqual(welcome.mechanisms, {b"XOAUTH2", b"OAUTHBEARER"})


class ReferralTests(Imap4BackEndTests):
    SENT: Scene = (GREETING, Say(PLAIN))
    CODE = b"[REFERRAL imap://alice@be2.corp/]"

    def test_a_referral_is_told_of_and_never_passed_on(self) -> None:
        """S-MAIL-9: RFC 2221, with NO and with OK."""
        refused = self.refused(BACK_END_LOGIN_REFUSED, self.SENT, last=b"L NO %b elsewhere\r\n" % self.CODE)
        self.assertEqual((refused.code, refused.referral), (b"", Referral("be2.corp", None)))
        self.play(
            self.SENT,
            (b"* CAPABILITY A\r\nL OK %b in\r\n" % self.CODE, Welcome((b"A",), referral=Referral("be2.corp", None))),
        )
        refused = self.refused(BACK_END_LOGIN_REFUSED, self.SENT, last=b"L NO [REFERRAL smtp://be2.corp/] x\r\n")
        self.assertIsNone(refused.referral)


class StartTlsTests(Imap4BackEndTests):
    GO: tuple[Scene, ...] = (
        (b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", Say(b"S STARTTLS\r\n")),
        (b"S OK go\r\n", BeginTLS(ASK)),
    )

    def test_capabilities_are_asked_anew_under_tls(self) -> None:
        """S-MAIL-2: what was announced in clear does not count under TLS."""
        self.play(
            *self.GO,
            (b"* CAPABILITY SASL-IR AUTH=PLAIN\r\nC OK\r\n", Say(PLAIN)),
            (b"L OK [CAPABILITY A] in\r\n", Welcome((b"A",))),
            tls=True,
        )
        self.play(
            (b"* OK [CAPABILITY STARTTLS SASL-IR AUTH=PLAIN] hi\r\n", Say(b"S STARTTLS\r\n")),
            (b"S OK go\r\n", BeginTLS(ASK)),
            (b"* CAPABILITY IMAP4rev1\r\nC OK\r\n", Say(QUOTED)),
            tls=True,
        )

    def test_without_starttls_nothing_goes_on_in_clear(self) -> None:
        """S-MAIL-2: missing STARTTLS, NO or BAD to it, PREAUTH: the leg is dropped."""
        asked: Scene = (b"* OK hi\r\n", Say(b"S STARTTLS\r\n"))
        self.refused(BACK_END_PROTOCOL, last=b"* OK [CAPABILITY IMAP4rev1] hi\r\n", tls=True)
        self.refused(BACK_END_PROTOCOL, last=b"* PREAUTH hi\r\n", tls=True)
        for answer in (b"S NO\r\n", b"S BAD\r\n", b"X OK\r\n", b"+ \r\n"):
            self.refused(BACK_END_PROTOCOL, asked, last=answer, tls=True)


class RefusalTests(Imap4BackEndTests):
    SENT: Scene = (GREETING, Say(PLAIN))

    def test_a_refused_password(self) -> None:
        """S-MAIL-14: a back end that refuses a verified password."""
        for answer in (b"L NO LOGIN failed.\r\n", b"L NO [AUTHENTICATIONFAILED] no\r\n"):
            refused = self.refused(BACK_END_AUTH_MISMATCH, self.SENT, last=answer)
            self.assertEqual((refused.status, refused.code), ("NO", b""))

    def test_refused_for_now(self) -> None:
        """S-MAIL-9: only listed response codes are passed on."""
        for answer, status, code in (
            (b"L NO [UNAVAILABLE] mailbox is being moved\r\n", "NO", b"UNAVAILABLE"),
            (b"L NO [REFERRAL imap://be2.corp/] x\r\n", "NO", b""),
            (b"L BAD User is authenticated but not connected.\r\n", "BAD", b""),  # Exchange 2007 and later
            (b"L NO Server Unavailable. 15\r\n", "NO", b""),
            (b"* BYE be1.corp is going down\r\n", "BYE", b""),
        ):
            refused = self.refused(BACK_END_LOGIN_REFUSED, self.SENT, last=answer)
            self.assertEqual((refused.status, refused.code), (status, code), answer)

    def test_a_mailbox_that_is_refused(self) -> None:
        """S-MAIL-9, S-ROUTE-12: its code is passed on, and it is no fault of the server."""
        for code in (b"INUSE", b"LIMIT", b"OVERQUOTA", b"EXPIRED", b"NOPERM", b"CONTACTADMIN", b"AUTHORIZATIONFAILED"):
            refused = self.refused(MAILBOX_REFUSED, self.SENT, last=b"L NO [%b] be1.corp says no\r\n" % code.lower())
            self.assertEqual((refused.status, refused.code), ("NO", code))
        self.assertNotIn(MAILBOX_REFUSED, APPLICATION_FAULTS)

    def test_refused_with_an_alert(self) -> None:
        """S-MAIL-9: the alert is for the user."""
        refused = self.refused(BACK_END_LOGIN_REFUSED, self.SENT, last=b"L NO [ALERT] Over quota\r\n")
        self.assertEqual(refused.alerts, (b"Over quota",))

    def test_the_log_gets_the_text_and_never_the_password(self) -> None:
        """S-AUTH-11: a back end that repeats the password."""
        refused = self.refused(MAILBOX_REFUSED, self.SENT, last=b"L NO [INUSE] mailbo\xff\r\n")
        self.assertEqual(refused.detail, "status=NO code=INUSE text=mailbo?")
        refused = self.refused(BACK_END_LOGIN_REFUSED, self.SENT, last=b"L BAD syntax at x\r\n")
        self.assertEqual(refused.detail, "status=BAD code=- text=***")

    def test_a_greeting_that_turns_away(self) -> None:
        self.refused(BACK_END_LOGIN_REFUSED, last=b"* BYE too many\r\n")

    def test_garbage(self) -> None:
        """S-MAIL-9: only greeting, capability and the answer to our tag make sense.

        Bad input: back end sends garbage.
        """
        for greeting in (b"220 smtp\r\n", b"* NO x\r\n", b"* PREAUTH x\r\n", b"L OK x\r\n", b"+ \r\n", b"\0\n"):
            self.refused(BACK_END_PROTOCOL, last=greeting)
        for answer in (b"M OK x\r\n", b"+ \r\n", b"what\r\n", b"* x\r\n" * 65):
            self.refused(BACK_END_PROTOCOL, self.SENT, last=answer)

    def test_no_password_where_it_is_not_taken(self) -> None:
        refused = self.refused(BACK_END_LOGIN_REFUSED, last=b"* OK [CAPABILITY LOGINDISABLED] hi\r\n")
        self.assertIn("LOGINDISABLED", refused.detail)
