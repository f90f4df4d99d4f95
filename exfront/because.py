"""The trace of queries and rules that led to an answer; nothing in it is formatted before somebody reads it."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field, frozen


@frozen
class Because:
    """One step of a reasoning: the rule's name and the values it saw."""

    rule: str
    values: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}: {', '.join(str(value) for value in self.values)}" if self.values else self.rule


@define
class Trace:
    """Collects steps while a look-up runs; the hot path passes None instead of a Trace."""

    steps: list[Because] = field(factory=list)

    def add(self, rule: str, *values: object) -> None:
        self.steps.append(Because(rule, values))

    def __iter__(self) -> Iterator[Because]:
        return iter(self.steps)
