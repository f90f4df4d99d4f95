"""Servers by DNS: a real DNS server on loopback, Twisted's own."""

from __future__ import annotations

from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from exfront.config.directory import DirectorySection
from exfront.config.kinds import HostPort
from exfront.config.limits import LimitsSection
from exfront.directory.discovery import Target, in_order, name_servers, names
from exfront.directory.root_dse import RootDse
from exfront.directory.servers import Servers
from exfront.reasons import DIRECTORY_DOWN, Refused
from tests.support.dns import SrvServer
from tests.support.held_time import HeldTime

DOMAIN = "fourthcoffee.com"
GC = f"_gc._tcp.{DOMAIN}"
SITE_GC = f"_gc._tcp.Chicago._sites.{DOMAIN}"
DC = f"_ldap._tcp.dc._msdcs.{DOMAIN}"


class DiscoveryTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.time: Any = HeldTime()
        self.dns = SrvServer(
            {
                GC: [(0, 1, f"gc2.{DOMAIN}", 3268), (0, 0, f"gc1.{DOMAIN}", 3268)],
                SITE_GC: [(0, 1, f"gc1.{DOMAIN}", 3268)],
                DC: [(10, 1, f"dc2.{DOMAIN}", 389), (0, 1, f"DC1.{DOMAIN}.", 389)],
            }
        )
        self.addCleanup(self.dns.stop)

    def servers(self, **settings: Any) -> Servers:
        section = DirectorySection(
            base="dc=fourthcoffee,dc=com", discover=DOMAIN, dns_servers=(self.dns.address,), **settings
        )
        return Servers(section, LimitsSection(), self.time, random=lambda: 0.5)

    async def urls(self, servers: Servers) -> list[str]:
        await servers.ready()
        return [str(url) for url in servers.urls()]

    async def test_catalogs_for_users_and_controllers_for_the_configuration(self) -> None:
        """S-DIR-2: SRV priority counts; users are looked up in global catalogs."""
        servers = self.servers()
        self.assertEqual(await self.urls(servers), [f"ldap://gc2.{DOMAIN}:3268", f"ldap://gc1.{DOMAIN}:3268"])
        controllers = [str(url) for url in servers.urls("configuration")]
        self.assertEqual(controllers, [f"ldap://dc1.{DOMAIN}:389", f"ldap://dc2.{DOMAIN}:389"])

    async def test_own_site_first(self) -> None:
        """S-DIR-2: the servers of the own site come before all others."""
        urls = await self.urls(self.servers(site="Chicago"))
        self.assertEqual(urls, [f"ldap://gc1.{DOMAIN}:3268", f"ldap://gc2.{DOMAIN}:3268"])
        self.assertEqual(self.dns.asked[0], SITE_GC)

    async def test_a_site_that_is_learnt_later_counts_when_dns_is_asked_again(self) -> None:
        """S-DIR-2: our site by subnet, else that of the server we like best."""
        servers = self.servers()
        await servers.ready()
        self.assertEqual((servers.site, self.dns.asked), ("", [GC, DC]))
        servers.health(servers.urls()[0]).root = RootDse(site="Chicago")
        self.assertEqual(servers.site, "Chicago")
        servers.subnet_site = "Dallas"
        self.assertEqual(servers.site, "Dallas")
        self.time.clock.advance(61)
        await servers.ready()
        for _ in range(100):
            await deferLater(reactor, 0.01)
            if len(self.dns.asked) == 6:
                break
        self.assertEqual(self.dns.asked[2:], [f"_gc._tcp.Dallas._sites.{DOMAIN}", GC,
                                              f"_ldap._tcp.Dallas._sites.dc._msdcs.{DOMAIN}", DC])  # fmt: skip

    def test_a_site_that_is_no_name_is_not_asked_for(self) -> None:
        self.assertEqual(names(DirectorySection(discover=DOMAIN), "a b\xfc"), ((GC,), (DC,)))

    async def test_over_tls_from_the_first_octet(self) -> None:
        servers = self.servers(starttls=False)
        self.assertEqual((await self.urls(servers))[0], f"ldaps://gc2.{DOMAIN}:3269")
        self.assertEqual(str(servers.urls("configuration")[0]), f"ldaps://dc1.{DOMAIN}:636")

    async def test_foreign_targets_are_ignored(self) -> None:
        """S-DIR-11: a target outside of the configured domains is not used."""
        self.dns.records[GC] += [(0, 9, "dc.evil.example", 3268), (0, 9, f"x{DOMAIN}", 3268), (0, 9, "127.0.0.1", 3268)]
        urls = await self.urls(self.servers())
        self.assertEqual(sorted(urls), [f"ldap://gc1.{DOMAIN}:3268", f"ldap://gc2.{DOMAIN}:3268"])

    async def test_asked_again_when_the_answer_is_old(self) -> None:
        """S-DIR-2: by TTL; the old answer serves until the new one is there."""
        servers = self.servers()
        before = await self.urls(servers)
        asked = len(self.dns.asked)
        self.time.clock.advance(59)
        await self.urls(servers)
        self.assertEqual(len(self.dns.asked), asked)
        self.dns.records[GC] = [(0, 0, f"gc3.{DOMAIN}", 3268)]
        self.time.clock.advance(2)
        self.assertEqual(await self.urls(servers), before)
        for _ in range(100):
            await deferLater(reactor, 0.01)
            if servers.urls()[0].host == f"gc3.{DOMAIN}":
                break
        self.assertEqual([url.host for url in servers.urls()], [f"gc3.{DOMAIN}"])

    async def test_nothing_found_is_a_temporary_failure(self) -> None:
        self.dns.records.clear()
        running = Deferred.fromCoroutine(self.servers().open())
        self.assertIs((await self.assertFailure(running, Refused)).reason, DIRECTORY_DOWN)

    async def test_listed_servers_serve_while_dns_names_none(self) -> None:
        self.dns.records.clear()
        servers = self.servers()
        url = (await self.listed(servers))[0]
        self.assertEqual(url, "ldap://192.0.2.1:389")

    async def listed(self, servers: Servers) -> list[str]:
        """With a server in the list too."""
        from exfront.config.kinds import LdapUrl

        servers.settings = evolve(servers.settings, servers=(LdapUrl("ldap", "192.0.2.1", 389),))
        return await self.urls(servers)

    async def test_old_answer_serves_while_dns_is_silent(self) -> None:
        servers = self.servers()
        before = await self.urls(servers)
        self.dns.records.clear()
        self.time.clock.advance(61)
        await self.urls(servers)
        await deferLater(reactor, 0.1)
        self.assertEqual(await self.urls(servers), before)


class OrderTests(SynchronousTestCase):
    def test_weights_are_shares(self) -> None:
        """S-DIR-2: of equal priority a weight of 3 comes first three times as often as one of 1 (RFC 2782)."""
        targets = [Target(0, 3, "a", 1, 0), Target(0, 1, "b", 1, 0), Target(1, 9, "c", 1, 0)]
        numbers = (number / 400 for number in count(1))
        firsts = Counter()  # type: Counter[str]
        for _ in range(100):
            order = [target.host for target in in_order(targets, lambda: next(numbers) % 1)]
            firsts[order[0]] += 1
            self.assertEqual(order[2], "c")
        self.assertEqual(set(firsts), {"a", "b"})

    def test_system_name_servers(self) -> None:
        file = Path(self.mktemp())
        settings = DirectorySection()
        self.assertEqual(name_servers(settings, file), [("127.0.0.1", 53)])
        file.write_text("# x\nsearch a\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n")
        self.assertEqual(name_servers(settings, file), [("192.0.2.53", 53), ("2001:db8::53", 53)])
        own = evolve(settings, dns_servers=(HostPort("192.0.2.1", 5353),))
        self.assertEqual(name_servers(own, file), [("192.0.2.1", 5353)])
