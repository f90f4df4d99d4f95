"""Makes a `Route` of what the steps decided: the head for the back end, and on which connections it may go."""

from __future__ import annotations

from exfront.auth.next_hop import Place, login_name, ntlm_name
from exfront.decision import Relay
from exfront.facts import Identity
from exfront.reasons import INCONSISTENT_MAILBOX, Refused
from exfront.web import headers, schemes
from exfront.web.auth_http import digest
from exfront.web.back_end import BackEndConnection, ConnectionKey
from exfront.web.context import ClientContext
from exfront.web.identity_header import identity_fields
from exfront.web.integrated import LogOn, User
from exfront.web.proxy import Terms
from exfront.web.route import Case, Route
from exfront.web.rpc import CHANNELS
from exfront.web.virtual_sites import VirtualDirectory
from exfront.wire import basic
from exfront.wire.http1.events import RequestHead
from exfront.wire.http1.write import request_section

INTEGRATED = "integrated"
_SCHEMES = {b"basic": "passed", b"bearer": "passed"}  # any other may log the connection itself on (S-HTTP-33)


def route_of(context: ClientContext, head: RequestHead, case: Case, relay: Relay) -> Route:
    """The route of `head` and of all requests like it on this client connection. Raises `Refused`."""
    directory, client = case.directory, case.client
    integrated = _integrated(context, case, relay)
    authorization = None if integrated else _authorization(head, case, relay)
    upgrade = directory.section.websocket and headers.asks_for_web_socket(head)
    host = case.site.host_for_back_end(head.authority)
    destination = _place(relay, host) if directory.application.plain_destination else b""
    removed = context.published.removed | case.dropped
    lines = headers.to_back_end(head, host, client, authorization, removed, upgrade=upgrade, destination=destination)
    lines += identity_fields(case.identity, directory.section, relay)
    return Route(
        fields=head.fields,
        method=head.method,
        authority=head.authority,
        case=case,
        until=_until(context, case),
        relay=relay,
        application=context.steps.back_ends.application(
            relay.server.name, "http", directory.application.name, port=relay.service.port
        ),
        key=_key(head, case.identity, relay, authorization, integrated),
        terms=_terms(context, head, directory, upgrade),
        section=request_section(lines, head.framing),
        urls=headers.BackEndUrls(relay.server, relay.service, case.site.url(client.secure)),
    )


def _place(relay: Relay, host: bytes) -> bytes:
    """Scheme and host as the back end sees them."""
    return (b"http://" if relay.service.tls == "none" else b"https://") + host


def _until(context: ClientContext, case: Case) -> float:
    """How long the route may serve, in seconds of the clock."""
    if case.form is not None:
        return case.form.until
    return context.log_ons.until if case.identity.account is not None else float("inf")


def _terms(context: ClientContext, head: RequestHead, directory: VirtualDirectory, upgrade: bool) -> Terms:
    limits = context.settings.limits
    seconds = directory.section.answer_time or directory.application.answer_time or limits.http_answer_time
    alone = upgrade or (directory.application.query == "rpc" and head.method in CHANNELS)
    return Terms(head.method, head.framing, head.expect_continue, seconds, upgrade, alone)


def _authorization(head: RequestHead, case: Case, relay: Relay) -> bytes | None:
    """What the back end is told of who asks: a proven user's name and password, else what the client says itself.

    Whom a certificate has proven has no password, and what else he says is not proven.
    """
    identity = case.identity
    if identity.account is None:
        methods = case.directory.section.authentication
        return schemes.passed_on(methods, head.get(b"authorization"), case.client.proxied)
    if case.directory.section.identity != "basic" or identity.secret is None:
        return None
    try:
        return basic.credentials(login_name(identity, relay.login_as), identity.secret)
    except ValueError:
        raise Refused(INCONSISTENT_MAILBOX, "a colon in the name for the next hop") from None


def place_of(case: Case, relay: Relay) -> Place:
    """What log-ons have in common there."""
    return Place(relay.server.name, relay.service.port, case.directory.path)


def _integrated(context: ClientContext, case: Case, relay: Relay) -> bool:
    """Whether exfront logs the connection on, in place of Basic in each request."""
    if len(relay.schemes) == 1 and relay.schemes[0] == "basic":  # nearly always
        return False
    identity = case.identity
    if identity.account is None or identity.secret is None or case.directory.section.identity != "basic":
        return False
    return context.steps.next_hops.scheme(place_of(case, relay), relay.schemes) != "basic"


def log_on(context: ClientContext, head: RequestHead, case: Case, relay: Relay, connection: BackEndConnection) -> LogOn:
    """What logs `connection` on for a route that is integrated."""
    identity, steps, directory = case.identity, context.steps, case.directory
    assert identity.account is not None  # _integrated has seen both
    assert identity.secret is not None
    name = ntlm_name(identity, relay.login_as, steps.directory.netbios_domain(identity.account))
    return LogOn(
        connection,
        steps.next_hops,
        place_of(case, relay),
        relay.schemes,
        User(identity.account.account_id, name, identity.secret),
        directory.path.rstrip("/").encode("ascii") + b"/",
        headers.for_log_on(head, case.site.host_for_back_end(head.authority), case.client),
        context.clock,
        context.settings.limits.back_end_login_time,
    )


def _key(
    head: RequestHead, identity: Identity, relay: Relay, authorization: bytes | None, integrated: bool
) -> ConnectionKey:
    user, scheme = _user(identity, authorization)
    if integrated:
        scheme = INTEGRATED
    if scheme == "none" and head.get(b"authorization") is not None:
        scheme = "kept back"  # says that he is somebody: not the one whom the connection is logged on as (S-HTTP-34)
    return ConnectionKey(relay.server.name, relay.service.port, relay.service.tls, user, scheme)


def _user(identity: Identity, authorization: bytes | None) -> tuple[str, str]:
    if identity.account is not None:
        return identity.account.account_id, "basic"
    if authorization is None:
        return "", "none"
    scheme = _SCHEMES.get(authorization.partition(b" ")[0].lower(), "bound")
    return ("", scheme) if scheme == "bound" else (digest(authorization).hex(), scheme)
