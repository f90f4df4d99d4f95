"""What a check found, as rows, and the rows as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import asdict, frozen

State = Literal["ok", "warning", "error"]


@frozen
class Row:
    """One thing looked at: what was `found` of it, and what to do (`advice`) where it is not as it should be."""

    state: State
    subject: str
    found: str
    advice: str = ""


def status(rows: Sequence[Row]) -> int:
    """The exit status: 1 for any error, warnings are none."""
    return int(any(row.state == "error" for row in rows))


def as_objects(rows: Sequence[Row]) -> list[dict[str, str]]:
    """For JSON."""
    return [asdict(row) for row in rows]


def as_table(rows: Sequence[Row]) -> str:
    """One line a row, the advice on the line below it."""
    width = max((len(row.subject) for row in rows), default=0)
    lines = []
    for row in rows:
        lines.append(f"{row.state:<8} {row.subject:<{width}}  {_one_line(row.found)}".rstrip())
        if row.advice:
            lines.append(f"{'':<8} {'':<{width}}  -> {row.advice}")
    return "\n".join(lines) + "\n" if lines else ""


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
