"""What the tests of one connection share: a scripted server, a connection to it, and how it fails."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from exfront.config.limits import LimitsSection
from exfront.directory.client import Connection
from exfront.directory.errors import DirectoryError
from exfront.directory.filters import Equals, Scope, Search
from exfront.directory.servers import Servers
from exfront.secret import Secret
from tests.support.scripted_ldap import BASE, Answer, LdapPeer, ScriptedLdap, section

SEARCH = Search(BASE, Equals("uid", "a*b"), ("mail", "uid"))
BASE_SEARCH = Search(f"cn=a,{BASE}", Equals("objectClass", "x"), ("mail",), Scope.BASE)
SECRET = Secret(b"s3cret-pa\xdfword")
SHORT = 0.5  # seconds, where a test waits for a time-out


def raw(octets: bytes) -> Answer:
    """Answers with octets as they are."""
    return lambda peer, identifier, request: peer.write(octets)


def close(peer: LdapPeer, identifier: int, request: Any) -> None:
    """Hangs up instead of an answer."""
    peer.close()


class ConnectionTests(TestCase):
    timeout = 20
    times = LimitsSection(ldap_bind_time=SHORT, ldap_search_time=SHORT, ldap_tls_time=SHORT)

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
