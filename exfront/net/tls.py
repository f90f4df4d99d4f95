"""TLS policy: the certificate that listeners show, and how the certificates of servers we call are verified."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import VerificationError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    TLSVersion,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

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
    authorities in it; a wrong one ends the handshake. Raises OSError and ValueError for files that do not hold what
    they should.
    """
    asked: dict[str, Any] = {}
    if client_ca_file is not None:
        blocks = x509.load_pem_x509_certificates(client_ca_file.read_bytes())
        authorities = [X509.from_cryptography(block) for block in blocks]
        asked = {"verify": True, "caCerts": authorities, "requireCertificate": False}
    chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    private_key = load_pem_private_key((key or certificate).read_bytes(), password=None)
    return CertificateOptions(
        privateKey=private_key,  # type: ignore[arg-type]  # pyOpenSSL's own classes are deprecated
        certificate=chain[0],  # type: ignore[arg-type]
        extraCertChain=chain[1:],  # type: ignore[arg-type]
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableCiphers=_CIPHERS,
        acceptableProtocols=list(protocols) or None,
        **asked,
    )


def client_options(host: str, ca_file: str = "") -> IOpenSSLClientConnectionCreator:
    """Verify a server by its name `host` (or IP address) and the authorities in the PEM file `ca_file`.

    An empty `ca_file` means the system's authorities. There is no way to switch verification off. Raises OSError and
    ValueError for a file that holds no certificate.
    """
    if not ca_file:
        return optionsForClientTLS(host)
    blocks = x509.load_pem_x509_certificates(Path(ca_file).read_bytes())
    certificates = [Certificate(X509.from_cryptography(block)) for block in blocks]
    return optionsForClientTLS(host, trustRoot=trustRootFromCertificates(certificates))


def certificate_fault(failure: Failure, transport: object = None) -> str:
    """What is wrong with a server's certificate, empty when it is not at fault.

    ``name``, ``expired``, ``issuer``, or ``chain`` where the TLS transport cannot tell the last two apart any more.
    """
    error = failure.value
    if isinstance(error, VerificationError):
        return "name"
    if not isinstance(error, SSL.Error) or "certificate verify failed" not in str(error.args):
        return ""
    if not isinstance(transport, TLSMemoryBIOProtocol):
        return "chain"
    leaf = _leaf(transport.getHandle())
    return "expired" if leaf is not None and leaf.not_valid_after_utc < datetime.now(UTC) else "issuer"


def _leaf(connection: SSL.Connection) -> x509.Certificate | None:
    chain = connection.get_peer_cert_chain(as_cryptography=True)
    return chain[0] if chain else None
