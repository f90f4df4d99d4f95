"""What the process does to itself before it serves."""

from __future__ import annotations

import gc
import os
import resource

from attrs import define, evolve
from twisted.application.service import Service
from twisted.logger import Logger

from exfront import limits
from exfront.net.descriptors import raised
from exfront.sessions import SessionTable


@define(eq=False)
class Hardening(Service):
    """No core dumps (they would hold passwords, S-AUTH-11), no file of ours readable by others (S-OPS-1), and no more
    sessions than there are descriptors for (S-OPS-5)."""

    log = Logger()

    sessions: SessionTable

    def privilegedStartService(self) -> None:
        """Set all before anything else starts."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.umask(0o077)
        self._fit_descriptors()

    def _fit_descriptors(self) -> None:
        """Two for each connection and some; where there are hardly any, accepting pauses in time."""
        settings = self.sessions.settings
        wanted = 2 * settings.connections + limits.DESCRIPTORS_RESERVE
        found = raised(wanted)
        if found >= wanted:
            return
        fewer = settings.connections
        if found >= 2 * limits.DESCRIPTORS_RESERVE:
            fewer = (found - limits.DESCRIPTORS_RESERVE) // 2
            self.sessions.settings = evolve(settings, connections=fewer)
        self.log.warn(
            "RLIMIT_NOFILE is {found}, [limits] connections needs {wanted}: at most {fewer} are taken",
            found=found, wanted=wanted, fewer=fewer,
        )  # fmt: skip


class Settled(Service):
    """What was loaded at the start stays until the end: the garbage collector need not look at it again and again.

    Without this a look at everything held the loop for 70 ms now and then.
    """

    def startService(self) -> None:
        """The last of all: what comes later is garbage sooner or later."""
        Service.startService(self)
        gc.collect()
        gc.freeze()
