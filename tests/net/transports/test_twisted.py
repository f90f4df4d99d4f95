"""The table of transports over Twisted's own."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.trial.unittest import TestCase

from exfront.net.transports import Transports, TwistedTransports
from tests.net.transports.probe import Peer
from tests.net.transports.relay_table import RelayCases
from tests.net.transports.secure_table import SecureCases, SecureConnectingCases, SecureListeningCases
from tests.net.transports.table import ConnectingCases, ConnectionCases, ListeningCases

reactor: Any = the_reactor


class _Twisted:
    def transports(self) -> Transports:
        return TwistedTransports(reactor)


class TwistedTakenTests(_Twisted, ConnectionCases, TestCase):
    async def pair(self, probe: Any) -> Peer:
        return await self.taken(probe)


class TwistedCalledTests(_Twisted, ConnectionCases, TestCase):
    async def pair(self, probe: Any) -> Peer:
        return await self.called(probe)


class TwistedListeningTests(_Twisted, ListeningCases, TestCase):
    pass


class TwistedConnectingTests(_Twisted, ConnectingCases, TestCase):
    pass


class TwistedSecureTakenTests(_Twisted, SecureCases, TestCase):
    async def pair(self, probe: Any) -> Peer:
        return await self.taken(probe)


class TwistedSecureCalledTests(_Twisted, SecureCases, TestCase):
    async def pair(self, probe: Any) -> Peer:
        return await self.called(probe)


class TwistedSecureListeningTests(_Twisted, SecureListeningCases, TestCase):
    pass


class TwistedSecureConnectingTests(_Twisted, SecureConnectingCases, TestCase):
    pass


class TwistedRelayTests(_Twisted, RelayCases, TestCase):
    pass
