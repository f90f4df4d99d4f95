"""What was decided for one request, and holds for all that are like it: the hot path of a kept connection.

A client repeats its header fields from request to request. Where the octets of the fields are the same, and method,
virtual directory, named mailbox, log-on, mailbox and servers too, so is everything that was decided and written for
them: only the request line differs. Nothing is guessed, each of these is compared.
"""

from __future__ import annotations

from attrs import define, field, frozen

from exfront.backends.health import Application
from exfront.decision import Relay
from exfront.facts import Facts, Identity, World
from exfront.interfaces import IDirectory
from exfront.names import LookupKey, decode
from exfront.topology import Mailbox
from exfront.web.access_tokens import PROXY_URI
from exfront.web.back_end import ConnectionKey
from exfront.web.form_sessions import FormUse
from exfront.web.headers import BackEndUrls, ClientFacts
from exfront.web.paths import BadPath, checked, is_plain
from exfront.web.proxy import Terms
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite
from exfront.wire.http1.events import RequestFields, RequestHead


@frozen
class Case:
    """What was asked, and what was found out: a client's request in a virtual directory, for a mailbox.

    `form` is the log-on by form that was used, if one was.

    `segments` are those of the path that decided. `named` are the keys that `facts.mailbox` was found by, if it is not
    the user's own; `query` decided too, where the application looks at it; `dropped` are fields of the request that
    name another mailbox. `cookie` is a line for the answers, but for a 401. `token` tells a server of 2013 who asks.
    `path`, where it is not empty, takes the place of the request's own.
    """

    client: ClientFacts
    site: VirtualSite
    directory: VirtualDirectory
    segments: tuple[bytes, ...]
    world: World
    facts: Facts
    named: tuple[LookupKey, ...] = ()
    query: bytes | None = None
    dropped: frozenset[bytes] = frozenset()
    cookie: bytes = field(default=b"", repr=False)
    token: bytes = field(default=b"", repr=False)
    form: FormUse | None = None
    path: bytes = b""

    @property
    def identity(self) -> Identity:
        """Who asks."""
        return self.facts.identity

    @property
    def mailbox(self) -> Mailbox | None:
        """The one that is opened."""
        return self.facts.mailbox


@define(eq=False)
class Route:
    """`until` is when the log-on must be proven again, in seconds of the clock.

    `section` is the head for the back end behind its first line, `key` says on which connections it may go,
    `application` where it is counted. `path` is as of the `Case`. With `proxy_uri` the server is told the URL that the
    client asked for, of which this is the part before the path.
    """

    fields: RequestFields
    method: bytes
    authority: bytes
    case: Case
    until: float
    relay: Relay
    application: Application
    key: ConnectionKey
    terms: Terms
    section: bytes = field(repr=False)
    urls: BackEndUrls
    path: bytes = b""
    proxy_uri: bytes = b""
    decision: str = field(default="Relay", init=False)  # as logs show it, and the user, and the mailbox
    form: FormUse | None = field(init=False)
    user: str = field(init=False)
    mailbox: str = field(init=False)
    _prefix: bytes = field(init=False)
    _whole: bool = field(init=False)  # the path ended with the segments that decided
    _any_query: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        identity, mailbox, segments = self.case.identity, self.case.mailbox, self.case.segments
        self.form = self.case.form
        self.user = decode(identity.typed)
        self.mailbox = "-" if mailbox is None else mailbox.shown
        # A plain path has no encoded slash: where the first one had, none is the same.
        self._prefix = b"" if any(b"/" in each for each in segments) else b"/" + b"/".join(segments)
        self._any_query = not self.case.directory.application.named_by_query
        self._whole = len(segments) < self.case.site.decisive or not segments[-1]

    def serves(self, head: RequestHead, now: float, world: World, directory: IDirectory) -> bool:
        """Whether all that was decided is so for `head` too, `now` in seconds of the clock."""
        return (
            head.fields is self.fields
            and head.method == self.method
            and now < self.until
            and world is self.case.world
            and head.authority == self.authority
            and self._same_place(head.path)
            and (self._any_query or head.query == self.case.query)
            and self._same_mailbox(directory)
            and not (self.relay.replaceable and self._is_out())
            and (self.form is None or self.form.serves(head))
        )

    def octets(self, head: RequestHead) -> bytes:
        """The head of the request as the back end gets it."""
        target = head.target
        if self.path:
            target = self.path if head.query is None else b"%b?%b" % (self.path, head.query)
        elif not target.startswith(b"/"):  # the absolute form
            target = head.path if head.query is None else b"%b?%b" % (head.path, head.query)
        told = b"%b: %b%b\r\n" % (PROXY_URI, self.proxy_uri, target) if self.proxy_uri else b""
        return b"%b %b HTTP/1.1\r\n%b%b" % (head.method, target, told, self.section)  # all as the grammar read them

    def _is_out(self) -> bool:
        """Whether another server is to be chosen."""
        health = self.case.world.health(self.relay.server.name, "http", self.case.facts.application)
        return health is not None and health.state == "out"

    def _same_mailbox(self, directory: IDirectory) -> bool:
        named = self.case.named
        return not named or directory.cached_find(named) is self.case.facts.mailbox

    def _same_place(self, path: bytes) -> bool:
        prefix = self._prefix
        if prefix and is_plain(path):
            if self._whole:
                return path == prefix
            return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"/", b"")
        if self._whole:
            return False
        try:
            return checked(path)[: self.case.site.decisive] == self.case.segments
        except BadPath:
            return False
