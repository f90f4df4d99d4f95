"""What a back end's certificate said, kept until the handshake is over: for the log when it was not accepted."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

from attrs import define
from cryptography import x509
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront.net.pins import PinMismatch, digests
from exfront.net.tls import ClientTLS
from exfront.reasons import BACK_END_CERTIFICATE, Refused

_NAMES = 5  # of a certificate in one log line; some have hundreds


@implementer(IOpenSSLClientConnectionCreator)
@define(eq=False)
class Verification:
    """Of one connection: makes it by `options`, and remembers it; `host` is the name wanted."""

    host: str
    options: ClientTLS
    _connection: SSL.Connection | None = None

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """See `twisted.internet.interfaces.IOpenSSLClientConnectionCreator`."""
        self._connection = self.options.clientConnectionForTLS(protocol)
        return self._connection

    def client_connection(self, transport: Any, connected: socket.SocketType | None) -> SSL.Connection:
        """See `exfront.net.tls.ClientTLS`."""
        self._connection = self.options.client_connection(transport, connected)
        return self._connection

    def over(self) -> None:
        """The handshake is through: nothing needs to be remembered."""
        self._connection = None

    def fault(self, failure: Failure) -> str:
        """What is wrong with the certificate, and what it says; empty where it is not at fault (S-ROUTE-8)."""
        error = failure.value
        if isinstance(error, VerificationError):
            return f"name {self._seen()}"
        if isinstance(error, PinMismatch):
            return f"pin {self._seen()}"
        if not isinstance(error, SSL.Error) or "certificate verify failed" not in str(error.args):
            return ""
        leaf = self._leaf()
        expired = leaf is not None and leaf.not_valid_after_utc < datetime.now(UTC)
        return f"{'expired' if expired else 'issuer'} {self._seen()}"

    def _seen(self) -> str:
        leaf = self._leaf()
        if leaf is None:
            return f"wanted={self.host} found=-"
        names = ",".join(names_of(leaf)) or "-"
        subject = leaf.subject.rfc4514_string() or "-"
        until = f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        pin = digests(leaf)[1].hex()
        return f"wanted={self.host} found={names} subject={subject} notAfter={until} key=sha256:{pin}"

    def _leaf(self) -> x509.Certificate | None:
        if self._connection is None:
            return None
        chain = self._connection.get_peer_cert_chain(as_cryptography=True)
        return chain[0] if chain else None


def told(refused: Refused) -> str:
    """What the column of the back end's status says of a certificate that was not accepted; ``-`` of all else."""
    if refused.reason is not BACK_END_CERTIFICATE:
        return "-"
    return refused.detail[refused.detail.find("TLS:") :]


def names_of(certificate: x509.Certificate) -> list[str]:
    """The names that a certificate is for: subjectAltName's, some of them; no other counts (RFC 9525 section 2)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):  # none, or none that can be read
        return []
    found = names.get_values_for_type(x509.DNSName)
    found += [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return found if len(found) <= _NAMES else [*found[:_NAMES], f"and {len(found) - _NAMES} more"]
