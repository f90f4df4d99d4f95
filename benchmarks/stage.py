"""What the IMAP4 benchmarks stand on: one mail site with exfront and nginx in front of its server chicago."""

from __future__ import annotations

from attrs import define, field

from benchmarks.nginx import Nginx
from tests.support.exfront import UNGUARDED, ExFront
from tests.support.mail_site import MailSite
from tests.support.population import Person
from tests.support.process import temporary_folder

# What a benchmark comes up to first: all its clients have one address, and few names.
MANY = (
    "connections", "connections_per_address", "connections_per_back_end", "connections_per_account",
    "connections_per_account_and_address",
)  # fmt: skip


@define
class Stage:
    """Started servers, and one ordinary user who lives on chicago."""

    site: MailSite = field(factory=lambda: MailSite(40))
    front: ExFront = field(init=False)
    twisted: ExFront = field(init=False)  # the same on Twisted's transports
    nginx: Nginx = field(init=False)

    def __attrs_post_init__(self) -> None:
        chicago = self.site.chicago
        self.front = self.exfront("lean")
        self.twisted = self.exfront("twisted")
        self.nginx = Nginx(temporary_folder("nginx"), (chicago.address, chicago.dovecot.imap), self.site.certificate)
        self.nginx.start()

    def exfront(self, transports: str, remembers: float = 600.0) -> ExFront:
        """One more front end, started; it knows a proven password again for `remembers` seconds."""
        front = self.site.exfront(
            process={"transports": transports},
            authentication={**UNGUARDED, "mail_credential_cache_time": remembers},
            limits=dict.fromkeys(MANY, 10_000),
        )
        front.start()
        return front

    @property
    def user(self) -> Person:
        """Lives on chicago."""
        return self.site.living_on("chicago")[0]
