"""MD4 by the vectors of its RFC, and of NTLM's document."""

from __future__ import annotations

from spnego._ntlm_raw.md4 import md4 as another
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.md4 import md4

# RFC 1320, appendix A.5.
_VECTORS = (
    (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
    (b"a", "bde52cb31de33e46245e05fbdbd6fb24"),
    (b"abc", "a448017aaf21d8525fc10ae87aa6729d"),
    (b"message digest", "d9130a8164549fe818874806e1c7014b"),
    (b"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
    (b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "043f8582f241db351ce627e153e7f0e4"),
    (b"1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
)


class Md4Tests(SynchronousTestCase):
    def test_the_vectors_of_the_rfc(self) -> None:
        for message, digest in _VECTORS:
            self.assertEqual(md4(message).hex(), digest, message)

    def test_the_hash_of_a_password(self) -> None:
        """[MS-NLMP] section 4.2.2.1.2: NTOWFv1 of the password "Password"."""
        self.assertEqual(md4("Password".encode("utf-16-le")).hex(), "a4f49c406510bdcab6824ee7c30fd852")

    def test_every_length_around_a_block(self) -> None:
        for length in range(200):
            message = bytes(octet % 251 for octet in range(length))
            self.assertEqual(md4(message), another(message), length)
