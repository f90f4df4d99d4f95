"""What the attributes of Active Directory and Exchange mean."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from exfront.because import Trace
from exfront.directory.active_directory import ActiveDirectory
from exfront.directory.entry import Entry
from exfront.names import KeyKind, LookupKey
from exfront.reasons import INCONSISTENT_MAILBOX, Refused
from exfront.topology import Mailbox
from tests.support.searches import entry

_GROUP = "CN=Group,CN=Administrative Groups,CN=Org,CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=x"
_STORE = f"CN=Mailbox Store (CHICAGO),CN=First Storage Group,CN=InformationStore,CN=CHICAGO,CN=Servers,{_GROUP}"
_DATABASE = f"CN=Database 1,CN=Databases,{_GROUP}"
_LEGACY = "/o=Org/ou=Group/cn=Configuration/cn=Servers/cn=DALLAS"
_DN = r"CN=Berg\, Bob,OU=Staff,DC=x"

Values = Sequence[str | bytes]


class ActiveDirectoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.schema = ActiveDirectory("mailHost")
        self.databases: dict[str, Entry] = {}
        self.fetched: list[tuple[str, tuple[str, ...]]] = []

    async def fetch(self, name: str, attributes: tuple[str, ...]) -> Entry | None:
        self.fetched.append((name, attributes))
        return self.databases.get(name)

    def read(self, trace: Trace | None = None, **attributes: Values) -> Mailbox:
        coroutine = self.schema.mailbox(entry(_DN, attributes), self.fetch, trace)
        return self.successResultOf(coroutine)

    def refused(self, **attributes: Values) -> str:
        failure = self.failureResultOf(self.schema.mailbox(entry(_DN, attributes), self.fetch, None), Refused)
        self.assertIs(failure.value.reason, INCONSISTENT_MAILBOX)
        return failure.value.detail


class FilterTests(ActiveDirectoryTests):
    def test_filters_of_all_keys(self) -> None:
        for kind, text in (
            (KeyKind.ACCOUNT, "(sAMAccountName=a)"),
            (KeyKind.UPN, "(userPrincipalName=a)"),
            (KeyKind.ADDRESS, "(|(proxyAddresses=SMTP:a)(mail=a))"),
            (KeyKind.ALIAS, "(mailNickname=a)"),
        ):
            self.assertEqual(str(self.schema.filter(LookupKey(kind, "a"))), f"(&(objectClass=user){text})")

    def test_attributes_are_named(self) -> None:
        """S-DIR-8: searches ask for named attributes."""
        self.assertIn("homeMDB", self.schema.attributes)
        self.assertIn("mailHost", self.schema.attributes)
        self.assertNotIn("*", self.schema.attributes)


class AccountTests(ActiveDirectoryTests):
    def test_names(self) -> None:
        mailbox = self.read(
            objectGUID=[b"\xf0\x01"], sAMAccountName=["bob"], userPrincipalName=["bob@x"], mailNickname=["bberg"]
        )
        self.assertEqual(mailbox, Mailbox(_DN, "f001", "bob", "bob@x", "bberg"))

    def test_account_id_without_guid_is_the_normalised_dn(self) -> None:
        """S-AUTH-4: an account has one id, however its DN is spelled."""
        self.assertEqual(self.read().account_id, r"cn=berg\, bob,ou=staff,dc=x")

    def test_disabled_bit(self) -> None:
        for value, disabled in (("512", False), ("514", True), ("66050", True), ("66048", False)):
            self.assertEqual(self.read(userAccountControl=[value]).disabled, disabled, value)

    def test_primary_address_is_first_whatever_its_place(self) -> None:
        proxies = ["smtp:b@x", "X400:c=US", "SMTP:a@x", "smtp:c@x", "sip:a@x", "x500:/o=x"]
        self.assertEqual(self.read(proxyAddresses=proxies, mail=["z@x"]).addresses, ("a@x", "b@x", "c@x"))

    def test_mail_is_the_address_without_proxy_addresses(self) -> None:
        self.assertEqual(self.read(mail=["z@x"]).addresses, ("z@x",))
        self.assertEqual(self.read(mail=["z@x"], proxyAddresses=["X400:c=US"]).addresses, ("z@x",))
        self.assertEqual(self.read().addresses, ())

    def test_contradictions_are_refused(self) -> None:
        """S-DIR-12: two values of a single-valued attribute, or one that cannot be read, refuse the mailbox."""
        cases: tuple[dict[str, Values], ...] = (
            {"homeMDB": [_STORE, _DATABASE]},
            {"sAMAccountName": ["a", "b"]},
            {"objectGUID": [b"a", b"b"]},
            {"msExchHomeServerName": [_LEGACY, _LEGACY + "2"]},
            {"mailHost": ["a", "b"]},
            {"userAccountControl": ["many"]},
            {"homeMDB": ["no dn"]},
            {"homeMDB": [b"\xff"]},
        )
        for attributes in cases:
            self.refused(**attributes)


class HomeServerTests(ActiveDirectoryTests):
    def test_server_stands_in_the_store_of_2003(self) -> None:
        self.assertEqual(self.read(homeMDB=[_STORE], msExchHomeServerName=[_LEGACY]).home_server, "CHICAGO")
        self.assertEqual(self.fetched, [])

    def test_attribute_types_and_containers_compare_without_case(self) -> None:
        """S-DIR-12: DNs compare without case."""
        self.assertEqual(self.read(homeMDB=[_STORE.lower()]).home_server, "chicago")

    def test_server_name_with_an_escaped_comma(self) -> None:
        store = r"cn=Store\, one,cn=G,cn=InformationStore,cn=SRV\2C 1,cn=Servers,dc=x"
        self.assertEqual(self.read(homeMDB=[store]).home_server, "SRV, 1")

    def test_owner_of_the_database_of_2010(self) -> None:
        self.databases[_DATABASE] = entry(_DATABASE, {"msExchOwningServer": [f"CN=BOSTON,CN=Servers,{_GROUP}"]})
        self.assertEqual(self.read(homeMDB=[_DATABASE], msExchHomeServerName=[_LEGACY]).home_server, "BOSTON")
        self.assertEqual(self.fetched, [(_DATABASE, ("msExchOwningServer",))])

    def test_container_called_servers_alone_is_not_the_2003_shape(self) -> None:
        self.read(homeMDB=["cn=Servers,cn=x"], mailHost=["h"])
        self.assertEqual(len(self.fetched), 1)

    def test_deleted_database_leaves_the_server_name(self) -> None:
        self.assertEqual(self.read(homeMDB=[_DATABASE], msExchHomeServerName=[_LEGACY]).home_server, "DALLAS")

    def test_database_without_owner_leaves_the_server_name(self) -> None:
        self.databases[_DATABASE] = entry(_DATABASE, {})
        self.assertEqual(self.read(homeMDB=[_DATABASE], msExchHomeServerName=[_LEGACY]).home_server, "DALLAS")

    def test_last_common_name_of_the_legacy_name(self) -> None:
        for legacy in (_LEGACY, _LEGACY.upper(), "/CN=DALLAS"):
            self.assertEqual(self.read(msExchHomeServerName=[legacy]).home_server, "DALLAS")

    def test_configured_attribute_last(self) -> None:
        self.assertEqual(self.read(mailHost=["boston.x"]).home_server, "boston.x")
        self.assertEqual(self.read(mailHost=["boston.x"], msExchHomeServerName=[_LEGACY]).home_server, "DALLAS")

    def test_no_mailbox_no_server(self) -> None:
        self.assertEqual(self.read(sAMAccountName=["bob"]).home_server, "")

    def test_mailbox_that_no_rule_can_place_is_refused(self) -> None:
        """S-DIR-12: a home server that no rule can name is refused, and the log gets what was there."""
        self.assertIn("Database 1", self.refused(homeMDB=[_DATABASE]))
        self.refused(msExchHomeServerName=["/o=Org/ou=Group"])
        self.databases[_DATABASE] = entry(_DATABASE, {"msExchOwningServer": ["no dn"]})
        self.refused(homeMDB=[_DATABASE])

    def test_trace_tells_each_reading(self) -> None:
        trace = Trace()
        self.read(trace, homeMDB=[_DATABASE], msExchHomeServerName=[_LEGACY])
        self.assertEqual(
            [str(step) for step in trace],
            [f"home server of homeMDB: {_DATABASE}, ", f"home server of msExchHomeServerName: {_LEGACY}, DALLAS"],
        )
