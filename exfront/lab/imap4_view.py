"""A folder as one IMAP4 client sees it: its sequence numbers, and the commands of the selected state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from exfront.lab.imap4_fetch import SEEN, fetched, flag_list, items, marks_seen
from exfront.lab.imap4_search import Candidate, Limits, search_test
from exfront.lab.imap4_syntax import BadSyntax, Token, numbers, string
from exfront.lab.mailboxes import Folder, Message

DELETED = "\\Deleted"
_SYSTEM_FLAGS = {flag.lower(): flag for flag in ("\\Answered", "\\Flagged", DELETED, SEEN, "\\Draft")}
FLAGS = b"(" + " ".join(_SYSTEM_FLAGS.values()).encode() + b")"


class No(Exception):  # noqa: N818 - an answer to a client
    """A command that cannot be done; the message goes into a NO."""


class View:
    """A selected folder. Untagged responses go to `say` one by one, without CRLF; commands return what follows OK."""

    def __init__(self, folder: Folder, writable: bool, say: Callable[[bytes], None]) -> None:
        self.folder = folder
        self._writable = writable
        self._say = say
        self._shown: list[Message] = []  # by sequence number, from 1
        self._flags: dict[Message, frozenset[str]] = {}  # as the client knows them

    def open(self) -> bytes:
        """Describe the folder, as SELECT and EXAMINE do."""
        self._say(b"FLAGS " + FLAGS)
        permanent = FLAGS[:-1] + b" \\*)" if self._writable else b"()"
        self._say(b"OK [PERMANENTFLAGS %s] kept until the lab ends" % permanent)
        self._show(self.folder.messages)
        self._say(b"%d EXISTS" % len(self._shown))
        self._say(b"0 RECENT")
        unseen = next((number for number, message in self._numbered() if SEEN not in message.flags), None)
        if unseen is not None:
            self._say(b"OK [UNSEEN %d] the first one not seen" % unseen)
        self._say(b"OK [UIDVALIDITY %d] for this run of the lab" % self.folder.uid_validity)
        self._say(b"OK [UIDNEXT %d] the next one" % self.folder.uid_next)
        return b"[READ-WRITE] " if self._writable else b"[READ-ONLY] "

    def news(self, vanish: bool = True) -> None:
        """Tell what changed since the client was last told; `vanish` where sequence numbers may change."""
        present = set(self.folder.messages)
        if vanish:
            for number, message in reversed(list(self._numbered())):
                if message not in present:
                    self._say(b"%d EXPUNGE" % number)
                    del self._shown[number - 1], self._flags[message]
        added = [message for message in self.folder.messages if message not in self._flags]
        if added:
            self._show(added)
            self._say(b"%d EXISTS" % len(self._shown))
        for number, message in self._numbered():
            if self._flags[message] != message.flags:
                self._flags[message] = frozenset(message.flags)
                self._say(b"%d FETCH (FLAGS %s UID %d)" % (number, flag_list(message), message.uid))

    def fetch(self, chosen: Token, what: Token, by_uid: bool) -> bytes:
        """FETCH. Raises `BadSyntax`."""
        names = items(what)
        if by_uid and b"UID" not in map(bytes.upper, names):
            names = (b"UID", *names)
        for number, message in self._chosen(chosen, by_uid):
            self._say(b"%d FETCH " % number + fetched(message, names))
            if self._writable and marks_seen(names) and SEEN not in message.flags:
                message.flags.add(SEEN)
                self.folder.changed()
        return b"fetched"

    def store(self, chosen: Token, how: Token, flags: Sequence[Token], by_uid: bool) -> bytes:
        """STORE. Raises `BadSyntax` and `No`."""
        self._must_be_writable()
        sign, _, silent = string(how).upper().partition(b".")
        if sign not in (b"FLAGS", b"+FLAGS", b"-FLAGS") or silent not in (b"", b"SILENT"):
            raise BadSyntax("neither FLAGS nor +FLAGS nor -FLAGS")
        wanted = flag_names(flags)
        for number, message in self._chosen(chosen, by_uid):
            if sign == b"FLAGS":
                message.flags = set(wanted)
            elif sign == b"+FLAGS":
                message.flags |= wanted
            else:
                message.flags -= wanted
            self._flags[message] = frozenset(message.flags)
            if not silent:
                uid = b" UID %d" % message.uid if by_uid else b""
                self._say(b"%d FETCH (FLAGS %s%s)" % (number, flag_list(message), uid))
        self.folder.changed()
        return b"stored"

    def search(self, keys: Sequence[Token], by_uid: bool) -> bytes:
        """SEARCH. Raises `BadSyntax` and `No`."""
        if len(keys) > 1 and isinstance(keys[0], bytes) and keys[0].upper() == b"CHARSET":
            if string(keys[1]).upper() not in (b"US-ASCII", b"UTF-8"):
                raise No("[BADCHARSET (US-ASCII UTF-8)] unknown character set")
            keys = keys[2:]
        test = search_test(tuple(keys), Limits(len(self._shown), self._last_uid()))
        found = [
            message.uid if by_uid else number
            for number, message in self._numbered()
            if test(Candidate(number, message))
        ]
        self._say(b" ".join([b"SEARCH", *(b"%d" % each for each in found)]))
        return b"searched"

    def copy(self, chosen: Token, target: Folder, by_uid: bool) -> bytes:
        """COPY, with the UIDs of RFC 4315. Raises `BadSyntax`."""
        messages = [message for _, message in self._chosen(chosen, by_uid)]
        copies = [target.append(message.octets, message.flags, message.date) for message in messages]
        if not copies:
            return b"nothing to copy"
        return b"[COPYUID %d %s %s] copied" % (target.uid_validity, _uid_set(messages), _uid_set(copies))

    def expunge(self, chosen: Token | None = None) -> bytes:
        """Remove what is marked as deleted, of the UIDs `chosen` only where given. Raises `BadSyntax` and `No`."""
        self._must_be_writable()
        messages = self._shown if chosen is None else [message for _, message in self._chosen(chosen, by_uid=True)]
        gone = {message for message in messages if DELETED in message.flags}
        if gone:
            self.folder.remove(gone)
        return b"expunged"

    def close(self) -> None:
        """CLOSE: expunge without a word."""
        if self._writable:
            self.expunge()

    def _must_be_writable(self) -> None:
        if not self._writable:
            raise No("the folder was opened read-only")

    def _show(self, messages: Sequence[Message]) -> None:
        self._shown.extend(messages)
        self._flags.update((message, frozenset(message.flags)) for message in messages)

    def _numbered(self) -> Iterator[tuple[int, Message]]:
        return enumerate(tuple(self._shown), 1)

    def _last_uid(self) -> int:
        return self._shown[-1].uid if self._shown else 0

    def _chosen(self, chosen: Token, by_uid: bool) -> list[tuple[int, Message]]:
        sets = numbers(chosen, self._last_uid() if by_uid else len(self._shown))
        return [
            (number, message)
            for number, message in self._numbered()
            if any((message.uid if by_uid else number) in each for each in sets)
        ]


def flag_names(flags: Sequence[Token]) -> set[str]:
    r"""Flags as a client writes them, in a list or without; \Recent is not a client's to set. Raises `BadSyntax`."""
    each = flags[0] if len(flags) == 1 and isinstance(flags[0], tuple) else flags
    names = [string(flag).decode("latin-1") for flag in each]
    return {_SYSTEM_FLAGS.get(name.lower(), name) for name in names if name.lower() != "\\recent"}


def _uid_set(messages: Sequence[Message]) -> bytes:
    return b",".join(b"%d" % message.uid for message in messages)
