"""The table of transports over the lean make."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from exfront.net.lean.transports import LeanTransports
from exfront.net.transports import Transports
from tests.net.transports.probe import OneProbe, Peer, Probe
from tests.net.transports.relay_table import RelayCases
from tests.net.transports.secure_table import SecureCases, SecureConnectingCases, SecureListeningCases
from tests.net.transports.table import BIG, ConnectingCases, ConnectionCases, ListeningCases, Make, StrictCases

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
    pass


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


class LeanFaultTests(_Lean, Make, TestCase):
    """TLS that cannot even begin: a fault of our own."""

    def client_connection(self, transport: object, connected: object) -> None:
        raise ZeroDivisionError

    async def test_the_call_fails_and_leaves_nothing(self) -> None:
        listening = self.listening()
        tls: Any = self
        with self.assertRaises(ZeroDivisionError):
            await self.transports().connect(*listening.getsockname(), 5.0, OneProbe(Probe()), tls)
        sock, _ = listening.accept()
        self.assertEqual(await self.bare(sock).end(), b"")

    async def test_who_is_taken_is_closed_and_the_next_is_taken(self) -> None:
        tls: Any = self
        probes = [Probe(), Probe()]
        with self.listening() as listening:
            address = listening.getsockname()
            port = self.transports().listen(listening, OneProbe(*probes), tls)
        self.addCleanup(port.stopListening)
        for _ in probes:
            peer = self.bare(socket.create_connection(address))
            self.assertEqual(await peer.end(), b"")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def getContext(self) -> None:
        raise ZeroDivisionError


class LeanRelayTests(_Lean, RelayCases, TestCase):
    async def test_many_octets_do_not_pass_through_the_protocol(self) -> None:
        """They are spliced: of 8 MiB in a stream the protocol sees a small part."""
        client, back_end = await self.joined()
        writing = Deferred.fromCoroutine(back_end.write(bytes(BIG)))
        await client.read(BIG)
        await writing
        self.assertEqual(self.record.octets_out, BIG)
        self.assertLess(self.back_end.seen, BIG // 2)

    async def test_no_bye_behind_octets_that_nobody_saw(self) -> None:
        """S-MAIL-18: whether a line is at its end is unknown until octets are seen again."""
        client, _ = await self.joined()
        self.relay.back_end.passed(5)
        self.relay.active -= 10
        self.relay.interject(b"* BYE\r\n")
        self.assertEqual(await client.end(), b"")
