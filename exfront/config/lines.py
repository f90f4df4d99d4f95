"""Where each table and key of a TOML text stands: tomllib gives values without their lines.

Source: TOML v1.0.0. The scanner is for text that tomllib has taken; of any other text it tells nothing useful.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping

from attrs import define, field, frozen

from exfront.config.errors import KeyPath

_BLANK = re.compile(r"[ \t]*")
_FILLER = re.compile(r"(?:[ \t\n]|#[^\n]*)*")  # white space, line ends and comments
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")  # numbers, booleans, dates; a date may hold a space
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'  # up to two quotation marks may stand before the closing three
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


@frozen
class Lines:
    """The line, counted from 1, of each path: of a table its header, of a key the key, in an array each element."""

    known: Mapping[KeyPath, int]

    def of(self, path: KeyPath) -> int:
        """The line of `path`, or of the nearest table around it; 1 for what stands nowhere."""
        while path:
            if path in self.known:
                return self.known[path]
            path = path[:-1]
        return 1


def find_lines(text: str) -> Lines:
    """Scan a TOML document that `tomllib.loads` has accepted."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return Lines(scanner.lines)


@define
class _Scanner:
    text: str
    lines: dict[KeyPath, int] = field(factory=dict)
    _place: int = 0
    _starts: list[int] = field(factory=list)
    _tables: Counter[KeyPath] = field(factory=Counter)  # how many [[...]] of each name were seen

    def __attrs_post_init__(self) -> None:
        self._starts = [0] + [end.end() for end in re.finditer("\n", self.text)]

    def document(self) -> None:
        table: KeyPath = ()
        while self._skip(_FILLER) < len(self.text):
            if self.text[self._place] == "[":
                table = self._header()
            else:
                self._assignment(table)

    def _header(self) -> KeyPath:
        line = self._line()
        brackets = 2 if self.text.startswith("[[", self._place) else 1
        self._place += brackets
        path = self._resolve(self._key())
        self._place += brackets
        if brackets == 2:
            self._tables[path] += 1
            self._implied(path, line)
            path = (*path, self._tables[path] - 1)
        self._implied(path[:-1], line)
        self.lines[path] = line
        return path

    def _resolve(self, key: KeyPath) -> KeyPath:
        """The last part may be a new element; any part before it means the latest element."""
        path: KeyPath = ()
        for part in key:
            count = self._tables[path]
            path = (*path, count - 1, part) if count else (*path, part)
        return path

    def _assignment(self, table: KeyPath) -> None:
        line = self._line()
        path = (*table, *self._key())
        self._implied(path[:-1], line)
        self.lines[path] = line
        self._place += 1  # the equals sign
        self._value(path)

    def _implied(self, path: KeyPath, line: int) -> None:
        """Tables that a dotted key or header makes on its way; their own header, if there is one, says better."""
        while path:
            self.lines.setdefault(path, line)
            path = path[:-1]

    def _key(self) -> KeyPath:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            parts.append(self._key_part())
            self._skip(_BLANK)
            if not self.text.startswith(".", self._place):
                return tuple(parts)
            self._place += 1

    def _key_part(self) -> str:
        raw = self._take(_STRING if self.text[self._place] in "\"'" else _BARE_KEY)
        if raw[0] not in "\"'":
            return raw
        return str(tomllib.loads(f"key = {raw}")["key"])

    def _value(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        first = self.text[self._place]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._take(_STRING if first in "\"'" else _SCALAR)

    def _array(self, path: KeyPath) -> None:
        index = 0
        while not self._closes("]"):
            self.lines[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        while not self._closes("}"):
            self._assignment(path)

    def _closes(self, bracket: str) -> bool:
        """Step over the opening bracket or a comma; is the closing one next?"""
        self._skip(_FILLER)
        if self.text[self._place] in "[{,":
            self._place += 1
            self._skip(_FILLER)
        if self.text[self._place] != bracket:
            return False
        self._place += 1
        return True

    def _line(self) -> int:
        return bisect_right(self._starts, self._place)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        self._take(pattern)
        return self._place

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self._place)
        if found is None:
            raise ValueError(f"line {self._line()}: not TOML")
        self._place = found.end()
        return found.group()
