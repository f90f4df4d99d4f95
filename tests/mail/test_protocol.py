"""The glue up to the end of the log-on: deadlines, TLS, the steps, the records."""

from __future__ import annotations

from base64 import b64encode

from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.kinds import HostPort
from exfront.config.listener import ListenerSection
from exfront.mail.imap4 import Imap4Speaker
from exfront.mail.kinds import IMAP4, POP3
from exfront.mail.protocol import Fault, MailProtocol
from exfront.names import NameRules
from exfront.reasons import (
    AUTHORIZATION_FAILED,
    BACK_END_AUTH_MISMATCH,
    BACK_END_CERTIFICATE,
    BACK_END_LOGIN_LOST,
    BACK_END_LOGIN_REFUSED,
    BACK_END_LOGIN_TIMEOUT,
    BACK_END_PROTOCOL,
    BACK_END_REFUSED,
    BAD_INPUT,
    CLIENT_GONE,
    CLIENT_TIMEOUT,
    DIRECTORY_DOWN,
    DRAINING,
    EMPTY_PASSWORD,
    INTERNAL_ERROR,
    MAILBOX_REFUSED,
    MALFORMED_CREDENTIALS,
    NO_MAILBOX,
    PRIVACY_REQUIRED,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.topology import Service
from tests.mail.connection import FLOOR, MailConnection
from tests.support.directory import mailbox
from tests.support.steps import SmallWorld, server
from tests.support.transport import MemoryTransport

GREETING = b"* OK [CAPABILITY IMAP4rev1] be1.corp ready\r\n"
LOGIN = b"a LOGIN alice secret-alice\r\n"
FAILED = b"NO [AUTHENTICATIONFAILED] The user name or password is not correct. (XF-AUTH-FAIL)\r\n"


def unavailable(reason: Reason) -> bytes:
    return f"a NO [UNAVAILABLE] The mailbox is temporarily unavailable. ({reason.code})\r\n".encode()


class Tests(SynchronousTestCase):
    def logged(self, connection: MailConnection) -> list[tuple[str, str, str, Reason | None]]:
        """User and both statuses and Reason of each line of the access log, all sessions closed."""
        self.assertEqual(len(connection.world.sessions), 0)
        self.assertEqual(connection.clock.getDelayedCalls(), [])
        return [(r.user, r.front_end_status, r.back_end_status, r.reason) for r in connection.records]


class LogOnTests(Tests):
    def test_imap4_is_relayed_after_the_log_on(self) -> None:
        """S-MAIL-4: the tagged OK is exfront's own, with the back end's list."""
        c = MailConnection()
        self.assertEqual(c.say(LOGIN), b"")
        self.assertEqual(c.world.dialer.dialled[0].relay.server.name, "chicago")
        self.assertEqual(c.back_end_says(GREETING), b'L LOGIN "alice" "secret-alice"\r\n')
        c.back_end_says(b"L OK [CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN] Hi from be1.corp\r\n")
        self.assertEqual(c.transport.take(), b"a OK [CAPABILITY IMAP4rev1 IDLE] Logged on.\r\n")
        self.assertEqual(c.say(b"b SELECT INBOX\r\n"), b"")
        self.assertEqual(c.back_end.take(), b"b SELECT INBOX\r\n")
        c.back_end_says(b"* 3 EXISTS\r\nb OK\r\n")
        self.assertEqual(c.transport.take(), b"* 3 EXISTS\r\nb OK\r\n")

    def test_pop3_is_relayed_after_the_log_on(self) -> None:
        c = MailConnection(POP3)
        self.assertEqual(c.say(b"USER bob\r\n"), b"+OK\r\n")
        self.assertEqual(c.say(b"PASS secret-bob\r\n"), b"")
        self.assertEqual(c.world.dialer.dialled[0].relay.server.name, "dallas")
        self.assertEqual(c.back_end_says(b"+OK be2.corp <1@be2>\r\n"), b"USER bob\r\n")
        self.assertEqual(c.back_end_says(b"+OK\r\n"), b"PASS secret-bob\r\n")
        c.back_end_says(b"+OK User successfully logged on.\r\n")
        self.assertEqual(c.transport.take(), b"+OK Logged on.\r\n")
        self.assertEqual((c.say(b"STAT\r\n"), c.back_end.take()), (b"", b"STAT\r\n"))

    def test_one_line_in_the_log_for_a_session(self) -> None:
        """S-OPS-15: one line, both statuses, octets each way, the time of each step."""
        c = MailConnection()
        c.say(LOGIN)
        c.back_end_says(GREETING)
        c.clock.advance(2)
        c.back_end_says(b"L OK [CAPABILITY A] x\r\n")
        c.say(b"b NOOP\r\n")
        c.back_end_says(b"b OK\r\n")
        c.clock.advance(3)
        c.transport.peer_closes()
        c.back_end.peer_closes()
        self.assertEqual(self.logged(c), [("alice", "OK", "OK", None)])
        (record,) = c.records
        self.assertEqual((record.octets_in, record.octets_out), (8, 6))
        self.assertEqual((record.mailbox, record.back_end), ("alice@fourthcoffee.com", "chicago"))
        self.assertEqual(set(record.steps.taken()), {"admit", "authenticate", "locate", "route", "relay"})
        self.assertEqual((record.steps.relay, record.duration), (2.0, 5.0))

    def test_what_is_pipelined_reaches_the_back_end_once_in_order(self) -> None:
        """S-MAIL-10: commands behind LOGIN go on after the tagged OK, and what follows that OK comes first."""
        c = MailConnection()
        c.say(LOGIN + b"b SELECT INBOX\r\nc FE")
        c.say(b"TCH 1 {4}\r\n")
        c.back_end_says(GREETING)
        said = c.back_end_says(b"L OK [CAPABILITY A] x\r\n* NO [ALERT] later\r\n")
        self.assertEqual(said, b"b SELECT INBOX\r\nc FETCH 1 {4}\r\n")
        self.assertEqual(c.transport.take(), b"a OK [CAPABILITY A] Logged on.\r\n* NO [ALERT] later\r\n")

    def test_pop3_commands_are_pipelined_too(self) -> None:
        """S-MAIL-10: commands behind PASS."""
        c = MailConnection(POP3)
        c.say(b"USER alice\r\nPASS secret-alice\r\nSTAT\r\nQUIT\r\n")
        for answer in (b"+OK\r\n", b"+OK\r\n"):
            c.back_end_says(answer)
        self.assertEqual(c.back_end_says(b"+OK\r\n"), b"STAT\r\nQUIT\r\n")

    def test_reading_stops_when_too_much_is_pipelined(self) -> None:
        """S-MAIL-10: 64 KiB are held, then reading stops, and goes on after the log-on."""
        c = MailConnection()
        rest = b"b APPEND x {200000+}\r\n" + b"x" * 70_000
        c.say(LOGIN)
        c.say(rest[:60_000])
        self.assertEqual(c.transport.producerState, "producing")
        c.say(rest[60_000:])
        self.assertEqual(c.transport.producerState, "paused")
        c.back_end_says(GREETING)
        self.assertEqual(c.back_end_says(b"L OK [CAPABILITY A] x\r\n"), rest)
        self.assertEqual(c.transport.producerState, "producing")

    def test_the_typed_name_and_the_same_secret_go_to_the_back_end(self) -> None:
        """S-MAIL-7: quotes, back-slash and 8-bit arrive exact; DOMAIN/user stays as typed.

        Bad input: password with quotes, backslashes, spaces and 8-bit octets.
        """
        password = 'q"u\\o te é'.encode()
        world = SmallWorld()
        world.passwords.passwords["alice"] = password
        c = MailConnection(world=world)
        c.say(b"a LOGIN FC/alice {%d+}\r\n%b\r\n" % (len(password), password))
        said = c.back_end_says(b"* OK [CAPABILITY LITERAL+] x\r\n")
        self.assertEqual(said, b'L LOGIN "FC/alice" {%d+}\r\n%b\r\n' % (len(password), password))

    def test_the_server_says_which_name_it_wants(self) -> None:
        world = SmallWorld(servers=(server("chicago", login_as="upn"),))
        c = MailConnection(world=world)
        c.say(LOGIN)
        self.assertEqual(c.back_end_says(GREETING), b'L LOGIN "alice@fourthcoffee.com" "secret-alice"\r\n')

    def test_a_login_may_name_another_mailbox(self) -> None:
        """S-MAIL-8: `DOMAIN/user/mailbox` goes to that mailbox's server, which must allow it."""
        c = MailConnection()
        c.say(b"a LOGIN FC/alice/bob secret-alice\r\n")
        self.assertEqual(c.world.dialer.dialled[0].relay.server.name, "dallas")
        self.assertEqual(c.back_end_says(GREETING), b'L LOGIN "FC/alice/bob" "secret-alice"\r\n')

    def test_a_login_may_name_the_public_folders(self) -> None:
        """Exchange 2003: they are opened at the user's own server, whatever name is used there else."""
        c = MailConnection(world=SmallWorld(servers=(server("chicago", login_as="upn"),)))
        c.say(b"a LOGIN FC/alice/public.folders secret-alice\r\n")
        self.assertEqual(c.world.dialer.dialled[0].relay.server.name, "chicago")
        self.assertEqual(c.back_end_says(GREETING), b'L LOGIN "FC/alice/public.folders" "secret-alice"\r\n')


class FailureTests(Tests):
    def test_wrong_credentials_are_answered_after_the_floor_and_look_the_same(self) -> None:
        """S-AUTH-6, S-AUTH-1: same text, and not before 500 ms, whatever was wrong; no bind for an empty password.

        Bad input: unknown user.
        Bad input: wrong password.
        Bad input: empty password.
        Bad input: user name with asterisk, parentheses, backslash and NUL.
        Bad input: 8-bit user name.
        """
        for line, reason, checked in (
            (b"a LOGIN nobody x\r\n", UNKNOWN_USER, 0),
            (b"a LOGIN alice x\r\n", WRONG_PASSWORD, 1),
            (b'a LOGIN alice ""\r\n', EMPTY_PASSWORD, 0),
            (b'a LOGIN "" x\r\n', EMPTY_PASSWORD, 0),
            (b"a LOGIN {3+}\r\na\0b x\r\n", MALFORMED_CREDENTIALS, 0),
            (b"a LOGIN {11+}\r\nu\r\nx LOGOUT x\r\n", MALFORMED_CREDENTIALS, 0),
            (b'a LOGIN "*()\\\\" x\r\n', MALFORMED_CREDENTIALS, 0),
            (b'a LOGIN "\xe9" x\r\n', UNKNOWN_USER, 0),
            (b"a LOGIN " + b"x" * 300 + b" x\r\n", MALFORMED_CREDENTIALS, 0),
            (b"a LOGIN alice " + b"x" * 1100 + b"\r\n", MALFORMED_CREDENTIALS, 0),
        ):
            c = MailConnection()
            self.assertEqual((c.say(line), c.wait(0.49)), (b"", b""), line)
            self.assertEqual(c.wait(0.12), b"a " + FAILED, line)
            self.assertEqual(len(c.world.passwords.checked), checked, line)
            self.assertEqual(c.world.dialer.dialled, [])
            self.assertEqual([(r.front_end_status, r.reason) for r in c.records], [("NO", reason)], line)

    def test_the_floor_counts_from_receipt(self) -> None:
        """S-AUTH-6: a slow directory does not make the answer later still."""
        world = SmallWorld()
        world.passwords.hold = True
        c = MailConnection(world=world)
        c.say(LOGIN)
        c.clock.advance(3)
        world.passwords.held[0].errback(Refused(WRONG_PASSWORD))
        self.assertEqual(c.wait(0), b"a " + FAILED)

    def test_what_is_not_the_clients_fault_is_answered_at_once(self) -> None:
        """S-MAIL-14: a broken directory is UNAVAILABLE, and the session stays open for another try."""
        world = SmallWorld()
        world.directory.fault = Refused(DIRECTORY_DOWN, "dc1.corp refused")
        c = MailConnection(world=world)
        self.assertEqual(c.say(LOGIN), unavailable(DIRECTORY_DOWN))
        world.directory.fault = None
        self.assertEqual(c.say(LOGIN), b"")
        self.assertEqual(len(world.dialer.dialled), 1)

    def test_an_account_without_mailbox(self) -> None:
        """S-MAIL-14: no mailbox: CONTACTADMIN and [SYS/PERM]."""
        c = MailConnection()
        answer = b"a NO [CONTACTADMIN] This user has no mailbox. (XF-NO-MAILBOX)\r\n"
        self.assertEqual(c.say(b"a LOGIN carol secret-carol\r\n"), answer)
        c = MailConnection(POP3)
        c.say(b"USER carol\r\n")
        self.assertEqual(
            c.say(b"PASS secret-carol\r\n"), b"-ERR [SYS/PERM] This user has no mailbox. (XF-NO-MAILBOX)\r\n"
        )
        self.assertEqual([(r.front_end_status, r.reason) for r in c.records], [("ERR", NO_MAILBOX)])

    def test_pipelined_commands_behind_a_failure_are_bad(self) -> None:
        """S-MAIL-10: if LOGIN fails, `b` gets BAD."""
        c = MailConnection()
        c.say(b"a LOGIN alice x\r\nb SELECT INBOX\r\nc NOOP\r\n")
        answers = b"b BAD Unknown command, or not before a log-on.\r\nc OK NOOP completed.\r\n"
        self.assertEqual(c.wait(FLOOR), b"a " + FAILED + answers)

    def test_each_failure_is_a_line_and_the_connection_adds_none(self) -> None:
        """S-OPS-15: one line for each refused log-on, its own for the one that went through."""
        c = MailConnection()
        for _ in range(2):
            c.say(b"a LOGIN alice wrong\r\n")
            c.wait(FLOOR)
        c.say(b"a LOGOUT\r\n")
        self.assertEqual(self.logged(c), [("alice", "NO", "-", WRONG_PASSWORD)] * 2)

    def test_failures_before_a_success_are_lines_of_their_own(self) -> None:
        c = MailConnection()
        c.say(b"a LOGIN bob wrong\r\n")
        c.wait(FLOOR)
        c.say(LOGIN)
        c.back_end_says(GREETING)
        c.back_end_says(b"L OK [CAPABILITY A] x\r\n")
        c.transport.peer_closes()
        c.back_end.peer_closes()
        self.assertEqual(self.logged(c), [("bob", "NO", "-", WRONG_PASSWORD), ("alice", "OK", "OK", None)])
        self.assertNotEqual(c.records[0], c.records[1])

    def test_the_last_failure_closes(self) -> None:
        """S-MAIL-11: five failures by IMAP4, three by POP3, then the connection ends."""
        c = MailConnection()
        for _ in range(4):
            c.say(b"a LOGIN alice x\r\n")
            self.assertEqual(c.wait(FLOOR), b"a " + FAILED)
        c.say(b"a LOGIN alice x\r\n")
        bye = b"* BYE [AUTHENTICATIONFAILED] Too many failures. (XF-AUTH-FAIL)\r\n"
        self.assertEqual(c.wait(FLOOR), b"a " + FAILED + bye)
        self.assertEqual(len(self.logged(c)), 5)
        c = MailConnection(POP3)
        for _ in range(3):
            c.say(b"USER alice\r\n")
            c.say(b"PASS x\r\n")
            c.wait(FLOOR)
        self.assertEqual(len(self.logged(c)), 3)

    def test_the_authorization_identity_follows_the_rules_of_login_names(self) -> None:
        """S-MAIL-8: an address with a tag is the same account where login names may have tags, and only there."""
        for rules, passes in ((NameRules(tag_separator="+"), True), (NameRules(), False)):
            c = MailConnection()
            c.world.steps.portal.rules = rules
            c.say(b"a AUTHENTICATE PLAIN\r\n")
            c.say(b64encode(b"alice+lists@fourthcoffee.com\0alice\0secret-alice") + b"\r\n")
            self.assertEqual(len(c.world.dialer.dialled), int(passes), rules)

    def test_the_authorization_identity(self) -> None:
        """S-MAIL-8: authzid empty or the same account, however spelt; else AUTHORIZATIONFAILED, after the password."""
        for acts_for, passes in (
            (b"", True),
            (b"alice", True),
            (b"alice@fourthcoffee.com", True),
            (b"bob", False),
            (b"nobody", False),
            (b"FC/alice/bob", False),
            (b"\x01", False),
        ):
            c = MailConnection()
            c.say(b"a AUTHENTICATE PLAIN\r\n")
            answer = c.say(b64encode(acts_for + b"\0alice\0secret-alice") + b"\r\n")
            self.assertEqual(len(c.world.dialer.dialled), int(passes), acts_for)
            if not passes:
                self.assertEqual(
                    answer, b"a NO [AUTHORIZATIONFAILED] This user may not act for that one. (XF-AUTHZ)\r\n"
                )
                self.assertEqual(c.records[0].reason, AUTHORIZATION_FAILED)


class MovedTests(Tests):
    """alice's mailbox leaves chicago for dallas while chicago is still known for it."""

    def setUp(self) -> None:
        world = SmallWorld()
        world.directory.remembers = True
        self.c = MailConnection(world=world)
        self.c.say(LOGIN)
        self.directory = world.directory
        self.directory.asked.clear()

    def refused_by_chicago(self) -> None:
        self.c.back_end_says(GREETING)
        self.c.back_end_says(b"L NO wrong password\r\n")

    def test_a_mailbox_that_moved_is_reached_in_the_same_log_on(self) -> None:
        """S-ROUTE-10: one more look-up, one more try, before the client is answered."""
        self.directory.entries[0] = mailbox("alice", "dallas")
        self.refused_by_chicago()
        self.assertEqual(self.c.transport.take(), b"")
        self.assertEqual([to.relay.server.name for to in self.c.world.dialer.dialled], ["chicago", "dallas"])
        self.assertEqual(self.c.back_end_says(GREETING), b'L LOGIN "alice" "secret-alice"\r\n')
        self.c.back_end_says(b"L OK [CAPABILITY A] x\r\n")
        self.assertEqual(self.c.transport.take(), b"a OK [CAPABILITY A] Logged on.\r\n")
        self.assertEqual((len(self.directory.asked), len(self.c.world.passwords.checked)), (1, 1))
        self.c.transport.peer_closes()
        self.c.back_end.peer_closes()
        self.assertEqual([(record.back_end, record.reason) for record in self.c.records], [("dallas", None)])

    def test_one_that_did_not_move_is_refused_after_one_look(self) -> None:
        """S-ROUTE-10: same place: the answer stands."""
        self.refused_by_chicago()
        self.assertEqual(self.c.transport.take(), unavailable(BACK_END_AUTH_MISMATCH))
        self.assertEqual((len(self.directory.asked), len(self.c.world.dialer.dialled)), (1, 1))

    def test_a_second_refusal_is_the_last(self) -> None:
        """S-ROUTE-10: one more try, not two."""
        self.directory.entries[0] = mailbox("alice", "dallas")
        self.refused_by_chicago()
        self.directory.entries[0] = mailbox("alice", "chicago")
        self.c.back_end_says(GREETING)
        self.c.back_end_says(b"L NO wrong password\r\n")
        self.assertEqual(self.c.transport.take(), unavailable(BACK_END_AUTH_MISMATCH))
        self.assertEqual(len(self.c.world.dialer.dialled), 2)

    def test_a_server_that_is_only_busy_has_the_mailbox(self) -> None:
        self.c.back_end_says(GREETING)
        self.c.back_end_says(b"L NO [UNAVAILABLE] later\r\n")
        self.assertEqual((len(self.directory.asked), len(self.c.world.dialer.dialled)), (0, 1))


class BackEndTests(Tests):
    def failing(self, world: SmallWorld | None = None) -> MailConnection:
        c = MailConnection(world=world)
        c.say(LOGIN)
        return c

    def check(self, c: MailConnection, reason: Reason, back_end_status: str = "-", answer: bytes = b"") -> None:
        """The client got UNAVAILABLE and nothing of the back end; the session stays open, the leg is gone."""
        c.clock.advance(0)
        self.assertEqual(c.transport.take(), answer or unavailable(reason))
        (record,) = c.records
        self.assertEqual((record.reason, record.back_end_status), (reason, back_end_status))
        for dialled in c.world.dialer.dialled:
            self.assertFalse(dialled.transport is not None and dialled.transport.connected)
        self.assertEqual(c.say(b"z NOOP\r\n"), b"z OK NOOP completed.\r\n")

    def test_the_connection_is_refused(self) -> None:
        """Bad input: back end refuses the connection."""
        world = SmallWorld()
        world.dialer.refuse = BACK_END_REFUSED
        c = MailConnection(world=world)
        self.assertEqual(c.say(LOGIN), unavailable(BACK_END_REFUSED))
        self.check_record(c, BACK_END_REFUSED)

    def check_record(self, c: MailConnection, reason: Reason) -> None:
        self.assertEqual([record.reason for record in c.records], [reason])

    def test_it_accepts_and_says_nothing(self) -> None:
        """Bad input: back end accepts and says nothing."""
        c = self.failing()
        c.clock.advance(19.9)
        self.assertEqual(c.transport.take(), b"")
        c.clock.advance(0.2)
        self.check(c, BACK_END_LOGIN_TIMEOUT)

    def test_it_closes_in_the_middle_of_the_login(self) -> None:
        """Bad input: back end closes in the middle of the login."""
        for said in (b"", GREETING, GREETING + b"L O"):
            c = self.failing()
            c.back_end_says(said)
            c.back_end.peer_closes()
            self.check(c, BACK_END_LOGIN_LOST)

    def test_it_half_closes_in_the_middle_of_the_login(self) -> None:
        c = self.failing()
        c.back_end_says(GREETING)
        c.back_end.peer_ends_writing()
        self.check(c, BACK_END_LOGIN_LOST)

    def test_it_sends_garbage(self) -> None:
        """S-MAIL-9: what makes no sense before its OK ends the leg.

        Bad input: back end sends garbage.
        """
        for said in (b"220 hello\r\n", b"\0\0\n", b"x" * 70_000, b"* OK x\r\n" * 70, b"* PREAUTH be1\r\n"):
            c = self.failing()
            c.back_end_says(said)
            self.check(c, BACK_END_PROTOCOL)

    def test_it_refuses_the_password(self) -> None:
        """S-MAIL-14: a back end that refuses a verified password: UNAVAILABLE and an alarm."""
        c = self.failing()
        c.back_end_says(GREETING)
        c.back_end_says(b"L NO [AUTHENTICATIONFAILED] be1.corp says no\r\n")
        self.check(c, BACK_END_AUTH_MISMATCH, "NO")

    def test_it_refuses_for_now(self) -> None:
        """S-MAIL-9: a listed code is passed on, in exfront's words."""
        c = self.failing()
        c.back_end_says(GREETING)
        c.back_end_says(b"L NO [INUSE] be1.corp is busy\r\n")
        answer = b"a NO [INUSE] The mailbox is temporarily unavailable. (XF-BE-LOGIN-REFUSED)\r\n"
        self.check(c, MAILBOX_REFUSED, "NO", answer)
        c = self.failing()
        c.back_end_says(b"* BYE be1.corp\r\n")
        self.check(c, BACK_END_LOGIN_REFUSED, "BYE")

    def test_an_alert_without_the_server_s_name(self) -> None:
        """S-MAIL-9, S-MAIL-17: its user must see it, in printable octets and without a host."""
        c = self.failing()
        c.back_end_says(GREETING)
        c.back_end_says(b"L NO [ALERT] Chicago.FourthCoffee.com is \x1b[31m full\r\n")
        answer = b"* NO [ALERT] ... is ?[31m full\r\n" + unavailable(BACK_END_LOGIN_REFUSED)
        self.check(c, BACK_END_LOGIN_REFUSED, "NO", answer)

    def test_pop3_mailbox_in_use(self) -> None:
        """S-MAIL-13: a second POP3 session: the back end decides, its [IN-USE] passes."""
        c = MailConnection(POP3)
        c.say(b"USER alice\r\nPASS secret-alice\r\n")
        c.back_end_says(b"+OK\r\n")
        c.back_end_says(b"+OK\r\n")
        c.back_end_says(b"-ERR [IN-USE] Do you have another POP session running?\r\n")
        answer = b"-ERR [IN-USE] The mailbox is temporarily unavailable. (XF-BE-LOGIN-REFUSED)\r\n"
        self.assertEqual(c.transport.take() + c.wait(0), answer)
        self.assertFalse(c.back_end.connected)


class BackEndTlsTests(Tests):
    def connection(self, refuse: Reason | None = None) -> MailConnection:
        world = SmallWorld(servers=(server("chicago", imap4=Service(143, "starttls"), pop3=Service(110, "starttls")),))
        world.dialer.tls_refuse = refuse
        c = MailConnection(world=world)
        c.say(LOGIN)
        self.assertEqual(c.back_end_says(b"* OK [CAPABILITY STARTTLS] x\r\n"), b"S STARTTLS\r\n")
        return c

    def test_the_login_follows_under_tls(self) -> None:
        """S-MAIL-2: capabilities are asked anew, then the password is sent."""
        c = self.connection()
        self.assertEqual(c.back_end_says(b"S OK go\r\n"), b"C CAPABILITY\r\n")
        self.assertEqual(len(c.world.dialer.tls), 1)
        said = c.back_end_says(b"* CAPABILITY IMAP4rev1\r\nC OK\r\n")
        self.assertEqual(said, b'L LOGIN "alice" "secret-alice"\r\n')

    def test_octets_behind_the_go_ahead_drop_the_leg(self) -> None:
        """S-MAIL-2: bytes after the OK line: unavailable, no LOGIN seen."""
        c = self.connection()
        self.assertEqual(c.back_end_says(b"S OK\r\n* CAPABILITY X\r\n"), b"")
        self.assertEqual(c.wait(0) or c.transport.take(), unavailable(BACK_END_PROTOCOL))
        self.assertFalse(c.back_end.connected)
        self.assertEqual(c.world.dialer.tls, [])

    def test_a_wrong_certificate(self) -> None:
        """S-ROUTE-8: wrong certificate: unavailable, nothing sent."""
        c = self.connection(BACK_END_CERTIFICATE)
        self.assertEqual(c.back_end_says(b"S OK\r\n"), b"")
        self.assertEqual([record.reason for record in c.records], [BACK_END_CERTIFICATE])
        self.assertFalse(c.back_end.connected)

    def test_refused_starttls_never_goes_on_in_clear(self) -> None:
        """S-MAIL-2: NO or BAD: drop the leg."""
        for answer in (b"S NO\r\n", b"S BAD\r\n"):
            c = self.connection()
            self.assertEqual(c.back_end_says(answer), b"")
            self.assertEqual([record.reason for record in c.records], [BACK_END_PROTOCOL])


class ClientTlsTests(Tests):
    def test_log_on_after_starttls(self) -> None:
        c = MailConnection(mode="starttls", plaintext=False)
        self.assertIn(b"STARTTLS LOGINDISABLED", c.greeting)
        self.assertEqual(c.say(b"a STARTTLS\r\n"), b"a OK Begin TLS now.\r\n")
        self.assertEqual(c.transport.tls_started, 1)
        c.transport.shake_hands()
        self.assertTrue(c.session.secure)
        self.assertIn(
            b"* CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID AUTH=PLAIN AUTH=LOGIN\r\n", c.say(b"b CAPABILITY\r\n")
        )
        c.say(LOGIN)
        self.assertEqual(len(c.world.dialer.dialled), 1)

    def test_octets_behind_starttls_close(self) -> None:
        """S-MAIL-1: no `b` reply ever, and no TLS.

        Bad input: STARTTLS with pipelined plain text.
        """
        c = MailConnection(mode="starttls")
        answer = c.say(b"a STARTTLS\r\nb LOGIN alice secret-alice\r\n")
        self.assertTrue(answer.startswith(b"a BAD "))
        self.assertNotIn(b"\r\nb ", answer)
        self.assertEqual((c.transport.tls_started, c.world.passwords.checked), (0, []))
        self.assertEqual(self.logged(c), [("-", "BYE", "-", BAD_INPUT)])

    def test_passwords_in_clear_leave_a_line_and_no_look_up(self) -> None:
        """S-MAIL-3: LOGIN before TLS: PRIVACYREQUIRED; directory untouched."""
        c = MailConnection(mode="starttls", plaintext=False)
        self.assertTrue(c.say(LOGIN).startswith(b"a NO [PRIVACYREQUIRED]"))
        self.assertEqual(c.world.directory.asked, [])
        c.transport.peer_closes()
        self.assertEqual(self.logged(c), [("alice", "NO", "-", PRIVACY_REQUIRED)])

    def test_no_starttls_on_a_listener_without(self) -> None:
        c = MailConnection(mode="none")
        self.assertEqual(c.say(b"a STARTTLS\r\n"), b"a BAD TLS cannot be started here.\r\n")

    def test_the_handshake_takes_too_long(self) -> None:
        """S-HTTP-24: a TLS handshake has 10 s, in any protocol."""
        for mode in ("starttls", "implicit"):
            c = MailConnection(mode=mode)
            if mode == "starttls":
                c.say(b"a STARTTLS\r\n")
            c.clock.advance(10.1)
            self.assertFalse(c.transport.connected)
            self.assertEqual(self.logged(c), [("-", "-", "-", CLIENT_TIMEOUT)])

    def test_the_handshake_in_time(self) -> None:
        c = MailConnection(mode="implicit", plaintext=False)
        c.transport.shake_hands()
        c.clock.advance(30)
        c.say(LOGIN)
        self.assertEqual(len(c.world.dialer.dialled), 1)

    def test_the_handshake_fails(self) -> None:
        for error, reason in ((ValueError("alert"), BAD_INPUT), (ConnectionLost(), CLIENT_GONE)):
            c = MailConnection(mode="implicit")
            c.transport.peer_closes(error)
            self.assertEqual(self.logged(c), [("-", "-", "-", reason)])

    def test_tls_on_a_clear_port(self) -> None:
        """S-TLS-6: TLS on a clear port: close after the first octet."""
        c = MailConnection()
        self.assertEqual(c.say(b"\x16\x03\x01\x02\x00"), b"")
        self.assertFalse(c.transport.connected)
        self.assertEqual(self.logged(c), [("-", "BYE", "-", BAD_INPUT)])


class EndTests(Tests):
    def test_a_silent_client(self) -> None:
        """S-MAIL-12: 60 s in total before login, then BYE; POP3 closes."""
        c = MailConnection()
        c.clock.advance(50)
        c.say(b"a NOOP\r\n")
        self.assertEqual(c.wait(9.9), b"")
        self.assertEqual(c.wait(0.2), b"* BYE [UNAVAILABLE] Time-out; try again. (XF-CLIENT-TIMEOUT)\r\n")
        self.assertEqual(self.logged(c), [("-", "BYE", "-", CLIENT_TIMEOUT)])
        c = MailConnection(POP3)
        self.assertEqual(c.wait(60.1), b"")
        self.assertEqual(self.logged(c), [("-", "ERR", "-", CLIENT_TIMEOUT)])

    def test_the_time_is_up_during_a_log_on(self) -> None:
        """S-MAIL-12: the 60 s hold whatever is under way; the back end's leg goes too."""
        c = MailConnection()
        c.clock.advance(50)
        c.say(LOGIN)
        c.back_end_says(GREETING)
        self.assertTrue(c.wait(10.1).startswith(b"* BYE [UNAVAILABLE] Time-out"))
        self.assertFalse(c.back_end.connected)
        self.assertEqual(self.logged(c), [("alice", "BYE", "-", CLIENT_TIMEOUT)])

    def test_a_client_that_only_looked(self) -> None:
        for said, status in ((b"a LOGOUT\r\n", "OK"), (b"", "-")):
            c = MailConnection()
            c.say(said)
            c.transport.peer_closes()
            self.assertEqual(self.logged(c), [("-", status, "-", None)])

    def test_the_client_goes_during_the_bind(self) -> None:
        """S-MAIL-19: a login under way is cancelled."""
        world = SmallWorld()
        world.passwords.hold = True
        c = MailConnection(world=world)
        c.say(LOGIN)
        c.transport.peer_closes(ConnectionLost())
        self.assertTrue(world.passwords.held[0].called)
        self.assertEqual(self.logged(c), [("alice", "-", "-", CLIENT_GONE)])

    def test_the_client_goes_during_the_login_at_the_back_end(self) -> None:
        """S-MAIL-19: a login under way is cancelled, and the back end's leg closed."""
        c = MailConnection()
        c.say(LOGIN)
        c.back_end_says(GREETING)
        c.transport.peer_closes(ConnectionLost())
        self.assertFalse(c.back_end.connected)
        self.assertEqual(self.logged(c), [("alice", "-", "-", CLIENT_GONE)])

    def test_the_client_goes_while_the_back_end_is_dialled(self) -> None:
        """S-MAIL-19: a login under way is cancelled."""
        world = SmallWorld()
        world.dialer.hold = True
        c = MailConnection(world=world)
        c.say(LOGIN)
        c.transport.peer_ends_writing()
        self.assertTrue(world.dialer.held[0].called)
        self.assertEqual(self.logged(c), [("alice", "-", "-", CLIENT_GONE)])

    def test_the_client_goes_before_the_answer_to_a_wrong_password(self) -> None:
        c = MailConnection()
        c.say(b"a LOGIN alice x\r\n")
        c.transport.peer_closes()
        self.assertEqual(self.logged(c), [("alice", "-", "-", WRONG_PASSWORD)])

    def test_a_half_closed_client_still_gets_what_it_asked_behind_its_log_on(self) -> None:
        """S-MAIL-19: after a half close the answer is waited for."""
        c = MailConnection()
        c.say(LOGIN + b"b LOGOUT\r\n")
        c.transport.peer_ends_writing()
        c.back_end_says(GREETING)
        self.assertEqual(c.back_end_says(b"L OK [CAPABILITY A] x\r\n"), b"b LOGOUT\r\n")
        self.assertTrue(c.back_end.closed_writing)
        c.back_end_says(b"* BYE\r\nb OK\r\n")
        self.assertEqual(c.transport.take(), b"a OK [CAPABILITY A] Logged on.\r\n* BYE\r\nb OK\r\n")

    def test_a_half_closed_client_with_a_wrong_password(self) -> None:
        c = MailConnection()
        c.say(b"a LOGIN alice x\r\nb LOGOUT\r\n")
        c.transport.peer_ends_writing()
        answer = b"* BYE Logging out.\r\nb OK LOGOUT completed.\r\n"
        self.assertEqual(c.wait(FLOOR), b"a " + FAILED + answer)
        self.assertFalse(c.transport.connected)

    def test_after_a_close_nothing_is_read(self) -> None:
        """S-MAIL-6: a client that goes on sending after BYE is not listened to, and is cut off."""
        c = MailConnection()
        c.transport.registerProducer(object(), True)  # holds the close up, as unread output does
        c.say(b"x" * 20_000)
        self.assertEqual(c.say(b"a NOOP\r\n" * 10_000), b"")
        c.clock.advance(5.1)
        self.assertTrue(c.transport.disconnected)


class StopTests(Tests):
    BYE = b"* BYE [UNAVAILABLE] The service is stopping. (XF-DRAIN)\r\n"

    def test_before_the_log_on(self) -> None:
        """S-OPS-7: who has not logged on is told and closed at once."""
        for kind, answer in ((IMAP4, self.BYE), (POP3, b"-ERR [SYS/TEMP] The service is stopping. (XF-DRAIN)\r\n")):
            c = MailConnection(kind)
            c.session.stop()
            self.assertEqual(c.transport.take(), answer)
            self.assertEqual(self.logged(c), [("-", kind.closed, "-", DRAINING)])

    def test_during_the_log_on(self) -> None:
        c = MailConnection()
        c.say(LOGIN)
        c.session.stop()
        self.assertEqual(c.transport.take(), self.BYE)
        self.assertFalse(c.back_end.connected)
        self.assertEqual(self.logged(c), [("alice", "BYE", "-", DRAINING)])

    def test_abort(self) -> None:
        c = MailConnection()
        c.session.abort()
        self.assertTrue(c.transport.disconnected)
        self.assertEqual(self.logged(c), [("-", "-", "-", None)])


class FaultTests(Tests):
    def test_in_a_step(self) -> None:
        """S-MAIL-17, S-AUTH-11: an unforeseen exception is answered as unavailable; its text is nowhere."""
        world = SmallWorld()
        world.directory.fault = RuntimeError("secret-alice at dc1.corp")
        c = MailConnection(world=world)
        answer = c.say(LOGIN)
        text = b"[UNAVAILABLE] An internal fault; it is logged. (XF-INTERNAL)\r\n"
        self.assertEqual(answer, b"a NO " + text + b"* BYE " + text)
        self.assertEqual(self.logged(c), [("alice", "BYE", "-", INTERNAL_ERROR)])
        (logged,) = self.flushLoggedErrors(Fault)
        self.assertEqual(str(logged.value), "RuntimeError")
        self.assertNotIn("secret-alice", logged.getTraceback())

    def test_in_the_dialogue(self) -> None:
        """S-OPS-8: an exception ends its own connection only."""
        c = MailConnection()
        self.patch(Imap4Speaker, "failures", None)
        c.say(b"a LOGIN alice x\r\n")
        self.assertIn(b"XF-INTERNAL", c.wait(FLOOR))
        self.assertEqual(len(self.flushLoggedErrors(Fault)), 1)

    def test_after_the_client_went(self) -> None:
        """S-OPS-8: it is logged all the same."""
        world = SmallWorld()
        world.passwords.hold = True
        c = MailConnection(world=world)
        c.say(LOGIN)
        world.passwords.held[0]._canceller = lambda d: d.errback(RuntimeError("x"))
        c.transport.peer_closes()
        self.assertEqual(len(self.flushLoggedErrors(Fault)), 1)


class BuildTests(Tests):
    def test_each_greets_in_its_protocol(self) -> None:
        for kind, start in ((IMAP4, b"* OK "), (POP3, b"+OK ")):
            world = SmallWorld()
            listener = ListenerSection(kind.protocol, HostPort("0.0.0.0", 1))
            session = world.admit(kind.protocol)
            protocol = MailProtocol(kind, session, world.steps, listener, world.limits, world.clock, None)
            transport = MemoryTransport(protocol)
            protocol.makeConnection(transport)
            self.assertTrue(transport.value().startswith(start))
            self.assertNotIn(b"STARTTLS", transport.value())
