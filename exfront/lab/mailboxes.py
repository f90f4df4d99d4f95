"""The mailboxes of the lab's mailbox servers, in memory: gone when the lab ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.resources import files

from attrs import define, field

from exfront.lab.mime import Part
from exfront.lab.people import DNS_DOMAIN, PEOPLE, Person, proven

INBOX = "INBOX"
FOLDERS = (INBOX, "Drafts", "Sent Items", "Deleted Items")


@define(eq=False)
class Message:
    """One mail: its octets as a client gets them, lines ended by CRLF, and its IMAP4 flags."""

    uid: int
    octets: bytes
    date: datetime
    flags: set[str] = field(factory=set)


@define(eq=False)
class Folder:
    """Messages in the order of their UIDs; `watchers` are called after every change."""

    name: str
    uid_validity: int
    messages: list[Message] = field(factory=list)
    uid_next: int = 1
    watchers: list[Callable[[], None]] = field(factory=list)

    def append(self, octets: bytes, flags: Collection[str] = (), date: datetime | None = None) -> Message:
        """Add a message at the end."""
        message = Message(self.uid_next, octets, date or datetime.now(UTC), set(flags))
        self.uid_next += 1
        self.messages.append(message)
        self.changed()
        return message

    def remove(self, gone: Collection[Message]) -> None:
        """Take messages out for good."""
        self.messages = [message for message in self.messages if message not in gone]
        self.changed()

    def changed(self) -> None:
        """Tell all who look at this folder."""
        for watcher in tuple(self.watchers):
            watcher()


@define(eq=False)
class Mailbox:
    """The folders of one user."""

    person: Person
    folders: Sequence[Folder]

    def folder(self, name: str) -> Folder | None:
        """By name; only INBOX is the same in any case (RFC 3501 section 5.1)."""
        wanted = INBOX if name.upper() == INBOX else name
        return next((folder for folder in self.folders if folder.name == wanted), None)

    @property
    def inbox(self) -> Folder:
        """The one folder that POP3 knows."""
        return self.folders[0]


@define(eq=False)
class Mailboxes:
    """All mailboxes of one mailbox server, `server` its short name."""

    server: str
    _mailboxes: Sequence[Mailbox]

    @property
    def host(self) -> str:
        """What the server calls itself."""
        return f"{self.server}.{DNS_DOMAIN}"

    def log_on(self, name: bytes, password: bytes) -> Mailbox | None:
        """The mailbox of a user who lives here and knows the password."""
        person = proven(name, password)
        return next((mailbox for mailbox in self._mailboxes if mailbox.person is person), None)

    def named(self, name: str) -> Mailbox | None:
        """The mailbox that a URL names, by any name of its user."""
        return next((mailbox for mailbox in self._mailboxes if mailbox.person.answers_to(name)), None)


def mailboxes(server: str) -> Mailboxes:
    """The mailboxes on one server, each with its first mails."""
    return Mailboxes(server, [_mailbox(person) for person in PEOPLE if person.server == server])


def _mailbox(person: Person) -> Mailbox:
    began = int(time.time())  # another start of the lab has other messages behind the same UIDs
    mailbox = Mailbox(person, [Folder(name, began) for name in FOLDERS])
    for octets in _first_mails(person):
        sent = Part(octets).field(b"date") or b""
        mailbox.inbox.append(octets, date=parsedate_to_datetime(sent.decode("ascii")))
    return mailbox


def _first_mails(person: Person) -> list[bytes]:
    names = {b"$SERVER": person.server.upper(), b"$ALIAS": person.alias, b"$NAME": person.name}
    mails = []
    for file in sorted(files("exfront.lab").joinpath("mail").iterdir(), key=lambda file: file.name):
        octets = b"\r\n".join(file.read_bytes().splitlines()) + b"\r\n"
        for mark, text in names.items():
            octets = octets.replace(mark, text.encode())
        mails.append(octets)
    return mails
