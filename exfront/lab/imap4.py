"""The IMAP4rev1 service of the lab's mailbox servers (RFC 3501): what curl, mutt, mbsync and fetchmail need.

For loopback only: a front end speaks to it, or somebody who tries the lab. exfront itself uses nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum

from attrs import frozen
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from exfront.lab.imap4_fetch import SEEN, read_date
from exfront.lab.imap4_syntax import (
    BadSyntax,
    Command,
    CommandReader,
    Event,
    Line,
    Ready,
    Token,
    in_list,
    nstring,
    string,
)
from exfront.lab.imap4_view import No, View, flag_names
from exfront.lab.mailboxes import Folder, Mailbox, Mailboxes
from exfront.wire.sasl import BadSasl, decode_initial_response, decode_response, read_plain

_CAPABILITIES = b"IMAP4rev1 LITERAL+ ID"
_BEFORE_LOGIN = b"SASL-IR AUTH=PLAIN"
_AFTER_LOGIN = b"IDLE NAMESPACE UNSELECT UIDPLUS CHILDREN"


class State(Enum):
    """When a command may be given."""

    NEVER = 0
    ALWAYS = 1
    BEFORE_LOGIN = 2
    AFTER_LOGIN = 3
    SELECTED = 4


@frozen
class Call:
    """A command on its way; `by_uid` where UID stood before it."""

    tag: bytes
    arguments: tuple[Token, ...]
    by_uid: bool = False

    def taking(self, least: int, most: int | None = None) -> tuple[Token, ...]:
        """The arguments, if there are `least` of them, or up to `most`. Raises `BadSyntax`."""
        if not least <= len(self.arguments) <= (least if most is None else most):
            raise BadSyntax("wrong number of arguments")
        return self.arguments


class Imap4Server(Protocol):
    """One connection. A command's method returns the rest of its tagged line, None where that comes later."""

    def __init__(self, mailboxes: Mailboxes) -> None:
        self._server = mailboxes
        self._reader = CommandReader()
        self._mailbox: Mailbox | None = None
        self._view: View | None = None
        self._waiting: Callable[[bytes], None] | None = None  # for the line that is no command
        self._idle = False

    def connectionMade(self) -> None:
        """Greet."""
        self._untagged(b"OK [CAPABILITY %s] %s is ready" % (self._capabilities(), self._server.host.encode()))

    def dataReceived(self, data: bytes) -> None:
        """Do all commands that are complete, one after the other."""
        for event in self._reader.feed(data):
            self._do(event)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Look at no folder any more."""
        self._leave()

    def _do(self, event: Event) -> None:
        if isinstance(event, Command):
            self._command(event)
        elif isinstance(event, Ready):
            self._say(b"+ go ahead")
        elif isinstance(event, Line):
            waiting, self._waiting = self._waiting, None
            assert waiting is not None  # a line is only asked for by who waits for it
            waiting(event.text)
        else:
            self._say(event.tag + b" BAD " + event.why.encode())
            if event.fatal:
                self._close()

    def _command(self, command: Command) -> None:
        try:
            name, call = _call(command)
            state, run = _COMMANDS.get(name, _UNKNOWN)
            if not self._allows(state):
                raise BadSyntax("not a command, or not at this time")
            answer = run(self, call)
        except BadSyntax as error:
            answer = b"BAD " + str(error).encode()
        except No as error:
            answer = b"NO " + str(error).encode()
        if answer is not None:
            self._end(command.tag, answer, vanish=command.name not in _KEEP_NUMBERS)

    def _allows(self, state: State) -> bool:
        return {
            State.NEVER: False,
            State.ALWAYS: True,
            State.BEFORE_LOGIN: self._mailbox is None,
            State.AFTER_LOGIN: self._mailbox is not None,
            State.SELECTED: self._view is not None,
        }[state]

    def _end(self, tag: bytes, answer: bytes, vanish: bool = True) -> None:
        if self._view is not None:
            self._view.news(vanish)
        self._say(tag + b" " + answer)

    def _say(self, line: bytes) -> None:
        if self.transport is not None:
            self.transport.write(line + b"\r\n")

    def _untagged(self, line: bytes) -> None:
        self._say(b"* " + line)

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def _ask_line(self, waiting: Callable[[bytes], None]) -> None:
        self._waiting = waiting
        self._reader.line_expected = True

    # --- at any time

    def capability(self, call: Call) -> bytes:
        """CAPABILITY."""
        self._untagged(b"CAPABILITY " + self._capabilities())
        return b"OK these"

    def noop(self, call: Call) -> bytes:
        """NOOP, CHECK."""
        return b"OK done"

    def identify(self, call: Call) -> bytes:
        """ID (RFC 2971): tells which server this is."""
        self._untagged(b"ID " + in_list(*map(nstring, (b"name", b"exfront lab", b"host", self._server.host.encode()))))
        return b"OK known"

    def logout(self, call: Call) -> None:
        """LOGOUT."""
        self._untagged(b"BYE from " + self._server.host.encode())
        self._say(call.tag + b" OK bye")
        self._close()

    def _capabilities(self) -> bytes:
        return _CAPABILITIES + b" " + (_BEFORE_LOGIN if self._mailbox is None else _AFTER_LOGIN)

    # --- log-on

    def login(self, call: Call) -> bytes:
        """LOGIN."""
        name, password = map(string, call.taking(2))
        return self._log_on(name, password)

    def authenticate(self, call: Call) -> bytes | None:
        """AUTHENTICATE PLAIN, with the response at once (RFC 4959) or behind a prompt."""
        mechanism, *response = map(string, call.taking(1, 2))
        if mechanism.upper() != b"PLAIN":
            raise No("only PLAIN is known")
        if response:
            return self._plain(decode_initial_response, response[0])
        self._ask_line(lambda line: self._end(call.tag, self._plain(decode_response, line)))
        self._say(b"+ ")
        return None

    def _plain(self, decode: Callable[[bytes], bytes], response: bytes) -> bytes:
        try:
            plain = read_plain(decode(response))
        except BadSasl:
            return b"BAD not a response of PLAIN"
        return self._log_on(plain.name, plain.secret.reveal())

    def _log_on(self, name: bytes, password: bytes) -> bytes:
        self._mailbox = self._server.log_on(name, password)
        if self._mailbox is None:
            return b"NO [AUTHENTICATIONFAILED] wrong name or password, or a user of another server"
        return b"OK [CAPABILITY %s] logged in at %s" % (self._capabilities(), self._server.host.encode())

    # --- folders

    def namespace(self, call: Call) -> bytes:
        """NAMESPACE (RFC 2342): the user's own only."""
        self._untagged(b'NAMESPACE (("" "/")) NIL NIL')
        return b"OK this"

    def list(self, call: Call) -> bytes:
        """LIST."""
        return self._list(b"LIST", call)

    def lsub(self, call: Call) -> bytes:
        """LSUB: all folders are subscribed."""
        return self._list(b"LSUB", call)

    def _list(self, word: bytes, call: Call) -> bytes:
        reference, pattern = map(string, call.taking(2))
        if not pattern:
            self._untagged(word + b' (\\Noselect) "/" ""')
            return b"OK listed"
        wanted = _pattern(reference + pattern)
        for folder in self._own().folders:
            if wanted.fullmatch(folder.name):
                self._untagged(word + b' (\\HasNoChildren) "/" ' + nstring(folder.name.encode()))
        return b"OK listed"

    def status(self, call: Call) -> bytes:
        """STATUS."""
        name, asked = call.taking(2)
        folder = self._folder(name)
        counts = {
            b"MESSAGES": len(folder.messages),
            b"RECENT": 0,
            b"UIDNEXT": folder.uid_next,
            b"UIDVALIDITY": folder.uid_validity,
            b"UNSEEN": sum(SEEN not in message.flags for message in folder.messages),
        }
        names = [string(each).upper() for each in asked] if isinstance(asked, tuple) else []
        if not names or not counts.keys() >= set(names):
            raise BadSyntax("unknown item")
        answers = in_list(*(b"%s %d" % (each, counts[each]) for each in names))
        self._untagged(b"STATUS %s %s" % (nstring(folder.name.encode()), answers))
        return b"OK this"

    def append(self, call: Call) -> bytes:
        """APPEND, with the UID of RFC 4315."""
        name, *options, octets = call.taking(2, 4)
        folder = self._folder(name)
        flags = flag_names([options.pop(0)]) if options and isinstance(options[0], tuple) else set()
        date = read_date(string(options.pop())) if options else None
        if options:
            raise BadSyntax("wrong order of arguments")
        message = folder.append(string(octets), flags, date)
        return b"OK [APPENDUID %d %d] kept until the lab ends" % (folder.uid_validity, message.uid)

    def fixed(self, call: Call) -> bytes:
        """CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE."""
        raise No("[CANNOT] the lab's folders are as they are")

    def _own(self) -> Mailbox:
        assert self._mailbox is not None  # the table of commands sees to it
        return self._mailbox

    def _folder(self, name: Token) -> Folder:
        folder = self._own().folder(string(name).decode("utf-8", "replace"))
        if folder is None:
            raise No("[NONEXISTENT] there is no such folder")
        return folder

    # --- a selected folder

    def select(self, call: Call) -> bytes:
        """SELECT."""
        return self._open(call, writable=True)

    def examine(self, call: Call) -> bytes:
        """EXAMINE."""
        return self._open(call, writable=False)

    def _open(self, call: Call, writable: bool) -> bytes:
        (name,) = call.taking(1)
        self._leave()
        folder = self._folder(name)
        self._view = View(folder, writable, self._untagged)
        folder.watchers.append(self._changed)
        return b"OK " + self._view.open() + b"at " + self._server.host.encode()

    def _leave(self) -> None:
        if self._view is not None:
            self._view.folder.watchers.remove(self._changed)
            self._view = None

    def _changed(self) -> None:
        if self._idle and self._view is not None:
            self._view.news()

    def close(self, call: Call) -> bytes:
        """CLOSE."""
        view = self._selected()
        self._leave()
        view.close()
        return b"OK closed"

    def unselect(self, call: Call) -> bytes:
        """UNSELECT (RFC 3691): as CLOSE, but nothing is expunged."""
        self._leave()
        return b"OK closed"

    def idle(self, call: Call) -> None:
        """IDLE (RFC 2177)."""
        self._idle = True
        self._ask_line(lambda line: self._done(call.tag, line))
        self._say(b"+ idling")

    def _done(self, tag: bytes, line: bytes) -> None:
        self._idle = False
        self._end(tag, b"OK" if line.upper() == b"DONE" else b"BAD", vanish=True)

    def fetch(self, call: Call) -> bytes:
        """FETCH."""
        chosen, what = call.taking(2)
        return b"OK " + self._selected().fetch(chosen, what, call.by_uid)

    def store(self, call: Call) -> bytes:
        """STORE."""
        chosen, how, *flags = call.taking(3, 100)
        return b"OK " + self._selected().store(chosen, how, flags, call.by_uid)

    def search(self, call: Call) -> bytes:
        """SEARCH."""
        return b"OK " + self._selected().search(call.arguments, call.by_uid)

    def copy(self, call: Call) -> bytes:
        """COPY."""
        chosen, name = call.taking(2)
        return b"OK " + self._selected().copy(chosen, self._folder(name), call.by_uid)

    def expunge(self, call: Call) -> bytes:
        """EXPUNGE, UID EXPUNGE (RFC 4315)."""
        chosen = call.taking(1)[0] if call.by_uid else None
        return b"OK " + self._selected().expunge(chosen)

    def _selected(self) -> View:
        assert self._view is not None  # the table of commands sees to it
        return self._view


_Run = Callable[[Imap4Server, Call], bytes | None]


def _rows(state: State, **methods: _Run) -> Iterator[tuple[bytes, tuple[State, _Run]]]:
    for name, method in methods.items():
        yield name.encode(), (state, method)


_COMMANDS: Mapping[bytes, tuple[State, _Run]] = dict(
    (
        *_rows(State.ALWAYS, CAPABILITY=Imap4Server.capability, NOOP=Imap4Server.noop, ID=Imap4Server.identify),
        *_rows(State.ALWAYS, LOGOUT=Imap4Server.logout),
        *_rows(State.BEFORE_LOGIN, LOGIN=Imap4Server.login, AUTHENTICATE=Imap4Server.authenticate),
        *_rows(State.AFTER_LOGIN, NAMESPACE=Imap4Server.namespace, LIST=Imap4Server.list, LSUB=Imap4Server.lsub),
        *_rows(State.AFTER_LOGIN, STATUS=Imap4Server.status, APPEND=Imap4Server.append, IDLE=Imap4Server.idle),
        *_rows(State.AFTER_LOGIN, SELECT=Imap4Server.select, EXAMINE=Imap4Server.examine),
        *_rows(State.AFTER_LOGIN, CREATE=Imap4Server.fixed, DELETE=Imap4Server.fixed, RENAME=Imap4Server.fixed),
        *_rows(State.AFTER_LOGIN, SUBSCRIBE=Imap4Server.fixed, UNSUBSCRIBE=Imap4Server.fixed),
        *_rows(State.SELECTED, CHECK=Imap4Server.noop, CLOSE=Imap4Server.close, UNSELECT=Imap4Server.unselect),
        *_rows(State.SELECTED, FETCH=Imap4Server.fetch, STORE=Imap4Server.store, SEARCH=Imap4Server.search),
        *_rows(State.SELECTED, COPY=Imap4Server.copy, EXPUNGE=Imap4Server.expunge),
    )
)
_UNKNOWN = (State.NEVER, Imap4Server.noop)
_WITH_UID = frozenset((b"FETCH", b"STORE", b"SEARCH", b"COPY", b"EXPUNGE"))
_KEEP_NUMBERS = frozenset((b"FETCH", b"STORE", b"SEARCH"))  # RFC 3501 section 7.4.1: no EXPUNGE in their answers


def _call(command: Command) -> tuple[bytes, Call]:
    """The command's name and arguments, without the word UID."""
    if command.name != b"UID":
        return command.name, Call(command.tag, command.arguments)
    name, *arguments = command.arguments or (b"",)
    if string(name).upper() not in _WITH_UID:
        raise BadSyntax("nothing that UID goes with")
    return string(name).upper(), Call(command.tag, tuple(arguments), by_uid=True)


def _pattern(pattern: bytes) -> re.Pattern[str]:
    """``*`` stands for anything, ``%`` for anything within one level; INBOX is the same in any case."""
    text = pattern.decode("utf-8", "replace")
    text = "INBOX" if text.upper() == "INBOX" else text
    return re.compile(re.escape(text).replace(r"\*", ".*").replace("%", "[^/]*"))
