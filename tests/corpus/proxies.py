"""Other HTTP proxies in front of the recording back end, each as its manual's first example has it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.process import Address, Daemon, free_port, program

_ADDRESS = "127.0.0.32"
_APACHE_MODULES = Path("/usr/lib/apache2/modules")


class Proxy:
    """`name` with its version; `at` is where it listens."""

    def __init__(self, name: str, version: Sequence[str], argv: Sequence[str], at: Address, folder: Path) -> None:
        told = subprocess.run(version, capture_output=True, text=True, check=True, timeout=20)
        number = re.search(r"\d+\.\d+\.\d+", told.stdout + told.stderr)
        assert number is not None, told
        self.name = f"{name} {number[0]}"
        self.at = at
        self.daemon = Daemon(argv, folder / f"{name}.log", [at])


def nginx(folder: Path, back_end: Address) -> Proxy:
    """``proxy_pass``, in HTTP/1.1 as newer versions do by themselves."""
    at = _address()
    path = program("nginx", "nginx")
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""user root; daemon off; worker_processes 1; pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_max_body_size 0;
  server {{
    listen {at[0]}:{at[1]};
    location / {{
      proxy_pass http://{back_end[0]}:{back_end[1]};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
""")
    return Proxy("nginx", [path, "-v"], [path, "-p", str(folder), "-c", str(configuration)], at, folder)


def haproxy(folder: Path, back_end: Address) -> Proxy:
    """``mode http`` with ``option forwardfor``."""
    at = _address()
    path = program("haproxy", "haproxy")
    configuration = folder / "haproxy.cfg"
    configuration.write_text(f"""defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
  option forwardfor
frontend in
  bind {at[0]}:{at[1]}
  default_backend out
backend out
  server one {back_end[0]}:{back_end[1]}
""")
    return Proxy("HAProxy", [path, "-v"], [path, "-db", "-f", str(configuration)], at, folder)


def apache(folder: Path, back_end: Address) -> Proxy:
    """``ProxyPass``; mod_proxy adds X-Forwarded-For by itself."""
    at = _address()
    path = program("apache2", "apache2")
    modules = "\n".join(
        f"LoadModule {name}_module {_APACHE_MODULES}/mod_{name}.so"
        for name in ("mpm_event", "authz_core", "proxy", "proxy_http")
    )
    user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    configuration = folder / "proxy.conf"
    configuration.write_text(f"""{modules}
{user}ServerRoot {folder}
ServerName mail.fourthcoffee.com
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex file:{folder} default
ErrorLog {folder}/apache-error.log
LogLevel crit
StartServers 1
ServerLimit 2
ThreadsPerChild 64
MaxRequestWorkers 128
Listen {at[0]}:{at[1]}
ProxyPass / http://{back_end[0]}:{back_end[1]}/
ProxyPreserveHost On
""")
    return Proxy("Apache", [path, "-v"], [path, "-DFOREGROUND", "-f", str(configuration)], at, folder)


def _address() -> Address:
    return _ADDRESS, free_port(_ADDRESS)
