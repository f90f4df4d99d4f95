"""TLS policy: the certificate that listeners show, and how the certificates of servers we call are verified."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    TLSVersion,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

Verify = Callable[[SSL.Connection, X509, int, int, int], bool]

# S-TLS-1: forward secrecy and authenticated encryption only (RFC 9325 section 4.2)
_CIPHERS = AcceptableCiphers.fromOpenSSLCipherString(
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20"
)


def server_options(
    certificate: Path, key: Path | None, protocols: tuple[bytes, ...] = (), client_ca_file: Path | None = None
) -> CertificateOptions:
    """What a listener needs to speak TLS 1.2 and 1.3.

    `certificate` is a PEM file: the leaf first, then its chain; the private key stands in `key`, else in the same file.
    `protocols` are the ALPN names offered. With `client_ca_file` clients may show a certificate of one of the
    authorities in it; a wrong one ends the handshake. Without it sessions are resumed by tickets, sealed with keys that
    are the context's own (S-TLS-7); what a certificate proves is looked at each time. Raises OSError and ValueError for
    files that do not hold what they should.
    """
    asked: dict[str, Any] = {}
    if client_ca_file is not None:
        blocks = x509.load_pem_x509_certificates(client_ca_file.read_bytes())
        authorities = [X509.from_cryptography(block) for block in blocks]
        asked = {"verify": True, "caCerts": authorities, "requireCertificate": False}
    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    private_key = load_pem_private_key((key or certificate).read_bytes(), password=None)
    options = CertificateOptions(
        privateKey=private_key,  # type: ignore[arg-type]  # pyOpenSSL's own classes are deprecated
        certificate=chain[0],  # type: ignore[arg-type]
        extraCertChain=chain[1:],  # type: ignore[arg-type]
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableCiphers=_CIPHERS,
        enableSessionTickets=client_ca_file is None,
        **asked,
    )
    if protocols:
        options.getContext().set_alpn_select_callback(partial(_choose, protocols))
    return options


def _choose(known: tuple[bytes, ...], _: SSL.Connection, offered: list[bytes]) -> bytes:
    """The first of ours that is offered; without one the alert no_application_protocol (RFC 7301 section 3.2).

    An exception here is what makes pyOpenSSL send that; the handshake then fails with it, as with OpenSSL's own.
    """
    for name in known:
        if name in offered:
            return name
    raise SSL.Error([("SSL routines", "", "no application protocol")])


class ClientTLS(Protocol):
    """Makes the client's side of TLS connections, for both makes of transports."""

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """See `twisted.internet.interfaces.IOpenSSLClientConnectionCreator`."""
        ...

    def client_connection(self, transport: Any, connected: socket.SocketType | None) -> SSL.Connection:
        """On a connected socket, or in memory without one.

        A certificate that is not accepted ends the handshake; `transport.failVerification` is told why where it was
        exfront that did not accept it.
        """
        ...


@implementer(IOpenSSLClientConnectionCreator)
@frozen
class NamedServer:
    """Accepts a chain to a trusted authority whose leaf is for `host`, a DNS name or an IP address (RFC 9525)."""

    host: str
    _options: CertificateOptions

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """See `ClientTLS`."""
        return self.client_connection(protocol, None)

    def client_connection(self, transport: Any, connected: socket.SocketType | None) -> SSL.Connection:
        """See `ClientTLS`."""

        def verify(_: SSL.Connection, certificate: X509, error: int, depth: int, sound: int) -> bool:
            """OpenSSL asks for each certificate of the chain; what it found wrong itself stays wrong."""
            if depth > 0 or not sound:
                return bool(sound)
            try:
                self._check_name(certificate.to_cryptography())
            except Exception:  # noqa: BLE001 - out of a callback it would be lost; whatever it is, it is no acceptance
                transport.failVerification(Failure())
                return False
            return True

        return verified_connection(self._options, self.host, verify, connected)

    def _check_name(self, leaf: x509.Certificate) -> None:
        if is_address(self.host):
            verify_certificate_ip_address(leaf, self.host)
        else:
            verify_certificate_hostname(leaf, self.host.encode("idna").decode("ascii"))


def verified_connection(
    options: CertificateOptions, host: str, verify: Verify, connected: socket.SocketType | None
) -> SSL.Connection:
    """A client's connection that names `host` (RFC 6066 section 3: no address) and has each certificate verified."""
    connection = SSL.Connection(options.getContext(), connected)  # type: ignore[arg-type]
    if not is_address(host):
        connection.set_tlsext_host_name(host.encode("idna"))
    connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
    return connection


def is_address(host: str) -> bool:
    """Whether it is an IP address, and no name."""
    return isIPAddress(host) or isIPv6Address(host)


def client_options(host: str, ca_file: str = "", certificate: Path | None = None) -> NamedServer:
    """Verify a server by its name `host` (or IP address) and the authorities in the PEM file `ca_file`.

    An empty `ca_file` means the system's authorities. `certificate` is what we show, a PEM file with its key. There is
    no way to switch verification off. Raises OSError and ValueError for a file that holds no certificate.
    """
    shown = shown_options(certificate)
    if not ca_file:
        return NamedServer(host, CertificateOptions(trustRoot=platformTrust(), **shown))
    blocks = x509.load_pem_x509_certificates(Path(ca_file).read_bytes())
    certificates = [Certificate(X509.from_cryptography(block)) for block in blocks]
    return NamedServer(host, CertificateOptions(trustRoot=trustRootFromCertificates(certificates), **shown))


def shown_options(certificate: Path | None) -> dict[str, Any]:
    """What makes `CertificateOptions` of a client show a certificate: a PEM file with key, leaf and chain."""
    if certificate is None:
        return {}
    octets = certificate.read_bytes()
    leaf, *chain = x509.load_pem_x509_certificates(octets)
    return {
        "privateKey": load_pem_private_key(octets, password=None),
        "certificate": leaf,
        "extraCertChain": chain,
    }


def certificate_fault(failure: Failure, transport: object = None) -> str:
    """What is wrong with a server's certificate, empty when it is not at fault.

    ``name``, ``expired``, ``issuer``, or ``chain`` where the TLS transport cannot tell the last two apart any more.
    """
    error = failure.value
    if isinstance(error, VerificationError):
        return "name"
    if not isinstance(error, SSL.Error) or "certificate verify failed" not in str(error.args):
        return ""
    if not isinstance(transport, TLSMemoryBIOProtocol):  # the directory's transports are Twisted's own
        return "chain"
    leaf = _leaf(transport.getHandle())
    return "expired" if leaf is not None and leaf.not_valid_after_utc < datetime.now(UTC) else "issuer"


def _leaf(connection: SSL.Connection) -> x509.Certificate | None:
    chain = connection.get_peer_cert_chain(as_cryptography=True)
    return chain[0] if chain else None
