"""The token of X-CommonAccessToken: written, read back, and all that is refused."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.wire.access_token import AccessToken, BadToken, read, write
from exfront.wire.security_context import Group
from tests.exchange.token2013 import decode

# A captured token, as public test code for ProxyShell prints it.
_CAPTURED = (
    b"VgEAVAdXaW5kb3dzQwBBCEtlcmJlcm9zTBVhZG1pbmlzdHJhdG9yQGtkYy5jb21VLFMtMS01LTIxLTU1OTAwNjY3NC0xMjIwNDAyMjE1LTE3MzUy"
    b"ODY4NjEtNTAwRwEAAAAHAAAADFMtMS01LTMyLTU0NEUAAAAA"
)
_ADMINISTRATOR = AccessToken(
    "S-1-5-21-559006674-1220402215-1735286861-500", "administrator@kdc.com", "Kerberos", (Group("S-1-5-32-544", 7),)
)
_USER = "S-1-5-21-1-2-3-1104"
_OCTETS = b64decode(_CAPTURED)

_numbers = st.integers(0, 2**32 - 1)
_sids = st.builds(
    lambda authority, parts: "-".join(map(str, ("S-1", authority, *parts))),
    _numbers,
    st.lists(_numbers, min_size=1, max_size=15),
)
_texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=300)
_groups = st.lists(st.builds(Group, _sids, _numbers), max_size=20).map(tuple)
_tokens = st.builds(AccessToken, _sids, _texts, _texts, _groups)


class RoundTripTests(SynchronousTestCase):
    def test_the_captured_token(self) -> None:
        """Both ways, octet by octet."""
        self.assertEqual(read(_CAPTURED), _ADMINISTRATOR)
        self.assertEqual(write(_ADMINISTRATOR), _CAPTURED)

    @given(_tokens)
    def test_what_was_written_is_read(self, token: AccessToken) -> None:
        self.assertEqual(read(write(token)), token)

    @given(st.builds(AccessToken, _sids, _texts, st.sampled_from(("Basic", "Negotiate")), _groups))
    def test_another_decoder_reads_the_same(self, token: AccessToken) -> None:
        found = decode(write(token))
        self.assertEqual((found.kind, found.name, found.sid), (token.authentication, token.logon_name, token.user))
        self.assertEqual(found.groups, tuple((group.sid, group.attributes) for group in token.groups))

    @given(st.binary(max_size=200), st.integers(0, len(_OCTETS)))
    def test_nothing_but_the_named_error_is_raised(self, octets: bytes, at: int) -> None:
        for each in (octets, b64encode(octets), b64encode(_OCTETS[:at] + octets + _OCTETS[at:])):
            try:
                read(each)
            except BadToken:
                continue

    def test_lengths_above_127(self) -> None:
        """7 bits in an octet, the low ones first, as .NET's BinaryWriter writes a text."""
        for count, length in ((127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02"), (512, b"\x80\x04")):
            octets = b64decode(write(AccessToken(_USER, "x" * count, "Basic")))
            self.assertIn(b"L" + length + b"x" * count + b"U", octets)
            self.assertEqual(read(b64encode(octets)).logon_name, "x" * count)

    def test_many_groups(self) -> None:
        groups = tuple(Group(f"S-1-5-21-2127521184-1604012920-1887927527-{rid}") for rid in range(1000, 1800))
        token = AccessToken(_USER, "d\\u", "Basic", groups)
        self.assertEqual(read(write(token)), token)

    def test_what_cannot_be_read_is_not_written(self) -> None:
        long = Group("S-1-5-21-4294967295-4294967295-4294967295-4294967295")
        for token in (
            AccessToken(_USER, "", "Basic"),
            AccessToken(_USER, "d\\u", ""),
            AccessToken(_USER, "a\r\nb", "Basic"),
            AccessToken(_USER, "x" * (limits.CONTEXT_NAME_CHARACTERS + 1), "Basic"),
            AccessToken("somebody", "d\\u", "Basic"),
            AccessToken(_USER, "d\\u", "Basic", (Group("S-1-1-0"),) * (limits.CONTEXT_GROUPS + 1)),
            AccessToken(_USER, "d\\u", "Basic", (long,) * 1000),  # more than a field may have
        ):
            self.assertRaises(ValueError, write, token)


class RefusalTests(SynchronousTestCase):
    """Each token differs from the captured one in one place."""

    def refused(self, value: bytes, why: str) -> None:
        with self.assertRaises(BadToken) as caught:
            read(value)
        self.assertIn(why, str(caught.exception))

    def test_every_end_that_is_too_early(self) -> None:
        for end in range(len(_OCTETS)):
            self.refused(b64encode(_OCTETS[:end]), "ends within")

    def test_one_place_changed(self) -> None:
        for old, new, why in (
            (b"V\1\0", b"V\2\0", "version"), (b"V\1\0", b"W\1\0", "no version"),
            (b"\7Windows", b"\7windows", "Windows"),
            (b"C\0", b"C\1", "compressed"), (b"C\0A", b"A", "no compression"), (b"A\x08", b"L\x08", "authentication"),
            (b"G\1\0\0\0", b"G\0\4\1\0", "groups"), (b"G\1", b"G\2", "group"),
            (b"E\0\0\0\0", b"E\1\0\0\0", "extensions"),
            (b"E\0\0\0\0", b"E\0\0\0\0\0", "behind"), (b"S-1-5-32-544", b"s-1-5-32-544", "no SID"),
            (b"U,S-1-5-21", b"U,s-1-5-21", "SID"), (b"administrator", b"admin\0strator", "name"),
            (b"L\x15admin", b"L\x15\xffdmin", "UTF-8"), (b"L\x15", b"L\x95\x00", "as it is written"),
            (b"L\x15", b"L\xff\xff\xff\xff\xff\x15", "as it is written"),
            (b"L\x15", b"L\xff\xff\xff\xff\x0f", "ends within"),
        ):  # fmt: skip
            self.assertEqual(len(re.findall(re.escape(old), _OCTETS)), 1, old)
            self.refused(b64encode(_OCTETS.replace(old, new)), why)

    def test_base64_that_is_none(self) -> None:
        self.refused(_CAPTURED[:-1], "base64")
        self.refused(_CAPTURED + b"\n", "base64")
        self.refused(b"VgH=", "bits")
        self.refused(b"V" * (limits.ACCESS_TOKEN_OCTETS + 1), "over")
        self.refused("ä".encode(), "base64")
