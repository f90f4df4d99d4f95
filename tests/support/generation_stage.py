"""One exfront before servers of four generations of Exchange, in a Samba domain; fifty users of each group."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from attrs import define, field

from tests.exchange.backend2003 import INTEGRATED, BackEnd2003, State
from tests.exchange.cas2007 import Cas2007, Cas2010
from tests.exchange.mailbox2013 import Mailbox2013
from tests.support.cas_sites import BACK_END_2003, OWN
from tests.support.dovecot import Dovecot, MailUser
from tests.support.exfront import ExFront
from tests.support.generations import (
    CAS_2007,
    CAS_2010,
    GROUPS,
    PAIR_2013,
    PROXIED_CAS,
    Group,
    host,
    records,
)
from tests.support.process import temporary_folder, wait_until
from tests.support.samba import Site, new_site
from tests.support.samba_data import BASE, DNS_DOMAIN, DOMAIN, Account

PUBLIC_NAME = f"mail.{DNS_DOMAIN}"
FRONT_HOST = f"cas1.{DNS_DOMAIN}"
_FRONT, _SERVERS = "127.0.0.52", "127.0.0.53"  # a server has one address
_LISTENERS = {
    "https": {"protocol": "http", "tls": "implicit"},
    "imap": {"protocol": "imap4", "tls": "implicit"},
    "pop": {"protocol": "pop3", "tls": "implicit"},
}


@define(eq=False)
class GenerationStage:
    """Everything runs until `close`. `web` and `mail` are the servers by name."""

    site: Site = field(init=False)
    folder: Path = field(init=False)
    back_end: BackEnd2003 = field(init=False)
    cas: dict[str, Cas2007] = field(init=False)
    pair: dict[str, Mailbox2013] = field(init=False)
    mail: dict[str, Dovecot] = field(init=False)
    front: ExFront = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.site, self.folder = new_site(tuple(records())), temporary_folder("generations")
        self.back_end = self._back_end_2003()
        self.cas = {
            CAS_2007: self._cas(Cas2007, CAS_2007, PUBLIC_NAME),
            PROXIED_CAS: self._cas(Cas2007, PROXIED_CAS, host(PROXIED_CAS)),
            CAS_2010: self._cas(Cas2010, CAS_2010, host(CAS_2010)),
        }
        self.pair = {name: self._mailbox_2013(name) for name in PAIR_2013}
        names = (BACK_END_2003, CAS_2007, PROXIED_CAS, CAS_2010)
        self.mail = {name: self._dovecot(name, group) for name, group in zip(names, GROUPS, strict=False)}
        self.front = self.front_end("any", _FRONT)

    def start(self) -> None:
        """Return when exfront knows the servers."""
        self.back_end.daemon.start()
        for dovecot in self.mail.values():
            dovecot.daemon.start()
        self.run(self.front)

    def front_end(self, generation: str, address: str) -> ExFront:
        """An exfront that behaves as the front end of a generation; nothing is started."""
        settings = {**self._settings(), "exchange": {"front_end": generation}}
        return ExFront(temporary_folder("front"), settings, _LISTENERS, address)

    def run(self, front: ExFront) -> None:
        """Start it, and return when it knows the servers."""
        front.start()
        wait_until(lambda: "topology of " in front.server_log(), "the topology")

    def tls(self) -> ssl.SSLContext:
        """For clients: exfront's certificate is for its public name."""
        return ssl.create_default_context(cafile=str(self.site.authority.ca_file))

    def close(self) -> None:
        """End all of it."""
        self.front.daemon.kill()
        for server in (*self.cas.values(), *self.pair.values()):
            server.stop()
        for dovecot in self.mail.values():
            dovecot.daemon.kill()
        self.back_end.daemon.kill()
        self.site.close()

    def _certificate(self, name: str, *addresses: str) -> Path:
        file = self.site.authority.folder / f"{name}.pem"
        return file if file.exists() else self.site.authority.issue(name, list(addresses))

    def _back_end_2003(self) -> BackEnd2003:
        (group,) = (each for each in GROUPS if each.servers == (BACK_END_2003,))
        people = {each.name: each.secret.decode() for each in group.people}
        state = State(
            dict.fromkeys(("exchange", "microsoft-server-activesync"), INTEGRATED),
            {name: name for name in people},
            [PUBLIC_NAME],
            DOMAIN,
        )
        return BackEnd2003(self._below("web2003"), _SERVERS, state, people)

    def _cas(self, kind: type[Cas2007], server: str, name: str) -> Cas2007:
        people = {each.name: each.secret.decode() for group in GROUPS if server in group.servers
                  for each in group.people} if name == PUBLIC_NAME else {}  # fmt: skip
        certificate, ca_file = self._certificate(host(server)), self.site.authority.ca_file
        return kind(_SERVERS, name, certificate, ca_file, frozenset({FRONT_HOST}), people)

    def _mailbox_2013(self, name: str) -> Mailbox2013:
        (group,) = (each for each in GROUPS if name in each.servers)
        people = {each.principal: each.secret.decode() for n, each in enumerate(group.people)
                  if group.server(n) == name}  # fmt: skip
        certificate, ca_file = self._certificate(host(name)), self.site.authority.ca_file
        return Mailbox2013(_SERVERS, host(name), certificate, ca_file, frozenset({FRONT_HOST}), people=people)

    def _dovecot(self, name: str, group: Group) -> Dovecot:
        users = (MailUser(each.name, each.secret, (each.principal,)) for each in group.people)
        return Dovecot(name, _SERVERS, self._below(f"mail-{name}"), self._certificate(host(name), _SERVERS), users)

    def _below(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(mode=0o755)
        return folder

    def _settings(self) -> dict[str, Any]:
        samba, authority = self.site.samba, str(self.site.authority.ca_file)
        return {
            "directory": {
                "servers": [samba.tls_url], "base": BASE, "bind_dn": samba.bind_dn, "ca_file": authority,
                "bind_password_file": str(samba.password_file()), "site": OWN.name,
            },
            "back_ends": {"networks": ["127.0.0.0/8"], "suffixes": [DNS_DOMAIN, "msxfaq.de"], "ca_file": authority},
            "tls": {"certificate": str(self._certificate(PUBLIC_NAME))},
            "proxy": {"certificate": str(self._certificate(FRONT_HOST)), "server_name": FRONT_HOST},
            "limits": {"http_back_end_idle_time": 1.0, "drain_time": 2.0},
            "server": [*self._sections()],
            "virtual_site": [{"name": "mail", "public_name": PUBLIC_NAME, "preset": "exchange"}],
        }  # fmt: skip

    def _sections(self) -> list[dict[str, Any]]:
        """Where the servers are, and nothing of what they are."""
        of_2003 = {"http": self.back_end.port, "http_tls": "none"}
        found = [self._section(BACK_END_2003, of_2003)]
        found += [self._section(name, {"http": cas.at[1], "http_tls": "implicit"}) for name, cas in self.cas.items()]
        unused = {"address": _SERVERS, "http": 0, "imap4": 0, "pop3": 0}
        found += [{"name": name, "host": host(name), **unused} for name in OWN.client_access[1:]]
        return [*found, *(dict(server.section(name)) for name, server in self.pair.items())]

    def _section(self, name: str, web: dict[str, Any]) -> dict[str, Any]:
        dovecot = self.mail[name]
        return {"name": name, "host": host(name), "address": _SERVERS, **web, "imap4": dovecot.imaps,
                "imap4_tls": "implicit", "pop3": dovecot.pop3s, "pop3_tls": "implicit"}  # fmt: skip


def credentials(person: Account) -> tuple[str, str]:
    """What a user types."""
    return person.principal, person.secret.decode()
