"""A part that starts and stops with the service."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed


@define(eq=False)
class Background(Service):
    """Calls `start` when the service starts, and waits for `stop` when it stops."""

    start: Callable[[], object]
    stop: Callable[[], Coroutine[Any, Any, None] | None]

    def startService(self) -> None:
        """Start the part."""
        Service.startService(self)
        self.start()

    def stopService(self) -> Deferred[None]:
        """Fires when the part has stopped."""
        Service.stopService(self)
        stopping = self.stop()
        return succeed(None) if stopping is None else Deferred.fromCoroutine(stopping)
