"""IMAP4 clients in great numbers: sessions that are relayed all the time, and log-ons at a steady rate."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from attrs import define, field

from tests.support.octets import Comparison
from tests.support.population import Person
from tests.support.process import Address

PATIENCE = 30.0  # seconds for an answer
SMALL = 2000  # octets of an ordinary FETCH

_REFUSAL = re.compile(r"\[([A-Z]+)\].*\((XF-[A-Z-]+)\)")


class EndedError(Exception):
    """The connection ended, or there was no answer in time."""


@define(eq=False)
class Client:
    """One connection; reads by lines and literals."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, address: Address) -> Client:
        """With the greeting read. Raises OSError and `EndedError`."""
        reader, writer = await asyncio.open_connection(*address, limit=1 << 20)
        client = cls(reader, writer)
        await client.line()
        return client

    async def line(self) -> bytes:
        """The next one."""
        try:
            line = await asyncio.wait_for(self.reader.readline(), PATIENCE)
        except (OSError, TimeoutError) as why:
            raise EndedError(type(why).__name__) from None
        if not line.endswith(b"\n"):
            raise EndedError("closed")
        return line

    async def log_on(self, user: Person) -> str:
        """``in``, or the refusal's response code and Reason."""
        self.writer.write(b"a LOGIN %b %b\r\n" % (user.name.encode(), user.password))
        answer = await self.line()
        if answer.startswith(b"a OK"):
            return "in"
        refusal = _REFUSAL.search(answer.decode("latin-1"))
        return f"{refusal[1]} {refusal[2]}" if refusal else answer.decode("latin-1")

    async def ask(self, command: bytes = b"NOOP") -> bytes:
        """The tagged answer."""
        self.writer.write(b"t " + command + b"\r\n")
        while not (line := await self.line()).startswith(b"t "):
            if line.startswith(b"* BYE"):
                raise EndedError("BYE")
        return line

    async def fetch(self, octets: int) -> None:
        """A literal, compared octet for octet."""
        self.writer.write(b"t FETCH %d\r\n" % octets)
        assert (await self.line()).endswith(b"{%d}\r\n" % octets)
        seen, left = Comparison(), octets
        while left:
            data = await asyncio.wait_for(self.reader.read(min(left, 1 << 18)), PATIENCE)
            if not data:
                raise EndedError("closed within a literal")
            seen.add(data)
            left -= len(data)
        assert not seen.wrong and seen.right == octets, seen
        assert await self.line() == b")\r\n"
        assert (await self.line()).startswith(b"t OK")

    def close(self) -> None:
        """Both ways."""
        self.writer.close()


@define(eq=False)
class Load:
    """What runs beside a fault. `outcomes` counts log-ons by server and outcome, `lost` sessions by server and cause,
    `latest` is the longest log-on that went well, by server. Of one server no more than `at_a_time` are under way, so
    that a machine that does not do `rate` does what it can; `at_a_time_at` are exceptions, for servers that will hang.
    """

    front: Address
    users: Sequence[Person]
    sessions: int = 1000
    rate: float = 200.0
    at_a_time: int = 40
    at_a_time_at: Mapping[str, int] = field(factory=dict)
    outcomes: Counter[tuple[str, str]] = field(factory=Counter)
    lost: Counter[tuple[str, str]] = field(factory=Counter)
    asked: Counter[str] = field(factory=Counter)
    latest: dict[str, float] = field(factory=dict)
    seconds: float = 0.0
    _opened: int = 0
    _over: bool = False

    async def run(self, fault: Callable[[Load], Awaitable[None]]) -> None:
        """All sessions are open before `fault` begins; log-ons run until it is over, and a little longer."""
        relayed = [asyncio.create_task(self._session(number)) for number in range(self.sessions)]
        while self._opened < self.sessions and not any(task.done() for task in relayed):
            await asyncio.sleep(0.1)
        began = time.monotonic()
        log_ons = asyncio.create_task(self._log_ons())
        try:
            await asyncio.sleep(1)
            await fault(self)
            await asyncio.sleep(1)
        finally:
            self._over = True
            await log_ons
            self.seconds = time.monotonic() - began
            await asyncio.gather(*relayed)

    def kinds(self, server: str) -> set[str]:
        """Outcomes there, of refusals the response code alone."""
        return {outcome.partition(" ")[0] for at, outcome in self.outcomes if at == server}

    def figures(self) -> str:
        """In a few words."""
        total = sum(self.outcomes.values())
        outcomes, lost = (
            ", ".join(f"{server} {what} {count}" for (server, what), count in sorted(counter.items())) or "none"
            for counter in (self.outcomes, self.lost)
        )
        latest = ", ".join(f"{server} {seconds:.2f} s" for server, seconds in sorted(self.latest.items()))
        return (
            f"{total / self.seconds:.0f} log-ons/s beside {self.sessions} sessions: {outcomes}; slowest: {latest};"
            f" sessions lost: {lost}"
        )

    async def _log_ons(self) -> None:
        """Each server's users by themselves: who hangs holds up nobody else."""
        servers = sorted({user.server for user in self.users})
        await asyncio.gather(*(self._log_ons_at(server, self.rate / len(servers)) for server in servers))

    async def _log_ons_at(self, server: str, rate: float) -> None:
        users = itertools.cycle([user for user in self.users if user.server == server])
        most = self.at_a_time_at.get(server, self.at_a_time)
        running: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while not self._over:
            if time.monotonic() >= due and len(running) < most:
                task = asyncio.create_task(self._log_on(next(users)))
                running.add(task)
                task.add_done_callback(running.discard)
                due = max(due + 1 / rate, time.monotonic() - 0.1)
            else:
                await asyncio.sleep(0.002)
        await asyncio.gather(*running)

    async def _log_on(self, user: Person) -> None:
        began = time.monotonic()
        try:
            client = await Client.connect(self.front)
            try:
                outcome = await client.log_on(user)
            finally:
                client.close()
        except (OSError, EndedError) as why:
            outcome = str(why) or type(why).__name__
        self.outcomes[user.server, outcome] += 1
        if outcome == "in":
            self.latest[user.server] = max(self.latest.get(user.server, 0.0), time.monotonic() - began)

    async def _session(self, number: int) -> None:
        user = self.users[number % len(self.users)]
        try:
            await asyncio.sleep(number / max(self.rate, 1.0))
            client = await Client.connect(self.front)
            outcome = await client.log_on(user)
            if outcome != "in":
                raise EndedError(outcome)
            self._opened += 1
            await self._work(client, user, number)
            client.close()
        except (OSError, EndedError, TimeoutError) as why:
            self.lost[user.server, str(why) or type(why).__name__] += 1

    async def _work(self, client: Client, user: Person, number: int) -> None:
        while not self._over:
            if number % 10:
                await client.ask()
            else:
                await client.fetch(SMALL)
            self.asked[user.server] += 1
            await asyncio.sleep(4.0)
