"""What the process does to itself before it serves."""

from __future__ import annotations

import os
import resource

from twisted.application.service import Service


class Hardening(Service):
    """No core dumps (they would hold passwords, S-AUTH-11), and no file of ours readable by others (S-OPS-1)."""

    def privilegedStartService(self) -> None:
        """Set both before anything else starts."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.umask(0o077)
