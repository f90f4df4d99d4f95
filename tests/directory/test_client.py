"""One connection, against servers that keep to the protocol and servers that do not."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ldaptor.protocols import pureldap
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from exfront import limits
from exfront.directory.client import _Collector
from exfront.directory.entry import Entry
from exfront.directory.errors import (
    BadCertificate,
    ConnectionLost,
    DirectoryError,
    FellSilent,
    ServerFault,
    TimedOut,
    Unreachable,
)
from exfront.directory.filters import Equals, Scope, Search
from exfront.directory.ldap_protocol import LdapProtocol
from tests.directory.connection import BASE_SEARCH, SEARCH, SECRET, SHORT, ConnectionTests, close, raw
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
    found,
    friendly,
    on_bind,
    on_search,
    page_of,
    reference,
    replies,
    silent,
    user,
)


class SearchTests(ConnectionTests):
    async def test_request_names_attributes_and_limits(self) -> None:
        """S-DIR-8: two entries, a time limit, named attributes; values as octets, never as filter text."""
        server = self.serve(friendly)
        connection = await self.connect(server)
        await connection.search(SEARCH)
        (request,) = server.searches()
        self.assertEqual((request.sizeLimit, request.timeLimit, request.attributes), (2, 1, [b"mail", b"uid"]))
        self.assertEqual((request.baseObject, request.scope, request.derefAliases), (BASE.encode(), 2, 0))
        self.assertEqual(request.filter.assertionValue.value, b"a*b")

    async def test_entries_are_plain_values(self) -> None:
        entry = found(f"cn=Jürgen,{BASE}", mail=["a@x", "b@x"], objectGUID=[b"\xf0\0"])
        connection = await self.connect(self.serve(on_search(replies(entry, done()))))
        answer = await connection.search(SEARCH)
        self.assertEqual(
            answer.entries, (Entry(f"cn=Jürgen,{BASE}", {"mail": (b"a@x", b"b@x"), "objectguid": (b"\xf0\0",)}),)
        )
        self.assertTrue(answer.complete)

    async def test_many_searches_at_once_get_their_own_answers(self) -> None:
        waiting: list[tuple[LdapPeer, int, Any]] = []

        def in_reverse(peer: LdapPeer, identifier: int, request: Any) -> None:
            waiting.append((peer, identifier, request))
            if len(waiting) == 20:
                for peer_, identifier_, request_ in reversed(waiting):
                    name = request_.filter.assertionValue.value.decode()
                    peer_.send(identifier_, found(f"uid={name}"), done())

        connection = await self.connect(self.serve(on_search(in_reverse)))
        searches = [Search(BASE, Equals("uid", str(number)), ("uid",)) for number in range(20)]
        running = [Deferred.fromCoroutine(connection.search(search)) for search in searches]
        answers = [await one for one in running]
        self.assertEqual([answer.entries[0].dn for answer in answers], [f"uid={number}" for number in range(20)])

    async def test_size_limit_reached_is_not_complete(self) -> None:
        """S-DIR-8: result 4 means ambiguous, not success."""
        connection = await self.connect(self.serve(on_search(replies(user(), user(), done(4)))))
        answer = await connection.search(SEARCH)
        self.assertFalse(answer.complete)
        self.assertEqual(len(answer.entries), 2)

    async def test_server_that_ignores_the_size_limit(self) -> None:
        """S-DIR-8: more entries than asked for are not kept."""
        connection = await self.connect(self.serve(on_search(replies(*[user()] * 50, done()))))
        answer = await connection.search(SEARCH)
        self.assertFalse(answer.complete)
        self.assertEqual(len(answer.entries), limits.LDAP_SIZE_LIMIT)

    async def test_references_are_counted_and_not_followed(self) -> None:
        """S-DIR-9: search result references are ignored."""
        evil = self.serve(friendly)
        url = f"ldap://127.0.0.1:{evil.port}/dc=evil"
        connection = await self.connect(self.serve(on_search(replies(reference(url), user(), reference(url), done()))))
        answer = await connection.search(SEARCH)
        self.assertEqual((len(answer.entries), answer.references), (1, 2))
        self.assertEqual(evil.accepted, 0)

    async def test_referral_is_a_fault_and_not_followed(self) -> None:
        """S-DIR-9: result 10 fails the search; nothing connects to where it points."""
        evil = self.serve(friendly)
        referral = Referral(0x65, f"ldap://127.0.0.1:{evil.port}/dc=evil")
        connection = await self.connect(self.serve(on_search(replies(referral))))
        error = await self.fails(ServerFault, connection.search(SEARCH))
        assert isinstance(error, ServerFault)
        self.assertEqual(error.code, 10)
        self.assertTrue(connection.alive)
        self.assertEqual(evil.accepted, 0)

    async def test_ten_thousand_results_to_a_search_of_size_two(self) -> None:
        """S-DIR-8: what comes after the third entry is dropped unread, and the connection serves on.

        Bad input: 10,000 results to a search of size 2
        """

        def flood(peer: LdapPeer, identifier: int, request: Any) -> None:
            peer.write(pureldap.LDAPMessage(user(), id=identifier).toWire() * 10_000)
            peer.send(identifier, done())

        server = self.serve(on_search(flood))
        connection = await self.connect(server)
        for _ in range(2):
            answer = await connection.search(SEARCH)
            self.assertEqual((len(answer.entries), answer.complete), (2, False))
        self.assertEqual(server.abandoned(), 1)  # the second may still be on its way

    async def test_entry_of_fifty_megabytes(self) -> None:
        """S-DIR-8: an entry over the limit closes the connection before it is held.

        Bad input: a 50 MB entry
        """
        octets = b"\x30\x84" + (50_000_000).to_bytes(4, "big") + b"\x02\x01\x01\x64"
        connection = await self.connect(self.serve(on_search(raw(octets + b"x" * 100_000))))
        error = await self.fails(ConnectionLost, connection.search(SEARCH))
        self.assertIn("too long", str(error))

    async def test_no_such_object_to_a_base_search_is_no_entry(self) -> None:
        connection = await self.connect(self.serve(on_search(replies(done(32)))))
        self.assertEqual((await connection.search(BASE_SEARCH)).entries, ())

    async def test_no_such_object_to_a_subtree_search_is_a_fault(self) -> None:
        """The base is wrong, or hidden from the service account: no reason to call all users unknown."""
        connection = await self.connect(self.serve(on_search(replies(done(32)))))
        await self.fails(ServerFault, connection.search(SEARCH))

    async def test_diagnostic_text_cannot_break_a_log_line(self) -> None:
        connection = await self.connect(self.serve(on_search(replies(done(80, "a\r\nforged\x1b[0m" + "x" * 500)))))
        error = await self.fails(ServerFault, connection.search(SEARCH))
        self.assertIn("a??forged?", str(error))
        self.assertLess(len(str(error)), 400)

    async def test_silence_times_out_and_closes(self) -> None:
        """S-DIR-1: a search without an answer ends, and its connection with it."""
        server = self.serve(on_search(silent))
        connection = await self.connect(server)
        await self.fails(TimedOut, connection.search(SEARCH))
        await connection.ended
        self.assertFalse(connection.alive)

    async def test_other_searches_of_a_connection_that_timed_out_are_lost(self) -> None:
        connection = await self.connect(self.serve(on_search(silent)))
        first = Deferred.fromCoroutine(connection.search(SEARCH))
        await deferLater(reactor, SHORT / 2)
        second = Deferred.fromCoroutine(connection.search(SEARCH))
        await self.assertFailure(first, TimedOut)
        await self.assertFailure(second, ConnectionLost)

    async def test_search_on_a_dead_connection(self) -> None:
        server = self.serve(friendly)
        connection = await self.connect(server)
        server.close_connections()
        await connection.ended
        await self.fails(ConnectionLost, connection.search(SEARCH))
        await self.fails(ConnectionLost, connection.bind("cn=a", SECRET))

    async def test_message_ids_stay_in_their_range(self) -> None:
        """RFC 4511 section 4.1.1 ends them at 2^31 - 1; ldaptor's own counter does not."""
        connection = await self.connect(self.serve(friendly))
        connection.protocol._last_id = 2**31 - 2
        for _ in range(3):
            await connection.search(SEARCH)
        self.assertEqual(connection.protocol._last_id, 2)


class BrokenServerTests(ConnectionTests):
    """Each ends the connection; what waits fails as lost, and nothing is printed."""

    async def lost(self, answer: Answer) -> str:
        connection = await self.connect(self.serve(answer))
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            error = await self.fails(ConnectionLost, connection.search(SEARCH))
        self.assertFalse(connection.alive)
        self.assertEqual(printed.getvalue(), "")
        await connection.ended
        return str(error)

    async def test_closed_instead_of_an_answer(self) -> None:
        self.assertIn("ConnectionDone", await self.lost(close))

    async def test_closed_within_an_answer(self) -> None:
        half = pureldap.LDAPMessage(user(), id=1).toWire()[:-3]

        def cut(peer: LdapPeer, identifier: int, request: Any) -> None:
            peer.write(half)
            peer.close()

        await self.lost(cut)

    async def test_garbage(self) -> None:
        """S-DIR-8: bad BER closes the connection."""
        self.assertIn("broke the protocol", await self.lost(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")))

    async def test_giant_length(self) -> None:
        """S-DIR-8: a length above the limit closes the connection at its header."""
        self.assertIn("too long", await self.lost(raw(b"\x30\x84\x7f\xff\xff\xff")))

    async def test_unknown_message_id(self) -> None:
        """S-DIR-8: an answer to nothing closes the connection."""
        self.assertIn(
            "unknown message id", await self.lost(lambda peer, identifier, _: peer.send(identifier + 1, done()))
        )

    async def test_notice_of_disconnection(self) -> None:
        """S-DIR-13: the notice marks the connection dead at once."""
        notice = extended(52, NOTICE_OF_DISCONNECTION)
        self.assertIn("notice", await self.lost(lambda peer, identifier, _: peer.send(0, notice)))

    async def test_other_operation_than_asked(self) -> None:
        await self.lost(replies(bound()))

    async def test_operation_that_is_no_answer(self) -> None:
        await self.lost(replies(pureldap.LDAPSearchRequest()))

    async def test_intermediate_response(self) -> None:
        await self.lost(raw(b"\x30\x05\x02\x01\x01\x79\x00"))

    async def test_octets_that_only_ldaptor_stumbles_over(self) -> None:
        """S-DIR-8: whatever ldaptor's decoder raises ends the connection and nothing else."""
        for octets in (
            b"\x30\x05\x02\x01\x01\x65\x00",  # no result code
            b"\x30\x0c\x02\x01\x01\x65\x07\x04\x01\x41\x04\x00\x04\x00",  # a text for a result code
            b"\x30\x09\x02\x01\x01\x64\x04\x04\x00\x04\x00",  # attributes that are no sequence
        ):
            await self.lost(raw(octets))

    async def test_broken_answers_leave_no_connection(self) -> None:
        server = self.serve(raw(b"\x30\x03\x02\x05\x01"))
        for _ in range(50):
            connection = await self.connect(server)
            await self.fails(ConnectionLost, connection.search(SEARCH))
            await connection.ended
        await deferLater(reactor, 0.05)
        self.assertEqual(server.open, set())


class CloseTests(ConnectionTests):
    async def test_unbind_is_sent(self) -> None:
        server = self.serve(friendly)
        connection = await self.connect(server)
        connection.close()
        await connection.ended
        await deferLater(reactor, 0.02)
        self.assertEqual([type(request) for request in server.requests], [pureldap.LDAPUnbindRequest])
        self.assertEqual(server.open, set())

    async def test_second_close_does_nothing(self) -> None:
        connection = await self.connect(self.serve(friendly))
        connection.close()
        connection.close()
        await connection.ended

    async def test_pending_operation_fails(self) -> None:
        connection = await self.connect(self.serve(on_bind(silent)))
        running = Deferred.fromCoroutine(connection.bind("cn=a", SECRET))
        connection.close()
        await self.assertFailure(running, ConnectionLost)

    async def test_loss_is_told_once(self) -> None:
        server = self.serve(friendly)
        connection = await self.connect(server)
        told: list[DirectoryError] = []
        connection.on_lost = lambda _, why: told.append(why)
        server.close_connections()
        await connection.ended
        self.assertEqual([type(why) for why in told], [ConnectionLost])


class FuzzTests(SynchronousTestCase):
    """S-DIR-8: whatever a server sends, `dataReceived` returns; what is not an answer closes the connection."""

    def feed(self, octets: bytes) -> list[DirectoryError]:
        lost: list[DirectoryError] = []
        protocol = LdapProtocol("ldap://dc1", lost.append, lambda: None)
        transport = _Transport(protocol)
        protocol.makeConnection(transport)
        waiting = _Answers(protocol)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            protocol.dataReceived(octets)
        self.assertEqual(printed.getvalue(), "")
        if not protocol.usable:
            self.assertTrue(transport.aborted)
            transport.end()
            self.assertEqual((len(lost), waiting.left), (1, 0))
        return lost

    @given(st.binary(max_size=80))
    @settings(deadline=None)
    def test_any_octets(self, octets: bytes) -> None:
        """S-DIR-8: bad BER closes the connection and raises nothing."""
        self.feed(octets)
        self.feed(b"\x30" + bytes((len(octets) + 3,)) + b"\x02\x01\x01" + octets)

    @given(st.sampled_from((0x61, 0x64, 0x65, 0x73, 0x78)), st.binary(max_size=60))
    @settings(deadline=None)
    def test_any_content_of_an_answer(self, tag: int, content: bytes) -> None:
        """S-DIR-8: so does an answer that ldaptor cannot read."""
        operation = bytes((tag, len(content))) + content
        self.feed(b"\x30" + bytes((len(operation) + 3,)) + b"\x02\x01\x01" + operation)

    @given(st.data())
    @settings(deadline=None)
    def test_spoilt_answers(self, data: st.DataObject) -> None:
        """S-DIR-8: one wrong octet anywhere in a good answer raises nothing."""
        good = b"".join(pureldap.LDAPMessage(one, id=1).toWire() for one in (user(), reference("ldap://x"), done()))
        place = data.draw(st.integers(0, len(good) - 1))
        octet = data.draw(st.integers(0, 255))
        self.feed(good[:place] + bytes((octet,)) + good[place + 1 :])


class _Transport(StringTransport):
    """Notes an abort; `end` then tells the protocol."""

    aborted = False

    def __init__(self, protocol: LdapProtocol) -> None:
        super().__init__()
        self._protocol = protocol

    def abortConnection(self) -> None:
        self.aborted = True

    def end(self) -> None:
        self._protocol.connectionLost(Failure(ConnectionDone()))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to set."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Nothing to set."""


class _Answers:
    """A search and a bind that wait on `protocol`, as ids 1 and 2; `left` counts those without an answer."""

    def __init__(self, protocol: LdapProtocol) -> None:
        self.left = 2
        collector = _Collector("ldap://dc1", Scope.SUBTREE)
        protocol.send_multiResponse(pureldap.LDAPSearchRequest(), collector.take).addErrback(collector.fail)
        collector.done.addBoth(self._answered)
        protocol.bind_request("cn=a", SECRET).addBoth(self._answered)

    def _answered(self, _: object) -> None:
        self.left -= 1


class HandshakeTests(SynchronousTestCase):
    """TLS may be up, or lost, before anybody waits for it."""

    def setUp(self) -> None:
        self.protocol = LdapProtocol("ldaps://dc1", lambda why: None, lambda: None)

    def test_already_completed(self) -> None:
        self.protocol.handshakeCompleted()
        self.successResultOf(self.protocol.handshake())

    def test_already_lost(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))
        error = self.failureResultOf(self.protocol.handshake(), ConnectionLost).value
        self.assertEqual(str(error), "ldaps://dc1 lost: ConnectionDone")


class AbandonTests(ConnectionTests):
    async def test_slow_search_is_abandoned_and_the_connection_serves_on(self) -> None:
        """S-DIR-1: a search over its time is abandoned; others go on, and its late answer is nobody's.

        Bad input: a directory that answers after 30 s
        """
        held: list[tuple[LdapPeer, int]] = []

        def slow(peer: LdapPeer, identifier: int, request: Any) -> None:
            if request.filter.assertionValue.value == b"slow":
                held.append((peer, identifier))
            else:
                peer.send(identifier, user(), done())

        server = self.serve(on_search(slow))
        connection = await self.connect(server)
        running = Deferred.fromCoroutine(connection.search(Search(BASE, Equals("uid", "slow"), ("uid",))))
        await deferLater(reactor, SHORT / 2)
        await connection.search(SEARCH)
        await self.assertFailure(running, TimedOut)
        self.assertTrue(connection.alive)
        ((peer, identifier),) = held
        peer.send(identifier, user(), user(), done())
        self.assertEqual(len((await connection.search(SEARCH)).entries), 1)
        self.assertEqual(server.abandoned(), 1)

    async def test_searches_given_up_fail_at_once(self) -> None:
        server = self.serve(on_search(silent))
        connection = await self.connect(server)
        running = [Deferred.fromCoroutine(connection.search(SEARCH)) for _ in range(3)]
        connection.give_up_searches(FellSilent("x"))
        for one in running:
            await self.assertFailure(one, FellSilent)
        self.assertTrue(connection.alive)

    async def test_server_that_ends_no_abandoned_search_is_left(self) -> None:
        """S-DIR-8: what is remembered of abandoned searches is bounded."""
        connection = await self.connect(self.serve(on_search(silent)))
        running = [Deferred.fromCoroutine(connection.search(SEARCH)) for _ in range(limits.LDAP_ABANDONED + 1)]
        connection.give_up_searches(FellSilent("x"))
        for one in running:
            await self.assertFailure(one, FellSilent)
        self.assertFalse(connection.alive)


class PageTests(ConnectionTests):
    def paged(self, pages: int, size: int) -> ScriptedLdap:
        """Serves that many pages of `size` entries; the cookie is the number of the next one."""
        self.asked: list[bytes] = []

        def answer(peer: LdapPeer, identifier: int, request: Any) -> None:
            number = len(self.asked)
            self.asked.append(peer.controls[0][2])
            cookie = str(number + 1) if number + 1 < pages else ""
            entries = [found(f"cn={number}-{place}", cn=[str(place)]) for place in range(size)]
            peer.send_with(identifier, page_of(cookie), *entries, done())

        return self.serve(on_search(answer))

    async def test_page_and_the_next(self) -> None:
        """RFC 2696: the cookie of an answer asks for the next page; the last one has none."""
        connection = await self.connect(self.paged(2, 3))
        first = await connection.page(SEARCH, 3)
        self.assertEqual((len(first.entries), first.cookie), (3, b"1"))
        second = await connection.page(SEARCH, 3, first.cookie)
        self.assertEqual((len(second.entries), second.cookie), (3, b""))
        self.assertEqual(self.asked, [b"\x30\x05\x02\x01\x03\x04\x00", b"\x30\x06\x02\x01\x03\x04\x011"])

    async def test_page_over_its_size_is_a_fault(self) -> None:
        connection = await self.connect(self.paged(1, 5))
        await self.fails(ServerFault, connection.page(SEARCH, 3))

    async def test_control_that_is_none_breaks_the_protocol(self) -> None:
        for value in (b"", b"\x30\x00", b"\x02\x01\x00"):
            control = ((b"1.2.840.113556.1.4.319", None, value),)
            server = self.serve(on_search(lambda peer, i, _, c=control: peer.send_with(i, c, done())))
            connection = await self.connect(server)
            await self.fails(ConnectionLost, connection.page(SEARCH, 3))


class RootDseTests(ConnectionTests):
    async def test_active_directory(self) -> None:
        root = found(
            "",
            configurationNamingContext=[f"CN=Configuration,{BASE}"],
            currentTime=["20140401080000.0Z"],
            dsServiceName=[f"CN=NTDS Settings,CN=DC1,CN=Servers,CN=Chicago,CN=Sites,CN=Configuration,{BASE}"],
        )
        server = self.serve(on_search(replies(root, done())))
        says = await (await self.connect(server)).root_dse()
        self.assertEqual(says.configuration_naming_context, f"CN=Configuration,{BASE}")
        self.assertEqual((says.site, says.current_time), ("Chicago", "20140401080000.0Z"))
        self.assertEqual(server.searches()[0].baseObject, b"")

    async def test_server_that_says_nothing_or_nonsense(self) -> None:
        for entries in ((), (found("", dsServiceName=["x", "y"], currentTime=[b"\xff"]),)):
            server = self.serve(on_search(replies(*entries, done())))
            says = await (await self.connect(server)).root_dse()
            self.assertEqual((says.site, says.current_time), ("", "\ufffd" if entries else ""))


class ErrorTests(TestCase):
    def test_closed_list(self) -> None:
        for kind in (BadCertificate, ConnectionLost, ServerFault, TimedOut, Unreachable):
            self.assertTrue(issubclass(kind, DirectoryError))
