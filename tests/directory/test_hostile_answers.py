"""What a user is told, and what others notice, when the only directory server answers as no server should.

Each fault strikes the searches for one user; the same server answers all others well. What is told is the code and the
answer of each protocol; trial fails a test that logs a traceback.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ldaptor.protocols import pureldap
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from exfront import limits
from exfront.auth.ldap_bind import LdapBindChecker
from exfront.auth.portal import Portal
from exfront.config.limits import LimitsSection
from exfront.decision import SessionRecord
from exfront.directory.lookup import Directory
from exfront.directory.servers import Servers
from exfront.reasons import (
    AMBIGUOUS_LOGIN,
    DIRECTORY_CERTIFICATE,
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    SERVICE_BIND_REFUSED,
    Reason,
    Refused,
)
from exfront.secret import Secret
from tests.support.authority import Authority
from tests.support.scripted_ldap import (
    BASE,
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
    replies,
    section,
    silent,
    user,
)

_TIME = 0.4  # seconds that a search may take here
_RETRY_PASSED = limits.LDAP_RECONNECT_FIRST + 0.1
_OTHERS = tuple(f"other{number}" for number in range(20))


_TEMPORARY = (DIRECTORY_CERTIFICATE, DIRECTORY_DOWN, DIRECTORY_TIMEOUT, SERVICE_BIND_REFUSED)


class ReasonTests(SynchronousTestCase):
    def test_none_of_these_looks_like_a_wrong_password(self) -> None:
        """S-DIR-3: each protocol's word for a temporary failure."""
        for reason in _TEMPORARY:
            self.assertEqual((reason.http_status, reason.imap_code, reason.pop3_code), (503, "UNAVAILABLE", "SYS/TEMP"))


class HostileTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.times = LimitsSection(ldap_search_time=_TIME, ldap_bind_time=_TIME, ldap_tls_time=_TIME)

    def serve(self, answer: Answer, **more: Any) -> ScriptedLdap:
        server = ScriptedLdap(answer, **more)
        self.addCleanup(server.stop)
        return server

    def use(self, server: ScriptedLdap, **settings: Any) -> Portal:
        """Log-ons that know this server alone."""
        directory = section(server, search_connections=1, **settings)
        servers = Servers(directory, self.times, reactor)
        lookup = Directory(directory, self.times, reactor, servers=servers)
        checker = LdapBindChecker(directory, self.times, reactor, servers)
        self.addCleanup(lookup.stop)
        self.addCleanup(checker.stop)
        return Portal(lookup, checker)

    async def log_on(self, portal: Portal, name: str) -> Reason | None:
        """Why not; None for who was let in."""
        try:
            await portal.authenticate(name.encode(), Secret(b"password"), SessionRecord("1", "imap4", "192.0.2.7:5"))
        except Refused as refused:
            return refused.reason
        return None

    async def strike(self, answer: Answer, reason: Reason) -> ScriptedLdap:
        """The victim hears `reason`; others are let in before, meanwhile and after, and at last so is the victim."""
        self.hostile = True
        server = self.serve(self._only_for_the_victim(answer))
        portal = self.use(server)
        self.assertIsNone(await self.log_on(portal, "first"))
        logging_on = [Deferred.fromCoroutine(self.log_on(portal, name)) for name in ("victim", *_OTHERS)]
        heard = await gatherResults(logging_on)
        self.assertEqual(heard[0], reason)
        self.assertEqual(heard[1:], [None] * len(_OTHERS))
        self.assertIsNone(await self.log_on(portal, "last"))
        self.hostile = False
        self.assertIsNone(await self.log_on(portal, "victim"))
        return server

    def _only_for_the_victim(self, answer: Answer) -> Answer:
        def answering(peer: LdapPeer, identifier: int, request: Any) -> None:
            hostile = self.hostile and isinstance(request, pureldap.LDAPSearchRequest) and b"victim" in request.toWire()
            (answer if hostile else _everybody)(peer, identifier, request)

        return answering


def _everybody(peer: LdapPeer, identifier: int, request: Any) -> None:
    """Finds whom the filter names, takes every password."""
    if not isinstance(request, pureldap.LDAPSearchRequest):
        friendly(peer, identifier, request)
        return
    name = next(
        iter(part.assertionValue.value for part in request.filter if part.attributeDesc.value != b"objectClass")
    )
    entry = found(f"cn={name.decode()},{BASE}", sAMAccountName=[name], mailHost=["chicago"], objectGUID=[name])
    peer.send(identifier, entry, done())


def _raw(octets: bytes) -> Answer:
    return lambda peer, identifier, request: peer.write(octets)


def _closes_within(peer: LdapPeer, identifier: int, request: Any) -> None:
    whole = pureldap.LDAPMessage(user(), id=identifier).toWire()
    peer.write(whole[: len(whole) // 2])
    peer.close()


def _late(peer: LdapPeer, identifier: int, request: Any) -> None:
    Deferred().addTimeout(2 * _TIME, reactor).addErrback(lambda _: peer.send(identifier, user(), done()))


def _of_fifty_megabytes(peer: LdapPeer, identifier: int, request: Any) -> None:
    peer.write(b"\x30\x84" + (50 * 1024 * 1024).to_bytes(4) + b"\x02\x01" + bytes((identifier,)) + b"x" * 100_000)


def _ten_thousand(peer: LdapPeer, identifier: int, request: Any) -> None:
    peer.write(pureldap.LDAPMessage(user(), id=identifier).toWire() * 10_000)
    peer.send(identifier, done())


class AnswerTests(HostileTests):
    async def test_silence(self) -> None:
        """Bad input: accepts and stays silent"""
        await self.strike(silent, DIRECTORY_TIMEOUT)

    async def test_an_answer_that_comes_too_late(self) -> None:
        """Bad input: answers after the time is over"""
        await self.strike(_late, DIRECTORY_TIMEOUT)
        await deferLater(reactor, 3 * _TIME)

    async def test_closed_within_an_answer(self) -> None:
        """Bad input: closes mid-answer"""
        await self.strike(_closes_within, DIRECTORY_DOWN)

    async def test_garbage(self) -> None:
        """S-DIR-8: no LDAP at all."""
        await self.strike(_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), DIRECTORY_DOWN)

    async def test_an_entry_of_fifty_megabytes(self) -> None:
        """S-DIR-8: refused by its header."""
        await self.strike(_of_fifty_megabytes, DIRECTORY_DOWN)

    async def test_another_message_id(self) -> None:
        """S-DIR-8: nobody is given somebody else's entry."""
        await self.strike(lambda peer, identifier, request: peer.send(9999, user(), done()), DIRECTORY_DOWN)

    async def test_ten_thousand_results(self) -> None:
        """S-DIR-8: two are enough to know that the name is ambiguous."""
        await self.strike(_ten_thousand, AMBIGUOUS_LOGIN)

    async def test_referral(self) -> None:
        """S-DIR-9: nobody goes to the other host, and it gets no password."""
        foreign = self.serve(friendly)
        await self.strike(replies(Referral(0x65, f"ldap://127.0.0.1:{foreign.port}/{BASE}")), DIRECTORY_DOWN)
        self.assertEqual(foreign.accepted, 0)

    async def test_no_right_to_read(self) -> None:
        """Partial rights: the server refuses the search (insufficientAccessRights)."""
        await self.strike(replies(done(50, "insufficient access")), DIRECTORY_DOWN)


class ServerTests(HostileTests):
    """Faults of the whole server: every user hears the same, and all are let in when it is mended."""

    async def test_refused(self) -> None:
        """Bad input: refuses the connection"""
        server = self.serve(_everybody)
        portal = self.use(server)
        await server.stop()
        self.assertEqual(await self.log_on(portal, "first"), DIRECTORY_DOWN)
        server.start_again()
        await self.mended(portal)

    async def mended(self, portal: Portal) -> None:
        await deferLater(reactor, _RETRY_PASSED)
        self.assertIsNone(await self.log_on(portal, "first"))

    async def test_start_tls_refused(self) -> None:
        """S-DIR-10: no password goes over in the clear."""
        server = self.serve(replies(extended(52)))
        portal = self.use(server, starttls=True)
        self.assertEqual(await self.log_on(portal, "first"), DIRECTORY_CERTIFICATE)
        self.assertEqual((server.binds(), server.searches()), ([], []))

    async def test_certificates(self) -> None:
        """S-DIR-10: another name, expired, another authority."""
        ours, another = self.authority(), self.authority()
        for certificate in (
            ours.issue("evil.example"),
            ours.issue("ldap.example", ["127.0.0.1"], expired=True),
            another.issue("ldap.example", ["127.0.0.1"]),
        ):
            server = self.serve(_everybody, certificate=certificate, implicit=True)
            portal = self.use(server, ca_file=ours.ca_file)
            self.assertEqual(await self.log_on(portal, "first"), DIRECTORY_CERTIFICATE, certificate.name)
            self.assertEqual((server.binds(), server.searches()), ([], []))
            server.certificate = ours.issue("good.example", ["127.0.0.1"])
            await server.stop()
            server.start_again()
            await self.mended(portal)

    def authority(self) -> Authority:
        folder = Path(self.mktemp())
        folder.mkdir()
        return Authority(folder)

    async def test_service_password_wrong(self) -> None:
        """S-DIR-3: a thousand log-ons are one bind, and nobody hears of a wrong password."""
        password = Path(self.mktemp())
        password.write_text("old-password")
        server = self.serve(on_bind(replies(bound(49, "invalid credentials"))))
        portal = self.use(server, bind_dn=f"cn=exfront,{BASE}", bind_password_file=password)
        logging_on = [Deferred.fromCoroutine(self.log_on(portal, f"user{number}")) for number in range(1000)]
        self.assertEqual(set(await gatherResults(logging_on)), {SERVICE_BIND_REFUSED})
        self.assertEqual(len(server.binds()), 1)
