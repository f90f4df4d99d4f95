"""What all requests of one client connection share."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from exfront.config.listener import ListenerSection
from exfront.config.settings import Settings
from exfront.sessions import Session
from exfront.steps import Steps
from exfront.web.auth_http import LogOns
from exfront.web.deadline import Deadline
from exfront.web.headers import ClientFacts
from exfront.web.pool import KeptConnection
from exfront.web.virtual_sites import VirtualSites


@define(eq=False)
class ClientContext:
    """Of one connection: its session, what it may use, its log-on and its kept connection to a back end."""

    session: Session
    steps: Steps
    sites: VirtualSites
    listener: ListenerSection
    settings: Settings
    clock: IReactorTime
    kept: KeptConnection = field(init=False)
    log_ons: LogOns = field(init=False)
    answer_deadline: Deadline = field(init=False)  # of the back end, for whichever request runs
    facts: ClientFacts = field(init=False)

    def __attrs_post_init__(self) -> None:
        session = self.session
        self.kept = KeptConnection(self.clock)
        self.log_ons = LogOns(self.steps, self.settings.limits, self.clock)
        self.answer_deadline = Deadline(self.clock)
        self.facts = ClientFacts(session.address, session.secure, session.id)

    def end(self) -> None:
        """The connection is over."""
        self.kept.end()
        self.answer_deadline.stop()

    @property
    def secret_enough(self) -> bool:
        """Whether passwords may be asked for on this connection (S-AUTH-12)."""
        return self.session.secure or self.listener.allow_plaintext
