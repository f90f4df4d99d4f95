"""Faults while 200 log on in a second and 1,000 are relayed: nobody with a healthy back end notices.

One back end process for each server, exfront as it runs for real, slapd. Each test prints its figures; if the machine
does not do 200 a second, that many are done as it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import resource
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Conversation
from tests.support.exfront import ExFront
from tests.support.mail_load import Client, EndedError, Load
from tests.support.mail_octets import MailOctets, sha256
from tests.support.mail_site import LIMITS, LISTENERS, MailSite, shared
from tests.support.octets import pieces
from tests.support.population import Person
from tests.support.process import temporary_folder

MEGABYTE = 1024 * 1024
BIG = 20 * MEGABYTE
FAULTY, HEALTHY = "chicago", "dallas"
_FILES = 16_384
_TCP_REPAIR = 19  # of <linux/tcp.h>: a socket that is closed in this mode says nothing to its peer


@frozen
class Stage:
    """Running; ends with the process."""

    site: MailSite
    front: ExFront
    back_ends: dict[str, MailOctets]


@functools.cache
def stage() -> Stage:
    """The one of this process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, _FILES), most))
    site = shared()
    folder = temporary_folder("mail-octets")
    back_ends = {FAULTY: MailOctets(folder, "127.0.0.40"), HEALTHY: MailOctets(folder, "127.0.0.41")}
    front = site.exfront(
        {"imap": LISTENERS["imap-clear"]},
        server=[
            site.servers[name].section(address=back_end.address, imap4=back_end.port)
            for name, back_end in back_ends.items()
        ],
        limits={**LIMITS, "connections_per_address": 10_000, "connections_per_back_end": 10_000},
    )
    for back_end in back_ends.values():
        back_end.daemon.start()
    front.start()
    return Stage(site, front, back_ends)


class MailFaultTests(SynchronousTestCase):
    """No fault of a server may look like a wrong password, or be felt by those who live elsewhere."""

    timeout = 150

    def setUp(self) -> None:
        self.stage = stage()
        self.address = self.stage.front.at("imap")
        self.log_mark = len(self.stage.front.server_log())
        self.addCleanup(self.assert_clean)

    def assert_clean(self) -> None:
        """No connection is left, and no traceback."""
        site = self.stage.site
        self.stage.front.wait_for_connections(0, [(site.slapd.address, site.slapd.ldap)], 60)
        self.assertNotIn("Traceback", self.stage.front.server_log()[self.log_mark :])

    def run_beside(
        self, fault: Callable[[Load], Awaitable[None]], sessions: int = 1000, *, hangs: bool = False
    ) -> Load:
        """The load, with figures printed and with what must hold whatever the fault is; `hangs`: log-ons at the faulty
        server will take seconds, and many are to wait there."""
        load = Load(self.address, self.stage.site.users, sessions, at_a_time_at={FAULTY: 500} if hangs else {})
        asyncio.run(load.run(fault))
        print(f"figure: {self.id().rpartition('.')[2]}: {load.figures()}")
        wrong = [outcome for _, outcome in load.outcomes if "AUTH" in outcome.partition(" ")[0]]
        self.assertEqual(wrong, [], "told a wrong password")
        return load

    def assert_unnoticed(self, load: Load, *servers: str) -> None:
        """By those who live there: every log-on went well, every octet of a session was right."""
        for name in servers or (HEALTHY,):
            self.assertEqual({each for server, each in load.outcomes if server == name}, {"in"}, load.figures())
            self.assertEqual([each for each in load.lost if each[0] == name], [])
            self.assertGreater(load.asked[name], 0)

    def test_stopped(self) -> None:
        """S-MAIL-14: a back end is stopped for 6 s: its log-ons are unavailable, its sessions go on afterwards."""
        process = self.stage.back_ends[FAULTY].daemon.pid

        async def fault(_: Load) -> None:
            os.kill(process, signal.SIGSTOP)
            await asyncio.sleep(6)
            os.kill(process, signal.SIGCONT)
            await asyncio.sleep(3)

        load = self.run_beside(fault, hangs=True)
        self.assert_unnoticed(load)
        self.assertEqual(load.kinds(FAULTY), {"in", "UNAVAILABLE"})
        self.assertEqual([each for each in load.lost if each[0] == FAULTY], [])

    def test_killed(self) -> None:
        """S-MAIL-14, S-MAIL-18: a back end is killed and started again: its sessions end, new log-ons come back."""
        back_end = self.stage.back_ends[FAULTY].daemon

        async def fault(load: Load) -> None:
            back_end.kill()
            await asyncio.sleep(5)
            back_end.start()
            await asyncio.sleep(3)
            self.assertEqual(await self.outcome(self.user(FAULTY)), "in")

        load = self.run_beside(fault)
        self.assert_unnoticed(load)
        outcomes = load.kinds(FAULTY)
        self.assertLessEqual(outcomes, {"in", "UNAVAILABLE", "closed", "ConnectionResetError"})
        self.assertIn("UNAVAILABLE", outcomes)
        self.assertGreater(sum(count for (server, _), count in load.lost.items() if server == FAULTY), 0)

    def test_directory_lost(self) -> None:
        """S-DIR-13, S-MAIL-14: without a directory sessions go on, and log-ons are unavailable; then they work."""
        slapd = self.stage.site.slapd

        async def fault(_: Load) -> None:
            slapd.daemon.kill()
            await asyncio.sleep(5)
            slapd.start()
            limit = time.monotonic() + 20
            while await self.outcome(self.user(HEALTHY)) != "in":
                self.assertLess(time.monotonic(), limit, "log-ons did not come back")
                await asyncio.sleep(0.2)

        load = self.run_beside(fault)
        self.assertEqual(load.lost, {})
        self.assertEqual(load.kinds(FAULTY) | load.kinds(HEALTHY), {"in", "UNAVAILABLE"})

    def test_one_direction_cut(self) -> None:
        """S-MAIL-14: nothing that a back end says arrives for 6 s: its log-ons end as unavailable, in time."""
        back_end = self.stage.back_ends[FAULTY]

        async def fault(_: Load) -> None:
            back_end.toggle()
            await asyncio.sleep(6)
            back_end.toggle()
            await asyncio.sleep(3)

        load = self.run_beside(fault, hangs=True)
        self.assert_unnoticed(load)
        self.assertEqual(load.kinds(FAULTY), {"in", "UNAVAILABLE"})

    def test_clients_gone(self) -> None:
        """S-MAIL-19: 200 clients vanish without FIN or reset, within a FETCH of 20 MB: others notice nothing."""

        async def fault(_: Load) -> None:
            users = [self.user(FAULTY), self.user(HEALTHY)]
            clients = await asyncio.gather(*(self.entered(users[number % 2]) for number in range(200)))
            for client in clients:
                client.writer.write(b"t FETCH %d\r\n" % BIG)
            await asyncio.sleep(0.5)
            for client in clients:
                _vanish(client)
            await asyncio.sleep(5)

        self.assert_unnoticed(self.run_beside(fault), FAULTY, HEALTHY)

    def test_slow_clients(self) -> None:
        """S-MAIL-12, S-MAIL-20: 100 who type an octet a second, 100 who read one: others notice nothing."""

        async def fault(_: Load) -> None:
            typing = [await Client.connect(self.address) for _ in range(100)]
            reading = await asyncio.gather(*(self.entered(self.user(FAULTY)) for _ in range(100)))
            for client in reading:
                client.writer.write(b"t FETCH %d\r\n" % MEGABYTE)
            for octet in b"a LOGIN user4":
                for client in typing:
                    client.writer.write(bytes([octet]))
                for client in reading:
                    self.assertEqual(len(await client.reader.readexactly(1)), 1)
                await asyncio.sleep(1)
            for client in (*typing, *reading):
                client.writer.transport.abort()

        self.assert_unnoticed(self.run_beside(fault), FAULTY, HEALTHY)

    def test_big_literals(self) -> None:
        """S-MAIL-20: 8 literals of 20 MB down and 8 up at the same time, SHA-256 compared, beside the load."""
        digest = sha256(BIG).encode()
        began = time.monotonic()

        async def fault(_: Load) -> None:
            down = [await self.entered(self.user(name)) for name in (FAULTY, HEALTHY) for _ in range(4)]
            up = [await self.entered(self.user(name)) for name in (FAULTY, HEALTHY) for _ in range(4)]
            nonlocal began
            began = time.monotonic()
            await asyncio.gather(*(client.fetch(BIG) for client in down), *(_append(client, digest) for client in up))
            print(f"figure: test_big_literals: 16 literals of 20 MB in {time.monotonic() - began:.1f} s")
            for client in (*down, *up):
                client.close()

        self.assert_unnoticed(self.run_beside(fault), FAULTY, HEALTHY)

    def test_a_client_that_never_reads(self) -> None:
        """S-MAIL-20: the back end has 1 GB for it: the process grows by no more than 1 MB."""
        pid = self.stage.front.daemon.pid

        async def warm(_: Load) -> None:
            await asyncio.sleep(2)

        self.run_beside(warm, sessions=100)
        with self.logged_on() as talk:
            before = _anonymous(pid)
            talk.send(b"t FETCH 1000000000\r\n")
            time.sleep(10)
            grown = _anonymous(pid) - before
            print(f"figure: {self.id().rpartition('.')[2]}: grown by {grown / 1024:.0f} KiB")
            talk.socket.settimeout(5)
            self.assertIn(b"{1000000000}", talk.socket.recv(200), "it was sent to")
        self.assertLessEqual(grown, MEGABYTE)

    def test_a_back_end_that_never_reads(self) -> None:
        """S-MAIL-20: a client has 1 GB for a back end that is stopped: the process grows by no more than 1 MB."""
        front, process = self.stage.front.daemon.pid, self.stage.back_ends[FAULTY].daemon.pid
        with self.logged_on() as talk:
            self.assertTrue(talk.ask(b"t NOOP").startswith(b"t OK"))
            os.kill(process, signal.SIGSTOP)
            self.addCleanup(os.kill, process, signal.SIGCONT)
            before, sent, limit = _anonymous(front), 0, time.monotonic() + 10
            talk.socket.settimeout(1)
            talk.send(b"u APPEND INBOX {1000000000}\r\n")
            with contextlib.suppress(TimeoutError):
                while time.monotonic() < limit:
                    sent += talk.socket.send(bytes(MEGABYTE))
            time.sleep(3)
            grown = _anonymous(front) - before
        print(
            f"figure: {self.id().rpartition('.')[2]}: {sent / MEGABYTE:.0f} MB taken, grown by {grown / 1024:.0f} KiB"
        )
        self.assertLessEqual(grown, MEGABYTE)

    def test_no_progress_ends_both(self) -> None:
        """S-MAIL-20: a client that never reads is left after a time without progress: 2 s here, looked at each 60."""
        site = self.stage.site
        back_end = self.stage.back_ends[FAULTY]
        chicago = site.chicago.section(address=back_end.address, imap4=back_end.port)
        front = site.exfront(
            {"imap": LISTENERS["imap-clear"]}, server=[chicago, site.dallas.section()],
            limits={**LIMITS, "stall_time": 2.0},
        )  # fmt: skip
        self.addCleanup(front.daemon.kill)
        front.start()
        with self.logged_on(front) as talk:
            talk.send(b"t FETCH 1000000000\r\n")
            front.wait_for_connections(0, [(site.slapd.address, site.slapd.ldap)], 130)
        (line,) = front.lines_since(0, 1)
        self.assertEqual(line["x-reason"], "XF-CLIENT-TIMEOUT")

    def logged_on(self, front: ExFront | None = None) -> Conversation:
        """A user of the faulty server."""
        user = self.user(FAULTY)
        talk = Conversation((front or self.stage.front).at("imap"))
        talk.until(b"* OK")
        self.assertTrue(talk.ask(b"a LOGIN %b %b" % (user.name.encode(), user.password)).startswith(b"a OK"))
        return talk

    def user(self, server: str) -> Person:
        """One who lives there."""
        return self.stage.site.living_on(server)[3]

    async def outcome(self, user: Person) -> str:
        """Of one log-on."""
        try:
            client = await Client.connect(self.address)
            try:
                return await client.log_on(user)
            finally:
                client.close()
        except (OSError, EndedError) as why:
            return str(why)

    async def entered(self, user: Person) -> Client:
        """A client that is in."""
        client = await Client.connect(self.address)
        self.assertEqual(await client.log_on(user), "in")
        return client


async def _append(client: Client, digest: bytes) -> None:
    client.writer.write(b"t APPEND INBOX {%d}\r\n" % BIG)
    assert await client.line() == b"+ go\r\n"
    for piece in pieces(BIG, 1 << 18):
        client.writer.write(piece)
        await client.writer.drain()
    client.writer.write(b"\r\n")
    answer = await client.line()
    assert answer == b"t OK %b\r\n" % digest, answer


def _vanish(client: Client) -> None:
    """As a machine that lost its power: no FIN, no reset. The kernel only allows it to root; else it is a reset."""
    transport = client.writer.transport
    with contextlib.suppress(PermissionError):
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    transport.abort()


def _anonymous(pid: int) -> int:
    """Octets of memory of its own that a process has resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:"))
