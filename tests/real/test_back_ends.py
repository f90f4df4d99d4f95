"""Mailbox servers that are dead or mute, as the built exfront sees them: left alone, told of, and back at once."""

from __future__ import annotations

import http.client
import imaplib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront.operate.control_client import ask
from tests.support.clients import PATIENCE, Conversation, basic, get, imap4_log_in
from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, LISTENERS, shared
from tests.support.network import deaf
from tests.support.population import Person
from tests.support.process import temporary_folder, wait_until

_LISTENERS = {name: LISTENERS[name] for name in ("imap-clear", "http")}
_OUT = "left alone after failed connections"
_AT_A_TIME = 8


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared()
        self.users = {name: self.site.living_on(name)[3] for name in self.site.servers}
        self.socket = temporary_folder("control") / "run" / "control.sock"

    def run_front(self, chicago: dict[str, Any], **limits: float) -> ExFront:
        """A front end with this [[server]] of chicago; dallas as ever."""
        self.front = self.site.exfront(
            _LISTENERS,
            server=[chicago, self.site.dallas.section()],
            limits={**LIMITS, **limits},
            control={"allow_root": True, "socket": str(self.socket)},
        )
        self.addCleanup(self.front.daemon.kill)
        self.front.start()
        wait_until(self.socket.exists, "the control socket")
        return self.front

    def ask(self, command: str, **members: str) -> Any:
        """What the daemon tells exfrontctl."""
        answer = ask(self.socket, command, members)
        self.assertTrue(answer.ok, answer.error)
        return answer.result

    def state(self, application: str, server: str = "chicago") -> dict[str, Any]:
        """One row of ``exfrontctl backends``; empty where there is none."""
        rows = self.ask("backends")
        return next((row for row in rows if (row["server"], row["application"]) == (server, application)), {})

    def get(self, user: Person) -> int:
        page = get(self.front.at("http"), f"/exchange/{user.alias}/", basic(user.name, user.password))
        return page.status

    def log_in(self, user: Person) -> str:
        """``in``, or the response code of the refusal."""
        try:
            imap4_log_in(self.front.at("imap-clear"), user).logout()
        except imaplib.IMAP4.error as error:
            return str(error).partition("[")[2].partition("]")[0]
        return "in"


class DeadServerTests(_Case):
    def requests(self, number: int) -> Counter[int]:
        """The statuses of so many requests of a user of chicago, on a few connections."""
        user = self.users["chicago"]

        def some(count: int) -> Counter[int]:
            statuses: Counter[int] = Counter()
            with closing(http.client.HTTPConnection(*self.front.at("http"), timeout=PATIENCE)) as connection:
                for _ in range(count):
                    connection.request("GET", f"/exchange/{user.alias}/", headers=basic(user.name, user.password))
                    answer = connection.getresponse()
                    answer.read()
                    statuses[answer.status] += 1
            return statuses

        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            return sum(pool.map(some, [number // _AT_A_TIME] * _AT_A_TIME), Counter())

    def causes(self) -> Counter[str]:
        return Counter(line["x-cause"] for line in self.front.access_lines())

    def test_a_thousand_requests_to_a_dead_server(self) -> None:
        """S-ROUTE-12: 502 each, few of them for a connection refused; its IMAP4 and dallas work; it comes back."""
        chicago = self.site.chicago
        self.run_front(chicago.section())
        self.assertEqual(self.get(self.users["chicago"]), 200)
        self.addCleanup(chicago.start)
        chicago.apache.daemon.kill()
        self.assertEqual(self.requests(1000), {502: 1000})
        wait_until(lambda: len(self.front.access_lines()) >= 1001, "an access-log line of each")
        causes = self.causes()
        self.assertGreater(causes[_OUT], 900, causes)
        self.assertGreaterEqual(causes["connection refused"], 3)
        self.assertEqual((self.log_in(self.users["chicago"]), self.get(self.users["dallas"])), ("in", 200))
        shown = self.state("exchange")
        self.assertEqual((shown["state"], shown["requests"], shown["failures"]), ("out", 1001, 1000))
        self.assertIn(f"port={chicago.apache.http}", shown["error"])
        self.assertEqual(self.state("imap4")["state"], "healthy")
        user = self.users["chicago"]
        because = self.ask("explain", protocol="http", login=user.name, url="https://mail.fourthcoffee.com/exchange/")
        (health,) = (each for each in because["decision"]["because"] if each["rule"] == "health")
        self.assertEqual(health["values"][0], "out")
        chicago.start()
        wait_until(lambda: self.get(user) == 200, "chicago is back")
        self.assertEqual(self.requests(80), {200: 80})
        self.assertEqual(self.front.server_log().count("http of chicago is left alone for now"), 1)
        self.assertEqual(self.front.server_log().count("http of chicago is back"), 1)
        self.assertEqual(self.state("exchange")["state"], "healthy")

    def test_a_server_that_answers_no_connection(self) -> None:
        """S-ROUTE-12: the time to connect is waited for by few; the others are told at once, in IMAP4 too."""
        port = deaf(self, self.site.chicago.address)
        self.run_front(self.site.chicago.section(imap4=port, http=port), back_end_connect_time=0.5)
        statuses = self.requests(1000)
        self.assertEqual(set(statuses), {502, 504})
        wait_until(lambda: len(self.front.access_lines()) >= 1000, "an access-log line of each")
        causes = self.causes()
        self.assertEqual(causes["phase=connect"], statuses[504])
        self.assertGreater(causes[_OUT], 900, causes)
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            said = Counter(pool.map(self.log_in, [self.users["chicago"]] * 100))
        self.assertEqual(said, {"UNAVAILABLE": 100})
        wait_until(lambda: len(self.front.access_lines()) >= 1100, "an access-log line of each")
        of_imap4 = Counter(line["x-cause"] for line in self.front.access_lines() if line["x-protocol"] == "imap4")
        self.assertGreater(of_imap4[_OUT], 80, of_imap4)


class LimitTests(_Case):
    def test_a_back_end_has_its_limit(self) -> None:
        """S-OPS-4: NO [UNAVAILABLE] and 503 with Retry-After at one server; not at the other, nor after a log-out."""
        self.run_front(self.site.chicago.section(), connections_per_back_end=2, back_end_queue_time=0.3)
        user = self.users["chicago"]
        self.assertEqual(self.get(user), 200)  # its connection is kept, and makes room for who needs it
        sessions = [imap4_log_in(self.front.at("imap-clear"), user) for _ in range(2)]
        self.assertEqual(self.log_in(user), "UNAVAILABLE")
        page = get(self.front.at("http"), f"/exchange/{user.alias}/", basic(user.name, user.password))
        self.assertEqual((page.status, page.headers["retry-after"]), (503, "10"))
        self.assertEqual(self.log_in(self.users["dallas"]), "in")
        self.assertEqual(self.state("imap4")["connections"], 2)
        for session in sessions:
            session.logout()
        wait_until(lambda: self.state("imap4")["connections"] == 0, "both places free")
        self.assertEqual(self.log_in(user), "in")

    def test_a_log_on_waits_for_a_place(self) -> None:
        """S-OPS-4: who waits is shown, is let in when somebody leaves, and takes no place after going away."""
        self.run_front(self.site.chicago.section(), connections_per_back_end=2, back_end_queue_time=20.0)
        user = self.users["chicago"]
        sessions = [imap4_log_in(self.front.at("imap-clear"), user) for _ in range(2)]
        self.addCleanup(sessions[1].shutdown)
        gone = Conversation(self.front.at("imap-clear"))
        gone.send(b'a LOGIN "%b" "%b"\r\n' % (user.name.encode(), user.password))
        wait_until(lambda: self.state("imap4")["waiting"] == 1, "a log-on that waits")
        with ThreadPoolExecutor(1) as pool:
            patient = pool.submit(self.log_in, user)
            wait_until(lambda: self.state("imap4")["waiting"] == 2, "another one")
            gone.close()
            wait_until(lambda: self.state("imap4")["waiting"] == 1, "the first to leave")
            sessions[0].logout()
            self.assertEqual(patient.result(PATIENCE), "in")
        self.assertEqual(self.state("imap4")["waiting"], 0)


class ProbeTests(_Case):
    def wait_for(self, **states: str) -> None:
        """Until the applications of chicago are so."""

        def found() -> bool:
            shown = {row["application"]: row["state"] for row in self.ask("backends") if row["server"] == "chicago"}
            return states.items() <= shown.items()

        wait_until(found, f"chicago {states}", 20.0)

    def test_probes_find_out_before_any_user_does(self) -> None:
        """S-ROUTE-8, S-ROUTE-12: over verified TLS, per application; a page that is missing degrades its own alone."""
        chicago = self.site.chicago
        self.run_front(
            chicago.section(
                probe=True, imap4_tls="starttls", pop3=chicago.dovecot.pop3s, pop3_tls="implicit",
                http=chicago.apache.https, http_tls="implicit",
                probe_paths={"public": "/public/", "owa": "/no-such-page"},
            ),
            back_end_probe_period=0.3,
        )  # fmt: skip
        probed = {"imap4": "ok", "pop3": "ok", "public": "ok", "owa": "failed"}
        wait_until(lambda: {row["application"]: row["probe"] for row in self.ask("backends")} == probed, str(probed))
        self.wait_for(imap4="healthy", pop3="healthy", public="healthy", owa="degraded")
        rows = {row["application"]: row for row in self.ask("backends")}
        self.assertIn("status=404 path=/no-such-page", rows["owa"]["error"])
        self.assertEqual({row["requests"] for row in rows.values()}, {0})
        self.addCleanup(chicago.start)
        chicago.kill()
        self.wait_for(imap4="out", pop3="out", public="out")
        chicago.start()
        self.wait_for(imap4="healthy", pop3="healthy", public="healthy")
        self.assertEqual(self.front.access_lines(), [])
        self.assertEqual(self.front.stop(), 0)
        self.assertNotIn("Traceback", self.front.server_log())
