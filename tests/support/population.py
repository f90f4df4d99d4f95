"""Who is in the test directory: accounts with mailboxes spread over servers, and the awkward ones, as LDIF."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Mapping, Sequence

from attrs import Factory, field, frozen

from tests.support import cas_sites, generations

BASE = "dc=fourthcoffee,dc=com"
DOMAIN = "FOURTHCOFFEE"
DNS_DOMAIN = "fourthcoffee.com"
CHILD_BASE = f"dc=west,{BASE}"  # a child domain: account names are unique in one domain only
CHILD_DOMAIN = "WEST"
SERVICE_DN = f"cn=exfront,cn=Users,{BASE}"
SERVICE_PASSWORD = "service-password"
SERVERS = ("chicago", "dallas")

ORGANISATION = f"cn=Fourth Coffee,cn=Microsoft Exchange,cn=Services,cn=Configuration,{BASE}"
GROUP = f"cn=First Administrative Group,cn=Administrative Groups,{ORGANISATION}"
_LEGACY = "/o=Fourth Coffee/ou=First Administrative Group"
_ENABLED, _DISABLED = "512", "514"

Attributes = Mapping[str, Sequence[str | bytes]]


@frozen
class Person:
    """One account. `server` is its home server, empty without a mailbox; `home` says how the entry tells it.

    `home` is the DN of its database, or ``store`` (a DN with the server in it, 2000 to 2007), ``database`` (a DN to
    look up, 2010), ``server_name`` (msExchHomeServerName alone), ``host`` (mailHost alone).
    """

    name: str  # sAMAccountName
    password: bytes
    server: str = ""
    home: str = "store"
    cn: str = field(default=Factory(lambda self: self.name, takes_self=True))
    parent: str = f"ou=Staff,{BASE}"
    upn: str = field(default=Factory(lambda self: f"{self.name}@{DNS_DOMAIN}", takes_self=True))
    alias: str = field(default=Factory(lambda self: self.name, takes_self=True))
    more_addresses: tuple[str, ...] = ()
    control: str = _ENABLED

    @property
    def dn(self) -> str:
        """As RFC 4514 writes it."""
        return f"cn={_escape(self.cn)},{self.parent}"

    @property
    def address(self) -> str:
        """The primary SMTP address."""
        return f"{self.alias}@{DNS_DOMAIN}"

    @property
    def guid(self) -> bytes:
        """objectGUID: the same in every run."""
        return uuid.uuid5(uuid.NAMESPACE_DNS, self.dn).bytes

    @property
    def mailbox_guid(self) -> uuid.UUID:
        """What Outlook calls the mailbox since Exchange 2013."""
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"mailbox of {self.dn}")

    def attributes(self) -> Attributes:
        """Its entry."""
        mail: Attributes = {}
        if self.server:
            secondary = [f"smtp:{self.alias}.old@{DNS_DOMAIN}", f"X400:c=US;a= ;p=Fourth Coffee;s={self.alias};"]
            mail = {
                "mail": [self.address],
                "mailNickname": [self.alias],
                # the primary one not first: its upper-case type makes it the primary one
                "proxyAddresses": [*secondary, f"SMTP:{self.address}", *self.more_addresses],
                "msExchMailboxGuid": [self.mailbox_guid.bytes_le],
                "altSecurityIdentities": [f"X509:<I>CN=exfront test authority<S>CN={self.alias}"],
                "legacyExchangeDN": [f"{_LEGACY}/cn=Recipients/cn={self.alias}"],
                **home_attributes(self.home, self.server),
            }
        return {
            "objectClass": ["top", "person", "organizationalPerson", "user"],
            "cn": [self.cn],
            "sn": [self.cn],
            "sAMAccountName": [self.name],
            "userPrincipalName": [self.upn],
            "userAccountControl": [self.control],
            "objectGUID": [self.guid],
            "objectSid": [b"\x01\x05\0\0\0\0\0\x05\x15\0\0\0" + self.guid],
            "userPassword": [self.password],
            **mail,
        }


@frozen
class PlainPerson:
    """An account of a directory that is no Active Directory: inetOrgPerson with mailHost."""

    uid: str
    password: bytes
    server: str = ""

    @property
    def dn(self) -> str:
        return f"uid={_escape(self.uid)},ou=People,{BASE}"

    def attributes(self) -> Attributes:
        """Its entry; entryUUID is slapd's own."""
        host = {"mailHost": [self.server]} if self.server else {}
        return {
            "objectClass": ["top", "person", "organizationalPerson", "inetOrgPerson", "inetLocalMailRecipient"],
            "uid": [self.uid],
            "cn": [self.uid],
            "sn": [self.uid],
            "mail": [f"{self.uid}@plain.{DNS_DOMAIN}"],
            "userPassword": [self.password],
            **host,
        }


DISABLED = Person("disabled", b"disabled-password", "chicago", control=_DISABLED)
NO_MAILBOX = Person("nomailbox", b"nomailbox-password")
_TWINS_ADDRESS = f"smtp:twins@{DNS_DOMAIN}"
TWINS = tuple(
    Person(name, b"twin-password", "chicago", more_addresses=(_TWINS_ADDRESS,)) for name in ("twin1", "twin2")
)
ODD_NAME = Person("odd", b"odd-password", "dallas", cn='Berg, Bob "BB" (Sales) * \\ + <a;b> #1 =', home="database")
ODD_ACCOUNT = Person("s*t(a)r", b"star-password", "chicago", alias="star", upn=f"star@{DNS_DOMAIN}")
EIGHT_BIT = Person("jürgen", "pässwörd €".encode(), "dallas", cn="Jürgen Größe", alias="juergen")
LATIN_PASSWORD = Person("latin", "pässwörd".encode("latin-1"), "chicago")
ODD_PASSWORD = Person("quotes", b"a\"b\\c'd {x} %s (*)", "dallas")
SPACES = Person("spaces", b"  two  spaces  ", "chicago")
PARTNER = Person("partner", b"partner-password", "dallas", upn="other.name@partner.example")
MAIL_HOST = Person("mailhost", b"mailhost-password", "dallas", home="host")
SAME_PARENT = Person("same", b"same-password-1", "chicago", alias="same.one", upn=f"same.one@{DNS_DOMAIN}")
SAME_CHILD = Person(
    "same",
    b"same-password-2",
    "dallas",
    parent=f"cn=Users,{CHILD_BASE}",
    alias="same.two",
    upn=f"same.two@{DNS_DOMAIN}",
)
SPECIAL = (
    DISABLED, NO_MAILBOX, *TWINS, ODD_NAME, ODD_ACCOUNT, EIGHT_BIT, LATIN_PASSWORD, ODD_PASSWORD, SPACES, PARTNER,
    MAIL_HOST, SAME_PARENT, SAME_CHILD,
)  # fmt: skip
PLAIN = (PlainPerson("paula", b"paula-password", "chicago"), PlainPerson("pit", b"pit-password"))

_HOMES = ("store", "database", "server_name", "store")


@frozen
class Population:
    """`users` are user1, user2, …, each on the next of `servers`; the awkward and the plain ones are in every one."""

    servers: tuple[str, ...]
    users: tuple[Person, ...]
    more: tuple[tuple[str, Attributes], ...] = ()  # of the configuration partition

    def people(self) -> tuple[Person, ...]:
        """All accounts of Active Directory's shape."""
        return (*self.users, *SPECIAL)

    def ldif(self) -> bytes:
        """The whole directory, parents before children."""
        return b"".join(record(dn, attributes) for dn, attributes in self.entries())

    def entries(self) -> Iterator[tuple[str, Attributes]]:
        """DN and attributes of each entry."""
        yield BASE, {"objectClass": ["top", "domain"], "dc": [BASE.partition(",")[0][3:]]}
        yield CHILD_BASE, {"objectClass": ["top", "domain"], "dc": ["west"]}
        for name in ("Staff", "People"):
            yield f"ou={name},{BASE}", {"objectClass": ["top", "organizationalUnit"], "ou": [name]}
        for base in (BASE, CHILD_BASE):
            yield f"cn=Users,{base}", {"objectClass": ["top", "container"], "cn": ["Users"]}
        service = Person("exfront", SERVICE_PASSWORD.encode(), parent=f"cn=Users,{BASE}")
        yield SERVICE_DN, service.attributes()
        yield from _configuration(self.servers)
        yield from self.more
        for person in (*self.people(), *PLAIN):
            yield person.dn, person.attributes()


def population(users: int = 20, servers: Sequence[str] = SERVERS) -> Population:
    """`users` ordinary accounts: user7 has the password ``password-7`` and lives on server 7 of the round."""
    people = [
        Person(f"user{number}", f"password-{number}".encode(), servers[number % len(servers)], _HOMES[number // 2 % 4])
        for number in range(1, users + 1)
    ]
    return Population(tuple(servers), tuple(people))


def with_cas_sites() -> Population:
    """A user on the mailbox server of each site with Exchange 2007, called by the site, and one on the 2003 server."""
    sites = f"cn=Sites,cn=Configuration,{BASE}"
    homes = {site.name.lower(): site.mailbox_server for site in cas_sites.CAS_SITES}
    homes[cas_sites.BACK_END_2003.lower()] = cas_sites.BACK_END_2003
    users = tuple(Person(name, f"{name}-password".encode(), server) for name, server in homes.items())
    records = (*cas_sites.site_records(sites), *cas_sites.server_records(GROUP, sites))
    more = (_named(sites, "container"), *(_for_slapd(dn, values) for dn, values in records))
    return Population((), users, more)


def with_generations() -> Population:
    """The same, with a 2010 site and 2013 servers beside it, and a user of each: ``on2010``, ``on2013``."""
    small = with_cas_sites()
    sites = f"cn=Sites,cn=Configuration,{BASE}"
    users = (Person(f"on{name}", f"on{name}-password".encode(), name, home)
             for name, home in generations.homes(GROUP).items())  # fmt: skip
    transports = f"CN=Inter-Site Transports,{sites}"
    more = (*(_named(dn, "container") for dn in (transports, f"CN=IP,{transports}")),
            *(_for_slapd(dn, values) for dn, values in generations.organisation_records(GROUP, sites)))  # fmt: skip
    return Population((), (*small.users, *users), (*small.more, *more))


def _for_slapd(dn: str, values: Attributes) -> tuple[str, Attributes]:
    """slapd, other than Active Directory, knows no superior classes of an entry that does not name them."""
    kind = str(values["objectClass"][0])
    classes = ["top", *(["msExchVirtualDirectory"] if kind.endswith("VirtualDirectory") else []), kind]
    return dn, {**values, "objectClass": classes, "cn": [dn.partition(",")[0].partition("=")[2]]}


def home_attributes(home: str, server: str) -> Attributes:
    if "=" in home:
        return {"homeMDB": [home]}
    store = f"CN=Mailbox Store ({server}),CN=First Storage Group,CN=InformationStore,CN={server},CN=Servers,{GROUP}"
    name = f"{_LEGACY}/cn=Configuration/cn=Servers/cn={server}"
    return {
        "store": {"homeMDB": [store], "msExchHomeServerName": [name]},
        "database": {"homeMDB": [f"CN=Database {server},CN=Databases,{GROUP}"]},
        "server_name": {"msExchHomeServerName": [name]},
        "host": {"mailHost": [server]},
    }[home]


def _configuration(servers: Sequence[str]) -> Iterator[tuple[str, Attributes]]:
    """The configuration partition, as far as home servers need it; here below the base, in AD beside it."""
    parts = GROUP.removesuffix(f",{BASE}").split(",")
    classes = (
        "configuration", "container", "msExchConfigurationContainer", "msExchOrganizationContainer",
        "msExchAdminGroupContainer", "msExchAdminGroup",
    )  # fmt: skip
    for depth, name in enumerate(classes, 1):
        yield _named(",".join([*parts[-depth:], BASE]), name)
    yield _named(f"cn=Servers,{GROUP}", "msExchServersContainer")
    yield _named(f"cn=Databases,{GROUP}", "container")
    for server in servers:
        yield from _server(server)


def _server(server: str) -> Iterator[tuple[str, Attributes]]:
    dn = f"cn={server},cn=Servers,{GROUP}"
    host = f"{server}.{DNS_DOMAIN}"
    more = {"networkAddress": [f"ncacn_ip_tcp:{host}", f"netbios:{server}"], "versionNumber": ["7226"]}
    yield _named(dn, "msExchExchangeServer", more)
    yield _named(f"cn=InformationStore,{dn}", "msExchInformationStore")
    group = f"cn=First Storage Group,cn=InformationStore,{dn}"
    yield _named(group, "msExchStorageGroup")
    owner = {"msExchOwningServer": [dn]}
    yield _named(f"cn=Mailbox Store ({server}),{group}", "msExchPrivateMDB", owner)
    yield _named(f"cn=Database {server},cn=Databases,{GROUP}", "msExchPrivateMDB", owner)


def _named(dn: str, object_class: str, more: Attributes | None = None) -> tuple[str, Attributes]:
    return dn, {"objectClass": [object_class], "cn": [dn.partition(",")[0].partition("=")[2]], **(more or {})}


def record(dn: str, attributes: Attributes) -> bytes:
    """An entry of an LDIF."""
    lines = [_line("dn", dn)]
    lines += [_line(name, value) for name, values in attributes.items() for value in values]
    return b"".join(lines) + b"\n"


def _line(name: str, value: str | bytes) -> bytes:
    octets = value.encode() if isinstance(value, str) else value
    return name.encode() + b":: " + base64.b64encode(octets) + b"\n"


def _escape(value: str) -> str:
    """RFC 4514 section 2.4."""
    text = "".join(f"\\{character}" if character in ',+"\\<>;=' else character for character in value)
    return f"\\{text}" if text[:1] in (" ", "#") else text
