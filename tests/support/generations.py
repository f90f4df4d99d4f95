"""Beside the sites of `cas_sites`, what a company has in the middle of its moves: a 2010 site, a pair of 2013 servers
in the own site, and so many users of each generation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from tests.support import cas_sites
from tests.support.cas_sites import BACK_END_2003, OWN, PROXIED, CasSite, directory_records
from tests.support.samba_data import DNS_DOMAIN, NEW_GROUP, SITES, Account, Record, database_dn, store_dn_in

USERS = 50  # of each group
SITE_2010, MAILBOX_2010, CAS_2010 = "Vermont", "BARRE", "STOWE"
PAIR_2013 = ("RENO", "ELKO")
CAS_2007 = OWN.client_access[0]
(PROXIED_CAS,) = PROXIED.client_access
_DATABASE_2010, _FIRST_2013 = 10, 13  # numbers of databases; the pair has two


@frozen
class Group:
    """Users of one generation in one place, and where HTTP, IMAP4 and POP3 land: names of servers."""

    name: str
    homes: tuple[str, ...]  # DNs of databases: the users are dealt out over them
    servers: tuple[str, ...]  # by database

    @property
    def people(self) -> tuple[Account, ...]:
        """In the order of their numbers."""
        return tuple(
            Account(f"{self.name}.n{number}", home=self.homes[number % len(self.homes)]) for number in range(USERS)
        )

    def server(self, number: int) -> str:
        """Whose the user of that number is."""
        return self.servers[number % len(self.servers)]


GROUPS = (
    Group("e2003", (store_dn_in(BACK_END_2003),), (BACK_END_2003,)),
    Group("e2007", (store_dn_in(OWN.mailbox_server),), (CAS_2007,)),
    Group("far2007", (store_dn_in(PROXIED.mailbox_server),), (PROXIED_CAS,)),
    Group("e2010", (database_dn(_DATABASE_2010),), (CAS_2010,)),
    Group("e2013", (database_dn(_FIRST_2013), database_dn(_FIRST_2013 + 1)), PAIR_2013),
)
_V2010 = {"versionNumber": ["1937866970"], "serialNumber": ["Version 14.1 (Build 30218.15)"]}
_V2013 = {"versionNumber": ["1941996036"], "serialNumber": ["Version 15.0 (Build 30516.32)"]}


def host(server: str) -> str:
    """Its name in DNS."""
    return cas_sites.BACK_END_2003_HOST if server == BACK_END_2003 else f"{server.lower()}.{DNS_DOMAIN}"


def records() -> Iterator[Record]:
    """The objects and users, parents first, for a domain that has those of samba_data."""
    yield from organisation_records(NEW_GROUP, SITES)
    for group in GROUPS:
        for person in group.people:
            yield person.dn, person.values()


def organisation_records(group: str, sites: str) -> Iterator[Record]:
    """The objects alone, in the administrative group `group`; `sites` is the DN above all sites."""
    site, own = f"CN={SITE_2010},{sites}", f"CN={OWN.name},{sites}"
    yield site, {"objectClass": ["site"]}
    link = f"CN=own-2010,CN=IP,CN=Inter-Site Transports,{sites}"
    yield link, {"objectClass": ["siteLink"], "siteList": [own, site], "cost": ["20"]}
    yield _server(MAILBOX_2010, group, {**_V2010, "msExchCurrentServerRoles": ["2"], "msExchServerSite": [site]})
    yield _server(CAS_2010, group, {**_V2010, "msExchCurrentServerRoles": ["4"], "msExchServerSite": [site]})
    yield from directory_records(CAS_2010, CasSite(SITE_2010, MAILBOX_2010, (CAS_2010,)), group)
    for name in PAIR_2013:
        yield _server(name, group, {**_V2013, "msExchCurrentServerRoles": ["16439"], "msExchServerSite": [own]})
    yield _database(_DATABASE_2010, MAILBOX_2010, group)
    for number, name in enumerate(PAIR_2013):
        yield _database(_FIRST_2013 + number, name, group)


def homes(group: str) -> Mapping[str, str]:
    """The database of somebody on 2010, and of somebody on 2013."""
    return {"2010": _database_dn(_DATABASE_2010, group), "2013": _database_dn(_FIRST_2013, group)}


def _dn(server: str, group: str) -> str:
    return f"CN={server},CN=Servers,{group}"


def _database_dn(number: int, group: str) -> str:
    return f"CN=Mailbox Database {number},CN=Databases,{group}"


def _server(name: str, group: str, more: Mapping[str, Sequence[str]]) -> Record:
    return _dn(name, group), {
        "objectClass": ["msExchExchangeServer"], "networkAddress": [f"ncacn_ip_tcp:{host(name)}"], **more,
    }  # fmt: skip


def _database(number: int, server: str, group: str) -> Record:
    owner = [_dn(server, group)]
    return _database_dn(number, group), {"objectClass": ["msExchPrivateMDB"], "msExchOwningServer": owner}
