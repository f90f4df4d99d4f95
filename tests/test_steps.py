"""The five steps over a small world."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.limits import LimitsSection
from exfront.decision import Relay
from exfront.facts import ANONYMOUS, Facts, Identity
from exfront.names import mailbox_keys
from exfront.reasons import (
    AMBIGUOUS_MAILBOX,
    DIRECTORY_DOWN,
    MAILBOX_NOT_FOUND,
    NO_MAILBOX,
    PROTOCOL_NOT_SERVED,
    SERVER_UNKNOWN,
    TOO_MANY_CONNECTIONS,
    WRONG_PASSWORD,
    Refused,
)
from exfront.secret import Secret
from exfront.topology import Mailbox
from tests.support.directory import MemoryDirectory, mailbox
from tests.support.steps import SmallWorld, server


class StepsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = SmallWorld()
        self.steps = self.world.steps
        self.record = self.world.admit("imap4").record

    def logon(self, name: str) -> Identity:
        secret = Secret(b"secret-" + name.encode())
        return self.successResultOf(Deferred.fromCoroutine(self.steps.authenticate(self.record, name.encode(), secret)))

    def refusal(self, coroutine: object) -> Refused:
        failure = self.failureResultOf(Deferred.fromCoroutine(coroutine), Refused)  # type: ignore[arg-type]
        value: Refused = failure.value
        return value

    def test_a_user_is_relayed_to_the_home_server(self) -> None:
        identity = self.logon("alice")
        box = self.successResultOf(Deferred.fromCoroutine(self.steps.locate(self.record, identity)))
        relay = self.steps.route(self.record, Facts("imap4", identity, box))
        self.assertEqual((relay.server.name, relay.service.port), ("chicago", 143))
        self.assertEqual(
            (self.record.user, self.record.mailbox, self.record.back_end, self.record.decision),
            ("alice", "alice@fourthcoffee.com", "chicago", "Relay"),
        )

    def test_each_step_is_timed(self) -> None:
        """S-OPS-15: the record holds the time of each step."""
        identity = self.logon("alice")
        box = self.successResultOf(Deferred.fromCoroutine(self.steps.locate(self.record, identity)))
        self.steps.route(self.record, Facts("imap4", identity, box))
        self.assertEqual(set(self.record.steps.taken()), {"admit", "authenticate", "locate", "route"})

    def test_a_connection_over_its_limit_builds_nothing_and_leaves_a_line(self) -> None:
        """S-OPS-4: a refused connection is closed without an octet, and logged with its limit's name."""
        world = SmallWorld(limits=LimitsSection(connections_per_address=1))
        address = IPv4Address("TCP", "192.0.2.9", 5000)
        built = [
            world.steps.accept("imap4", "imap4@0.0.0.0:143", False, lambda session: Protocol(), address)
            for _ in range(2)
        ]
        self.assertEqual([protocol is None for protocol in built], [False, True])
        self.assertEqual([record.reason for record in world.records.all], [TOO_MANY_CONNECTIONS])
        self.assertIn("limit name=connections_per_address", world.records.all[0].detail)

    def test_a_wrong_password_is_timed_and_refused(self) -> None:
        refused = self.refusal(self.steps.authenticate(self.record, b"alice", Secret(b"wrong")))
        self.assertIs(refused.reason, WRONG_PASSWORD)
        self.assertIn("authenticate", self.record.steps.taken())

    def test_another_mailbox_keeps_the_callers_identity(self) -> None:
        """S-AUTH-15: a named mailbox decides the server; the identity stays the caller's."""
        identity = self.logon("alice")
        box = self.successResultOf(
            Deferred.fromCoroutine(self.steps.locate(self.record, identity, mailbox_keys("bob")))
        )
        relay = self.steps.route(self.record, Facts("http", identity, box, explicit_logon=True))
        self.assertEqual((relay.server.name, identity.account and identity.account.account_name), ("dallas", "alice"))

    def test_no_mailbox_and_no_such_mailbox_differ(self) -> None:
        identity = self.logon("carol")
        own = self.refusal(self.steps.locate(self.record, identity))
        named = self.refusal(self.steps.locate(self.record, identity, mailbox_keys("nobody")))
        without = self.refusal(self.steps.locate(self.record, identity, mailbox_keys("carol")))
        self.assertEqual([own.reason, named.reason, without.reason], [NO_MAILBOX, MAILBOX_NOT_FOUND, MAILBOX_NOT_FOUND])

    def test_two_entries_for_a_named_mailbox_are_a_fault_and_no_wrong_password(self) -> None:
        """S-DIR-12, S-AUTH-5: an ambiguous mailbox is not reported as a wrong password of who names it."""
        twins = [mailbox("one", alias="same"), mailbox("two", alias="same")]
        self.world = SmallWorld(directory=MemoryDirectory([mailbox("alice"), *twins]))
        refused = self.refusal(self.world.steps.locate(self.record, ANONYMOUS, mailbox_keys("same")))
        self.assertIs(refused.reason, AMBIGUOUS_MAILBOX)

    def test_an_anonymous_request_goes_where_the_configuration_says(self) -> None:
        box = self.successResultOf(Deferred.fromCoroutine(self.steps.locate(self.record, ANONYMOUS)))
        relay = self.steps.route(self.record, Facts("http", ANONYMOUS, box, named_server="dallas"))
        self.assertEqual(relay.server.name, "dallas")

    def test_an_unknown_home_server_and_a_missing_protocol_are_refused(self) -> None:
        """S-DIR-4: a home server that is neither listed nor below a suffix is no target."""
        self.world = SmallWorld(
            servers=(server("chicago", pop3=None),),
            directory=MemoryDirectory([mailbox("alice", "chicago"), mailbox("bob", "evil.example")]),
        )
        steps, record = self.world.steps, self.world.admit("pop3").record
        for name, reason in (("alice", PROTOCOL_NOT_SERVED), ("bob", SERVER_UNKNOWN)):
            identity = Identity(self.successResultOf(self.world.directory.find(mailbox_keys(name), None)))
            facts = Facts("pop3", identity, identity.account)
            self.assertIs(self.assertRaises(Refused, steps.route, record, facts).reason, reason)


class MovedTests(SynchronousTestCase):
    """alice is found on chicago, and chicago does not let her in."""

    def setUp(self) -> None:
        self.world = SmallWorld()
        self.world.directory.remembers = True
        self.record = self.world.admit("imap4").record
        self.facts = self.facts_of("alice")

    def facts_of(self, name: str, *named: str) -> Facts:
        steps, keys = self.world.steps, [key for other in named for key in mailbox_keys(other)]
        secret = Secret(b"secret-" + name.encode())
        identity = self.successResultOf(Deferred.fromCoroutine(steps.authenticate(self.record, name.encode(), secret)))
        box = self.successResultOf(Deferred.fromCoroutine(steps.locate(self.record, identity, keys)))
        self.world.directory.asked.clear()
        return Facts("imap4", identity, box, explicit_logon=bool(named))

    def now(self, *entries: Mailbox) -> None:
        self.world.directory.entries = list(entries)

    def moved(self, *named: str) -> Deferred[Relay | None]:
        keys = [key for other in named for key in mailbox_keys(other)]
        return Deferred.fromCoroutine(self.world.steps.moved(self.record, self.facts, keys))

    def test_a_mailbox_that_moved_is_relayed_to_its_new_server_after_one_look(self) -> None:
        """S-ROUTE-10: the cached location is dropped, one more look-up, one more try."""
        self.now(mailbox("alice", "dallas"))
        relay = self.successResultOf(self.moved())
        assert relay is not None
        self.assertEqual((relay.server.name, self.record.back_end), ("dallas", "dallas"))
        self.assertEqual((len(self.world.directory.asked), self.record.location), (1, "directory"))

    def test_in_the_same_place_the_answer_stands(self) -> None:
        """S-ROUTE-10: same place: no second try."""
        self.now(mailbox("alice", "CHICAGO"))
        self.assertIsNone(self.successResultOf(self.moved()))
        self.assertEqual(len(self.world.directory.asked), 1)

    def test_a_named_mailbox_is_looked_up_by_its_own_name(self) -> None:
        """S-ROUTE-10, S-AUTH-15: the location that is doubted is that of the mailbox, not the caller's."""
        self.facts = self.facts_of("alice", "bob")
        self.now(mailbox("alice", "houston"), mailbox("bob", "chicago"))
        relay = self.successResultOf(self.moved("bob"))
        assert relay is not None
        self.assertEqual(relay.server.name, "chicago")

    def test_what_nobody_can_say_now_changes_nothing(self) -> None:
        """S-DIR-5: neither a directory that is down nor a stale answer leads anywhere else."""
        self.world.directory.fault = Refused(DIRECTORY_DOWN)
        self.assertIsNone(self.successResultOf(self.moved()))
        self.world.directory.fault = None
        self.now(mailbox("alice", "dallas", stale=True))
        self.assertIsNone(self.successResultOf(self.moved()))

    def test_another_account_of_that_name_is_not_who_logged_on(self) -> None:
        """S-AUTH-4: the password was proven for one account id."""
        self.now(mailbox("alice", "dallas", account_id="id-other"))
        self.assertIsNone(self.successResultOf(self.moved()))

    def test_an_account_that_has_gone_or_has_no_mailbox_any_more(self) -> None:
        for entries in ([], [mailbox("alice", "")]):
            self.now(*entries)
            self.assertIsNone(self.successResultOf(self.moved()))

    def test_a_new_place_where_exfront_may_not_go_is_refused(self) -> None:
        """S-DIR-4: the second decision is made by the rules of the first."""
        self.now(mailbox("alice", "evil.example"))
        self.assertIs(self.failureResultOf(self.moved(), Refused).value.reason, SERVER_UNKNOWN)

    def test_a_server_that_the_configuration_names_does_not_move(self) -> None:
        self.facts = Facts("http", ANONYMOUS, None, named_server="dallas")
        self.assertIsNone(self.successResultOf(self.moved()))
