"""What stands in the Samba test domain: Exchange's schema as far as it is read, an organisation, and its people."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from tests.support import cas_sites

BASE = "DC=fourthcoffee,DC=com"
DOMAIN = "FOURTHCOFFEE"
REALM = "FOURTHCOFFEE.COM"
DNS_DOMAIN = "fourthcoffee.com"
CONFIGURATION = f"CN=Configuration,{BASE}"
SERVICE_DN = f"CN=exfront,CN=Users,{BASE}"
ADMIN_PASSWORD = "Admin-pass.1"
SERVICE_PASSWORD = "Service-pass.1"
LOCKOUT_THRESHOLD = 5

ORGANISATION = f"CN=Fourth Coffee,CN=Microsoft Exchange,CN=Services,{CONFIGURATION}"
OLD_GROUP = f"CN=First Administrative Group,CN=Administrative Groups,{ORGANISATION}"
NEW_GROUP = f"CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups,{ORGANISATION}"
SITES = f"CN=Sites,{CONFIGURATION}"

Value = str | dict[str, str]
Values = Mapping[str, Sequence[Value]]
Record = tuple[str, Values]


@frozen
class Account:
    """One user. `home` is the DN of its database; `control` and `more` make the state."""

    name: str
    password: str = ""
    home: str = ""
    cn: str = ""
    upn: str = ""
    control: str = "512"
    addresses: tuple[str, ...] = ()
    more: Mapping[str, Sequence[Value]] = {}

    @property
    def dn(self) -> str:
        common_name = (self.cn or self.name).replace("\\", "\\\\").replace(",", "\\,").replace('"', '\\"')
        return f"CN={common_name},OU=Staff,{BASE}"

    @property
    def secret(self) -> bytes:
        """The password in the octets of a simple bind."""
        return (self.password or f"Secret-of.{self.name}1").encode()

    @property
    def principal(self) -> str:
        """userPrincipalName."""
        return self.upn or f"{self.name}@{DNS_DOMAIN}"

    def values(self) -> Values:
        """Its entry."""
        mail: dict[str, Sequence[Value]] = {}
        if self.home:
            mail = {
                "mail": [f"{self.name}@{DNS_DOMAIN}"],
                "mailNickname": [self.name],
                "proxyAddresses": [f"smtp:{self.name}.old@{DNS_DOMAIN}", f"SMTP:{self.name}@{DNS_DOMAIN}",
                                   *(f"smtp:{address}" for address in self.addresses)],
                "homeMDB": [self.home],
            }  # fmt: skip
        return {
            "objectClass": ["user"],
            "sAMAccountName": [self.name],
            "userPrincipalName": [self.principal],
            "userAccountControl": [self.control],
            "unicodePwd": [_octets(f'"{self.secret.decode()}"'.encode("utf-16-le"))],
            **mail,
            **self.more,
        }


def _octets(value: bytes) -> Value:
    return {"base64": base64.b64encode(value).decode()}


def store_dn(server: str) -> str:
    """A mailbox store of 2003 or 2007: the server's name is in it."""
    group = OLD_GROUP if server == "CHICAGO" else NEW_GROUP
    return f"CN=Mailbox Store ({server}),CN=First Storage Group,CN=InformationStore,CN={server},CN=Servers,{group}"


def store_dn_in(server: str) -> str:
    """The mailbox store of a server of cas_sites."""
    return cas_sites.store_dn(server, NEW_GROUP)


def database_dn(number: int) -> str:
    """A mailbox database of 2010 or later."""
    return f"CN=Mailbox Database {number},CN=Databases,{NEW_GROUP}"


HOME_2003 = Account("anna", home=store_dn("CHICAGO"))
HOME_2007 = Account("bob", home=store_dn("DALLAS"))
HOME_2010 = Account("carl", home=database_dn(1))
HOME_2013 = Account("dora", home=database_dn(2))
DISABLED = Account("disabled", home=database_dn(1), control="514")
EXPIRED = Account("expired", home=database_dn(1), more={"accountExpires": ["131000000000000000"]})  # in 2016
MUST_CHANGE = Account("mustchange", home=database_dn(1), more={"pwdLastSet": ["0"]})
LOCKABLE = Account("lockable", home=database_dn(1))
EXPIRING, CHANGING, LOCKING = (Account(name, home=database_dn(1)) for name in ("expiring", "changing", "locking"))
BY_FORM, GUESSED_BY_FORM = (Account(name, home=database_dn(1)) for name in ("byform", "guessedbyform"))
ODD = Account("odd", home=database_dn(2), cn='Größe, Jürgen "JG" (Sales)', password="Pässwörd-€.1")
PARTNER = Account("partner", home=database_dn(1), upn="other.name@partner.example")
NO_MAILBOX = Account("nomailbox")
TWINS = tuple(Account(name, home=database_dn(1), addresses=(f"twins@{DNS_DOMAIN}",)) for name in ("twin1", "twin2"))
WITHOUT_POP3 = Account("nopop", home=database_dn(1), more={"protocolSettings": ["POP3§0§§§§§§§§", "IMAP4§1"]})
MANY_ADDRESSES = Account("many", home=database_dn(2),
                         addresses=tuple(f"many{n}@{DNS_DOMAIN}" for n in range(5000)))  # fmt: skip
GONE = Account("gone", home=database_dn(9))  # its database is deleted
# One on the mailbox server of each site of cas_sites, and one on its 2003 back end.
OWN_SITE, LINKED_SITE, PROXIED_SITE, NOT_INTEGRATED_SITE, EMPTY_SITE = (
    Account(f"user.{site.name.lower()}", home=cas_sites.store_dn(site.mailbox_server, NEW_GROUP))
    for site in cas_sites.CAS_SITES
)
ON_BACK_END = Account("user.backend", home=cas_sites.store_dn(cas_sites.BACK_END_2003, NEW_GROUP))
PEOPLE = (
    HOME_2003, HOME_2007, HOME_2010, HOME_2013, DISABLED, EXPIRED, MUST_CHANGE, LOCKABLE, EXPIRING,
    CHANGING, LOCKING, BY_FORM, GUESSED_BY_FORM, ODD, PARTNER, NO_MAILBOX, *TWINS, WITHOUT_POP3, MANY_ADDRESSES, GONE,
    OWN_SITE, LINKED_SITE, PROXIED_SITE, NOT_INTEGRATED_SITE, EMPTY_SITE, ON_BACK_END,
)  # fmt: skip
_SERVICE = Account("exfront", SERVICE_PASSWORD)


def _attribute(name: str, syntax: str = "text", many: bool = False, catalog: bool = True) -> dict[str, Any]:
    return {"name": name, "syntax": syntax, "many": many, "catalog": catalog}


_USER = ("homeMDB", "mailNickname", "msExchHomeServerName", "protocolSettings", "msExchRecipientTypeDetails",
         "msExchMailboxGuid", "msExchOmaAdminWirelessEnable")  # fmt: skip
_SERVER = ("msExchCurrentServerRoles", "msExchServerRole", "msExchServerSite", "networkAddress", "serialNumber",
           "versionNumber")  # fmt: skip
_DATABASE = ("msExchOwningServer", "msExchMasterServerOrAvailabilityGroup", "msExchHomePublicMDB")
_DIRECTORY = ("msExchInternalHostName", "msExchExternalHostName", "msExchInternalAuthenticationMethods",
              "msExchExternalAuthenticationMethods", "msExchAuthenticationFlags", "msExchDefaultDomain")  # fmt: skip
_MAIL = ("msExchServerBindings", "msExchSecureBindings")

_ATTRIBUTES = [
    _attribute("homeMDB", "dn"), _attribute("mailNickname"), _attribute("msExchHomeServerName"),
    _attribute("protocolSettings", many=True), _attribute("msExchRecipientTypeDetails", "long"),
    _attribute("msExchMailboxGuid", "octets"), _attribute("msExchOmaAdminWirelessEnable", "number"),
    _attribute("msExchCurrentServerRoles", "number"), _attribute("msExchServerRole", "number", catalog=False),
    _attribute("msExchServerSite", "dn"), _attribute("msExchOwningServer", "dn"),
    _attribute("msExchMasterServerOrAvailabilityGroup", "dn"), _attribute("msExchHomePublicMDB", "dn"),
    _attribute("msExchInternalHostName"), _attribute("msExchExternalHostName"),
    _attribute("msExchInternalAuthenticationMethods", "number"),
    _attribute("msExchExternalAuthenticationMethods", "number"), _attribute("msExchAuthenticationFlags", "number"),
    _attribute("msExchDefaultDomain"), _attribute("msExchServerBindings", many=True),
    _attribute("msExchSecureBindings", many=True), _attribute("msExchCost", "number"),
    _attribute("msExchHostServerLink", "dn"), _attribute("msExchActivationPreference", "number"),
]  # fmt: skip


def _class(name: str, attributes: Sequence[str], parent: str = "container", generation: int = 1) -> dict[str, Any]:
    return {"name": name, "attributes": list(attributes), "parent": parent, "below": ["container"],
            "generation": generation}  # fmt: skip


_CLASSES = [
    _class("msExchOrganizationContainer", ["legacyExchangeDN"]),
    _class("msExchExchangeServer", _SERVER),
    _class("msExchPrivateMDB", _DATABASE),
    _class("msExchPublicMDB", ["msExchOwningServer"]),
    _class("msExchMDBAvailabilityGroup", []),
    _class("msExchMDBCopy", ["msExchHostServerLink", "msExchActivationPreference"]),
    _class("msExchVirtualDirectory", _DIRECTORY),
    _class("msExchProtocolCfgHTTPVirtualDirectory", _DIRECTORY),
    _class("protocolCfgPOPServer", _MAIL),
    _class("protocolCfgIMAPServer", _MAIL),
    _class("msExchOWAVirtualDirectory", [], "msExchVirtualDirectory", 2),
    _class("msExchMobileVirtualDirectory", [], "msExchVirtualDirectory", 2),
    _class("msExchWebServicesVirtualDirectory", [], "msExchVirtualDirectory", 2),
]


def _server(name: str, group: str, version: str, serial: str, more: Values) -> Record:
    host = f"{name.lower()}.{DNS_DOMAIN}"
    return f"CN={name},CN=Servers,{group}", {
        "objectClass": ["msExchExchangeServer"],
        "networkAddress": [f"netbios:{name}", f"ncacn_ip_tcp:{host}", f"ncacn_np:{name}"],
        **({"versionNumber": [version]} if version else {}),
        "serialNumber": [serial],
        **more,
    }


def _container(dn: str, object_class: str = "container") -> Record:
    return dn, {"objectClass": [object_class]}


def _protocols(server: str) -> list[Record]:
    return [_container(f"CN=Protocols,{server}"),
            *(_container(f"CN={name},CN=Protocols,{server}") for name in ("HTTP", "POP3", "IMAP4"))]  # fmt: skip


def _site(name: str) -> Record:
    return f"CN={name},{SITES}", {"objectClass": ["site"]}


def _organisation() -> list[list[Record]]:
    """Parents before children; each list is a transaction."""
    exchange = ORGANISATION.partition(",")[2]
    old, new = f"CN=Servers,{OLD_GROUP}", f"CN=Servers,{NEW_GROUP}"
    groups = f"CN=Administrative Groups,{ORGANISATION}"
    chicago, boston, houston = f"CN=CHICAGO,{old}", f"CN=BOSTON,{new}", f"CN=HOUSTON,{new}"
    east, west = f"CN=East,{SITES}", f"CN=West,{SITES}"
    link = f"CN=IP,CN=Inter-Site Transports,{SITES}"
    default = f"CN=Default-First-Site-Name,{SITES}"
    return [
        [
            _site("East"), _site("West"), *cas_sites.site_records(SITES),
            (f"CN=10.1.0.0/16,CN=Subnets,{SITES}", {"objectClass": ["subnet"], "siteObject": [east]}),
            (f"CN=10.2.0.0/16,CN=Subnets,{SITES}", {"objectClass": ["subnet"], "siteObject": [west]}),
            (f"CN=default-east,{link}", {"objectClass": ["siteLink"], "siteList": [default, east], "cost": ["50"]}),
            (f"CN=east-west,{link}",
             {"objectClass": ["siteLink"], "siteList": [east, west], "cost": ["30"], "msExchCost": ["20"]}),
            _container(exchange), _container(ORGANISATION, "msExchOrganizationContainer"), _container(groups),
            _container(OLD_GROUP), _container(NEW_GROUP), _container(old), _container(new),
            _container(f"CN=Databases,{NEW_GROUP}"),
            _server("CHICAGO", OLD_GROUP, "7638", "Version 6.5 (Build 7638.2: Service Pack 2)", {}),
            _server("GATE", OLD_GROUP, "7638", "Version 6.5 (Build 7638.2: Service Pack 2)",
                    {"msExchServerRole": ["1"]}),
            _server("DALLAS", NEW_GROUP, "1912766640", "Version 8.2 (Build 30176.2)",
                    {"msExchCurrentServerRoles": ["54"], "msExchServerSite": [east]}),
            _server("BOSTON", NEW_GROUP, "1937866970", "Version 14.1 (Build 30218.15)",
                    {"msExchCurrentServerRoles": ["54"], "msExchServerSite": [east]}),
            _server("HOUSTON", NEW_GROUP, "", "Version 15.0 (Build 30516.32)",
                    {"msExchCurrentServerRoles": ["16439"], "msExchServerSite": [west]}),
        ],
        [
            *(record for server, dn in (("CHICAGO", chicago), ("DALLAS", f"CN=DALLAS,{new}"))
              for record in (_container(f"CN=InformationStore,{dn}"),
                             _container(f"CN=First Storage Group,CN=InformationStore,{dn}"),
                             (store_dn(server), {"objectClass": ["msExchPrivateMDB"], "msExchOwningServer": [dn]}))),
            *((database_dn(number), {"objectClass": ["msExchPrivateMDB"], "msExchOwningServer": [server]})
              for number, server in ((1, boston), (2, houston), (9, boston))),
            *cas_sites.server_records(NEW_GROUP, SITES),
            *_protocols(chicago), *_protocols(f"CN=DALLAS,{new}"), *_protocols(boston), *_protocols(houston),
            _container(f"CN=1,CN=HTTP,CN=Protocols,{chicago}"),
            (f"CN=Exchange,CN=1,CN=HTTP,CN=Protocols,{chicago}",
             {"objectClass": ["msExchProtocolCfgHTTPVirtualDirectory"], "msExchAuthenticationFlags": ["6"],
              "msExchDefaultDomain": [DOMAIN]}),
            *(_virtual_directory(server, name, kind) for server in (boston, houston)
              for name, kind in (("owa (Default Web Site)", "OWA"), ("EWS (Default Web Site)", "WebServices"),
                                 ("Microsoft-Server-ActiveSync (Default Web Site)", "Mobile"))),
            _virtual_directory(houston, "owa (Exchange Back End)", "OWA"),
            _virtual_directory(f"CN=DALLAS,{new}", "owa (Default Web Site)", "OWA", external=False),
            *((f"CN=1,CN={name},CN=Protocols,{boston}",
               {"objectClass": [f"protocolCfg{kind}Server"], "msExchServerBindings": [f"0.0.0.0:{clear}"],
                "msExchSecureBindings": [f"0.0.0.0:{secure}"]})
              for name, kind, clear, secure in (("POP3", "POP", 110, 995), ("IMAP4", "IMAP", 143, 993))),
        ],
    ]  # fmt: skip


def _virtual_directory(server: str, name: str, kind: str, *, external: bool = True) -> Record:
    host = server.partition(",")[0][3:].lower()
    path = name.partition(" ")[0]
    return f"CN={name},CN=HTTP,CN=Protocols,{server}", {
        "objectClass": [f"msExch{kind}VirtualDirectory"],
        "msExchInternalHostName": [f"https://{host}.{DNS_DOMAIN}/{path}"],
        **({"msExchExternalHostName": [f"https://mail.{DNS_DOMAIN}/{path}"]} if external else {}),
        "msExchInternalAuthenticationMethods": ["18"],
        "msExchExternalAuthenticationMethods": ["5"],
    }


def _people() -> list[Record]:
    service = _SERVICE.values()
    return [
        (f"OU=Staff,{BASE}", {"objectClass": ["organizationalUnit"]}),
        (SERVICE_DN, service),
        *((person.dn, person.values()) for person in PEOPLE),
    ]


def data(more: Sequence[Record] = ()) -> dict[str, Any]:
    """All of it and `more`, as samba_build.py takes it."""
    lockout = f"dn: {BASE}\nchangetype: modify\nreplace: lockoutThreshold\nlockoutThreshold: {LOCKOUT_THRESHOLD}\n"
    return {
        "attributes": _ATTRIBUTES,
        "classes": _CLASSES,
        "extended_classes": {"User": list(_USER), "Site-Link": ["msExchCost"]},
        "to_catalog": ["Proxy-Addresses"],
        "entries": [*_organisation(), _people(), list(more)],
        "modifications": [lockout],
        "deleted": [database_dn(9)],
    }
