"""What routing decides, and what a finished session leaves behind; values only."""

from __future__ import annotations

from typing import Literal

from attrs import define, field, frozen

from exfront.because import Because
from exfront.reasons import Reason
from exfront.topology import LoginAs, Scheme, Server, Service


@frozen
class Relay:
    """Relay to this server's service; `login_as` says which of the account's names is used there.

    `schemes` are those that it may be logged on to by, the best first. `replaceable` servers have others that would do
    as well: they are left alone longer when they are out, and the choice is made anew. `proxy_url` is the InternalURL
    of a Client Access server that learns by the serialized security context who asks (441); empty for all others.
    With `token` the server learns it by X-CommonAccessToken (2013). What is so told counts only from who has proven to
    be a Client Access server, so that we prove it there, and nowhere else.
    """

    server: Server
    service: Service
    login_as: LoginAs
    because: tuple[Because, ...] = ()
    schemes: tuple[Scheme, ...] = ("basic",)
    replaceable: bool = False
    proxy_url: str = ""
    token: bool = False

    @property
    def proves(self) -> bool:
        """Whether we prove to the server what we are (S-AUTH-14)."""
        return self.token or bool(self.proxy_url)


@frozen
class ProxyToCas:
    """Proxy to the Client Access server of another site, at its InternalURL.

    `how` the second one learns who asks: ``basic``, its directory takes the password as well; ``context``, by the
    serialized security context alone (441).
    """

    server: Server
    service: Service
    url: str
    how: Literal["basic", "context"]
    login_as: LoginAs
    because: tuple[Because, ...] = ()


@frozen
class LinkPage:
    """A page with a link to the ExternalURL of the mailbox's site; `url` may be shown (S-ROUTE-7)."""

    url: str
    because: tuple[Because, ...] = ()


@frozen
class Redirect:
    """Send the client elsewhere: `url` may be shown (S-ROUTE-7), `status` is HTTP's."""

    url: str
    status: int = 302
    because: tuple[Because, ...] = ()


@frozen
class OwnDirectory:
    """Send the client to the virtual directory of this very site that has that application.

    `mailbox` is the address of the one that is opened there, empty for the user's own.
    """

    application: str
    mailbox: str = ""
    because: tuple[Because, ...] = ()


@frozen
class Refuse:
    """No: the reason, and for the log what exactly was missing; `server` is the name of the one that it is about."""

    reason: Reason
    detail: str = ""
    because: tuple[Because, ...] = ()
    server: str = ""


# What exfront answers itself, and a client of HTTP alone gets.
Local = LinkPage | Redirect | OwnDirectory
Decision = Relay | ProxyToCas | Local | Refuse

STEPS = ("admit", "authenticate", "locate", "route", "relay")


@define
class StepTimes:
    """How long each step took, in seconds; None for one that was not taken."""

    admit: float | None = None
    authenticate: float | None = None
    locate: float | None = None
    route: float | None = None
    relay: float | None = None

    def taken(self) -> dict[str, float]:
        """By name, those that were taken."""
        return {name: took for name in STEPS if (took := getattr(self, name)) is not None}


@define
class SessionRecord:
    """One line of the access log: a mail session, or one HTTP request.

    `front_end_status` is what exfront answered (HTTP status; OK, NO, BAD, BYE, ERR for mail), `back_end_status` what
    the back end answered, or ``-`` when it was not asked. `location` says whence the mailbox's place is known:
    ``directory``, ``cache``, ``stale`` (S-DIR-5). Of a 401 of HTTP, `schemes_offered` are those of its challenges,
    `scheme_used` that of the request; a log-on by form is ``forms``, one by SASL EXTERNAL or with a token has the
    mechanism's name. `device` and `command` are what an ActiveSync client calls itself and asks for. Times are seconds,
    `started` since the epoch.
    """

    session_id: str
    protocol: str
    client: str
    listener: str = "-"
    started: float = 0.0
    user: str = "-"
    account_id: str = "-"
    mailbox: str = "-"
    location: str = "-"
    method: str = "-"
    target: str = "-"
    virtual_directory: str = "-"
    decision: str = "-"
    back_end: str = "-"
    front_end_status: str = "-"
    back_end_status: str = "-"
    schemes_offered: str = "-"
    scheme_used: str = "-"
    device: str = "-"
    command: str = "-"
    reason: Reason | None = None
    detail: str = "-"
    octets_in: int = 0
    octets_out: int = 0
    duration: float = 0.0
    steps: StepTimes = field(factory=StepTimes)

    def refuse(self, reason: Reason, detail: str = "") -> None:
        """Note why; the first reason stands, what follows from it adds nothing."""
        if self.reason is None:
            self.reason, self.detail = reason, detail or self.detail
