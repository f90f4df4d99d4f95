"""Reading the configuration of a very large organisation. Run: python -m benchmarks.directory_topology.

Another reading of the same entries, by ldaptor into its own objects, is the peer: no meaning is read there.
"""

from __future__ import annotations

import gc
import statistics
import time
from typing import Any

from attrs import define, field
from ldaptor.protocols import pureldap
from ldaptor.protocols.ldap.ldapclient import LDAPClient
from ldaptor.protocols.ldap.ldapconnector import connectToLDAPEndpoint
from ldaptor.protocols.ldap.ldapsyntax import LDAPEntry
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from benchmarks.log_ons import LogOns
from exfront.topology import Topology
from tests.support.authority import Authority
from tests.support.large_topology import LargeTopology
from tests.support.population import BASE
from tests.support.process import temporary_folder
from tests.support.slapd import Site, Slapd

_ROUNDS = 5
_CLASSES = ("msExchExchangeServer", "msExchPrivateMDB", "msExchVirtualDirectory", "site", "subnet", "siteLink")


def main() -> None:
    """Print the table."""
    react(lambda reactor: Deferred.fromCoroutine(_run(reactor)))


async def _run(reactor: Any) -> None:
    folder = temporary_folder("topology")
    authority = Authority(folder)
    certificate = authority.issue("ldap.fourthcoffee.com", ["127.0.0.1"])
    slapd = Slapd("127.0.0.1", folder, certificate, LargeTopology(), log="0")
    slapd.start()
    site = Site(authority, slapd)
    try:
        await _compare(site, reactor)
    finally:
        site.close()


async def _compare(site: Site, reactor: Any) -> None:
    log_ons = LogOns(site, reactor)
    await log_ons.start()
    reader = log_ons.core.topology
    entries = _size(reader.current)
    turns, ours, theirs = _Turns(reactor), [], []
    for _ in range(_ROUNDS):
        gc.collect()  # what the peer left
        turns.start()
        ours.append(await _cpu(reader.read()) / entries * 1e6)
        turns.stop()
        theirs.append(await _by_ldaptor(site, reactor))
    await log_ons.core.stop()
    one = reader.current
    counts = (len(one.servers), len(one.databases), len(one.sites), len(one.virtual_directories), entries)
    print("\n{} servers, {} databases, {} sites, {} virtual directories: {} entries".format(*counts))
    print(f"  {'':<46}{'min':>9}{'median':>9}{'max':>9}")
    _row("exfront, CPU µs an entry (at most 600)", ours)
    _row("ldaptor, CPU µs an entry", theirs)
    print(f"  ratio {statistics.median(ours) / statistics.median(theirs):.2f}")
    _row("longest turn of the loop, CPU ms (at most 50)", [one * 1e3 for one in turns.longest])


def _size(topology: Topology) -> int:
    kinds = (topology.servers, topology.databases, topology.virtual_directories, topology.mail_settings,
             topology.sites, topology.subnets, topology.site_links)  # fmt: skip
    return sum(map(len, kinds))


async def _cpu(work: Any) -> float:
    before = time.process_time()
    await work
    return time.process_time() - before


async def _by_ldaptor(site: Site, reactor: Any) -> float:
    client = await connectToLDAPEndpoint(reactor, f"tcp:{site.slapd.address}:{site.slapd.ldap}", LDAPClient)
    await LDAPEntry(client, site.slapd.bind_dn).bind(site.slapd.bind_password)
    found: list[LDAPEntry] = []
    wanted = "".join(f"(objectClass={name})" for name in _CLASSES)
    search = LDAPEntry(client, BASE).search(
        filterText=f"(|{wanted})", scope=pureldap.LDAP_SCOPE_wholeSubtree, callback=found.append
    )
    took = await _cpu(search)
    client.transport.abortConnection()
    return took / len(found) * 1e6


def _row(name: str, figures: list[float]) -> None:
    print(f"  {name:<46}{min(figures):>9.1f}{statistics.median(figures):>9.1f}{max(figures):>9.1f}")


@define(eq=False)
class _Turns:
    """Measures every turn of the reactor's loop between `start` and `stop`; `longest` of each time, CPU seconds."""

    reactor: Any
    longest: list[float] = field(factory=list)
    _last: float = 0.0
    _running: bool = False

    def start(self) -> None:
        self._running, self._last = True, time.process_time()
        self.longest.append(0.0)
        self._turn()

    def stop(self) -> None:
        self._turn()
        self._running = False

    def _turn(self) -> None:
        """A delay of nothing is called once in each turn."""
        now = time.process_time()
        self.longest[-1] = max(self.longest[-1], now - self._last)
        self._last = now
        if self._running:
            self.reactor.callLater(0, self._turn)


if __name__ == "__main__":
    main()
