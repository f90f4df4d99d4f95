"""The certificates of one run of the lab."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from exfront.lab.certificates import make_certificates, write_private
from exfront.net.tls import server_options

NAMES = ("localhost", "mail.fourthcoffee.com", "127.0.0.1")


class CertificateTests(SynchronousTestCase):
    """A server and a client can use what is written."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.authority, self.server = self.folder / "ca.pem", self.folder / "mail.pem"
        make_certificates(self.authority, self.server, NAMES)

    def handshake(self, name: str) -> None:
        """Both sides over memory, as OpenSSL does it elsewhere; raises `ssl.SSLError`."""
        trusting = ssl.create_default_context(cafile=str(self.authority))
        trusting.verify_flags |= ssl.VERIFY_X509_STRICT
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(self.server)
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        sides = (
            trusting.wrap_bio(back, there, server_hostname=name),
            serving.wrap_bio(there, back, server_side=True),
        )
        for _ in range(4):
            for side in sides:
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    pass

    def test_a_client_that_trusts_the_authority_takes_each_name(self) -> None:
        for name in NAMES:
            self.handshake(name)

    def test_a_client_takes_no_other_name(self) -> None:
        self.assertRaises(ssl.SSLCertVerificationError, self.handshake, "chicago.fourthcoffee.com")

    def test_exfront_takes_key_and_certificate_from_one_file(self) -> None:
        server_options(self.server, None)

    def test_the_certificate_lives_a_few_days(self) -> None:
        certificate = x509.load_pem_x509_certificates(self.server.read_bytes())[0]
        left = certificate.not_valid_after_utc - datetime.now(UTC)
        self.assertTrue(timedelta(days=2) < left < timedelta(days=10), left)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.IPAddress), [ip_address("127.0.0.1")])

    def test_only_the_owner_reads_the_key(self) -> None:
        """S-OPS-2: the private key is in a file of mode 0600, also where another file was before."""
        self.assertEqual(self.server.stat().st_mode & 0o777, 0o600)
        self.server.chmod(0o644)
        write_private(self.server, b"again")
        self.assertEqual(self.server.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.server.read_bytes(), b"again")

    def test_the_authority_has_no_key_that_could_sign_more(self) -> None:
        for file in self.folder.iterdir():
            self.assertLessEqual(file.read_bytes().count(b"PRIVATE KEY-----\n"), 2, file)
        self.assertNotIn(b"PRIVATE KEY", self.authority.read_bytes())

    def test_each_run_has_an_authority_of_its_own(self) -> None:
        before = self.authority.read_bytes()
        make_certificates(self.authority, self.server, NAMES)
        self.assertNotEqual(self.authority.read_bytes(), before)
        self.handshake("localhost")
