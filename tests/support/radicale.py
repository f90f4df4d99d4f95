"""Radicale as groupware behind Basic: calendars below /dav, one user per htpasswd line."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.process import Daemon, free_port


class Radicale:
    """Serves on `address`, port `port`; `users` are passwords by name."""

    def __init__(self, folder: Path, address: str, users: Mapping[str, str]) -> None:
        self.address = address
        self.port = free_port(address)
        passwords = folder / "passwords"
        passwords.touch(mode=0o600)
        passwords.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
        configuration = folder / "radicale.conf"
        configuration.write_text(
            f"""[server]
hosts = {address}:{self.port}
script_name = /dav
[auth]
type = htpasswd
htpasswd_filename = {passwords}
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {folder}/collections
[web]
type = none
"""
        )
        argv = [sys.executable, "-m", "radicale", "--config", str(configuration)]
        self.daemon = Daemon(argv, folder / "radicale.log", [(address, self.port)])
