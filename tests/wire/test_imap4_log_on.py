"""How the log-on at an IMAP4 back end is written."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.secret import Secret
from exfront.wire.imap4_commands import Atom, Command, CommandReader, LiteralAnnounced, String
from exfront.wire.imap4_log_on import LoginDisabled, write_log_on
from exfront.wire.sasl import Credentials, decode_response, read_plain
from tests.support.splits import events

PLAIN = (b"IMAP4rev1", b"sasl-ir", b"AUTH=plain")


def write(name: bytes, password: bytes, *capabilities: bytes) -> tuple[bytes, ...]:
    return write_log_on(b"L", Credentials(name, Secret(password)), capabilities)


class LogOnTests(SynchronousTestCase):
    def test_the_form_follows_the_content(self) -> None:
        """S-MAIL-7: literal, quoted string or SASL by content."""
        cases: tuple[tuple[bytes, bytes, tuple[bytes, ...], tuple[bytes, ...]], ...] = (
            (b"alice", b"x", PLAIN, (b"L AUTHENTICATE PLAIN AGFsaWNlAHg=\r\n",)),
            (b"alice", b"x", (*PLAIN, b"LOGINDISABLED"), (b"L AUTHENTICATE PLAIN AGFsaWNlAHg=\r\n",)),
            (b"alice", b"x", (b"AUTH=PLAIN",), (b'L LOGIN "alice" "x"\r\n',)),
            (b"alice", b"x", (), (b'L LOGIN "alice" "x"\r\n',)),
            (b"FC\\alice", b'a "b" c', (), (b'L LOGIN "FC\\\\alice" "a \\"b\\" c"\r\n',)),
            (b"alice", b"\xc3\xa9", (), (b'L LOGIN "alice" {2}\r\n', b"\xc3\xa9\r\n")),
            (b"\xe9", b"\xe9", (), (b"L LOGIN {1}\r\n", b"\xe9 {1}\r\n", b"\xe9\r\n")),
            (b"\xe9", b"x", (b"LITERAL+",), (b'L LOGIN {1+}\r\n\xe9 "x"\r\n',)),
            (b"alice", b"\xe9", (*PLAIN, b"literal-"), (b'L LOGIN "alice" {1+}\r\n\xe9\r\n',)),
        )
        for name, password, offered, expected in cases:
            self.assertEqual(write(name, password, *offered), expected, (name, offered))

    def test_a_server_that_takes_no_password_gets_none(self) -> None:
        """S-MAIL-3: nor one that offers no mechanism for a token, or for a master's log-on."""
        for offered in ((b"LOGINDISABLED",), (b"logindisabled", b"AUTH=LOGIN")):
            with self.assertRaises(LoginDisabled):
                write(b"alice", b"x", *offered)

        token = Credentials(b"alice", Secret(b"user=alice"), mechanism="XOAUTH2")
        for credentials in (token, Credentials(b"master", Secret(b"x"), acts_for=b"alice")):
            with self.assertRaises(LoginDisabled):
                write_log_on(b"L", credentials, (b"LITERAL+", b"AUTH=CRAM-MD5"))

    def test_sasl_where_login_does_not_do(self) -> None:
        """S-MAIL-7: LOGIN is disabled, another identity is asked for, or a token passed on as it came."""
        password = Credentials(b"alice", Secret(b"\xe9"))
        master = Credentials(b"master", Secret(b"x"), acts_for=b"alice")
        token = Credentials(b"alice", Secret(b"user=alice\1auth=Bearer t\1\1"), mechanism="XOAUTH2")
        plain, bearer = b"L AUTHENTICATE PLAIN", b"L AUTHENTICATE XOAUTH2"
        response = b"dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0AQE=\r\n"
        cases: tuple[tuple[Credentials, tuple[bytes, ...], tuple[bytes, ...]], ...] = (
            (password, (b"LOGINDISABLED", b"AUTH=PLAIN"), (plain + b"\r\n", b"AGFsaWNlAOk=\r\n")),
            (password, (b"LOGINDISABLED", *PLAIN), (plain + b" AGFsaWNlAOk=\r\n",)),
            (master, PLAIN, (plain + b" YWxpY2UAbWFzdGVyAHg=\r\n",)),
            (master, (b"AUTH=PLAIN",), (plain + b"\r\n", b"YWxpY2UAbWFzdGVyAHg=\r\n")),
            (token, (b"SASL-IR", b"auth=xoauth2"), (bearer + b" " + response,)),
            (token, (b"AUTH=XOAUTH2",), (bearer + b"\r\n", response)),
        )
        for credentials, offered, pieces in cases:
            self.assertEqual(write_log_on(b"L", credentials, offered), pieces, (credentials, offered))

    def test_line_ends_and_nul_never_go_out(self) -> None:
        """S-MAIL-7: CR, LF or NUL in a name or password."""
        for name, password in ((b"u\r\nx LOGOUT", b"x"), (b"u\n", b"x"), (b"u", b"x\r"), (b"u\0", b"x"), (b"u", b"\0")):
            with self.assertRaises(ValueError):
                write(name, password, *PLAIN)

    @given(
        *[st.binary(min_size=1, max_size=40).filter(lambda octets: not set(octets) & {0, 10, 13})] * 2, st.booleans()
    )
    @settings(deadline=None)
    def test_the_back_end_reads_what_was_typed(self, name: bytes, password: bytes, sasl: bool) -> None:
        """S-MAIL-7: quotes, back-slashes, spaces and 8-bit octets arrive exact."""
        pieces = write(name, password, *(PLAIN if sasl else ()))
        *_, command = (e for e in events(CommandReader(), pieces) if not isinstance(e, LiteralAnnounced))
        assert isinstance(command, Command)
        if command.name == b"LOGIN":
            self.assertEqual(command.arguments, (String(name), String(password)))
            return
        mechanism, response = command.arguments
        assert mechanism == Atom(b"PLAIN") and isinstance(response, Atom)
        plain = read_plain(decode_response(response.value))
        self.assertEqual((plain.acts_for, plain.name, plain.secret), (b"", name, Secret(password)))
