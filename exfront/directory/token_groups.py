"""The groups in which Active Directory has a user, also those of groups (tokenGroups), kept for a while.

The attribute is computed: it comes only when asked for by name, of one entry, by a domain controller of its domain.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, succeed

from exfront import limits
from exfront.directory.entry import Entry
from exfront.directory.single_flight import SingleFlight
from exfront.reasons import INCONSISTENT_MAILBOX, MAILBOX_NOT_FOUND, Refused
from exfront.topology import Mailbox
from exfront.wire.sid import PackedSids

_ATTRIBUTE = "tokenGroups"

# Reads an attribute of the entry with a DN from a domain controller; None where there is no such entry.
Read = Callable[[str, tuple[str, ...]], Awaitable[Entry | None]]


@frozen
class _Known:
    groups: PackedSids
    read: float


@define(eq=False)
class TokenGroups:
    """At most `most` accounts, the least recently used out first; `seconds` is a monotonic clock."""

    read: Read
    seconds: Callable[[], float]
    life: float = limits.TOKEN_GROUPS_TIME
    most: int = limits.TOKEN_GROUPS
    _known: OrderedDict[str, _Known] = field(factory=OrderedDict)
    _flights: SingleFlight[str, PackedSids] = field(factory=SingleFlight)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, account: Mailbox) -> Deferred[PackedSids]:
        """The SIDs of its groups. Fails with `Refused` where the directory has no such entry, or cannot be asked."""
        known = self._known.get(account.account_id)
        if known is not None and self.seconds() - known.read < self.life:
            self._known.move_to_end(account.account_id)
            return succeed(known.groups)
        return self._flights.join(account.account_id, partial(self._ask, account))

    async def _ask(self, account: Mailbox) -> PackedSids:
        began = self.seconds()
        entry = await self.read(account.dn, (_ATTRIBUTE,))
        if entry is None:
            raise Refused(MAILBOX_NOT_FOUND, f"no entry {account.dn} for its groups")
        groups = _packed(entry)
        self._known[account.account_id] = _Known(groups, began)
        self._known.move_to_end(account.account_id)
        if len(self._known) > self.most:
            self._known.popitem(last=False)
        return groups


def _packed(entry: Entry) -> PackedSids:
    try:
        return PackedSids.pack(entry.attributes.get(_ATTRIBUTE.lower(), ()))
    except ValueError:
        raise Refused(INCONSISTENT_MAILBOX, f"{_ATTRIBUTE} of {entry.dn} holds what is no SID") from None
