"""What is wrong in a configuration file, as values with the place; no rule of the configuration itself is here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from attrs import frozen

# Where a value stands: ("listener", 2, "tls"); numbers are places in an array, counted from 0.
KeyPath = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_SHOWN = 60  # characters of a value found


@frozen
class ConfigError:
    """One mistake, or one warning.

    `line` counts from 1 and is 0 where the file itself is at fault; `key` is a path as `key_text` writes it;
    `problem` says what was found, `allowed` what may stand there, `nearest` the spelling that was probably meant.
    """

    file: str
    line: int
    key: str
    problem: str
    allowed: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        """One line: ``FILE:LINE: key: message``."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f"{self.key}: " if self.key else ""
        nearest = f", did you mean {self.nearest}?" if self.nearest else ""
        allowed = f" (allowed: {self.allowed})" if self.allowed else ""
        return f"{place}: {key}{self.problem}{nearest}{allowed}"


class ConfigErrors(Exception):  # noqa: N818 - it holds them
    """All mistakes of one file, by line; the text has a line for each."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = in_order(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


def in_order(errors: Iterable[ConfigError]) -> tuple[ConfigError, ...]:
    """By line, then by key."""
    return tuple(sorted(errors, key=lambda error: (error.line, error.key, error.problem)))


def key_text(path: KeyPath) -> str:
    """``listener[2].tls``; an administrator counts from 1, so the first of several is ``[1]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.match(part) else quoted(part))
    return text


def quoted(text: str) -> str:
    """A value or a key as it was found, on one line and not too long."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def nearest(word: str, known: Iterable[str]) -> str:
    """The spelling among `known` that `word` was probably meant to be; empty where none is near."""
    spellings = {spelling.lower(): spelling for spelling in known}
    close = get_close_matches(word.lower(), spellings, 1)
    return spellings[close[0]] if close else ""
