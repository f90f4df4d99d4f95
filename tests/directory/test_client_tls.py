"""TLS to a directory server: LDAPS and StartTLS, verified before anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ldaptor.protocols import pureldap
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from exfront.config.limits import LimitsSection
from exfront.directory.servers import Servers
from exfront.reasons import DIRECTORY_CERTIFICATE, DIRECTORY_DOWN, DIRECTORY_TIMEOUT, Refused
from tests.directory.connection import SEARCH, SECRET, ConnectionTests
from tests.support.authority import Authority
from tests.support.scripted_ldap import (
    BASE,
    NOTICE_OF_DISCONNECTION,
    Answer,
    LdapPeer,
    ScriptedLdap,
    bound,
    extended,
    friendly,
    replies,
    section,
    silent,
)


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
        self.assertEqual((await connection.bind("cn=a", SECRET)).code, 0)
        self.assertEqual(len((await connection.search(SEARCH)).entries), 1)

    async def test_starttls(self) -> None:
        """S-DIR-10: StartTLS, verified before the first bind."""
        server = self.starttls_server(self.good)
        connection = await self.connect(server, starttls=True, ca_file=self.authority.ca_file)
        self.assertEqual((await connection.bind("cn=a", SECRET)).code, 0)
        self.assertEqual(len((await connection.search(SEARCH)).entries), 1)

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
