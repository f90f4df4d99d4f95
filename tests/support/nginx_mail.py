"""An nginx that relays mail itself, and asks exfront where each client goes."""

from __future__ import annotations

from pathlib import Path

from tests.support.process import Address, Daemon, free_port, program

_MODULE = "/usr/lib/nginx/modules/ngx_mail_module.so"


class NginxMail:
    """IMAP4 and POP3: over TLS, where clients may have certificates, at `imaps` and `pop3s`, in the clear at `imap` and
    `pop3`. SMTP at `smtp`."""

    def __init__(self, address: str, folder: Path, asks: Address, certificate: Path, key: str, ca_file: Path) -> None:
        self.imap, self.pop3, self.imaps, self.pop3s, self.smtp = ((address, free_port(address)) for _ in range(5))
        configuration = folder / "nginx.conf"
        configuration.write_text(self._configuration(folder, asks, certificate, key, ca_file))
        configuration.chmod(0o600)
        argv = [
            program("nginx", "nginx libnginx-mod-mail"), "-p", str(folder), "-c", str(configuration),
            "-e", str(folder / "error.log"),
        ]  # fmt: skip
        ports = [self.imap, self.pop3, self.imaps, self.pop3s, self.smtp]
        self.daemon = Daemon(argv, folder / "output.log", ports)

    def _configuration(self, folder: Path, asks: Address, certificate: Path, key: str, ca_file: Path) -> str:
        servers = "\n".join(
            f"  server {{ listen {host}:{port}{' ssl' if secure else ''}; protocol {protocol}; {methods} }}"
            for (host, port), secure, protocol, methods in (
                (self.imap, False, "imap", "imap_auth plain login;"),
                (self.imaps, True, "imap", "imap_auth plain login cram-md5 external;"),
                (self.pop3, False, "pop3", "pop3_auth plain;"),
                (self.pop3s, True, "pop3", "pop3_auth plain apop;"),
                (self.smtp, False, "smtp", "smtp_auth plain;"),
            )
        )
        return f"""load_module {_MODULE};
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr info;
events {{ worker_connections 64; }}
mail {{
  server_name mail.fourthcoffee.com;
  auth_http http://{asks[0]}:{asks[1]}/auth;
  auth_http_header X-Auth-Key {key};
  auth_http_pass_client_cert on;
  ssl_certificate {certificate};
  ssl_certificate_key {certificate};
  ssl_verify_client optional;
  ssl_client_certificate {ca_file};
{servers}
}}
"""
