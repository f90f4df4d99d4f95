"""[control]: the process itself."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen
class ControlSection:
    """`allow_root` lets the process keep running as root: a warning in the log, and a risk (S-OPS-1).

    `socket` is the Unix socket for exfrontctl, in a folder that its user alone may enter (S-OPS-3); None for none.
    `state_dir` is the folder of what a restart must not forget (S-AUTH-7); None for systemd's ``$STATE_DIRECTORY``.
    """

    allow_root: bool = False
    socket: Path | None = None
    state_dir: Path | None = None
