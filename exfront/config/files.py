"""The files that exfront.toml names: there, readable, secret where they must be, and holding what they should."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from exfront.config.errors import KeyPath
from exfront.config.findings import Findings
from exfront.config.page_folder import BadPages, read_folder
from exfront.config.settings import Settings

_CERTIFICATE, _KEY = ("tls", "certificate"), ("tls", "key")


def check_files(settings: Settings, findings: Findings, now: datetime | None = None) -> None:
    """Note every file that is missing, unreadable, readable by others, or not what it should be.

    `now` (with a time zone) is compared with the certificate's dates.
    """
    files = _Files(findings)
    directory = settings.directory
    files.authorities(directory.ca_file, ("directory", "ca_file"))
    files.authorities(settings.back_ends.ca_file, ("back_ends", "ca_file"))
    for index, server in enumerate(settings.server):
        files.authorities(server.ca_file, ("server", index, "ca_file"))
        files.password(server.master_password_file, ("server", index, "master_password_file"))
    for index, listener in enumerate(settings.listener):
        files.authorities(listener.client_ca_file, ("listener", index, "client_ca_file"))
        files.password(listener.key_file, ("listener", index, "key_file"))
    files.password(directory.bind_password_file, ("directory", "bind_password_file"))
    files.password(settings.proxy.secret_file, ("proxy", "secret_file"))
    if settings.proxy.certificate is not None:
        files.certificate(settings.proxy.certificate, None, now or datetime.now(UTC), ("proxy", "certificate"))
    files.certificates(settings, now or datetime.now(UTC))
    files.log(settings.log.access, ("log", "access"))
    files.folder(settings.control.state_dir, ("control", "state_dir"))
    files.pages(settings.http.pages, ("http", "pages"))


def check_certificates(settings: Settings, findings: Findings, now: datetime | None = None) -> None:
    """The same for the certificates that listeners show alone: they are loaded again while exfront runs (S-TLS-5)."""
    _Files(findings).certificates(settings, now or datetime.now(UTC))


@frozen
class _Files:
    findings: Findings

    def authorities(self, file: Path | None, key: KeyPath) -> None:
        self._certificates(self._content(file, key), key)

    def password(self, file: Path | None, key: KeyPath) -> None:
        content = self._content(file, key)
        self._secret(file, key)
        if content is not None and not content.strip(b"\r\n"):
            self.findings.error(key, f"{file} is empty", "a password on one line")

    def log(self, file: Path | None, key: KeyPath) -> None:
        if file is None or not self.findings.sound(key):
            return
        if file.is_dir():
            self.findings.error(key, f"{file} is a folder", "a file")
        elif not file.parent.is_dir():
            self.findings.error(key, f"no folder {file.parent}", "a file in a folder that exists")

    def folder(self, folder: Path | None, key: KeyPath) -> None:
        """What is written there decides who is let in: nobody else may write there."""
        if folder is None or not self.findings.sound(key):
            return
        if not folder.is_dir():
            self.findings.error(key, f"no folder {folder}", "a folder that exists")
        elif stat.S_IMODE(folder.stat().st_mode) & 0o022:
            self.findings.error(key, f"others than its owner may write to {folder}", "mode 0700")

    def pages(self, folder: Path | None, key: KeyPath) -> None:
        """All that is wrong with it, so that no page is found broken when it is needed."""
        if folder is None or not self.findings.sound(key):
            return
        try:
            read_folder(folder)
        except BadPages as bad:
            self.findings.error(key, f"{folder}: {bad}", "a folder like exfront/web/pages, which is there to be copied")

    def certificates(self, settings: Settings, now: datetime) -> None:
        tls = settings.tls
        if tls.certificate is not None:
            self.certificate(tls.certificate, tls.key, now, _CERTIFICATE)
        elif tls.key is not None:
            self.findings.error(_KEY, "a key without a certificate", "[tls] certificate beside it")
        for index, file in enumerate(tls.more_certificates):
            self.certificate(file, None, now, ("tls", "more_certificates", index))
        for number, listener in enumerate(settings.listener):
            for index, file in enumerate(listener.certificates):
                self.certificate(file, None, now, ("listener", number, "certificates", index))

    def certificate(self, file: Path, key_file: Path | None, now: datetime, where: KeyPath) -> None:
        content = self._content(file, where)
        chain = self._certificates(content, where)
        if content and b"PRIVATE KEY-----" in content:
            self._secret(file, where)
        key_content = content
        if key_file is not None:
            key_content = self._content(key_file, _KEY)
            self._secret(key_file, _KEY)
        if chain:
            self._dates(chain[0], now, where)
            self._pair(chain[0], key_content, where if key_file is None else _KEY)

    def _content(self, file: Path | None, key: KeyPath) -> bytes | None:
        if file is None or not self.findings.sound(key):
            return None
        try:
            return file.read_bytes()
        except OSError as error:
            self.findings.error(key, f"{file} cannot be read: {error.strerror}", "a file that exfront may read")
        return None

    def _secret(self, file: Path | None, key: KeyPath) -> None:
        if file is None or not self.findings.sound(key):
            return
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & _forbidden(file):
            problem = f"{file} holds a secret and has mode {mode:04o}: others than its owner may read it"
            self.findings.error(key, problem, "mode 0600")

    def _certificates(self, content: bytes | None, key: KeyPath) -> list[x509.Certificate]:
        if content is None:
            return []
        try:
            return x509.load_pem_x509_certificates(content)
        except ValueError:
            self.findings.error(key, "no certificate can be read in the file", "a PEM file")
        return []

    def _dates(self, certificate: x509.Certificate, now: datetime, where: KeyPath) -> None:
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if now > last:
            self.findings.error(where, f"the certificate expired on {last:%Y-%m-%d %H:%M} UTC")
        if now < first:
            self.findings.error(where, f"the certificate is not valid before {first:%Y-%m-%d %H:%M} UTC")

    def _pair(self, certificate: x509.Certificate, key_content: bytes | None, where: KeyPath) -> None:
        """Ask OpenSSL itself: it knows keys that match, and keys too short for it to serve."""
        if key_content is None or not self.findings.sound(where):
            return
        context = SSL.Context(SSL.TLS_METHOD)
        try:
            key = load_pem_private_key(key_content, password=None)
            context.use_certificate(certificate)
            context.use_privatekey(key)  # type: ignore[arg-type]  # the next line tells of kinds it cannot use
            context.check_privatekey()
        except (ValueError, TypeError, UnsupportedAlgorithm):
            self.findings.error(where, "no private key can be read in the file", "a PEM file, its key not encrypted")
        except SSL.Error as error:
            self.findings.error(where, f"certificate and key: {_reason(error)}", "a certificate and the key to it")


def _reason(error: SSL.Error) -> str:
    """OpenSSL's own words: ``key values mismatch``, ``ee key too small``."""
    return str(error.args[0][-1][-1]) if error.args and error.args[0] else "refused by OpenSSL"


def _forbidden(file: Path) -> int:
    """Mode bits that a secret must not have (S-OPS-2); systemd shows the reader of a credential as its group."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and file.parent == Path(credentials):
        return 0o037
    return 0o077
