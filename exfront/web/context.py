"""What all requests of one client connection share."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime

from exfront.auth.client_certificate import ClientCertificate
from exfront.auth.forms import FormLogOns
from exfront.config.kinds import within
from exfront.config.listener import ListenerSection
from exfront.config.settings import Settings
from exfront.decision import SessionRecord
from exfront.sessions import Session
from exfront.steps import Steps
from exfront.web.access_tokens import AccessTokens
from exfront.web.back_end import BackEndConnection
from exfront.web.basic_log_on import LogOns
from exfront.web.cas_peer import CasPeer
from exfront.web.cas_proxy import CasProxy
from exfront.web.deadline import Deadline
from exfront.web.devices import Devices
from exfront.web.form_sessions import FormSessions
from exfront.web.headers import ClientFacts
from exfront.web.pages import Pages
from exfront.web.passthrough import RouteCookies
from exfront.web.pool import Pool
from exfront.web.route import Route
from exfront.web.trust import told_by_proxy
from exfront.web.virtual_sites import ListenerSites, VirtualSites
from exfront.wire.http1.events import Headers


def _no_tunnel(connection: BackEndConnection, record: SessionRecord, ended: Callable[[], None]) -> None:
    raise AssertionError("not connected")


@frozen
class Cas:
    """What exfront does as a Client Access server: before others, behind others, and before mailbox servers of 2013."""

    proxy: CasProxy
    peer: CasPeer
    tokens: AccessTokens


@define(eq=False)
class ClientContext:
    """Of one connection: its session, what it may use, its log-on, and a back end's connection that belongs to it.

    `route` is that of the last request. `unpinned` is called when the back end has closed the pinned connection;
    `tunnel` joins the client's connection with a back end's.
    """

    session: Session
    steps: Steps
    published: ListenerSites
    listener: ListenerSection
    settings: Settings
    clock: IReactorTime
    pool: Pool
    cookies: RouteCookies
    devices: Devices
    forms: FormLogOns
    pages: Pages
    cas: Cas
    log_ons: LogOns = field(init=False)
    answer_deadline: Deadline = field(init=False)  # of the back end, for whichever request runs
    facts: ClientFacts = field(init=False)  # of the peer of the connection
    sites: VirtualSites = field(init=False)
    proxied: bool = field(init=False)  # the peer is a trusted proxy
    certificate: ClientCertificate | None = field(default=None, init=False)  # of the peer, verified
    peer_names: tuple[str, ...] = field(default=(), init=False)  # in that certificate
    server_name: bytes | None = field(default=None, init=False)  # that the client asked for in TLS
    route: Route | None = field(default=None, init=False)
    pinned: BackEndConnection | None = field(default=None, init=False)
    _form_sessions: FormSessions | None = field(default=None, init=False)
    unpinned: Callable[[], None] = field(default=lambda: None, init=False)
    tunnel: Callable[[BackEndConnection, SessionRecord, Callable[[], None]], None] = field(
        default=_no_tunnel, init=False
    )

    def __attrs_post_init__(self) -> None:
        session = self.session
        self.log_ons = LogOns(self.steps, self.settings.limits, self.clock)
        self.answer_deadline = Deadline(self.clock)
        self.facts = ClientFacts(session.address, session.secure, session.id)
        self.sites = self.published.sites
        self.proxied = within(session.address, self.listener.trusted_proxies)

    @property
    def form_sessions(self) -> FormSessions:
        """Those that come with cookies of this connection; most connections have none."""
        if self._form_sessions is None:
            self._form_sessions = FormSessions(self.steps, self.forms, self.settings.limits, self.clock)
        return self._form_sessions

    def came_in_at(self, address: str) -> None:
        """The own address of the connection is known: some sites may be bound to it."""
        self.sites = self.published.at(address)

    def client(self, headers: Headers) -> ClientFacts:
        """Whose request it is: the peer's, unless that is a trusted proxy, which says so in `headers` (S-HTTP-19)."""
        if self.proxied or self.peer_proof(headers):
            return told_by_proxy(headers, self.facts, self.listener.trusted_proxies)
        return self.facts

    def peer_proof(self, headers: Headers) -> str:
        """How the peer proved to be a Client Access server, where it is asked; empty where it did not (S-AUTH-14)."""
        if not self.listener.proxy_peers:
            return ""
        return self.cas.peer.proof(headers, self.session.address, self.peer_names)

    def named_by_peer(self, headers: Headers) -> str | None:
        """The SID of the user for whom such a peer asks; None for all other requests. Raises `Refused`."""
        return self.cas.peer.named(headers) if self.peer_proof(headers) else None

    def end(self) -> None:
        """The connection is over, and with it what belonged to it."""
        self.reset()
        self.answer_deadline.stop()

    def forget_log_on(self) -> None:
        """A back end has refused the credentials: what was built on them goes too."""
        self.log_ons.forget()
        if self._form_sessions is not None:
            self._form_sessions.forget()
        self.route = None

    def pin(self, connection: BackEndConnection) -> None:
        """From now on `connection` is this client connection's alone, in place of one that was (S-HTTP-33)."""
        former, self.pinned = self.pinned, connection
        connection.pinned = True
        if former is not None and former is not connection:
            former.close()

    def reset(self) -> None:
        """Other credentials end what a connection was logged on as (S-HTTP-34)."""
        pinned, self.pinned = self.pinned, None
        if pinned is not None:
            pinned.close()

    def unpin(self, connection: BackEndConnection) -> None:
        """The back end has closed it: whoever was logged on there must see that."""
        if self.pinned is connection:
            self.pinned = None
            self.unpinned()
