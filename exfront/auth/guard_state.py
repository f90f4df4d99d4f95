"""What the guard knows, kept over a restart in one file (S-AUTH-7)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from attrs import define

from exfront import limits
from exfront.auth.guard import Remembered
from exfront.auth.kept_state import BadState, KeptState, read_file, replace_file

_VERSION = 1


@define(eq=False)
class GuardState(KeptState[Remembered]):
    """Counts and known networks, in ``guard.json``."""

    name = "guard.json"
    event = "guard_state"
    loss = "counts begin anew"

    def read(self) -> Iterable[Remembered]:
        """See `KeptState`."""
        return read_state(self.file)

    def write(self, rows: Iterable[Remembered]) -> None:
        """See `KeptState`."""
        write_state(self.file, rows)


def write_state(file: Path, accounts: Iterable[Remembered]) -> None:
    """Replace `file` by one that its owner alone may read: whole, or not at all. Raises OSError."""
    # Row by row: one call for all of them would not let the reactor's thread run.
    rows = [json.dumps([one.account_id, one.name, one.failures, one.failed, dict(one.networks)]) for one in accounts]
    replace_file(file, (f'{{"version": {_VERSION}, "accounts": [\n' + ",\n".join(rows) + "\n]}\n").encode("ascii"))


def read_state(file: Path) -> tuple[Remembered, ...]:
    """What `write_state` wrote. Raises OSError, and `BadState` for anything else."""
    octets = read_file(file, limits.GUARD_FILE_OCTETS)
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
