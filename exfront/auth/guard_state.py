"""What the guard knows, kept over a restart in one file (S-AUTH-7)."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront import limits
from exfront.auth.guard import Guard, Remembered

_VERSION = 1
_SLICE = 500  # accounts that are gathered in one turn: 3 ms
_WRITING_SHARE = 20  # a write that took a second is followed by twenty without one

Run = Callable[[Callable[[], None]], Deferred[None]]


class BadState(ValueError):  # noqa: N818 - what a file is
    """The file is not what `write_state` wrote; the message says where it ends to be."""


def state_folder(configured: Path | None) -> Path | None:
    """[control] state_dir, else what systemd's StateDirectory= made; None where there is neither."""
    if configured is not None:
        return configured
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else None


@define(eq=False)
class GuardState:
    """Reads ``guard.json`` in `folder` at `start`, and writes it within seconds of each change, and at `stop`.

    Writing happens in a thread of `reactor`, by `run`. A file that cannot be read, or written, is a warning and no
    more: the guard works without. `wall` is the wall clock, `stopwatch` measures a write.
    """

    log = Logger()

    guard: Guard
    folder: Path
    reactor: Any
    wall: Callable[[], float] = time.time
    run: Run | None = None
    stopwatch: Callable[[], float] = time.monotonic
    _due: IDelayedCall | None = None
    _writing: Deferred[None] | None = None
    _changed: bool = False
    _pause: float = limits.GUARD_WRITE_TIME
    _failing: bool = False

    @property
    def file(self) -> Path:
        """Where it is."""
        return self.folder / "guard.json"

    def start(self) -> None:
        """Read what an earlier process left, and follow the guard from now on."""
        try:
            self.guard.restore(read_state(self.file), self.wall())
        except FileNotFoundError:
            pass  # the first start
        except (OSError, BadState) as why:
            self.log.warn("guard_state {file} not used, counts begin anew: {why}", file=str(self.file), why=str(why))
        self.guard.changed = self._note

    async def stop(self) -> None:
        """Write for the last time."""
        self.guard.changed = _nothing
        if self._due is not None and self._due.active():
            self._due.cancel()
        self._due = None
        if self._writing is not None:
            await self._writing
        if self._changed:
            self._write(list(self.guard.snapshot(self.wall())))

    def _note(self) -> None:
        self._changed = True
        if self._due is None and self._writing is None:
            self._due = self.reactor.callLater(self._pause, self._begin)

    def _begin(self) -> None:
        self._due, self._changed = None, False
        self._writing = Deferred()
        self._collect(self.guard.snapshot(self.wall()), [])

    def _collect(self, left: Iterator[Remembered], kept: list[Remembered]) -> None:
        """A slice in each turn of the reactor; then the thread writes."""
        part = list(islice(left, _SLICE))
        kept += part
        if len(part) == _SLICE:
            self.reactor.callLater(0, self._collect, left, kept)
        else:
            self._run(lambda: self._write(kept)).addBoth(self._written)

    def _written(self, result: Failure | None) -> None:
        writing, self._writing = self._writing, None
        if self._changed and self.guard.changed == self._note:
            self._note()
        if isinstance(result, Failure):
            self.log.failure("guard_state not written", result)
        if writing is not None:
            writing.callback(None)

    def _run(self, call: Callable[[], None]) -> Deferred[None]:
        if self.run is not None:
            return self.run(call)
        return deferToThreadPool(self.reactor, self.reactor.getThreadPool(), call)

    def _write(self, kept: list[Remembered]) -> None:
        began = self.stopwatch()
        try:
            write_state(self.file, kept)
        except OSError as error:
            if not self._failing:
                self.log.warn("guard_state {file} not written: {why}", file=str(self.file), why=error.strerror)
            self._failing = True
            return
        self._failing = False
        self._pause = max(limits.GUARD_WRITE_TIME, _WRITING_SHARE * (self.stopwatch() - began))


def write_state(file: Path, accounts: Iterable[Remembered]) -> None:
    """Replace `file` by one that its owner alone may read: whole, or not at all. Raises OSError."""
    # Row by row: one call for all of them would not let the reactor's thread run.
    rows = [json.dumps([one.account_id, one.name, one.failures, one.failed, dict(one.networks)]) for one in accounts]
    octets = (f'{{"version": {_VERSION}, "accounts": [\n' + ",\n".join(rows) + "\n]}\n").encode("ascii")
    descriptor, name = tempfile.mkstemp(prefix=".guard-", dir=file.parent)  # mode 0600
    try:
        with open(descriptor, "wb") as out:
            out.write(octets)
            out.flush()
            os.fsync(out.fileno())
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise


def read_state(file: Path) -> tuple[Remembered, ...]:
    """What `write_state` wrote. Raises OSError, and `BadState` for anything else."""
    with open(file, "rb") as stream:
        octets = stream.read(limits.GUARD_FILE_OCTETS + 1)
    if len(octets) > limits.GUARD_FILE_OCTETS:
        raise BadState("too long")
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        raise BadState("no JSON") from None
    if not isinstance(found, dict) or found.get("version") != _VERSION or not isinstance(found.get("accounts"), list):
        raise BadState("not this version's")
    return tuple(_accounts(found["accounts"]))


def _accounts(rows: list[Any]) -> Iterator[Remembered]:
    for number, row in enumerate(rows[: limits.GUARDED_ACCOUNTS]):
        match row:
            case [str(account_id), str(name), int(failures), float() | int() as failed, dict(networks)] if (
                account_id and 0 <= failures <= limits.GUARDED_ACCOUNTS and _times((failed, *networks.values()))
            ):
                known = tuple(networks.items())[-limits.KNOWN_NETWORKS :]
                yield Remembered(account_id, name, failures, float(failed), known)
            case _:
                raise BadState(f"account {number}")


def _times(values: Iterable[object]) -> bool:
    """Whether they are seconds since the epoch, of this millennium or none."""
    return all(isinstance(value, int | float) and 0.0 <= value < 1e11 for value in values)


def _nothing() -> None:
    """Nobody keeps the state."""
