"""nginx as the peer of IMAP4: a mail proxy that asks a fixed answer where to go."""

from __future__ import annotations

from pathlib import Path

from tests.support.process import Address, Daemon, free_port, program

_ADDRESS = "127.0.0.31"


class Nginx:
    """Relays IMAP4 on `imap`, and by TLS on `imaps`, to one mailbox server; one worker, as exfront is one process.

    Another nginx gives the answers to its questions, so that they cost `daemon` what asking costs and no more.
    """

    def __init__(self, folder: Path, imap: Address, certificate: Path) -> None:
        self.imap: Address = (_ADDRESS, free_port(_ADDRESS))
        self.imaps: Address = (_ADDRESS, free_port(_ADDRESS))
        answers: Address = (_ADDRESS, free_port(_ADDRESS))
        relays, answer = folder / "nginx.conf", folder / "answers.conf"
        relays.write_text(_relays(folder, self, answers, certificate))
        answer.write_text(_answers(folder, answers, imap))
        argv = [program("nginx", "nginx libnginx-mod-mail"), "-p", str(folder), "-c"]
        self.daemon = Daemon([*argv, str(relays)], folder / "nginx.log", [self.imap, self.imaps])
        self._answers = Daemon([*argv, str(answer)], folder / "answers.log", [answers])

    def start(self) -> None:
        """Run both."""
        self._answers.start()
        self.daemon.start()


def _at(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _relays(folder: Path, nginx: Nginx, answers: Address, certificate: Path) -> str:
    return f"""load_module /usr/lib/nginx/modules/ngx_mail_module.so;
user root; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 32768; }}
mail {{
  auth_http {_at(answers)}/auth;
  imap_auth plain login;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {certificate}; ssl_certificate_key {certificate};
  server {{ listen {_at(nginx.imap)} backlog=4096; protocol imap; }}
  server {{ listen {_at(nginx.imaps)} ssl backlog=4096; protocol imap; }}
}}
"""


def _answers(folder: Path, answers: Address, imap: Address) -> str:
    return f"""user root; daemon off; worker_processes 1; pid {folder}/answers.pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  server {{
    listen {_at(answers)} backlog=4096;
    location /auth {{
      add_header Auth-Status OK; add_header Auth-Server {imap[0]}; add_header Auth-Port {imap[1]}; return 204;
    }}
  }}
}}
"""
