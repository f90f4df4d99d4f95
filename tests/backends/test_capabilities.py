"""What back ends have in common, and what is known of them."""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.backends.capabilities import NOTHING_SHARED, Capabilities, Learned, Shared, common
from exfront.topology import Database, Server, ServerVersion, Service, Topology

IDLE, MOVE = b"IDLE", b"MOVE"


def server(name: str, **more: object) -> Server:
    values: dict[str, object] = {"name": name, "host": name, "imap4": Service(143), "pop3": Service(110)}
    return Server(**{**values, **more})  # type: ignore[arg-type]


LISTED = Topology((server("chicago"), server("dallas")))


class CommonTests(SynchronousTestCase):
    def test_what_all_have_in_the_spelling_of_the_first(self) -> None:
        """S-MAIL-4: what one of them does without is not shared."""
        shared = common([Learned(after=(b"IMAP4rev1", b"Idle", MOVE)), Learned(after=(b"IDLE", b"imap4REV1"))])
        self.assertEqual(shared.names, (b"IMAP4rev1", b"Idle"))
        self.assertEqual((shared.lacks(IDLE), shared.lacks(MOVE)), (False, True))

    def test_as_long_as_one_is_not_known_nothing_is_shared(self) -> None:
        """S-MAIL-4: but what a known one lacks is lacking."""
        shared = common([Learned(after=(IDLE,)), None])
        self.assertEqual((shared.names, shared.complete), ((), False))
        self.assertEqual((shared.lacks(IDLE), shared.lacks(MOVE)), (False, True))
        self.assertEqual(common([None, None]), NOTHING_SHARED)
        self.assertFalse(NOTHING_SHARED.lacks(IDLE))

    def test_the_list_after_login_counts(self) -> None:
        self.assertEqual(common([Learned(before=(IDLE, MOVE))]).names, (IDLE, MOVE))
        self.assertEqual(common([Learned(before=(IDLE, MOVE), after=(IDLE,))]).names, (IDLE,))

    def test_mechanisms_must_be_known_of_all(self) -> None:
        """S-ROUTE-3: tokens are offered where every back end judges them."""
        token = frozenset((b"XOAUTH2",))
        all_of_them = [Learned(after=(), mechanisms=token), Learned(after=(), mechanisms=token | {b"PLAIN"})]
        self.assertEqual(common(all_of_them).mechanisms, token)
        self.assertEqual(common([*all_of_them, Learned(after=())]).mechanisms, frozenset())
        self.assertEqual(common([*all_of_them, None]).mechanisms, frozenset())


class CapabilitiesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.changes = 0
        self.table = Capabilities(self._count)

    def _count(self) -> None:
        self.changes += 1

    def shared(self, topology: Topology = LISTED) -> Shared:
        return self.table.shared("imap4", topology)

    def test_each_server_of_the_configuration_must_be_known(self) -> None:
        self.table.learn("Chicago", "imap4", after=(IDLE, MOVE))
        self.assertEqual(self.shared().names, ())
        self.table.learn("dallas", "imap4", after=(IDLE,))
        self.assertEqual(self.shared().names, (IDLE,))
        self.assertEqual(self.table.shared("pop3", LISTED), NOTHING_SHARED)

    def test_the_log_says_what_is_missing(self) -> None:
        """One line for each change; whoever wonders why a capability is not promised finds it."""
        with capturedLogs() as events:
            self.shared()
            self.table.learn("chicago", "imap4", after=(b"IMAP4rev1", IDLE))
            self.shared()
            self.shared()
            self.table.learn("dallas", "imap4", after=(IDLE,))
            self.shared()
            self.table.learn("dallas", "imap4", after=(IDLE, MOVE))
            self.shared()
        self.assertEqual([formatEvent(event) for event in events], [
            "capabilities imap4 unknown servers: chicago, dallas",
            "capabilities imap4 unknown servers: dallas",
            "capabilities imap4 all 2 servers: IDLE",
        ])  # fmt: skip

    def test_what_changes_is_seen_at_once_and_told(self) -> None:
        for after in ((IDLE, MOVE), (IDLE, MOVE), (MOVE,)):
            for name in ("chicago", "dallas"):
                self.table.learn(name, "imap4", after=after)
            self.assertEqual(self.shared().names, after)
        self.assertEqual(self.changes, 4)

    def test_what_was_not_said_stays(self) -> None:
        self.table.learn("chicago", "imap4", after=(IDLE,), mechanisms=frozenset((b"PLAIN",)))
        self.table.learn("chicago", "imap4", before=(MOVE,))
        ((_, known),) = self.table.all()
        self.assertEqual(known, Learned((MOVE,), (IDLE,), frozenset((b"PLAIN",))))

    def test_one_log_on_in_a_while_asks(self) -> None:
        """S-MAIL-4: of POP3, where asking costs answers; a server that learns something new is believed in time."""
        asked = [self.table.is_due(*each) for each in (
            ("chicago", "pop3", 0.0), ("CHICAGO", "pop3", 1.0), ("dallas", "pop3", 1.0), ("chicago", "pop3", 299.0),
            ("chicago", "pop3", 300.0), ("chicago", "pop3", 301.0),
        )]  # fmt: skip
        self.assertEqual(asked, [True, False, True, False, True, False])

    def test_a_server_that_speaks_another_protocol_does_not_count(self) -> None:
        self.table.learn("chicago", "imap4", after=(IDLE,))
        only = Topology((server("chicago"), server("dallas", imap4=None)))
        self.assertEqual(self.shared(only).names, (IDLE,))

    def test_of_a_directory_those_count_that_have_mailboxes(self) -> None:
        """Exchange 2003 and 2013: who has a database; 2007 and 2010: who has the Client Access role."""
        self.table.learn("chicago", "imap4", after=(IDLE,))
        for version, roles, owner, counts in (
            (ServerVersion(6, 5), frozenset(("front_end",)), "", False),
            (ServerVersion(6, 5), frozenset(), "DALLAS", True),
            (ServerVersion(8), frozenset(("mailbox",)), "dallas", False),
            (ServerVersion(14, 3), frozenset(("client_access",)), "", True),
            (ServerVersion(15, 0), frozenset(("mailbox",)), "dallas", True),
            (ServerVersion(15, 0), frozenset(("hub_transport",)), "", False),
        ):
            found = server("dallas", listed=False, version=version, roles=roles)
            topology = Topology((server("chicago"), found), (Database("cn=x", "x", owner),) if owner else ())
            self.assertEqual(self.shared(topology).complete, not counts, (version, roles))

    def test_one_that_users_were_relayed_to_counts(self) -> None:
        for name in ("chicago", "dallas", "named-by-nobody"):
            self.table.learn(name, "imap4", after=(IDLE,) if name.startswith("named") else (IDLE, MOVE))
        self.assertEqual(self.shared().names, (IDLE,))

    def test_what_an_earlier_process_learned(self) -> None:
        """What this one knows itself stays; a server that is gone holds nobody back."""
        self.table.learn("chicago", "imap4", after=(IDLE, MOVE))
        self.table.restore({
            ("imap4", "chicago"): Learned(after=()),
            ("imap4", "dallas"): Learned(after=(MOVE,)),
            ("imap4", "gone"): Learned(after=()),
        })  # fmt: skip
        self.assertEqual(self.shared().names, (MOVE,))

    def test_a_list_without_end_is_cut(self) -> None:
        """S-OPS-14.

        Bad input: back end with capabilities without end.
        """
        self.table.learn("chicago", "imap4", after=[b"X" * 101, *(b"%d" % n for n in range(10_000))])
        ((_, known),) = self.table.all()
        assert known.after is not None
        self.assertEqual((len(known.after), known.after[0]), (limits.CAPABILITIES, b"0"))
