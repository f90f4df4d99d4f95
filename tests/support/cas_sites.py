"""Sites with Exchange 2007, one per branch of *How Exchange Server 2007 CAS Proxying works for Outlook Web Access*, and
the 2003 back end of *CASProxy mit Exchange 2007*; as objects of the configuration partition, for slapd and Samba.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

DNS_DOMAIN = "fourthcoffee.com"
INTEGRATED, FORMS = "18", "5"  # Ntlm and WindowsIntegrated; Basic and Fba
BACK_END_2003 = "BACKEND"
BACK_END_2003_HOST = "backend.msxfaq.de"

Record = tuple[str, Mapping[str, Sequence[str]]]

_V2007 = {"versionNumber": ["1912766640"], "serialNumber": ["Version 8.2 (Build 30176.2)"]}
_V2003 = {"versionNumber": ["7638"], "serialNumber": ["Version 6.5 (Build 7638.2: Service Pack 2)"]}
_MAILBOX, _CLIENT_ACCESS = "2", "4"  # of msExchCurrentServerRoles


@frozen
class CasSite:
    """A site: its mailbox server, its Client Access servers, and what their /owa has; of phones and EWS the same."""

    name: str
    mailbox_server: str
    client_access: tuple[str, ...] = ()
    external_url: str = ""
    authentication: str = INTEGRATED


OWN = CasSite("Illinois", "AURORA", ("ELGIN", "JOLIET", "PEORIA"))
LINKED = CasSite("Texas", "AUSTIN", ("LAREDO",), external_url=f"https://texas.{DNS_DOMAIN}/owa")
PROXIED = CasSite("Iowa", "AMES", ("DUBUQUE",))
NOT_INTEGRATED = CasSite("Ohio", "AKRON", ("DAYTON",), authentication=FORMS)
EMPTY = CasSite("Utah", "OGDEN")
CAS_SITES = (OWN, LINKED, PROXIED, NOT_INTEGRATED, EMPTY)


def site_records(sites: str) -> Iterator[Record]:
    """The sites, below the DN `sites`."""
    for site in CAS_SITES:
        yield f"CN={site.name},{sites}", {"objectClass": ["site"]}


def server_records(group: str, sites: str) -> Iterator[Record]:
    """The servers with their directories and stores, below the administrative group `group`; parents come first."""
    for site in CAS_SITES:
        where = f"CN={site.name},{sites}"
        for name, roles in ((site.mailbox_server, _MAILBOX), *((cas, _CLIENT_ACCESS) for cas in site.client_access)):
            more = {**_V2007, "msExchCurrentServerRoles": [roles], "msExchServerSite": [where]}
            yield _server(name, group, f"{name.lower()}.{DNS_DOMAIN}", more)
        yield from _store(site.mailbox_server, group)
        for name in site.client_access:
            yield from directory_records(name, site, group)
    yield _server(BACK_END_2003, group, BACK_END_2003_HOST, _V2003)
    yield from _store(BACK_END_2003, group, public=True)


def store_dn(server: str, group: str) -> str:
    """Its mailbox store; the server's name is in it."""
    return f"CN=Mailbox Store ({server}),{_storage_group(server, group)}"


def _storage_group(server: str, group: str) -> str:
    return f"CN=First Storage Group,CN=InformationStore,{_server_dn(server, group)}"


def _server_dn(server: str, group: str) -> str:
    return f"CN={server},CN=Servers,{group}"


def _server(name: str, group: str, host: str, more: Mapping[str, Sequence[str]]) -> Record:
    return _server_dn(name, group), {
        "objectClass": ["msExchExchangeServer"],
        "networkAddress": [f"netbios:{name}", f"ncacn_ip_tcp:{host}"],
        **more,
    }


def _store(server: str, group: str, *, public: bool = False) -> Iterator[Record]:
    owner = {"msExchOwningServer": [_server_dn(server, group)]}
    storage = _storage_group(server, group)
    for dn in (storage.partition(",")[2], storage):
        yield dn, {"objectClass": ["container"]}
    home_public = {}
    if public:
        store = f"CN=Public Folder Store ({server}),{storage}"
        yield store, {"objectClass": ["msExchPublicMDB"], **owner}
        home_public = {"msExchHomePublicMDB": [store]}
    yield store_dn(server, group), {"objectClass": ["msExchPrivateMDB"], **owner, **home_public}


# Each one's class, and its path behind the server's URL.
_APPLICATIONS = (
    ("owa", "msExchOWAVirtualDirectory", "/owa"),
    ("Microsoft-Server-ActiveSync", "msExchMobileVirtualDirectory", "/Microsoft-Server-ActiveSync"),
    ("EWS", "msExchWebServicesVirtualDirectory", "/EWS/Exchange.asmx"),
)


def directory_records(server: str, site: CasSite, group: str) -> Iterator[Record]:
    """What a Client Access server of `site` publishes, below its object in `group`."""
    protocols = f"CN=Protocols,{_server_dn(server, group)}"
    for dn in (protocols, f"CN=HTTP,{protocols}"):
        yield dn, {"objectClass": ["container"]}
    for name, kind, path in _APPLICATIONS:
        external = [f"{site.external_url.removesuffix('/owa')}{path}"] if site.external_url else []
        yield (
            f"CN={name} (Default Web Site),CN=HTTP,{protocols}",
            {
                "objectClass": [kind],
                "msExchInternalHostName": [f"https://{server.lower()}.{DNS_DOMAIN}{path}"],
                "msExchInternalAuthenticationMethods": [site.authentication],
                **({"msExchExternalHostName": external} if external else {}),
            },
        )
