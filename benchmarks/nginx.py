"""nginx as the peer of IMAP4: a mail proxy that asks a fixed answer where to go."""

from __future__ import annotations

from pathlib import Path

from tests.support.process import Address, Daemon, free_port, program

_ADDRESS = "127.0.0.31"


class Nginx:
    """Relays IMAP4 on `imap` to one mailbox server; one worker, as exfront is one process."""

    def __init__(self, folder: Path, imap: Address) -> None:
        self.imap: Address = (_ADDRESS, free_port(_ADDRESS))
        answers: Address = (_ADDRESS, free_port(_ADDRESS))
        configuration = folder / "nginx.conf"
        configuration.write_text(_configuration(folder, self, answers, imap))
        argv = [program("nginx", "nginx libnginx-mod-mail"), "-p", str(folder), "-c", str(configuration)]
        self.daemon = Daemon(argv, folder / "nginx.log", [self.imap, answers])


def _at(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _configuration(folder: Path, nginx: Nginx, answers: Address, imap: Address) -> str:
    return f"""load_module /usr/lib/nginx/modules/ngx_mail_module.so;
user root; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 4096; }}
mail {{
  auth_http {_at(answers)}/auth;
  server {{ listen {_at(nginx.imap)}; protocol imap; imap_auth plain login; }}
}}
http {{
  access_log {folder}/access.log;
  server {{
    listen {_at(answers)};
    location /auth {{
      add_header Auth-Status OK; add_header Auth-Server {imap[0]}; add_header Auth-Port {imap[1]}; return 204;
    }}
  }}
}}
"""
