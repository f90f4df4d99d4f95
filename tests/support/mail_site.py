"""A small company's mail: slapd, two mailbox servers (Dovecot and Apache each), and exfront in front of them.

`shared` starts one site for all tests of a process. A test that stops a server of it starts it again in a cleanup.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.apache import Apache, LdapSource
from tests.support.authority import Authority
from tests.support.dovecot import Dovecot, MailUser
from tests.support.exfront import ExFront, Section
from tests.support.population import BASE, DNS_DOMAIN, DOMAIN, Person, population
from tests.support.process import temporary_folder
from tests.support.slapd import Slapd

USERS = 200
PUBLIC_NAME = f"mail.{DNS_DOMAIN}"
EXFRONT_ADDRESS = "127.0.0.30"

LISTENERS: Mapping[str, Section] = {
    "imap": {"protocol": "imap4", "tls": "starttls"},
    "imap-clear": {"protocol": "imap4", "tls": "none", "allow_plaintext": True},
    "imaps": {"protocol": "imap4", "tls": "implicit"},
    "pop3": {"protocol": "pop3", "tls": "starttls"},
    "pop3-clear": {"protocol": "pop3", "tls": "none", "allow_plaintext": True},
    "pop3s": {"protocol": "pop3", "tls": "implicit"},
    "http": {"protocol": "http", "tls": "none", "allow_plaintext": True},
    "https": {"protocol": "http", "tls": "implicit"},
}
# Short enough that a silent back end does not hold up the suite, long enough for a slow machine.
LIMITS: Section = {
    "back_end_connect_time": 3.0,
    "back_end_login_time": 4.0,
    "drain_time": 5.0,
    "http_back_end_idle_time": 0.3,  # so that tests need not wait for what is kept
}
VIRTUAL_SITE: Section = {
    "name": "default",
    "public_name": PUBLIC_NAME,
    "virtual_directory": [
        {"path": "/exchange", "application": "exchange", "require_tls": "no", "smtp_domain": DNS_DOMAIN},
        {"path": "/owa", "application": "owa"},
        {
            "path": "/public", "application": "public", "authentication": "anonymous", "require_tls": "no",
            "server": "chicago",
        },
    ],
}  # fmt: skip


class MailboxServer:
    """The Dovecot and the Apache of one server, with the mailboxes of `people` who live there."""

    def __init__(
        self, name: str, address: str, folder: Path, authority: Authority, people: Sequence[Person], ldap: LdapSource
    ) -> None:
        self.name = name
        self.host = f"{name}.{DNS_DOMAIN}"
        self.address = address
        self.people = tuple(person for person in people if person.server == name)
        self.certificate = authority.issue(self.host, [address])
        self.dovecot = Dovecot(name, address, _below(folder, "mail"), self.certificate, map(mail_user, self.people))
        aliases = [person.alias for person in self.people]
        self.apache = Apache(name, address, _below(folder, "web"), self.certificate, aliases, ldap)

    def start(self) -> None:
        """Run what is not running."""
        for daemon in (self.dovecot.daemon, self.apache.daemon):
            if not daemon.running:
                daemon.start()

    def kill(self) -> None:
        """End both at once, as a power failure does."""
        self.dovecot.daemon.kill()
        self.apache.daemon.kill()

    def section(self, **changes: object) -> dict[str, Any]:
        """Its [[server]], all in the clear but for `changes`."""
        return {
            "name": self.name, "host": self.host, "address": self.address, "imap4": self.dovecot.imap,
            "pop3": self.dovecot.pop3, "http": self.apache.http, **changes,
        }  # fmt: skip


class MailSite:
    """All servers, started; `people` are all users, `users` those without anything awkward."""

    def __init__(self, users: int = USERS) -> None:
        self.folder = temporary_folder("site")
        self.authority = Authority(self.folder)
        entries = population(users)
        self.users = entries.users
        self.people = entries.people()
        certificate = self.authority.issue(f"dc1.{DNS_DOMAIN}", ["127.0.0.10"])
        self.slapd = Slapd("127.0.0.10", _below(self.folder, "slapd"), certificate, entries)
        self.ldap = ldap = LdapSource(
            f"{self.slapd.url}/{BASE}?sAMAccountName,mailNickname?sub?(objectClass=user)",
            self.slapd.bind_dn,
            self.slapd.bind_password,
        )
        self.chicago = MailboxServer(
            "chicago", "127.0.0.20", _below(self.folder, "chicago"), self.authority, self.people, ldap
        )
        self.dallas = MailboxServer(
            "dallas", "127.0.0.21", _below(self.folder, "dallas"), self.authority, self.people, ldap
        )
        self.certificate = self.authority.issue(PUBLIC_NAME, [EXFRONT_ADDRESS])
        self.slapd.start()
        self.chicago.start()
        self.dallas.start()

    @property
    def servers(self) -> dict[str, MailboxServer]:
        """By name."""
        return {"chicago": self.chicago, "dallas": self.dallas}

    def living_on(self, server: str) -> tuple[Person, ...]:
        """The ordinary users of one server."""
        return tuple(user for user in self.users if user.server == server)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """The sections of exfront.toml that fit this site, but for `changes`."""
        sections: dict[str, Any] = {
            "directory": {
                "servers": [self.slapd.url],
                "base": BASE,
                "bind_dn": self.slapd.bind_dn,
                "bind_password_file": str(self.slapd.password_file()),
                "ca_file": str(self.authority.ca_file),
                "domains": {DOMAIN: BASE, "WEST": f"dc=west,{BASE}"},
            },
            "back_ends": {
                "suffixes": [DNS_DOMAIN],
                "networks": ["127.0.0.0/8"],
                "ca_file": str(self.authority.ca_file),
            },
            "tls": {"certificate": str(self.certificate)},
            "limits": LIMITS,
            "server": [self.chicago.section(), self.dallas.section(login_as="account")],
            "virtual_site": [VIRTUAL_SITE],
        }
        return {**sections, **changes}

    def exfront(
        self, listeners: Mapping[str, Section] = LISTENERS, before: Sequence[str] = (), **changes: Any
    ) -> ExFront:
        """A front end of one's own for this site; not started."""
        folder = Path(temporary_folder("front"))
        return ExFront(folder, self.settings(**changes), listeners, EXFRONT_ADDRESS, before)

    @functools.cached_property
    def front(self) -> ExFront:
        """The front end that tests share."""
        front = self.exfront()
        front.start()
        return front


def mail_user(person: Person) -> MailUser:
    """How Dovecot knows a person: by every spelling of the login name."""
    forms = (f"{DOMAIN}\\{person.name}", f"{DOMAIN}/{person.name}", person.upn, person.address, person.alias)
    return MailUser(person.alias, person.password, tuple(dict.fromkeys((person.name, *forms))))


def _below(folder: Path, name: str) -> Path:
    found = folder / name
    found.mkdir(mode=0o755, parents=True)
    return found


class _Shared:
    """The one site of this process; a failed start is remembered, so that not every test waits for it again."""

    def __init__(self) -> None:
        self._site: MailSite | None = None
        self._failure: BaseException | None = None

    def __call__(self) -> MailSite:
        if self._failure is not None:
            raise self._failure
        if self._site is None:
            try:
                self._site = MailSite()
            except BaseException as failure:
                self._failure = failure
                raise
        return self._site


shared = _Shared()
