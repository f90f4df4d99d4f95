"""Which servers hold a copy of a database, in the order in which they would be activated (2010 on)."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from exfront.topology import Database, DatabaseCopy


def with_copies(databases: Iterable[Database], copies: Iterable[DatabaseCopy]) -> list[Database]:
    """The databases with their copies; a copy of a database that is not there counts for nothing."""
    by_database: dict[str, list[DatabaseCopy]] = {}
    for copy in copies:
        by_database.setdefault(copy.dn, []).append(copy)
    return [evolve(each, copies=_in_order(by_database.get(each.dn, ()))) for each in databases]


def _in_order(copies: Iterable[DatabaseCopy]) -> tuple[str, ...]:
    return tuple(copy.server for copy in sorted(copies, key=lambda copy: (copy.preference, copy.server.lower())))
