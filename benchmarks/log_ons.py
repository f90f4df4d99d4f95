"""exfront's log-ons in this process, against a real slapd: the look-up and the bind, without a client's protocol."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, gatherResults

from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.core import Core, core
from exfront.decision import SessionRecord
from exfront.facts import Identity
from exfront.secret import Secret
from tests.support.configuration import SMALLEST, read
from tests.support.population import BASE, DOMAIN
from tests.support.slapd import Site


@define(eq=False)
class LogOns:
    """The daemon's core over the slapd of `site`; `tls` for LDAPS."""

    site: Site
    reactor: Any
    tls: bool = False
    core: Core = field(init=False)

    def __attrs_post_init__(self) -> None:
        slapd = self.site.slapd
        directory = DirectorySection(
            servers=(LdapUrl.read(slapd.tls_url if self.tls else slapd.url),),
            base=BASE,
            bind_dn=slapd.bind_dn,
            bind_password_file=slapd.password_file(),
            ca_file=self.site.authority.ca_file,
            domains={DOMAIN: BASE},
            starttls=False,
            allow_clear=True,
        )
        settings, _ = read(SMALLEST)
        self.core = core(evolve(settings, directory=directory), self.reactor)

    async def start(self) -> None:
        """Know what a daemon knows after its first seconds: connections and the topology."""
        self.core.directory.start()
        await self.core.topology.read()

    async def one(self, number: int) -> Identity:
        """user`number` logs on, as an IMAP4 client of a network of his own."""
        record = SessionRecord("1", "imap4", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:1")
        return await self.core.steps.authenticate(record, b"user%d" % number, Secret(b"password-%d" % number))

    async def all(self, numbers: Iterable[int], at_once: int) -> None:
        """One after the other, `at_once` side by side. Raises the first failure."""
        left = iter(numbers)

        async def some() -> None:
            for number in left:
                await self.one(number)

        await gatherResults([Deferred.fromCoroutine(some()) for _ in range(at_once)], consumeErrors=True)
