"""Servers known by a pin: handshakes in memory with OpenSSL on both sides."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from exfront.net.pins import PinMismatch, digests, pinned_options
from exfront.net.tls import server_options
from tests.support.authority import Authority


class _Protocol:
    """What a TLS protocol is to the options."""

    def __init__(self) -> None:
        self.failed: list[type] = []

    def failVerification(self, reason: Failure) -> None:
        self.failed.append(type(reason.value))


class PinTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = Authority(folder)
        self.protocol = _Protocol()

    def handshake(self, file: Path, pins: list[bytes], version: int = SSL.TLS1_3_VERSION) -> bool:
        """Whether the client takes the server's certificate."""
        context = server_options(file, None).getContext()
        context.set_max_proto_version(version)
        server = SSL.Connection(context)
        server.set_accept_state()
        client = pinned_options("chicago.fourthcoffee.com", pins).clientConnectionForTLS(self.protocol)  # type: ignore[arg-type]
        client.set_connect_state()
        for _ in range(8):
            for one, other in ((client, server), (server, client)):
                try:
                    one.do_handshake()
                except SSL.WantReadError:
                    pass
                except SSL.Error:
                    return False
                try:
                    other.bio_write(one.bio_read(1 << 16))
                except SSL.WantReadError:
                    pass
        server.do_handshake()
        return True

    def digests(self, file: Path) -> tuple[bytes, bytes]:
        return digests(x509.load_pem_x509_certificates(file.read_bytes())[0])

    def test_the_digests_are_those_that_openssl_prints(self) -> None:
        file = self.authority.issue("chicago")
        asked = ["openssl", "x509", "-in", str(file), "-noout"]
        printed = subprocess.run([*asked, "-fingerprint", "-sha256"], capture_output=True, check=True, timeout=20)
        key = subprocess.run([*asked, "-pubkey"], capture_output=True, check=True, timeout=20).stdout
        der = ["openssl", "pkey", "-pubin", "-outform", "DER"]
        key = subprocess.run(der, input=key, capture_output=True, check=True, timeout=20).stdout
        certificate = bytes.fromhex(printed.stdout.decode().strip().partition("=")[2].replace(":", ""))
        self.assertEqual(self.digests(file), (certificate, hashlib.sha256(key).digest()))

    def test_the_pinned_certificate_or_key_is_taken(self) -> None:
        """S-ROUTE-8: either digest, alone or among others, by TLS 1.2 and 1.3; name and dates do not matter."""
        for file in (self.authority.issue("elsewhere"), self.authority.issue("elsewhere", expired=True)):
            certificate, key = self.digests(file)
            for pins in ([certificate], [key], [b"\0" * 32, key]):
                for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
                    self.assertTrue(self.handshake(file, pins, version))
        self.assertEqual(self.protocol.failed, [])

    def test_any_other_is_not_taken(self) -> None:
        """S-ROUTE-8, S-TLS-2: not one of the right name and authority, not one whose issuer is pinned."""
        file = self.authority.issue("chicago.fourthcoffee.com")
        issuer = x509.load_pem_x509_certificates(self.authority.ca_file.read_bytes())[0]
        other = self.digests(self.authority.issue("dallas"))
        for pins in ([b"\0" * 32], list(other), list(digests(issuer))):
            for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
                self.protocol.failed.clear()
                self.assertFalse(self.handshake(file, pins, version))
                self.assertEqual(set(self.protocol.failed), {PinMismatch})

    def test_no_pin_is_no_way_to_take_all(self) -> None:
        """S-TLS-2: verification cannot be switched off."""
        self.assertRaises(ValueError, pinned_options, "chicago", [])
