"""What a restart must not forget, in one file of [control] state_dir for each part that knows something (S-AUTH-7)."""

from __future__ import annotations

import os
import tempfile
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront import limits

_SLICE = 500  # rows that are gathered in one turn: 3 ms
_WRITING_SHARE = 20  # a write that took a second is followed by twenty without one

Run = Callable[[Callable[[], None]], Deferred[None]]
Row = TypeVar("Row")


class BadState(ValueError):  # noqa: N818 - what a file is
    """The file is not what was written; the message says where it ends to be."""


def state_folder(configured: Path | None) -> Path | None:
    """[control] state_dir, else what systemd's StateDirectory= made; None where there is neither."""
    if configured is not None:
        return configured
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else None


class Kept(Protocol[Row]):
    """Who knows something; `changed` is called when that is something new."""

    changed: Callable[[], None]

    def snapshot(self, wall_clock: float) -> Iterator[Row]:
        """All of it, in pieces."""
        ...

    def restore(self, rows: Iterable[Row], wall_clock: float, /) -> None:
        """What `snapshot` gave."""
        ...


@define(eq=False)
class KeptState(Generic[Row]):
    """Reads the file `name` in `folder` at `start`, and writes it within seconds of each change, and at `stop`.

    Writing happens in a thread of `reactor`, by `run`. A file that cannot be read, or written, is a warning and no
    more: what it is of works without. `wall` is the wall clock, `stopwatch` measures a write.
    """

    log = Logger()
    name: ClassVar[str]
    event: ClassVar[str]  # how logs call it
    loss: ClassVar[str]  # what it means that a file is not used

    kept: Kept[Row]
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

    @abstractmethod
    def read(self) -> Iterable[Row]:
        """What the file holds. Raises OSError, and `BadState` for what is no such file."""

    @abstractmethod
    def write(self, rows: Iterable[Row]) -> None:
        """Replace the file. Raises OSError."""

    @property
    def file(self) -> Path:
        """Where it is."""
        return self.folder / self.name

    def start(self) -> None:
        """Read what an earlier process left, and follow the changes from now on."""
        try:
            self.kept.restore(self.read(), self.wall())
        except FileNotFoundError:
            pass  # the first start
        except (OSError, BadState) as why:
            text = "{event} {file} not used, {loss}: {why}"
            self.log.warn(text, event=self.event, file=str(self.file), loss=self.loss, why=str(why))
        self.kept.changed = self._note

    async def stop(self) -> None:
        """Write for the last time."""
        self.kept.changed = _nothing
        if self._due is not None and self._due.active():
            self._due.cancel()
        self._due = None
        if self._writing is not None:
            await self._writing
        if self._changed:
            self._write(list(self.kept.snapshot(self.wall())))

    def _note(self) -> None:
        self._changed = True
        if self._due is None and self._writing is None:
            self._due = self.reactor.callLater(self._pause, self._begin)

    def _begin(self) -> None:
        self._due, self._changed = None, False
        self._writing = Deferred()
        self._collect(self.kept.snapshot(self.wall()), [])

    def _collect(self, left: Iterator[Row], kept: list[Row]) -> None:
        """A slice in each turn of the reactor; then the thread writes."""
        part = list(islice(left, _SLICE))
        kept += part
        if len(part) == _SLICE:
            self.reactor.callLater(0, self._collect, left, kept)
        else:
            self._run(lambda: self._write(kept)).addBoth(self._written)

    def _written(self, result: Failure | None) -> None:
        writing, self._writing = self._writing, None
        if self._changed and self.kept.changed == self._note:
            self._note()
        if isinstance(result, Failure):
            self.log.failure("{event} not written", result, event=self.event)
        if writing is not None:
            writing.callback(None)

    def _run(self, call: Callable[[], None]) -> Deferred[None]:
        if self.run is not None:
            return self.run(call)
        return deferToThreadPool(self.reactor, self.reactor.getThreadPool(), call)

    def _write(self, rows: list[Row]) -> None:
        began = self.stopwatch()
        try:
            self.write(rows)
        except OSError as error:
            if not self._failing:
                text = "{event} {file} not written: {why}"
                self.log.warn(text, event=self.event, file=str(self.file), why=error.strerror)
            self._failing = True
            return
        self._failing = False
        self._pause = max(limits.GUARD_WRITE_TIME, _WRITING_SHARE * (self.stopwatch() - began))


def replace_file(file: Path, octets: bytes) -> None:
    """Replace `file` by one that its owner alone may read: whole, or not at all. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.stem}-", dir=file.parent)  # mode 0600
    try:
        with open(descriptor, "wb") as out:
            out.write(octets)
            out.flush()
            os.fsync(out.fileno())
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise


def read_file(file: Path, most: int) -> bytes:
    """At most so many octets. Raises OSError, and `BadState` for more."""
    with open(file, "rb") as stream:
        octets = stream.read(most + 1)
    if len(octets) > most:
        raise BadState("too long")
    return octets


def _nothing() -> None:
    """Nobody keeps the state."""
