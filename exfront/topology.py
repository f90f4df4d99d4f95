"""Values that say what stands where: servers, their services, mailboxes. Nothing here knows where they came from."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from attrs import evolve, field, frozen

from exfront.secret import Secret
from exfront.site_links import SiteLink, cheapest_paths

Tls = Literal["none", "starttls", "implicit"]
LoginAs = Literal["typed", "account", "upn", "address"]
Protocol = Literal["imap4", "pop3", "http"]

# The generation of Exchange whose front end is in this place: one door to all, or as one of them does it.
FrontEnd = Literal["any", "2003", "2007", "2010", "2013"]

# How a back end of HTTP learns who asks.
Scheme = Literal["negotiate", "ntlm", "basic"]

# How a back end of mail learns who its client is: by ID (IMAP4) and XCLIENT (POP3), or by a PROXY header.
ClientForwarding = Literal["commands", "proxy_v1", "proxy_v2"]


@frozen
class Master:
    """Who may log on as anybody at a server: as `user` in the user's place, or as ``user<separator>master``.

    An empty `separator` stands for SASL's authorization identity.
    """

    user: str
    secret: Secret
    separator: str = ""


@frozen
class Service:
    """One protocol of a server: the port, and how TLS is spoken there."""

    port: int
    tls: Tls = "none"


@frozen(order=True)
class ServerVersion:
    """Of Exchange: 6.0 is 2000, 6.5 is 2003, 8 is 2007, 14 is 2010, 15.0 is 2013. Versions compare as they follow."""

    major: int
    minor: int = 0
    build: int = 0

    @property
    def name(self) -> str:
        """What people call it; empty for a version that has no name here."""
        return _VERSIONS.get((self.major, self.minor), "") or _VERSIONS.get((self.major, -1), "")

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.build}"


# Of a minor version, or of all (-1).
_VERSIONS: Mapping[tuple[int, int], str] = {
    (5, 5): "5.5", (6, 0): "2000", (6, 5): "2003", (8, -1): "2007", (14, -1): "2010", (15, 0): "2013",
    (15, 1): "2016", (15, 2): "2019",
}  # fmt: skip

_FRONT_END_ROLE = 15  # the major version that brought it

Role = Literal["front_end", "mailbox", "client_access", "unified_messaging", "hub_transport", "edge_transport"]


@frozen
class Server:
    """A mailbox server that exfront may relay to.

    `host` is the name that is resolved and that its certificate must bear; `address`, where given, is an IP address
    to connect to instead of resolving. `listed` servers stand in the configuration; the others come from the
    directory and must pass the allow list (S-DIR-4). `ca_file` is a PEM file, empty for the configured default;
    `tls_pins` are SHA-256 digests of its certificate or public key, in place of authority and name (S-ROUTE-8).
    `site`, `version`, `roles` and `dn` are the directory's, empty where it says nothing. `next_hop` are the schemes
    that may be used there, the best first; empty for those of its version. `forward_client` and `master` are for IMAP4
    and POP3: what the server is told of the client, and who logs on there in its users' place.
    """

    name: str
    host: str
    address: str = ""
    imap4: Service | None = None
    pop3: Service | None = None
    http: Service | None = None
    login_as: LoginAs = "typed"
    ca_file: str = ""
    tls_pins: tuple[bytes, ...] = ()
    listed: bool = True
    site: str = ""
    version: ServerVersion | None = None
    roles: frozenset[Role] = frozenset()
    dn: str = ""
    next_hop: tuple[Scheme, ...] = ()
    forward_client: ClientForwarding | None = None
    master: Master | None = field(default=None, eq=False)

    def service(self, protocol: Protocol) -> Service | None:
        """The service that speaks `protocol`; None where the server has none."""
        services: dict[Protocol, Service | None] = {"imap4": self.imap4, "pop3": self.pop3, "http": self.http}
        return services[protocol]


@frozen
class Database:
    """A mailbox database: `dn` as `exfront.directory.dn.normalised` writes it, `server` the owner's name.

    `public_store` is the DN of the public folder store of its users, in the same form, empty where there is none.
    `copies` are the servers that hold a copy (2010 on), in activation order, `group` is its database availability
    group; where nobody owns it, `server` is empty.
    """

    dn: str
    name: str
    server: str
    public_store: str = ""
    copies: tuple[str, ...] = ()
    group: str = ""


@frozen
class DatabaseCopy:
    """One server's copy of a database, whose `dn` is as in `Database`; the lowest `preference` is activated first."""

    dn: str
    server: str
    preference: int


@frozen
class PublicStore:
    """A public folder store; `dn` and `server` as of a `Database`."""

    dn: str
    name: str
    server: str


# What an authentication bit of a virtual directory allows.
AuthenticationMethod = Literal[
    "anonymous", "basic", "ntlm", "forms", "digest", "integrated", "certificate", "negotiate"
]


@frozen
class VirtualDirectory:
    """A published path of a server. `kind` is its class' word: ``OWA``, ``Mobile``, ``WebServices``, ``2003`` ...

    URLs are as the directory holds them, empty where it has none: nothing is connected to without the allow list.
    `legacy_url` is where 2010 sends users of 2003 (Exchange2003Url).
    `back_end` marks the second, inner one that 2013 keeps beside each ("Exchange Back End"): never a proxy's target.
    """

    server: str
    kind: str
    name: str
    internal_url: str = ""
    external_url: str = ""
    internal_authentication: frozenset[AuthenticationMethod] = frozenset()
    external_authentication: frozenset[AuthenticationMethod] = frozenset()
    default_domain: str = ""
    back_end: bool = False
    legacy_url: str = ""


@frozen
class MailSettings:
    """POP3 or IMAP4 of a server: where it listens, each as ``address:port``; `tls_bindings` with TLS at once."""

    server: str
    protocol: Literal["imap4", "pop3"]
    bindings: tuple[str, ...] = ()
    tls_bindings: tuple[str, ...] = ()


@frozen
class Site:
    """A site of Active Directory."""

    name: str


@frozen
class Subnet:
    """The site of the addresses in `network`."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network
    site: str


@frozen
class Topology:
    """All that is known of the servers. `find` takes a short name, a host name, or ``host:port``.

    `domains` are naming contexts by NetBIOS and DNS name, `accepted_domains` those whose mail Exchange takes.
    `with_public_stores` are the servers of `public_stores`, in the order of their names.
    """

    servers: tuple[Server, ...] = ()
    databases: tuple[Database, ...] = ()
    public_stores: tuple[PublicStore, ...] = ()
    virtual_directories: tuple[VirtualDirectory, ...] = ()
    mail_settings: tuple[MailSettings, ...] = ()
    sites: tuple[Site, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    site_links: tuple[SiteLink, ...] = ()
    organisation: str = ""
    domains: Mapping[str, str] = field(factory=dict)
    accepted_domains: frozenset[str] = frozenset()
    _by_name: Mapping[str, Server] = field(init=False, eq=False, repr=False)
    _twice: frozenset[str] = field(init=False, eq=False, repr=False)
    _databases: Mapping[str, Database] = field(init=False, eq=False, repr=False)
    _public: Mapping[str, str] = field(init=False, eq=False, repr=False)
    with_public_stores: tuple[Server, ...] = field(init=False, eq=False, repr=False)
    _client_access: Mapping[tuple[str, int], tuple[Server, ...]] = field(init=False, eq=False, repr=False)
    _directories: Mapping[tuple[str, str], VirtualDirectory] = field(init=False, eq=False, repr=False)
    _nearest: dict[str, tuple[str, ...]] = field(init=False, eq=False, repr=False, factory=dict)

    @_by_name.default
    def _index_servers(self) -> Mapping[str, Server]:
        """A name wins over a host, and a server over those after it."""
        found: dict[str, Server] = {}
        for server in self.servers:
            found.setdefault(server.name.rstrip(".").lower(), server)
        for server in self.servers:
            host = server.host.rstrip(".").lower()
            for name in (host, *(f"{host}:{one.port}" for one in (server.imap4, server.pop3, server.http) if one)):
                found.setdefault(name, server)
        return found

    @_databases.default
    def _index_databases(self) -> Mapping[str, Database]:
        return {database.dn: database for database in self.databases}

    @_public.default
    def _index_public_stores(self) -> Mapping[str, str]:
        """The server of the public store of each database that has one which is known."""
        owners = {store.dn: store.server for store in self.public_stores}
        return {each.dn: owners[each.public_store] for each in self.databases if each.public_store in owners}

    @with_public_stores.default
    def _index_public_servers(self) -> tuple[Server, ...]:
        """By name; a store whose server nobody knows is none."""
        names = sorted({store.server.lower() for store in self.public_stores})
        found = (self._by_name.get(name) for name in names)
        return tuple(server for server in found if server is not None and not self.is_twice(server))

    @_client_access.default
    def _index_client_access(self) -> Mapping[tuple[str, int], tuple[Server, ...]]:
        """From 2013 on each mailbox server has the old role's bit: what faces clients has one of its own."""
        found: dict[tuple[str, int], tuple[Server, ...]] = {}
        for server in self.servers:
            if server.version is None or not server.site or self.is_twice(server):
                continue
            role: Role = "client_access" if server.version.major < _FRONT_END_ROLE else "front_end"
            if role in server.roles:
                key = (server.site.lower(), server.version.major)
                found[key] = (*found.get(key, ()), server)
        return found

    @_directories.default
    def _index_directories(self) -> Mapping[tuple[str, str], VirtualDirectory]:
        """The first of each kind that a server has; the inner ones of 2013 are none."""
        found: dict[tuple[str, str], VirtualDirectory] = {}
        for each in self.virtual_directories:
            if not each.back_end:
                found.setdefault((each.server.lower(), each.kind.lower()), each)
        return found

    @_twice.default
    def _find_twice(self) -> frozenset[str]:
        """Names are unique in a group of servers, not in the organisation."""
        names = Counter(server.name.rstrip(".").lower() for server in self.servers if not server.listed)
        return frozenset(name for name, count in names.items() if count > 1)

    def is_twice(self, server: Server) -> bool:
        """Whether the directory has another one of the same name, and the configuration none."""
        return bool(self._twice) and not server.listed and server.name.rstrip(".").lower() in self._twice

    def nearest_first(self, site: str) -> tuple[str, ...]:
        """The sites that links reach from `site`, itself before all, by what the way costs and by name."""
        if site not in self._nearest:
            costs = self.distances(site)
            self._nearest[site] = tuple(sorted(costs, key=lambda name: (costs[name], name)))
        return self._nearest[site]

    def client_access(self, site: str, major: int) -> tuple[Server, ...]:
        """The Client Access servers of a site that are of the Exchange version `major` (8 is 2007)."""
        return self._client_access.get((site.lower(), major), ())

    def virtual_directory(self, server: str, kind: str) -> VirtualDirectory | None:
        """The virtual directory of a server that is of that kind (``OWA``)."""
        return self._directories.get((server.lower(), kind.lower()))

    def public_server(self, database: str) -> str:
        """The name of the server with the public store of a database's users (its DN normalised), or empty."""
        return self._public.get(database, "")

    def find(self, name: str) -> Server | None:
        """The server called `name`, or whose host is `name`; names compare without case.

        ``host:port`` is the server of that host which has a service on that port.
        """
        return self._by_name.get(name.rstrip(".").lower())

    def database(self, dn: str) -> Database | None:
        """The database with this DN, as in `Database`."""
        return self._databases.get(dn)

    def owner(self, database: str) -> str:
        """The name of the server that owns a database (its DN normalised, as in `Database`), or empty.

        Where the directory names no owner, it is the first that has a copy.
        """
        found = self._databases.get(database)
        if found is None:
            return ""
        return found.server or next(iter(found.copies), "")

    def merge(self, configured: Iterable[Server]) -> Topology:
        """With the servers of the configuration, each in place of the one that the directory calls the same.

        What only the directory knows of such a server (site, version, roles) is kept; of two with its name nothing.
        """
        known: dict[str, list[Server]] = {}
        for server in self.servers:
            known.setdefault(server.name.lower(), []).append(server)
        listed = []
        for server in configured:
            same = known.pop(server.name.lower(), [])
            if len(same) == 1:
                (found,) = same
                server = evolve(server, site=found.site, version=found.version, roles=found.roles, dn=found.dn)
            listed.append(server)
        return evolve(self, servers=(*listed, *(server for same in known.values() for server in same)))

    def site_of(self, address: str) -> str:
        """The site of an IP address by the longest prefix, empty where no subnet holds it."""
        wanted = ipaddress.ip_address(address)
        holding = [subnet for subnet in self.subnets if wanted in subnet.network]
        return max(holding, key=lambda subnet: subnet.network.prefixlen).site if holding else ""

    def distances(self, site: str) -> Mapping[str, int]:
        """What the cheapest path from `site` to each reachable site costs."""
        return cheapest_paths(self.site_links, site)


@frozen
class Mailbox:
    """What the directory says of one account and its mailbox.

    `account_id` is the stable key of the account (objectGUID or entryUUID in hexadecimal); caches, limits and logs key
    on it, never on a name as typed (S-AUTH-4). `home_server` is a server's name, empty for an account without a
    mailbox; `database` the DN of its database, as in `Database`, where the directory has databases. `addresses` are
    SMTP addresses, the primary one first. `switched_off` are protocols that the user may not use, in the directory's
    words and lower case (``imap4``, ``pop3``, ``http``, ``owa``, ``activesync``). `expires` and `locked_since` are
    seconds since the epoch, 0 for never: a lock may be over, which only a bind tells.
    `bad_password_count` and `password_set` are badPwdCount and pwdLastSet, None where they are not known (S-AUTH-7,
    S-AUTH-8).
    `stale` values are older than they may be: no directory server answers (S-DIR-5).
    """

    dn: str
    account_id: str
    account_name: str
    upn: str = ""
    alias: str = ""
    addresses: tuple[str, ...] = ()
    home_server: str = ""
    database: str = ""
    disabled: bool = False
    switched_off: frozenset[str] = frozenset()
    sid: str = ""
    expires: float = 0.0
    locked_since: float = 0.0
    bad_password_count: int | None = None
    password_set: int | None = None
    stale: bool = False

    @property
    def shown(self) -> str:
        """What logs call it."""
        return self.addresses[0] if self.addresses else self.account_name
