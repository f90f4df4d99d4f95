"""CPU time of a log-on that nothing is known of: one look-up and one bind. Run: python -m benchmarks.directory_log_on.

Peers: Apache's mod_authnz_ldap, its caches off, so that it too searches and binds each time (an HTTP request comes on
top); and ldaptor as its own documentation uses it, without any of exfront's checks.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from attrs import define, field
from ldaptor.protocols.ldap.ldapclient import LDAPClient
from ldaptor.protocols.ldap.ldapconnector import connectToLDAPEndpoint
from ldaptor.protocols.ldap.ldapsyntax import LDAPEntry
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react
from twisted.internet.threads import blockingCallFromThread, deferToThread

from benchmarks.log_ons import LogOns
from benchmarks.measure import ROUNDS, Work, compare, in_threads
from exfront.config.directory import DirectorySection
from exfront.directory.schemas import schema
from tests.support.apache import Apache, LdapSource
from tests.support.population import BASE
from tests.support.process import Address, temporary_folder
from tests.support.slapd import Site, new_site

_LOG_ONS = 1500  # a round of each
_AT_ONCE = 8


def main() -> None:
    """Print the table."""
    react(lambda reactor: Deferred.fromCoroutine(_run(reactor)))


async def _run(reactor: Any) -> None:
    site = new_site(_LOG_ONS * (ROUNDS + 1) * 3 + 1, log="0")
    apache = _apache(site)
    people = itertools.count(1)
    clear, tls = LogOns(site, reactor), LogOns(site, reactor, tls=True)
    bare = _Ldaptor(site, reactor)
    try:
        for log_ons in (clear, tls):
            await log_ons.start()
        await bare.connect()
        candidates: dict[str, tuple[int, Work]] = {
            "exfront": (os.getpid(), _in(reactor, lambda: clear.all(_some(people), _AT_ONCE))),
            "exfront, LDAPS": (os.getpid(), _in(reactor, lambda: tls.all(_some(people), _AT_ONCE))),
            "ldaptor": (os.getpid(), _in(reactor, lambda: bare.all(_some(people)))),
            "Apache": (apache.daemon.pid, lambda: _requests((apache.address, apache.http))),
        }
        title = f"Log-on of a user never seen before: look-up and bind ({_LOG_ONS} a round; at most 1200 µs)"
        await deferToThread(compare, title, "µs a log-on", candidates, "ldaptor", scale=1e6)
    finally:
        for log_ons in (clear, tls):
            await log_ons.core.stop()
        bare.close()
        apache.daemon.kill()
        site.close()


def _in(reactor: Any, start: Callable[[], Coroutine[Any, Any, None]]) -> Work:
    """Work of the reactor's thread, for who measures in another one."""

    def work() -> float:
        blockingCallFromThread(reactor, lambda: Deferred.fromCoroutine(start()))
        return _LOG_ONS

    return work


def _some(people: Iterator[int]) -> list[int]:
    return list(itertools.islice(people, _LOG_ONS))


@define(eq=False)
class _Ldaptor:
    """A search on one connection and a bind on another, as ldaptor's examples do it; eight of each."""

    site: Site
    reactor: Any
    _clients: list[tuple[LDAPClient, LDAPClient]] = field(factory=list)

    async def connect(self) -> None:
        slapd = self.site.slapd
        for _ in range(_AT_ONCE):
            pair = [await connectToLDAPEndpoint(self.reactor, f"tcp:{slapd.address}:{slapd.ldap}", LDAPClient)
                    for _ in range(2)]  # fmt: skip
            await LDAPEntry(pair[0], slapd.bind_dn).bind(slapd.bind_password)
            self._clients.append((pair[0], pair[1]))

    def close(self) -> None:
        for pair in self._clients:
            for client in pair:
                client.transport.abortConnection()

    async def all(self, numbers: list[int]) -> None:
        left = iter(numbers)

        async def some(searching: LDAPClient, binding: LDAPClient) -> None:
            for number in left:
                (found,) = await LDAPEntry(searching, BASE).search(
                    filterText=f"(&(objectClass=user)(sAMAccountName=user{number}))", attributes=self._attributes()
                )
                await LDAPEntry(binding, found.dn).bind(f"password-{number}")

        await gatherResults([Deferred.fromCoroutine(some(*pair)) for pair in self._clients], consumeErrors=True)

    def _attributes(self) -> tuple[str, ...]:
        return schema(DirectorySection((), BASE)).attributes


def _apache(site: Site) -> Apache:
    folder = temporary_folder("apache")
    slapd = site.slapd
    certificate = site.authority.issue("chicago.fourthcoffee.com", ["127.0.0.1"])
    url = f"{slapd.url}/{BASE}?sAMAccountName,mailNickname?sub?(objectClass=user)"
    apache = Apache(
        "chicago", "127.0.0.1", folder, certificate, (), LdapSource(url, slapd.bind_dn, slapd.bind_password)
    )
    _without_cache(folder / "apache.conf")
    apache.daemon.start()
    return apache


def _without_cache(configuration: Path) -> None:
    with configuration.open("a") as file:
        file.write("LDAPCacheEntries 0\nLDAPOpCacheEntries 0\n")


_numbers = itertools.count(1)


def _requests(address: Address) -> float:
    """Apache forgets whom it let in, so names may come again."""

    def some(_: int) -> None:
        connection = http.client.HTTPConnection(*address, timeout=30)
        for _ in range(_LOG_ONS // _AT_ONCE):
            number = next(_numbers) % _LOG_ONS + 1
            token = base64.b64encode(f"user{number}:password-{number}".encode()).decode()
            connection.request("HEAD", "/owa/", headers={"Authorization": f"Basic {token}"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == http.client.OK, answer.status
        connection.close()

    in_threads(_AT_ONCE, some)
    return _LOG_ONS // _AT_ONCE * _AT_ONCE


if __name__ == "__main__":
    main()
