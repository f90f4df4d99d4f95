"""[control]: the process itself."""

from __future__ import annotations

from attrs import frozen


@frozen
class ControlSection:
    """`allow_root` lets the process keep running as root: a warning in the log, and a risk (S-OPS-1)."""

    allow_root: bool = False
