"""Names into addresses, over a resolver that answers what the test says."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address
from twisted.trial.unittest import SynchronousTestCase

from exfront.net.resolve import resolve


@frozen
class _Resolver:
    """Answers at once, as a reactor's `nameResolver`."""

    answers: tuple[Any, ...]

    @property
    def nameResolver(self) -> _Resolver:
        return self

    def resolveHostName(self, receiver: Any, name: str) -> None:
        receiver.resolutionBegan(None)
        for answer in self.answers:
            receiver.addressResolved(answer)
        receiver.resolutionComplete()


class ResolveTests(SynchronousTestCase):
    def test_each_address_once_in_the_resolvers_order(self) -> None:
        six, four = IPv6Address("TCP", "::1", 0), IPv4Address("TCP", "127.0.0.1", 0)
        cases = (((six, four, six), ["::1", "127.0.0.1"]), ((HostnameAddress(b"a", 1), four), ["127.0.0.1"]), ((), []))
        for answers, expected in cases:
            self.assertEqual(self.successResultOf(resolve(_Resolver(answers), "a")), expected)
