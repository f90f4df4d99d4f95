"""Opens a TCP connection to a directory server, with TLS as the settings want it (S-DIR-10)."""

from __future__ import annotations

import ipaddress
from typing import Any, Never

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.interfaces import IAddress, IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.config.limits import LimitsSection
from exfront.directory.client import Connection
from exfront.directory.errors import BadCertificate, Unreachable
from exfront.net.tls import client_options


@frozen
class Connector:
    """Connects as `settings` say."""

    settings: DirectorySection
    limits: LimitsSection
    reactor: Any

    async def connect(self, url: LdapUrl, connection: Connection) -> None:
        """TCP and TLS, as the URL and the settings say; clear text only where it is allowed (S-DIR-10).

        Raises `DirectoryError`.
        """
        secure = url.scheme == "ldaps" or self.settings.starttls
        if not secure and not self.settings.allow_clear:
            raise Unreachable(f"{url} without TLS is not allowed (allow_clear)")
        if url.scheme == "ldaps":
            await self._tcp(url, wrapClientTLS(self._context(url), self._endpoint(url)), connection)
            await connection.handshake()
        else:
            context = self._context(url) if secure else None
            await self._tcp(url, self._endpoint(url), connection)
            if context is not None:
                await connection.start_tls(context)

    async def _tcp(self, url: LdapUrl, endpoint: IStreamClientEndpoint, connection: Connection) -> None:
        connecting: Deferred[Any] = endpoint.connect(_Ready(connection))
        connecting.addErrback(_not_connected, url)
        await connection.watched(connecting, self.limits.ldap_connect_time)

    def _endpoint(self, url: LdapUrl) -> IStreamClientEndpoint:
        """A literal address needs no resolver's thread."""
        try:
            version = ipaddress.ip_address(url.host).version
        except ValueError:
            return HostnameEndpoint(self.reactor, url.host, url.port)
        kind = TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint
        return kind(self.reactor, url.host, url.port)

    def _context(self, url: LdapUrl) -> IOpenSSLClientConnectionCreator:
        ca_file = str(self.settings.ca_file or "")
        try:
            return client_options(url.host, ca_file)
        except (OSError, ValueError) as error:
            raise BadCertificate(f"ca_file {ca_file}: {error}") from None


class _Ready(Factory[Any]):
    """Hands out the protocol of a connection."""

    noisy = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._connection.protocol


def _not_connected(failure: Failure, url: LdapUrl) -> Never:
    if failure.check(ConnectingCancelledError):  # an endpoint's word for it
        raise CancelledError
    if failure.check(ConnectError, DNSLookupError):
        raise Unreachable(f"{url} {type(failure.value).__name__}")
    failure.raiseException()
