"""What every make of transports does: one table, run over each make, for connections taken and for connections made."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor as the_reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    NoProtocol,
    TimeoutError,
)
from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from exfront.net.transports import Transports
from tests.net.transports.probe import HalfProbe, OneProbe, Peer, Probe, Source, turns, until

BIG = 8 * 1024 * 1024
_SIZES = (0, 1, 16383, 16384, 16385, 65535, 65536, 65537, 262_143, 262_144, 262_145, 1_048_577)
_HELD = 1024 * 1024  # octets that may be held for one peer that does not read

reactor: Any = the_reactor


if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object  # trial would run the table by itself


class Make(_Case):
    """Mixed into test cases: the make under test, and pairs of a probe on it and a bare socket."""

    timeout = 30

    def transports(self) -> Transports:
        """The make under test."""
        raise NotImplementedError

    def bare(self, sock: socket.socket) -> Peer:
        """A bare socket that is closed at the end."""
        sock.setblocking(False)
        self.addCleanup(sock.close)
        return Peer(reactor, sock)

    def listening(self, backlog: int = 64) -> socket.socket:
        """A listening socket of the test's own."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        listening.setblocking(False)
        self.addCleanup(listening.close)
        return listening

    def serve(self, *probes: Any) -> tuple[OneProbe, tuple[str, int], Any]:
        """The make listens, for so many connections."""
        factory = OneProbe(*probes)
        with self.listening() as listening:
            address = listening.getsockname()
            port = self.transports().listen(listening, factory)
        self.addCleanup(port.stopListening)
        return factory, address, port

    async def taken(self, probe: Any) -> Peer:
        """A connection that the make took."""
        _, address, _ = self.serve(probe)
        peer = self.bare(socket.create_connection(address))
        await until(reactor, lambda: probe.made, "a connection")
        return peer

    async def called(self, probe: Any) -> Peer:
        """A connection that the make made."""
        listening = self.listening()
        host, port = listening.getsockname()
        protocol = await self.transports().connect(host, port, 5.0, OneProbe(probe))
        assert protocol is probe
        sock, _ = listening.accept()
        return self.bare(sock)

    async def finish(self, probe: Any) -> None:
        """No test leaves a connection behind."""
        if probe.reason is None:
            probe.line.abortConnection()
        await until(reactor, lambda: probe.reason is not None, "the end of a connection")


class StreamCases(Make):
    """Connected transports, in the clear or by TLS; a subclass says how they came about."""

    async def pair(self, probe: Any) -> Peer:
        """A connection of `probe`, and its other end."""
        raise NotImplementedError

    async def test_octets_both_ways_in_order(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        for piece in (b"one ", b"", b"two ", b"three"):
            probe.line.write(piece)
        probe.line.writeSequence([b" four", b" five"])
        self.assertEqual(await peer.read(23), b"one two three four five")
        await peer.write(b"answer")
        await until(reactor, lambda: len(probe.data) == 6, "the answer")
        self.assertEqual(bytes(probe.data), b"answer")
        await self.finish(probe)

    async def test_every_size(self) -> None:
        """Echoed: each count of octets around the sizes that buffers have."""
        probe = Probe()
        probe.on_data = lambda line, data: line.write(data)
        peer = await self.pair(probe)
        for size in _SIZES:
            sent = os.urandom(size)
            await peer.write(sent)
            self.assertEqual(await peer.read(size), sent, size)
        await self.finish(probe)

    async def test_octet_by_octet(self) -> None:
        """Bad input: a connection that brings one octet at a time."""
        probe = Probe()
        probe.on_data = lambda line, data: line.write(data)
        peer = await self.pair(probe)
        for octet in b"a LOGIN alice secret\r\n":
            await peer.write(bytes([octet]))
            self.assertEqual(await peer.read(1), bytes([octet]))
        await self.finish(probe)

    async def test_only_octets_can_be_written(self) -> None:
        probe = Probe()
        await self.pair(probe)
        self.assertRaises(TypeError, probe.line.write, "text")
        await self.finish(probe)

    async def test_written_in_data_received_and_in_connection_made(self) -> None:
        probe = Probe()
        probe.on_made = lambda line: line.write(b"hello ")
        probe.on_data = lambda line, data: _each(*(partial(line.write, b"%d" % number) for number in range(10)))
        peer = await self.pair(probe)
        await peer.write(b"x")
        self.assertEqual(await peer.read(16), b"hello 0123456789")
        await self.finish(probe)

    async def test_a_big_write_to_a_late_reader(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        sent = os.urandom(BIG)
        probe.line.write(sent)
        probe.line.write(b"the end")
        await turns(reactor)
        self.assertEqual(await peer.read(BIG), sent)
        self.assertEqual(await peer.read(7), b"the end")
        await self.finish(probe)

    async def test_both_ways_at_once(self) -> None:
        """An echo of much: neither direction waits for the other for ever."""
        probe = Probe()
        probe.on_data = lambda line, data: line.write(data)
        peer = await self.pair(probe)
        sent = os.urandom(BIG // 4)
        writing = Deferred.fromCoroutine(peer.write(sent))
        self.assertEqual(await peer.read(len(sent)), sent)
        await writing
        await self.finish(probe)

    async def test_a_producer_is_paused_and_resumed(self) -> None:
        """S-MAIL-20: what waits for a reader that does not read is bounded, and nothing is lost when it reads on.

        Bad input: a reader slower than its writer.
        """
        probe = Probe()
        peer = await self.pair(probe)
        source = Source(probe.line, bytes(range(256)) * 64, BIG // 16384, reactor)
        source.start()
        kept = -1
        while kept != source.written:  # the kernel's buffers may grow for a while
            kept = source.written
            await turns(reactor, 20)
        self.assertTrue(source.paused)
        self.assertLess(kept, BIG)
        self.assertEqual(await peer.read(BIG), source.piece * (BIG // 16384))
        await source.done
        self.assertGreater(source.pauses, 0)
        await self.finish(probe)

    async def test_a_registered_producer_is_stopped_when_the_connection_is_lost(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        source = Source(probe.line, b"x" * 65536, 10_000, reactor)
        source.start()
        await until(reactor, lambda: source.paused, "a pause")
        peer.reset()
        await until(reactor, lambda: source.stopped, "the end of the producer")
        await until(reactor, lambda: probe.lost, "the end")
        late = Source(probe.line, b"", 0, reactor)
        probe.line.registerProducer(late, True)
        self.assertTrue(late.stopped)

    async def test_two_producers_are_one_too_many(self) -> None:
        probe = Probe()
        await self.pair(probe)
        probe.line.registerProducer(Source(probe.line, b"", 1, reactor), True)
        self.assertRaises(RuntimeError, probe.line.registerProducer, Source(probe.line, b"", 1, reactor), True)
        await self.finish(probe)

    async def test_a_pull_producer(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        left = [b"%04d" % number for number in range(200)]

        class Pull:
            def resumeProducing(self) -> None:
                if left:
                    probe.line.write(left.pop(0))
                else:
                    probe.line.unregisterProducer()

            def stopProducing(self) -> None:
                left.clear()

        probe.line.registerProducer(Pull(), False)
        self.assertEqual(await peer.read(800), b"".join(b"%04d" % number for number in range(200)))
        await self.finish(probe)

    async def test_a_paused_transport_reads_nothing_and_then_everything(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        probe.line.pauseProducing()
        sent = os.urandom(200_000)
        writing = Deferred.fromCoroutine(peer.write(sent))
        await turns(reactor, 10)
        self.assertEqual(probe.pieces, 0)
        probe.line.resumeProducing()
        await until(reactor, lambda: len(probe.data) == len(sent), "all of it")
        await writing
        self.assertEqual(bytes(probe.data), sent)
        await self.finish(probe)

    async def test_paused_and_resumed_at_once(self) -> None:
        probe = Probe()
        probe.on_data = lambda line, data: _each(line.pauseProducing, line.resumeProducing)
        peer = await self.pair(probe)
        sent = os.urandom(BIG // 4)
        await peer.write(sent)
        await until(reactor, lambda: len(probe.data) == len(sent), "all of it")
        self.assertEqual(bytes(probe.data), sent)
        await self.finish(probe)

    async def test_the_close_never_comes_within_the_call(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        for end in (probe.line.loseConnection, probe.line.abortConnection):
            end()
            self.assertEqual(probe.lost, "")
        await until(reactor, lambda: probe.lost, "the end")
        with contextlib.suppress(ConnectionResetError):
            await peer.end()

    async def test_closed_in_data_received_and_in_connection_made(self) -> None:
        probe = Probe()
        probe.on_data = lambda line, data: _each(lambda: line.write(b"bye"), line.loseConnection)
        peer = await self.pair(probe)
        await peer.write(b"x")
        self.assertEqual(await peer.end(), b"bye")
        await until(reactor, lambda: probe.lost, "the end")
        early = Probe()
        early.on_made = lambda line: _each(lambda: line.write(b"no"), line.loseConnection)
        peer = await self.pair(early)
        self.assertEqual(await peer.end(), b"no")
        await until(reactor, lambda: early.lost, "the end")

    async def test_a_close_waits_for_a_paused_producer(self) -> None:
        """What the producer still has goes out before the connection closes."""
        probe = Probe()
        peer = await self.pair(probe)
        source = Source(probe.line, b"y" * 65536, 200, reactor)
        source.start()
        await until(reactor, lambda: source.paused, "a pause")
        probe.line.loseConnection()
        self.assertEqual(len(await peer.end()), 200 * 65536)
        await until(reactor, lambda: probe.lost, "the end")

    async def test_aborted_in_data_received_no_more_comes(self) -> None:
        probe = Probe()
        probe.on_data = lambda line, data: line.abortConnection()
        peer = await self.pair(probe)
        peer.write_some(os.urandom(1_000_000))
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((probe.pieces, probe.events), (1, ["lost"]))

    async def test_a_reset(self) -> None:
        """Bad input: RST in every state."""
        probe = Probe()
        peer = await self.pair(probe)
        peer.reset()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((probe.lost, probe.events), ("ConnectionLost", ["lost"]))

    async def test_a_reset_while_writing(self) -> None:
        """Bad input: RST in every state."""
        probe = Probe()
        peer = await self.pair(probe)
        probe.line.write(bytes(BIG))
        await turns(reactor)
        peer.reset()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual(probe.lost, "ConnectionLost")

    async def test_a_reset_while_closing(self) -> None:
        """Bad input: RST in every state."""
        probe = Probe()
        peer = await self.pair(probe)
        probe.line.write(bytes(BIG))
        probe.line.loseConnection()
        await turns(reactor)
        peer.reset()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((probe.lost, probe.events), ("ConnectionLost", ["lost"]))

    async def test_a_reset_while_paused_is_told_when_reading_goes_on(self) -> None:
        """Bad input: RST in every state."""
        probe = Probe()
        peer = await self.pair(probe)
        probe.line.pauseProducing()
        peer.reset()
        await turns(reactor)
        probe.line.resumeProducing()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual(probe.events, ["lost"])

    async def test_both_close_at_once(self) -> None:
        """Bad input: both ends close at once."""
        for _ in range(20):
            probe = Probe()
            peer = await self.pair(probe)
            await peer.write(b"x")
            probe.line.write(b"y")
            probe.line.loseConnection()
            peer.socket.close()
            await until(reactor, lambda probe=probe: probe.lost, "the end")
            self.assertEqual(probe.events, ["lost"])

    async def test_an_exception_in_a_producer_ends_that_connection(self) -> None:
        """Bad input: an exception of a protocol's."""
        probe = Probe()
        peer = await self.pair(probe)
        await turns(reactor, 40)  # TLS: a ticket that nobody read would make a reset of the close
        source = Source(probe.line, bytes(65536), 10_000, reactor)
        source.start()
        await until(reactor, lambda: source.paused, "a pause")
        source.resumeProducing = _fail  # type: ignore[method-assign]
        await peer.read(source.written)
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_an_exception_at_the_end_is_logged(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)

        probe.connectionLost = _fail  # type: ignore[method-assign]
        peer.socket.close()
        await until(reactor, lambda: self.flushLoggedErrors(ZeroDivisionError), "the log's line")

    async def test_a_number_that_comes_back_within_a_batch(self) -> None:
        """A closed descriptor's number is taken by a new connection at once: no event of the old reaches the new.

        Bad input: a descriptor's number that comes back within a batch of events.
        """
        old, others = Probe(), [Probe() for _ in range(8)]
        old_peer = await self.pair(old)
        peers = [await self.pair(other) for other in others]
        for peer in (old_peer, *peers):
            await peer.write(b"x")
        old_peer.reset()
        await until(reactor, lambda: old.lost, "the end")
        new = Probe()
        new_peer = await self.pair(new)
        await new_peer.write(b"new")
        await until(reactor, lambda: len(new.data) == 3, "the new one's octets")
        self.assertEqual(new.events, [])
        for probe in (new, *others):
            await self.finish(probe)


class StrictCases(StreamCases):
    """What Twisted's own transports do in the clear, and not quite by TLS; lean ones always."""

    async def test_paused_in_data_received_no_more_comes(self) -> None:
        """A pause counts from the piece on in which it is asked for."""
        probe = Probe()
        probe.on_data = lambda line, data: line.pauseProducing()
        peer = await self.pair(probe)
        sent = os.urandom(BIG)
        written = peer.write_some(sent)
        await until(reactor, lambda: probe.pieces, "a piece")
        await turns(reactor)
        self.assertEqual(probe.pieces, 1)
        while len(probe.data) < written:
            seen = probe.pieces
            probe.line.resumeProducing()
            await until(reactor, lambda seen=seen: probe.pieces > seen, "one more piece")
        self.assertEqual(bytes(probe.data), sent[:written])
        await self.finish(probe)

    async def test_what_is_written_goes_out_before_the_close(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        sent = os.urandom(BIG)
        probe.line.write(sent)
        probe.line.loseConnection()
        self.assertEqual(await peer.end(), sent)
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual(probe.lost, "ConnectionDone")

    async def test_writing_after_the_end_goes_nowhere(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        peer.socket.close()
        await until(reactor, lambda: probe.lost, "the end")
        for call in (probe.line.loseConnection, probe.line.abortConnection, probe.line.pauseProducing,
                     probe.line.resumeProducing, probe.line.unregisterProducer):  # fmt: skip
            call()
        probe.line.write(b"x")
        probe.line.writeSequence([b"x"])
        await turns(reactor)
        self.assertEqual(probe.events, ["lost"])

    async def test_an_exception_ends_that_connection_and_no_other(self) -> None:
        """S-OPS-8: a fault in one protocol is that connection's.

        Bad input: an exception of a protocol's.
        """
        good, bad = Probe(), Probe()
        good_peer, bad_peer = await self.pair(good), await self.pair(bad)
        bad.on_data = _fail
        await bad_peer.write(b"x")
        await until(reactor, lambda: bad.lost, "the end")
        self.assertEqual(bad.lost, "ZeroDivisionError")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        good.line.write(b"still here")
        self.assertEqual(await good_peer.read(10), b"still here")
        await self.finish(good)


class ConnectionCases(StrictCases):
    """Connected transports in the clear."""

    async def test_an_abort_is_a_reset_and_drops_what_waits(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        probe.line.write(bytes(BIG))
        probe.line.abortConnection()
        probe.line.abortConnection()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((probe.lost, probe.events), ("ConnectionAborted", ["lost"]))
        with self.assertRaises(ConnectionResetError):
            await peer.end()

    async def test_it_has_the_interfaces(self) -> None:
        probe = Probe()
        await self.pair(probe)
        for interface in (ITCPTransport, IPushProducer, IConsumer):
            verifyObject(interface, probe.line)  # type: ignore[no-untyped-call]
        await self.finish(probe)

    async def test_what_is_held_for_a_stalled_reader_is_bounded(self) -> None:
        """S-MAIL-20: at most 1 MB beyond what the kernel takes, by what the reader still gets after the end.

        Bad input: a reader slower than its writer.
        """
        probe = Probe()
        peer = await self.pair(probe)
        probe.line.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        source = Source(probe.line, bytes(65536), 10_000, reactor)
        source.start()
        await until(reactor, lambda: source.paused, "a pause")
        await turns(reactor)
        self.assertLess(source.written, 8 * _HELD)
        source.stopped = True
        probe.line.unregisterProducer()
        probe.line.loseConnection()
        self.assertEqual(len(await peer.end()), source.written)
        await self.finish(probe)

    async def test_the_end_that_came_while_paused_is_told_after_what_came_before(self) -> None:
        """FIN in the same segment as data, both unread for a while: no octet and no end is lost."""
        probe = HalfProbe()
        peer = await self.pair(probe)
        probe.line.pauseProducing()
        await peer.write(b"* BYE\r\n")
        peer.end_writing()
        await turns(reactor)
        self.assertEqual(probe.events, [])
        probe.line.resumeProducing()
        await until(reactor, lambda: probe.events, "the end")
        self.assertEqual((bytes(probe.data), probe.events), (b"* BYE\r\n", ["read ended"]))
        await self.finish(probe)

    async def test_nothing_is_read_after_a_close_was_asked_for(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        probe.line.write(bytes(BIG))
        probe.line.loseConnection()
        await peer.write(b"unread")
        await turns(reactor)
        self.assertEqual(bytes(probe.data), b"")
        await self.finish(probe)

    async def test_the_peers_close(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        await peer.write(b"last")
        peer.socket.close()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((bytes(probe.data), probe.lost), (b"last", "ConnectionDone"))

    async def test_the_end_in_the_same_segment_as_data(self) -> None:
        """The one that hung a prototype: there is no second edge for a FIN that came with data.

        Bad input: the end in the same segment as data.
        """
        for size in (1, 65535, 65536, 65537, 300_000):
            probe = Probe()
            peer = await self.pair(probe)
            probe.line.pauseProducing()
            peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            sent = peer.write_some(os.urandom(size))
            peer.socket.close()
            probe.line.resumeProducing()
            await until(reactor, lambda probe=probe: probe.lost, "the end")
            self.assertEqual((len(probe.data), probe.lost), (sent, "ConnectionDone"), size)

    async def test_a_reset_after_the_peers_end_is_seen_by_writing(self) -> None:
        """Bad input: RST in every state."""
        probe = HalfProbe()
        peer = await self.pair(probe)
        peer.end_writing()
        await until(reactor, lambda: probe.events, "the peer's end")
        peer.reset()
        await turns(reactor)
        probe.line.write(b"x")
        await turns(reactor)
        probe.line.write(b"x")
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual(probe.events, ["read ended", "lost"])

    async def test_the_peers_half_close(self) -> None:
        """The answer still goes out to a client that has said all.

        Bad input: half closes both ways.
        """
        probe = HalfProbe()
        peer = await self.pair(probe)
        await peer.write(b"question")
        peer.end_writing()
        await until(reactor, lambda: probe.events, "the peer's end")
        self.assertEqual((probe.events, bytes(probe.data)), (["read ended"], b"question"))
        probe.line.write(b"answer")
        self.assertEqual(await peer.read(6), b"answer")
        probe.line.loseConnection()
        self.assertEqual(await peer.end(), b"")
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((probe.lost, probe.events), ("ConnectionDone", ["read ended", "lost"]))

    async def test_a_half_close_is_the_end_for_who_knows_none(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        peer.end_writing()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((probe.lost, await peer.end()), ("ConnectionDone", b""))

    async def test_our_half_close(self) -> None:
        """All that was written, then the end; and reading goes on.

        Bad input: half closes both ways.
        """
        probe = HalfProbe()
        peer = await self.pair(probe)
        sent = os.urandom(BIG)
        probe.line.write(sent)
        probe.line.loseWriteConnection()
        self.assertEqual(await peer.end(), sent)
        await until(reactor, lambda: probe.events, "our own end")
        probe.line.write(b"goes nowhere")
        await peer.write(b"answer")
        await until(reactor, lambda: len(probe.data) == 6, "the answer")
        self.assertEqual(probe.events, ["write ended"])
        probe.line.loseConnection()
        await until(reactor, lambda: probe.lost, "the end")

    async def test_both_half_closes(self) -> None:
        """Bad input: half closes both ways."""
        probe = HalfProbe()
        peer = await self.pair(probe)
        probe.line.loseWriteConnection()
        self.assertEqual(await peer.end(), b"")
        peer.end_writing()
        await until(reactor, lambda: len(probe.events) == 2, "both ends")
        self.assertEqual((probe.events, probe.lost), (["write ended", "read ended"], ""))
        probe.line.loseConnection()
        await until(reactor, lambda: probe.lost, "the end")

    async def test_a_reset_after_our_half_close(self) -> None:
        """Bad input: RST in every state."""
        probe = HalfProbe()
        peer = await self.pair(probe)
        probe.line.loseWriteConnection()
        self.assertEqual(await peer.end(), b"")
        peer.reset()
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual((probe.events, probe.lost), (["write ended", "lost"], "ConnectionLost"))

    async def test_addresses(self) -> None:
        probe = Probe()
        peer = await self.pair(probe)
        here, there = peer.socket.getpeername(), peer.socket.getsockname()
        self.assertEqual(probe.line.getHost(), IPv4Address("TCP", *here))
        self.assertEqual(probe.line.getPeer(), IPv4Address("TCP", *there))
        await self.finish(probe)
        self.assertEqual(probe.line.getPeer(), IPv4Address("TCP", *there))

    async def test_options(self) -> None:
        probe = Probe()
        await self.pair(probe)
        for value in (True, False):
            probe.line.setTcpNoDelay(value)
            probe.line.setTcpKeepAlive(value)
            self.assertEqual((probe.line.getTcpNoDelay(), probe.line.getTcpKeepAlive()), (value, value))
        await self.finish(probe)


class ListeningCases(Make):
    """Taking connections."""

    async def test_many_at_once(self) -> None:
        probes = [Probe() for _ in range(100)]
        _, address, _ = self.serve(*probes)
        for _ in probes:
            calling = self.bare(socket.socket())
            calling.socket.connect_ex(address)
        await until(reactor, lambda: all(probe.made for probe in probes), "all connections")
        for probe in probes:
            await self.finish(probe)

    async def test_refused_by_the_factory(self) -> None:
        factory, address, _ = self.serve()
        peer = self.bare(socket.create_connection(address))
        self.assertEqual(await peer.end(), b"")
        self.assertEqual(factory.addresses, [IPv4Address("TCP", *peer.socket.getsockname())])

    async def test_a_factory_that_fails_costs_its_connection_alone(self) -> None:
        probe = Probe()
        factory, address, _ = self.serve(probe)
        build = factory.buildProtocol

        def fail(addr: Any) -> Any:
            factory.buildProtocol = build  # type: ignore[method-assign]
            raise ZeroDivisionError

        factory.buildProtocol = fail  # type: ignore[method-assign]
        first = self.bare(socket.create_connection(address))
        await until(reactor, lambda: self.flushLoggedErrors(ZeroDivisionError), "the log's line")
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(await first.end(), b"")
        self.bare(socket.create_connection(address))
        await until(reactor, lambda: probe.made, "the second connection")
        await self.finish(probe)

    async def test_an_exception_at_the_beginning_costs_its_connection_alone(self) -> None:
        bad, good = Probe(), Probe()
        bad.on_made = _fail
        _, address, _ = self.serve(bad, good)
        bad_peer = self.bare(socket.create_connection(address))
        await until(reactor, lambda: self.flushLoggedErrors(ZeroDivisionError), "the log's line")
        self.bare(socket.create_connection(address))
        await until(reactor, lambda: good.made, "the second connection")
        await self.finish(good)
        if bad.reason is None:  # Twisted's own leaves it to the protocol
            await self.finish(bad)
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(await bad_peer.end(), b"")

    async def test_stopped(self) -> None:
        """Nobody more is taken; who is there stays."""
        probe = Probe()
        _, address, port = self.serve(probe)
        self.assertEqual(port.getHost(), IPv4Address("TCP", *address))
        peer = self.bare(socket.create_connection(address))
        await until(reactor, lambda: probe.made, "a connection")
        await port.stopListening()
        self.assertRaises(OSError, socket.create_connection, address)
        await peer.write(b"x")
        await until(reactor, lambda: probe.pieces, "an octet")
        await self.finish(probe)

    async def test_no_descriptor_is_left(self) -> None:
        """EMFILE on accept: the daemon lives on, and serves again when descriptors are free.

        Bad input: no descriptor is free, for a client or a back end.
        """
        probe = Probe()
        probe.on_made = lambda line: line.write(b"hello")
        _, address, _ = self.serve(*[probe])
        waiting = socket.socket()
        self.addCleanup(waiting.close)
        await turns(reactor)
        with no_descriptors():
            waiting.connect(address)
            await turns(reactor, 20)
        peer = self.bare(waiting)
        self.assertEqual(await peer.read(5), b"hello")
        await self.finish(probe)

    async def test_gone_before_it_was_taken(self) -> None:
        """Nothing is left of them, told or untold, and the next one is served.

        Bad input: RST in every state.
        """
        probes = [Probe() for _ in range(3)]
        _, address, _ = self.serve(*probes)
        for _ in range(2):
            self.bare(socket.create_connection(address)).reset()
        peer = self.bare(socket.create_connection(address))
        await peer.write(b"x")
        await until(reactor, lambda: any(probe.data for probe in probes), "an octet")
        gone = [probe for probe in probes if probe.made and not probe.data]
        await until(reactor, lambda: all(probe.lost for probe in gone), "the ends")
        self.assertLessEqual({probe.lost for probe in gone}, {"ConnectionLost"})
        await self.finish(next(probe for probe in probes if probe.data))


class ConnectingCases(Make):
    """Making connections."""

    async def test_refused(self) -> None:
        with self.listening() as listening:
            host, port = listening.getsockname()
        with self.assertRaises(ConnectionRefusedError):
            await self.transports().connect(host, port, 5.0, OneProbe(Probe()))

    async def test_taken_and_reset(self) -> None:
        """Bad input: RST in every state."""
        listening = self.listening()
        probe = Probe()
        listening.settimeout(5.0)  # the connection is made in a later turn
        called = self.transports().connect(*listening.getsockname(), 5.0, OneProbe(probe))
        taken, _ = await deferToThread(listening.accept)
        self.bare(taken).reset()
        await called
        await until(reactor, lambda: probe.lost, "the end")
        self.assertEqual(probe.lost, "ConnectionLost")

    async def test_no_delay_and_keepalive(self) -> None:
        """S-MAIL-12: pieces of an answer do not wait for each other's acknowledgement, and a dead peer is found."""
        host, port = self.listening().getsockname()
        probe = Probe()
        await self.transports().connect(host, port, 5.0, OneProbe(probe))
        self.assertTrue(probe.line.getTcpNoDelay() and probe.line.getTcpKeepAlive())
        await self.finish(probe)

    async def test_too_slow(self) -> None:
        """A full backlog answers nothing."""
        address = self.full()
        with self.assertRaises(TimeoutError):
            await self.transports().connect(*address, 0.2, OneProbe(Probe()))

    async def test_cancelled(self) -> None:
        address = self.full()
        done = self.transports().connect(*address, 5.0, OneProbe(Probe()))
        await turns(reactor)
        done.cancel()
        with self.assertRaises(ConnectingCancelledError):
            await done

    async def test_no_way_there(self) -> None:
        """An address that the kernel refuses at once."""
        with self.assertRaises(ConnectError):
            await self.transports().connect("255.255.255.255", 80, 1.0, OneProbe(Probe()))

    async def test_no_descriptor_is_left(self) -> None:
        """EMFILE on connect is a failure of that connection.

        Bad input: no descriptor is free, for a client or a back end.
        """
        host, port = self.listening().getsockname()
        await turns(reactor)
        with no_descriptors():
            failed = self.transports().connect(host, port, 1.0, OneProbe(Probe()))
            await turns(reactor, 3)
        with self.assertRaises(ConnectError):
            await failed

    async def test_a_protocol_that_is_not_wanted_any_more(self) -> None:
        listening = self.listening()
        host, port = listening.getsockname()
        with self.assertRaises(NoProtocol):
            await self.transports().connect(host, port, 1.0, OneProbe())
        sock, _ = listening.accept()
        peer = self.bare(sock)
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(await peer.end(), b"")

    def full(self) -> tuple[str, int]:
        """An address whose backlog is full."""
        listening = self.listening(backlog=0)
        address: tuple[str, int] = listening.getsockname()
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(address)
            self.addCleanup(waiting.close)
        return address


def _each(*calls: Callable[[], None]) -> None:
    for call in calls:
        call()


def _fail(*_: object) -> None:
    raise ZeroDivisionError


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Within, the process can open none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open("/dev/null", os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1, hard))
    try:
        while True:
            try:
                taken.append(os.dup(taken[0]))
            except OSError:
                break
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in taken:
            os.close(each)
