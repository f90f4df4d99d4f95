"""Several servers in one nginx, each with its certificate and port: a page says which one answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.authority import Authority
from tests.support.process import Daemon, free_port, program


class NamedServers:
    """`hosts` are names and host names; those in `clear` speak plain HTTP. All listen on `address`.

    `page` is what each says behind its name, in nginx' variables.
    """

    def __init__(
        self, address: str, folder: Path, authority: Authority, hosts: Mapping[str, str],
        clear: frozenset[str] = frozenset(), page: str = "$scheme $host $remote_user",
    ) -> None:  # fmt: skip
        self.address, self.hosts, self.clear, self._page = address, hosts, clear, page
        self.ports = {name: free_port(address) for name in hosts}
        self._folder = folder
        self._certificates = {name: authority.issue(host) for name, host in hosts.items() if name not in clear}
        self.daemons = {name: self._daemon(name) for name in hosts}

    def start(self) -> None:
        """Run all."""
        for daemon in self.daemons.values():
            daemon.start()

    def kill(self) -> None:
        """End all."""
        for daemon in self.daemons.values():
            daemon.kill()

    def section(self, name: str) -> dict[str, Any]:
        """Its [[server]]: where it is, nothing of what it is."""
        tls = "none" if name in self.clear else "implicit"
        return {"name": name, "host": self.hosts[name], "address": self.address, "http": self.ports[name],
                "http_tls": tls, "imap4": 0, "pop3": 0}  # fmt: skip

    def _daemon(self, name: str) -> Daemon:
        folder = self._folder / name
        folder.mkdir(mode=0o755)
        configuration = folder / "nginx.conf"
        configuration.write_text(self._configuration(name, folder))
        argv = [program("nginx", "nginx"), "-c", str(configuration), "-p", str(folder), "-e", str(folder / "error.log")]
        return Daemon(argv, folder / "output.log", [(self.address, self.ports[name])])

    def _configuration(self, name: str, folder: Path) -> str:
        certificate = self._certificates.get(name)
        listen = f"listen {self.address}:{self.ports[name]}"
        tls = f" ssl; ssl_certificate {certificate}; ssl_certificate_key {certificate}" if certificate else ""
        temporary = "".join(f"{each}_temp_path {folder}/{each}; " for each in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
        return f"""daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off;
  {temporary}
  server {{ {listen}{tls}; location / {{ return 200 "{name} {self._page}"; }} }}
}}
"""
