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

    def test_a_mailbox_guid_is_little_endian_in_its_first_three_parts(self) -> None:
        """[MS-DTYP] 2.3.4.2."""
        key = LookupKey(KeyKind.MAILBOX_GUID, "00112233445566778899aabbccddeeff")
        octets = r"\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff"
        self.assertEqual(str(self.schema.filter(key)), f"(&(objectClass=user)(msExchMailboxGuid={octets}))")

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

    def test_texts_that_an_entry_repeats_are_held_once(self) -> None:
        """100,000 mailboxes are held: alias and account name, UPN and primary address are mostly the same."""
        mailbox = self.read(
            sAMAccountName=["bob"], mailNickname=["bob"], userPrincipalName=["bob@x"], mail=["bob@x"],
            proxyAddresses=["smtp:b@x", "SMTP:bob@x"],
        )  # fmt: skip
        self.assertIs(mailbox.alias, mailbox.account_name)
        self.assertIs(mailbox.upn, mailbox.addresses[0])
        self.assertIs(mailbox.switched_off, self.read().switched_off)

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
        """Bad input: empty proxyAddresses"""
        self.assertEqual(self.read(mail=["z@x"]).addresses, ("z@x",))
        self.assertEqual(self.read(mail=["z@x"], proxyAddresses=[""]).addresses, ("z@x",))
        self.assertEqual(self.read(mail=["z@x"], proxyAddresses=["X400:c=US"]).addresses, ("z@x",))
        self.assertEqual(self.read().addresses, ())

    def test_contradictions_are_refused(self) -> None:
        """S-DIR-12: two values of a single-valued attribute, or one that cannot be read, refuse the mailbox.

        Bad input: two homeMDBs
        """
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


class StateTests(ActiveDirectoryTests):
    def test_expiry_is_a_filetime(self) -> None:
        for value, seconds in (("131000000000000000", 1_455_526_400.0), ("0", 0.0), ("9223372036854775807", 0.0)):
            self.assertEqual(self.read(accountExpires=[value]).expires, seconds, value)
        self.assertEqual(self.read().expires, 0.0)

    def test_lock_is_a_moment(self) -> None:
        self.assertEqual(self.read(lockoutTime=["131000000000000000"]).locked_since, 1_455_526_400.0)
        self.assertEqual(self.read(lockoutTime=["0"]).locked_since, 0.0)

    def test_what_the_directory_does_not_tell_is_not_zero(self) -> None:
        """S-DIR-12: an attribute that a global catalog does not carry is not taken for none."""
        told = self.read(badPwdCount=["0"], pwdLastSet=["131000000000000000"])
        self.assertEqual((told.bad_password_count, told.password_set), (0, 131000000000000000))
        self.assertEqual((self.read().bad_password_count, self.read().password_set), (None, None))

    def test_sid_as_text(self) -> None:
        """[MS-DTYP] 2.4.2.2: the authority is big-endian, the parts little-endian."""
        octets = bytes.fromhex("010500000000000515000000010000000200000003000000f4010000")
        self.assertEqual(self.read(objectSid=[octets]).sid, "S-1-5-21-1-2-3-500")
        for broken in (b"", b"\x01", octets[:-1], octets + b"\0"):
            self.assertEqual(self.read(objectSid=[broken]).sid, "")

    def test_directory_without_exchange_gives_an_account_without_mailbox(self) -> None:
        mailbox = self.read(objectGUID=[b"\x01"], sAMAccountName=["bob"], userAccountControl=["512"])
        self.assertEqual(mailbox, Mailbox(_DN, "01", "bob"))


class SwitchTests(ActiveDirectoryTests):
    def test_protocols_switched_off(self) -> None:
        """The separator is a section sign in UTF-8, or in Latin-1 from old tools; what is not named is on."""
        cases: tuple[tuple[Values, set[str]], ...] = (
            (["POP3\u00a70\u00a7\u00a7\u00a7"], {"pop3"}),
            ([b"POP3\xa70"], {"pop3"}),
            ([b"IMAP4\xc2\xa70\xc2\xa71\xc2\xa74\xc2\xa7ISO-8859-1", b"HTTP\xa70\xa71"], {"imap4", "http"}),
            (["imap4\u00a70", "OWA\u00a71"], {"imap4"}),
            (["POP3\u00a71\u00a70", "MAPI\u00a7\u00a70", "POP3", "", "\u00a70", "POP3\u00a700"], set()),
            ([b"\xff\xfe\xa70"], {"\ufffd\ufffd"}),
        )
        for values, off in cases:
            self.assertEqual(self.read(protocolSettings=values).switched_off, off, values)

    def test_mobile_bits(self) -> None:
        both = {"activesync", "oma"}
        for value, off in (("0", set()), ("1", set()), ("2", {"oma"}), ("5", {"activesync"}), ("7", both)):
            self.assertEqual(self.read(msExchOmaAdminWirelessEnable=[value]).switched_off, off, value)

    def test_trace_names_what_is_off(self) -> None:
        trace = Trace()
        self.read(trace, protocolSettings=["POP3\u00a70", "IMAP4\u00a70"])
        self.assertEqual(str(trace.steps[0]), "protocols switched off: imap4, pop3")


class RangeTests(ActiveDirectoryTests):
    def ranged(self, first: str, *more: str) -> None:
        """The entry sends the range `first`; what is fetched then comes from `more`, one after the other."""
        self.parts = [entry(_DN, {f"proxyAddresses;range={one}": self.values(one)}) for one in more]
        self.attributes: dict[str, Values] = {f"proxyAddresses;range={first}": self.values(first)}

    def values(self, numbers: str) -> Values:
        begin, _, end = numbers.partition("-")
        return [f"smtp:a{number}@x" for number in range(int(begin), 5000 if end == "*" else int(end) + 1)]

    async def fetch(self, name: str, attributes: tuple[str, ...]) -> Entry | None:
        self.fetched.append((name, attributes))
        return self.parts.pop(0) if self.parts else None

    def test_five_thousand_addresses_come_in_parts(self) -> None:
        """S-DIR-8: ranged attributes are fetched on.

        Bad input: 5,000 proxyAddresses
        """
        self.ranged("0-1499", "1500-2999", "3000-4499", "4500-*")
        addresses = self.read(**self.attributes).addresses
        self.assertEqual((len(addresses), addresses[0], addresses[-1]), (5000, "a0@x", "a4999@x"))
        self.assertEqual(
            [attributes for _, attributes in self.fetched],
            [("proxyAddresses;range=1500-*",), ("proxyAddresses;range=3000-*",), ("proxyAddresses;range=4500-*",)],
        )

    def test_ranges_that_do_not_follow_each_other_are_refused(self) -> None:
        """S-DIR-12: half of the addresses are no addresses."""
        for first, more in (("0-9", ()), ("5-*", ()), ("0-9", ("0-9",)), ("0-9", ("20-*",)), ("0-9", ("10-19",))):
            self.ranged(first, *more)
            self.refused(**self.attributes)

    def test_whole_range_is_not_fetched_again(self) -> None:
        self.ranged("0-*")
        self.assertEqual(len(self.read(**self.attributes).addresses), 5000)
        self.assertEqual(self.fetched, [])


class HomeServerTests(ActiveDirectoryTests):
    def test_server_stands_in_the_store_of_2003(self) -> None:
        self.assertEqual(self.read(homeMDB=[_STORE], msExchHomeServerName=[_LEGACY]).home_server, "CHICAGO")
        self.assertEqual(self.fetched, [])

    def test_attribute_types_and_containers_compare_without_case(self) -> None:
        """S-DIR-12: DNs compare without case."""
        self.assertEqual(self.read(homeMDB=[_STORE.lower()]).home_server, "chicago")

    def test_server_name_with_an_escaped_comma(self) -> None:
        """Bad input: DN with escaped commas and UTF-8"""
        store = r"cn=Store\, one,cn=G,cn=InformationStore,cn=SRV\2C 1,cn=Servers,dc=x"
        self.assertEqual(self.read(homeMDB=[store]).home_server, "SRV, 1")
        store = r"cn=x,cn=G,cn=InformationStore,cn=M\C3\BCnchen,cn=Servers,dc=x"
        self.assertEqual(self.read(homeMDB=[store]).home_server, "München")

    def test_topology_knows_the_owner_of_the_database(self) -> None:
        self.schema = ActiveDirectory("mailHost", {_DATABASE.lower(): "BOSTON"}.get)  # type: ignore[arg-type]
        self.assertEqual(self.read(homeMDB=[_DATABASE]).home_server, "BOSTON")
        self.assertEqual(self.fetched, [])

    def test_objects_that_are_no_mailboxes_have_no_server(self) -> None:
        """msExchRecipientTypeDetails: arbitration, discovery and remote mailboxes are opened by nobody here."""
        for kind, server in (("1", "CHICAGO"), ("2", "CHICAGO"), ("8", "CHICAGO"), ("128", ""), ("2147483648", ""),
                             ("8388608", "")):  # fmt: skip
            self.assertEqual(self.read(homeMDB=[_STORE], msExchRecipientTypeDetails=[kind]).home_server, server, kind)

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
        """S-DIR-12: a home server that no rule can name is refused, and the log gets what was there.

        Bad input: a database object that names no owner.
        """
        self.assertIn("Database 1", self.refused(homeMDB=[_DATABASE]))
        self.databases[_DATABASE] = entry(_DATABASE, {})
        self.refused(homeMDB=[_DATABASE])
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
