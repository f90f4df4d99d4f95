"""Five thousand clients that say one octet a second, beside clients that want something."""

from __future__ import annotations

import select
import socket
import statistics
import threading
import time

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from tests.support.clients import get
from tests.support.octets_stage import PATH, OctetsStage, octets_stage
from tests.support.process import Address, wait_until

SLOW = 5000
SECONDS = limits.HTTP_BODY_GRACE + limits.HTTP_BODY_RATE_TIME + 10  # until the last of them has been judged
MOST_EACH = 48 * 1024
MOST_LATENCY = 0.5  # seconds, for 95 good requests of 100; a moment in which thousands are turned away may last longer

_HEAD = b"GET %b HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\nX-Slow: " % PATH.encode()
_BODY = b"PUT %bup HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\nContent-Length: 100000\r\n\r\n" % PATH.encode()


@define(eq=False)
class Crowd:
    """Half of them are slow within the head, half within the body; `answers` are the first octets of each answer."""

    address: Address
    answers: dict[int, bytes] = field(factory=dict)
    _sockets: dict[int, socket.socket] = field(factory=dict)
    _poll: select.epoll = field(factory=select.epoll)

    def come(self) -> None:
        """All of them."""
        for number in range(SLOW):
            client = socket.create_connection(self.address, 60)
            client.sendall(_BODY if number % 2 else _HEAD)
            client.setblocking(False)
            self._sockets[client.fileno()] = client
            self._poll.register(client, select.EPOLLIN)

    def say(self) -> None:
        """One octet each, and take what was answered."""
        for client in list(self._sockets.values()):
            try:
                client.send(b"a")
            except OSError:
                self._poll.modify(client, select.EPOLLIN)
        for descriptor, _ in self._poll.poll(0, SLOW):
            self._take(self._sockets.pop(descriptor))

    def _take(self, client: socket.socket) -> None:
        with client:
            self.answers[client.fileno()] = client.recv(13)

    def leave(self) -> None:
        """Those who are still there."""
        for client in self._sockets.values():
            client.close()
        self._poll.close()


class SlowClientTests(SynchronousTestCase):
    """With the limits as they are by default."""

    timeout = 600

    def setUp(self) -> None:
        self.stage: OctetsStage = octets_stage()
        self.addCleanup(self.stage.stop)

    def latencies(self, count: int = 100) -> list[float]:
        """Of good requests, each on a connection of its own, in seconds."""
        found = []
        for _ in range(count):
            began = time.monotonic()
            page = get(self.stage.front.at("http"), f"{PATH}down/1024")
            found.append(time.monotonic() - began)
            self.assertEqual((page.status, len(page.body)), (200, 1024))
        return found

    def test_good_ones_do_not_notice(self) -> None:
        """S-HTTP-24, S-OPS-6: answers stay quick, memory small, and each slow one is told 408 in the end."""
        alone = self.latencies()
        before = self.stage.front.peak_memory()
        crowd = Crowd(self.stage.front.at("http"))
        self.addCleanup(crowd.leave)
        crowd.come()
        octets = self.stage.octets
        wait_until(
            lambda: len(self.stage.front.connections([(octets.address, octets.port)])) >= SLOW, "all have come", 60
        )
        over = threading.Event()
        slow = threading.Thread(target=_speak, args=(crowd, over))
        slow.start()
        self.addCleanup(over.set)
        beside: list[float] = []
        limit = time.monotonic() + SECONDS
        while time.monotonic() < limit:
            beside += self.latencies(10)
            time.sleep(0.5)
        over.set()
        slow.join(60)
        each = (self.stage.front.peak_memory() - before) / SLOW
        print(
            f"figure: {SLOW} slow clients: {each / 1024:.1f} KiB each; a good request takes {_told(alone)} alone, "
            f"{_told(beside)} beside them"
        )
        self.assertLess(each, MOST_EACH)
        self.assertLess(_late(beside), MOST_LATENCY)
        self.assertEqual(set(crowd.answers.values()), {b"HTTP/1.1 408 "})
        self.assertEqual(len(crowd.answers), SLOW)


def _speak(crowd: Crowd, over: threading.Event) -> None:
    while not over.wait(1.0):
        crowd.say()


def _told(latencies: list[float]) -> str:
    values = (statistics.median(latencies), _late(latencies), max(latencies))
    return "{:.1f} ms ({:.0f} in 95 of 100, {:.0f} at most)".format(*(value * 1000 for value in values))


def _late(latencies: list[float]) -> float:
    return statistics.quantiles(latencies, n=20)[-1]
