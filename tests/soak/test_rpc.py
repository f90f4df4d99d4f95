"""100 MB through each RPC channel at once: what it costs in memory, and how much later a piece arrives."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.trial.unittest import SynchronousTestCase

from tests.real.test_rpc import start
from tests.support.mail_site import PUBLIC_NAME, shared
from tests.support.process import Address
from tests.support.rpc_client import RpcClient

T = TypeVar("T")
MEGABYTE = 1 << 20
BIG = 100 * MEGABYTE
CALLS = 1000
MOST_GROWTH = 10 * MEGABYTE
MOST_DELAY = 0.005  # seconds


class RpcTests(SynchronousTestCase):
    """One front end; its peak of memory before and after is compared."""

    timeout = 900

    def setUp(self) -> None:
        self.stage = start(shared())
        self.addCleanup(self.stage.back_end.daemon.kill)
        self.addCleanup(self.stage.front.daemon.kill)
        self.user = self.stage.site.living_on("chicago")[30]

    def client(self, address: Address | None = None) -> RpcClient:
        """Through exfront, or straight to `address`."""
        there = self.stage.front.at("http") if address is None else address
        return RpcClient(there, PUBLIC_NAME, "chicago:6001", self.user.name, self.user.password.decode())

    def run_async(self, work: Coroutine[Any, Any, T]) -> T:
        """To its end."""
        return asyncio.run(work)

    def test_100_megabytes_each_way_at_once(self) -> None:
        """S-HTTP-25, S-HTTP-26: memory grows by less than 10 MB, and every octet is right."""

        async def both(octets: int) -> tuple[int, int]:
            up, down = self.client(), self.client()
            await up.connect()
            await down.connect()
            found = await asyncio.gather(up.upload(octets), down.download(octets))
            await up.close()
            await down.close()
            return found[0], found[1]

        self.run_async(both(MEGABYTE))
        before = self.stage.front.peak_memory()
        began = time.monotonic()
        self.assertEqual(self.run_async(both(BIG)), (BIG, BIG))
        took, growth = time.monotonic() - began, self.stage.front.peak_memory() - before
        print(f"figure: RPC: 2 x 100 MB in {took:.1f} s, memory grew by {growth / MEGABYTE:.1f} MB")
        self.assertLess(growth, MOST_GROWTH)

    def test_no_piece_waits(self) -> None:
        """S-HTTP-26: a call and its answer take at most 5 ms longer than without exfront, in the median."""

        async def median(client: RpcClient) -> float:
            await client.connect()
            times = []
            for _ in range(CALLS):
                began = time.perf_counter()
                await client.echo(b"x" * 100)
                times.append(time.perf_counter() - began)
            await client.close()
            return statistics.median(times)

        direct = self.run_async(median(self.client((self.stage.back_end.address, self.stage.back_end.port))))
        through = self.run_async(median(self.client()))
        print(f"figure: RPC: a call takes {direct * 1000:.2f} ms directly, {through * 1000:.2f} ms through exfront")
        self.assertLess(through - direct, MOST_DELAY)
