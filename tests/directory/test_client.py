"""One connection, against servers that keep to the protocol and servers that do not."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

from ldaptor.protocols import pureldap
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from exfront import limits
from exfront.config.limits import LimitsSection
from exfront.directory.client import BindResult, Connection
from exfront.directory.entry import Entry
from exfront.directory.errors import (
    BadCertificate,
    ConnectionLost,
    DirectoryError,
    ServerFault,
    TimedOut,
    Unreachable,
)
from exfront.directory.filters import Equals, Scope, Search
from exfront.directory.servers import Servers
from exfront.reasons import DIRECTORY_CERTIFICATE, DIRECTORY_DOWN, DIRECTORY_TIMEOUT, Refused
from exfront.secret import Secret
from tests.support.authority import Authority
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
    reference,
    replies,
    section,
    silent,
    user,
)

_SEARCH = Search(BASE, Equals("uid", "a*b"), ("mail", "uid"))
_BASE_SEARCH = Search(f"cn=a,{BASE}", Equals("objectClass", "x"), ("mail",), Scope.BASE)
_SECRET = Secret(b"s3cret-pa\xdfword")
_SHORT = 0.2  # seconds, where a test waits for a time-out


def raw(octets: bytes) -> Answer:
    """Answers with octets as they are."""
    return lambda peer, identifier, request: peer.write(octets)


def close(peer: LdapPeer, identifier: int, request: Any) -> None:
    """Hangs up instead of an answer."""
    peer.close()


class ConnectionTests(TestCase):
    timeout = 20
    times = LimitsSection(ldap_bind_time=_SHORT, ldap_search_time=_SHORT, ldap_tls_time=_SHORT)

    def serve(self, answer: Answer, **more: Any) -> ScriptedLdap:
        server = ScriptedLdap(answer, **more)
        self.addCleanup(server.stop)
        return server

    async def connect(self, server: ScriptedLdap, **settings: Any) -> Connection:
        connection = await Servers(section(server, **settings), self.times, reactor).open()
        self.addCleanup(self.end, connection)
        return connection

    async def end(self, connection: Connection) -> None:
        connection.abort()
        await connection.ended

    async def fails(self, kind: type[DirectoryError], running: Any) -> DirectoryError:
        return await self.assertFailure(Deferred.fromCoroutine(running), kind)


class SearchTests(ConnectionTests):
    async def test_request_names_attributes_and_limits(self) -> None:
        """S-DIR-8: two entries, a time limit, named attributes; values as octets, never as filter text."""
        server = self.serve(friendly)
        connection = await self.connect(server)
        await connection.search(_SEARCH)
        (request,) = server.searches()
        self.assertEqual((request.sizeLimit, request.timeLimit, request.attributes), (2, 1, [b"mail", b"uid"]))
        self.assertEqual((request.baseObject, request.scope, request.derefAliases), (BASE.encode(), 2, 0))
        self.assertEqual(request.filter.assertionValue.value, b"a*b")

    async def test_entries_are_plain_values(self) -> None:
        entry = found(f"cn=Jürgen,{BASE}", mail=["a@x", "b@x"], objectGUID=[b"\xf0\0"])
        connection = await self.connect(self.serve(on_search(replies(entry, done()))))
        answer = await connection.search(_SEARCH)
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
        answer = await connection.search(_SEARCH)
        self.assertFalse(answer.complete)
        self.assertEqual(len(answer.entries), 2)

    async def test_server_that_ignores_the_size_limit(self) -> None:
        """S-DIR-8: more entries than asked for are not kept."""
        connection = await self.connect(self.serve(on_search(replies(*[user()] * 50, done()))))
        answer = await connection.search(_SEARCH)
        self.assertFalse(answer.complete)
        self.assertEqual(len(answer.entries), limits.LDAP_SIZE_LIMIT)

    async def test_references_are_counted_and_not_followed(self) -> None:
        """S-DIR-9: search result references are ignored."""
        evil = self.serve(friendly)
        url = f"ldap://127.0.0.1:{evil.port}/dc=evil"
        connection = await self.connect(self.serve(on_search(replies(reference(url), user(), reference(url), done()))))
        answer = await connection.search(_SEARCH)
        self.assertEqual((len(answer.entries), answer.references), (1, 2))
        self.assertEqual(evil.accepted, 0)

    async def test_referral_is_a_fault_and_not_followed(self) -> None:
        """S-DIR-9: result 10 fails the search; nothing connects to where it points."""
        evil = self.serve(friendly)
        referral = Referral(0x65, f"ldap://127.0.0.1:{evil.port}/dc=evil")
        connection = await self.connect(self.serve(on_search(replies(referral))))
        error = await self.fails(ServerFault, connection.search(_SEARCH))
        assert isinstance(error, ServerFault)
        self.assertEqual(error.code, 10)
        self.assertTrue(connection.alive)
        self.assertEqual(evil.accepted, 0)

    async def test_no_such_object_to_a_base_search_is_no_entry(self) -> None:
        connection = await self.connect(self.serve(on_search(replies(done(32)))))
        self.assertEqual((await connection.search(_BASE_SEARCH)).entries, ())

    async def test_no_such_object_to_a_subtree_search_is_a_fault(self) -> None:
        """The base is wrong, or hidden from the service account: no reason to call all users unknown."""
        connection = await self.connect(self.serve(on_search(replies(done(32)))))
        await self.fails(ServerFault, connection.search(_SEARCH))

    async def test_diagnostic_text_cannot_break_a_log_line(self) -> None:
        connection = await self.connect(self.serve(on_search(replies(done(80, "a\r\nforged\x1b[0m" + "x" * 500)))))
        error = await self.fails(ServerFault, connection.search(_SEARCH))
        self.assertIn("a??forged?", str(error))
        self.assertLess(len(str(error)), 400)

    async def test_silence_times_out_and_closes(self) -> None:
        """S-DIR-1: a search without an answer ends, and its connection with it."""
        server = self.serve(on_search(silent))
        connection = await self.connect(server)
        await self.fails(TimedOut, connection.search(_SEARCH))
        await connection.ended
        self.assertFalse(connection.alive)

    async def test_other_searches_of_a_connection_that_timed_out_are_lost(self) -> None:
        connection = await self.connect(self.serve(on_search(silent)))
        first = Deferred.fromCoroutine(connection.search(_SEARCH))
        await deferLater(reactor, _SHORT / 2)
        second = Deferred.fromCoroutine(connection.search(_SEARCH))
        await self.assertFailure(first, TimedOut)
        await self.assertFailure(second, ConnectionLost)

    async def test_search_on_a_dead_connection(self) -> None:
        server = self.serve(friendly)
        connection = await self.connect(server)
        server.close_connections()
        await connection.ended
        await self.fails(ConnectionLost, connection.search(_SEARCH))
        await self.fails(ConnectionLost, connection.bind("cn=a", _SECRET))

    async def test_message_ids_stay_in_their_range(self) -> None:
        """RFC 4511 section 4.1.1 ends them at 2^31 - 1; ldaptor's own counter does not."""
        connection = await self.connect(self.serve(friendly))
        connection.protocol._last_id = 2**31 - 2
        for _ in range(3):
            await connection.search(_SEARCH)
        self.assertEqual(connection.protocol._last_id, 2)


class BrokenServerTests(ConnectionTests):
    """Each ends the connection; what waits fails as lost, and nothing is printed."""

    async def lost(self, answer: Answer) -> str:
        connection = await self.connect(self.serve(answer))
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            error = await self.fails(ConnectionLost, connection.search(_SEARCH))
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
            await self.fails(ConnectionLost, connection.search(_SEARCH))
            await connection.ended
        await deferLater(reactor, 0.05)
        self.assertEqual(server.open, set())


class BindTests(ConnectionTests):
    async def test_result_and_message(self) -> None:
        server = self.serve(replies(bound(49, "80090308: data 52e, v1db1\0")))
        connection = await self.connect(server)
        result = await connection.bind("cn=Jürgen", _SECRET)
        self.assertEqual(result, BindResult(49, "80090308: data 52e, v1db1"))
        self.assertEqual(server.binds(), [("cn=Jürgen".encode(), _SECRET.reveal())])
        self.assertTrue(connection.alive)

    async def test_referral_to_a_bind_is_a_result_and_prints_nothing(self) -> None:
        connection = await self.connect(self.serve(replies(Referral(0x61, "ldap://evil/"))))
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertEqual((await connection.bind("cn=a", _SECRET)).code, 10)
        self.assertEqual(printed.getvalue(), "")

    async def test_time_out_closes(self) -> None:
        """S-AUTH-2: who is bound after a time-out is not known: the connection is closed."""
        connection = await self.connect(self.serve(silent))
        await self.fails(TimedOut, connection.bind("cn=a", _SECRET))
        self.assertFalse(connection.alive)

    async def test_cancel_closes(self) -> None:
        """S-AUTH-2: a client that goes away during its bind takes the connection with it."""
        connection = await self.connect(self.serve(silent))
        running = Deferred.fromCoroutine(connection.bind("cn=a", _SECRET))
        running.addErrback(lambda _: None)
        running.cancel()
        self.assertFalse(connection.alive)
        await running

    async def test_answer_of_another_kind_is_no_success(self) -> None:
        """S-AUTH-2: only a bind's own answer counts."""
        for answer in (done(0), extended(0)):
            connection = await self.connect(self.serve(replies(answer)))
            await self.fails(ConnectionLost, connection.bind("cn=a", _SECRET))
            self.assertFalse(connection.alive)

    async def test_success_for_another_message_is_no_success(self) -> None:
        """S-AUTH-2: only result 0 to that very message id is success."""
        connection = await self.connect(self.serve(lambda peer, identifier, _: peer.send(identifier + 1, bound())))
        await self.fails(ConnectionLost, connection.bind("cn=a", _SECRET))

    async def test_failures_do_not_hold_the_password(self) -> None:
        """S-AUTH-11: neither the failure nor the frames of its traceback show the password."""
        for answer in (silent, close, raw(b"garbage"), replies(done())):
            connection = await self.connect(self.serve(answer))
            error = await self.fails(DirectoryError, connection.bind("cn=a", _SECRET))
            for octets in _reachable(error):
                self.assertNotIn(_SECRET.reveal(), octets)


def _reachable(error: BaseException) -> list[bytes]:
    """The repr of the error, and of each local variable of the frames in its traceback and in those of its causes."""
    found: list[bytes] = []
    errors: list[BaseException | None] = [error]
    while errors:
        one = errors.pop()
        if one is None:
            continue
        errors += [one.__cause__, one.__context__]
        found.append(repr(one).encode("utf-8", "replace"))
        step = one.__traceback__
        while step is not None:
            for value in step.tb_frame.f_locals.values():
                found.append(value if isinstance(value, bytes) else repr(value).encode("utf-8", "replace"))
                wire = getattr(value, "toWire", None)
                if callable(wire) and not isinstance(value, type):
                    found.append(wire())
            step = step.tb_next
    return found


class TlsTests(ConnectionTests):
    times = LimitsSection(ldap_tls_time=0.5)

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = Authority(folder)
        self.good = self.authority.issue("good.example", ["127.0.0.1"])

    def tls_server(self, certificate: Path, answer: Answer = friendly) -> ScriptedLdap:
        return self.serve(answer, certificate=certificate, implicit=True)

    def starttls_server(self, certificate: Path, answer: Answer | None = None) -> ScriptedLdap:
        return self.serve(answer or accept_starttls, certificate=certificate)

    async def refused(self, server: ScriptedLdap, **settings: Any) -> Refused:
        settings = {"starttls": True, "ca_file": self.authority.ca_file, **settings}
        refused = await self.assertFailure(Deferred.fromCoroutine(self.connect(server, **settings)), Refused)
        self.assertEqual(server.binds(), [])
        return refused

    async def test_ldaps(self) -> None:
        """S-DIR-10: LDAPS, verified before the first bind."""
        server = self.tls_server(self.good)
        connection = await self.connect(server, ca_file=self.authority.ca_file)
        self.assertEqual((await connection.bind("cn=a", _SECRET)).code, 0)
        self.assertEqual(len((await connection.search(_SEARCH)).entries), 1)

    async def test_starttls(self) -> None:
        """S-DIR-10: StartTLS, verified before the first bind."""
        server = self.starttls_server(self.good)
        connection = await self.connect(server, starttls=True, ca_file=self.authority.ca_file)
        self.assertEqual((await connection.bind("cn=a", _SECRET)).code, 0)
        self.assertEqual(len((await connection.search(_SEARCH)).entries), 1)

    async def test_bad_certificates_stop_before_the_bind(self) -> None:
        """S-DIR-10: a certificate with the wrong name, expired or of an unknown issuer: no octet of a bind."""
        strangers = Path(self.mktemp())
        strangers.mkdir()
        cases = (
            (self.authority.issue("other.example", ["127.0.0.99"]), "name"),
            (self.authority.issue("late.example", ["127.0.0.1"], expired=True), "expired"),
            (Authority(strangers, "strangers").issue("good.example", ["127.0.0.1"]), "issuer"),
        )
        for certificate, fault in cases:
            refused = await self.refused(self.tls_server(certificate))
            self.assertIs(refused.reason, DIRECTORY_CERTIFICATE, refused.detail)
            self.assertTrue(refused.detail.endswith(f" reason={fault}"), refused.detail)
            refused = await self.refused(self.starttls_server(certificate))
            self.assertIs(refused.reason, DIRECTORY_CERTIFICATE, refused.detail)

    async def test_starttls_refused_does_not_fall_back_to_clear(self) -> None:
        """S-DIR-10: no fall-back."""
        refused = await self.refused(self.starttls_server(self.good, replies(extended(2))))
        self.assertIs(refused.reason, DIRECTORY_CERTIFICATE)

    async def test_silence_after_starttls_times_out(self) -> None:
        """S-DIR-1: TLS is bounded: both StartTLS's answer and the handshake."""
        for answer in (silent, replies(extended())):
            refused = await self.refused(self.starttls_server(self.good, answer))
            self.assertIs(refused.reason, DIRECTORY_TIMEOUT)

    async def test_silence_on_ldaps_times_out(self) -> None:
        """S-DIR-1: so is the handshake of LDAPS."""
        server = self.serve(silent)
        settings = section(server, ca_file=self.authority.ca_file)
        servers = Servers(settings, self.times, reactor)
        servers.settings = type(settings)(
            (type(server.url)("ldaps", server.url.host, server.url.port),), BASE, ca_file=self.authority.ca_file
        )
        refused = await self.assertFailure(Deferred.fromCoroutine(servers.open()), Refused)
        self.assertIs(refused.reason, DIRECTORY_TIMEOUT)

    async def test_messages_injected_behind_the_starttls_answer(self) -> None:
        """S-DIR-10: octets behind the StartTLS answer, before TLS, close the connection."""
        notice = extended(52, NOTICE_OF_DISCONNECTION)
        for injected in (
            lambda identifier: pureldap.LDAPMessage(notice, id=0).toWire(),
            lambda identifier: pureldap.LDAPMessage(bound(), id=identifier + 1).toWire(),
            lambda identifier: b"\x30\x84\x00",  # the beginning of a message
        ):

            def inject(peer: LdapPeer, identifier: int, request: Any, injected: Any = injected) -> None:
                answer = pureldap.LDAPMessage(extended(), id=identifier).toWire()
                peer.write(answer + injected(identifier))
                peer.start_tls()

            refused = await self.refused(self.starttls_server(self.good, inject))
            self.assertIs(refused.reason, DIRECTORY_DOWN)
            self.assertIn("broke the protocol", refused.detail)

    async def test_notice_before_the_starttls_answer(self) -> None:
        """S-DIR-10: an unsolicited notification while StartTLS runs aborts it."""
        notice = extended(0, NOTICE_OF_DISCONNECTION)

        def inject(peer: LdapPeer, identifier: int, request: Any) -> None:
            peer.send(0, notice)
            peer.send(identifier, extended())

        await self.refused(self.starttls_server(self.good, inject))

    async def test_clear_text_needs_the_switch(self) -> None:
        """S-DIR-10: ldap:// without StartTLS only where the configuration allows it."""
        server = self.serve(friendly)
        refused = await self.refused(server, starttls=False, allow_clear=False)
        self.assertIs(refused.reason, DIRECTORY_DOWN)
        self.assertEqual(server.accepted, 0)

    async def test_authority_that_cannot_be_read(self) -> None:
        refused = await self.refused(self.tls_server(self.good), ca_file=Path("/nonexistent/ca.pem"))
        self.assertIs(refused.reason, DIRECTORY_CERTIFICATE)


def accept_starttls(peer: LdapPeer, identifier: int, request: Any) -> None:
    """StartTLS, then `friendly`."""
    if isinstance(request, pureldap.LDAPExtendedRequest):
        peer.send(identifier, extended())
        peer.start_tls()
    else:
        friendly(peer, identifier, request)


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
        running = Deferred.fromCoroutine(connection.bind("cn=a", _SECRET))
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


class ErrorTests(TestCase):
    def test_closed_list(self) -> None:
        for kind in (BadCertificate, ConnectionLost, ServerFault, TimedOut, Unreachable):
            self.assertTrue(issubclass(kind, DirectoryError))
