"""The certificates that listeners show: chosen by the name that a client asks for, and loaded anew while we run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from exfront.net.tls import server_options


@frozen
class CertificateFiles:
    """PEM files: `certificate` holds the leaf, its chain, and the key too where there is no `key`."""

    certificate: Path
    key: Path | None = None


@implementer(IOpenSSLContextFactory, IOpenSSLServerConnectionCreator)
class ServerCertificates:
    """Of one listener: the first of `files` for clients that ask for no name, or for one that nobody has (S-TLS-4).

    `protocols` are the ALPN names offered, `client_ca_file` as in `server_options`. Raises OSError and ValueError for
    files that do not hold what they should.
    """

    def __init__(
        self, files: Sequence[CertificateFiles], protocols: tuple[bytes, ...] = (), client_ca_file: Path | None = None
    ) -> None:
        self._files = tuple(files)
        self._protocols = protocols
        self._client_ca_file = client_ca_file
        self.load()

    def load(self) -> None:
        """Read all files anew; where one of them raises, what was loaded before stays in use, and whole (S-TLS-5).

        Connections that are open keep theirs.
        """
        contexts = [self._context(each) for each in self._files]
        named: dict[bytes, SSL.Context] = {}
        for files, context in zip(reversed(self._files), reversed(contexts), strict=True):
            named.update(dict.fromkeys(_names(files), context))
        default = contexts[0]
        default.set_tlsext_servername_callback(lambda connection: _choose(connection, named))
        self._default = default

    def getContext(self) -> SSL.Context:
        """For one more connection."""
        return self._default

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """One more connection."""
        return SSL.Connection(self._default, None)

    def _context(self, files: CertificateFiles) -> SSL.Context:
        options = server_options(files.certificate, files.key, self._protocols, self._client_ca_file)
        context: SSL.Context = options.getContext()
        if self._client_ca_file is not None:
            context.load_client_ca(bytes(self._client_ca_file))  # which of them a client has is its choice
        return context


def peer_certificate(transport: Any) -> x509.Certificate | None:
    """The verified certificate of a TLS connection's peer; None for none, and without TLS."""
    ask = getattr(transport, "getPeerCertificate", None)
    found = ask() if ask is not None else None
    certificate: x509.Certificate | None = None if found is None else found.to_cryptography()
    return certificate


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names of a certificate's subjectAltName, in lower case."""
    return tuple(name.decode("ascii") for name in _dns_names(certificate))


def server_name(transport: Any) -> bytes | None:
    """The name that the client of a TLS connection asked for, in lower case; None for none, and without TLS."""
    handle = getattr(transport, "getHandle", None)
    ask = getattr(handle() if handle is not None else None, "get_servername", None)
    name: bytes | None = ask() if ask is not None else None
    return None if name is None else name.lower().rstrip(b".")


def _choose(connection: SSL.Connection, named: Mapping[bytes, SSL.Context]) -> None:
    name = (connection.get_servername() or b"").lower().rstrip(b".")
    context = named.get(name) or named.get(b"*." + name.partition(b".")[2])
    if context is not None:
        connection.set_context(context)


def _names(files: CertificateFiles) -> list[bytes]:
    """The DNS names of a certificate's subjectAltName, in lower case; ``*.domain`` is kept as it is."""
    (leaf, *_) = x509.load_pem_x509_certificates(files.certificate.read_bytes())
    return _dns_names(leaf)


def _dns_names(leaf: x509.Certificate) -> list[bytes]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):  # none, or none that can be read
        return []
    return [name.lower().encode("ascii") for name in names.get_values_for_type(x509.DNSName)]
