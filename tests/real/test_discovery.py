"""From a domain's name alone to a log-on: SRV records, the global catalog and a controller of a Samba domain."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from exfront.auth.ldap_bind import LdapBindChecker
from exfront.auth.portal import Portal
from exfront.config.directory import DirectorySection
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.directory.lookup import Directory
from exfront.directory.servers import Servers
from exfront.directory.topology_reader import TopologyReader
from exfront.facts import Identity
from exfront.reasons import DIRECTORY_DOWN, Refused
from exfront.secret import Secret
from tests.support.dns import SrvServer
from tests.support.samba import HOST, shared_site
from tests.support.samba_data import BASE, DNS_DOMAIN, DOMAIN, HOME_2003, SERVICE_DN

reactor: Any = the_reactor


@implementer(IHostnameResolver)
class _Hosts:
    """Knows one host; every other name has no address."""

    def __init__(self, host: str, address: str) -> None:
        self._host, self._address = host, address

    def resolveHostName(
        self, receiver: IResolutionReceiver, hostName: str, portNumber: int = 0, *args: object, **more: object
    ) -> IHostResolution:
        resolution: Any = receiver
        receiver.resolutionBegan(resolution)
        if hostName == self._host:
            receiver.addressResolved(IPv4Address("TCP", self._address, portNumber))
        receiver.resolutionComplete()
        return resolution  # type: ignore[no-any-return]


class DiscoveryTests(TestCase):
    """DNS names the servers; nothing of the domain but its name, base and service account is configured."""

    timeout = 120

    def setUp(self) -> None:
        self.site = shared_site()
        samba = self.site.samba
        former = reactor.installNameResolver(_Hosts(HOST, samba.address))
        self.addCleanup(reactor.installNameResolver, former)
        self.dns = SrvServer(
            {
                f"_gc._tcp.{DNS_DOMAIN}": [(0, 0, "dc9.elsewhere.example", 3268), (1, 0, HOST, 3268)],
                f"_ldap._tcp.dc._msdcs.{DNS_DOMAIN}": [(0, 0, HOST, 389)],
            }
        )
        self.addCleanup(self.dns.stop)
        settings = DirectorySection(
            discover=DNS_DOMAIN,
            dns_servers=(self.dns.address,),
            base=BASE,
            bind_dn=SERVICE_DN,
            bind_password_file=samba.password_file(),
            ca_file=self.site.authority.ca_file,
            topology=True,
        )
        limits = LimitsSection()
        self.settings, self.servers = settings, Servers(settings, limits, reactor)
        self.directory = Directory(settings, limits, reactor, DOMAIN, servers=self.servers)
        passwords = LdapBindChecker(settings, limits, reactor, servers=self.servers)
        self.portal = Portal(self.directory, passwords, [SERVICE_DN])
        self.addCleanup(self.directory.stop)
        self.addCleanup(passwords.stop)

    async def log_on(self) -> Identity:
        return await self.portal.authenticate(
            HOME_2003.name.encode(), Secret(HOME_2003.secret), SessionRecord("1", "imap4", "-")
        )

    async def test_log_on_by_the_domains_name_alone(self) -> None:
        """S-DIR-2, S-DIR-11: the catalog that DNS names under the domain serves; the foreign target is never asked."""
        identity = await self.log_on()
        assert identity.account is not None
        self.assertEqual(identity.account.account_name, HOME_2003.name)
        self.assertEqual([str(state.url) for state in self.servers.states() if state.requests], [f"ldap://{HOST}:3268"])

    async def test_topology_comes_from_a_controller(self) -> None:
        """S-DIR-2: the configuration partition is asked on 389: a catalog holds a part of it only."""
        reader = TopologyReader(self.settings, self.directory.searches, reactor, (), self.directory.learn)
        await reader.read()
        self.assertIn("chicago", {server.name.lower() for server in reader.current.servers})
        self.assertIn(f"ldap://{HOST}:389", [str(url) for url in self.servers.urls("configuration")])

    async def test_without_dns_nobody_is_told_a_wrong_password(self) -> None:
        """S-DIR-2: no answer of DNS is a temporary failure."""
        self.dns.records.clear()
        with self.assertRaises(Refused) as caught:
            await self.log_on()
        self.assertIs(caught.exception.reason, DIRECTORY_DOWN)
