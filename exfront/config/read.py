"""Reads the tables of exfront.toml as the section classes declare them; every mistake is noted, and reading goes on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import attrs

from exfront.config.errors import KeyPath, nearest
from exfront.config.findings import Findings
from exfront.config.settings import Settings
from exfront.config.values import Unfit, may_stand_alone, plain, read_value, shown, stand_in

_Section = TypeVar("_Section")


def read_settings(document: Mapping[str, object], folder: Path, findings: Findings) -> Settings:
    """What tomllib made of the file, as `Settings`; relative paths are taken from `folder`.

    Where `findings` holds errors afterwards, the keys concerned have stand-ins for values: good for finding more
    mistakes, and for nothing else.
    """
    return _Reader(folder, findings).section(Settings, document, ())


@attrs.frozen
class _Reader:
    folder: Path
    findings: Findings

    def section(self, kind: type[_Section], table: Mapping[str, object], path: KeyPath) -> _Section:
        """One table; a key that is neither there nor needed is left to the class's default."""
        hints = get_type_hints(kind, include_extras=True)
        needed = {name for name, field in attrs.fields_dict(kind).items() if field.default is attrs.NOTHING}  # type: ignore[arg-type]
        self._unknown_keys(table, hints, path)
        values = {}
        for name, hint in hints.items():
            if name in table:
                values[name] = self._value(hint, table[name], (*path, name))
            elif name in needed:
                values[name] = self._wrong(hint, "missing", (*path, name))
            if name in needed and values[name] == ():
                self.findings.error((*path, name), "found nothing in it", "one or more")
        return kind(**values)

    def _unknown_keys(self, table: Mapping[str, object], known: Collection[str], path: KeyPath) -> None:
        absent = [name for name in known if name not in table]
        for key in table:
            if key in known:
                continue
            meant = nearest(key, absent) or nearest(key, known)
            self.findings.error((*path, key), "unknown key" if path else "unknown section", ", ".join(known), meant)
            if meant in absent:  # that it is missing needs no second message
                self.findings.set_aside((*path, meant))

    def _value(self, declared: Any, found: object, path: KeyPath) -> Any:
        kind, _ = plain(declared)
        if _is_table(kind) and isinstance(found, dict):
            return self.section(kind, found, path)
        if get_origin(kind) is dict and isinstance(found, dict):
            return {key: self._value(str, value, (*path, key)) for key, value in found.items()}
        if may_stand_alone(declared) and isinstance(found, str):
            return (self._value(get_args(kind)[0], found, path),)
        if get_origin(kind) is tuple and isinstance(found, list):
            return tuple(self._value(get_args(kind)[0], each, (*path, index)) for index, each in enumerate(found))
        if _written(kind, path):
            return self._wrong(kind, f"found {shown(found)}", path)
        try:
            return read_value(declared, found, self.folder)
        except Unfit as unfit:
            self.findings.error(path, unfit.problem, unfit.allowed, unfit.nearest)
            return stand_in(kind)

    def _wrong(self, declared: Any, problem: str, path: KeyPath) -> Any:
        kind, _ = plain(declared)
        self.findings.error(path, problem, _written(kind, path))
        if _is_table(kind):
            return self.section(kind, {}, path)
        return {tuple: (), dict: {}}.get(get_origin(kind)) if _written(kind, path) else stand_in(kind)


def _is_table(kind: Any) -> bool:
    """Section classes are; kinds of text have a reader of their own."""
    return attrs.has(kind) and not hasattr(kind, "read")


def _written(kind: Any, path: KeyPath) -> str:
    """How a table or an array is written at `path`; empty for a plain value."""
    header = ".".join(part for part in path if isinstance(part, str))
    if _is_table(kind) or get_origin(kind) is dict:
        return f"a table, written [{header}]"
    if get_origin(kind) is not tuple:
        return ""
    return f"tables, each written [[{header}]]" if _is_table(get_args(kind)[0]) else "an array, written [ … ]"
