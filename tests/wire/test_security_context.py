"""The serialized security context of 441: written, read back, and all that is refused."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.wire.security_context import BadContext, Group, SecurityContext, read, write
from exfront.wire.sid import PackedSids, sid_octets, sid_text

_USER = "S-1-5-21-1-2-3-1104"
_EVERYBODY = '<s a="7" t="1">S-1-1-0</s>'
# The body that public test code sends and Exchange answers with 241.
_SAMPLE = (
    rb'<r at="Negotiate" ln="DOMAIN\user"><s>S-1-5-21-1-2-3-1104</s><s a="7" t="1">S-1-1-0</s>'
    rb'<s a="7" t="1">S-1-5-2</s><s a="7" t="1">S-1-5-11</s><s a="7" t="1">S-1-5-15</s></r>'
)

_numbers = st.integers(0, 2**32 - 1)
_sids = st.builds(
    lambda authority, parts: "-".join(map(str, ("S-1", authority, *parts))),
    _numbers,
    st.lists(_numbers, min_size=1, max_size=15),
)
_groups = st.lists(st.builds(Group, _sids, _numbers), max_size=20).map(tuple)
_texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r<>&'\""),
    min_size=1,
    max_size=60,
)
_contexts = st.builds(SecurityContext, _sids, _texts, _texts, _groups, _groups)


def document(inner: str = f"<s>{_USER}</s>", names: str = 'at="Basic" ln="d\\u"', before: str = "") -> bytes:
    return f"{before}<r {names}>{inner}</r>".encode()


class RoundTripTests(SynchronousTestCase):
    def test_the_public_sample(self) -> None:
        found = read(_SAMPLE)
        self.assertEqual((found.user, found.logon_name, found.authentication), (_USER, "DOMAIN\\user", "Negotiate"))
        self.assertEqual([group.sid for group in found.groups], ["S-1-1-0", "S-1-5-2", "S-1-5-11", "S-1-5-15"])
        self.assertEqual({group.attributes for group in found.groups}, {7})
        self.assertEqual(write(found), _SAMPLE)

    @given(_contexts)
    def test_what_was_written_is_read(self, context: SecurityContext) -> None:
        self.assertEqual(read(write(context)), context)

    @given(st.binary(max_size=300))
    def test_nothing_but_the_named_error_is_raised(self, octets: bytes) -> None:
        for each in (octets, _SAMPLE[:150] + octets + _SAMPLE[150:]):
            try:
                read(each)
            except BadContext:
                continue

    def test_as_many_groups_as_a_token_has(self) -> None:
        sid = "S-1-5-21-4294967295-4294967295-4294967295-4294967295"
        context = SecurityContext(_USER, "d\\u", "Basic", (Group(sid),) * limits.CONTEXT_GROUPS)
        self.assertEqual(read(write(context)), context)

    def test_what_cannot_be_read_is_not_written(self) -> None:
        for context in (
            SecurityContext(_USER, "", "Basic"),
            SecurityContext(_USER, "a\0b", "Basic"),
            SecurityContext(_USER, "x" * 513, "Basic"),
            SecurityContext("", "d\\u", "Basic"),
            SecurityContext(_USER, "d\\u", "Basic", (Group("S-1-1-0"),) * (limits.CONTEXT_GROUPS + 1)),
        ):
            self.assertRaises(ValueError, write, context)


class RefusalTests(SynchronousTestCase):
    """S-AUTH-14, S-ROUTE-6: nothing of XML but what the form needs."""

    def refused(self, octets: bytes, words: str) -> None:
        error = self.assertRaises(BadContext, read, octets)
        self.assertIn(words, str(error))
        self.assertNotIn("1104", str(error))  # nothing of it is repeated

    def test_document_types_and_with_them_all_entities(self) -> None:
        bomb = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        self.refused(document(names='at="Basic" ln="&b;"', before=bomb), "does not begin")
        self.refused(
            document("<s>&x;</s>", before='<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), "does not begin"
        )
        self.refused(document(before='<!DOCTYPE r SYSTEM "http://192.0.2.1/r.dtd">'), "does not begin")
        self.refused(document("<s>&nbsp;</s>"), "undefined entity")
        self.refused(document(f'<!DOCTYPE r [<!ENTITY a "b">]><s>{_USER}</s>'), "not well-formed")

    def test_comments_instructions_and_cdata(self) -> None:
        for inner in (f"<!-- x --><s>{_USER}</s>", f"<?x y?><s>{_USER}</s>", f"<s><![CDATA[{_USER}]]></s>"):
            self.refused(document(inner), "an instruction, a comment or a CDATA")

    def test_duplicate_attributes(self) -> None:
        self.refused(document(names='at="Basic" at="Basic" ln="d\\u"'), "duplicate attribute")
        self.refused(document(f'<s>{_USER}</s><s a="7" a="7" t="1">S-1-1-0</s>'), "duplicate attribute")

    def test_unknown_and_missing_attributes_and_elements(self) -> None:
        for octets in (
            document(names='at="Basic"'),
            document(names='at="Basic" ln="d\\u" x=""'),
            document(names='at="Basic" ln="d\\u" xmlns="urn:x"'),
            b"<rx/>",
        ):
            self.refused(octets, "not an r")
        for inner in (
            f'<s a="7" t="1">{_USER}</s>',
            f"<s>{_USER}</s><s>S-1-1-0</s>",
            f'<s>{_USER}</s><s a="7">S-1-1-0</s>',
            f'<s>{_USER}</s><s a="7" t="1" x="">S-1-1-0</s>',
            f"<x>{_USER}</x>",
        ):
            self.refused(document(inner), "not the s")
        self.refused(document(f"<s>{_USER}<s/></s>"), "within an s")

    def test_numbers_kinds_and_text(self) -> None:
        for value in ("", "-1", "+7", "07", "0x7", "4294967296", "٧"):
            self.refused(document(f'<s>{_USER}</s><s a="{value}" t="1">S-1-1-0</s>'), "32 bits")
        self.refused(document(f'<s>{_USER}</s><s a="7" t="3">S-1-1-0</s>'), "an unknown t")
        self.refused(document(f"x<s>{_USER}</s>"), "text outside")
        self.refused(document(""), "no user")
        self.refused(document(names='at="Basic" ln=""'), "empty or too long")
        self.refused(document(names=f'at="Basic" ln="{"x" * 513}"'), "empty or too long")

    def test_foreign_sid_forms(self) -> None:
        for sid in (
            "", "s-1-5-11", "S-2-5-11", "S-1-0x5-11", "S-1-5", "S-1-05-11", "S-1-5-011", "S-1-5-4294967296", "BA",
            "S-1-5--11", "S-1-5-11-", " S-1-5-11", "S-1-5-11\n", "S-1-5-١", "S-1" + "-1" * 17,
            "O:S-1-5-11", "{S-1-5-11}",
        ):  # fmt: skip
            self.refused(document(f"<s>{sid}</s>"), "not a SID")

    def test_broken_cut_and_doubled_documents(self) -> None:
        for octets in (_SAMPLE[:-1], _SAMPLE + _SAMPLE, b"<r\0"):
            self.refused(octets, "not well-formed")
        utf_16 = b"\xff\xfe" + _SAMPLE.decode().encode("utf-16-le")
        for octets in (b"", b"\0", b" " + _SAMPLE, b'<?xml version="1.0"?>' + _SAMPLE, utf_16):
            self.refused(octets, "does not begin")
        self.refused(_SAMPLE.replace(b"user", b"us\xe9r"), "not well-formed")  # Latin-1

    def test_too_many_groups_and_octets(self) -> None:
        """10,000 groups; and a small document that is large."""
        self.refused(document(f"<s>{_USER}</s>" + '<s a="7" t="1">S-1-1-0</s>' * 1025), "over 1024 groups")
        self.refused(document(f"<s>{_USER}</s>" + _EVERYBODY * 10_000), "over 98304 octets")
        self.refused(document(" " * 100_000), "over 98304 octets")

    def test_the_largest_document_takes_no_long_time(self) -> None:
        hostile = document(f"<s>{'-' * 90_000}</s>")
        began = time.process_time()
        self.refused(hostile, "not a SID")
        self.assertLess(time.process_time() - began, 1.0)  # a hang, not a speed


class SidTests(SynchronousTestCase):
    @given(_sids)
    def test_text_and_octets(self, sid: str) -> None:
        self.assertEqual(sid_text(sid_octets(sid)), sid)

    def test_octets_of_a_domain_user(self) -> None:
        octets = bytes.fromhex("010500000000000515000000010000000200000003000000" + "50040000")
        self.assertEqual((sid_text(octets), sid_octets(_USER)), (_USER, octets))

    def test_octets_that_are_none(self) -> None:
        for octets in (b"", b"\1\1", b"\1\2" + bytes(10), bytes(9)):
            self.assertEqual(sid_text(octets), "")
            self.assertRaises(ValueError, PackedSids.pack, [octets])

    @given(st.lists(_sids, max_size=30))
    def test_packed_ones_are_the_same(self, sids: list[str]) -> None:
        packed = PackedSids.pack(map(sid_octets, sids))
        self.assertEqual((sorted(packed.texts()), len(packed)), (sorted(sids), len(sids)))

    def test_two_hundred_groups_of_a_domain_take_little(self) -> None:
        packed = PackedSids.pack(sid_octets(f"S-1-5-21-1-2-3-{rid}") for rid in range(200))
        self.assertEqual(len(packed._packed), 1)
        self.assertEqual(len(packed._packed[0][1]), 800)
