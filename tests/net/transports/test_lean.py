"""The table of transports over the lean make."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.trial.unittest import TestCase

from exfront.net.lean.transports import LeanTransports
from exfront.net.transports import Transports
from tests.net.transports.probe import Peer
from tests.net.transports.secure_table import SecureCases, SecureConnectingCases, SecureListeningCases
from tests.net.transports.table import ConnectingCases, ConnectionCases, ListeningCases, StrictCases

reactor: Any = the_reactor


class _Lean:
    def transports(self) -> Transports:
        return LeanTransports(reactor)


class LeanTakenTests(_Lean, ConnectionCases, TestCase):
    async def pair(self, probe: Any) -> Peer:
        return await self.taken(probe)


class LeanCalledTests(_Lean, ConnectionCases, TestCase):
    async def pair(self, probe: Any) -> Peer:
        return await self.called(probe)


class LeanListeningTests(_Lean, ListeningCases, TestCase):
    closes_when_full = False


class LeanConnectingTests(_Lean, ConnectingCases, TestCase):
    pass


class LeanSecureTakenTests(_Lean, SecureCases, StrictCases, TestCase):
    async def pair(self, probe: Any) -> Peer:
        return await self.taken(probe)


class LeanSecureCalledTests(_Lean, SecureCases, StrictCases, TestCase):
    async def pair(self, probe: Any) -> Peer:
        return await self.called(probe)


class LeanSecureListeningTests(_Lean, SecureListeningCases, TestCase):
    pass


class LeanSecureConnectingTests(_Lean, SecureConnectingCases, TestCase):
    pass
