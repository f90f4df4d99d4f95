"""A quarter of an hour of everything at once: log-ons, relays, requests and bodies, beside those who only wait."""

from __future__ import annotations

import multiprocessing
import os
import resource
import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.measure import proportional_memory
from tests.support.clients import basic
from tests.support.exfront import UNGUARDED
from tests.support.mail_site import LIMITS, PUBLIC_NAME, shared
from tests.support.mixed_load import KINDS, Target, give_mail, run
from tests.support.octets import Octets
from tests.support.process import temporary_folder, wait_until

SECONDS = float(os.environ.get("SOAK_SECONDS", "900"))
SETTLED = SECONDS / 5  # minute 3: from here on memory must not grow
GROWTH = 0.05
WAITING = 40  # of each kind: held requests and idle sessions, in the clear and by TLS
ROUND = 20.0  # seconds between two looks at those who wait
_MOST = (
    "connections_per_address", "connections_per_back_end", "connections_per_account",
    "connections_per_account_and_address",
)  # fmt: skip


class MixedLoadTests(SynchronousTestCase):
    """One front end on the lean transports."""

    timeout = 2 * SECONDS + 300

    def setUp(self) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
        self.site = site = shared()
        chicago = site.chicago
        self.octets = Octets(temporary_folder("octets"), chicago.address)
        self.addCleanup(self.octets.daemon.kill)
        self.octets.daemon.start()
        directory = {"path": "/exchange", "application": "exchange", "require_tls": "no", "body_octets": 0}
        self.front = site.exfront(
            server=[chicago.section(http=self.octets.port)],
            virtual_site=[
                {
                    "name": "default", "public_name": PUBLIC_NAME,
                    "virtual_directory": [{**directory, "answer_time": 3600.0}],
                }
            ],
            authentication={**UNGUARDED, "credential_cache_time": 60.0, "mail_credential_cache_time": 60.0},
            limits={**LIMITS, **dict.fromkeys(_MOST, 10_000)},
            log={"access": "/dev/null"},  # a line for each of a million requests
        )  # fmt: skip
        self.addCleanup(self.front.daemon.kill)
        self.front.start()
        self.people = site.living_on("chicago")
        self.seen: list[int] = []  # the memory, each second
        self.busy = [self.target(index, tls) for index, tls in enumerate((False, True))]
        for target in self.busy:
            self.addCleanup(give_mail(site, target.user))

    def target(self, index: int, tls: bool) -> Target:
        """How one of the users comes."""
        imap, http = ("imaps", "https") if tls else ("imap-clear", "http")
        ca_file = str(self.site.authority.ca_file) if tls else ""
        return Target(self.front.at(imap), self.front.at(http), self.people[index], ca_file)

    def test_a_quarter_of_an_hour(self) -> None:
        """S-OPS-6: no answer is wrong, memory stays what it was after three minutes, and nothing is left at the end."""
        for work in KINDS.values():
            for target in self.busy:
                work(target)
        directory = [(self.site.slapd.address, self.site.slapd.ldap)]
        self.front.wait_for_connections(0, directory)  # one that closes just now would be missed below
        before = self.descriptors()
        until = time.monotonic() + SECONDS
        waiting = Waiting(self, [self.target(2, False), self.target(3, True)])
        with ProcessPoolExecutor(2 * len(KINDS), multiprocessing.get_context("spawn")) as pool:
            working = {
                (kind, bool(target.ca_file)): pool.submit(run, kind, target, until)
                for kind in KINDS
                for target in self.busy
            }
            settled = self.memory_during(waiting, until - SECONDS + SETTLED, working)
            end = self.memory_during(waiting, until, working)
            done = {f"{kind}{' by TLS' if tls else ''}": work.result() for (kind, tls), work in working.items()}
        waiting.leave()
        print(f"figure: mixed load, {SECONDS:.0f} s: {done}, {waiting.rounds} rounds of {4 * WAITING} who wait")
        print(f"figure: mixed load: {settled / 1e6:.1f} MB after {SETTLED:.0f} s, {end / 1e6:.1f} MB at the end")
        course = [f"{statistics.median(self.seen[at : at + 60]) / 1e6:.1f}" for at in range(0, len(self.seen), 60)]
        print(f"figure: mixed load: minute by minute {' '.join(course)} MB")
        self.assertGreater(min(done.values()), 0)
        self.assertLess(abs(end - settled), GROWTH * settled)
        self.front.wait_for_connections(0, directory, 60)
        limit = time.monotonic() + 60
        while self.descriptors() > before:
            assert time.monotonic() < limit, f"more than {before} descriptors:\n{self.open()}"
            time.sleep(0.5)
        self.assertNotIn("Traceback", self.front.server_log())

    def memory_during(self, waiting: Waiting, until: float, working: dict[tuple[str, bool], Future[int]]) -> float:
        """Have everybody go on until then; the middle of the memory in the last rounds."""
        seen = self.seen
        while time.monotonic() < until:
            for kind, work in working.items():
                if work.done() and work.exception() is not None:
                    raise AssertionError(f"{kind} failed") from work.exception()
            waiting.round()
            seen += self.memory(min(ROUND, max(0.0, until - time.monotonic())))
        return statistics.median(seen[-20:])

    def memory(self, seconds: float) -> Iterator[int]:
        """Each second."""
        until = time.monotonic() + seconds
        while True:
            yield proportional_memory(self.front.daemon.pid)
            if time.monotonic() >= until:
                return
            time.sleep(1.0)

    def open(self) -> str:
        """Its descriptors, and what the kernel knows of its sockets."""
        folder = Path(f"/proc/{self.front.daemon.pid}")
        links = [f"{entry.name} {entry.readlink()}" for entry in (folder / "fd").iterdir()]
        return "\n".join((*links, (folder / "net" / "tcp").read_text()))

    def descriptors(self) -> int:
        """How many the front end has open beside its connections."""
        held = len(self.front.connections())
        return len(list(Path(f"/proc/{self.front.daemon.pid}/fd").iterdir())) - held


class Waiting:
    """Idle sessions and held requests, in the clear and by TLS; all of them are heard of in each round."""

    def __init__(self, test: MixedLoadTests, targets: list[Target]) -> None:
        self.test, self.rounds = test, 0
        self.idle = [self.idle_session(target) for target in targets for _ in range(WAITING)]
        self.held = [(target, self.connected(target, target.http)) for target in targets for _ in range(WAITING)]
        self.ask()

    def round(self) -> None:
        """A NOOP on each idle session, an answer to each held request, and the next one."""
        for session in self.idle:
            session.sendall(b"n NOOP\r\n")
            self.test.assertTrue(session.recv(4096).startswith(b"n OK"))
        self.test.octets.release()
        for _, client in self.held:
            answer = b""
            while not answer.endswith(b"}"):  # the body's last octet
                answer += (piece := client.recv(4096))
                self.test.assertTrue(piece and answer.startswith(b"HTTP/1.1 200 "), answer)
        self.ask()
        self.rounds += 1

    def leave(self) -> None:
        """All of them."""
        self.test.octets.release()
        for client in (*self.idle, *(client for _, client in self.held)):
            client.close()

    def ask(self) -> None:
        for target, client in self.held:
            authorization = basic(target.user.name, target.user.password)["Authorization"]
            client.sendall(
                f"GET /exchange/{target.user.alias}/held/x HTTP/1.1\r\nHost: {PUBLIC_NAME}\r\n"
                f"Authorization: {authorization}\r\n\r\n".encode()
            )
        wait_until(lambda: self.test.octets.held() == len(self.held), "all held requests", 60)

    def idle_session(self, target: Target) -> socket.socket:
        session, user = self.connected(target, target.imap), target.user
        self.test.assertTrue(session.recv(4096).startswith(b"* OK"))
        session.sendall(b'a LOGIN "%s" "%s"\r\n' % (user.name.encode(), user.password))
        self.test.assertTrue(session.recv(4096).startswith(b"a OK"))
        return session

    def connected(self, target: Target, address: tuple[str, int]) -> socket.socket:
        plain, context = socket.create_connection(address, 60), target.tls
        return plain if context is None else context.wrap_socket(plain)
