"""One password tried on many accounts: noticed, and refused to the networks that do it (S-AUTH-10).

Pure: times are seconds of a monotonic clock, passed in. Passwords are known by keyed digests only.
"""

from __future__ import annotations

from collections import OrderedDict

from attrs import define, field

from exfront import limits


@define
class _Password:
    accounts: OrderedDict[str, float] = field(factory=OrderedDict)  # when it last failed there
    networks: OrderedDict[str, None] = field(factory=OrderedDict)
    until: float = float("-inf")


@define(eq=False)
class Sprayed:
    """At most `SPRAY_PASSWORDS` passwords are known, the oldest go first."""

    _passwords: OrderedDict[bytes, _Password] = field(factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._passwords)

    def note(self, password: bytes, account: str, network: str, now: float) -> bool:
        """`password` (its digest) failed for `account`, a name or an id. True when that makes it a spray."""
        found = self._passwords.get(password)
        if found is None:
            if len(self._passwords) >= limits.SPRAY_PASSWORDS:
                self._passwords.popitem(last=False)
            found = self._passwords[password] = _Password()
        self._passwords.move_to_end(password)
        found.accounts[account] = now
        found.accounts.move_to_end(account)
        while next(iter(found.accounts.values())) <= now - limits.SPRAY_TIME or len(found.accounts) > _MOST:
            found.accounts.popitem(last=False)
        found.networks[network] = None
        if len(found.networks) > limits.SPRAY_NETWORKS:
            found.networks.popitem(last=False)
        before, sprayed = found.until, len(found.accounts) > limits.SPRAY_ACCOUNTS
        if sprayed:
            found.until = now + limits.SPRAY_TIME
        return sprayed and before <= now

    def refuses(self, password: bytes, network: str, now: float) -> bool:
        """Whether this network is among those that spray this password."""
        found = self._passwords.get(password)
        return found is not None and now < found.until and network in found.networks


_MOST = limits.SPRAY_ACCOUNTS + 1
