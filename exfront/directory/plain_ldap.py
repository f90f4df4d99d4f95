"""Any LDAP directory with inetOrgPerson or posixAccount: uid, mail, and one attribute that names the home server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import frozen

from exfront.because import Trace
from exfront.directory import dn
from exfront.directory.entry import Entry
from exfront.directory.filters import AllOf, AnyOf, Equals, Filter
from exfront.names import KeyKind, LookupKey
from exfront.topology import Mailbox

_PEOPLE = AnyOf((Equals("objectClass", "inetOrgPerson"), Equals("objectClass", "posixAccount")))

# Names that go over the wire; keys that this sort of directory does not have are not asked for.
_MATCHED = {KeyKind.ACCOUNT: "uid", KeyKind.ADDRESS: "mail"}

_Fetch = Callable[[str, tuple[str, ...]], Awaitable[Entry | None]]


@frozen
class PlainLdap:
    """`home_server_attribute` is mailHost, or what else the directory uses."""

    home_server_attribute: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """What is asked for of an account's entry; entryUUID is operational (RFC 4530) and must be named."""
        return ("entryUUID", "uid", "mail", self.home_server_attribute)

    def filter(self, key: LookupKey) -> Filter | None:
        """Who is meant by `key`; None for a UPN or an alias, which entries do not have."""
        attribute = _MATCHED.get(key.kind)
        return AllOf((_PEOPLE, Equals(attribute, key.value))) if attribute else None

    async def mailbox(self, entry: Entry, fetch: _Fetch, trace: Trace | None) -> Mailbox:
        """Read an entry; of several uids the first is the account's name. Raises `Refused` (S-DIR-12)."""
        names = entry.texts("uid")
        server = entry.text(self.home_server_attribute)
        if trace is not None:
            trace.add(f"home server of {self.home_server_attribute}", server)
        return Mailbox(
            dn=entry.name(),
            account_id=entry.text("entryUUID").replace("-", "").lower() or dn.normalised(entry.name()),
            account_name=names[0] if names else "",
            alias=names[0] if names else "",
            addresses=entry.texts("mail"),
            home_server=server,
        )
