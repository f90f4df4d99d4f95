"""The wiring of all that a decision needs, whoever asks for one: the service, exfrontctl, a test. No logic."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import time
from typing import Any

from attrs import frozen

from exfront.auth.cas_peers import CasPeers
from exfront.auth.contexts import Contexts
from exfront.auth.credential_cache import CredentialCache
from exfront.auth.forms import FormLogOns
from exfront.auth.guard import Guard
from exfront.auth.guarded import GuardedPasswords
from exfront.auth.ldap_bind import LdapBindChecker
from exfront.auth.portal import Portal
from exfront.backends.allowed import AllowList
from exfront.backends.dial import Dialer
from exfront.backends.table import BackEndTable
from exfront.config.settings import Settings
from exfront.directory.lookup import Directory
from exfront.directory.mail_bindings import STANDARD_PORTS
from exfront.directory.own_site import site_of_addresses
from exfront.directory.servers import Servers
from exfront.directory.token_groups import TokenGroups
from exfront.directory.topology_reader import TopologyReader
from exfront.facts import Policy, World
from exfront.interfaces import IRecordObserver
from exfront.net.deadlines import Deadlines
from exfront.net.descriptors import DescriptorWatch
from exfront.net.lean.transports import LeanTransports
from exfront.net.transports import Transports, TwistedTransports
from exfront.operate.pressure import MemoryWatch
from exfront.secret import Secret
from exfront.sessions import SessionTable
from exfront.steps import Steps
from exfront.topology import Topology
from exfront.web.access_tokens import AccessTokens
from exfront.web.cas_peer import CasPeer
from exfront.web.cas_proxy import CasProxy
from exfront.web.context import Cas
from exfront.web.devices import Devices
from exfront.web.passthrough import RouteCookies
from exfront.web.pool import Pool
from exfront.wire.sealed_cookie import new_key


@frozen
class Core:
    """All that a decision needs."""

    servers: Servers
    directory: Directory
    passwords: LdapBindChecker
    guard: Guard
    sessions: SessionTable
    steps: Steps
    topology: TopologyReader
    transports: Transports
    deadlines: Deadlines
    pool: Pool
    cookies: RouteCookies
    devices: Devices
    forms: FormLogOns
    cas: Cas
    descriptors: DescriptorWatch

    async def stop(self) -> None:
        """Close what a look-up or a log-on opened, where no service does it."""
        self.pool.stop()
        await self.topology.stop()
        await self.directory.stop()
        await self.passwords.stop()
        self.deadlines.stop()


def core(settings: Settings, reactor: Any, observers: tuple[IRecordObserver, ...] = ()) -> Core:
    """Directory, authentication, back ends, session table and the five steps over them."""
    servers = Servers(settings.directory, settings.limits, reactor)
    directory = Directory(
        settings.directory, settings.limits, reactor, settings.authentication.default_domain, servers=servers
    )
    passwords = LdapBindChecker(settings.directory, settings.limits, reactor, servers)
    sessions = _sessions(settings, reactor, observers)
    deadlines = Deadlines(reactor)
    transports: Transports = LeanTransports(reactor, deadlines) if settings.process.lean else TwistedTransports(reactor)
    back_ends = BackEndTable(settings.limits, reactor.seconds)
    dialer = _dialer(settings, transports, back_ends, reactor, deadlines)
    topology = _topology(settings, directory, servers, reactor)
    guard = Guard(settings.authentication, reactor.seconds)
    portal = _portal(settings, directory, passwords, guard, reactor)
    world = _world(topology, _policy(settings), back_ends, servers)
    steps = Steps(sessions, portal, directory, dialer, back_ends, world, reactor, topology.known)
    pool = Pool(reactor, settings.limits)
    back_ends.reclaim, pool.kept = pool.reclaim, back_ends.kept
    cookies = RouteCookies(directory.rules, new_key())
    devices = Devices(reactor.seconds)
    forms = FormLogOns(settings.forms, sessions.wall_clock)
    return Core(
        servers,
        directory,
        passwords,
        guard,
        sessions,
        steps,
        topology,
        transports,
        deadlines,
        pool,
        cookies,
        devices,
        forms,
        _cas(settings, directory, dialer, pool, reactor),
        DescriptorWatch(reactor),
    )


def _sessions(settings: Settings, reactor: Any, observers: tuple[IRecordObserver, ...]) -> SessionTable:
    """The session table; it lets nobody in while the process has more memory than it may."""
    proxies = settings.proxy.peer_networks
    proxies += tuple(network for listener in settings.listener for network in listener.speaks_for_many)
    sessions = SessionTable(settings.limits, reactor, observers, many_from=proxies)
    sessions.crowded = MemoryWatch(settings.limits, reactor.seconds).over
    return sessions


def _topology(settings: Settings, directory: Directory, servers: Servers, reactor: Any) -> TopologyReader:
    """What the directory knows of servers, with those of the configuration."""
    listed = tuple(server.as_server() for server in settings.server)
    learn = _learner(directory, servers, tuple(listener.address.host for listener in settings.listener))
    ports = STANDARD_PORTS.union(settings.back_ends.ports)
    return TopologyReader(settings.directory, directory.searches, reactor, listed, learn, ports)


def _portal(settings: Settings, directory: Directory, passwords: LdapBindChecker, guard: Guard, reactor: Any) -> Portal:
    """Who somebody is; exfront's own account in the directory is nobody's."""
    denied = [dn for dn in (settings.directory.bind_dn, *settings.authentication.deny_users) if dn]
    guarded = GuardedPasswords(passwords, guard, CredentialCache(settings.authentication, reactor.seconds))
    return Portal(directory, passwords, denied, guarded, directory.rules)


def _dialer(
    settings: Settings, transports: Transports, back_ends: BackEndTable, reactor: Any, deadlines: Deadlines
) -> Dialer:
    """How back ends are connected to; never exfront itself."""
    allowed = AllowList(settings.back_ends.networks, tuple(listener.address for listener in settings.listener))
    ca_file, shown = str(settings.back_ends.ca_file or ""), settings.proxy.certificate
    return Dialer(transports, reactor, settings.limits, allowed, back_ends, ca_file, shown, deadlines)


def _cas(settings: Settings, directory: Directory, dialer: Dialer, pool: Pool, reactor: Any) -> Cas:
    """As a Client Access server: before others, behind others, and before mailbox servers of 2013."""
    file = settings.proxy.secret_file
    secret = None if file is None else secret_of(file)
    groups = TokenGroups(partial(directory.read, purpose="configuration"), reactor.seconds)
    proxy = CasProxy(settings.proxy, groups.of, dialer, pool, reactor, time, directory.netbios_domain, secret)
    tokens = AccessTokens(settings.proxy, groups.of, directory.netbios_domain, secret)
    return Cas(proxy, CasPeer(CasPeers(settings.proxy, secret), Contexts(reactor.seconds)), tokens)


def secret_of(file: Path) -> Secret:
    """What a file of the configuration holds, without the end of its line. Raises OSError."""
    return Secret(file.read_bytes().rstrip(b"\r\n"))


def _policy(settings: Settings) -> Policy:
    """What the configuration says to routing."""
    sites = settings.virtual_site
    names = (name for site in sites for name in (site.public_name.partition(":")[0], *site.host_names))
    return Policy(
        suffixes=settings.back_ends.suffixes or (),
        public_suffixes=settings.http.public_suffixes or (),
        own_names=frozenset(name.rstrip(".").lower() for name in names),
        cross_site=settings.http.cross_site,
        activesync_cross_site=settings.http.activesync_cross_site,
        block_legacy=settings.http.block_legacy_mailboxes,
        proves=settings.proxy.proves,
        front_end=settings.exchange.front_end,
        active_servers={name.lower(): server for name, server in settings.exchange.active_servers.items()},
    )


def _world(topology: TopologyReader, policy: Policy, back_ends: BackEndTable, servers: Servers) -> Callable[[], World]:
    """What is known of the servers now: the same object as long as nothing of it but their health has changed.

    Our own site is looked at with each reading of the topology, for without one no server has a site.
    """
    known = World(topology.merged, policy, back_ends.health, servers.site, back_ends.copies.find)

    def world() -> World:
        nonlocal known
        if known.topology is not topology.merged:
            known = World(topology.merged, policy, back_ends.health, servers.site, back_ends.copies.find)
        return known

    return world


def _learner(directory: Directory, servers: Servers, addresses: tuple[str, ...]) -> Callable[[Topology], None]:
    """Who wants to know each new topology; `addresses` are those that are listened on."""

    def learn(topology: Topology) -> None:
        directory.learn(topology)
        servers.subnet_site = site_of_addresses(addresses, topology)

    return learn
