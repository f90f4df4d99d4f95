"""What is known of one directory server, from what happens on its connections: healthy, degraded or down (S-DIR-2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall

from exfront import limits
from exfront.config.kinds import LdapUrl
from exfront.directory.client import Connection
from exfront.directory.errors import DirectoryError, ServiceBindRefused, TimedOut
from exfront.directory.root_dse import RootDse

State = Literal["healthy", "degraded", "down"]

_OFTEN = 2  # S-DIR-2: so many time-outs in a row
_WEIGHT = 0.1  # of the newest answer in the average
_NEVER = -1e9
_SHORTEST = 0.05  # seconds; a rest of a rounding error would be a timer that runs for ever


@frozen
class ServerState:
    """One server as ``exfrontctl servers`` shows it. Times are seconds, `since` and `tried` of the reactor's clock."""

    url: str
    state: State
    since: float
    error: str  # the last one, empty if there was none
    in_flight: int  # requests that the server owes an answer to
    requests: int
    failures: int
    latency: float  # a moving average; 0 before the first answer
    tried: float | None  # when a connection was last begun
    root: RootDse | None
    own_site: str = ""  # of exfront, the same at each server; empty where it is not known


@define(eq=False)
class Health:
    """Judges one server; the `Watch` of all its connections.

    Degraded: it owes answers and said nothing for `LDAP_SILENCE_TIME`, or lost a connection that it owed answers on,
    or let one request time out. Down: it refused a connection, or did that twice in a row. `changed` is told.
    """

    url: LdapUrl
    reactor: Any
    random: Callable[[], float]
    changed: Callable[[Health], None]
    state: State = "healthy"
    error: str = ""
    root: RootDse | None = None
    tried: float = _NEVER
    barred_until: float = _NEVER  # it refused the service account: not tried before that at all (S-DIR-3)
    probe_at: float = _NEVER  # when down
    opening: int = 0  # connections that are being made
    since: float = field(init=False)
    in_flight: int = 0
    requests: int = 0
    failures: int = 0
    latency: float = 0.0
    _strikes: int = 0
    _pause: float = limits.LDAP_PROBE_FIRST
    _quiet_since: float = _NEVER
    _timer: IDelayedCall | None = None

    def __attrs_post_init__(self) -> None:
        self.since = self.reactor.seconds()

    def began(self, connection: Connection) -> None:
        """See `Watch`."""
        if self.in_flight == 0:
            self._quiet_since = self.reactor.seconds()
            self._timer = self.reactor.callLater(limits.LDAP_SILENCE_TIME, self._is_silent)
        self.in_flight += 1
        self.requests += 1

    def heard(self, connection: Connection) -> None:
        """See `Watch`."""
        self._quiet_since = self.reactor.seconds()
        if self.state == "degraded":
            self._become("healthy")

    def ended(self, connection: Connection, seconds: float, error: DirectoryError | None) -> None:
        """See `Watch`."""
        self.in_flight -= 1
        if self.in_flight == 0 and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if error is None:
            self._answered(seconds)
        elif isinstance(error, TimedOut):
            self._strike(error)

    def closed(self, connection: Connection, broken: bool) -> None:
        """See `Watch`."""
        if broken:
            self._strike(DirectoryError(f"{self.url} closed while it owed answers"))

    def opened(self) -> None:
        """A connection was made and made ready: whatever was, the server serves."""
        self._strikes, self._pause = 0, limits.LDAP_PROBE_FIRST
        self._become("healthy")

    def refused(self, error: DirectoryError) -> None:
        """No connection, or none that can be used: down at once, but for a mere time-out, which `ended` counted."""
        now = self.reactor.seconds()
        if isinstance(error, ServiceBindRefused):
            self.barred_until = now + limits.SERVICE_BIND_PAUSE
        if not isinstance(error, TimedOut):
            self.failures += 1
            self._go_down(error)
        elif self.state == "down":  # a probe
            self._go_down(error)

    def shown(self, own_site: str = "") -> ServerState:
        """A copy for others to read."""
        return ServerState(
            str(self.url),
            self.state,
            self.since,
            self.error,
            self.in_flight,
            self.requests,
            self.failures,
            self.latency,
            self.tried if self.tried > _NEVER else None,
            self.root,
            own_site,
        )

    def _answered(self, seconds: float) -> None:
        self._strikes = 0
        self.latency = seconds if not self.latency else self.latency + _WEIGHT * (seconds - self.latency)

    def _strike(self, error: DirectoryError) -> None:
        self._strikes += 1
        self.failures += 1
        self.error = str(error)
        if self._strikes >= _OFTEN:
            if self.state != "down":
                self._go_down(error)
        elif self.state == "healthy":
            self._become("degraded")

    def _is_silent(self) -> None:
        """One strike for a silence, however many requests wait in it."""
        quiet = self.reactor.seconds() - self._quiet_since
        silent = quiet >= limits.LDAP_SILENCE_TIME
        rest = max(limits.LDAP_SILENCE_TIME - (0.0 if silent else quiet), _SHORTEST)
        self._timer = self.reactor.callLater(rest, self._is_silent)
        if silent and self.state == "healthy":
            self._strikes = max(self._strikes, 1)
            self.error = f"{self.url} silent for {quiet:.1f} s"
            self._become("degraded")

    def _go_down(self, error: DirectoryError) -> None:
        """Each time the pause until the next probe doubles."""
        self.error = str(error)
        pause = self._pause * (0.75 + 0.5 * self.random())
        self.probe_at = max(self.reactor.seconds() + pause, self.barred_until)
        self._pause = min(self._pause * 2, limits.LDAP_PROBE_MOST)
        self._become("down")

    def _become(self, state: State) -> None:
        if state == self.state:
            return
        self.state, self.since = state, self.reactor.seconds()
        self.changed(self)
