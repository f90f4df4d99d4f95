"""Active Directory with Exchange's attributes: which of them mean what (exchange.md is the source of each rule).

Everything about servers and databases beyond "whose is this database" is topology, not here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import frozen

from exfront.because import Trace
from exfront.directory import dn
from exfront.directory.entry import Entry
from exfront.directory.filters import AllOf, AnyOf, Equals, Filter
from exfront.names import KeyKind, LookupKey
from exfront.reasons import INCONSISTENT_MAILBOX, Refused
from exfront.topology import Mailbox

_ACCOUNT_DISABLED = 0x2  # of userAccountControl

_ATTRIBUTES = (
    "objectGUID", "sAMAccountName", "userPrincipalName", "mail", "proxyAddresses", "mailNickname", "homeMDB",
    "msExchHomeServerName", "userAccountControl",
)  # fmt: skip

_Fetch = Callable[[str, tuple[str, ...]], Awaitable[Entry | None]]


@frozen
class ActiveDirectory:
    """`home_server_attribute` tells the home server where Exchange's own attributes say nothing."""

    home_server_attribute: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """What is asked for of an account's entry."""
        return (*_ATTRIBUTES, self.home_server_attribute)

    def filter(self, key: LookupKey) -> Filter:
        """Who is meant by `key`. Upper-case ``SMTP:`` finds secondary addresses too: the attribute ignores case."""
        matches: dict[KeyKind, Filter] = {
            KeyKind.ACCOUNT: Equals("sAMAccountName", key.value),
            KeyKind.UPN: Equals("userPrincipalName", key.value),
            KeyKind.ADDRESS: AnyOf((Equals("proxyAddresses", f"SMTP:{key.value}"), Equals("mail", key.value))),
            KeyKind.ALIAS: Equals("mailNickname", key.value),
        }
        return AllOf((Equals("objectClass", "user"), matches[key.kind]))

    async def mailbox(self, entry: Entry, fetch: _Fetch, trace: Trace | None) -> Mailbox:
        """Read an entry. Raises `Refused` for one that contradicts itself (S-DIR-12)."""
        return Mailbox(
            dn=entry.name(),
            account_id=entry.octets("objectGUID").hex() or dn.normalised(entry.name()),
            account_name=entry.text("sAMAccountName"),
            upn=entry.text("userPrincipalName"),
            alias=entry.text("mailNickname"),
            addresses=_addresses(entry),
            home_server=await self._home_server(entry, fetch, trace),
            disabled=bool(entry.number("userAccountControl") & _ACCOUNT_DISABLED),
        )

    async def _home_server(self, entry: Entry, fetch: _Fetch, trace: Trace | None) -> str:
        """homeMDB first: msExchHomeServerName may be stale, and the last one is for directories without Exchange.

        Empty for an account without a mailbox. Raises `Refused` when there is one and nothing says where (S-DIR-12).
        """
        database = entry.text("homeMDB")
        server = await _server_of_database(database, fetch) if database else ""
        if trace is not None:
            trace.add("home server of homeMDB", database, server)
        for name, read in (("msExchHomeServerName", _last_common_name), (self.home_server_attribute, str)):
            if not server:
                server = read(entry.text(name))
                if trace is not None:
                    trace.add(f"home server of {name}", entry.text(name), server)
        if not server and (database or entry.text("msExchHomeServerName")):
            raise Refused(INCONSISTENT_MAILBOX, f"no server for homeMDB={database!r} of {entry.dn}")
        return server


def _addresses(entry: Entry) -> tuple[str, ...]:
    """SMTP addresses of proxyAddresses, the primary one (type in upper case) first; else `mail`."""
    primary, secondary = [], []
    for value in entry.texts("proxyAddresses"):
        kind, _, address = value.partition(":")
        if kind == "SMTP":
            primary.append(address)
        elif kind.lower() == "smtp":
            secondary.append(address)
    mail = entry.text("mail")
    return tuple(primary + secondary) or ((mail,) if mail else ())


async def _server_of_database(database: str, fetch: _Fetch) -> str:
    """The server's name stands in the DN (2000 to 2007), or the database's entry names its owner (2010 on)."""
    server = _server_in(_steps("homeMDB", database))
    if server:
        return server
    entry = await fetch(database, ("msExchOwningServer",))
    owner = entry.text("msExchOwningServer") if entry is not None else ""
    return _steps("msExchOwningServer", owner)[0].value if owner else ""


def _server_in(steps: tuple[dn.Rdn, ...]) -> str:
    """``…,CN=InformationStore,CN=SERVER,CN=Servers,…``: the step left of Servers."""
    for store, server, servers in zip(steps, steps[1:], steps[2:], strict=False):
        if store.is_called("InformationStore") and servers.is_called("Servers"):
            return server.value
    return ""


def _steps(attribute: str, name: str) -> tuple[dn.Rdn, ...]:
    try:
        return dn.parse(name)
    except dn.BadName as why:
        raise Refused(INCONSISTENT_MAILBOX, f"{attribute} is no DN ({why}): {name!r}") from None


def _last_common_name(legacy: str) -> str:
    """``/o=Org/ou=Group/cn=Configuration/cn=Servers/cn=SERVER``: not an LDAP DN; the last part tells."""
    kind, _, name = legacy.rpartition("/")[2].partition("=")
    return name if kind.strip().lower() == "cn" else ""
