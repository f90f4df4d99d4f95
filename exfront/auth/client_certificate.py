"""Who a client's certificate says that it is, as keys to look up; TLS has verified it before (S-ROUTE-3).

An explicit mapping of the account comes first (altSecurityIdentities: issuer with serial number, issuer with subject),
then the UPN of the subjectAltName, then its mail addresses. Source: *HowTo: Map a user to a certificate via all the
methods available in the altSecurityIdentities attribute*; [MS-PKCA] 3.1.5.2.1.
"""

from __future__ import annotations

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from exfront import limits
from exfront.names import ANY_NAME, BadName, KeyKind, LookupKey, NameRules, mailbox_keys

_UPN = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_UTF8_STRING, _LONG_LENGTH = 0x0C, 0x80
# As Active Directory abbreviates them; others by their number.
_ABBREVIATIONS = {
    "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "S", "2.5.4.10": "O", "2.5.4.11": "OU",
    "1.2.840.113549.1.9.1": "E", "0.9.2342.19200300.100.1.25": "DC",
}  # fmt: skip


@frozen
class ClientCertificate:
    """`name` is what logs call its owner, `keys` find the account; `fingerprint` stands for all of it."""

    name: str
    keys: tuple[LookupKey, ...]
    fingerprint: bytes = field(repr=False)


def read_certificate(certificate: x509.Certificate, rules: NameRules = ANY_NAME) -> ClientCertificate:
    """Read a verified certificate; what of it is no name is passed over."""
    names = _alternative_names(certificate)
    upns = [name for name in map(_upn, names) if name]
    addresses = [name.value for name in names if isinstance(name, x509.RFC822Name)]
    keys = [LookupKey(KeyKind.CERTIFICATE, value) for value in _mappings(certificate)]
    keys += [LookupKey(KeyKind.UPN, upn) for upn in upns]
    keys += [key for address in addresses for key in _address_keys(address, rules)]
    shown = next(iter([*upns, *addresses]), "") or directory_order(certificate.subject) or "-"
    return ClientCertificate(shown, tuple(keys), certificate.fingerprint(SHA256()))


def _mappings(certificate: x509.Certificate) -> tuple[str, str]:
    issuer, serial = directory_order(certificate.issuer), certificate.serial_number
    octets = serial.to_bytes((serial.bit_length() + 8) // 8, "little")
    if len(octets) > 1 and not octets[-1] and octets[-2] < _LONG_LENGTH:
        octets = octets[:-1]  # DER's shortest form
    return f"X509:<I>{issuer}<SR>{octets.hex()}", f"X509:<I>{issuer}<S>{directory_order(certificate.subject)}"


def directory_order(name: x509.Name) -> str:
    """A name in the order of its encoding, from the most general part on, as Active Directory writes it."""
    parts = []
    for attribute in name:
        value = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
        quoted = '"' + value.replace('"', '""') + '"' if any(mark in value for mark in ',+"=\n<>#;') else value
        oid = attribute.oid.dotted_string
        parts.append(f"{_ABBREVIATIONS.get(oid, 'OID.' + oid)}={quoted}")
    return ",".join(parts)


def _alternative_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (x509.ExtensionNotFound, ValueError):
        return []


def _upn(name: x509.GeneralName) -> str:
    """Of an otherName with a short UTF8String; empty for anything else."""
    if not isinstance(name, x509.OtherName) or name.type_id != _UPN:
        return ""
    octets = name.value
    if len(octets) < 2 or octets[0] != _UTF8_STRING or octets[1] >= _LONG_LENGTH or len(octets) != 2 + octets[1]:
        return ""
    try:
        upn = octets[2:].decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return upn if upn.isprintable() and len(octets) <= limits.USER_NAME_OCTETS else ""


def _address_keys(address: str, rules: NameRules) -> tuple[LookupKey, ...]:
    try:
        return mailbox_keys(address, rules=rules) if "@" in address else ()
    except BadName:
        return ()
