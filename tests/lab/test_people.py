"""The users that the lab prints are those of its directory."""

from __future__ import annotations

from importlib.resources import files

from ldaptor.protocols.ldap import ldaperrors
from twisted.trial.unittest import SynchronousTestCase

from exfront.lab.directory import Entry, read_ldif
from exfront.lab.people import PEOPLE, SERVERS, SERVICE_PASSWORD, Person

ANNA = PEOPLE[0]


class PeopleTests(SynchronousTestCase):
    """Password, home server and names of each."""

    def setUp(self) -> None:
        root = read_ldif(files("exfront.lab").joinpath("fourthcoffee.ldif").read_bytes())
        self.entries: list[Entry] = []
        root.subtree(self.entries.append)

    def entry(self, account: str) -> Entry:
        (found,) = [entry for entry in self.entries if account.encode() in (entry.get("sAMAccountName") or ())]
        return found

    def text(self, person: Person, attribute: str) -> str:
        (value,) = self.entry(person.account)[attribute]
        return str(value.decode())

    def test_two_users_live_on_each_server(self) -> None:
        self.assertEqual([person.server for person in PEOPLE], ["chicago", "chicago", "dallas", "dallas"])
        self.assertEqual(SERVERS, ("chicago", "dallas"))

    def test_the_directory_takes_each_password(self) -> None:
        accounts = [(person.account, person.password) for person in PEOPLE] + [("exfront", SERVICE_PASSWORD)]
        for account, password in accounts:
            self.successResultOf(self.entry(account).bind(password.encode()))

    def test_the_directory_takes_no_other_password(self) -> None:
        failure = self.failureResultOf(self.entry("anna").bind(b"ristretto-22"), ldaperrors.LDAPInvalidCredentials)
        self.assertIn(b"data 52e", failure.value.message)

    def test_no_attribute_holds_a_password(self) -> None:
        for entry in self.entries:
            self.assertNotIn("userpassword", [key.lower() for key in map(bytes.decode, entry)])

    def test_the_directory_knows_each_home_server(self) -> None:
        servers = {
            entry.dn.getText(): entry for entry in self.entries if b"msExchExchangeServer" in entry["objectClass"]
        }
        owners = {
            entry.dn.getText(): entry["msExchOwningServer"] for entry in self.entries if "msExchOwningServer" in entry
        }
        for person in PEOPLE:
            (owner,) = owners[self.text(person, "homeMDB")]
            (name,) = servers[owner.decode()]["cn"]
            self.assertEqual(name.decode().lower(), person.server)
            self.assertTrue(self.text(person, "msExchHomeServerName").endswith(f"/cn=Servers/cn={name.decode()}"))

    def test_the_directory_knows_each_name(self) -> None:
        for person in PEOPLE:
            addresses = {value.decode() for value in self.entry(person.account)["proxyAddresses"]}
            self.assertEqual(self.text(person, "displayName"), person.name)
            self.assertEqual(self.text(person, "mailNickname"), person.alias)
            self.assertEqual(self.text(person, "userPrincipalName"), f"{person.account}@fourthcoffee.com")
            self.assertGreaterEqual(
                addresses, {f"SMTP:{person.alias}@fourthcoffee.com", f"smtp:{person.account}@fourthcoffee.com"}
            )

    def test_identifiers_have_the_length_of_real_ones_and_occur_once(self) -> None:
        for attribute, length in (("objectGUID", 16), ("objectSid", 28)):
            values = [next(iter(self.entry(person.account)[attribute])) for person in PEOPLE]
            self.assertEqual([len(value) for value in values], [length] * 4)
            self.assertEqual(len(set(values)), 4)

    def test_a_mailbox_server_takes_all_names_of_a_user(self) -> None:
        taken = ("anna", "ANNA", "anna.arnold", "anna@fourthcoffee.com", "Anna.Arnold@FourthCoffee.com")
        for login in (*taken, "FOURTHCOFFEE\\anna", "fourthcoffee/anna"):
            self.assertTrue(ANNA.answers_to(login), login)

    def test_a_mailbox_server_takes_nobody_elses_name(self) -> None:
        for login in ("", "ann", "ben", "anna@example.com", "OTHER\\anna", "FOURTHCOFFEE\\anna.arnold\\x"):
            self.assertFalse(ANNA.answers_to(login), login)
