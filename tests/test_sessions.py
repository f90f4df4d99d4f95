"""The session table: limits by network, and draining."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.kinds import read_network
from exfront.config.limits import LimitsSection
from exfront.reasons import DRAINING, TOO_MANY_CONNECTIONS, TOO_MANY_OF_A_USER, Reason, Refused
from exfront.sessions import Session, SessionTable


class SessionTableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = SessionTable(LimitsSection(connections=4, connections_per_address=2), Clock())

    def open(self, address: str = "192.0.2.1") -> Session:
        return self.table.open("imap4", "imap4@0.0.0.0:143", address, 5000, False)

    def refusal(self, address: str = "192.0.2.1") -> Reason:
        return self.assertRaises(Refused, self.open, address).reason

    def test_one_address_over_its_limit_is_refused_and_others_are_not(self) -> None:
        """S-OPS-4: the connection above an address's limit is refused; another address is not."""
        self.open()
        self.open()
        self.assertIs(self.refusal(), TOO_MANY_CONNECTIONS)
        self.open("192.0.2.2")

    def test_an_ipv6_network_counts_as_one_address(self) -> None:
        """S-OPS-4: a /64 is one subscriber."""
        self.open("2001:db8::1")
        self.open("2001:db8::2")
        self.assertIs(self.refusal("2001:db8::3"), TOO_MANY_CONNECTIONS)
        self.open("2001:db8:0:1::1")

    def test_a_trusted_proxy_stands_for_many(self) -> None:
        """S-OPS-4: its connections are not one client's; what it asks for one client counts for that one."""
        self.table.many_from = (read_network("192.0.2.0/24"),)
        for _ in range(3):
            self.open()
        for _ in range(2):
            self.table.enter("198.51.100.7")
        refused = self.assertRaises(Refused, self.table.enter, "198.51.100.7")
        self.assertIs(refused.reason, TOO_MANY_CONNECTIONS)
        self.assertIs(self.refusal("198.51.100.7"), TOO_MANY_CONNECTIONS)
        self.table.enter("198.51.100.8")
        self.table.leave("198.51.100.7")
        self.open("198.51.100.7")

    def test_the_table_is_full(self) -> None:
        """S-OPS-4: the limit of all connections."""
        for last in range(4):
            self.open(f"192.0.2.{last}")
        self.assertIs(self.refusal("192.0.2.9"), TOO_MANY_CONNECTIONS)

    def test_a_closed_session_gives_its_place_back_once(self) -> None:
        first = self.open()
        self.open()
        self.table.close(first)
        self.table.close(first)
        self.open()
        self.assertIs(self.refusal(), TOO_MANY_CONNECTIONS)

    def test_draining_stops_all_refuses_newcomers_and_tells_when_empty(self) -> None:
        """S-OPS-7: drain."""
        session, told, stopped = self.open(), [], []
        session.stop = lambda: stopped.append(session.id)
        self.table.drain(lambda: told.append(len(self.table)))
        self.assertEqual((stopped, told), ([session.id], []))
        self.assertIs(self.refusal(), DRAINING)
        self.table.close(session)
        self.assertEqual(told, [0])

    def test_draining_an_empty_table_ends_at_once(self) -> None:
        told: list[bool] = []
        self.table.drain(lambda: told.append(True))
        self.assertEqual(told, [True])

    def test_ids_differ_and_name_the_client(self) -> None:
        one, two = self.open(), self.open()
        self.assertNotEqual(one.id, two.id)
        self.assertEqual((one.client, one.record.client), ("192.0.2.1:5000", "192.0.2.1:5000"))
        self.assertEqual(self.open("2001:db8::1").client, "[2001:db8::1]:5000")


class AccountTests(SynchronousTestCase):
    """Mail sessions that count for an account."""

    def setUp(self) -> None:
        settings = LimitsSection(connections_per_account=3, connections_per_account_and_address=2)
        self.table = SessionTable(settings, Clock())

    def seat(self, account: str, address: str = "192.0.2.1") -> Session:
        session = self.table.open("imap4", "imap4@0.0.0.0:143", address, 5000, False)
        session.record.account_id = account
        try:
            self.table.seat(session.record)
        except Refused:
            self.table.close(session)
            raise
        return session

    def refusal(self, account: str, address: str = "192.0.2.1") -> str:
        refused = self.assertRaises(Refused, self.seat, account, address)
        self.assertIs(refused.reason, TOO_MANY_OF_A_USER)
        return refused.detail

    def test_one_account_from_one_network(self) -> None:
        """S-MAIL-13: the next from there is refused; another user, and this one from elsewhere, is not."""
        self.seat("a")
        self.seat("a")
        self.assertEqual(self.refusal("a"), "limit name=connections_per_account_and_address net=192.0.2.1")
        self.seat("b")
        self.seat("a", "192.0.2.2")

    def test_one_account_from_anywhere(self) -> None:
        """S-OPS-4: the limit of an account."""
        first = self.seat("a", "2001:db8::1")
        self.seat("a", "2001:db8:0:1::1")
        self.seat("a", "192.0.2.1")
        self.assertEqual(self.refusal("a", "192.0.2.2"), "limit name=connections_per_account")
        self.table.close(first)
        self.seat("a", "192.0.2.2")

    def test_a_seat_is_given_back_once(self) -> None:
        session = self.seat("a")
        self.seat("a")
        self.table.unseat(session.id)
        self.table.unseat(session.id)
        self.table.close(session)
        self.seat("a")
        self.refusal("a")

    def test_a_second_log_on_of_a_session_takes_the_place_of_the_first(self) -> None:
        session = self.seat("a")
        session.record.account_id = "b"
        self.table.seat(session.record)
        self.seat("a")
        self.seat("a")
        self.seat("b")
        self.refusal("b")

    def test_a_session_that_is_over_has_no_seat(self) -> None:
        session = self.seat("a")
        self.table.close(session)
        self.table.seat(session.record)
        self.seat("a")
        self.seat("a")
