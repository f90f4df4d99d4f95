"""Which devices wait at the moment for what: a phone holds one Ping, and who holds several has lost some.

Names of devices are what clients say: good to be shown, and nothing is decided by them.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen

from exfront.decision import SessionRecord
from exfront.wire.activesync import Command


@frozen
class DeviceState:
    """Requests of one command that run at this moment, `seconds` since the oldest of them began."""

    user: str
    device: str
    command: str
    running: int
    seconds: float


@define(eq=False)
class Running:
    """One request of a device."""

    key: tuple[str, str, str]
    began: float


@define(eq=False)
class Devices:
    """`seconds` gives the time of a clock that only goes forward. Bounded by the requests that run."""

    seconds: Callable[[], float]
    _running: dict[tuple[str, str, str], list[Running]] = field(factory=dict)

    def begin(self, record: SessionRecord, command: Command) -> Running:
        """A request of a user begins; it says so in the log, and how many others of its kind the device has."""
        record.device, record.command = command.device, command.name or "-"
        running = Running((record.user, command.device, command.name), self.seconds())
        same = self._running.setdefault(running.key, [])
        same.append(running)
        if len(same) > 1 and _is_known(command):
            record.detail = f"{len(same)} at once"
        return running

    def end(self, running: Running) -> None:
        """It is over."""
        same = self._running[running.key]
        same.remove(running)
        if not same:
            del self._running[running.key]

    def states(self) -> tuple[DeviceState, ...]:
        """All that run now, those of a device together."""
        now = self.seconds()
        return tuple(
            DeviceState(user, device, command or "-", len(same), now - same[0].began)
            for (user, device, command), same in sorted(self._running.items())
        )


def _is_known(command: Command) -> bool:
    return command.device != "-" and command.name != ""
