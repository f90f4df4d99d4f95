"""The password policy control of a bind's answer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.directory.framing import BadFrame
from exfront.directory.password_policy import OID, PasswordPolicy, password_policy, read


class PasswordPolicyTests(SynchronousTestCase):
    def test_values(self) -> None:
        """draft-behera-ldap-password-policy-11, section 6.2."""
        cases = (
            ("3000", PasswordPolicy()),
            ("3003810100", PasswordPolicy(error=0)),
            ("3003810101", PasswordPolicy(error=1)),
            ("3003810102", PasswordPolicy(error=2)),
            ("3005a003810105", PasswordPolicy(grace=5)),
            ("3006a00480020e10", PasswordPolicy()),
            ("3008a003810100810100", PasswordPolicy(error=0, grace=0)),
        )
        for value, policy in cases:
            self.assertEqual(read(bytes.fromhex(value)), policy, value)

    def test_among_controls(self) -> None:
        self.assertEqual(password_policy({}), PasswordPolicy())
        self.assertEqual(password_policy({OID: b""}), PasswordPolicy())
        self.assertEqual(password_policy({b"1.2.3": b"x", OID: b"\x30\x03\x81\x01\x01"}), PasswordPolicy(error=1))

    def test_garbage(self) -> None:
        for value in (b"x", b"\x30", b"\x30\x05\x81", b"\x04\x00", b"\x30\x00\x30\x00", b"\x30\x02\x81\x00"):
            self.assertRaises(BadFrame, read, value)

    @settings(deadline=None)
    @given(st.binary(max_size=24))
    def test_nothing_but_bad_frame_is_raised(self, value: bytes) -> None:
        try:
            self.assertIsInstance(read(value), PasswordPolicy)
        except BadFrame:
            pass
