"""One exfront before an availability group of Exchange 2013, in a Samba domain; the servers are strict fakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from tests.exchange.mailbox2013 import Mailbox2013
from tests.support import availability_group as group
from tests.support.authority import Authority
from tests.support.clients import Page, basic
from tests.support.curl import curl
from tests.support.exfront import ExFront
from tests.support.process import temporary_folder, wait_until
from tests.support.samba import Site, new_site
from tests.support.samba_data import BASE, DNS_DOMAIN, Account

PUBLIC_NAME = f"mail.{DNS_DOMAIN}"
FRONT_HOST = f"front1.{DNS_DOMAIN}"
SERVERS = "127.0.0.57"
_FRONT = "127.0.0.56"
_LISTENERS = {"https": {"protocol": "http", "tls": "implicit"}}
_KNOWS = "topology of "


@define(eq=False)
class MailboxStage:
    """The domain, for all tests; each starts what it needs."""

    site: Site = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.site = new_site(tuple(group.records()))

    @property
    def authority(self) -> Authority:
        return self.site.authority

    def server(self, name: str, certificate: Path | None = None, **more: Any) -> Mailbox2013:
        """A mailbox server that listens; the caller stops it."""
        shown = self.certificate(group.host(name)) if certificate is None else certificate
        server = Mailbox2013(SERVERS, group.host(name), shown, self.authority.ca_file, frozenset({FRONT_HOST}), **more)
        server.guids = {group.guid(each.name): each.name for each in group.PEOPLE}
        return server

    def certificate(self, name: str) -> Path:
        """The file of a certificate, with its key."""
        file = self.authority.folder / f"{name}.pem"
        return file if file.exists() else self.authority.issue(name)

    def front(self, sections: Sequence[Mapping[str, object]], address: str = _FRONT, **more: Any) -> ExFront:
        """An exfront that knows where these [[server]]s are; nothing is started."""
        samba, authority = self.site.samba, str(self.authority.ca_file)
        settings = {
            "directory": {
                "servers": [samba.tls_url], "base": BASE, "bind_dn": samba.bind_dn, "ca_file": authority,
                "bind_password_file": str(samba.password_file()), "site": "West",
            },
            "back_ends": {"networks": ["127.0.0.0/8"], "ca_file": authority},
            "tls": {"certificate": str(self.certificate(PUBLIC_NAME))},
            "limits": {"http_back_end_idle_time": 1.0, "back_end_connect_time": 3.0, "drain_time": 2.0},
            "proxy": {"certificate": str(self.certificate(FRONT_HOST)), "server_name": FRONT_HOST},
            "http": {"diagnosis": True},
            "server": [dict(section) for section in sections],
            "virtual_site": [{"name": "mail", "public_name": PUBLIC_NAME, "preset": "exchange"}],
            **more,
        }  # fmt: skip
        return ExFront(temporary_folder("front"), settings, _LISTENERS, address)

    def run(self, front: ExFront) -> None:
        """Start it, and return when it knows the servers."""
        before = front.server_log().count(_KNOWS)
        front.start()
        wait_until(lambda: front.server_log().count(_KNOWS) > before, "the topology")

    def ask(
        self, front: ExFront, person: Account, path: str = "/owa/", headers: Sequence[str] = (), *options: str
    ) -> Page:
        """A request of the user by curl; `options` are more of its own."""
        said = f"Authorization: {basic(person.principal, person.secret)['Authorization']}"
        return curl(PUBLIC_NAME, path, front.at("https"), self.authority.ca_file, (said, *headers), *options)
