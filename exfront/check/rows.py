"""What the checks share: refusals and certificates as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509

from exfront import limits
from exfront.config.settings import Settings
from exfront.operate.check_table import Row
from exfront.reasons import (
    BACK_END_CERTIFICATE,
    BACK_END_CONNECT_TIMEOUT,
    BACK_END_NO_ADDRESS,
    BACK_END_NOT_ALLOWED,
    BACK_END_REFUSED,
    DIRECTORY_CERTIFICATE,
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    Reason,
    Refused,
)

Rows = list[Row]

_ADVICE: Mapping[str, str] = {
    DIRECTORY_DOWN.cause: "is the server up, the name right, the port open? see [directory] servers",
    DIRECTORY_TIMEOUT.cause: "a firewall that drops, or an overloaded server",
    DIRECTORY_CERTIFICATE.cause: "the certificate must bear the name in the URL and come from [directory] ca_file",
    BACK_END_REFUSED.cause: "is the service up and the port in [[server]] right?",
    BACK_END_NO_ADDRESS.cause: "DNS does not know the host: see [[server]] host, or give its address",
    BACK_END_CONNECT_TIMEOUT.cause: "a firewall that drops, or a server that is down",
    BACK_END_CERTIFICATE.cause: "name and issuer by [[server]] host and ca_file, or the key shown here by tls_pin",
    BACK_END_NOT_ALLOWED.cause: "the address lies outside of [back_ends] networks, or is an own listener",
}
ROUTE_ADVICE = "add a [[server]] of that name, or its domain to [back_ends] suffixes"


def advice(reason: Reason) -> str:
    """What to do where something failed for this reason; empty where that is not known."""
    return _ADVICE.get(reason.cause, "")


def failed(subject: str, refused: Refused) -> Row:
    """What could not be looked at."""
    return Row("error", subject, f"{refused.reason.cause}: {refused.detail}", advice(refused.reason))


def too_slow(subject: str, seconds: float) -> Row:
    """What gave no answer."""
    return Row("error", subject, f"no answer in {seconds:g} s", advice(DIRECTORY_TIMEOUT))


def lifetime(subject: str, certificate: x509.Certificate, now: datetime) -> Row:
    """How long a certificate is valid; a warning in time before its end (S-ROUTE-8)."""
    days = (certificate.not_valid_after_utc - now).days
    found = f"valid for {days} days, until {certificate.not_valid_after_utc:%Y-%m-%d}"
    if days < limits.CERTIFICATE_WARNING_DAYS:
        return Row("warning", subject, found, "renew it")
    return Row("ok", subject, found)


def own_certificate(settings: Settings) -> x509.Certificate | None:
    """The leaf that [tls] shows to clients."""
    file = settings.tls.certificate
    return None if file is None else x509.load_pem_x509_certificates(file.read_bytes())[0]


def peer_certificate(transport: Any) -> x509.Certificate | None:
    """What the other side of a TLS connection showed; None without TLS."""
    ask = getattr(transport, "getPeerCertificate", None)
    found = ask() if ask is not None else None
    certificate: x509.Certificate | None = None if found is None else found.to_cryptography()
    return certificate
