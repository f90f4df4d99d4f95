"""Cookies that only we can write and read."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.sealed_cookie import KEY_ID_OCTETS, key_id, new_key, seal, unseal

KEY = new_key()


class SealedCookieTests(SynchronousTestCase):
    @given(st.binary(max_size=300))
    def test_what_was_sealed_is_read_again(self, content: bytes) -> None:
        """S-HTTP-35: in an alphabet that needs no quotes (RFC 6265 section 4.1.1)."""
        value = seal(KEY, b"route", content)
        self.assertRegex(value, rb"\A[A-Za-z0-9_-]+\Z")
        self.assertEqual(unseal(KEY, b"route", value), content)

    def test_no_two_are_alike(self) -> None:
        """S-HTTP-35: a nonce each."""
        self.assertEqual(len({seal(KEY, b"route", b"anna") for _ in range(1000)}), 1000)

    def test_a_bit_that_flipped_another_key_or_purpose_opens_nothing(self) -> None:
        """S-HTTP-35: authenticated, every octet of it."""
        value = seal(KEY, b"route", b"FOURTHCOFFEE\\anna")
        self.assertIsNone(unseal(new_key(), b"route", value))
        self.assertIsNone(unseal(KEY, b"logon", value))
        octets = base64.urlsafe_b64decode(value + b"=" * (-len(value) % 4))
        for place in range(len(octets)):
            changed = bytearray(octets)
            changed[place] ^= 1
            self.assertIsNone(unseal(KEY, b"route", base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=")), place)

    def test_other_texts_of_the_same_octets_open_nothing(self) -> None:
        """S-HTTP-35: one cookie has one text."""
        value = seal(KEY, b"route", b"ab")
        for odd in (value + b"=", value + b"==", value[:-1], value + b"A", b"", b"\xff", b"A" * 5000, b" " + value):
            self.assertIsNone(unseal(KEY, b"route", odd), odd)

    @given(st.binary(max_size=80))
    def test_no_octets_raise(self, octets: bytes) -> None:
        self.assertIsNone(unseal(KEY, b"route", octets))

    def test_it_says_which_key_opens_it(self) -> None:
        """S-HTTP-35: for all to read, and for nobody to change."""
        value = seal(KEY, b"logon", b"anna", b"8 octets")
        self.assertEqual((key_id(value), unseal(KEY, b"logon", value)), (b"8 octets", b"anna"))
        self.assertEqual(key_id(seal(KEY, b"logon", b"anna")), b"")
        octets = bytearray(base64.urlsafe_b64decode(value + b"=" * (-len(value) % 4)))
        for place in range(1 + KEY_ID_OCTETS):
            changed = bytearray(octets)
            changed[place] ^= 1
            self.assertIsNone(unseal(KEY, b"logon", base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=")), place)
        for odd in (b"", b"x", b"\xff", value + b"=", b"A" * 5000):
            self.assertEqual(key_id(odd), b"", odd)
