"""The POP3 service of the lab's mailbox servers (RFC 1939, RFC 2449, RFC 5034), for loopback only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.protocols.basic import LineOnlyReceiver

from exfront.lab.mailboxes import Mailbox, Mailboxes, Message
from exfront.wire.sasl import BadSasl, decode_initial_response, decode_response, read_plain

_CAPABILITIES = (b"TOP", b"UIDL", b"USER", b"SASL PLAIN", b"RESP-CODES", b"AUTH-RESP-CODE", b"PIPELINING")


class Refusal(Exception):  # noqa: N818 - an answer to a client
    """A command that cannot be done; the message follows -ERR."""


class Pop3Server(LineOnlyReceiver):
    """One connection. A command's method returns what follows +OK; lists and mails it sends itself."""

    MAX_LENGTH = 1024

    def __init__(self, mailboxes: Mailboxes) -> None:
        self._server = mailboxes
        self._mailbox: Mailbox | None = None
        self._user = b""
        self._messages: Sequence[Message] = ()
        self._deleted: set[Message] = set()
        self._response_expected = False

    def connectionMade(self) -> None:
        """Greet."""
        self._ok(self._server.host.encode() + b" is ready")

    def lineReceived(self, line: bytes) -> None:
        """Do a command."""
        try:
            if self._response_expected:
                self._response_expected = False
                self._plain(decode_response, line)
            else:
                word, _, argument = line.partition(b" ")
                self._command(word.upper())(argument)
        except Refusal as refusal:
            self._line(b"-ERR " + str(refusal).encode())

    def _command(self, word: bytes) -> Callable[[bytes], None]:
        always: Mapping[bytes, Callable[[bytes], None]] = {b"CAPA": self._capa, b"QUIT": self._quit}
        before = {b"USER": self._take_user, b"PASS": self._pass, b"AUTH": self._auth}
        after = {
            b"STAT": self._stat, b"LIST": self._list, b"UIDL": self._uidl, b"RETR": self._retr, b"TOP": self._top,
            b"DELE": self._dele, b"RSET": self._rset, b"NOOP": self._noop,
        }  # fmt: skip
        found = always.get(word) or (before if self._mailbox is None else after).get(word)
        if found is None:
            raise Refusal("not a command, or not at this time")
        return found

    def _line(self, line: bytes) -> None:
        if self.transport is not None:
            self.transport.write(line + b"\r\n")

    def _ok(self, text: bytes = b"") -> None:
        self._line(b"+OK " + text if text else b"+OK")

    def _lines(self, text: bytes, lines: Sequence[bytes]) -> None:
        self._ok(text)
        for line in lines:
            self._line(b"." + line if line.startswith(b".") else line)
        self._line(b".")

    def _capa(self, argument: bytes) -> None:
        self._lines(b"these", (*_CAPABILITIES, b"IMPLEMENTATION exfront-lab-" + self._server.server.encode()))

    def _quit(self, argument: bytes) -> None:
        if self._mailbox is not None and self._deleted:
            self._mailbox.inbox.remove(self._deleted)
        self._ok(b"bye from " + self._server.host.encode())
        if self.transport is not None:
            self.transport.loseConnection()

    # --- log-on

    def _take_user(self, name: bytes) -> None:
        self._user = name
        self._ok(b"the password, please")

    def _pass(self, password: bytes) -> None:
        self._log_on(self._user, password)

    def _auth(self, argument: bytes) -> None:
        mechanism, _, response = argument.partition(b" ")
        if not mechanism:
            self._lines(b"these", (b"PLAIN",))
        elif mechanism.upper() != b"PLAIN":
            raise Refusal("only PLAIN is known")
        elif response:
            self._plain(decode_initial_response, response)
        else:
            self._response_expected = True
            self._line(b"+ ")

    def _plain(self, decode: Callable[[bytes], bytes], response: bytes) -> None:
        try:
            plain = read_plain(decode(response))
        except BadSasl:
            raise Refusal("not a response of PLAIN") from None
        self._log_on(plain.name, plain.secret.reveal())

    def _log_on(self, name: bytes, password: bytes) -> None:
        self._mailbox = self._server.log_on(name, password)
        if self._mailbox is None:
            raise Refusal("[AUTH] wrong name or password, or a user of another server")
        self._messages = tuple(self._mailbox.inbox.messages)
        self._ok(b"logged in at " + self._server.host.encode())

    # --- the mailbox

    def _stat(self, argument: bytes) -> None:
        sizes = [len(message.octets) for _, message in self._left()]
        self._ok(b"%d %d" % (len(sizes), sum(sizes)))

    def _list(self, argument: bytes) -> None:
        self._tell(argument, lambda message: b"%d" % len(message.octets))

    def _uidl(self, argument: bytes) -> None:
        self._tell(argument, self._unique_id)

    def _unique_id(self, message: Message) -> bytes:
        return b"%d-%d" % (0 if self._mailbox is None else self._mailbox.inbox.uid_validity, message.uid)

    def _tell(self, argument: bytes, what: Callable[[Message], bytes]) -> None:
        if argument:
            self._ok(argument + b" " + what(self._message(argument)))
        else:
            self._lines(b"these", [b"%d %s" % (number, what(message)) for number, message in self._left()])

    def _retr(self, argument: bytes) -> None:
        self._lines(b"here it is", _split(self._message(argument).octets))

    def _top(self, argument: bytes) -> None:
        number, _, count = argument.partition(b" ")
        if not count.isdigit() or len(count) > 9:
            raise Refusal("TOP needs a message and a number of lines")
        lines = _split(self._message(number).octets)
        header_end = lines.index(b"") + 1 if b"" in lines else len(lines)
        self._lines(b"here it is", lines[: header_end + int(count)])

    def _dele(self, argument: bytes) -> None:
        self._deleted.add(self._message(argument))
        self._ok(b"gone after QUIT")

    def _rset(self, argument: bytes) -> None:
        self._deleted.clear()
        self._ok()

    def _noop(self, argument: bytes) -> None:
        self._ok()

    def _left(self) -> list[tuple[int, Message]]:
        numbered = enumerate(self._messages, 1)
        return [(number, message) for number, message in numbered if message not in self._deleted]

    def _message(self, argument: bytes) -> Message:
        for number, message in self._left():
            if argument == b"%d" % number:
                return message
        raise Refusal("no such message")


def _split(octets: bytes) -> list[bytes]:
    return octets.removesuffix(b"\r\n").split(b"\r\n")
