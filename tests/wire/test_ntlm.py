"""The user that an NTLM message claims to be."""

from __future__ import annotations

import base64
import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.ntlm import claimed_user


def type_3(domain: str, user: str, *, unicode: bool = True, kind: int = 3) -> bytes:
    """An AUTHENTICATE_MESSAGE without responses ([MS-NLMP] 2.2.1.3)."""
    coding = "utf-16-le" if unicode else "latin-1"
    names = [name.encode(coding, "surrogatepass") for name in (domain, user)]
    begin, fields = 64, b""
    for octets in names:
        fields += struct.pack("<HHI", len(octets), len(octets), begin)
        begin += len(octets)
    empty = struct.pack("<HHI", 0, 0, 64)
    head = b"NTLMSSP\0" + struct.pack("<I", kind) + empty * 2 + fields + empty * 2 + struct.pack("<I", int(unicode))
    return head + b"".join(names)


def value(scheme: bytes, token: bytes) -> bytes:
    return scheme + b" " + base64.b64encode(token)


class ClaimedUserTests(SynchronousTestCase):
    def test_domain_and_user(self) -> None:
        for domain, user, expected in (
            ("FOURTHCOFFEE", "anna", "FOURTHCOFFEE\\anna"),
            ("", "anna@fourthcoffee.com", "anna@fourthcoffee.com"),
            ("D", "zoë", "D\\zoë"),
        ):
            for unicode in (True, False):
                for scheme in (b"NTLM", b"Negotiate", b"ntlm"):
                    token = type_3(domain, user, unicode=unicode)
                    self.assertEqual(claimed_user(value(scheme, token)), expected)

    def test_within_a_token_of_spnego(self) -> None:
        """RFC 4178: the message stands behind a few octets of ASN.1."""
        self.assertEqual(claimed_user(value(b"Negotiate", b"\xa1\x81\x80\x30" + type_3("D", "anna"))), "D\\anna")

    def test_anything_else_claims_nobody(self) -> None:
        """S-HTTP-34: type 1 and 2, Kerberos, other schemes, no user, lengths that point outside, odd octets."""
        whole = type_3("D", "anna")
        for odd in (
            b"", b"NTLM", b"NTLM ====", b"NTLM \xff", b"Basic YTpi", value(b"Basic", whole), value(b"NTLM", b"`\x82"),
            value(b"NTLM", type_3("D", "anna", kind=1)), value(b"NTLM", type_3("D", "")), value(b"NTLM", whole[:-1]),
            value(b"NTLM", type_3("D", "a" * 300)), value(b"NTLM", whole[:40]), value(b"NTLM", type_3("D", "\ud800")),
        ):  # fmt: skip
            self.assertEqual(claimed_user(odd), "", odd)

    @given(st.binary(max_size=120))
    def test_no_octets_raise(self, octets: bytes) -> None:
        claimed_user(octets)
        claimed_user(value(b"NTLM", b"NTLMSSP\0\3\0\0\0" + octets))
