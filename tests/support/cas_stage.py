"""Two exfronts in two sites of one Samba domain: the first Client Access server, the second, and its back end."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import define, field

from tests.support.activesync_server import ActiveSyncServer
from tests.support.cas_sites import OWN, PROXIED
from tests.support.clients import Page, basic
from tests.support.ews_server import EwsServer
from tests.support.exfront import ExFront
from tests.support.named_servers import NamedServers
from tests.support.phone import PATH as PHONES
from tests.support.process import Address, temporary_folder, wait_until
from tests.support.samba import Site
from tests.support.samba_data import BASE, DNS_DOMAIN, PROXIED_SITE

PUBLIC_NAME = f"mail.{DNS_DOMAIN}"
(SECOND,) = PROXIED.client_access
SECOND_HOST = f"{SECOND.lower()}.{DNS_DOMAIN}"
FIRST_HOST = f"cas1.{DNS_DOMAIN}"
USER = PROXIED_SITE
_FIRST_ADDRESS, _SECOND_ADDRESS, _BACK_END_ADDRESS = "127.0.0.43", "127.0.0.44", "127.0.0.45"
_KNOWS = "topology of "
_HTTPS = {"https": {"protocol": "http", "tls": "implicit"}}


def run(front: ExFront) -> None:
    """Start it, and wait until it knows the servers: before that no mailbox is of Exchange 2007."""
    before = front.server_log().count(_KNOWS)
    front.start()
    wait_until(lambda: front.server_log().count(_KNOWS) > before, "the topology")


@define(eq=False)
class CasStage:
    """Nothing is started but the domain; `close` ends what was started.

    By `secret` the first server proves what it is with a secret, else by a certificate.
    """

    site: Site
    secret: bool = False
    folder: Path = field(init=False)
    back_end: NamedServers = field(init=False)  # of /owa
    phones: ActiveSyncServer = field(init=False)
    ews: EwsServer = field(init=False)
    second: ExFront = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.folder = temporary_folder("cas")
        authority = self.site.authority
        page = "user=$http_x_forwarded_user host=$host"
        self.back_end = NamedServers(_BACK_END_ADDRESS, self.folder, authority, {SECOND: SECOND_HOST}, page=page)
        people = {USER.name: USER.secret.decode()}
        self.phones = ActiveSyncServer(temporary_folder("phones"), _BACK_END_ADDRESS, people, believes=True)
        self.ews = EwsServer(_BACK_END_ADDRESS)
        header = {"identity": "header", "header_servers": [SECOND], "ports": (self.phones.port, self.ews.at[1])}
        self.second = self.front(
            _SECOND_ADDRESS,
            PROXIED.name,
            {"proxy": self._proxy()},
            [self.back_end.section(SECOND)],
            SECOND_HOST,
            self.peers(),
            header,
        )

    def first(self, at: Address, host: str = SECOND_HOST, **changes: Any) -> ExFront:
        """A first server that finds the second one at `at`, where `host` is what its certificate must bear."""
        section = {"name": SECOND, "host": host, "address": at[0], "http": at[1], "http_tls": "implicit", "imap4": 0,
                   "pop3": 0}  # fmt: skip
        proxy = {"secret_file": self._secret_file()} if self.secret else {"certificate": self.certificate(FIRST_HOST)}
        return self.front(
            _FIRST_ADDRESS, OWN.name, {"proxy": proxy, **changes}, [section], PUBLIC_NAME, _HTTPS, {}
        )  # fmt: skip

    def each_before_the_other(self) -> list[ExFront]:
        """Two that are not started: each takes the other one for the mailbox's site's, and believes what it says."""
        proxy = {"certificate": self.certificate(FIRST_HOST), "peer_names": [FIRST_HOST]}
        fronts: list[ExFront] = []
        for address, other in (("127.0.0.46", "127.0.0.47"), ("127.0.0.47", "127.0.0.46")):
            server = {"name": SECOND, "host": SECOND_HOST, "address": other, "http": 1, "http_tls": "implicit",
                      "imap4": 0, "pop3": 0}  # fmt: skip
            more = {"proxy": proxy}
            fronts.append(self.front(address, OWN.name, more, [server], PUBLIC_NAME, self.peers(), {}, SECOND_HOST))
        for front, other_front in zip(fronts, reversed(fronts), strict=True):
            text = front.configuration.read_text().replace("http = 1\n", f"http = {other_front.ports['https']}\n")
            front.configuration.write_text(text)
        return fronts

    def front(
        self, address: str, site: str, more: Mapping[str, Any], servers: list[dict[str, Any]], name: str,
        listeners: Mapping[str, Any], directory: Mapping[str, Any], shown: str = "",
    ) -> ExFront:  # fmt: skip
        """A front end in that site of the domain; its certificate is for `shown`, or for its `name`.

        The `ports` of a `directory` are those of a back end for ActiveSync and EWS, which speaks without TLS.
        """
        directory = dict(directory)
        ports = [{"back_end_port": port, "back_end_tls": "none"} for port in directory.pop("ports", ())] or [{}, {}]
        samba, authority = self.site.samba, str(self.site.authority.ca_file)
        settings = {
            "directory": {
                "servers": [samba.tls_url], "base": BASE, "bind_dn": samba.bind_dn, "ca_file": authority,
                "bind_password_file": str(samba.password_file()), "site": site,
            },
            "back_ends": {"networks": ["127.0.0.0/8"], "ca_file": authority},
            "tls": {"certificate": self.certificate(shown or name)},
            "limits": {"http_back_end_idle_time": 1.0, "back_end_connect_time": 3.0, "drain_time": 2.0},
            "server": servers,
            "virtual_site": [{"name": "mail", "public_name": name, "virtual_directory": [
                {"path": "/owa", "application": "owa", **directory},
                {"path": PHONES, "application": "activesync", **directory, **ports[0]},
                {"path": "/EWS", "application": "ews", "body_octets": 0, **directory, **ports[1]},
            ]}],
            **more,
        }  # fmt: skip
        return ExFront(temporary_folder("front"), settings, listeners, address)

    def start(self) -> None:
        """The second server and its back ends."""
        self.back_end.start()
        self.phones.daemon.start()
        run(self.second)

    def ask(
        self, front: ExFront, method: str = "GET", path: str = "/owa/", body: bytes | None = None,
        host: str = PUBLIC_NAME, headers: Mapping[str, str] | None = None, certificate: str = "",
    ) -> Page:  # fmt: skip
        """One request of the user on a TLS connection of its own; `headers` in place of his log-on."""
        context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        context.check_hostname = False  # the name is the one in Host
        if certificate:
            context.load_cert_chain(certificate)
        said = basic(USER.principal, USER.secret) if headers is None else dict(headers)
        with closing(http.client.HTTPSConnection(*front.at("https"), timeout=20, context=context)) as connection:
            connection.request(method, path, body=body, headers={"Host": host, **said})
            answer = connection.getresponse()
            return Page(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def close(self) -> None:
        """End all."""
        self.second.daemon.kill()
        self.back_end.kill()
        self.phones.daemon.kill()
        self.ews.stop()

    def peers(self) -> dict[str, Any]:
        """A listener for Client Access servers."""
        more = {} if self.secret else {"client_ca_file": str(self.site.authority.ca_file)}
        return {"https": {"protocol": "http", "tls": "implicit", "proxy_peers": True, **more}}

    def certificate(self, name: str) -> str:
        """The file of a certificate, with its key."""
        file = self.site.authority.folder / f"{name}.pem"
        return str(file if file.exists() else self.site.authority.issue(name))

    def _proxy(self) -> dict[str, Any]:
        if self.secret:
            return {"secret_file": self._secret_file(), "peer_networks": ["127.0.0.0/24"]}
        return {"peer_names": [FIRST_HOST]}

    def _secret_file(self) -> str:
        file = self.folder / "proxy.secret"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text("a-secret-of-both-servers\n")
        return str(file)
