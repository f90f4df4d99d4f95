"""Real steps over a directory, passwords and a dialer in memory."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.task import Clock
from zope.interface import implementer

from exfront.auth.cas_peers import CasPeers
from exfront.auth.contexts import Contexts
from exfront.auth.forms import FormLogOns
from exfront.auth.portal import Portal
from exfront.backends.table import BackEndTable
from exfront.config.forms import FormsSection
from exfront.config.limits import LimitsSection
from exfront.config.proxy import ProxySection
from exfront.decision import SessionRecord
from exfront.facts import World
from exfront.interfaces import IRecordObserver
from exfront.names import ANY_NAME
from exfront.secret import Secret
from exfront.sessions import Session, SessionTable
from exfront.steps import Steps
from exfront.topology import Mailbox, Protocol, Server, Service, Topology
from exfront.web.access_tokens import AccessTokens
from exfront.web.cas_peer import CasPeer
from exfront.web.cas_proxy import CasProxy
from exfront.web.context import Cas
from exfront.web.devices import Devices
from exfront.web.passthrough import RouteCookies
from exfront.web.pool import Pool
from exfront.wire.sealed_cookie import new_key
from exfront.wire.sid import PackedSids, sid_octets
from tests.support.dialer import MemoryDialer
from tests.support.directory import MemoryDirectory, MemoryPasswords, mailbox


@implementer(IRecordObserver)
@define(eq=False)
class Records:
    """Keeps finished records in their order."""

    all: list[SessionRecord] = field(factory=list)

    def finished(self, record: SessionRecord) -> None:
        self.all.append(record)


def server(name: str, **more: object) -> Server:
    """A mailbox server ``name.fourthcoffee.com`` with the standard ports, without TLS."""
    values: dict[str, object] = {
        "name": name,
        "host": f"{name}.fourthcoffee.com",
        "imap4": Service(143),
        "pop3": Service(110),
        "http": Service(80),
    }
    return Server(**{**values, **more})  # type: ignore[arg-type]


@define(eq=False)
class SmallWorld:
    """The small world of the tests: alice on chicago, bob on dallas, carol without a mailbox; and its parts.

    Passwords are ``secret-`` and the name. `steps` is the real thing over the parts.
    """

    clock: Clock = field(factory=Clock)
    limits: LimitsSection = field(factory=LimitsSection)
    records: Records = field(factory=Records)
    dialer: MemoryDialer = field(factory=MemoryDialer)
    servers: tuple[Server, ...] = field(factory=lambda: (server("chicago"), server("dallas")))
    directory: MemoryDirectory = field(
        factory=lambda: MemoryDirectory(
            [mailbox("alice", "chicago"), mailbox("bob", "dallas"), mailbox("carol", "")],
        )
    )
    passwords: MemoryPasswords = field(
        factory=lambda: MemoryPasswords({name: b"secret-" + name.encode() for name in ("alice", "bob", "carol")})
    )
    proxy: ProxySection = field(factory=ProxySection)
    secret: Secret | None = None  # of [proxy]
    groups: list[str] = field(factory=lambda: ["S-1-5-21-1-2-3-513"])  # everybody's, SIDs in text
    cas: Cas = field(init=False)
    pool: Pool = field(init=False)
    cookies: RouteCookies = field(init=False)
    forms: FormLogOns = field(init=False)
    devices: Devices = field(init=False)
    back_ends: BackEndTable = field(init=False)
    sessions: SessionTable = field(init=False)
    steps: Steps = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.cookies = RouteCookies(ANY_NAME, new_key())
        self.devices = Devices(self.clock.seconds)
        self.pool = Pool(self.clock, self.limits)
        world = World(Topology(self.servers))
        self.sessions = SessionTable(self.limits, self.clock, (self.records,), wall_clock=lambda: 1_000_000.0)
        self.forms = FormLogOns(FormsSection(), lambda: 1_000_000.0 + self.clock.seconds())
        self.back_ends = BackEndTable(self.limits, self.clock.seconds, self.pool.reclaim)
        for each in self.servers:  # were asked a moment ago
            self.back_ends.ask_capabilities(each.name, "pop3")
        self.steps = Steps(
            self.sessions,
            Portal(self.directory, self.passwords),
            self.directory,
            self.dialer,
            self.back_ends,
            lambda: world,
            self.clock,
        )

        proxy = CasProxy(
            self.proxy,
            self.token_groups,
            self.dialer,
            self.pool,
            self.clock,
            lambda: 1_000_000.0,
            self.directory.netbios_domain,
            self.secret,
        )
        tokens = AccessTokens(self.proxy, self.token_groups, self.directory.netbios_domain, self.secret)
        self.cas = Cas(proxy, CasPeer(CasPeers(self.proxy, self.secret), Contexts(self.clock.seconds)), tokens)

    async def token_groups(self, account: Mailbox) -> PackedSids:
        """As the directory has them."""
        return PackedSids.pack(map(sid_octets, self.groups))

    def admit(self, protocol: Protocol, *, secure: bool = False) -> Session:
        """A session of a client at 192.0.2.7."""
        return self.steps.admit(protocol, f"{protocol}@0.0.0.0:0", "192.0.2.7", 5000, secure)
