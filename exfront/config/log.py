"""[log]: the access log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import frozen


@frozen
class LogSection:
    """`access` is a file; without one access lines go to standard output."""

    access: Path | None = None
    format: Literal["w3c", "json"] = "w3c"
