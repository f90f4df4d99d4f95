"""Probes on a fake clock, over back ends in memory that the test speaks for."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront.backends.capabilities import Learned
from exfront.backends.probe import Prober, Target, targets
from exfront.backends.table import BackEndState, BackEndTable
from exfront.config.limits import LimitsSection
from exfront.config.server import ServerSection
from exfront.reasons import BACK_END_CERTIFICATE, BACK_END_REFUSED
from tests.support.dialer import MemoryDialer
from tests.support.transport import MemoryTransport

_PERIOD, _TIME = 10.0, 5.0
_OWA = {"owa": "/owa/healthcheck.htm"}


def section(**more: object) -> ServerSection:
    values: dict[str, object] = {"name": "chicago", "host": "chicago.fourthcoffee.com", "probe": True, "pop3": 0}
    return ServerSection(**{**values, **more})  # type: ignore[arg-type]


class TargetTests(SynchronousTestCase):
    def found(self, *sections: ServerSection) -> list[tuple[str, str, str]]:
        return [(each.relay.server.name, each.application or each.protocol, each.path) for each in targets(sections)]

    def test_what_is_asked(self) -> None:
        """S-ROUTE-12: only servers of the configuration that say so, and of them the services that they have."""
        self.assertEqual(self.found(ServerSection("dallas", "dallas.fourthcoffee.com")), [])
        self.assertEqual(
            self.found(section(pop3=110)), [("chicago", "imap4", ""), ("chicago", "pop3", ""), ("chicago", "http", "")]
        )
        pages = {"owa": "/owa/healthcheck.htm", "exchange": "/exchange/"}
        self.assertEqual(
            self.found(section(imap4=0, probe_paths=pages)),
            [("chicago", "owa", "/owa/healthcheck.htm"), ("chicago", "exchange", "/exchange/")],
        )
        self.assertEqual(self.found(section(imap4=0, http=0, probe_paths=_OWA)), [])


class ProbeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.dialer = MemoryDialer()
        self.settings = LimitsSection(back_end_probe_period=_PERIOD, back_end_probe_time=_TIME)
        self.table = BackEndTable(self.settings, self.clock.seconds)

    def tearDown(self) -> None:
        stopped = Deferred.fromCoroutine(self.prober.stop())
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [], "a timer is left")
        for dialled in self.dialer.dialled:
            self.assertFalse(dialled.transport is not None and dialled.transport.connected, "a connection is left")

    def start(self, *wanted: Target, random: float = 0.5) -> None:
        self.prober = Prober(wanted, self.dialer, self.table, self.settings, self.clock, lambda: random)
        self.prober.start()

    def probed(self, *wanted: Target) -> MemoryTransport:
        """The connection of the first probe."""
        self.start(*wanted)
        self.clock.advance(_PERIOD / 2)
        return self.dialer.dialled[-1].line

    def state(self) -> BackEndState:
        (state,) = self.table.states()
        return state

    def test_a_greeting_and_what_it_can_do(self) -> None:
        """S-MAIL-4: what a server says before a log-on counts as long as nobody has logged on there."""
        ours = b"IMAP4rev1", b"IDLE", b"AUTH=XOAUTH2"
        for protocol, greeting, asked, answer, names, mechanisms in (
            ("imap4", b"* OK ready\r\n", b"x2 CAPABILITY\r\n", b"* X\r\n* CAPABILITY %b\r\nx2 OK\r\n" % b" ".join(ours),
             ours, {b"XOAUTH2"}),
            ("imap4", b"* OK ready\r\n", b"x2 CAPABILITY\r\n", b"x2 BAD\r\n", None, None),
            ("pop3", b"+OK ready\r\n", b"CAPA\r\n", b"+OK\r\nTOP\r\nSASL PLAIN xoauth2\r\n.\r\n",
             (b"TOP", b"SASL PLAIN xoauth2"), {b"PLAIN", b"XOAUTH2"}),
            ("pop3", b"+OK ready\r\n", b"CAPA\r\n", b"-ERR what?\r\n", None, None),
        ):  # fmt: skip
            (target,) = targets((section(http=0, imap4=143 * (protocol == "imap4"), pop3=110 * (protocol == "pop3")),))
            self.table = BackEndTable(self.settings, self.clock.seconds)
            line = self.probed(target)
            line.receive(greeting)
            self.assertEqual(line.take(), asked)
            line.receive(answer)
            state = self.state()
            self.assertEqual((state.application, state.probe, state.requests), (protocol, "ok", 0))
            known = {key: learned for key, learned in self.table.capabilities.all() if learned.names is not None}
            self.assertEqual(known, {} if names is None else {(protocol, "chicago"): Learned(names, None, mechanisms)})
            self.assertFalse(line.connected)
            self.tearDown()

    def test_a_list_without_end(self) -> None:
        """Bad input: back end with capabilities without end."""
        for protocol, greeting, line in (("imap4", b"* OK\r\n", b"* X\r\n"), ("pop3", b"+OK\r\n+OK\r\n", b"X\r\n")):
            (target,) = targets((section(http=0, imap4=143 * (protocol == "imap4"), pop3=110 * (protocol == "pop3")),))
            self.table = BackEndTable(self.settings, self.clock.seconds)
            self.probed(target).receive(greeting + line * 70)
            self.assertIn("no end", self.state().error)
            self.tearDown()

    def test_a_wrong_greeting_degrades(self) -> None:
        (target,) = targets((section(http=0),))
        self.probed(target).receive(b"* BYE overloaded\r\n")
        self.assertEqual((self.state().state, self.state().probe), ("degraded", "failed"))
        self.assertIn("BYE overloaded", self.state().error)

    def test_starttls_is_asked_for_and_verified(self) -> None:
        """S-ROUTE-8: a probe trusts no more than a log-on does."""
        (target,) = targets((section(http=0, imap4_tls="starttls"),))
        self.dialer.tls_refuse = BACK_END_CERTIFICATE
        line = self.probed(target)
        line.receive(b"* OK ready\r\n")
        self.assertEqual(line.take(), b"x1 STARTTLS\r\n")
        line.receive(b"x1 OK go\r\n")
        self.assertEqual(len(self.dialer.tls), 1)
        self.assertIn("XF-BE-CERT", self.state().error)

    def test_a_page_of_an_application(self) -> None:
        """S-ROUTE-12: below 400, or 401, it works; else, and for what is no HTTP, that application is degraded."""
        cases = (
            (b"HTTP/1.1 200 OK\r\n", "healthy"),
            (b"HTTP/1.0 302 Found\r\n", "healthy"),
            (b"HTTP/1.1 401 Unauthorized\r\n", "healthy"),
            (b"HTTP/1.1 404 Not Found\r\n", "degraded"),
            (b"HTTP/1.1 503 \r\n", "degraded"),
            (b"HTTP/1.1 2000 OK\r\n", "degraded"),
            (b"HTTP/2 200\r\n", "degraded"),
            (b"\r\n", "degraded"),
        )
        for answer, state in cases:
            self.table = BackEndTable(self.settings, self.clock.seconds)
            line = self.probed(*targets((section(imap4=0, probe_paths=_OWA),)))
            request = (
                b"GET /owa/healthcheck.htm HTTP/1.1\r\nHost: chicago.fourthcoffee.com\r\nConnection: close\r\n\r\n"
            )
            self.assertEqual(line.take(), request)
            line.receive(answer)
            self.assertEqual((self.state().application, self.state().state), ("owa", state), answer)
            self.tearDown()

    def test_the_host_field_has_the_port_where_it_is_not_the_usual_one(self) -> None:
        """RFC 9110 section 7.2."""
        cases: tuple[tuple[dict[str, object], bytes], ...] = (
            ({"http": 80}, b"chicago.fourthcoffee.com"),
            ({"http": 443, "http_tls": "implicit"}, b"chicago.fourthcoffee.com"),
            ({"http": 443}, b"chicago.fourthcoffee.com:443"),
            ({"http": 444, "http_tls": "implicit"}, b"chicago.fourthcoffee.com:444"),
            ({"http": 8080, "host": "2001:db8::1"}, b"[2001:db8::1]:8080"),
        )
        for values, host in cases:
            line = self.probed(*targets((section(imap4=0, probe_paths=_OWA, **values),)))
            self.assertIn(b"\r\nHost: " + host + b"\r\n", line.take())
            self.tearDown()

    def test_silence_ends_in_time(self) -> None:
        (target,) = targets((section(http=0),))
        line = self.probed(target)
        self.clock.advance(_TIME - 0.1)
        self.assertTrue(line.connected)
        self.clock.advance(0.1)
        self.assertFalse(line.connected)
        self.assertIn("XF-BE-TIMEOUT", self.state().error)

    def test_a_server_that_closes_first(self) -> None:
        (target,) = targets((section(http=0),))
        self.probed(target).peer_closes()
        self.assertIn("XF-BE-LOGIN-LOST", self.state().error)

    def test_it_is_asked_again_with_jitter(self) -> None:
        """The period, a fifth more or less; the first time after a part of it."""
        (target,) = targets((section(http=0),))
        self.dialer.refuse = BACK_END_REFUSED
        for random, first, next_one in ((0.0, 0.0, 8.0), (0.5, 5.0, 10.0), (1.0, 10.0, 12.0)):
            self.dialer.dialled.clear()
            self.start(target, random=random)
            times = []
            for _ in range(3):
                (timer,) = self.clock.getDelayedCalls()
                times.append(timer.getTime() - self.clock.seconds())
                self.clock.advance(times[-1])
            self.assertEqual(times, [first, next_one, next_one])
            self.assertEqual(len(self.dialer.dialled), 3)
            self.assertEqual(self.state().probe, "failed")
            self.tearDown()

    def test_a_stop_gives_up_what_runs(self) -> None:
        self.dialer.hold = True
        self.start(*targets((section(probe_paths=_OWA),)))
        self.clock.advance(_PERIOD / 2)
        self.assertEqual(len(self.dialer.held), 2)  # tearDown stops
