"""A relay over real sockets: what both makes of transports carry from one peer to another."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from exfront.decision import SessionRecord
from exfront.net.relay import Ended, Leg, Relay, join
from tests.net.transports.probe import HalfProbe, Peer, turns, until
from tests.net.transports.table import BIG, Make

reactor: Any = the_reactor

_SIZES = (1, 65535, 65536, 65537, 262_143, 262_144, 262_145, 1_310_721)


class _End(HalfProbe):
    """Passes its events to a leg, as the protocols in mail/ do."""

    leg: Leg
    seen = 0  # octets

    def dataReceived(self, data: bytes) -> None:
        self.seen += len(data)
        self.leg.received(data)

    def readConnectionLost(self) -> None:
        self.leg.read_ended()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        super().connectionLost(reason)
        self.leg.lost(reason)


class RelayCases(Make):
    """A client, the relay's two transports, and a back end."""

    async def joined(self) -> tuple[Peer, Peer]:
        """The client's and the back end's sockets."""
        self.client, self.back_end = _End(), _End()
        self.record = SessionRecord("id", "imap4", "192.0.2.7:5000")
        self.ends: list[Ended] = []
        peers = await self.taken(self.client), await self.called(self.back_end)
        self.relay: Relay = join(
            self.client.line, self.back_end.line, self.record, reactor,
            idle_time=1800.0, stall_time=300.0, ended=self.ends.append,
        )  # fmt: skip
        self.client.leg, self.back_end.leg = self.relay.client, self.relay.back_end
        self.addCleanup(self.over)
        return peers

    async def over(self) -> None:
        """Nothing is left behind."""
        self.relay.abort()
        await until(reactor, lambda: self.client.reason and self.back_end.reason, "both ends")

    async def test_every_size_both_ways(self) -> None:
        client, back_end = await self.joined()
        total = 0
        for size in _SIZES:
            sent = os.urandom(size)
            total += size
            for source, sink in ((client, back_end), (back_end, client)):
                writing = Deferred.fromCoroutine(source.write(sent))
                self.assertTrue(await sink.read(size) == sent, size)
                await writing
        self.assertEqual((self.record.octets_in, self.record.octets_out), (total, total))

    async def test_much_both_ways_at_once(self) -> None:
        client, back_end = await self.joined()
        up, down = os.urandom(BIG), os.urandom(BIG)
        work = [Deferred.fromCoroutine(client.write(up)), Deferred.fromCoroutine(back_end.write(down))]
        reading = Deferred.fromCoroutine(back_end.read(BIG))
        self.assertTrue(await client.read(BIG) == down)
        self.assertTrue(await reading == up)
        for each in work:
            await each
        self.assertEqual((self.record.octets_in, self.record.octets_out), (BIG, BIG))

    async def test_a_stalled_reader_stops_the_writer_and_loses_nothing(self) -> None:
        """S-MAIL-20: what is held for it is bounded; all of it comes when it reads on, and a line is in its place."""
        client, back_end = await self.joined()
        sent, written, pause = os.urandom(1_000_003) * 64, 0, 0
        while pause < 15:  # the kernel's buffers may grow for a while
            some = back_end.write_some(sent[written:])
            written, pause = written + some, 0 if some else pause + 1
            await turns(reactor, 2)
        self.assertLess(written, len(sent))
        held = self.client.line._out if hasattr(self.client.line, "_out") else []
        self.assertLess(sum(len(each) for each in held or ()), 1024 * 1024)
        self.assertTrue(await client.read(written) == sent[:written])
        await back_end.write(b"a OK done\r\n")
        self.assertEqual(await client.read(11), b"a OK done\r\n")

    async def test_the_end_behind_much(self) -> None:
        """FIN right behind the last octet: S-MAIL-18, S-MAIL-19."""
        for size in (300_000, BIG):
            client, back_end = await self.joined()
            sent = os.urandom(size)
            writing = Deferred.fromCoroutine(back_end.write(sent))
            writing.addCallback(lambda _, back_end=back_end: back_end.end_writing())
            self.assertTrue(await client.end() == sent)
            await writing
            self.assertEqual(self.ends, [Ended("back end")])
            await self.over()

    async def test_a_half_closed_client_gets_its_answer(self) -> None:
        client, back_end = await self.joined()
        sent = os.urandom(400_000)
        writing = Deferred.fromCoroutine(client.write(sent))
        writing.addCallback(lambda _: client.end_writing())
        self.assertTrue(await back_end.end() == sent)
        await writing
        await back_end.write(sent)
        self.assertTrue(await client.read(len(sent)) == sent)

    async def test_a_reset_within_much(self) -> None:
        for which in (0, 1):
            peers = await self.joined()
            sending = peers[1].write_some(os.urandom(BIG))
            self.assertTrue(sending)
            await turns(reactor, 2)
            peers[which].reset()
            with contextlib.suppress(ConnectionResetError):
                await peers[1 - which].end()
            await until(reactor, lambda: self.ends, "the end")
            await self.over()

    async def test_no_descriptor_is_left(self) -> None:
        await turns(reactor)
        before = set(os.listdir("/proc/self/fd"))
        client, back_end = await self.joined()
        writing = Deferred.fromCoroutine(back_end.write(bytes(BIG)))
        await client.read(BIG)
        await writing
        await self.over()
        for peer in (client, back_end):
            peer.socket.close()
        await turns(reactor)
        for number in set(os.listdir("/proc/self/fd")) - before:
            with contextlib.suppress(OSError):
                self.assertNotIn("pipe", os.readlink(f"/proc/self/fd/{number}"))
