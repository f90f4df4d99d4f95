"""Unix sockets in the file system: one that a process left behind may go, one that is served may not."""

from __future__ import annotations

import socket
from pathlib import Path

_CONNECT_TIME = 1.0  # seconds; a local process with room in its backlog takes none


def is_served(path: Path) -> bool:
    """Whether somebody listens on the socket at `path`; a full backlog is somebody too. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CONNECT_TIME)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            return True
        return True
