"""Whose mailbox do I get? Strangers and parallel NTLM log-ons through proxies. Run: python -m benchmarks.whose_mailbox.

The back end remembers the user of a connection, as IIS does for NTLM and Negotiate; see tests/support/whose_mailbox.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.support.connection_bound import ConnectionBound
from tests.support.mail_site import LIMITS, LISTENERS, PUBLIC_NAME, MailSite
from tests.support.pass_through import directory
from tests.support.process import Address, Daemon, free_port, program, temporary_folder
from tests.support.whose_mailbox import LOG_ONS, STRANGERS, USERS, Door, Outcome, Row, measure

_ADDRESS = "127.0.0.31"
_BACK_END = "127.0.0.24"

_NGINX = {
    "nginx, defaults": "",
    "nginx, keepalive 32 and HTTP/1.1": 'proxy_http_version 1.1; proxy_set_header Connection "";',
}
_REUSE = ("safe", "aggressive", "always", "never")  # the first is the default


def main() -> None:
    """Print the table."""
    site = MailSite(40)
    people = {user.name: user.password.decode() for user in site.users}
    certificate = site.authority.issue("bound.fourthcoffee.com", [_BACK_END])
    bound = ConnectionBound(temporary_folder("bound"), _BACK_END, people, certificate, loud=False)
    bound.daemon.start()
    print(f"{'':<36}{'NTLM':>7}  {f'strangers of {STRANGERS} answered as somebody':^44}{'parallel':>10}")
    print(f"{'':<36}{'works':>7}{'NTLM: here':>13}{'gone':>8}{'Negotiate: here':>17}{'gone':>8}{'right':>10}")
    direct = Door((_BACK_END, bound.http), "/bound")
    _print("none (direct)", measure(direct, people))
    for name, daemon in _peers((_BACK_END, bound.http)).items():
        daemon.start()
        _print(name, measure(Door(daemon.ports[0], "/bound"), people))
        daemon.stop()
    _print("exfront", _exfront(site, bound, people))


def _print(name: str, row: Row) -> None:
    def figures(outcome: Outcome) -> tuple[int, int]:
        return outcome.connected, outcome.gone

    ntlm, first = figures(row.ntlm), figures(row.first_request)
    works = "yes" if row.ntlm.log_on_works else "no"
    right = f"{row.right}/{USERS * LOG_ONS}"
    print(f"{name:<36}{works:>7}{ntlm[0]:>13}{ntlm[1]:>8}{first[0]:>17}{first[1]:>8}{right:>10}", flush=True)


def _exfront(site: MailSite, bound: ConnectionBound, people: Mapping[str, str]) -> Row:
    front = site.exfront(
        {"http": LISTENERS["http"]},
        server=[{"name": "bound", "host": "bound.fourthcoffee.com", "address": _BACK_END, "http": bound.http}],
        virtual_site=[
            {"name": "default", "public_name": PUBLIC_NAME, "virtual_directory": [directory("/bound", "bound")]},
        ],
        limits={**LIMITS, "connections_per_address": 1000},
    )
    front.start()
    return measure(Door(front.at("http"), "/bound"), people)


def _peers(back_end: Address) -> dict[str, Daemon]:
    nginx = {name: _nginx(back_end, more) for name, more in _NGINX.items()}
    return {**nginx, **{f"haproxy, http-reuse {reuse}": _haproxy(back_end, reuse) for reuse in _REUSE}}


def _nginx(back_end: Address, more: str) -> Daemon:
    folder, address = temporary_folder("nginx"), (_ADDRESS, free_port(_ADDRESS))
    upstream = f"upstream back {{ server {_at(back_end)}; {'keepalive 32;' if more else ''} }}"
    configuration = _written(
        folder / "nginx.conf",
        f"""user root; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  {upstream}
  server {{ listen {_at(address)}; location / {{ proxy_pass http://back; {more} }} }}
}}
""",
    )
    argv = [program("nginx", "nginx"), "-p", str(folder), "-c", configuration]
    return Daemon(argv, folder / "log", [address])


def _haproxy(back_end: Address, reuse: str) -> Daemon:
    folder, address = temporary_folder("haproxy"), (_ADDRESS, free_port(_ADDRESS))
    configuration = _written(
        folder / "haproxy.cfg",
        f"""defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind {_at(address)}
  default_backend back
backend back
  http-reuse {reuse}
  server one {_at(back_end)}
""",
    )
    return Daemon([program("haproxy", "haproxy"), "-db", "-f", configuration], folder / "log", [address])


def _written(file: Path, text: str) -> str:
    file.write_text(text)
    return str(file)


def _at(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


if __name__ == "__main__":
    main()
