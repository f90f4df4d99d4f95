"""Any LDAP directory with inetOrgPerson or posixAccount: which attributes mean what is the configuration's choice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import frozen

from exfront.because import Trace
from exfront.directory import dn, ranges
from exfront.directory.entry import Entry
from exfront.directory.filters import AllOf, AnyOf, Equals, Filter
from exfront.names import KeyKind, LookupKey
from exfront.topology import Mailbox

_Fetch = Callable[[str, tuple[str, ...]], Awaitable[Entry | None]]


@frozen
class PlainLdap:
    """`home_server_attribute` is mailHost, or what else the directory uses; an empty name is an attribute it has not.

    Of an address attribute's values the first is the primary address. A value of the home server's attribute is a
    server's name, a host, or ``host:port``; the port says which of a host's servers is meant, and must be configured.
    """

    home_server_attribute: str
    object_classes: tuple[str, ...] = ("inetOrgPerson", "posixAccount")
    account_attribute: str = "uid"
    address_attributes: tuple[str, ...] = ("mail",)
    upn_attribute: str = ""
    alias_attribute: str = ""
    id_attribute: str = "entryUUID"

    @property
    def attributes(self) -> tuple[str, ...]:
        """What is asked for of an account's entry; entryUUID is operational (RFC 4530) and must be named."""
        names = (self.id_attribute, self.account_attribute, *self.address_attributes, self.upn_attribute,
                 self.alias_attribute, self.home_server_attribute)  # fmt: skip
        return tuple(dict.fromkeys(filter(None, names)))

    def filter(self, key: LookupKey) -> Filter | None:
        """Who is meant by `key`; None for a kind of name that entries do not have: it is not asked for."""
        matched = {
            KeyKind.ACCOUNT: (self.account_attribute,),
            KeyKind.UPN: (self.upn_attribute,),
            KeyKind.ADDRESS: self.address_attributes,
            KeyKind.ALIAS: (self.alias_attribute,),
            KeyKind.MAILBOX_GUID: (),
            KeyKind.CERTIFICATE: (),
            KeyKind.SID: (),
        }[key.kind]
        wanted = [Equals(attribute, key.value) for attribute in matched if attribute]
        if not wanted:
            return None
        people = _one_of([Equals("objectClass", name) for name in self.object_classes])
        return AllOf((people, _one_of(wanted)))

    async def mailbox(self, entry: Entry, fetch: _Fetch, trace: Trace | None) -> Mailbox:
        """Read an entry; of several uids the first is the account's name. Raises `Refused` (S-DIR-12)."""
        for name in self.address_attributes:
            entry = await ranges.whole(entry, name, fetch)
        names = entry.texts(self.account_attribute)
        server = entry.text(self.home_server_attribute).strip()
        if trace is not None:
            trace.add(f"home server of {self.home_server_attribute}", server)
        return Mailbox(
            dn=entry.name(),
            account_id=self._account_id(entry),
            account_name=names[0] if names else "",
            upn=entry.text(self.upn_attribute) if self.upn_attribute else "",
            alias=self._alias(entry, names),
            addresses=tuple(address for name in self.address_attributes for address in entry.texts(name)),
            home_server=server,
        )

    def _account_id(self, entry: Entry) -> str:
        """A UUID as text loses its hyphens, one of other octets (a GUID) becomes hexadecimal; else the DN."""
        octets = entry.octets(self.id_attribute) if self.id_attribute else b""
        if octets.isascii() and octets.decode("ascii").isprintable():
            return octets.decode("ascii").replace("-", "").lower() or dn.normalised(entry.name())
        return octets.hex()

    def _alias(self, entry: Entry, names: tuple[str, ...]) -> str:
        if self.alias_attribute:
            return next(iter(entry.texts(self.alias_attribute)), "")
        return names[0] if names else ""


def _one_of(filters: list[Equals]) -> Filter:
    return filters[0] if len(filters) == 1 else AnyOf(tuple(filters))
