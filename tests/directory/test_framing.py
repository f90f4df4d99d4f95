"""What comes from a directory server, before anything decodes it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from ldaptor.protocols import pureldap
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.directory.framing import BadFrame, Frames, check, operation

_DONE = pureldap.LDAPMessage(pureldap.LDAPSearchResultDone(resultCode=0), id=7).toWire()
_ENTRY = pureldap.LDAPMessage(pureldap.LDAPSearchResultEntry("cn=a", [("mail", ["x" * 200])]), id=7).toWire()


def _element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    return bytes((tag, 0x84)) + length.to_bytes(4) + content


def _checked(data: bytes) -> list[bytes]:
    """The messages in `data`, each looked through."""
    messages = list(Frames().feed(data))
    for message in messages:
        check(message)
    return messages


class FramesTests(SynchronousTestCase):
    @given(st.data())
    @settings(deadline=None)
    def test_any_cuts_give_the_same_messages(self, data: st.DataObject) -> None:
        stream = (_ENTRY + _DONE) * 3
        frames, found, position = Frames(), [], 0
        while position < len(stream):
            end = data.draw(st.integers(position + 1, len(stream)))
            found += list(frames.feed(stream[position:end]))
            position = end
        self.assertEqual(found, [_ENTRY, _DONE] * 3)
        self.assertFalse(frames.pending)

    def test_rest_of_a_message_is_pending(self) -> None:
        frames = Frames()
        self.assertEqual(list(frames.feed(_DONE + _DONE[:3])), [_DONE])
        self.assertTrue(frames.pending)

    def test_giant_length_is_refused_by_its_header(self) -> None:
        """S-DIR-8: a length above the limit is refused before one octet of the content is held."""
        for header in (b"\x30\x84\x7f\xff\xff\xff", b"\x30\x83\x08\x00\x00", b"\x30\x85\x00\x00\x00\x00\x01"):
            with self.assertRaises(BadFrame):
                list(Frames().feed(header))

    def test_longest_message_is_taken(self) -> None:
        value = b"x" * (limits.LDAP_PDU_OCTETS - 12)
        message = _element(0x30, _element(0x04, value))
        self.assertEqual(len(message), limits.LDAP_PDU_OCTETS)
        self.assertEqual(_checked(message), [message])
        with self.assertRaises(BadFrame):
            list(Frames().feed(_element(0x30, _element(0x04, value + b"x"))))

    def test_what_is_no_message_is_refused(self) -> None:
        """S-DIR-8: bad BER is refused."""
        for data in (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\x16\x03\x01",
            b"\x30\x80\x02\x01\x01\0\0",  # indefinite length
            b"\x30\x03\x02\x05\x01",  # an element longer than what holds it
            b"\x30\x02\x30\x01",
            b"\x30\x02\x1f\x81",  # a tag of several octets
            b"\x30\x01\x02",
        ):
            with self.assertRaises(BadFrame, msg=data):
                _checked(data)

    def test_nesting_is_bounded(self) -> None:
        """S-DIR-8: elements nested over 16 deep are refused."""
        message = b""
        for _ in range(limits.LDAP_PDU_DEPTH):
            message = _element(0x30, message)
        self.assertEqual(_checked(message), [message])
        with self.assertRaises(BadFrame):
            _checked(_element(0x30, message))

    def test_elements_are_bounded(self) -> None:
        """S-DIR-8: so are elements in number, since ldaptor's time grows with their square."""
        with self.assertRaises(BadFrame):
            _checked(_element(0x30, b"\x04\x00" * limits.LDAP_PDU_ELEMENTS))

    @given(st.binary(max_size=60))
    @settings(deadline=None)
    def test_nothing_but_bad_frame_is_raised(self, data: bytes) -> None:
        for octets in (data, _element(0x30, data)):
            try:
                for message in Frames().feed(octets):
                    check(message)
                    operation(message)
            except BadFrame:
                pass


class OperationTests(SynchronousTestCase):
    def test_tag_of_the_operation(self) -> None:
        self.assertEqual(operation(_ENTRY), 0x64)
        self.assertEqual(operation(_DONE), 0x65)

    def test_message_without_operation_is_refused(self) -> None:
        for message in (b"\x30\x00", b"\x30\x03\x02\x01\x01", b"\x30\x04\x04\x00\x65\x00"):
            with self.assertRaises(BadFrame):
                operation(message)
