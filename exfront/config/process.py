"""[process]: how the process does its work."""

from __future__ import annotations

import select
from typing import Literal

from attrs import frozen

TRANSPORTS_NEED = "epoll"  # the lean ones; Linux has it


@frozen
class ProcessSection:
    """`transports` says what is under the protocols: exfront's own lean ones, or Twisted's."""

    transports: Literal["lean", "twisted"] = "lean"

    @property
    def lean(self) -> bool:
        """Whether lean transports are wanted, and can be had on this platform."""
        return self.transports == "lean" and hasattr(select, TRANSPORTS_NEED)
