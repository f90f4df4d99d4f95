"""What the objects of the configuration partition mean: one function per class, an entry in, a value out.

Each raises `Refused` or ValueError for an object that cannot be read. Source: the reference of Exchange's objects (CSS
server dump, *Get-VirtualDirectoriesLdap*, *Parsing ServerVersion: When an Int Is Really 5 Ints*, SDK03).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from itertools import pairwise

from exfront.directory import dn
from exfront.directory.entry import Entry
from exfront.site_links import SiteLink
from exfront.topology import (
    AuthenticationMethod,
    Database,
    DatabaseCopy,
    MailSettings,
    PublicStore,
    Role,
    Server,
    ServerVersion,
    Service,
    Site,
    Subnet,
    VirtualDirectory,
)

SERVER = ("networkAddress", "serialNumber", "versionNumber", "msExchCurrentServerRoles", "msExchServerRole",
          "msExchServerSite")  # fmt: skip
DATABASE = ("msExchOwningServer", "msExchMasterServerOrAvailabilityGroup", "msExchHomePublicMDB")
DATABASE_COPY = ("msExchHostServerLink", "msExchActivationPreference")
PUBLIC_STORE = ("msExchOwningServer",)
VIRTUAL_DIRECTORY = (
    "objectClass", "msExchInternalHostName", "msExchExternalHostName", "msExchInternalAuthenticationMethods",
    "msExchExternalAuthenticationMethods", "msExchAuthenticationFlags", "msExchDefaultDomain",
    "msExch2003Url",
)  # fmt: skip
MAIL_SETTINGS = ("objectClass", "msExchServerBindings", "msExchSecureBindings")
SITE = ("objectClass",)
SUBNET = ("siteObject",)
SITE_LINK = ("siteList", "cost", "msExchCost")
DOMAIN = ("nETBIOSName", "nCName", "dnsRoot", "systemFlags")
ACCEPTED_DOMAIN = ("msExchAcceptedDomainName",)

_TCP = "ncacn_ip_tcp:"
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.IGNORECASE)
_SERIAL = re.compile(r"Version (\d{1,3})\.(\d{1,3})(?: \(Build (\d{1,6})(?:\.\d+)?)?")
_ADDED_TO_BUILD = 30_000  # in serialNumber, from 2007 on
_FRONT_END_2003 = 1  # of msExchServerRole
_SPEAKS_HTTPS, _TWO_SITES = 8, 15  # major versions: 2007, and 2013 with its "Exchange Back End" at 444
_DEFAULT_COST = 100  # of a site link
_LAST = 2**31  # of an activation preference: after all that have one
_GROUPS = "Database Availability Groups"
_DOMAIN_CONTEXT = 0x2  # of systemFlags: the crossRef of a domain, not of the schema or a DNS partition

_ROLES: tuple[tuple[int, Role], ...] = (
    (2, "mailbox"), (4, "client_access"), (16, "unified_messaging"), (32, "hub_transport"), (64, "edge_transport"),
    (1, "front_end"),
)  # fmt: skip
# Bits of msExchInternalAuthenticationMethods and msExchExternalAuthenticationMethods (2007 on).
_METHODS: tuple[tuple[int, AuthenticationMethod], ...] = (
    (1, "basic"), (2, "ntlm"), (4, "forms"), (8, "digest"), (16, "integrated"), (256, "certificate"),
    (8192, "negotiate"),
)  # fmt: skip
# Bits of msExchAuthenticationFlags (2000, 2003): IIS' own.
_OLD_METHODS: tuple[tuple[int, AuthenticationMethod], ...] = ((1, "anonymous"), (2, "basic"), (4, "integrated"))
_OLD_DIRECTORY = "msexchprotocolcfghttpvirtualdirectory"
_KIND = re.compile(r"msexch(\w+)virtualdirectory", re.IGNORECASE)


def read_server(entry: Entry) -> Server:
    """A server; without a host name in networkAddress its short name stands for it. Ports are the standard ones
    of its version, as long as no other object tells of others."""
    name = _own_name(entry)
    site = entry.text("msExchServerSite")
    version = _version(entry)
    return Server(
        name=name,
        host=_host(entry) or _checked_host(name),
        imap4=_mail(version, 143, 1993),
        pop3=_mail(version, 110, 1995),
        http=_http(version),
        listed=False,
        site=dn.parse(site)[0].value if site else "",
        version=version,
        roles=_roles(entry),
        dn=entry.name(),
    )


def read_database(entry: Entry) -> Database:
    """A database; of 2010 and later the owner is the one that it was made on, or none in an availability group."""
    owner, group = entry.text("msExchOwningServer"), _availability_group(entry)
    if not owner and not group:
        raise ValueError("no msExchOwningServer")
    public = entry.text("msExchHomePublicMDB")
    return Database(
        dn.normalised(entry.name()),
        _own_name(entry),
        dn.parse(owner)[0].value if owner else "",
        dn.normalised(public) if public else "",
        group=group,
    )


def read_database_copy(entry: Entry) -> DatabaseCopy:
    """A copy of a database (2010 on): an object below it, called like its server."""
    server = entry.text("msExchHostServerLink")
    preference = entry.number("msExchActivationPreference")
    return DatabaseCopy(
        dn.parent(entry.name()),
        dn.parse(server)[0].value if server else _own_name(entry),
        preference if preference > 0 else _LAST,
    )


def read_public_store(entry: Entry) -> PublicStore:
    """A public folder store; of 2000 to 2007 the server stands in its name as well."""
    owner = entry.text("msExchOwningServer")
    server = dn.parse(owner)[0].value if owner else _server_above(entry)
    return PublicStore(dn.normalised(entry.name()), _own_name(entry), server)


def read_virtual_directory(entry: Entry) -> VirtualDirectory:
    """A virtual directory, of any version: of 2000 and 2003 the URLs are not in the directory."""
    name = _own_name(entry)
    kind = _kind(entry)
    old = _methods(entry, "msExchAuthenticationFlags", _OLD_METHODS)
    return VirtualDirectory(
        server=_server_above(entry),
        kind=kind,
        name=name,
        internal_url=entry.text("msExchInternalHostName"),
        external_url=entry.text("msExchExternalHostName"),
        legacy_url=entry.text("msExch2003Url"),
        internal_authentication=_methods(entry, "msExchInternalAuthenticationMethods", _METHODS) or old,
        external_authentication=_methods(entry, "msExchExternalAuthenticationMethods", _METHODS) or old,
        default_domain=entry.text("msExchDefaultDomain"),
        back_end="(exchange back end)" in name.lower(),
    )


def read_mail_settings(entry: Entry) -> MailSettings:
    """POP3 or IMAP4 of a server."""
    return MailSettings(
        server=_server_above(entry),
        protocol="pop3" if "protocolcfgpopserver" in _classes(entry) else "imap4",
        bindings=entry.texts("msExchServerBindings"),
        tls_bindings=entry.texts("msExchSecureBindings"),
    )


def read_site(entry: Entry) -> Site:
    """A site."""
    return Site(_own_name(entry))


def read_subnet(entry: Entry) -> Subnet:
    """A subnet, called by its prefix."""
    site = entry.text("siteObject")
    if not site:
        raise ValueError("no siteObject")
    return Subnet(ipaddress.ip_network(_own_name(entry)), dn.parse(site)[0].value)


def read_site_link(entry: Entry) -> SiteLink:
    """A site link; Exchange's own cost wins."""
    sites = frozenset(dn.parse(site)[0].value for site in entry.texts("siteList"))
    cost = entry.number("msExchCost") or entry.number("cost") or _DEFAULT_COST
    if cost < 0:
        raise ValueError("a cost below 0")
    return SiteLink(_own_name(entry), sites, cost)


def read_domain(entry: Entry) -> Mapping[str, str]:
    """The naming context of a domain by its NetBIOS and its DNS name; nothing for another partition's crossRef."""
    context = entry.text("nCName")
    flags = entry.number("systemFlags")
    if not context or not entry.text("nETBIOSName") or (flags and not flags & _DOMAIN_CONTEXT):
        return {}
    dn.parse(context)
    names = (entry.text("nETBIOSName"), *entry.texts("dnsRoot"))
    return {name.casefold(): context for name in names if name}


def read_accepted_domain(entry: Entry) -> str:
    """A domain whose mail Exchange takes."""
    return entry.text("msExchAcceptedDomainName") or _own_name(entry)


def read_name(entry: Entry) -> str:
    """The name of a container."""
    return _own_name(entry)


def version_of(number: int, serial: str) -> ServerVersion | None:
    """Of versionNumber (2007 on, five numbers in one) or serialNumber; None where neither says it."""
    if number >> 28 == 7:
        return ServerVersion((number >> 22) & 63, (number >> 16) & 63, number & 0x7FFF)
    found = _SERIAL.match(serial)
    if found is None:
        return None
    major, minor, build = (int(part or 0) for part in found.groups())
    return ServerVersion(major, minor, build % _ADDED_TO_BUILD if major >= 8 else build)


def _availability_group(entry: Entry) -> str:
    """The name of a database's group; empty where its master is a server."""
    master = entry.text("msExchMasterServerOrAvailabilityGroup")
    steps = dn.parse(master) if master else ()
    return steps[0].value if len(steps) > 1 and steps[1].is_called(_GROUPS) else ""


def _own_name(entry: Entry) -> str:
    return dn.parse(entry.name())[0].value


def _classes(entry: Entry) -> tuple[str, ...]:
    return tuple(name.lower() for name in entry.texts("objectClass"))


def _http(version: ServerVersion | None) -> Service:
    """S-ROUTE-9: 80 of a back end of 2000 and 2003, https of a Client Access server, 444 behind those of 2013 on."""
    if version is None or version.major < _SPEAKS_HTTPS:
        return Service(80)
    return Service(443 if version.major < _TWO_SITES else 444, "implicit")


def _mail(version: ServerVersion | None, port: int, behind: int) -> Service:
    """ProxyTargetPort of Set-PopSettings and Set-ImapSettings: where the services behind the front ends of 2013 are."""
    if version is None or version.major < _TWO_SITES:
        return Service(port)
    return Service(behind, "implicit")


def _version(entry: Entry) -> ServerVersion | None:
    return version_of(entry.number("versionNumber"), next(iter(entry.texts("serialNumber")), ""))


def _host(entry: Entry) -> str:
    for address in entry.texts("networkAddress"):
        if address[: len(_TCP)].lower() == _TCP:
            return _checked_host(address[len(_TCP) :])
    return ""


def _checked_host(host: str) -> str:
    """Raises ValueError for what is no host name: it would become a target (S-DIR-4)."""
    if _HOST.fullmatch(host.rstrip(".")) is None:
        raise ValueError("a host name that is none")
    return host.rstrip(".").lower()


def _roles(entry: Entry) -> frozenset[Role]:
    """2003 tells a front end by an attribute of its own; there each other server holds mailboxes."""
    bits = entry.number("msExchCurrentServerRoles")
    if bits:
        return frozenset(role for bit, role in _ROLES if bits & bit)
    front: Role = "front_end"
    mailbox: Role = "mailbox"
    return frozenset((front if entry.number("msExchServerRole") == _FRONT_END_2003 else mailbox,))


def _methods(
    entry: Entry, attribute: str, bits: tuple[tuple[int, AuthenticationMethod], ...]
) -> frozenset[AuthenticationMethod]:
    value = entry.number(attribute)
    return frozenset(method for bit, method in bits if value & bit)


def _kind(entry: Entry) -> str:
    """``OWA`` of msExchOWAVirtualDirectory; ``2003`` for all of 2000 and 2003."""
    if _OLD_DIRECTORY in _classes(entry):
        return "2003"
    for name in entry.texts("objectClass"):
        found = _KIND.fullmatch(name)
        if found is not None:
            return found[1]
    return ""


def _server_above(entry: Entry) -> str:
    """The server that an object belongs to: the step left of Servers."""
    steps = dn.parse(entry.name())
    for server, servers in pairwise(steps):
        if servers.is_called("Servers"):
            return server.value
    raise ValueError("not below a server")
