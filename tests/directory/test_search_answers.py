"""A search's answers, read from octets: as ldaptor reads them, or not at all."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ldaptor.protocols import pureber, pureldap
from ldaptor.protocols.ldap.ldapclient import LDAPClient
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.directory.entry import Entry
from exfront.directory.framing import BadFrame
from exfront.directory.search_answers import SearchDone, SearchReference, read
from tests.support.scripted_ldap import Referral, done, found, page_of, reference

_NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEF-;=0123456789", min_size=1, max_size=30)
_ENTRIES = st.tuples(
    st.text(max_size=60), st.dictionaries(_NAMES, st.lists(st.binary(max_size=200), max_size=6), max_size=8)
)


def _wire(operation: Any, identifier: int = 7, controls: Any = None) -> bytes:
    octets: bytes = pureldap.LDAPMessage(operation, id=identifier, controls=controls).toWire()
    return octets


def _drawn(drawn: tuple[str, dict[str, list[bytes]]], identifier: int = 7) -> bytes:
    name, attributes = drawn
    folded = {key.lower(): values for key, values in attributes.items()}
    return _wire(pureldap.LDAPSearchResultEntry(name, list(folded.items())), identifier)


def _by_ldaptor(message: bytes) -> tuple[int, str, dict[str, tuple[bytes, ...]]]:
    decoded, _ = pureber.berDecodeObject(LDAPClient.berdecoder, message)
    entry, attributes = decoded.value, {}
    for name, values in entry.attributes:
        attributes[name.decode("ascii", "replace").lower()] = tuple(values)
    return decoded.id, entry.objectName.decode("utf-8", "surrogateescape"), attributes


def _element(tag: int, content: bytes) -> bytes:
    return bytes((tag, 0x84)) + len(content).to_bytes(4) + content


class EntryTests(SynchronousTestCase):
    def ours(self, message: bytes) -> Entry:
        answer = read(message)
        assert answer is not None
        assert isinstance(answer.value, Entry)
        return answer.value

    @given(_ENTRIES, st.integers(1, 2**31 - 1))
    @settings(deadline=None)
    def test_every_entry_is_read_as_ldaptor_reads_it(self, drawn: Any, identifier: int) -> None:
        message = _drawn(drawn, identifier)
        entry = self.ours(message)
        self.assertEqual((identifier, entry.dn, entry.attributes), _by_ldaptor(message))

    @given(_ENTRIES, st.data())
    @settings(deadline=None)
    def test_a_spoilt_entry_is_read_as_ldaptor_reads_it_or_not_at_all(self, drawn: Any, data: st.DataObject) -> None:
        """S-DIR-8: there is no second meaning of the same octets."""
        good = _drawn(drawn)
        place, octet = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 255))
        spoilt = good[:place] + bytes((octet,)) + good[place + 1 :]
        try:
            answer = read(spoilt)
        except BadFrame:
            return
        if answer is None or not isinstance(answer.value, Entry):
            return
        _, dn, theirs = _by_ldaptor(spoilt)
        self.assertEqual(answer.value.dn, dn)
        for attribute, values in theirs.items():  # of one that comes twice ldaptor's caller saw the last
            self.assertEqual(answer.value.attributes[attribute][-len(values) :] if values else (), values)

    def test_lengths_of_several_octets(self) -> None:
        values = [b"x" * length for length in (0, 127, 128, 255, 256, 65_535, 65_536)]
        self.assertEqual(self.ours(_wire(found("cn=a", photo=values))).attributes, {"photo": tuple(values)})

    def test_octets_of_a_dn_that_are_no_utf_8_are_kept(self) -> None:
        attributes = _element(0x30, b"")
        message = _element(0x30, b"\x02\x01\x07" + _element(0x64, _element(0x04, b"cn=\xff") + attributes))
        self.assertEqual(self.ours(message).dn.encode("utf-8", "surrogateescape"), b"cn=\xff")

    def test_an_attribute_that_comes_twice_has_the_values_of_both(self) -> None:
        """S-DIR-12: two home databases must not look like one."""
        twice = pureldap.LDAPSearchResultEntry("cn=a", [("homeMDB", ["cn=x"]), ("HOMEMDB", ["cn=y"])])
        self.assertEqual(self.ours(_wire(twice)).attributes, {"homemdb": (b"cn=x", b"cn=y")})

    def test_values_are_bounded(self) -> None:
        """S-DIR-8: an entry of more values than any mailbox has is refused."""
        for name, values in (("mail", limits.LDAP_PDU_ELEMENTS), (None, limits.LDAP_PDU_ELEMENTS + 1)):
            attributes = {name: [b""] * values} if name else {f"a{number}": [] for number in range(values)}
            with self.assertRaises(BadFrame):
                read(_wire(found("cn=a", **attributes)))

    def test_octets_where_none_belong_are_refused(self) -> None:
        """S-DIR-8: behind the values, behind the attributes, behind the entry, behind the controls."""
        attribute = _element(0x04, b"mail") + _element(0x31, b"")
        rest = b"\x04\x01x"
        name = _element(0x04, b"cn=a")
        for operation, behind in (
            (_element(0x64, name + _element(0x30, _element(0x30, attribute + rest))), b""),
            (_element(0x64, name + _element(0x30, b"") + rest), b""),
            (_element(0x64, name + _element(0x30, b"")), rest),
            (_element(0x64, name + _element(0x30, b"")), b"\xa0\x00" + rest),
        ):
            with self.assertRaises(BadFrame):
                read(_element(0x30, b"\x02\x01\x07" + operation + behind))

    @given(st.binary(max_size=60))
    @settings(deadline=None)
    def test_nothing_but_bad_frame_is_raised(self, data: bytes) -> None:
        """S-DIR-8: whatever stands in an entry, or in a message."""
        for octets in (data, _element(0x30, data), _element(0x30, b"\x02\x01\x07" + _element(0x64, data))):
            try:
                read(octets)
            except BadFrame:
                pass


class OtherMessageTests(SynchronousTestCase):
    def test_the_end_has_code_text_and_controls(self) -> None:
        answer = read(_wire(done(4, "sizeLimitExceeded"), controls=page_of("next")))
        assert answer is not None
        self.assertEqual(answer.value, SearchDone(4, b"sizeLimitExceeded"))
        assert answer.controls is not None
        self.assertEqual(answer.controls[0][0], b"1.2.840.113556.1.4.319")

    def test_a_referral_is_the_code_ten(self) -> None:
        """S-DIR-9: where it points is not even read."""
        answer = read(_wire(Referral(0x65, "ldap://evil.example")))
        assert answer is not None
        self.assertEqual(answer.value, SearchDone(10, b""))

    def test_a_reference_is_one(self) -> None:
        answer = read(_wire(reference("ldap://evil.example")))
        assert answer is not None
        self.assertEqual(answer.value, SearchReference())

    def test_another_answer_is_somebody_elses(self) -> None:
        self.assertIsNone(read(_wire(pureldap.LDAPBindResponse(resultCode=0))))

    def test_numbers_that_are_none_are_refused(self) -> None:
        """S-DIR-8: a message id or a result code below 0, of no octets or of too many."""
        for number in (b"", b"\xff", b"\0\0\0\0\x01"):
            text = _element(0x04, b"")
            good = _element(0x65, _element(0x0A, b"\0") + text + text)
            bad = _element(0x65, _element(0x0A, number) + text + text)
            for message in (_element(0x02, number) + good, b"\x02\x01\x07" + bad):
                with self.assertRaises(BadFrame):
                    read(_element(0x30, message))
