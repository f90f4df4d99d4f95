"""Failures by client network: how long each is held back (S-MAIL-11), and when there are too many (S-AUTH-10).

Pure: times are seconds of a monotonic clock, passed in. A failure is known by a digest of who and which password; the
same one again changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from attrs import define, field

from exfront import limits
from exfront.config.authentication import AuthenticationSection


@define
class _Network:
    failures: int = 0
    last: float = 0.0
    digests: OrderedDict[bytes, None] = field(factory=OrderedDict)
    recent: deque[float] = field(factory=deque)


@define(eq=False)
class ClientFailures:
    """`settings` is [authentication]. At most `GUARDED_NETWORKS` networks are known, the oldest go first."""

    settings: AuthenticationSection
    _networks: OrderedDict[str, _Network] = field(factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._networks)

    def note(self, network: str, digest: bytes, now: float) -> None:
        """A refused log-on."""
        found = self._known(network, now) or self._new(network)
        self._networks.move_to_end(network)
        if digest in found.digests:
            found.digests.move_to_end(digest)
            return
        found.digests[digest] = None
        if len(found.digests) > limits.NETWORK_DIGESTS:
            found.digests.popitem(last=False)
        found.failures, found.last = found.failures + 1, now
        found.recent.append(now)
        while len(found.recent) > self.settings.failures_per_network:
            found.recent.popleft()

    def succeeded(self, network: str) -> None:
        """A good log-on: the delay begins anew. Failures of the last minute still count."""
        found = self._networks.get(network)
        if found is not None:
            found.failures = 0

    def delay(self, network: str, now: float) -> float:
        """How long a failure of this network is held back now, in seconds; 0 without any failure."""
        found = self._known(network, now)
        if found is None or not found.failures:
            return 0.0
        doubled = self.settings.failure_delay * 2.0 ** min(found.failures - 1, 30)
        return min(doubled, self.settings.failure_delay_most)

    def too_many(self, network: str, now: float) -> bool:
        """Whether as many failures as are allowed in a minute came in the last one."""
        found = self._known(network, now)
        if found is None or len(found.recent) < self.settings.failures_per_network:
            return False
        return now - found.recent[0] < limits.NETWORK_FAILURE_TIME

    def _known(self, network: str, now: float) -> _Network | None:
        found = self._networks.get(network)
        if found is not None and now - found.last >= limits.FAILURE_DELAY_MEMORY:
            del self._networks[network]
            return None
        return found

    def _new(self, network: str) -> _Network:
        if len(self._networks) >= limits.GUARDED_NETWORKS:
            self._networks.popitem(last=False)
        return self._networks.setdefault(network, _Network())
