"""What the process does to itself before it serves."""

from __future__ import annotations

import gc
import os
import resource

from twisted.application.service import Service


class Hardening(Service):
    """No core dumps (they would hold passwords, S-AUTH-11), and no file of ours readable by others (S-OPS-1)."""

    def privilegedStartService(self) -> None:
        """Set both before anything else starts."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.umask(0o077)


class Settled(Service):
    """What was loaded at the start stays until the end: the garbage collector need not look at it again and again.

    Without this a look at everything held the loop for 70 ms now and then.
    """

    def startService(self) -> None:
        """The last of all: what comes later is garbage sooner or later."""
        Service.startService(self)
        gc.collect()
        gc.freeze()
