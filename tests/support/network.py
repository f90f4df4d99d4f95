"""What a network does to connections: here, nothing at all."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from tests.support.process import free_port


def deaf(test: SynchronousTestCase, address: str) -> int:
    """A port on which connection attempts get no answer, not even a refusal, until the end of `test`."""
    full = socket.create_server((address, free_port(address)), backlog=0)
    test.addCleanup(full.close)
    for _ in range(2):  # the kernel drops what comes after these
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(full.getsockname())
        test.addCleanup(waiting.close)
    port: int = full.getsockname()[1]
    return port
