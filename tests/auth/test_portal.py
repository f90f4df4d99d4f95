"""The one authenticate, over a directory in memory."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from exfront import limits
from exfront.auth.credential_cache import CredentialCache
from exfront.auth.guard import Guard
from exfront.auth.guarded import GuardedPasswords
from exfront.auth.portal import Portal, check_credentials
from exfront.config.authentication import AuthenticationSection
from exfront.decision import SessionRecord
from exfront.facts import Identity
from exfront.interfaces import ICheckPasswords
from exfront.names import KeyKind, LookupKey
from exfront.reasons import (
    AMBIGUOUS_LOGIN,
    DIRECTORY_DOWN,
    DISABLED_ACCOUNT,
    EMPTY_PASSWORD,
    MALFORMED_CREDENTIALS,
    SERVICE_ACCOUNT,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import Secret
from exfront.topology import Mailbox
from tests.support.directory import MemoryDirectory, MemoryPasswords, mailbox


class PortalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.alice = mailbox("alice", addresses=("alice@fourthcoffee.com", "a@fourthcoffee.com"))
        entries = [self.alice, mailbox("bob", disabled=True), mailbox("exfront"), mailbox("twin"), mailbox("TWIN")]
        self.directory = MemoryDirectory(entries)
        self.passwords = MemoryPasswords({entry.account_name: b"secret" for entry in entries})
        self.portal = Portal(self.directory, self.passwords, ["CN=exfr\\6Fnt, cn=Users ,DC=FourthCoffee,dc=com"])
        self.record = SessionRecord("1", "imap4", "127.0.0.1:1")

    def running(self, name: bytes, password: bytes) -> Deferred[Identity]:
        return Deferred.fromCoroutine(self.portal.authenticate(name, Secret(password), self.record))

    def log_on(self, name: bytes, password: bytes = b"secret") -> Identity:
        return self.successResultOf(self.running(name, password))

    def refused(self, name: bytes, reason: Reason, password: bytes = b"secret") -> None:
        self.assertIs(self.failureResultOf(self.running(name, password), Refused).value.reason, reason, name)

    def test_identity(self) -> None:
        identity = self.log_on(b"FC\\alice")
        self.assertEqual(identity, Identity(self.alice, b"FC\\alice", "memory", Secret(b"secret"), ()))
        self.assertEqual((self.record.user, self.record.account_id), ("FC\\alice", "id-alice"))

    def test_all_forms_are_one_account(self) -> None:
        """S-AUTH-4: log and limits key on the account id, never on the name as typed."""
        for name in (b"alice", b"ALICE", rb"FC\alice", b"FC/alice", b"alice@fourthcoffee.com", b"a@fourthcoffee.com"):
            self.assertIs(self.log_on(name).account, self.alice)
            self.assertEqual(self.record.account_id, "id-alice")

    def test_other_mailbox_in_the_login_name(self) -> None:
        """S-AUTH-15: the caller's own account is proven; the other mailbox is only named."""
        identity = self.log_on(b"FC/alice/bob")
        self.assertIs(identity.account, self.alice)
        self.assertIn(LookupKey(KeyKind.ALIAS, "bob"), identity.names_mailbox)

    def test_wrong_password(self) -> None:
        """Bad input: wrong password"""
        self.refused(b"alice", WRONG_PASSWORD, b"wrong")

    def test_unknown_user_reaches_no_bind(self) -> None:
        """Bad input: unknown user"""
        self.refused(b"nobody", UNKNOWN_USER)
        self.assertEqual(self.passwords.checked, [])
        self.assertEqual(self.record.user, "nobody")

    def test_empty_name_or_password_reaches_nobody(self) -> None:
        """S-AUTH-1: an empty user or password is refused before any look-up and any bind.

        Bad input: empty password
        """
        self.refused(b"alice", EMPTY_PASSWORD, b"")
        self.refused(b"", EMPTY_PASSWORD)
        self.refused(b"", EMPTY_PASSWORD, b"")
        self.assertEqual((self.directory.asked, self.passwords.checked), ([], []))

    def test_what_cannot_be_a_name_or_password_reaches_nobody(self) -> None:
        """S-AUTH-1: NUL, CR, LF, over 256 octets of name or 1024 of password."""
        long_name, long_password = b"x" * (limits.USER_NAME_OCTETS + 1), b"x" * (limits.PASSWORD_OCTETS + 1)
        for name, password in (
            (b"alice\0", b"secret"), (b"ali\rce", b"secret"), (b"alice\n", b"secret"), (b"alice", b"se\0cret"),
            (b"alice", b"secret\r"), (b"alice", b"\nsecret"), (long_name, b"secret"), (b"alice", long_password),
            (b"a\\b\\c\\d", b"secret"), ("a\u202eb".encode(), b"secret"),
        ):  # fmt: skip
            self.refused(name, MALFORMED_CREDENTIALS, password)
        self.assertEqual((self.directory.asked, self.passwords.checked), ([], []))

    def test_longest_name_and_password_are_taken(self) -> None:
        check_credentials(b"x" * limits.USER_NAME_OCTETS, Secret(b"x" * limits.PASSWORD_OCTETS))

    def test_spaces_of_a_password_are_kept(self) -> None:
        """S-AUTH-1: passwords of spaces, and with spaces around them, are passwords.

        Bad input: password with quotes, backslashes, spaces and 8-bit octets
        """
        for password in (b" ", b" a ", b"\"\\'", b"p\xe4ss", "päss".encode()):
            self.passwords.passwords["alice"] = password
            self.assertEqual(self.log_on(b"alice", password).secret, Secret(password))

    def test_disabled_account_reaches_no_bind(self) -> None:
        self.refused(b"bob", DISABLED_ACCOUNT)
        self.assertEqual(self.passwords.checked, [])

    def test_service_account_reaches_no_bind(self) -> None:
        """S-AUTH-14: what the configuration denies never logs on, however it spells the DN."""
        for name in (b"exfront", b"EXFRONT", b"exfront@fourthcoffee.com"):
            self.refused(name, SERVICE_ACCOUNT)
        self.assertEqual(self.passwords.checked, [])

    def test_two_entries_reach_no_bind(self) -> None:
        """S-AUTH-5: ambiguity fails."""
        self.refused(b"twin", AMBIGUOUS_LOGIN)
        self.assertEqual(self.passwords.checked, [])

    def test_directory_down_is_not_a_wrong_password(self) -> None:
        self.directory.fault = Refused(DIRECTORY_DOWN)
        self.refused(b"alice", DIRECTORY_DOWN)
        self.directory.fault = None
        self.passwords.fault = DIRECTORY_DOWN
        self.refused(b"alice", DIRECTORY_DOWN)
        self.assertEqual(self.record.account_id, "id-alice")


class OldEntryTests(SynchronousTestCase):
    """alice was looked up before, so that what is known of her may be old."""

    def setUp(self) -> None:
        self.old = mailbox("alice")
        self.directory = MemoryDirectory([self.old], remembers=True)
        self.passwords = DnPasswords({self.old.dn: b"secret"})
        self.portal = Portal(self.directory, self.passwords)
        self.successResultOf(self.log_on())
        self.passwords.binds.clear()

    def log_on(self, password: bytes = b"secret") -> Deferred[Identity]:
        record = SessionRecord("1", "imap4", "192.0.2.1:1")
        return Deferred.fromCoroutine(self.portal.authenticate(b"alice", Secret(password), record))

    def now(self, **more: object) -> Mailbox:
        """What the directory says of alice by now."""
        entry = mailbox("alice", **more)  # type: ignore[arg-type]
        self.directory.entries, self.directory.asked = [entry], []
        self.passwords.passwords = {entry.dn: b"secret"}
        return entry

    def refused(self, reason: Reason, password: bytes = b"secret") -> None:
        self.assertIs(self.failureResultOf(self.log_on(password), Refused).value.reason, reason)

    def test_an_account_whose_entry_moved_logs_on_at_once(self) -> None:
        """S-DIR-13: a fresh look, and one bind with the new DN."""
        entry = self.now(dn="cn=alice,ou=Sales,dc=fourthcoffee,dc=com")
        self.assertIs(self.successResultOf(self.log_on()).account, entry)
        self.assertEqual(self.passwords.binds, [self.old.dn, entry.dn])
        self.assertEqual(len(self.directory.asked), 1)

    def test_a_wrong_password_is_tried_once_for_one_dn(self) -> None:
        """S-DIR-13: one look, and no second bind with a DN that a password was tried for, however it is spelt now."""
        for dn in (self.old.dn, self.old.dn.upper()):
            self.now(dn=dn, home_server="dallas")
            self.refused(WRONG_PASSWORD, b"wrong")
            self.assertEqual((len(self.passwords.binds), len(self.directory.asked)), (1, 1))
            self.passwords.binds.clear()

    def test_a_wrong_password_is_tried_twice_at_most(self) -> None:
        self.now(dn="cn=alice,ou=Sales,dc=fourthcoffee,dc=com")
        self.refused(WRONG_PASSWORD, b"wrong")
        self.assertEqual(len(self.passwords.binds), 2)

    def test_one_who_was_enabled_again_logs_on_at_once(self) -> None:
        self.now(disabled=True)
        self.directory.forget(self.old)
        self.refused(DISABLED_ACCOUNT)
        self.now()
        self.successResultOf(self.log_on())
        self.assertEqual(len(self.passwords.binds), 1)

    def test_the_first_refusal_stands_where_nobody_can_look_again(self) -> None:
        self.directory.fault = Refused(DIRECTORY_DOWN)
        self.refused(WRONG_PASSWORD, b"wrong")
        self.directory.fault, self.directory.entries = None, []
        self.refused(UNKNOWN_USER, b"wrong")

    def test_the_guard_holds_nothing_against_the_new_dn(self) -> None:
        """S-AUTH-8: the same password is no repeated one: it was tried for a DN that was not the account's any more."""
        section, clock = AuthenticationSection(), Clock()
        guarded = GuardedPasswords(
            self.passwords, Guard(section, clock.seconds), CredentialCache(section, clock.seconds)
        )
        self.portal = Portal(self.directory, self.passwords, guarded=guarded)
        self.now(dn="cn=alice,ou=Sales,dc=fourthcoffee,dc=com")
        self.successResultOf(self.log_on())


@implementer(ICheckPasswords)
@define(eq=False)
class DnPasswords:
    """Passwords by DN; any other DN refuses, as a directory does that has no such entry."""

    passwords: dict[str, bytes]
    binds: list[str] = field(factory=list)

    def check(self, account: Mailbox, secret: Secret) -> Deferred[str]:
        self.binds.append(account.dn)
        if self.passwords.get(account.dn) != secret.reveal():
            return fail(Refused(WRONG_PASSWORD))
        return succeed("memory")
