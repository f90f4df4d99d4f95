"""Which server is asked, and when one is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from exfront import limits
from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.config.limits import LimitsSection
from exfront.directory.client import Connection
from exfront.directory.errors import (
    BadCertificate,
    ConnectionLost,
    DirectoryError,
    ServerFault,
    ServiceBindRefused,
    TimedOut,
    Unreachable,
)
from exfront.directory.servers import Servers, refusal
from exfront.reasons import (
    DIRECTORY_CERTIFICATE,
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    SERVICE_BIND_REFUSED,
    Reason,
    Refused,
)
from tests.support.held_time import HeldTime
from tests.support.process import free_port
from tests.support.scripted_ldap import BASE, ScriptedLdap, friendly, section


def closed_port() -> LdapUrl:
    """Where nobody listens."""
    return LdapUrl("ldap", "127.0.0.1", free_port())


class ServersTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.time = HeldTime()

    def serve(self) -> ScriptedLdap:
        server = ScriptedLdap(friendly)
        self.addCleanup(server.stop)
        return server

    def servers(self, *urls: LdapUrl) -> Servers:
        settings = DirectorySection(urls, BASE, starttls=False, allow_clear=True)
        return Servers(settings, LimitsSection(), self.time, random=lambda: 0.5)

    async def opened(self, servers: Servers) -> LdapUrl:
        connection = await servers.open()
        connection.abort()
        await connection.ended
        return servers.url_of(connection)

    async def refused(self, servers: Servers, prepare: Any = None) -> Reason:
        running = Deferred.fromCoroutine(servers.open(prepare))
        return (await self.assertFailure(running, Refused)).reason

    async def test_first_of_the_list(self) -> None:
        first, second = self.serve(), self.serve()
        self.assertEqual(await self.opened(self.servers(first.url, second.url)), first.url)

    async def test_next_when_one_refuses(self) -> None:
        """S-DIR-1: the next server is asked."""
        second = self.serve()
        self.assertEqual(await self.opened(self.servers(closed_port(), second.url)), second.url)

    async def test_refused_connection_puts_a_server_out(self) -> None:
        """S-DIR-2: out after one refused connect; it is used again once a connection to it was made."""
        first, second = self.serve(), self.serve()
        servers = self.servers(first.url, second.url)
        servers.failed(first.url, Unreachable("x"))
        self.assertEqual(servers.health(first.url).state, "down")
        self.time.clock.advance(1000)
        self.assertEqual(await self.opened(servers), second.url)
        (await servers.open_at(first.url)).abort()
        self.assertEqual(servers.health(first.url).state, "healthy")
        self.assertEqual(await self.opened(servers), first.url)

    def test_two_time_outs_in_a_row_put_a_server_out(self) -> None:
        """S-DIR-2: out after two time-outs in a row, and not after two with an answer between them."""
        servers = self.servers(closed_port())
        health = servers.health(servers.urls()[0])
        connection = Connection("x", LimitsSection(), self.time, health)
        for errors, state in (((True,), "degraded"), ((True, False, True), "degraded"), ((True, True), "down")):
            health.opened()
            for error in errors:
                health.began(connection)
                if not error:
                    health.heard(connection)
                health.ended(connection, 1.0, TimedOut("x") if error else None)
            self.assertEqual(health.state, state, errors)

    def test_probe_pauses_double_to_their_ceiling(self) -> None:
        """S-DIR-2: one probe after 10 s, doubling to 300 s, with jitter."""
        servers = self.servers(closed_port())
        health = servers.health(servers.urls()[0])
        pauses = []
        for _ in range(8):
            servers.failed(health.url, Unreachable("x"))
            pauses.append(health.probe_at - self.time.seconds())
        self.assertEqual(pauses, [10, 20, 40, 80, 160, 300, 300, 300])
        servers.random = health.random = lambda: 1.0
        servers.failed(health.url, Unreachable("x"))
        self.assertEqual(health.probe_at - self.time.seconds(), 375)

    def test_silent_server_is_degraded_until_it_speaks(self) -> None:
        """S-DIR-1: a server that owes answers and says nothing for a second is asked only when there is no other."""
        servers = self.servers(closed_port(), closed_port())
        first, second = servers.urls()
        health = servers.health(first)
        connection = Connection("x", LimitsSection(), self.time, health)
        health.began(connection)
        self.time.clock.advance(limits.LDAP_SILENCE_TIME / 2)
        health.heard(connection)
        self.time.clock.advance(limits.LDAP_SILENCE_TIME * 0.9)
        self.assertEqual(servers.candidates(), [first, second])
        self.time.clock.advance(limits.LDAP_SILENCE_TIME * 0.2)
        self.assertEqual(health.state, "degraded")
        self.assertEqual(servers.candidates(), [second, first])
        health.heard(connection)
        self.assertEqual(health.state, "healthy")
        health.ended(connection, 2.5, None)
        self.assertEqual(servers.candidates(), [first, second])
        self.assertEqual(self.time.clock.getDelayedCalls(), [])

    async def test_when_all_are_out_the_one_tried_longest_ago_is_tried(self) -> None:
        """S-DIR-2: when all are out, the least recent is tried."""
        first, second = self.serve(), self.serve()
        servers = self.servers(first.url, second.url)
        self.assertEqual(await self.opened(servers), first.url)
        self.time.clock.advance(100)
        for server in (first, second):
            servers.failed(server.url, Unreachable("x"))
        self.assertEqual(await self.opened(servers), second.url)

    async def test_states_for_people(self) -> None:
        server, gone = self.serve(), closed_port()
        servers = self.servers(gone, server.url)
        self.time.clock.advance(5)
        await self.opened(servers)
        down, up = servers.states()
        self.assertEqual((down.url, down.state, down.since, down.failures), (str(gone), "down", 5.0, 1))
        self.assertIn("ConnectionRefused", down.error)
        self.assertEqual((up.state, up.since, up.error, up.in_flight, up.tried), ("healthy", 5.0, "", 0, 5.0))

    def test_configuration_is_read_from_the_domain_of_a_catalog(self) -> None:
        urls = (LdapUrl("ldap", "dc1", 3268), LdapUrl("ldaps", "dc2", 3269), LdapUrl("ldap", "dc3", 1389))
        servers = self.servers(*urls)
        self.assertEqual(servers.urls("users"), urls)
        ports = [url.port for url in servers.urls("configuration")]
        self.assertEqual(ports, [389, 636, 1389])

    async def test_resting_server_is_tried_when_the_others_fail(self) -> None:
        second = self.serve()
        servers = self.servers(closed_port(), second.url)
        servers.failed(second.url, Unreachable("x"))
        self.assertEqual(await self.opened(servers), second.url)

    async def test_dead_directory_is_tried_once_a_second(self) -> None:
        server = self.serve()
        await server.stop()
        servers = self.servers(server.url)
        self.assertIs(await self.refused(servers), DIRECTORY_DOWN)
        server.start_again()
        self.assertIs(await self.refused(servers), DIRECTORY_DOWN)
        self.assertEqual(server.accepted, 0)
        self.time.clock.advance(limits.LDAP_RECONNECT_FIRST)
        self.assertEqual(await self.opened(servers), server.url)

    async def test_refused_service_account_is_not_tried_for_a_minute(self) -> None:
        """S-DIR-3: at most one try a minute per server; users get a temporary failure."""
        server = self.serve()
        servers = self.servers(server.url)

        async def refuse(connection: Connection) -> None:
            raise ServiceBindRefused("49")

        for _ in range(100):
            self.assertIs(await self.refused(servers, refuse), SERVICE_BIND_REFUSED)
            self.time.clock.advance(limits.SERVICE_BIND_PAUSE / 101)
        self.assertEqual(server.accepted, 1)
        self.time.clock.advance(limits.SERVICE_BIND_PAUSE / 100)
        await self.refused(servers, refuse)
        self.assertEqual(server.accepted, 2)

    async def test_alarm_is_told_before_a_mere_failure(self) -> None:
        first, second = self.serve(), self.serve()
        servers = self.servers(first.url, second.url)
        faults = iter((BadCertificate("x"), ConnectionLost("y")))

        async def fail(connection: Connection) -> None:
            raise next(faults)

        self.assertIs(await self.refused(servers, fail), DIRECTORY_CERTIFICATE)

    async def test_connect_is_bounded(self) -> None:
        """S-DIR-1: 3 s to connect."""
        self.time.connectTCP = _never
        running = Deferred.fromCoroutine(self.servers(LdapUrl("ldap", "192.0.2.1", 389)).open())
        self.time.clock.advance(2.9)
        self.assertNoResult(running)
        self.time.clock.advance(0.2)
        self.assertIs((await self.assertFailure(running, Refused)).reason, DIRECTORY_TIMEOUT)

    async def test_cancel_ends_an_attempt_and_tries_no_other_server(self) -> None:
        self.time.connectTCP = _never
        second = self.serve()
        running = Deferred.fromCoroutine(self.servers(LdapUrl("ldap", "192.0.2.1", 389), second.url).open())
        running.cancel()
        await self.assertFailure(running, CancelledError)
        self.assertEqual(second.accepted, 0)

    async def test_failed_preparation_closes_the_connection(self) -> None:
        server = self.serve()
        held: list[Connection] = []

        async def fail(connection: Connection) -> None:
            held.append(connection)
            raise ConnectionLost("x")

        await self.refused(self.servers(server.url), fail)
        await held[0].ended
        self.assertFalse(held[0].alive)

    async def test_host_name(self) -> None:
        server = self.serve()
        url = LdapUrl("ldap", "localhost", server.port)
        servers = Servers(section(server), LimitsSection(), _reactor())
        servers.settings = DirectorySection((url,), BASE, starttls=False, allow_clear=True)
        self.assertEqual(await self.opened(servers), url)


def _never(host: str, port: int, factory: Any, **_: object) -> None:
    """A connection that is neither made nor refused."""
    factory.startedConnecting(_NeverConnects())


class _NeverConnects:
    """A connector that waits for ever."""

    def stopConnecting(self) -> None:
        """Nothing to stop."""

    def getDestination(self) -> IPv4Address:
        """What it waits for."""
        return IPv4Address("TCP", "192.0.2.1", 389)


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


class RefusalTests(SynchronousTestCase):
    def test_reasons_of_all_failures(self) -> None:
        cases: tuple[tuple[DirectoryError, Reason], ...] = (
            (Unreachable("x"), DIRECTORY_DOWN),
            (ConnectionLost("x"), DIRECTORY_DOWN),
            (ServerFault(52, "x"), DIRECTORY_DOWN),
            (ServerFault(10, "x"), DIRECTORY_DOWN),
            (ServerFault(3, "x"), DIRECTORY_TIMEOUT),
            (TimedOut("x"), DIRECTORY_TIMEOUT),
            (BadCertificate("x"), DIRECTORY_CERTIFICATE),
            (ServiceBindRefused("x"), SERVICE_BIND_REFUSED),
        )
        for error, reason in cases:
            self.assertIs(refusal(error).reason, reason, error)


class SettingsTests(SynchronousTestCase):
    def test_authority_file_that_holds_none(self) -> None:
        file = Path(self.mktemp())
        file.write_text("no certificate")
        url = LdapUrl("ldaps", "127.0.0.1", 1)
        servers = Servers(DirectorySection((url,), BASE, ca_file=file), LimitsSection(), HeldTime())
        refused = self.failureResultOf(Deferred.fromCoroutine(servers.open()), Refused).value
        self.assertIs(refused.reason, DIRECTORY_CERTIFICATE)
