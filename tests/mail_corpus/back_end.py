"""A strict mailbox server for the corpus: IMAP4 and POP3, scripted octet for octet, that keeps all it is told.

It reads log-ons by the letter of RFC 3501 and RFC 1939 with a grammar of its own. It takes any password; whoever is
let in is answered line by line, and every octet from there on is kept.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from attrs import define, field, frozen

from tests.support.process import free_port

Ending = Literal["stay", "close", "reset"]

CAPABILITIES = b"IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE UIDPLUS"
_QUOTED = re.compile(rb"\"((?:[^\"\\\r\n\0]|\\[\"\\])*)\"")
_ATOM = re.compile(rb"[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")
_LITERAL = re.compile(rb"\{([0-9]+)(\+?)\}\r\n\Z")
_LETS_IN = re.compile(rb"^(TAG OK|\+OK)", re.MULTILINE)
_KNOWN = (b"CAPABILITY", b"ID", b"NOOP", b"LOGOUT", b"CAPA", b"QUIT", b"XCLIENT", b"ENABLE")


@frozen
class Script:
    """What the next connection meets; `TAG` in a piece is the tag that it answers.

    `greeting` stands for the whole first answer, `capabilities` for the list of IMAP4. `log_on` is the answer to a
    log-on, None to let in; `behind` comes in the same segment as the OK. `relayed` answers the first line behind the
    log-on. `starttls` is the answer to STARTTLS or STLS; with ``plain`` octets behind it, TLS is never begun.
    `ending` comes after the last piece that is scripted.
    """

    greeting: bytes | None = None
    capabilities: bytes = CAPABILITIES
    capability_answer: bytes | None = None
    log_on: bytes | None = None
    behind: bytes = b""
    relayed: bytes | None = None
    starttls: bytes | None = None
    ending: Ending = "stay"


@define
class Visit:
    """One connection. `wild` are lines before the log-on that are no command or break the grammar."""

    logins: list[tuple[bytes, bytes]] = field(factory=list)
    acts_for: list[bytes] = field(factory=list)
    wild: list[bytes] = field(factory=list)
    commands: list[bytes] = field(factory=list)
    relayed: bytes = b""
    secure: bool = False
    over: bool = False


class _GoneError(Exception):
    """The peer's end."""


class MailBackEnd:
    """Listens on `address` from its making, `imap4` and `pop3` are its ports; offers TLS where there is a
    `certificate`."""

    def __init__(self, address: str, certificate: Path | None = None) -> None:
        self.address = address
        self.script = Script()
        self.tls = _context(certificate) if certificate is not None else None
        self._visits: list[Visit] = []
        self._lock = threading.Lock()
        self.imap4, self.pop3 = (self._listen(talk) for talk in (_Imap4, _Pop3))

    def take(self, seconds: float = 5.0) -> list[Visit]:
        """All connections since the last call, when each is over."""
        limit = time.monotonic() + seconds
        while any(not visit.over for visit in self._visits) and time.monotonic() < limit:
            time.sleep(0.002)
        with self._lock:
            visits, self._visits = self._visits, []
        return visits

    def _listen(self, talk: type[_Talk]) -> int:
        port = free_port(self.address)
        listening = socket.create_server((self.address, port), backlog=128)
        threading.Thread(target=self._accept, args=(listening, talk), daemon=True).start()
        return port

    def _accept(self, listening: socket.socket, talk: type[_Talk]) -> None:
        while True:
            connection, _ = listening.accept()
            visit = Visit()
            with self._lock:
                self._visits.append(visit)
            threading.Thread(target=self._serve, args=(talk, connection, visit), daemon=True).start()

    def _serve(self, talk: type[_Talk], connection: socket.socket, visit: Visit) -> None:
        connection.settimeout(20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = talk(connection, visit, self.script, self.tls)
        try:
            with suppress(OSError, _GoneError):
                server.run()
        finally:
            visit.over = True
            server.socket.close()


class _Talk:
    """One connection, as far as both protocols go the same way."""

    def __init__(self, connection: socket.socket, visit: Visit, script: Script, tls: ssl.SSLContext | None) -> None:
        self.socket = connection
        self.visit = visit
        self.script = script
        self.tls = tls
        self._held = b""

    def run(self) -> None:
        """Greeting, log-on, and then line by line until the peer goes."""
        self.say(self.script.greeting or self.greeting())
        self.end_if(self.script.greeting)
        while not self.command():
            pass
        self.relay()

    def greeting(self) -> bytes:
        """The usual one."""
        raise NotImplementedError

    def command(self) -> bool:
        """Read and answer one before the log-on; whether it was a log-on that went well."""
        raise NotImplementedError

    def answer(self, line: bytes) -> bytes:
        """To a line behind the log-on."""
        raise NotImplementedError

    def is_of_log_on(self, line: bytes) -> bool:
        """Whether it is a front end's own question right behind its log-on; it is answered then."""
        return False

    def say(self, data: bytes) -> None:
        """Send."""
        self.socket.sendall(data)

    def line(self) -> bytes:
        """One, with its end."""
        while b"\n" not in self._held:
            self._more()
        line, end, self._held = self._held.partition(b"\n")
        return line + end

    def command_line(self) -> bytes:
        """One, before the log-on; who begins TLS where none is, is left alone."""
        line = self.line()
        if line.startswith(b"\x16"):
            raise _GoneError
        return line

    def exactly(self, octets: int) -> bytes:
        """So many."""
        while len(self._held) < octets:
            self._more()
        piece, self._held = self._held[:octets], self._held[octets:]
        return piece

    def relay(self) -> None:
        """Keep all; answer each line."""
        if self.script.relayed is None:
            self.end_if(self.script.behind or None)
        while True:
            line = self.line()
            if self.is_of_log_on(line):
                continue
            self.visit.relayed += line
            if self.script.relayed is not None:
                self.say(self.script.relayed)
                relayed, self.script = self.script.relayed, Script(ending=self.script.ending)
                self.end_if(relayed)
                continue
            self.say(self.answer(line))
            if line.strip().split(b" ")[-1].upper() in (b"LOGOUT", b"QUIT"):
                raise _GoneError

    def end_if(self, scripted: bytes | None) -> None:
        """What comes after the last piece of the script."""
        if scripted is None or self.script.ending == "stay":
            return
        if self.script.ending == "reset":
            time.sleep(0.05)  # what was sent is to arrive before the reset that would overtake it
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _GoneError
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        while True:
            self.visit.relayed += self._held
            self._held = b""
            self._more()

    def begin_tls(self) -> None:
        """Server's side of the handshake."""
        assert self.tls is not None
        self.socket = self.tls.wrap_socket(self.socket, server_side=True)
        self.visit.secure = True

    def let_in(self, name: bytes, password: bytes, tag: bytes, ok: bytes) -> bool:
        """Whether that goes well."""
        self.visit.logins.append((name, password))
        if self.script.log_on is not None:
            self.say(self.script.log_on.replace(b"TAG", tag))
            if _LETS_IN.search(self.script.log_on):
                return True
            self.end_if(self.script.log_on)
            return False
        self.say(ok + self.script.behind)
        return True

    def sasl_plain(self, response: bytes) -> tuple[bytes, bytes]:
        """Name and password; what is wrong with it is noted."""
        try:
            acts_for, name, password = base64.b64decode(response, validate=True).split(b"\0")
        except ValueError:
            self.visit.wild.append(response)
            return b"", b""
        self.visit.acts_for.append(acts_for)
        return name, password

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            self.visit.relayed += self._held if self.visit.relayed else b""
            raise _GoneError
        self._held += data


class _Imap4(_Talk):
    def greeting(self) -> bytes:
        return b"* OK [CAPABILITY %b%b] ready\r\n" % (self.script.capabilities, self._more_names())

    def _more_names(self) -> bytes:
        return b" AUTH=PLAIN" + (b" STARTTLS" if self.tls is not None and not self.visit.secure else b"")

    def command(self) -> bool:
        line = self._whole()
        tag, _, rest = line.partition(b" ")
        verb = rest.split(b" ")[0].strip().upper()
        self.visit.commands.append(verb)
        if not _ATOM.fullmatch(tag) or not line.endswith(b"\r\n"):
            self.visit.wild.append(line)
        if verb == b"LOGIN":
            words = list(self._strings(rest[6:-2]))
            if len(words) == 2:
                return self.let_in(words[0], words[1], tag, self._ok(tag))
        if verb == b"AUTHENTICATE" and rest[12:].strip().upper().startswith(b"PLAIN"):
            response = rest[12:-2].split(b" ")[2:] or [self._ask()]
            return self.let_in(*self.sasl_plain(response[0]), tag, self._ok(tag))
        self._others(tag, verb, line)
        return False

    def _others(self, tag: bytes, verb: bytes, line: bytes) -> None:
        if verb == b"STARTTLS" and self.tls is not None:
            if self.script.starttls is None:
                self.say(tag + b" OK go\r\n")
                self.begin_tls()
            else:
                self.say(self.script.starttls.replace(b"TAG", tag))
                self.end_if(self.script.starttls)
            return
        if verb not in _KNOWN:
            self.visit.wild.append(line)
        untagged = {
            b"CAPABILITY": b"* CAPABILITY %b%b\r\n" % (self.script.capabilities, self._more_names()),
            b"ID": b'* ID ("name" "lab")\r\n',
            b"LOGOUT": b"* BYE bye\r\n",
        }.get(verb, b"")
        if verb == b"CAPABILITY" and self.script.capability_answer is not None:
            self.say(self.script.capability_answer.replace(b"TAG", tag))
            self.end_if(self.script.capability_answer)
            return
        self.say(untagged + tag + (b" OK done\r\n" if verb in _KNOWN else b" BAD what?\r\n"))
        if verb == b"LOGOUT":
            raise _GoneError

    def is_of_log_on(self, line: bytes) -> bool:
        tag, _, rest = line.partition(b" ")
        if self.visit.relayed or rest.strip().upper() != b"CAPABILITY":
            return False
        self.say(b"* CAPABILITY %b\r\n%b OK done\r\n" % (self.script.capabilities, tag))
        return True

    def _ok(self, tag: bytes) -> bytes:
        return b"%b OK [CAPABILITY %b] in\r\n" % (tag, self.script.capabilities)

    def _ask(self) -> bytes:
        self.say(b"+ \r\n")
        return self.line().rstrip(b"\r\n")

    def _whole(self) -> bytes:
        """A command with its literals."""
        line = self.command_line()
        while literal := _LITERAL.search(line):
            if not literal[2]:
                self.say(b"+ go\r\n")
            line += self.exactly(int(literal[1])) + self.line()
        return line

    def _strings(self, text: bytes) -> Iterator[bytes]:
        """Atoms, quoted strings and literals, with a space before each but the first."""
        place = 0
        while place < len(text):
            literal = re.compile(rb"\{([0-9]+)\+?\}\r\n").match(text, place)
            if literal:
                end = literal.end() + int(literal[1])
                yield text[literal.end() : end]
            elif quoted := _QUOTED.match(text, place):
                end = quoted.end()
                yield re.sub(rb"\\(.)", rb"\1", quoted[1])
            elif atom := _ATOM.match(text, place):
                end = atom.end()
                yield atom[0]
            else:
                self.visit.wild.append(text)
                return
            if text[end : end + 1] not in (b"", b" "):
                self.visit.wild.append(text)
            place = end + 1

    def answer(self, line: bytes) -> bytes:
        tag, _, rest = line.strip().partition(b" ")
        if rest.upper() == b"LOGOUT":
            return b"* BYE bye\r\n" + tag + b" OK bye\r\n"
        return tag + b" OK relayed\r\n"


class _Pop3(_Talk):
    _name = b""

    def greeting(self) -> bytes:
        return b"+OK ready\r\n"

    def command(self) -> bool:
        line = self.command_line()
        verb, _, argument = line.removesuffix(b"\r\n").partition(b" ")
        self.visit.commands.append(verb.upper())
        if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
            self.visit.wild.append(line)
        match verb.upper():
            case b"USER":
                self._name = argument
                self.say(b"+OK\r\n")
            case b"PASS":
                return self.let_in(self._name, argument, b"", b"+OK in\r\n")
            case b"AUTH" if argument.upper().startswith(b"PLAIN"):
                response = argument.split(b" ")[1:] or [self._ask()]
                return self.let_in(*self.sasl_plain(response[0]), b"", b"+OK in\r\n")
            case b"CAPA":
                self._capa()
            case b"STLS" if self.tls is not None:
                self.say(self.script.starttls or b"+OK go\r\n")
                self.end_if(self.script.starttls)
                if self.script.starttls is None:
                    self.begin_tls()
            case known:
                if known not in _KNOWN and known != b"NOOP":
                    self.visit.wild.append(line)
                self.say(b"+OK\r\n" if known in _KNOWN else b"-ERR what?\r\n")
                if known == b"QUIT":
                    raise _GoneError
        return False

    def _ask(self) -> bytes:
        self.say(b"+ \r\n")
        return self.line().rstrip(b"\r\n")

    def _capa(self) -> None:
        more = b"STLS\r\n" if self.tls is not None and not self.visit.secure else b""
        self.say(b"+OK\r\nTOP\r\nUIDL\r\nUSER\r\nPIPELINING\r\n" + more + b"SASL PLAIN\r\n.\r\n")

    def is_of_log_on(self, line: bytes) -> bool:
        if self.visit.relayed or line.strip().upper() != b"CAPA":
            return False
        self._capa()
        return True

    def answer(self, line: bytes) -> bytes:
        return b"+OK bye\r\n" if line.strip().upper() == b"QUIT" else b"+OK relayed\r\n"


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
