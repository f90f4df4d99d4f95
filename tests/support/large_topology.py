"""An Exchange organisation as large as they come, for slapd: servers, databases, sites and virtual directories."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from tests.support.population import BASE, DNS_DOMAIN, GROUP, Attributes, population, record

_SITES = f"cn=Sites,cn=Configuration,{BASE}"
_KINDS = ("OWA", "Mobile", "WebServices", "OAB")
_VERSION = "1937866970"  # 2010 SP1
_ROLES = "54"  # mailbox, client access, unified messaging, hub transport


@frozen
class LargeTopology:
    """Each server has its share of the databases, and one virtual directory of each of four kinds."""

    servers: int = 500
    databases: int = 2000
    sites: int = 200

    def ldif(self) -> bytes:
        """The directory of a small company, and this beside it."""
        return population(0, ()).ldif() + b"".join(record(dn, attributes) for dn, attributes in self._entries())

    def _entries(self) -> Iterator[tuple[str, Attributes]]:
        yield from self._site_entries()
        for number in range(self.servers):
            yield from self._server(number)
        for number in range(self.databases):
            owner = {"msExchOwningServer": [_server_dn(number % self.servers)]}
            yield _entry(f"cn=Database {number:04},cn=Databases,{GROUP}", "msExchPrivateMDB", owner)

    def _site_entries(self) -> Iterator[tuple[str, Attributes]]:
        yield _entry(_SITES, "container")
        for name in ("Subnets", "IP"):
            yield _entry(f"cn={name},{_SITES}", "container")
        for number in range(self.sites):
            yield _entry(f"cn=Site {number:03},{_SITES}", "site")
            subnet = {"siteObject": [f"cn=Site {number:03},{_SITES}"]}
            yield _entry(f"cn=10.{number}.0.0/16,cn=Subnets,{_SITES}", "subnet", subnet)
            ends = [f"cn=Site {one % self.sites:03},{_SITES}" for one in (number, number + 1)]
            yield _entry(f"cn=Link {number:03},cn=IP,{_SITES}", "siteLink", {"siteList": ends, "cost": ["10"]})

    def _server(self, number: int) -> Iterator[tuple[str, Attributes]]:
        dn, host = _server_dn(number), f"{_name(number)}.{DNS_DOMAIN}"
        addresses = [f"{kind}:{_name(number)}" for kind in ("ncacn_vns_spp", "netbios", "ncacn_np", "ncalrpc")]
        values: Attributes = {
            "networkAddress": [*addresses, f"ncacn_ip_tcp:{host}"],
            "serialNumber": ["Version 14.1 (Build 30218.15)"],
            "versionNumber": [_VERSION],
            "msExchCurrentServerRoles": [_ROLES],
            "msExchServerSite": [f"cn=Site {number % self.sites:03},{_SITES}"],
        }
        yield _entry(dn, "msExchExchangeServer", values)
        for name in (f"cn=Protocols,{dn}", f"cn=HTTP,cn=Protocols,{dn}"):
            yield _entry(name, "container")
        for kind in _KINDS:
            urls = {
                "msExchInternalHostName": [f"https://{host}/{kind}"],
                "msExchExternalHostName": [f"https://mail.{DNS_DOMAIN}/{kind}"],
                "msExchInternalAuthenticationMethods": ["5"],
            }
            yield _entry(
                f"cn={kind} (Default Web Site),cn=HTTP,cn=Protocols,{dn}", f"msExch{kind}VirtualDirectory", urls
            )


def _name(number: int) -> str:
    return f"server{number:03}"


def _server_dn(number: int) -> str:
    return f"cn={_name(number)},cn=Servers,{GROUP}"


def _entry(dn: str, object_class: str, more: Attributes | None = None) -> tuple[str, Attributes]:
    """slapd, other than Active Directory, knows no superior classes of an entry that does not name them."""
    classes = ["top", *(["msExchVirtualDirectory"] if "VirtualDirectory" in object_class else []), object_class]
    return dn, {"objectClass": classes, "cn": [dn.partition(",")[0].partition("=")[2]], **(more or {})}
