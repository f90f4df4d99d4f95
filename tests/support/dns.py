"""A DNS server on a free loopback port, with the SRV records that a test gives it."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.names import dns
from twisted.names.error import DomainError
from twisted.names.server import DNSServerFactory

from exfront.config.kinds import HostPort

Record = tuple[int, int, str, int]  # priority, weight, target, port


class SrvServer:
    """`records` by name, changed at will; `asked` are the names of all questions, in order."""

    def __init__(self, records: dict[str, list[Record]], ttl: int = 60) -> None:
        self.records = records
        self.ttl = ttl
        self.asked: list[str] = []
        loop: Any = reactor
        self._port = loop.listenUDP(0, dns.DNSDatagramProtocol(DNSServerFactory(clients=[self])), interface="127.0.0.1")
        self.address = HostPort("127.0.0.1", self._port.getHost().port)

    def query(self, query: dns.Query, timeout: object = None) -> Deferred[Any]:
        """Twisted's resolver interface: answers, authority, additional."""
        name = query.name.name.decode()
        self.asked.append(name)
        if name not in self.records:
            return fail(DomainError(name))
        answers = [
            dns.RRHeader(name, dns.SRV, dns.IN, self.ttl, dns.Record_SRV(priority, weight, port, target))
            for priority, weight, target, port in self.records[name]
        ]
        return succeed((answers, [], []))

    async def stop(self) -> None:
        """Answer nobody any more."""
        await maybeDeferred(self._port.stopListening)
