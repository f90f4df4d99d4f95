"""Steady log-ons against two directory servers with the same data, while something happens to one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from exfront.auth.ldap_bind import LdapBindChecker
from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.config.limits import LimitsSection
from exfront.directory.lookup import Directory
from exfront.directory.servers import Servers
from exfront.names import parse_login
from exfront.reasons import Refused
from exfront.secret import Secret
from tests.support.authority import Authority
from tests.support.population import BASE, DOMAIN, Person, population
from tests.support.process import remove, temporary_folder
from tests.support.slapd import Slapd


class TwoDirectories:
    """Two slapds, running, with the same people; `settings` name `first` before `second`."""

    def __init__(self) -> None:
        self.folder = temporary_folder("two-directories")
        authority = Authority(self.folder)
        certificate = authority.issue("ldap.fourthcoffee.com", ["127.0.0.1"])
        people = population(40)
        self.people = people.users
        self.first, self.second = (Slapd("127.0.0.1", _below(self.folder, name), certificate, people) for name in "ab")
        self.settings = DirectorySection(
            servers=tuple(LdapUrl.read(one.url) for one in (self.first, self.second)),
            base=BASE,
            bind_dn=self.first.bind_dn,
            bind_password_file=self.first.password_file(),
            ca_file=authority.ca_file,
            domains={DOMAIN: BASE},
        )
        self.first.start()
        self.second.start()

    def close(self) -> None:
        """End both, also a frozen one."""
        for slapd in (self.first, self.second):
            slapd.daemon.kill()
        remove(self.folder)


def _below(folder: Path, name: str) -> Path:
    found = folder / name
    found.mkdir(mode=0o755)
    return found


@define(eq=False)
class LogOns:
    """Looks people up and binds as them at a steady rate. `outcomes` count ``in`` and the codes of refusals,
    `failed_in` where those came from, `times` are the seconds each took."""

    site: TwoDirectories
    reactor: Any
    limits: LimitsSection = field(factory=LimitsSection)
    outcomes: Counter[str] = field(factory=Counter)
    failed_in: Counter[str] = field(factory=Counter)
    times: list[float] = field(factory=list)
    details: list[str] = field(factory=list)  # of the refusals
    servers: Servers = field(init=False)

    def __attrs_post_init__(self) -> None:
        settings = self.site.settings
        self.servers = Servers(settings, self.limits, self.reactor)
        self.directory = Directory(settings, self.limits, self.reactor, DOMAIN, servers=self.servers)
        self.passwords = LdapBindChecker(settings, self.limits, self.reactor, self.servers)

    directory: Directory = field(init=False)
    passwords: LdapBindChecker = field(init=False)

    async def stop(self) -> None:
        """Close all connections."""
        await self.directory.stop()
        await self.passwords.stop()

    async def run(self, rate: float, seconds: float, events: dict[float, Callable[[], object]]) -> None:
        """Log on `rate` times a second; at the times of `events` (seconds from the beginning) call those."""
        self.directory.start()
        self.passwords.start()
        began, running, due = self.reactor.seconds(), [], sorted(events.items(), key=lambda event: event[0])
        for number in range(int(rate * seconds)):
            wait = began + number / rate - self.reactor.seconds()
            if wait > 0:
                await deferLater(self.reactor, wait)
            while due and due[0][0] <= number / rate:
                due.pop(0)[1]()
            person = self.site.people[number % len(self.site.people)]
            running.append(Deferred.fromCoroutine(self._log_on(person)))
        await gatherResults(running, consumeErrors=True)

    async def _log_on(self, person: Person) -> None:
        began, step = self.reactor.seconds(), "search"
        try:
            self.directory.flush(None)
            account = await self.directory.find(parse_login(person.upn).keys, None)
            assert account is not None, person.name
            step = "bind"
            await self.passwords.check(account, Secret(person.password))
            self.outcomes["in"] += 1
        except Refused as refused:
            self.outcomes[refused.reason.code] += 1
            self.failed_in[step] += 1
            self.details.append(refused.detail)
        self.times.append(self.reactor.seconds() - began)
