"""As the first Client Access server: names the user to a second one, and logs him on there when it asks (441).

Source: *How Exchange Server 2007 CAS Proxying works for Outlook Web Access*, step 5; S-ROUTE-6, S-AUTH-14.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from exfront import __version__, limits
from exfront.config.proxy import ProxySection
from exfront.decision import Relay
from exfront.directory.single_flight import SingleFlight
from exfront.interfaces import IBackEndDialer
from exfront.reasons import (
    BACK_END_ANSWER_TIMEOUT,
    BACK_END_RESET,
    CONTEXT_NOT_POSSIBLE,
    CSC_LOG_ON_REFUSED,
    CSC_LOOP,
    NTLM_NOT_ON_DESTINATION,
    Refused,
)
from exfront.secret import Secret
from exfront.topology import Mailbox
from exfront.web import headers
from exfront.web.back_end import BackEndConnection, ConnectionKey, Connections
from exfront.web.cas_cookies import CasSession, CasSessions
from exfront.web.cas_dialects import ACTIVESYNC, log_on_place
from exfront.web.integrated import not_there
from exfront.web.own_request import OwnRequest
from exfront.web.pool import Pool
from exfront.wire import soap_context
from exfront.wire.http1.events import Headers, Length, ResponseHead
from exfront.wire.http1.write import request_head
from exfront.wire.security_context import Group, SecurityContext, write
from exfront.wire.sid import PackedSids

NEED_IDENTITY = 441
CONTEXT_ACCEPTED = 241
_UNAUTHORIZED = 401
_REFUSED = (_UNAUTHORIZED, 403)
_HTTPS = 443
# Everyone, Network, Authenticated Users: in every token, and in no tokenGroups
_WELL_KNOWN = tuple(map(Group, ("S-1-1-0", "S-1-5-2", "S-1-5-11")))
_CONNECTIONS = Connections()


@define(eq=False)
class CasProxy:
    """Of one process. `settings` is [proxy], `secret` the content of its secret_file, `groups` gives an account's.

    `wall_clock` counts seconds since the epoch, `domain` gives the NetBIOS name of an account's domain, or nothing.
    """

    settings: ProxySection
    groups: Callable[[Mailbox], Awaitable[PackedSids]]
    dialer: IBackEndDialer
    pool: Pool
    clock: IReactorTime
    wall_clock: Callable[[], float]
    domain: Callable[[Mailbox], str]
    secret: Secret | None = None
    sessions: CasSessions = field(factory=CasSessions)
    _flights: SingleFlight[tuple[str, str], None] = field(factory=SingleFlight)

    def session(self, account: Mailbox, relay: Relay) -> CasSession:
        """What is kept of this user at this server."""
        return self.sessions.of(account.account_id, f"{relay.server.name} {relay.proxy_url}")

    def fields(self, account: Mailbox, relay: Relay, url: bytes, *, names_user: bool = True) -> Headers:
        """What is said in each request: who the user is, and that we may say so. `url` is our own.

        Without `names_user` the user stands in the body.

        The secret goes to servers of the configuration alone: whoever can write to the directory must not get it.
        Raises `Refused` for an account without a SID.
        """
        if not account.sid:
            raise Refused(CONTEXT_NOT_POSSIBLE, f"no objectSid: {account.dn}")
        names = self.settings
        fields = [(names.sid_header.encode("ascii"), account.sid.encode("ascii"))] if names_user else []
        fields += [
            (names.uri_header.encode("ascii"), url),
            (names.version_header.encode("ascii"), __version__.encode("ascii")),
        ]
        if self.secret and relay.server.listed:
            fields.append((names.secret_header.encode("ascii"), self.secret.reveal()))
        return tuple(fields)

    async def soap_block(self, account: Mailbox) -> bytes:
        """Who the user is, for the SOAP header of EWS. Raises `Refused`."""
        if not account.sid:
            raise Refused(CONTEXT_NOT_POSSIBLE, f"no objectSid: {account.dn}")
        groups = (*_WELL_KNOWN, *map(Group, (await self.groups(account)).texts()))
        address = next((each for each in account.addresses if each.isascii() and each.isprintable()), "")
        try:
            return soap_context.write(SecurityContext(account.sid, "", "", groups), address)
        except ValueError as why:
            raise Refused(CONTEXT_NOT_POSSIBLE, f"{why}: {account.dn}") from None

    def take_cookies(self, session: CasSession, head: ResponseHead) -> None:
        """They are the second server's and ours, not the client's."""
        for line in head.lines:
            if line.lower == b"set-cookie":
                session.take(line.value, self.wall_clock())

    def log_on(
        self, account: Mailbox, relay: Relay, key: ConnectionKey, url: bytes, application: str
    ) -> Deferred[None]:
        """Tell the server who `account` is; equal log-ons share one request. Fails with `Refused`.

        `key` is that of the connections which may carry it, `url` as of `fields`.
        """
        run = partial(self._log_on, account, relay, key, url, application)
        return self._flights.join((account.account_id, f"{relay.server.name} {relay.proxy_url}"), run)

    async def _log_on(self, account: Mailbox, relay: Relay, key: ConnectionKey, url: bytes, application: str) -> None:
        fields = self.fields(account, relay, url)
        context = serialized(account, logon_name(account, self.domain(account)), await self.groups(account))
        place = log_on_place(relay, application, self.settings)
        head = await self._ask(relay, key, log_on_request(relay, place.target, fields, context))
        status = head.status
        told = f"server={relay.server.name} {place.target.decode('ascii')}={status}"
        if status in _REFUSED:
            raise log_on_refused(relay, application, head, told)
        if status not in place.accepted:
            raise Refused(CSC_LOOP, told)
        session = self.session(account, relay)
        session.log_ons += 1
        self.take_cookies(session, head)

    async def _ask(self, relay: Relay, key: ConnectionKey, octets: bytes) -> ResponseHead:
        """A kept connection may have died: the same log-on may be said twice."""
        kept = self.pool.take(key)
        if kept is not None:
            try:
                return await self._send(kept, octets)
            except Refused as refused:
                if refused.reason is not BACK_END_RESET:
                    raise
        connection = await self.dialer.dial(relay, "http", _CONNECTIONS)
        assert isinstance(connection, BackEndConnection)
        connection.key = key
        return await self._send(connection, octets)

    async def _send(self, connection: BackEndConnection, octets: bytes) -> ResponseHead:
        asked = OwnRequest(connection, BACK_END_RESET, waits=False)
        too_late = partial(asked.fail, BACK_END_ANSWER_TIMEOUT, "within a proxy log-on")
        timer = self.clock.callLater(limits.CAS_LOG_ON_TIME, too_late)
        try:
            head = await asked.ask(b"POST", octets)
        except (Refused, CancelledError):
            connection.abort()
            raise
        finally:
            if timer.active():
                timer.cancel()
        if asked.whole and head.keep_alive and connection.alive:
            self.pool.keep(connection)
        else:
            connection.abort()
        return head


def host_of(relay: Relay) -> bytes:
    """The Host for the second server: the name that its certificate bears."""
    port = relay.service.port
    return relay.server.host.encode("ascii") + (b"" if port == _HTTPS else b":%d" % port)


def log_on_refused(relay: Relay, application: str, head: ResponseHead, told: str) -> Refused:
    """Why a second server does not let us in: of ActiveSync without Integrated there, as Exchange's log has it."""
    if application == ACTIVESYNC and head.status == _UNAUTHORIZED and not headers.asks_for_connection_logon(head):
        return Refused(NTLM_NOT_ON_DESTINATION, not_there(relay.server.name))
    return Refused(CSC_LOG_ON_REFUSED, told)


def log_on_request(relay: Relay, target: bytes, fields: Headers, context: bytes) -> bytes:
    """``POST <virtual directory>/proxyLogon.owa``, or another `target`, with the serialized context, as a whole."""
    more: Headers = ((b"Host", host_of(relay)), *fields, (b"Content-Type", b"text/xml; charset=utf-8"))
    return request_head(b"POST", target, more, Length(len(context))) + context


def serialized(account: Mailbox, name: str, groups: PackedSids) -> bytes:
    """The serialized context of an account. Raises `Refused` for one that has more groups than a token holds."""
    try:
        return write(SecurityContext(account.sid, name, "Basic", memberships(groups)))
    except ValueError as why:
        raise Refused(CONTEXT_NOT_POSSIBLE, f"{why}: {account.dn}") from None


def memberships(groups: PackedSids) -> tuple[Group, ...]:
    """What a user belongs to: everybody's groups, and the directory's."""
    return (*_WELL_KNOWN, *map(Group, groups.texts()))


def logon_name(account: Mailbox, domain: str) -> str:
    r"""``DOMAIN\user``; where the domain is not known, another name of the user."""
    return rf"{domain}\{account.account_name}" if domain else account.upn or account.account_name
