"""Security contexts that other Client Access servers have logged on with here: bounded, and for a while (S-AUTH-14).

Memory only: after a restart the others hear 441 and log on anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from attrs import define, field, frozen

from exfront import limits
from exfront.wire.security_context import Group, SecurityContext
from exfront.wire.sid import PackedSids, sid_octets


@frozen
class _Groups:
    """Of equal attributes."""

    attributes: int
    sids: PackedSids


@frozen
class HeldContext:
    """A context as it is held: some 1.5 kB with 200 groups."""

    user: str
    logon_name: str
    authentication: str
    since: float
    _groups: tuple[_Groups, ...] = ()
    _restricted: tuple[_Groups, ...] = ()

    def context(self) -> SecurityContext:
        """The same as it was received; groups may have another order."""
        groups, restricted = _unpacked(self._groups), _unpacked(self._restricted)
        return SecurityContext(self.user, self.logon_name, self.authentication, groups, restricted)


@define(eq=False)
class Contexts:
    """By the user's SID; at most `most`, the least recently used go first. `seconds` is a monotonic clock."""

    seconds: Callable[[], float]
    life: float = limits.CONTEXT_TIME
    most: int = limits.CONTEXTS
    _held: OrderedDict[str, HeldContext] = field(factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._held)

    def find(self, sid: str) -> HeldContext | None:
        """The context of the user with this SID, if it is known and young enough."""
        held = self._held.get(sid)
        if held is None:
            return None
        if self.seconds() - held.since >= self.life:
            del self._held[sid]
            return None
        self._held.move_to_end(sid)
        return held

    def keep(self, context: SecurityContext) -> None:
        """In place of an older one of the same user."""
        self._held[context.user] = HeldContext(
            context.user,
            context.logon_name,
            context.authentication,
            self.seconds(),
            _packed(context.groups),
            _packed(context.restricted),
        )
        self._held.move_to_end(context.user)
        if len(self._held) > self.most:
            self._held.popitem(last=False)


def _packed(groups: tuple[Group, ...]) -> tuple[_Groups, ...]:
    found: dict[int, list[bytes]] = {}
    for group in groups:
        found.setdefault(group.attributes, []).append(sid_octets(group.sid))
    return tuple(_Groups(attributes, PackedSids.pack(sids)) for attributes, sids in found.items())


def _unpacked(groups: tuple[_Groups, ...]) -> tuple[Group, ...]:
    return tuple(Group(sid, each.attributes) for each in groups for sid in each.sids.texts())
