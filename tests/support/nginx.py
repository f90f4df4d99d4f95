"""An nginx as the load balancer before exfront: it ends TLS elsewhere, and tells whom it speaks for."""

from __future__ import annotations

from pathlib import Path

from tests.support.process import Address, Daemon, free_port, program


class Nginx:
    """Relays all from `address` to `target`; its clients are told to have come over TLS."""

    def __init__(self, address: str, folder: Path, target: Address) -> None:
        self.at: Address = (address, free_port(address))
        configuration = folder / "nginx.conf"
        configuration.write_text(_configuration(folder, self.at, target))
        argv = [program("nginx", "nginx"), "-c", str(configuration), "-p", str(folder), "-e", str(folder / "error.log")]
        self.daemon = Daemon(argv, folder / "output.log", [self.at])


def _configuration(folder: Path, at: Address, target: Address) -> str:
    temporary = "\n".join(
        f"  {name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off;
{temporary}
  server {{
    listen {at[0]}:{at[1]};
    location / {{
      proxy_pass http://{target[0]}:{target[1]};
      proxy_bind {at[0]};
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto https;
    }}
  }}
}}
"""
