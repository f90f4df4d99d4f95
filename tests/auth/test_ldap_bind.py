"""Passwords proven by binds, against directories that play along and directories that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ldaptor.protocols import pureldap
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from exfront import limits
from exfront.auth.ldap_bind import LdapBindChecker
from exfront.config.limits import LimitsSection
from exfront.interfaces import ICheckPasswords
from exfront.reasons import (
    ACCOUNT_EXPIRED,
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    DISABLED_ACCOUNT,
    EMPTY_PASSWORD,
    LOCKED_ACCOUNT,
    LOGON_HOURS,
    PASSWORD_EXPIRED,
    PASSWORD_MUST_CHANGE,
    UNKNOWN_USER,
    WORKSTATION_NOT_ALLOWED,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import Secret
from exfront.topology import Mailbox
from tests.support.directory import mailbox
from tests.support.scripted_ldap import (
    NOTICE_OF_DISCONNECTION,
    Answer,
    LdapPeer,
    Referral,
    ScriptedLdap,
    bound,
    done,
    extended,
    friendly,
    replies,
    section,
    silent,
)

_ALICE, _BOB = mailbox("alice"), mailbox("bob")
_RIGHT, _WRONG = Secret(b"right"), Secret(b"wrong-password")
_AD = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data %s, v1db1\0"


def by_password(peer: LdapPeer, identifier: int, request: Any) -> None:
    """Takes ``right`` and refuses the rest."""
    if isinstance(request, pureldap.LDAPBindRequest):
        peer.send(identifier, bound(0 if request.auth == b"right" else 49))


def silent_on(name: bytes) -> Answer:
    """`by_password`, but to this DN's or password's bind there is no answer."""
    return lambda peer, identifier, request: (
        None if name in (getattr(request, "dn", b""), getattr(request, "auth", b""))
        else by_password(peer, identifier, request)
    )  # fmt: skip


class CheckerTests(TestCase):
    timeout = 20
    times = LimitsSection(ldap_bind_time=0.5)

    def serve(self, answer: Answer = by_password) -> ScriptedLdap:
        server = ScriptedLdap(answer)
        self.addCleanup(server.stop)
        return server

    def checker(self, *servers: ScriptedLdap) -> LdapBindChecker:
        checker = LdapBindChecker(section(*servers), self.times, reactor)
        checker.start()
        self.addCleanup(checker.stop)
        return checker

    async def refused(self, checker: LdapBindChecker, secret: Secret = _WRONG, account: Mailbox = _ALICE) -> Refused:
        return await self.assertFailure(checker.check(account, secret), Refused)

    async def refused_for(self, answer: Answer, reason: Reason) -> Refused:
        refused = await self.refused(self.checker(self.serve(answer)))
        self.assertIs(refused.reason, reason, refused.detail)
        return refused


class OutcomeTests(CheckerTests):
    async def test_right_password(self) -> None:
        server = self.serve()
        checker = self.checker(server)
        verifyObject(ICheckPasswords, checker)
        self.assertEqual(await checker.check(_ALICE, _RIGHT), "ldap_bind")
        self.assertEqual(server.binds(), [(_ALICE.dn.encode(), b"right")])

    async def test_wrong_password(self) -> None:
        """Bad input: wrong password"""
        await self.refused_for(by_password, WRONG_PASSWORD)

    async def test_empty_password_reaches_no_server(self) -> None:
        """S-AUTH-1: an empty password is refused again here, before any connection.

        Bad input: empty password
        """
        server = self.serve(friendly)
        checker = self.checker(server)
        for account, secret in ((_ALICE, Secret(b"")), (mailbox("alice", dn=""), _RIGHT)):
            self.assertIs((await self.refused(checker, secret, account)).reason, EMPTY_PASSWORD)
        self.assertEqual(server.accepted, 0)

    async def test_odd_passwords_go_over_unchanged(self) -> None:
        """Bad input: password with quotes, backslashes, spaces and 8-bit octets"""
        server = self.serve(friendly)
        checker = self.checker(server)
        passwords = [b" ", b"  two  ", b"\"\\'", "pässwörd".encode(), "pässwörd".encode("latin-1"), b"*()", b"\xff\x80"]
        for password in passwords:
            await checker.check(_ALICE, Secret(password))
        self.assertEqual([password for _, password in server.binds()], passwords)

    async def test_sub_codes_of_active_directory(self) -> None:
        """S-AUTH-16: 532 and 773 are an expired password; the others look wrong, with the cause in the log."""
        cases: tuple[tuple[str, Reason], ...] = (
            ("525", UNKNOWN_USER),
            ("52e", WRONG_PASSWORD),
            ("52f", WRONG_PASSWORD),
            ("530", LOGON_HOURS),
            ("531", WORKSTATION_NOT_ALLOWED),
            ("533", DISABLED_ACCOUNT),
            ("701", ACCOUNT_EXPIRED),
            ("775", LOCKED_ACCOUNT),
            ("532", PASSWORD_EXPIRED),
            ("773", PASSWORD_MUST_CHANGE),
            ("52E", WRONG_PASSWORD),
        )
        for code, reason in cases:
            refused = await self.refused_for(replies(bound(49, _AD % code)), reason)
            self.assertIn(f"data={code.lower()}", refused.detail)
            expired = reason in (PASSWORD_EXPIRED, PASSWORD_MUST_CHANGE)
            self.assertEqual(refused.reason.text != WRONG_PASSWORD.text, expired)
            self.assertEqual(refused.reason.imap_text() != WRONG_PASSWORD.imap_text(), expired)

    async def test_other_results_are_temporary(self) -> None:
        """S-AUTH-16: any other result is a temporary failure, never a wrong password."""
        for code in (1, 2, 8, 13, 14, 32, 34, 50, 51, 52, 53, 80):
            await self.refused_for(replies(bound(code)), DIRECTORY_DOWN)

    async def test_referral_is_not_followed(self) -> None:
        """S-DIR-9: a referral to a bind fails, and the password goes nowhere else."""
        evil = self.serve(friendly)
        await self.refused_for(replies(Referral(0x61, f"ldap://127.0.0.1:{evil.port}/")), DIRECTORY_DOWN)
        self.assertEqual(evil.accepted, 0)

    async def test_success_of_another_operation_is_none(self) -> None:
        """S-AUTH-2: only result 0 to that bind is success."""
        for answer in (replies(done(0)), replies(extended(0)), lambda peer, number, _: peer.send(number + 1, bound())):
            await self.refused_for(answer, DIRECTORY_DOWN)

    async def test_password_is_in_no_log(self) -> None:
        """S-AUTH-11: nothing that is logged, at any level, holds the password."""
        with capturedLogs() as events:
            for answer in (by_password, silent, replies(bound(52)), lambda peer, *_: peer.write(b"garbage")):
                await self.refused(self.checker(self.serve(answer)))
        self.assertNotIn("wrong-password", repr([dict(event) for event in events]))
        self.assertEqual([event for event in events if event["log_level"] is LogLevel.critical], [])


class RepeatTests(CheckerTests):
    async def lost(self, answer: Answer, reason: Reason) -> None:
        first, second = self.serve(answer), self.serve(friendly)
        self.assertIs((await self.refused(self.checker(first, second))).reason, reason)
        self.assertEqual((len(first.binds()), second.accepted), (1, 0))

    async def test_bind_that_is_lost_is_not_repeated(self) -> None:
        """S-DIR-13: the server dies on a bind: a temporary failure, and one bind in all."""
        notice = extended(52, NOTICE_OF_DISCONNECTION)
        answers: tuple[Callable[[LdapPeer, int, Any], None], ...] = (
            lambda peer, *_: peer.close(),
            lambda peer, *_: peer.send(0, notice),
            lambda peer, *_: peer.write(b"garbage"),
            lambda peer, *_: peer.write(b"\x30\x84\x7f\xff\xff\xff"),
        )
        for answer in answers:
            await self.lost(answer, DIRECTORY_DOWN)

    async def test_bind_that_times_out_is_not_repeated(self) -> None:
        """S-DIR-1, S-DIR-13: a silent server: a temporary failure, and one bind in all."""
        await self.lost(silent, DIRECTORY_TIMEOUT)

    async def test_busy_server_is_left_for_the_next(self) -> None:
        """S-AUTH-16: after 51 and 52, which say that the password was not looked at, another server is asked."""
        for code in (51, 52):
            first, second = self.serve(replies(bound(code))), self.serve()
            checker = self.checker(first, second)
            self.assertEqual(await checker.check(_ALICE, _RIGHT), "ldap_bind")
            self.assertEqual((await self.refused(checker)).reason, WRONG_PASSWORD)
            self.assertEqual((len(first.binds()), len(second.binds())), (1, 2))

    async def test_all_busy(self) -> None:
        first, second = self.serve(replies(bound(51))), self.serve(replies(bound(52)))
        self.assertIs((await self.refused(self.checker(first, second))).reason, DIRECTORY_DOWN)
        self.assertEqual((len(first.binds()), len(second.binds())), (1, 1))

    async def test_connection_closed_while_idle(self) -> None:
        """S-DIR-13: the server closes an idle connection; the next login succeeds with one bind."""
        server = self.serve()
        checker = self.checker(server)
        await checker.check(_ALICE, _RIGHT)
        server.close_connections()
        await deferLater(reactor, 0.02)
        await checker.check(_ALICE, _RIGHT)
        self.assertEqual((len(server.binds()), server.accepted), (2, 2))

    async def test_no_server(self) -> None:
        server = self.serve()
        await server.stop()
        self.assertIs((await self.refused(self.checker(server))).reason, DIRECTORY_DOWN)


class PoolTests(CheckerTests):
    async def test_connection_is_used_again(self) -> None:
        server = self.serve()
        checker = self.checker(server)
        for secret in (_RIGHT, _WRONG, _RIGHT):
            await checker.check(_ALICE, secret).addErrback(lambda failure: failure.trap(Refused))
        self.assertEqual((len(server.binds()), server.accepted), (3, 1))

    async def test_one_bind_at_a_time_on_each_connection(self) -> None:
        """S-AUTH-2: binds are spread over a bounded number of connections, one outstanding on each."""
        held: list[tuple[LdapPeer, int]] = []
        server = self.serve(lambda peer, identifier, _: held.append((peer, identifier)))
        checker = self.checker(server)
        running = [checker.check(_ALICE, _RIGHT) for _ in range(3 * limits.LDAP_BIND_CONNECTIONS)]
        for _ in range(3):
            await deferLater(reactor, 0.05)
            self.assertEqual(len(held), limits.LDAP_BIND_CONNECTIONS)
            self.assertEqual(len({peer for peer, _ in held}), limits.LDAP_BIND_CONNECTIONS)
            now, held[:] = list(held), []
            for peer, identifier in now:
                peer.send(identifier, bound())
        self.assertEqual([await one for one in running], ["ldap_bind"] * len(running))
        self.assertEqual(server.accepted, limits.LDAP_BIND_CONNECTIONS)

    async def test_waiting_for_a_connection_is_bounded(self) -> None:
        checker = self.checker(self.serve(silent))
        running = [checker.check(_ALICE, _RIGHT) for _ in range(limits.LDAP_BIND_CONNECTIONS)]
        refused = await self.refused(checker)
        self.assertIs(refused.reason, DIRECTORY_TIMEOUT)
        self.assertIn("busy", refused.detail)
        for one in running:
            await self.assertFailure(one, Refused)

    async def test_late_answer_is_not_credited_to_the_next_user(self) -> None:
        """S-AUTH-2: a bind's late success, after its time-out, proves nothing for who binds next."""
        late: list[tuple[LdapPeer, int]] = []

        def script(peer: LdapPeer, identifier: int, request: Any) -> None:
            if request.dn == _ALICE.dn.encode():
                late.append((peer, identifier))
            else:
                for waiting, number in late:
                    waiting.send(number, bound())
                peer.send(identifier, bound(49))

        server = self.serve(script)
        checker = self.checker(server)
        self.assertIs((await self.refused(checker, _RIGHT, _ALICE)).reason, DIRECTORY_TIMEOUT)
        self.assertIs((await self.refused(checker, _RIGHT, _BOB)).reason, WRONG_PASSWORD)
        self.assertEqual(server.accepted, 2)

    async def test_client_that_goes_away_during_its_bind(self) -> None:
        """S-AUTH-2: its connection is not used for the next bind."""
        server = self.serve(silent_on(_ALICE.dn.encode()))
        checker = self.checker(server)
        running = checker.check(_ALICE, _RIGHT)
        await deferLater(reactor, 0.05)
        running.cancel()
        await self.assertFailure(running, CancelledError)
        self.assertIs((await self.refused(checker, _WRONG, _BOB)).reason, WRONG_PASSWORD)
        self.assertEqual(server.accepted, 2)

    async def test_client_that_goes_away_in_the_queue(self) -> None:
        """S-AUTH-2: nor does it take a place with it."""
        held: list[tuple[LdapPeer, int]] = []
        server = self.serve(lambda peer, identifier, _: held.append((peer, identifier)))
        checker = self.checker(server)
        running = [checker.check(_ALICE, _RIGHT) for _ in range(limits.LDAP_BIND_CONNECTIONS)]
        queued = checker.check(_BOB, _RIGHT)
        await deferLater(reactor, 0.05)
        queued.cancel()
        await self.assertFailure(queued, CancelledError)
        for peer, identifier in held:
            peer.send(identifier, bound())
        for one in running:
            await one
        self.assertEqual(len(server.binds()), limits.LDAP_BIND_CONNECTIONS)

    async def test_nothing_is_left_after_stop(self) -> None:
        server = self.serve(silent_on(b"right"))
        checker = self.checker(server)
        await self.refused(checker)
        running = checker.check(_ALICE, _RIGHT)
        await deferLater(reactor, 0.02)
        stopping = Deferred.fromCoroutine(checker.stop())
        self.assertIs((await self.assertFailure(running, Refused)).reason, DIRECTORY_DOWN)
        await stopping
        await deferLater(reactor, 0.02)
        self.assertEqual(server.open, set())
        self.assertIs((await self.refused(checker)).reason, DIRECTORY_DOWN)


class SettingsTests(SynchronousTestCase):
    def test_new_settings_are_one_assignment(self) -> None:
        checker = LdapBindChecker(section(), LimitsSection(), reactor)
        settings = section(starttls=True)
        times = LimitsSection(ldap_bind_time=1.0)
        checker.settings, checker.limits = settings, times
        self.assertEqual((checker.settings, checker.limits), (settings, times))
