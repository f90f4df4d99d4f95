"""What back ends said that they can do, kept over a restart in one file (S-MAIL-4): else clients would be promised less
until somebody has logged on at each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attrs import define

from exfront import limits
from exfront.auth.kept_state import BadState, KeptState, read_file, replace_file
from exfront.backends.capabilities import Capabilities, Key, Learned

_VERSION = 1


@define(eq=False)
class KeptCapabilities:
    """What `CapabilityState` keeps of `table`, whose `changed` it passes on."""

    table: Capabilities

    @property
    def changed(self) -> Callable[[], None]:
        """Called when there is something new."""
        return self.table.changed

    @changed.setter
    def changed(self, call: Callable[[], None]) -> None:
        self.table.changed = call

    def snapshot(self, wall_clock: float) -> Iterator[tuple[Key, Learned]]:
        """Each service of a server is a row."""
        yield from list(self.table.all())

    def restore(self, rows: Iterable[tuple[Key, Learned]], wall_clock: float, /) -> None:
        """What `snapshot` gave."""
        self.table.restore(dict(rows))


@define(eq=False)
class CapabilityState(KeptState[tuple[Key, Learned]]):
    """In ``capabilities.json``."""

    name = "capabilities.json"
    event = "capability_state"
    loss = "clients are promised less at first"

    def read(self) -> Iterable[tuple[Key, Learned]]:
        """See `KeptState`."""
        return _read(read_file(self.file, limits.CAPABILITY_FILE_OCTETS))

    def write(self, rows: Iterable[tuple[Key, Learned]]) -> None:
        """See `KeptState`."""
        found = {"version": _VERSION, "servers": [_row(key, learned) for key, learned in rows]}
        replace_file(self.file, json.dumps(found, indent=0).encode("ascii") + b"\n")


def _row(key: Key, learned: Learned) -> list[Any]:
    mechanisms = None if learned.mechanisms is None else tuple(sorted(learned.mechanisms))
    return [*key, *(_texts(each) for each in (learned.before, learned.after, mechanisms))]


def _texts(names: Iterable[bytes] | None) -> list[str] | None:
    return None if names is None else [name.decode("latin-1") for name in names]


def _read(octets: bytes) -> list[tuple[Key, Learned]]:
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        raise BadState("no JSON") from None
    match found:
        case {"version": 1, "servers": list(rows)}:
            return [_learned(row) for row in rows]
    raise BadState("not this version's")


def _learned(row: Any) -> tuple[Key, Learned]:
    match row:
        case ["imap4" | "pop3" as protocol, str(server), before, after, mechanisms]:
            offered = _names(mechanisms)
            known = Learned(_names(before), _names(after), None if offered is None else frozenset(offered))
            return (protocol, server), known
    raise BadState("a server")


def _names(texts: Any) -> tuple[bytes, ...] | None:
    if texts is None:
        return None
    if not isinstance(texts, list) or len(texts) > limits.CAPABILITIES:
        raise BadState("a list of names")
    return tuple(_name(text) for text in texts)


def _name(text: Any) -> bytes:
    """A name is sent to clients: nothing that could end a line."""
    if not isinstance(text, str) or not text.isascii() or not text.isprintable():
        raise BadState("a name")
    return text.encode("ascii")
