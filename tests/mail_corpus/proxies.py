"""Other mail proxies in front of the recording mailbox servers, each as its manual has it."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote_to_bytes

from attrs import frozen

from tests.mail_corpus.back_end import MailBackEnd
from tests.support.population import Person
from tests.support.process import Address, Daemon, free_port, program

_NGINX, _DOVECOT_CLEAR, _DOVECOT = "127.0.0.33", "127.0.0.34", "127.0.0.35"
_MODULE = "/usr/lib/nginx/modules/ngx_mail_module.so"
_KEYS = [(protocol, listener) for protocol in ("imap4", "pop3") for listener in ("clear", "starttls", "tls")]


@frozen
class Home:
    """A back end and who lives there."""

    back_end: MailBackEnd
    people: Sequence[Person]


@frozen
class Proxy:
    """`name` with its version; `fronts` is where it listens, by protocol and listener; `upgrades`: also speaks TLS to
    mailbox servers."""

    name: str
    fronts: Mapping[tuple[str, str], Address]
    daemon: Daemon
    upgrades: bool = False


def nginx(folder: Path, certificate: Path, homes: Sequence[Home]) -> Proxy:
    """``mail`` with an auth_http server; its capabilities are those that the back ends have."""
    ports = {key: free_port(_NGINX) for key in _KEYS}
    auth_http = _auth_http(homes)
    servers = "".join(
        f"  server {{ listen {_NGINX}:{port}{' ssl' if listener == 'tls' else ''}; protocol {protocol[:4]};"
        f" starttls {'only' if listener == 'starttls' else 'off'}; }}\n"
        for (protocol, listener), port in ports.items()
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""load_module {_MODULE};
user root; daemon off; worker_processes 1; pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log crit;
events {{ worker_connections 512; }}
mail {{
  auth_http 127.0.0.1:{auth_http}/auth;
  imap_capabilities IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE UIDPLUS;
  imap_auth plain login; pop3_auth plain; pop3_capabilities TOP USER UIDL;
  ssl_certificate {certificate}; ssl_certificate_key {certificate};
{servers}}}
""")
    path = program("nginx", "nginx")
    argv = [path, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "start.log")]
    return _proxy("nginx", [path, "-v"], argv, _NGINX, ports, folder)


def dovecot(folder: Path, certificate: Path, homes: Sequence[Home]) -> Proxy:
    """A passdb that returns ``proxy``; with ``starttls`` for the back end that is to be upgraded."""
    ports = {key: free_port(_DOVECOT) for key in _KEYS if key[1] != "clear"}
    clear = {key: ports[key[0], "starttls"] for key in _KEYS if key[1] == "clear"}
    databases = "".join(_database(folder, number, home) for number, home in enumerate(homes))
    listeners = "".join(
        f"service {service}-login {{\n  inet_listener {service} {{\n    port = {ports[protocol, 'starttls']}\n  }}\n"
        f"  inet_listener {service}s {{\n    port = {ports[protocol, 'tls']}\n    ssl = yes\n  }}\n}}\n"
        for protocol, service in (("imap4", "imap"), ("pop3", "pop3"))
    )
    configuration = folder / "dovecot.conf"
    configuration.write_text(f"""protocols = imap pop3
base_dir = {folder}/dovecot
state_dir = {folder}/dovecot-state
instance_name = corpus
listen = {_DOVECOT} {_DOVECOT_CLEAR}
log_path = {folder}/dovecot-mail.log
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{certificate}
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_failure_delay = 0 secs
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
local {_DOVECOT_CLEAR} {{
  disable_plaintext_auth = no
}}
{databases}{listeners}""")
    path = program("dovecot", "dovecot-core")
    fronts = {**ports, **clear}
    proxy = _proxy("Dovecot", [path, "--version"], [path, "-F", "-c", str(configuration)], _DOVECOT, fronts, folder)
    at = {key: ((_DOVECOT_CLEAR if key in clear else _DOVECOT), port) for key, port in fronts.items()}
    return Proxy(proxy.name, at, proxy.daemon, upgrades=True)


def _database(folder: Path, number: int, home: Home) -> str:
    people = folder / f"people{number}"
    people.write_text(
        "".join(
            f"{person.name}:{{PLAIN.B64}}{base64.b64encode(person.password).decode()}::::::\n" for person in home.people
        )
    )
    back_end = home.back_end
    port = f"%{{if;%s;eq;imap;{back_end.imap4};{back_end.pop3}}}"
    tls = " starttls=any-cert" if back_end.tls is not None else ""
    return (
        f"passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%u {people}\n"
        f"  default_fields = proxy=y host={back_end.address} port={port}{tls}\n}}\n"
    )


def _auth_http(homes: Sequence[Home]) -> int:
    """The server that nginx asks; returns its port on 127.0.0.1."""
    known = {person.name.encode(): (person.password, home.back_end) for home in homes for person in home.people}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            name, password = (unquote_to_bytes(self.headers.get(key, "")) for key in ("Auth-User", "Auth-Pass"))
            right, back_end = known.get(name, (None, None))
            self.send_response(200)
            if back_end is not None and password == right:
                self.send_header("Auth-Status", "OK")
                self.send_header("Auth-Server", back_end.address)
                imap4 = self.headers.get("Auth-Protocol") == "imap"
                self.send_header("Auth-Port", str(back_end.imap4 if imap4 else back_end.pop3))
            else:
                self.send_header("Auth-Status", "Invalid login or password")
                self.send_header("Auth-Wait", "1")  # without it nginx closes
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def _proxy(
    name: str, version: Sequence[str], argv: Sequence[str], address: str, ports: Mapping[tuple[str, str], int],
    folder: Path,
) -> Proxy:  # fmt: skip
    told = subprocess.run(version, capture_output=True, text=True, check=True, timeout=20)
    number = re.search(r"\d+\.\d+\.\d+", told.stdout + told.stderr)
    assert number is not None, told
    fronts = {key: (address, port) for key, port in ports.items()}
    daemon = Daemon(argv, folder / f"{name}.log", sorted(set(fronts.values())), {"PATH": os.environ["PATH"]})
    return Proxy(f"{name} {number[0]}", fronts, daemon)
