"""Active Directory with Exchange's attributes: which of them mean what.

Everything about servers and databases beyond "whose is this database" is topology, not here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from uuid import UUID

from attrs import frozen

from exfront.because import Trace
from exfront.directory import dn, ranges
from exfront.directory.entry import Entry
from exfront.directory.filters import AllOf, AnyOf, Equals, EqualsOctets, Filter
from exfront.directory.protocol_settings import switched_off
from exfront.names import KeyKind, LookupKey
from exfront.reasons import INCONSISTENT_MAILBOX, Refused
from exfront.topology import Mailbox
from exfront.wire.sid import sid_text

_ACCOUNT_DISABLED = 0x2  # of userAccountControl

_FILETIME_EPOCH = 11_644_473_600  # seconds from 1601 to 1970
_FILETIME_NEVER = 0x7FFF_FFFF_FFFF_FFFF  # of accountExpires; so is 0

# A directory without Exchange has none of the last six; a global catalog none of the four of passwords.
_ATTRIBUTES = (
    "objectGUID", "objectSid", "sAMAccountName", "userPrincipalName", "mail", "proxyAddresses", "userAccountControl",
    "accountExpires", "lockoutTime", "badPwdCount", "pwdLastSet", "mailNickname", "homeMDB", "msExchHomeServerName",
    "protocolSettings", "msExchOmaAdminWirelessEnable", "msExchRecipientTypeDetails",
)  # fmt: skip

# msExchRecipientTypeDetails of what can be opened over a front end; no value with a homeMDB is a mailbox of 2000/2003.
_MAILBOXES = frozenset((0, 1, 2, 4, 8, 16, 32))

_Fetch = Callable[[str, tuple[str, ...]], Awaitable[Entry | None]]
# The server that owns a database, by its normalised DN, as far as the topology knows; empty where it does not.
OwnerOf = Callable[[str], str]


def unknown_owner(database: str) -> str:
    """Where there is no topology, the directory is asked for each database."""
    return ""


@frozen
class ActiveDirectory:
    """`home_server_attribute` tells the home server where Exchange's own attributes say nothing.

    `owner_of` saves the search for the owner of a database.
    """

    home_server_attribute: str
    owner_of: OwnerOf = unknown_owner

    @property
    def attributes(self) -> tuple[str, ...]:
        """What is asked for of an account's entry."""
        return (*_ATTRIBUTES, self.home_server_attribute)

    def filter(self, key: LookupKey) -> Filter:
        """Who is meant by `key`. Upper-case ``SMTP:`` finds secondary addresses too: the attribute ignores case.

        The first three parts of a GUID are little-endian ([MS-DTYP] 2.3.4.2).
        """
        if key.kind is KeyKind.MAILBOX_GUID:
            mailbox = EqualsOctets("msExchMailboxGuid", UUID(key.value).bytes_le)
            return AllOf((Equals("objectClass", "user"), mailbox))
        matches: dict[KeyKind, Filter] = {
            KeyKind.ACCOUNT: Equals("sAMAccountName", key.value),
            KeyKind.UPN: Equals("userPrincipalName", key.value),
            KeyKind.ADDRESS: AnyOf((Equals("proxyAddresses", f"SMTP:{key.value}"), Equals("mail", key.value))),
            KeyKind.ALIAS: Equals("mailNickname", key.value),
            KeyKind.CERTIFICATE: Equals("altSecurityIdentities", key.value),
            KeyKind.SID: Equals("objectSid", key.value),  # the text form is taken too ([MS-ADTS] 3.1.1.3.1.2.5)
        }
        return AllOf((Equals("objectClass", "user"), matches[key.kind]))

    async def mailbox(self, entry: Entry, fetch: _Fetch, trace: Trace | None) -> Mailbox:
        """Read an entry. Raises `Refused` for one that contradicts itself (S-DIR-12)."""
        entry = await ranges.whole(entry, "proxyAddresses", fetch)
        off = switched_off(entry.attributes.get("protocolsettings", ()), entry.number("msExchOmaAdminWirelessEnable"))
        if trace is not None and off:
            trace.add("protocols switched off", *sorted(off))
        name, addresses = entry.text("sAMAccountName"), _addresses(entry)
        return Mailbox(
            dn=entry.name(),
            account_id=entry.octets("objectGUID").hex() or dn.normalised(entry.name()),
            account_name=name,
            upn=_shared(entry.text("userPrincipalName"), addresses),
            alias=_shared(entry.text("mailNickname"), (name,)),
            addresses=addresses,
            home_server=await self._home_server(entry, fetch, trace),
            database=_database(entry.text("homeMDB")),
            disabled=bool(entry.number("userAccountControl") & _ACCOUNT_DISABLED),
            switched_off=off,
            sid=sid_text(entry.octets("objectSid")),
            expires=_seconds(entry.number("accountExpires")),
            locked_since=_seconds(entry.number("lockoutTime")),
            bad_password_count=_number_or_none(entry, "badPwdCount"),
            password_set=_number_or_none(entry, "pwdLastSet"),
        )

    async def _home_server(self, entry: Entry, fetch: _Fetch, trace: Trace | None) -> str:
        """homeMDB first: msExchHomeServerName may be stale, and the last one is for directories without Exchange.

        Empty for an account without a mailbox. Raises `Refused` when there is one and nothing says where (S-DIR-12).
        """
        kind = entry.number("msExchRecipientTypeDetails")
        if kind not in _MAILBOXES:
            if trace is not None:
                trace.add("no mailbox by msExchRecipientTypeDetails", kind)
            return ""
        database = entry.text("homeMDB")
        server = await self._server_of_database(database, fetch) if database else ""
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

    async def _server_of_database(self, database: str, fetch: _Fetch) -> str:
        """The server's name stands in the DN (2000 to 2007), or the database has an owner (2010 on)."""
        server = _server_in(_steps("homeMDB", database)) or self.owner_of(dn.normalised(database))
        if server:
            return server
        entry = await fetch(database, ("msExchOwningServer",))
        owner = entry.text("msExchOwningServer") if entry is not None else ""
        return _steps("msExchOwningServer", owner)[0].value if owner else ""


@lru_cache(4096)
def _database(name: str) -> str:
    """A database's DN as the topology has it, in memory once for all its mailboxes."""
    try:
        return dn.normalised(name) if name else ""
    except dn.BadName:  # told of already
        return ""


def _number_or_none(entry: Entry, name: str) -> int | None:
    """None where the directory does not tell: a global catalog, or no right to read it."""
    return entry.number(name) if entry.octets(name) else None


def _shared(text: str, known: tuple[str, ...]) -> str:
    """The same text, in memory once where it is one of `known`: mailboxes are held by the hundred thousand."""
    return known[known.index(text)] if text in known else text


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


def _seconds(filetime: int) -> float:
    """A FILETIME (100 ns since 1601) as seconds since the epoch; 0 for never."""
    if filetime <= 0 or filetime >= _FILETIME_NEVER:
        return 0.0
    return filetime / 10_000_000 - _FILETIME_EPOCH
