"""The long-lived search connection: shared, lost, repeated, bound as the service account."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ldaptor.protocols import pureldap
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from exfront import limits
from exfront.config.limits import LimitsSection
from exfront.directory.client import SearchAnswer
from exfront.directory.filters import Equals, Search
from exfront.directory.search_connection import SearchConnection
from exfront.directory.servers import Servers
from exfront.reasons import DIRECTORY_DOWN, DIRECTORY_TIMEOUT, SERVICE_BIND_REFUSED, Reason, Refused
from tests.support.held_time import HeldTime
from tests.support.scripted_ldap import (
    BASE,
    NOTICE_OF_DISCONNECTION,
    Answer,
    LdapPeer,
    Referral,
    ScriptedLdap,
    bound,
    done,
    extended,
    friendly,
    on_bind,
    on_search,
    page_of,
    replies,
    section,
    silent,
    user,
)

_SEARCH = Search(BASE, Equals("uid", "a"), ("uid",))
_SERVICE = f"cn=exfront,{BASE}"
_MOST = limits.LDAP_PROBE_MOST * 2


class SearchConnectionTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.time: Any = reactor
        self.settings: dict[str, Any] = {"search_connections": 1}
        self.times = LimitsSection(ldap_bind_time=0.5, ldap_search_time=0.5, ldap_tls_time=0.5)

    def serve(self, answer: Answer = friendly) -> ScriptedLdap:
        server = ScriptedLdap(answer)
        self.addCleanup(server.stop)
        return server

    def connect_to(self, *servers: ScriptedLdap) -> SearchConnection:
        connection = SearchConnection(Servers(section(*servers, **self.settings), self.times, self.time))
        self.addCleanup(self.stop, connection)
        return connection

    async def stop(self, connection: SearchConnection) -> None:
        stopping = Deferred.fromCoroutine(connection.stop())
        if isinstance(self.time, HeldTime):
            await deferLater(reactor, 0.05)
            self.time.clock.advance(limits.LDAP_CLOSE_TIME)
        await stopping

    async def refused(self, connection: SearchConnection) -> Reason:
        return (await self.assertFailure(Deferred.fromCoroutine(connection.search(_SEARCH)), Refused)).reason

    def password_file(self, text: str = "service-password\n") -> Path:
        file = Path(self.mktemp())
        file.write_text(text)
        return file


class SharingTests(SearchConnectionTests):
    async def test_concurrent_callers_share_the_connecting_attempt(self) -> None:
        self.patch(limits, "LDAP_SILENCE_TIME", 30.0)  # a busy machine is no silent server
        server = self.serve()
        connection = self.connect_to(server)
        running = [Deferred.fromCoroutine(connection.search(_SEARCH)) for _ in range(40)]
        answers: Sequence[SearchAnswer] = [await one for one in running]
        self.assertEqual({len(answer.entries) for answer in answers}, {1})
        self.assertEqual((server.accepted, len(server.searches())), (1, 40))

    async def test_searches_outstanding_are_bounded(self) -> None:
        """OpenLDAP closes a connection with 100 requests waiting."""
        waiting: list[tuple[LdapPeer, int]] = []
        server = self.serve(on_search(lambda peer, identifier, _: waiting.append((peer, identifier))))
        self.times = LimitsSection()
        connection = self.connect_to(server)
        running = [Deferred.fromCoroutine(connection.search(_SEARCH)) for _ in range(limits.LDAP_SEARCHES + 20)]
        while len(waiting) < limits.LDAP_SEARCHES:
            await deferLater(reactor, 0.02)
        await deferLater(reactor, 0.1)  # in which no other one comes
        self.assertEqual(len(waiting), limits.LDAP_SEARCHES)
        while not all(one.called for one in running):
            for peer, identifier in waiting:
                peer.send(identifier, done())
            waiting.clear()
            await deferLater(reactor, 0.02)
        self.assertEqual(len(server.searches()), limits.LDAP_SEARCHES + 20)


class LossTests(SearchConnectionTests):
    async def test_idle_close_is_not_noticed_by_the_next_search(self) -> None:
        """S-DIR-13: the server closes an idle connection; the next look-up succeeds."""
        server = self.serve()
        connection = self.connect_to(server)
        await connection.search(_SEARCH)
        server.close_connections()
        await deferLater(reactor, 0.02)
        self.assertEqual(len((await connection.search(_SEARCH)).entries), 1)
        self.assertEqual((server.accepted, len(server.searches())), (2, 2))

    async def test_notice_of_disconnection_is_not_noticed_by_the_search(self) -> None:
        """S-DIR-13: a read that meets the notice is repeated once on a fresh connection."""
        server = self.serve(on_search(_first(lambda peer, _i, _r: peer.send(0, extended(52, NOTICE_OF_DISCONNECTION)))))
        self.assertEqual(len((await self.connect_to(server).search(_SEARCH)).entries), 1)
        self.assertEqual((server.accepted, len(server.searches())), (2, 2))

    async def test_read_lost_with_its_connection_is_repeated_once(self) -> None:
        """S-DIR-13: a read lost with its connection is repeated on a fresh one."""
        server = self.serve(on_search(_first(lambda peer, _i, _r: peer.close())))
        self.assertEqual(len((await self.connect_to(server).search(_SEARCH)).entries), 1)
        self.assertEqual(len(server.searches()), 2)

    async def test_read_lost_twice_is_refused(self) -> None:
        """S-DIR-13: repeated once, not for ever."""
        server = self.serve(on_search(lambda peer, _i, _r: peer.close()))
        self.assertIs(await self.refused(self.connect_to(server)), DIRECTORY_DOWN)
        self.assertEqual(len(server.searches()), 2)

    async def test_silent_first_server(self) -> None:
        """S-DIR-1: with a silent server first in the list the answer comes from the second."""
        self.settings = {"search_connections": 1, "bind_dn": _SERVICE, "bind_password_file": self.password_file()}
        first, second = self.serve(silent), self.serve()
        answer = await self.connect_to(first, second).search(_SEARCH)
        self.assertEqual(answer.server, str(second.url))

    async def test_server_that_falls_silent(self) -> None:
        """S-DIR-1: on expiry the connection is closed and the next server asked."""
        first, second = self.serve(on_search(silent)), self.serve()
        connection = self.connect_to(first, second)
        self.assertEqual((await connection.search(_SEARCH)).server, str(second.url))
        await deferLater(reactor, 0.02)
        self.assertEqual(first.open, set())
        await connection.search(_SEARCH)
        self.assertEqual(len(first.searches()), 1)

    async def test_only_server_silent(self) -> None:
        """S-DIR-1: and when there is no other, the time-out is told."""
        self.assertIs(await self.refused(self.connect_to(self.serve(on_search(silent)))), DIRECTORY_TIMEOUT)

    async def test_unavailable_server_is_left_for_the_next(self) -> None:
        for code in (51, 52):
            first, second = self.serve(on_search(replies(done(code)))), self.serve()
            self.assertEqual((await self.connect_to(first, second).search(_SEARCH)).server, str(second.url))

    async def test_fault_of_one_search_leaves_the_connection(self) -> None:
        """S-DIR-9: a referral, or another result that only concerns this search, fails it and disturbs nobody."""
        for code, reason in ((1, DIRECTORY_DOWN), (34, DIRECTORY_DOWN), (50, DIRECTORY_DOWN), (3, DIRECTORY_TIMEOUT)):
            server = self.serve(on_search(replies(done(code))))
            connection = self.connect_to(server)
            for _ in range(2):
                self.assertIs(await self.refused(connection), reason)
            self.assertEqual((server.accepted, len(server.searches())), (1, 2))
        server = self.serve(on_search(replies(Referral(0x65, "ldap://127.0.0.1:1/"))))
        self.assertIs(await self.refused(self.connect_to(server)), DIRECTORY_DOWN)

    async def test_garbage_from_the_first_server(self) -> None:
        self.settings = {"search_connections": 1, "bind_dn": _SERVICE, "bind_password_file": self.password_file()}
        first, second = self.serve(lambda peer, _i, _r: peer.write(b"SSH-2.0-x\r\n")), self.serve()
        self.assertEqual((await self.connect_to(first, second).search(_SEARCH)).server, str(second.url))

    async def test_server_gone_and_back(self) -> None:
        """Bad input: directory killed and started again"""
        self.time = HeldTime()
        server = self.serve()
        connection = self.connect_to(server)
        await connection.search(_SEARCH)
        await server.stop()
        await deferLater(reactor, 0.02)
        self.time.clock.advance(limits.LDAP_RECONNECT_FIRST)
        self.assertIs(await self.refused(connection), DIRECTORY_DOWN)
        server.start_again()
        self.time.clock.advance(limits.LDAP_RECONNECT_FIRST)
        self.assertEqual(len((await connection.search(_SEARCH)).entries), 1)


class FailoverTests(SearchConnectionTests):
    """Two servers, and one of them fails under way."""

    def setUp(self) -> None:
        super().setUp()
        self.times = LimitsSection(ldap_search_time=4.0)

    async def test_searches_at_a_silent_server_are_repeated_before_their_time_is_over(self) -> None:
        """S-DIR-13: searches in flight at a server that falls silent are repeated once at another one.

        Bad input: a directory that accepts and stays silent
        """
        first, second = self.serve(on_search(silent)), self.serve()
        connection = self.connect_to(first, second)
        running = [Deferred.fromCoroutine(connection.search(_SEARCH)) for _ in range(10)]
        self.assertEqual({(await one).server for one in running}, {str(second.url)})
        self.assertEqual((len(first.searches()), len(second.searches())), (10, 10))
        self.assertEqual(connection.servers.health(first.url).state, "degraded")
        self.assertEqual(first.abandoned(), 10)

    async def test_searches_lost_with_a_server_go_to_the_other(self) -> None:
        """S-DIR-13: repeated on another server when the connection breaks.

        Bad input: a directory that closes mid-answer
        """

        def half(peer: LdapPeer, _identifier: int, _request: Any) -> None:
            peer.write(b"\x30\x20\x02")
            peer.close()

        first, second = self.serve(on_search(half)), self.serve()
        connection = self.connect_to(first, second)
        running = [Deferred.fromCoroutine(connection.search(_SEARCH)) for _ in range(5)]
        self.assertEqual({(await one).server for one in running}, {str(second.url)})

    async def test_garbage_and_foreign_message_ids_go_to_the_other(self) -> None:
        """S-DIR-8: a server that breaks the protocol is left for the next one.

        Bad input: non-BER garbage, a result for another message id
        """
        for octets in (b"\xff\xfe\xfd", b"\x30\x0c\x02\x01\x63\x65\x07\x0a\x01\x00\x04\x00\x04\x00"):
            first, second = self.serve(on_search(lambda peer, _i, _r, o=octets: peer.write(o))), self.serve()
            self.assertEqual((await self.connect_to(first, second).search(_SEARCH)).server, str(second.url))

    async def test_back_to_the_preferred_server_when_it_serves_again(self) -> None:
        """S-DIR-2: probed after a pause, and used again when it serves."""
        self.time = HeldTime()
        first, second = self.serve(), self.serve()
        await first.stop()
        connection = self.connect_to(first, second)
        connection.start()
        self.assertEqual((await connection.search(_SEARCH)).server, str(second.url))
        first.start_again()
        self.assertEqual((await connection.search(_SEARCH)).server, str(second.url))
        for _ in range(100):
            self.time.clock.advance(1)
            await deferLater(reactor, 0.005)
            if connection.servers.health(first.url).state == "healthy":
                break
        self.assertEqual((await connection.search(_SEARCH)).server, str(first.url))

    async def test_pool_holds_the_configured_connections(self) -> None:
        self.settings = {"search_connections": 3}
        server = self.serve()
        connection = self.connect_to(server)
        connection.start()
        for _ in range(100):
            await deferLater(reactor, 0.01)
        self.assertEqual(server.accepted, 3)
        (state,) = connection.servers.states()
        self.assertIsNotNone(state.root)

    async def test_pages_from_one_server(self) -> None:
        """RFC 2696: all entries, in the order of the pages; each page is another turn of the loop."""
        cookies = iter(["a", "b", ""])

        def answer(peer: LdapPeer, identifier: int, request: Any) -> None:
            peer.send_with(identifier, page_of(next(cookies)), user(), user(), done())

        connection = self.connect_to(self.serve(on_search(answer)))
        sizes = [len(entries) async for entries in connection.pages(_SEARCH, 2)]
        self.assertEqual(sizes, [2, 2, 2])

    async def test_pages_cut_short_are_a_refusal(self) -> None:
        cookies = iter(["a"])

        def answer(peer: LdapPeer, identifier: int, request: Any) -> None:
            cookie = next(cookies, None)
            if cookie is None:
                peer.close()
            else:
                peer.send_with(identifier, page_of(cookie), user(), done())

        pages = self.connect_to(self.serve(on_search(answer))).pages(_SEARCH, 2)
        self.assertEqual(len(await anext(pages)), 1)
        with self.assertRaises(Refused):
            await anext(pages)


class ServiceBindTests(SearchConnectionTests):
    async def test_bound_as_the_service_account_and_nobody_else(self) -> None:
        """S-AUTH-2: the search connection binds once, as the service account."""
        self.settings = {"search_connections": 1, "bind_dn": _SERVICE, "bind_password_file": self.password_file()}
        server = self.serve()
        connection = self.connect_to(server)
        for _ in range(3):
            await connection.search(_SEARCH)
        self.assertEqual(server.binds(), [(_SERVICE.encode(), b"service-password")])

    async def test_anonymous_without_a_service_account(self) -> None:
        server = self.serve()
        await self.connect_to(server).search(_SEARCH)
        self.assertEqual(server.binds(), [])

    async def test_refused_service_account_is_tried_once_a_minute(self) -> None:
        """S-DIR-3: a thousand logins with a wrong service password are one bind a minute."""
        self.time = HeldTime()
        self.settings = {"search_connections": 1, "bind_dn": _SERVICE, "bind_password_file": self.password_file()}
        server = self.serve(on_bind(replies(bound(49, "data 52e"))))
        connection = self.connect_to(server)
        for _ in range(1000):
            self.assertIs(await self.refused(connection), SERVICE_BIND_REFUSED)
        self.assertEqual(len(server.binds()), 1)
        self.time.clock.advance(limits.SERVICE_BIND_PAUSE + 1)
        self.assertIs(await self.refused(connection), SERVICE_BIND_REFUSED)
        self.assertEqual(len(server.binds()), 2)

    async def test_corrected_password_is_read_at_the_next_try(self) -> None:
        self.time = HeldTime()
        file = self.password_file("wrong")
        self.settings = {"search_connections": 1, "bind_dn": _SERVICE, "bind_password_file": file}

        def check(peer: LdapPeer, identifier: int, request: Any) -> None:
            peer.send(identifier, bound(0 if request.auth == b"right" else 49))

        connection = self.connect_to(self.serve(on_bind(check)))
        self.assertIs(await self.refused(connection), SERVICE_BIND_REFUSED)
        file.write_text("right\n")
        self.time.clock.advance(limits.SERVICE_BIND_PAUSE + 1)
        self.assertEqual(len((await connection.search(_SEARCH)).entries), 1)

    async def test_password_that_cannot_be_read_or_is_empty_never_binds(self) -> None:
        """S-AUTH-1: an empty service password would bind as anonymous."""
        for file in (None, Path("/nonexistent/password"), self.password_file(""), self.password_file("\n")):
            self.settings = {"search_connections": 1, "bind_dn": _SERVICE, "bind_password_file": file}
            server = self.serve()
            self.assertIs(await self.refused(self.connect_to(server)), SERVICE_BIND_REFUSED)
            self.assertEqual(server.binds(), [])

    async def test_busy_server_is_no_refusal(self) -> None:
        self.settings = {"search_connections": 1, "bind_dn": _SERVICE, "bind_password_file": self.password_file()}
        first, second = self.serve(on_bind(replies(bound(51)))), self.serve()
        self.assertEqual((await self.connect_to(first, second).search(_SEARCH)).server, str(second.url))

    async def test_second_server_when_the_first_refuses_the_account(self) -> None:
        self.settings = {"search_connections": 1, "bind_dn": _SERVICE, "bind_password_file": self.password_file()}
        first, second = self.serve(on_bind(replies(bound(49)))), self.serve()
        self.assertEqual((await self.connect_to(first, second).search(_SEARCH)).server, str(second.url))


class BackgroundTests(SearchConnectionTests):
    """After `start` the connection is there before anybody asks, and comes back by itself."""

    def setUp(self) -> None:
        super().setUp()
        self.time = HeldTime()
        self.tries: list[float] = []

    def refuse(self, host: str, port: int, factory: Any, **more: object) -> None:
        """In place of connectTCP: the port is closed."""
        self.tries.append(self.time.seconds())
        _refuse(host, port, factory)

    async def accepted(self, server: ScriptedLdap, count: int) -> None:
        for _ in range(200):
            if server.accepted >= count:
                break
            await deferLater(reactor, 0.01)
        self.assertEqual(server.accepted, count)

    async def test_connects_at_start(self) -> None:
        server = self.serve()
        self.connect_to(server).start()
        await self.accepted(server, 1)

    async def test_comes_back_after_a_loss(self) -> None:
        server = self.serve()
        self.connect_to(server).start()
        await self.accepted(server, 1)
        await deferLater(reactor, 0.02)
        server.close_connections()
        await deferLater(reactor, 0.05)
        self.assertEqual(server.accepted, 1)
        self.time.clock.advance(limits.LDAP_RECONNECT_FIRST * 1.5)
        await self.accepted(server, 2)

    async def test_keeps_trying_with_growing_pauses(self) -> None:
        server = self.serve()
        really_connect, self.time.connectTCP = self.time.connectTCP, self.refuse
        self.connect_to(server).start()
        for _ in range(4000):
            self.time.clock.advance(1.0)
        pauses = [later - earlier for earlier, later in pairwise(self.tries)]
        self.assertLessEqual(pauses[0], limits.LDAP_PROBE_FIRST * 1.25 + 1)
        self.assertGreaterEqual(pauses[0], limits.LDAP_PROBE_FIRST * 0.75)
        self.assertGreaterEqual(pauses[-1], limits.LDAP_PROBE_MOST * 0.75)
        self.assertLessEqual(max(pauses), limits.LDAP_PROBE_MOST * 1.25 + 1)
        self.time.connectTCP = really_connect
        self.time.clock.advance(_MOST)
        await self.accepted(server, 1)

    async def test_nothing_is_left_after_stop(self) -> None:
        server = self.serve()
        connection = self.connect_to(server)
        connection.start()
        await self.accepted(server, 1)
        await deferLater(reactor, 0.02)
        await self.stop(connection)
        await deferLater(reactor, 0.02)
        self.assertEqual(self.time.clock.getDelayedCalls(), [])
        self.assertEqual(server.open, set())
        self.assertIs(await self.refused(connection), DIRECTORY_DOWN)

    async def test_fault_of_our_own_is_logged_and_trying_goes_on(self) -> None:
        server = self.serve()
        really_connect, self.time.connectTCP = self.time.connectTCP, None
        self.connect_to(server).start()
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.time.connectTCP = really_connect
        self.time.clock.advance(_MOST)
        await self.accepted(server, 1)

    async def test_stop_while_connecting(self) -> None:
        self.settings = {"search_connections": 1, "bind_dn": _SERVICE, "bind_password_file": self.password_file()}
        server = self.serve(silent)
        connection = self.connect_to(server)
        connection.start()
        await self.accepted(server, 1)
        await deferLater(reactor, 0.02)
        await self.stop(connection)
        await deferLater(reactor, 0.05)
        self.assertEqual(server.open, set())
        self.assertEqual(self.time.clock.getDelayedCalls(), [])


def _refuse(host: str, port: int, factory: Any, **_: object) -> None:
    """A connection that is refused at once."""
    factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))


def _first(answer: Answer) -> Answer:
    """The first request gets `answer`, all later ones an entry."""
    asked: list[int] = []

    def script(peer: LdapPeer, identifier: int, request: Any) -> None:
        asked.append(identifier)
        if len(asked) == 1:
            answer(peer, identifier, request)
        else:
            peer.send(identifier, user(), done())

    return script


class RequestTests(SearchConnectionTests):
    async def test_requests_are_searches_only(self) -> None:
        server = self.serve()
        await self.connect_to(server).search(_SEARCH)
        self.assertEqual([type(request) for request in server.requests], [pureldap.LDAPSearchRequest])
