"""What the HTTP benchmarks stand on: a directory, a back end, and exfront and its peers in front of it."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from attrs import define, field

from benchmarks.load import Visitor
from benchmarks.web_peers import Peer, apache, haproxy, nginx, pages
from tests.support.clients import basic
from tests.support.exfront import UNGUARDED, ExFront
from tests.support.mail_site import LISTENERS, PUBLIC_NAME, MailSite
from tests.support.population import Person
from tests.support.process import Address

PAGE = bytes(range(256)) * 4
PEER = "nginx"


@define
class WebStage:
    """Started on demand. `back_end` is where all of them relay to; the default serves `PAGE` for each path."""

    back_end: Address | None = None
    site: MailSite = field(factory=lambda: MailSite(80))
    _asked: Address = field(init=False)

    def __attrs_post_init__(self) -> None:
        daemon, self._asked = pages(PAGE)
        daemon.start()
        self.back_end = self.back_end or self._asked

    @property
    def visitors(self) -> list[Visitor]:
        """Twenty users who live on the server that the back end stands for."""
        people = self.site.living_on("chicago")[:20]
        return [Visitor(f"/exchange/{user.alias}/", _basic(user)) for user in people]

    @property
    def tls(self) -> ssl.SSLContext:
        """For clients that come by address."""
        context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        context.check_hostname = False
        return context

    def candidates(self) -> dict[str, Callable[[], Peer]]:
        """Each starts one more process of its kind."""
        assert self.back_end is not None
        back_end, certificate = self.back_end, self.site.certificate
        return {
            "exfront": lambda: _started(self._exfront("lean")),
            "exfront, Twisted's": lambda: _started(self._exfront("twisted")),
            PEER: lambda: _started(nginx(back_end, certificate)),
            "nginx + auth_request": lambda: _started(nginx(back_end, certificate, self._asked)),
            "Apache + mod_authnz_ldap": lambda: _started(apache(back_end, certificate, self.site.ldap)),
            "haproxy": lambda: _started(haproxy(back_end, certificate)),
        }

    def _exfront(self, transports: str) -> Peer:
        front = self._front(transports)
        return Peer(front.daemon, front.at("http"), front.at("https"))

    def _front(self, transports: str) -> ExFront:
        assert self.back_end is not None
        address, port = self.back_end
        directory = {"path": "/exchange", "application": "exchange", "require_tls": "no", "body_octets": 0}
        return self.site.exfront(
            {name: LISTENERS[name] for name in ("http", "https")},
            process={"transports": transports},
            authentication={**UNGUARDED, "credential_cache_time": 60.0},
            limits={"connections_per_address": 10_000, "connections_per_back_end": 10_000},
            server=[self.site.chicago.section(address=address, http=port)],
            virtual_site=[
                {
                    "name": "default", "public_name": PUBLIC_NAME,
                    "virtual_directory": [{**directory, "answer_time": 3600.0}],
                }
            ],
        )  # fmt: skip


def _basic(user: Person) -> str:
    return basic(user.name, user.password)["Authorization"]


def _started(peer: Peer) -> Peer:
    peer.daemon.start()
    return peer
