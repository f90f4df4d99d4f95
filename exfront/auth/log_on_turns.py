"""How many log-ons are proven at a time, and begin in a second: no network's storm keeps the others waiting (S-OPS-4).

Those of a client network that are over its number wait for their turn; those over a rate are refused.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime

from exfront import limits
from exfront.auth.client_network import client_network
from exfront.config.limits import LimitsSection
from exfront.reasons import TOO_MANY_LOG_ONS, Refused


@define
class _Bucket:
    """So many a second, and as many at once after a pause."""

    left: float
    filled: float  # when

    def take(self, rate: int, now: float) -> bool:
        self.left = min(float(rate), self.left + (now - self.filled) * rate)
        self.filled = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


@define
class _Network:
    under_way: int = 0
    waiting: deque[Deferred[None]] = field(factory=deque)


Turn = tuple[str, _Network]  # the network's name with it


@define(eq=False)
class LogOnTurns:
    """`settings` is [limits]."""

    settings: LimitsSection
    clock: IReactorTime
    _networks: dict[str, _Network] = field(factory=dict)  # those with a log-on under way
    _all: _Bucket | None = None
    _buckets: OrderedDict[str, _Bucket] = field(factory=OrderedDict)

    async def begin(self, client: str) -> Turn:
        """Wait for one of the places of the client's network; `client` is an address, with or without a port.

        To be followed by `end`. Raises `Refused`.
        """
        name = client_network(client)
        self._check_rates(name)
        network = self._networks.get(name)
        if network is None:
            network = self._networks[name] = _Network()
        if network.under_way < self.settings.log_ons_per_address:
            network.under_way += 1
        else:
            await self._wait(name, network)
        return name, network

    def end(self, turn: Turn) -> None:
        """The next of the network has its turn."""
        name, network = turn
        if network.waiting:
            network.waiting.popleft().callback(None)
            return
        network.under_way -= 1
        if not network.under_way:
            del self._networks[name]

    def busiest(self) -> tuple[str, int]:
        """The network with most log-ons that are being proven or wait for it, and how many."""
        counts = ((name, network.under_way + len(network.waiting)) for name, network in self._networks.items())
        return max(counts, key=lambda each: each[1], default=("", 0))

    def _check_rates(self, network: str) -> None:
        now, settings = self.clock.seconds(), self.settings
        each, everybody = settings.log_ons_per_second_per_address, settings.log_ons_per_second
        if each and not self._bucket(network, each, now).take(each, now):
            raise Refused(TOO_MANY_LOG_ONS, f"limit name=log_ons_per_second_per_address net={network}")
        if everybody:
            self._all = self._all or _Bucket(everybody, now)
            if not self._all.take(everybody, now):
                raise Refused(TOO_MANY_LOG_ONS, "limit name=log_ons_per_second")

    def _bucket(self, network: str, rate: int, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(network, _Bucket(rate, now))
        self._buckets.move_to_end(network)
        if len(self._buckets) > limits.LOG_ON_NETWORKS:
            self._buckets.popitem(last=False)
        return bucket

    async def _wait(self, name: str, network: _Network) -> None:
        """Until the one before has ended, which hands its place over. Raises `Refused` after a look-up's time."""
        turn: Deferred[None] = Deferred()
        network.waiting.append(turn)
        turn.addTimeout(self.settings.ldap_lookup_time, self.clock)
        try:
            await turn
        except DeferredTimeoutError:
            raise Refused(TOO_MANY_LOG_ONS, f"limit name=log_ons_per_address net={name}") from None
        finally:
            if turn in network.waiting:
                network.waiting.remove(turn)
