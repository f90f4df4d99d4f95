"""Directories that are no Active Directory."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from exfront.because import Trace
from exfront.directory.entry import Entry
from exfront.directory.plain_ldap import PlainLdap
from exfront.names import KeyKind, LookupKey
from exfront.reasons import INCONSISTENT_MAILBOX, Refused
from exfront.topology import Mailbox, Server, Service, Topology
from tests.support.searches import entry

_DN = "uid=paula,ou=People,dc=x"


async def _fetch(name: str, attributes: tuple[str, ...]) -> Entry | None:
    raise AssertionError("one entry tells it all")


class PlainLdapTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.schema = PlainLdap("mailHost")

    def read(self, trace: Trace | None = None, **attributes: Sequence[str | bytes]) -> Mailbox:
        return self.successResultOf(self.schema.mailbox(entry(_DN, attributes), _fetch, trace))

    def test_filters(self) -> None:
        people = "(|(objectClass=inetOrgPerson)(objectClass=posixAccount))"
        for kind, text in ((KeyKind.ACCOUNT, "(uid=a)"), (KeyKind.ADDRESS, "(mail=a)")):
            self.assertEqual(str(self.schema.filter(LookupKey(kind, "a"))), f"(&{people}{text})")

    def test_keys_that_entries_do_not_have(self) -> None:
        for kind in (KeyKind.UPN, KeyKind.ALIAS):
            self.assertIsNone(self.schema.filter(LookupKey(kind, "a")))

    def test_entry(self) -> None:
        mailbox = self.read(
            entryUUID=["4D8F8A7E-0A0B-103F-9F3D-0123456789AB"], uid=["paula"], mail=["p@x", "q@x"], mailHost=["chicago"]
        )
        expected = Mailbox(_DN, "4d8f8a7e0a0b103f9f3d0123456789ab", "paula", "", "paula", ("p@x", "q@x"), "chicago")
        self.assertEqual(mailbox, expected)

    def test_other_attributes(self) -> None:
        self.schema = PlainLdap(
            "mailServer", ("mailUser",), "mailId", ("mail", "mailAlternateAddress"), "principal", "alias", "objectGUID"
        )
        for kind, text in (
            (KeyKind.ACCOUNT, "(mailId=a)"),
            (KeyKind.ADDRESS, "(|(mail=a)(mailAlternateAddress=a))"),
            (KeyKind.UPN, "(principal=a)"),
            (KeyKind.ALIAS, "(alias=a)"),
        ):
            self.assertEqual(str(self.schema.filter(LookupKey(kind, "a"))), f"(&(objectClass=mailUser){text})")
        mailbox = self.read(
            objectGUID=[b"\xf0\x01"], mailId=["paula"], mail=["p@x"], mailAlternateAddress=["q@x"],
            principal=["p@y"], alias=["pd"], mailServer=["chicago"],
        )  # fmt: skip
        self.assertEqual(mailbox, Mailbox(_DN, "f001", "paula", "p@y", "pd", ("p@x", "q@x"), "chicago"))
        self.assertEqual(
            self.schema.attributes,
            ("objectGUID", "mailId", "mail", "mailAlternateAddress", "principal", "alias", "mailServer"),
        )

    def test_forms_of_a_home_server(self) -> None:
        """The value is a server's name, its host, or the host and a port of the [[server]] that is meant."""
        first = Server("one", "mail.x", imap4=Service(10143))
        second = Server("two", "mail.x", imap4=Service(20143))
        topology = Topology((first, second))
        for value, server in (("two", second), ("mail.x", first), ("MAIL.x:20143", second), (" one ", first),
                              ("mail.x:30143", None)):  # fmt: skip
            self.assertEqual(topology.find(self.read(mailHost=[value]).home_server), server, value)

    def test_first_of_several_uids_is_the_name(self) -> None:
        self.assertEqual(self.read(uid=["paula", "pd"]).account_name, "paula")

    def test_without_home_server_there_is_no_mailbox(self) -> None:
        self.assertEqual(self.read(uid=["paula"]).home_server, "")

    def test_account_id_without_uuid_is_the_normalised_dn(self) -> None:
        self.assertEqual(self.read(uid=["paula"]).account_id, "uid=paula,ou=people,dc=x")

    def test_two_home_servers_are_refused(self) -> None:
        """S-DIR-12: two home servers are no home server."""
        wrong = entry(_DN, {"mailHost": ["chicago", "dallas"]})
        failure = self.failureResultOf(self.schema.mailbox(wrong, _fetch, None), Refused)
        self.assertIs(failure.value.reason, INCONSISTENT_MAILBOX)

    def test_trace(self) -> None:
        trace = Trace()
        self.read(trace, mailHost=["chicago"])
        self.assertEqual([str(step) for step in trace], ["home server of mailHost: chicago"])
