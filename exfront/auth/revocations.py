"""Log-ons that were ended before their time (S-HTTP-37): a bounded list that never forgets in the user's favour."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

from attrs import define, field

from exfront import limits


@define(eq=False)
class Revocations:
    """By session id, each until the moment at which it would have ended anyhow; `wall` is seconds since the epoch.

    Where there are too many, the one that ends first is dropped, and so is every other log-on that ends no later: its
    user logs on again.
    """

    wall: Callable[[], float]
    most: int = limits.LOGONS_REVOKED
    floor: float = 0.0  # what ends by then is void
    _until: dict[bytes, float] = field(factory=dict)
    _ends: list[tuple[float, bytes]] = field(factory=list)

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, session_id: bytes) -> bool:
        return session_id in self._until

    def add(self, session_id: bytes, until: float) -> None:
        """From now on it is no log-on."""
        if session_id in self._until or until <= self.floor:
            return
        self._until[session_id] = until
        heappush(self._ends, (until, session_id))
        while self._ends and self._ends[0][0] <= self.wall():
            self._drop()
        while len(self._until) > self.most:
            self.floor = max(self.floor, self._ends[0][0])
            self._drop()

    def refuses(self, session_id: bytes, until: float) -> bool:
        """Whether a log-on with this id, that would last `until`, was ended."""
        return session_id in self._until or until <= self.floor

    def all(self) -> dict[bytes, float]:
        """A copy."""
        return dict(self._until)

    def restore(self, until: dict[bytes, float], floor: float) -> None:
        """What `all` and `floor` gave, in place of what is known."""
        self.floor = floor
        self._until = {session_id: end for session_id, end in until.items() if end > self.wall()}
        self._ends = [(end, session_id) for session_id, end in self._until.items()]
        heapify(self._ends)

    def _drop(self) -> None:
        _, session_id = heappop(self._ends)
        del self._until[session_id]
