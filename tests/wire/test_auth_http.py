"""nginx's questions and our answers, as octets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.secret import Secret
from exfront.wire.auth_http import BadQuestion, NotServed, Question, granted, not_answered, read, refused
from exfront.wire.http1.events import Headers, RequestHead
from exfront.wire.http1.request import RequestReader

# As nginx 1.22 sends it for an IMAP4 client over TLS.
ASKED: dict[bytes, bytes] = {
    b"Host": b"127.0.0.1",
    b"Auth-Method": b"plain",
    b"Auth-User": b"alice",
    b"Auth-Pass": b"secret%20with%25%0A",
    b"Auth-Protocol": b"imap",
    b"Auth-Login-Attempt": b"2",
    b"Client-IP": b"192.0.2.7",
    b"Client-Host": b"[UNAVAILABLE]",
    b"Auth-SSL": b"on",
    b"Auth-SSL-Protocol": b"TLSv1.3",
    b"Auth-SSL-Cipher": b"TLS_AES_256_GCM_SHA384",
}


def escaped(value: bytes) -> bytes:
    """NGX_ESCAPE_MAIL_AUTH: space, percent, controls, and what is not ASCII."""
    return b"".join(
        b"%%%02X" % each if each <= 0x20 or each == 0x25 or each >= 0x7F else b"%c" % each for each in value
    )


def fields(**changes: bytes | None) -> Headers:
    """Of a question, but for `changes` (`Auth_User` is Auth-User); None leaves one out."""
    changed = {name.replace("_", "-").encode(): value for name, value in changes.items()}
    return tuple((name, value) for name, value in {**ASKED, **changed}.items() if value is not None)


class ReadTests(SynchronousTestCase):
    def test_a_question_of_nginx(self) -> None:
        """S-AUTH-11: the password is unescaped, and printed nowhere."""
        question = read(fields())
        self.assertEqual(
            question, Question("imap4", b"alice", Secret(b"secret with%\n"), "192.0.2.7", secure=True, attempt=2)
        )
        self.assertNotIn("secret with", repr(question))

    def test_what_may_be_otherwise(self) -> None:
        self.assertEqual(read(fields(Auth_Protocol=b"pop3")).protocol, "pop3")
        self.assertFalse(read(fields(Auth_SSL=None)).secure)
        self.assertEqual(read(fields(Auth_Login_Attempt=None)).attempt, 1)
        self.assertEqual(read(fields(Auth_Method=b"LOGIN")).name, b"alice")
        self.assertEqual(read(fields(Client_IP=b"2001:db8::7")).client, "2001:db8::7")
        self.assertEqual(read(fields(Client_IP=b"::ffff:192.0.2.7")).client, "192.0.2.7")

    def test_a_certificate(self) -> None:
        """S-MAIL-8: SASL EXTERNAL, with what nginx has verified."""
        changes = {"Auth_Method": b"external", "Auth_User": b"", "Auth_Pass": b"", "Auth_SSL_Verify": b"SUCCESS"}
        question = read(fields(**changes, Auth_SSL_Cert=b"-----BEGIN%20CERTIFICATE-----%0AMII%0A"))
        self.assertEqual(question.certificate, b"-----BEGIN CERTIFICATE-----\nMII\n")
        self.assertFalse(question.secret)
        with self.assertRaises(NotServed):
            read(fields(**changes))

    def test_what_is_no_question(self) -> None:
        for changes in (
            {"Auth_User": None},
            {"Auth_Pass": None},
            {"Auth_Protocol": None},
            {"Auth_Protocol": b"IMAP"},
            {"Auth_Method": None},
            {"Auth_Method": b"gssapi"},
            {"Auth_Pass": b"100%"},
            {"Auth_Pass": b"%zz"},
            {"Auth_User": b"a%0"},
            {"Auth_Login_Attempt": b"many"},
            {"Auth_Login_Attempt": b"-1"},
            {"Client_IP": None},
            {"Client_IP": b"unix:"},
            {"Client_IP": b"mail.fourthcoffee.com"},
            {"Client_IP": b"\xc3\xa4"},
            {"auth_user": b"bob"},  # a second one, in another case
        ):
            with self.subTest(changes), self.assertRaises(BadQuestion) as caught:
                read(fields(**changes))
            self.assertNotIn("secret", str(caught.exception))

    def test_what_no_password_answers(self) -> None:
        for changes in (
            {"Auth_Protocol": b"smtp"},
            *({"Auth_Method": method} for method in (b"apop", b"cram-md5", b"external", b"none")),
            {"Auth_Method": b"external", "Auth_SSL_Verify": b"FAILED:self signed", "Auth_SSL_Cert": b"x"},
        ):
            with self.subTest(changes), self.assertRaises(NotServed):
                read(fields(**changes))

    @given(st.binary(min_size=1, max_size=80), st.binary(min_size=1, max_size=80), st.integers(1, 60))
    def test_any_name_and_password_come_as_they_were_typed(self, name: bytes, password: bytes, step: int) -> None:
        """S-AUTH-1, S-MAIL-7: whatever octets, in whatever pieces the request comes."""
        lines = fields(Auth_User=escaped(name), Auth_Pass=escaped(password))
        request = b"GET /auth HTTP/1.0\r\n" + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n"
        reader = RequestReader()
        event = None
        for position in range(0, len(request), step):
            self.assertIsNone(event)
            reader.receive(request[position : position + step])
            event = reader.next_event()
        assert isinstance(event, RequestHead)
        question = read(event.headers)
        self.assertEqual((question.name, question.secret.reveal()), (name, password))

    @given(st.lists(st.tuples(st.sampled_from(tuple(ASKED)), st.binary(max_size=20))))
    def test_anything_else_is_told_apart(self, lines: list[tuple[bytes, bytes]]) -> None:
        try:
            self.assertIsInstance(read(tuple(lines)), Question)
        except (BadQuestion, NotServed):
            pass


class WriteTests(SynchronousTestCase):
    def test_granted(self) -> None:
        self.assertEqual(
            granted("10.1.0.11", 143),
            b"HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nAuth-Server: 10.1.0.11\r\nAuth-Port: 143\r\n"
            b"Cache-Control: no-store\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        )

    def test_granted_under_another_name(self) -> None:
        answer = granted("::1", 110, b"J\xc3\xbcrgen", Secret(b"a b"))
        self.assertIn(b"Auth-Server: ::1\r\nAuth-Port: 110\r\nAuth-User: J\xc3\xbcrgen\r\nAuth-Pass: a b\r\n", answer)

    def test_what_no_field_carries(self) -> None:
        """S-MAIL-7: nobody is logged on under a name that is cut or split on its way."""
        for value in (b"", b" a", b"a\t", b"a\r\nAuth-Server: 192.0.2.1", b"a\0"):
            with self.subTest(value), self.assertRaises(ValueError):
                granted("10.1.0.11", 143, value)
            with self.subTest(value), self.assertRaises(ValueError):
                granted("10.1.0.11", 143, b"a", Secret(value))

    def test_refused(self) -> None:
        answer = refused(b"[AUTH] No.", 4, b"535 5.7.0")
        self.assertIn(b"200 OK\r\nAuth-Status: [AUTH] No.\r\nAuth-Wait: 4\r\nAuth-Error-Code: 535 5.7.0\r\n", answer)
        self.assertNotIn(b"Auth-Wait", refused(b"[AUTH] No."))

    def test_not_answered(self) -> None:
        self.assertTrue(not_answered(400, b"No.\r\n").endswith(b"Content-Length: 5\r\n\r\nNo.\r\n"))
