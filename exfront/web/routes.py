"""Makes a `Route` of what the steps decided: the head for the back end, and on which connections it may go."""

from __future__ import annotations

from exfront import limits
from exfront.auth.next_hop import Place, login_name, ntlm_name
from exfront.decision import Relay
from exfront.facts import PROXY_LOG_ON, Identity
from exfront.reasons import CONTEXT_NOT_POSSIBLE, IDENTITY_NOT_ALLOWED, INCONSISTENT_MAILBOX, Refused
from exfront.topology import Mailbox
from exfront.web import headers, schemes
from exfront.web.back_end import BackEndConnection, ConnectionKey
from exfront.web.basic_log_on import digest
from exfront.web.cas_cookies import with_cookies
from exfront.web.cas_dialects import EWS, proxied_path
from exfront.web.cas_proxy import host_of
from exfront.web.context import ClientContext
from exfront.web.identity_header import identity_fields
from exfront.web.integrated import LogOn, User
from exfront.web.paths import checked
from exfront.web.proxy import Terms
from exfront.web.route import Case, Route
from exfront.web.rpc import CHANNELS
from exfront.web.virtual_sites import VirtualDirectory
from exfront.wire import basic
from exfront.wire.http1.events import Framing, Headers, RequestHead
from exfront.wire.http1.write import request_section

INTEGRATED = "integrated"
_SCHEMES = {b"basic": "passed", b"bearer": "passed"}  # any other may log the connection itself on (S-HTTP-33)


def route_of(
    context: ClientContext, head: RequestHead, case: Case, relay: Relay, framing: Framing | None = None
) -> Route:
    """The route of `head` and of all requests like it on this client connection. Raises `Refused`.

    `framing` is that of the request as it is sent on, where it is another one than the client's.
    """
    framing = framing or head.framing
    directory, client = case.directory, case.client
    account = _told_of(case) if relay.proves else None
    integrated = _integrated(context, case, relay)
    authorization = None if integrated else _authorization(head, case, relay)
    upgrade = directory.section.websocket and headers.asks_for_web_socket(head)
    host = host_of(relay) if account is not None else case.site.host_for_back_end(head.authority)
    destination = _place(relay, host) if directory.application.plain_destination else b""
    removed = context.published.removed | case.dropped
    lines = headers.to_back_end(head, host, client, authorization, removed, upgrade=upgrade, destination=destination)
    lines = _with_identity(context, lines, head, case, relay, account)
    return Route(
        fields=head.fields,
        method=head.method,
        authority=head.authority,
        case=case,
        until=_until(context, case, relay),
        relay=relay,
        application=context.steps.back_ends.application(
            relay.server.name, "http", directory.application.name, port=relay.service.port
        ),
        key=_key(head, case.identity, relay, authorization, integrated),
        terms=_terms(context, head, directory, upgrade, framing),
        section=request_section(lines, framing),
        urls=headers.BackEndUrls(relay.server, relay.service, case.site.url(client.secure)),
        path=_proxied_path(head, case, relay) if relay.proxy_url else case.path,
        proxy_uri=case.site.url(client.secure) if relay.token else b"",
    )


def _with_identity(
    context: ClientContext, lines: Headers, head: RequestHead, case: Case, relay: Relay, account: Mailbox | None
) -> Headers:
    """The fields of a request, and those that tell the server who asks, where it is told by fields of ours."""
    if account is None:
        return lines + identity_fields(case.identity, case.directory.section, relay)
    if relay.token:
        assert relay.service.tls == "implicit" and case.token  # S-ROUTE-8: never in clear
        port = 0 if case.client.proxied else context.session.port
        return lines + context.cas.tokens.fields(case.token, relay, case.client.address, port)
    proxy = context.cas.proxy
    lines = with_cookies(lines, proxy.session(account, relay), head.path)
    in_body = case.directory.application.name == EWS
    return lines + proxy.fields(account, relay, own_url(case), names_user=not in_body)


def _proxied_path(head: RequestHead, case: Case, relay: Relay) -> bytes:
    directory = case.directory
    return proxied_path(relay, directory.application.name, checked(head.path)[len(directory.segments) :])


def own_url(case: Case) -> bytes:
    """The virtual directory as clients know it."""
    return case.site.url(case.client.secure) + case.directory.path.encode("ascii")


def _told_of(case: Case) -> Mailbox:
    """Whom a second Client Access server, or a server of 2013, is told of. Raises `Refused` where nobody is proven."""
    if case.identity.account is None:
        raise Refused(CONTEXT_NOT_POSSIBLE, "the virtual directory asks nobody who he is")
    return case.identity.account


def _place(relay: Relay, host: bytes) -> bytes:
    """Scheme and host as the back end sees them."""
    return (b"http://" if relay.service.tls == "none" else b"https://") + host


def _until(context: ClientContext, case: Case, relay: Relay) -> float:
    """How long the route may serve, in seconds of the clock; never, where cookies or contexts of Client Access servers
    come and go."""
    if relay.proxy_url or case.identity.proof == PROXY_LOG_ON:
        return float("-inf")
    proven = context.log_ons.until if case.identity.account is not None else float("inf")
    if case.form is not None:
        proven = case.form.until
    return min(proven, context.clock.seconds() + limits.ACCESS_TOKEN_TIME) if relay.token else proven


def _terms(
    context: ClientContext, head: RequestHead, directory: VirtualDirectory, upgrade: bool, framing: Framing
) -> Terms:
    seconds = directory.section.answer_time or directory.application.answer_time
    seconds = seconds or context.settings.limits.http_answer_time
    alone = upgrade or (directory.application.query == "rpc" and head.method in CHANNELS)
    return Terms(head.method, framing, head.expect_continue, seconds, upgrade, alone)


def _authorization(head: RequestHead, case: Case, relay: Relay) -> bytes | None:
    """What the back end is told of who asks: a proven user's name and password, else what the client says itself.

    Whom a certificate has proven has no password, and what else he says is not proven.
    """
    identity = case.identity
    if relay.proves:
        return None  # the context or the token tells it, and no password goes there
    if identity.proof == PROXY_LOG_ON:
        if case.directory.section.identity != "header":
            raise Refused(IDENTITY_NOT_ALLOWED, 'a proxied user has no password, and identity is not "header"')
        return None
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
    elif relay.proves:
        scheme = "token" if relay.token else "context"
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
