"""The lab as a process of its own, on free ports: what `make lab` starts."""

from __future__ import annotations

import functools
import re
import sys
from importlib.resources import files
from pathlib import Path

from tests.support.process import Address, Daemon, free_port, temporary_folder

TWISTD = (sys.executable, str(Path(sys.executable).with_name("twistd")), "--nodaemon", "--pidfile=")
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=^imap4 = )\d+|(?<=^pop3 = )\d+|(?<=^http = )\d+", re.MULTILINE)


class LabProcess:
    """``twistd exfront --lab --lab-dir``; `ports` maps the port of the bundled configuration to the one in use."""

    def __init__(self) -> None:
        text = files("exfront.lab").joinpath("exfront.toml").read_text("utf-8")
        self.ports = {int(port): free_port() for port in _PORT.findall(text)}
        self.folder = temporary_folder("lab")
        self.configuration = self.folder / "exfront.toml"
        self.configuration.write_text(_PORT.sub(lambda port: str(self.ports[int(port[0])]), text), "utf-8")
        argv = [*TWISTD, "exfront", "--lab", "--lab-dir", str(self.folder)]
        self.daemon = Daemon(argv, self.folder / "output", [self.at(port) for port in self.ports])

    def at(self, port: int) -> Address:
        """Where the lab serves what it serves at `port` when nobody changes its configuration."""
        return "127.0.0.1", self.ports[port]

    @property
    def authority(self) -> Path:
        """What clients may trust."""
        return self.folder / "lab-ca.pem"


@functools.cache
def shared_lab() -> LabProcess:
    """One lab for all tests of a process, started; tests leave its mailboxes as they are."""
    lab = LabProcess()
    lab.daemon.start()
    return lab
