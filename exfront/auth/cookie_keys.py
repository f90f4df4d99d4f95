"""The keys that log-on cookies are sealed with: a new one each hour, the old ones kept as long as they may be needed.

Source: S-HTTP-35; Exchange's own rolled over likewise (*KeyInterval*).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from attrs import define, field, frozen

from exfront import limits
from exfront.wire.sealed_cookie import KEY_ID_OCTETS, new_key


@frozen
class CookieKey:
    """`made` is in seconds since the epoch."""

    id: bytes
    octets: bytes = field(repr=False)
    made: float


@define(eq=False)
class CookieKeys:
    """`wall` is seconds since the epoch, `life` how long a cookie may lie about and still be good, in seconds.

    `changed` is called when there is a new one.
    """

    wall: Callable[[], float]
    life: Callable[[], float]
    changed: Callable[[], None] = field(default=lambda: None)
    _keys: dict[bytes, CookieKey] = field(factory=dict, repr=False)
    _newest: CookieKey | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self._keys)

    def current(self) -> CookieKey:
        """The one to seal with."""
        newest, now = self._newest, self.wall()
        if newest is not None and 0 <= now - newest.made < limits.LOGON_KEY_TIME:
            return newest
        made = CookieKey(secrets.token_bytes(KEY_ID_OCTETS), new_key(), now)
        self._newest = self._keys[made.id] = made
        self._expire(now)
        self.changed()
        return made

    def find(self, key_id: bytes) -> CookieKey | None:
        """The one that a cookie names; None where nobody has made it, or too long ago."""
        found = self._keys.get(key_id)
        return found if found is not None and not self._expired(found, self.wall()) else None

    def all(self) -> tuple[CookieKey, ...]:
        """Those that still open a cookie."""
        now = self.wall()
        return tuple(key for key in self._keys.values() if not self._expired(key, now))

    def restore(self, keys: Iterable[CookieKey]) -> None:
        """What `all` gave, in place of what is known."""
        self._keys = {key.id: key for key in keys}
        self._expire(self.wall())
        self._newest = max(self._keys.values(), key=lambda key: key.made, default=None)

    def _expire(self, now: float) -> None:
        for key in [key for key in self._keys.values() if self._expired(key, now)]:
            del self._keys[key.id]
        while len(self._keys) > limits.LOGON_KEYS:
            del self._keys[min(self._keys.values(), key=lambda key: key.made).id]

    def _expired(self, key: CookieKey, now: float) -> bool:
        return now - key.made >= limits.LOGON_KEY_TIME + self.life()
