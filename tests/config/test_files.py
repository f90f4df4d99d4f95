"""Files that the configuration names: missing, unreadable, open to others, or not what they should be."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.files import check_files
from exfront.config.findings import Findings
from tests.support.authority import Authority
from tests.support.configuration import DIRECTORY, LISTENER, read


class FilesTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.authority = Authority(self.folder)

    def checked(self, directory: str = "", more: str = "", now: datetime.datetime | None = None) -> Findings:
        """The smallest file, with keys for [directory] from line 4 on, and more sections after its seven lines."""
        settings, findings = read(DIRECTORY + directory + LISTENER + more, self.folder)
        self.assertEqual(findings.errors, [])
        check_files(settings, findings, now)
        return findings

    def mistakes(self, directory: str = "", more: str = "", now: datetime.datetime | None = None) -> list[str]:
        """Each as ``LINE key: what was found``, without the folder."""
        found = self.checked(directory, more, now).errors
        return [f"{error.line} {error.key}: {error.problem}".replace(f"{self.folder}/", "") for error in found]

    def file(self, name: str, content: bytes = b"secret\n", mode: int = 0o600) -> Path:
        path = self.folder / name
        path.unlink(missing_ok=True)  # it may be read-only
        path.write_bytes(content)
        path.chmod(mode)
        return path


class PasswordFileTests(FilesTestCase):
    key = 'bind_dn = "cn=a"\nbind_password_file = "password"\n'

    def test_a_file_for_its_owner_alone_is_fine(self) -> None:
        for mode in (0o600, 0o400):
            self.file("password", mode=mode)
            self.assertEqual(self.mistakes(self.key), [])

    def test_a_master_s_password(self) -> None:
        """S-OPS-2: it opens every mailbox."""
        self.file("master", mode=0o644)
        server = '[[server]]\nname = "a"\nhost = "a.example"\nmaster_user = "m"\nmaster_password_file = "master"\n'
        (mistake,) = self.mistakes(more=server)
        self.assertTrue(mistake.startswith("12 server[1].master_password_file: master holds a secret"), mistake)

    def test_a_file_that_others_may_read_is_refused(self) -> None:
        """S-OPS-2: the error names the path and the mode."""
        for mode in (0o640, 0o604, 0o644, 0o620, 0o666):
            self.file("password", mode=mode)
            (mistake,) = self.mistakes(self.key)
            self.assertTrue(mistake.startswith("5 directory.bind_password_file: password holds a secret"), mistake)
            self.assertIn(f"mode {mode:04o}", mistake)

    def test_a_credential_of_systemd_may_be_its_readers_groups(self) -> None:
        """S-OPS-2: systemd shows the right to read that it gives a service in the group's place."""
        self.patch(os, "environ", {**os.environ, "CREDENTIALS_DIRECTORY": str(self.folder)})
        for mode, right in ((0o440, True), (0o400, True), (0o460, False), (0o444, False)):
            self.file("password", mode=mode)
            self.assertEqual(self.mistakes(self.key) == [], right, oct(mode))

    def test_missing_empty_and_folder(self) -> None:
        self.assertEqual(
            self.mistakes(self.key),
            ["5 directory.bind_password_file: password cannot be read: No such file or directory"],
        )
        self.file("password", b"\n")
        self.assertEqual(self.mistakes(self.key), ["5 directory.bind_password_file: password is empty"])
        (self.folder / "password").unlink()
        (self.folder / "password").mkdir()
        self.assertEqual(
            self.mistakes(self.key), ["5 directory.bind_password_file: password cannot be read: Is a directory"]
        )

    def test_the_password_is_in_no_message(self) -> None:
        """S-AUTH-11: what a file holds is never shown."""
        self.file("password", b"hunter2\n", 0o644)
        self.assertNotIn("hunter2", str(self.checked(self.key).errors))


class CertificateTests(FilesTestCase):
    def tls(self, certificate: Path, key: Path | None = None) -> str:
        """Lines 8 to 10."""
        text = f'[tls]\ncertificate = "{certificate}"\n'
        return text if key is None else f'{text}key = "{key}"\n'

    def split(self, pem: Path) -> tuple[Path, Path]:
        """The certificates, which all may read, and the key."""
        end = b"-----END PRIVATE KEY-----\n"
        key, _, certificates = pem.read_bytes().partition(end)
        return self.file(f"{pem.stem}.crt", certificates, 0o644), self.file(f"{pem.stem}.key", key + end)

    def test_one_file_with_all_in_it_or_two(self) -> None:
        pem = self.authority.issue("mail.fourthcoffee.com")
        self.assertEqual(self.mistakes(more=self.tls(pem)), [])
        self.assertEqual(self.mistakes(more=self.tls(*self.split(pem))), [])

    def test_keys_that_others_may_read(self) -> None:
        """S-OPS-2: also when the key stands in the certificate's file."""
        pem = self.authority.issue("a.b")
        certificate, key = self.split(pem)
        for path, more, place in (
            (pem, self.tls(pem), "9 tls.certificate"),
            (key, self.tls(certificate, key), "10 tls.key"),
        ):
            path.chmod(0o644)
            (mistake,) = self.mistakes(more=more)
            self.assertTrue(mistake.startswith(f"{place}: {path.name} holds a secret and has mode 0644"), mistake)

    def test_a_key_of_another_certificate(self) -> None:
        """S-OPS-12, S-TLS-5: a start with it would refuse every client."""
        certificate, _ = self.split(self.authority.issue("a.b"))
        _, key = self.split(self.authority.issue("c.d"))
        (mistake,) = self.mistakes(more=self.tls(certificate, key))
        self.assertTrue(mistake.startswith("10 tls.key: certificate and key: key values mismatch"), mistake)

    def test_dates(self) -> None:
        """S-OPS-12, S-TLS-5: expired, and not yet valid."""
        expired = self.authority.issue("a.b", expired=True)
        (mistake,) = self.mistakes(more=self.tls(expired))
        self.assertTrue(mistake.startswith("9 tls.certificate: the certificate expired on 20"), mistake)
        then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=9)
        (mistake,) = self.mistakes(more=self.tls(self.authority.issue("c.d")), now=then)
        self.assertTrue(mistake.startswith("9 tls.certificate: the certificate is not valid before 20"), mistake)

    def test_certificates_of_a_listener(self) -> None:
        """S-OPS-12, S-TLS-5: each of them, as those of [tls]."""
        good, expired = self.authority.issue("a.b"), self.authority.issue("c.d", expired=True)
        more = f'certificates = ["{good}", "{expired}"]\ntls = "starttls"\n'
        (mistake,) = self.mistakes(more=more)
        self.assertIn("listener[1].certificates[2]: the certificate expired on 20", mistake)

    def test_files_that_are_none(self) -> None:
        certificate, key = self.split(self.authority.issue("a.b"))
        broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n"
        no_certificate = "9 tls.certificate: no certificate can be read in the file"
        no_key = "tls.key: no private key can be read in the file"
        cases = [
            (self.tls(self.file("a", b"")), no_certificate),
            (self.tls(self.file("b", broken)), no_certificate),
            (self.tls(self.file("c", b"\xff\x00" * 50)), no_certificate),
            (self.tls(key), no_certificate),
            (self.tls(certificate), "9 tls.certificate: no private key can be read in the file"),
            (self.tls(certificate, self.file("d", b"")), f"10 {no_key}"),
            (self.tls(certificate, self.file("e", encrypted)), f"10 {no_key}"),
            (self.tls(certificate, certificate), f"10 {no_key}"),
        ]
        certificate.chmod(0o600)
        for more, expected in cases:
            self.assertEqual(self.mistakes(more=more), [expected], more)

    def test_an_encrypted_key_asks_nobody_for_its_password(self) -> None:
        certificate, key = self.split(self.authority.issue("a.b"))
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        how = serialization.BestAvailableEncryption(b"password")
        kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key.write_bytes(loaded.private_bytes(*kind, how))
        (mistake,) = self.mistakes(more=self.tls(certificate, key))
        self.assertEqual(mistake, "10 tls.key: no private key can be read in the file")

    def test_a_key_too_short_for_openssl(self) -> None:
        (mistake,) = self.mistakes(more=self.tls(self.file("short.pem", _self_signed(bits=1024))))
        self.assertTrue(mistake.startswith("9 tls.certificate: certificate and key: "), mistake)
        self.assertIn("too small", mistake)

    def test_a_missing_file_is_one_mistake(self) -> None:
        missing = self.folder / "none.pem"
        expected = "9 tls.certificate: none.pem cannot be read: No such file or directory"
        self.assertEqual(self.mistakes(more=self.tls(missing)), [expected])

    def test_a_key_without_a_certificate(self) -> None:
        self.assertEqual(self.mistakes(more='[tls]\nkey = "a"\n'), ["9 tls.key: a key without a certificate"])


class OtherFileTests(FilesTestCase):
    def test_authorities(self) -> None:
        self.file("none.pem", b"nothing")
        text = '[back_ends]\nca_file = "none.pem"\n[[server]]\nname = "a"\nhost = "b"\nca_file = "missing.pem"\n'
        self.assertEqual(self.mistakes('ca_file = "ca.pem"\n', text), [
            "10 back_ends.ca_file: no certificate can be read in the file",
            "14 server[1].ca_file: missing.pem cannot be read: No such file or directory",
        ])  # fmt: skip

    def test_access_log(self) -> None:
        cases = [
            ("access.log", []),
            ("none/access.log", ["9 log.access: no folder none"]),
            (".", ["9 log.access: . is a folder"]),
        ]
        for path, expected in cases:
            found = self.mistakes(more=f'[log]\naccess = "{path}"\n')
            self.assertEqual([mistake.replace(str(self.folder), ".") for mistake in found], expected)

    def test_state_folder(self) -> None:
        """S-AUTH-7: whoever may write there decides who is locked."""
        for name, mode in (("mine", 0o755), ("ours", 0o770)):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(mode)
        cases = [
            ("mine", []),
            ("none", ["9 control.state_dir: no folder none"]),
            ("ours", ["9 control.state_dir: others than its owner may write to ours"]),
        ]
        for path, expected in cases:
            self.assertEqual(self.mistakes(more=f'[control]\nstate_dir = "{path}"\n'), expected)


def _self_signed(bits: int) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.b")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*kind) + certificate.public_bytes(serialization.Encoding.PEM)
