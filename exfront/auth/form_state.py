"""Keys and ended log-ons of forms, kept over a restart in one file that its owner alone may read (S-HTTP-35, -37)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attrs import define, frozen

from exfront import limits
from exfront.auth.cookie_keys import CookieKey
from exfront.auth.forms import FormLogOns
from exfront.auth.kept_state import BadState, KeptState, read_file, replace_file
from exfront.wire.logon_cookie import SESSION_ID_OCTETS
from exfront.wire.sealed_cookie import KEY_ID_OCTETS, KEY_OCTETS

_VERSION = 1


@frozen
class KeptLogOns:
    """`revoked` are session ids with the moments until which they count, `floor` is that of `Revocations`."""

    keys: tuple[CookieKey, ...]
    revoked: dict[bytes, float]
    floor: float


@define(eq=False)
class KeptForms:
    """What `FormState` keeps of `forms`, whose `changed` it passes on."""

    forms: FormLogOns

    @property
    def changed(self) -> Callable[[], None]:
        """Called when there is something new."""
        return self.forms.changed

    @changed.setter
    def changed(self, call: Callable[[], None]) -> None:
        self.forms.changed = call

    def snapshot(self, wall_clock: float) -> Iterator[KeptLogOns]:
        """All of it is one row."""
        forms = self.forms
        yield KeptLogOns(forms.keys.all(), forms.revoked.all(), forms.revoked.floor)

    def restore(self, rows: Iterable[KeptLogOns], wall_clock: float, /) -> None:
        """What `snapshot` gave."""
        for row in rows:
            self.forms.keys.restore(row.keys)
            self.forms.revoked.restore(row.revoked, row.floor)


@define(eq=False)
class FormState(KeptState[KeptLogOns]):
    """In ``logons.json``; it holds what opens every log-on cookie."""

    name = "logons.json"
    event = "form_state"
    loss = "everybody logs on again"

    def read(self) -> Iterable[KeptLogOns]:
        """See `KeptState`."""
        return (_read(read_file(self.file, limits.LOGON_STATE_OCTETS)),)

    def write(self, rows: Iterable[KeptLogOns]) -> None:
        """See `KeptState`."""
        for row in rows:
            replace_file(self.file, _written(row))


def _written(row: KeptLogOns) -> bytes:
    found = {
        "version": _VERSION,
        "keys": [[key.id.hex(), key.octets.hex(), key.made] for key in row.keys],
        "revoked": {session_id.hex(): until for session_id, until in row.revoked.items()},
        "floor": row.floor,
    }
    return json.dumps(found, indent=0).encode("ascii") + b"\n"


def _read(octets: bytes) -> KeptLogOns:
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        raise BadState("no JSON") from None
    match found:
        case {"version": 1, "keys": list(keys), "revoked": dict(revoked), "floor": float() | int() as floor}:
            return KeptLogOns(tuple(_key(key) for key in keys), dict(map(_revoked, revoked.items())), float(floor))
    raise BadState("not this version's")


def _key(row: Any) -> CookieKey:
    match row:
        case [str(key_id), str(octets), float() | int() as made]:
            return CookieKey(_hex(key_id, KEY_ID_OCTETS), _hex(octets, KEY_OCTETS), float(made))
    raise BadState("a key")


def _revoked(row: tuple[str, Any]) -> tuple[bytes, float]:
    session_id, until = row
    if not isinstance(until, float | int):
        raise BadState("a log-on that was ended")
    return _hex(session_id, SESSION_ID_OCTETS), float(until)


def _hex(text: str, octets: int) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != octets:
        raise BadState(f"{octets} octets that are none")
    return found
