"""The directory against ldaptor's own in-memory server, another implementation of LDAP than slapd."""

from __future__ import annotations

import io
from typing import Any

from ldaptor import inmemory, interfaces
from ldaptor.protocols.ldap.ldapserver import LDAPServer
from twisted.internet import reactor
from twisted.internet.protocol import ServerFactory
from twisted.python import components
from twisted.trial.unittest import TestCase

from exfront.auth.ldap_bind import LdapBindChecker
from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.config.limits import LimitsSection
from exfront.directory.lookup import Directory
from exfront.names import parse_login
from exfront.reasons import AMBIGUOUS_LOGIN, WRONG_PASSWORD, Refused
from exfront.secret import Secret
from tests.support.population import BASE, DOMAIN, EIGHT_BIT, ODD_NAME, population


class _Tree(ServerFactory):
    """Serves one tree of entries."""

    protocol = LDAPServer
    noisy = False
    debug = False

    def __init__(self, root: Any) -> None:
        self.root = root


components.registerAdapter(lambda tree: tree.root, _Tree, interfaces.IConnectedLDAPEntry)


class LdaptorServerTests(TestCase):
    timeout = 20

    async def setUp(self) -> None:
        root = await inmemory.fromLDIFFile(io.BytesIO(population(8).ldif()))
        listening: Any = reactor
        port = listening.listenTCP(0, _Tree(root), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        url = LdapUrl("ldap", "127.0.0.1", port.getHost().port)
        settings = DirectorySection((url,), BASE, starttls=False, allow_clear=True, domains={DOMAIN: BASE})
        self.directory = Directory(settings, LimitsSection(), reactor)
        self.passwords = LdapBindChecker(settings, LimitsSection(), reactor)
        self.addCleanup(self.passwords.stop)
        self.addCleanup(self.directory.stop)

    async def test_look_ups_and_passwords(self) -> None:
        """S-AUTH-4: names in all forms; S-DIR-12: home servers in all shapes."""
        for person in (*population(8).users, EIGHT_BIT):
            for login in (person.name, person.upn, person.address, rf"{DOMAIN}\{person.name}"):
                account = await self.directory.find(parse_login(login).keys, None)
                assert account is not None, login
                self.assertEqual((account.home_server, account.account_id), (person.server, person.guid.hex()), login)
            self.assertEqual(await self.passwords.check(account, Secret(person.password)), "ldap_bind")
            refused = await self.assertFailure(self.passwords.check(account, Secret(b"wrong")), Refused)
            self.assertIs(refused.reason, WRONG_PASSWORD)

    async def test_dn_with_special_characters(self) -> None:
        account = await self.directory.find(parse_login("odd").keys, None)
        assert account is not None
        self.assertEqual(account.home_server, "dallas")
        self.assertEqual(await self.passwords.check(account, Secret(ODD_NAME.password)), "ldap_bind")

    async def test_two_owners_of_an_address(self) -> None:
        """S-AUTH-5: refused, whatever the server thinks of size limits."""
        refused = await self.assertFailure(
            self.directory.find(parse_login("twins@fourthcoffee.com").keys, None), Refused
        )
        self.assertIs(refused.reason, AMBIGUOUS_LOGIN)

    async def test_unknown(self) -> None:
        self.assertIsNone(await self.directory.find(parse_login("nobody@fourthcoffee.com").keys, None))
