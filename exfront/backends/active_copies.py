"""Where the active copy of a database was found when it was not where it should have been; kept for a while.

No clock: times are passed in by `seconds`, which only goes forward.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from exfront import limits


@define(eq=False)
class ActiveCopies:
    """Databases are known by their DN, as `exfront.topology.Database` has it: there are as many as in the topology."""

    seconds: Callable[[], float]
    _found: dict[str, tuple[str, float]] = field(factory=dict)

    def found(self, database: str, server: str) -> None:
        """`server` (its name) has the active copy now."""
        self._found[database] = server, self.seconds() + limits.ACTIVE_COPY_TIME

    def find(self, database: str) -> str:
        """The server that had it a moment ago; empty where nobody knows."""
        server, until = self._found.get(database, ("", 0.0))
        if server and self.seconds() >= until:
            del self._found[database]
            return ""
        return server
