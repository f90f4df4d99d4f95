"""A database availability group of Exchange 2013 in the Samba domain: two servers with copies, and one beside them."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Mapping, Sequence

from tests.support.samba_data import DNS_DOMAIN, NEW_GROUP, SITES, Account, Record, Value, database_dn

FIRST, SECOND, BESIDE, STRAY = "TULSA", "LAWTON", "ENID", "STRAYED"
STRAY_HOST = "strayed.evil.example"  # below no suffix that is allowed
_IN_GROUP, _WITHOUT_OWNER, _BESIDE, _STRAY = 21, 22, 23, 24  # numbers of databases
_GROUPS = f"CN=Database Availability Groups,{NEW_GROUP}"
_GROUP = f"CN=DAG1,{_GROUPS}"
_V2013 = {"versionNumber": ["1941996036"], "serialNumber": ["Version 15.0 (Build 30516.32)"],
          "msExchCurrentServerRoles": ["16439"]}  # fmt: skip


def guid(name: str) -> str:
    """The mailbox GUID of an account, as clients write it."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.mailbox"))


def _account(name: str, database: int) -> Account:
    octets = base64.b64encode(uuid.UUID(guid(name)).bytes_le).decode()
    return Account(name, home=database_dn(database), more={"msExchMailboxGuid": [{"base64": octets}]})


IN_GROUP = _account("dag.owned", _IN_GROUP)
WITHOUT_OWNER = _account("dag.unowned", _WITHOUT_OWNER)
MOVER = _account("dag.mover", _IN_GROUP)
ON_STRAY = _account("dag.stray", _STRAY)
MOVED_TO = database_dn(_BESIDE)
PEOPLE = (IN_GROUP, WITHOUT_OWNER, MOVER, ON_STRAY)


def host(server: str) -> str:
    """Its name in DNS."""
    return STRAY_HOST if server == STRAY else f"{server.lower()}.{DNS_DOMAIN}"


def records() -> Iterator[Record]:
    """The objects and users, parents first, for a domain that has those of samba_data."""
    for name in (FIRST, SECOND, BESIDE, STRAY):
        yield _dn(name), {
            "objectClass": ["msExchExchangeServer"], "networkAddress": [f"ncacn_ip_tcp:{host(name)}"],
            "msExchServerSite": [f"CN=West,{SITES}"], **_V2013,
        }  # fmt: skip
    yield _GROUPS, {"objectClass": ["container"]}
    yield _GROUP, {"objectClass": ["msExchMDBAvailabilityGroup"]}
    yield from _database(_IN_GROUP, {"msExchOwningServer": [_dn(FIRST)]}, {SECOND: 2, FIRST: 1})
    yield from _database(_WITHOUT_OWNER, {}, {FIRST: 2, SECOND: 1})
    yield from _database(_BESIDE, {"msExchOwningServer": [_dn(BESIDE)]}, {})
    yield from _database(_STRAY, {"msExchOwningServer": [_dn(STRAY)]}, {})
    for person in PEOPLE:
        yield person.dn, person.values()


def _dn(server: str) -> str:
    return f"CN={server},CN=Servers,{NEW_GROUP}"


def _database(number: int, owner: Mapping[str, Sequence[Value]], copies: Mapping[str, int]) -> Iterator[Record]:
    master = {"msExchMasterServerOrAvailabilityGroup": [_GROUP]} if copies else {}
    yield database_dn(number), {"objectClass": ["msExchPrivateMDB"], **owner, **master}
    for server, preference in copies.items():
        yield f"CN={server},{database_dn(number)}", {
            "objectClass": ["msExchMDBCopy"], "msExchHostServerLink": [_dn(server)],
            "msExchActivationPreference": [str(preference)],
        }  # fmt: skip
