"""Servers known by the digest of their certificate or public key, in place of name, authority and dates (S-ROUTE-8)."""

from __future__ import annotations

import hmac
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from exfront.net.tls import shown_options, verified_connection


class PinMismatch(Exception):  # noqa: N818 - what the certificate is
    """The server's certificate is none of those that are pinned."""


def digests(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """SHA-256 of the whole certificate, and of its public key (RFC 7469 section 2.4)."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate.fingerprint(SHA256()), _sha256(key)


@implementer(IOpenSSLClientConnectionCreator)
@frozen
class PinnedOptions:
    """Accepts a leaf certificate with one of the digests `pins`, and no other; `host` is the name for SNI."""

    host: str
    pins: Collection[bytes]
    _options: CertificateOptions

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """See `exfront.net.tls.ClientTLS`."""
        return self.client_connection(protocol, None)

    def client_connection(self, transport: Any, connected: socket.SocketType | None) -> SSL.Connection:
        """See `exfront.net.tls.ClientTLS`."""

        def verify(_: SSL.Connection, certificate: X509, error: int, depth: int, sound: int) -> bool:
            """OpenSSL asks for each certificate of the chain, and for the leaf always, before our Finished is sent."""
            if depth > 0 or self._pinned(certificate.to_cryptography()):
                return True
            transport.failVerification(Failure(PinMismatch()))
            return False

        return verified_connection(self._options, self.host, verify, connected)

    def _pinned(self, leaf: x509.Certificate) -> bool:
        return any(hmac.compare_digest(found, pin) for found in digests(leaf) for pin in self.pins)


def pinned_options(host: str, pins: Collection[bytes], certificate: Path | None = None) -> PinnedOptions:
    """What a client needs to speak TLS 1.2 and 1.3 with a server that is known by its pins (one at least).

    `certificate` as of `exfront.net.tls.client_options`.
    """
    if not pins:
        raise ValueError("no pin")
    shown = shown_options(certificate)
    return PinnedOptions(host, tuple(pins), CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2, **shown))


def _sha256(data: bytes) -> bytes:
    digest = Hash(SHA256())
    digest.update(data)
    return digest.finalize()
