"""What back ends can do, as they said it themselves, and what all of them can: that alone may be promised before a
log-on, when nobody knows yet where it leads (S-MAIL-4).

A server's list after login counts; as long as nobody has logged on there, the one before login.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from attrs import define, field, frozen
from twisted.logger import Logger

from exfront import limits
from exfront.topology import Protocol, Topology

_log = Logger()

_TOLD = 10  # names of servers in one log line
_CLIENT_ACCESS_FROM, _MAILBOX_SERVERS_FROM = 8, 15  # major versions of Exchange
MailProtocol = Literal["imap4", "pop3"]


@frozen
class Learned:
    """Of one service of a server: `before` and `after` login, as spelt, each None where that was never seen.

    IMAP4's are names, POP3's are lines. `mechanisms` are the SASL mechanisms that it offers, in capital letters.
    """

    before: tuple[bytes, ...] | None = None
    after: tuple[bytes, ...] | None = None
    mechanisms: frozenset[bytes] | None = None

    @property
    def names(self) -> tuple[bytes, ...] | None:
        """What counts; None where nothing is known."""
        return self.before if self.after is None else self.after


@frozen
class Shared:
    """What all back ends of a protocol keep; `names` in the order and spelling of the first.

    `complete` says that something is known of every one; else nothing is shared. `known` is what those that are known
    have in common, in capital letters: what is not in it is lacking somewhere. None where nobody is known.
    """

    names: tuple[bytes, ...] = ()
    mechanisms: frozenset[bytes] = frozenset()
    complete: bool = False
    known: frozenset[bytes] | None = None

    def lacks(self, name: bytes) -> bool:
        """Whether a back end is known to do without `name`, in capital letters."""
        return self.known is not None and name not in self.known


NOTHING_SHARED = Shared()
_NOTHING = Learned()


def common(learned: Iterable[Learned | None]) -> Shared:
    """What all of these share; None stands for a server that nothing is known of."""
    every = list(learned)
    lists = [each.names for each in every if each is not None and each.names is not None]
    if not lists:
        return NOTHING_SHARED
    known = frozenset.intersection(*(frozenset(map(bytes.upper, names)) for names in lists))
    if len(lists) < len(every):
        return Shared(known=known)
    names = tuple(name for name in lists[0] if name.upper() in known)
    mechanisms = [each.mechanisms or frozenset() for each in every if each is not None]
    return Shared(names, frozenset.intersection(*mechanisms), complete=True, known=known)


Key = tuple[MailProtocol, str]  # a server's name in lower case


@define(eq=False)
class Capabilities:
    """What was learned of each server; `changed` is called when that is something new.

    `token_refusal` is the challenge by which a back end last refused a token: whoever names nobody gets the same, so
    that it tells no guesser who is there (S-AUTH-6).

    Servers come from configuration and directory alone, so that the table is bounded by them; lists are cut.
    """

    changed: Callable[[], None] = lambda: None
    token_refusal: bytes = b""
    _learned: dict[Key, Learned] = field(factory=dict)
    _seen: set[Key] = field(factory=set)  # in this process
    _told: dict[MailProtocol, str] = field(factory=dict)
    _due: dict[Key, float] = field(factory=dict)
    _shared: dict[MailProtocol, tuple[Topology, Shared]] = field(factory=dict)

    def learn(
        self,
        server: str,
        protocol: Protocol,
        *,
        before: Sequence[bytes] | None = None,
        after: Sequence[bytes] | None = None,
        mechanisms: frozenset[bytes] | None = None,
    ) -> None:
        """Note what the server has said of itself now; what is None was not said, and stays as it was."""
        assert protocol != "http"
        key = (protocol, server.lower())
        if key not in self._seen:
            self._seen.add(key)
            self._shared.pop(protocol, None)
        known = self._learned.get(key, _NOTHING)
        mechanisms = known.mechanisms if mechanisms is None else mechanisms
        new = Learned(_news(known.before, before), _news(known.after, after), mechanisms)
        if new != known:
            self._learned[key] = new
            self._shared.pop(protocol, None)
            self.changed()

    def is_due(self, server: str, protocol: MailProtocol, now: float) -> bool:
        """Whether the server should be asked once more, at `now` in seconds; not again then for a while."""
        key = (protocol, server.lower())
        if now < self._due.get(key, now):
            return False
        self._due[key] = now + limits.CAPABILITY_TIME
        return True

    def shared(self, protocol: MailProtocol, topology: Topology) -> Shared:
        """What all servers keep that users of `protocol` may be relayed to, with those that they were relayed to."""
        found = self._shared.get(protocol)
        if found is not None and found[0] is topology:
            return found[1]
        wanted = _back_ends(topology, protocol) | {name for spoken, name in self._seen if spoken == protocol}
        shared = common(self._learned.get((protocol, name)) for name in sorted(wanted))
        self._shared[protocol] = (topology, shared)
        self._tell(protocol, shared, wanted)
        return shared

    def _tell(self, protocol: MailProtocol, shared: Shared, wanted: set[str]) -> None:
        """Once for each change: whoever misses a capability looks here."""
        unknown = sorted(name for name in wanted if self._learned.get((protocol, name), _NOTHING).names is None)
        names = " ".join(name.decode("ascii", "replace") for name in shared.names)
        text = f"unknown servers: {', '.join(unknown[:_TOLD])}" if unknown else f"all {len(wanted)} servers: {names}"
        if text != self._told.get(protocol):
            self._told[protocol] = text
            _log.info("capabilities {protocol} {text}", protocol=protocol, text=text)

    def all(self) -> Iterator[tuple[Key, Learned]]:
        """All that was learned."""
        yield from self._learned.items()

    def restore(self, learned: Mapping[Key, Learned]) -> None:
        """What an earlier process had learned; what this one knows by itself stays."""
        self._learned = {**learned, **self._learned}
        self._shared.clear()


def _back_ends(topology: Topology, protocol: MailProtocol) -> set[str]:
    """The names of the servers that have mailboxes of that protocol: the configuration's, and in a directory those with
    databases, or before them, from Exchange 2007 to 2010, the Client Access servers."""
    owners = {database.server.lower() for database in topology.databases}
    found = set()
    for server in topology.servers:
        version = server.version
        before_mailboxes = version is not None and _CLIENT_ACCESS_FROM <= version.major < _MAILBOX_SERVERS_FROM
        has_any = "client_access" in server.roles if before_mailboxes else server.name.lower() in owners
        if server.service(protocol) is not None and (server.listed or has_any):
            found.add(server.name.lower())
    return found


def _news(known: tuple[bytes, ...] | None, said: Sequence[bytes] | None) -> tuple[bytes, ...] | None:
    """What is known from now on; mostly the same was said again."""
    return known if said is None or said == known else _cut(said)


def _cut(names: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(name for name in names if len(name) <= limits.CAPABILITY_OCTETS)[: limits.CAPABILITIES]
