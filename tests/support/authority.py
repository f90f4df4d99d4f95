"""A certificate authority for one test run, and the certificates of the servers in it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


class Authority:
    """Issues certificates below a root of its own; `ca_file` is what clients and front ends trust."""

    def __init__(self, folder: Path, name: str = "exfront test authority") -> None:
        self.folder = folder
        self.ca_file = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _x509_name(name)
        builder = _builder(self._name, self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.ca_file.write_bytes(_pem(self._certificate))

    def issue(
        self, name: str, addresses: Sequence[str] = (), expired: bool = False, folder: Path | None = None
    ) -> Path:
        """A PEM file with the key, the certificate for `name` and `addresses`, and the authority's own.

        It takes the place of an older one of this name in `folder`, which is the authority's if not given.
        """
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        return self._issue(name, names, expired, folder)

    def issue_client(self, name: str, upn: str = "", address: str = "", expired: bool = False) -> Path:
        """The same for a person: the subject is `name`, and what else is given stands in subjectAltName."""
        names: list[x509.GeneralName] = []
        if upn:
            value = bytes((0x0C, len(upn.encode()))) + upn.encode()
            names.append(x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), value))
        if address:
            names.append(x509.RFC822Name(address))
        return self._issue(name, names, expired)

    def _issue(self, name: str, names: list[x509.GeneralName], expired: bool, folder: Path | None = None) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_x509_name(name), self._name, key.public_key(), expired=expired)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = (folder or self.folder) / f"{name}{'-expired' if expired else ''}.pem"
        file.touch(mode=0o600)
        file.write_bytes(secret + _pem(certificate) + _pem(self._certificate))
        return file


def _x509_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, expired: bool = False
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    until = now - _DAY if expired else now + 30 * _DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * _DAY)
        .not_valid_after(until)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
