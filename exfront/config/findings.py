"""Collects what is wrong in one configuration file, so that all of it can be shown at once."""

from __future__ import annotations

from attrs import define, field

from exfront.config.errors import ConfigError, KeyPath, key_text
from exfront.config.lines import Lines


@define
class Findings:
    """Errors and warnings of `file`.

    A key that has an error is not sound any more: what is found later at the same key, or by comparing with it, would
    only be a consequence of the first mistake, and is left out.
    """

    file: str
    lines: Lines
    errors: list[ConfigError] = field(factory=list)
    warnings: list[ConfigError] = field(factory=list)
    _unsound: set[KeyPath] = field(factory=set)

    def error(
        self, path: KeyPath, problem: str, allowed: str = "", nearest: str = "", also: tuple[KeyPath, ...] = ()
    ) -> None:
        """Note a mistake at `path`; `also` are the other keys that it follows from."""
        if self.sound(path, *also):
            self.errors.append(self._at(path, problem, allowed, nearest))
            self.set_aside(path)

    def warn(self, path: KeyPath, text: str) -> None:
        """Note something that is allowed, and that an administrator should know."""
        if self.sound(path):
            self.warnings.append(self._at(path, text))

    def set_aside(self, path: KeyPath) -> None:
        """Say no more of this key."""
        self._unsound.add(path)

    def sound(self, *paths: KeyPath) -> bool:
        """Whether none of these keys, of the tables around them and of the values in them has an error."""
        return not any(_related(path, unsound) for path in paths for unsound in self._unsound)

    def _at(self, path: KeyPath, problem: str, allowed: str = "", nearest: str = "") -> ConfigError:
        return ConfigError(self.file, self.lines.of(path), key_text(path), problem, allowed, nearest)


def _related(one: KeyPath, other: KeyPath) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
