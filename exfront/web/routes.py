"""Makes a `Route` of what the steps decided: the head for the back end, and on which connections it may go."""

from __future__ import annotations

from exfront.auth.next_hop import login_name
from exfront.decision import Relay
from exfront.facts import Facts, World
from exfront.names import LookupKey
from exfront.reasons import INCONSISTENT_MAILBOX, Refused
from exfront.web import headers, schemes
from exfront.web.auth_http import digest
from exfront.web.back_end import ConnectionKey
from exfront.web.context import ClientContext
from exfront.web.headers import ClientFacts
from exfront.web.identity_header import identity_fields
from exfront.web.proxy import Terms
from exfront.web.route import Route
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite
from exfront.wire import basic
from exfront.wire.http1.events import RequestHead
from exfront.wire.http1.write import request_section

_SCHEMES = {b"basic": "passed", b"bearer": "passed"}  # any other may log the connection itself on (S-HTTP-33)


def route_of(
    context: ClientContext,
    head: RequestHead,
    client: ClientFacts,
    segments: tuple[bytes, ...],
    site: VirtualSite,
    directory: VirtualDirectory,
    world: World,
    facts: Facts,
    named: tuple[LookupKey, ...],
    relay: Relay,
) -> Route:
    """The route of `head` and of all requests like it on this client connection. Raises `Refused`."""
    authorization = _authorization(head, client, directory, facts, relay)
    upgrade = directory.section.websocket and headers.asks_for_web_socket(head)
    host = site.host_for_back_end(head.authority)
    lines = headers.to_back_end(head, host, client, authorization, context.published.removed, upgrade=upgrade)
    lines += identity_fields(facts.identity, directory.section, relay)
    return Route(
        fields=head.fields,
        client=client,
        method=head.method,
        authority=head.authority,
        segments=segments[: site.decisive],
        until=_until(context, directory, facts),
        world=world,
        site=site,
        directory=directory,
        facts=facts,
        named=named,
        relay=relay,
        application=context.steps.back_ends.application(relay.server.name, "http", directory.application.name),
        key=_key(facts, relay, authorization),
        terms=_terms(context, head, directory, upgrade),
        section=request_section(lines, head.framing),
        urls=headers.BackEndUrls(relay.server, relay.service, site.url(client.secure)),
    )


def rerouted(route: Route, relay: Relay, context: ClientContext, head: RequestHead) -> Route:
    """The same request to another place."""
    return route_of(
        context,
        head,
        route.client,
        route.segments,
        route.site,
        route.directory,
        route.world,
        route.facts,
        route.named,
        relay,
    )


def _until(context: ClientContext, directory: VirtualDirectory, facts: Facts) -> float:
    """How long the route may serve, in seconds of the clock; never, where the next one's query may be refused."""
    if directory.application.by_query:
        return float("-inf")
    return context.log_ons.until if facts.identity.account is not None else float("inf")


def _terms(context: ClientContext, head: RequestHead, directory: VirtualDirectory, upgrade: bool) -> Terms:
    limits = context.settings.limits
    seconds = directory.section.answer_time or directory.application.answer_time or limits.http_answer_time
    return Terms(head.method, head.framing, head.expect_continue, seconds, upgrade)


def _authorization(
    head: RequestHead, client: ClientFacts, directory: VirtualDirectory, facts: Facts, relay: Relay
) -> bytes | None:
    """What the back end is told of who asks: a proven user's name and password, else what the client says itself."""
    identity = facts.identity
    if identity.account is None or identity.secret is None:
        methods = directory.section.authentication
        return schemes.passed_on(methods, head.get(b"authorization"), client.proxied)
    if directory.section.identity != "basic":
        return None
    try:
        return basic.credentials(login_name(identity, relay.login_as), identity.secret)
    except ValueError:
        raise Refused(INCONSISTENT_MAILBOX, "a colon in the name for the next hop") from None


def _key(facts: Facts, relay: Relay, authorization: bytes | None) -> ConnectionKey:
    user, scheme = _user(facts, authorization)
    return ConnectionKey(relay.server.name, relay.service.port, relay.service.tls, user, scheme)


def _user(facts: Facts, authorization: bytes | None) -> tuple[str, str]:
    if facts.identity.account is not None:
        return facts.identity.account.account_id, "basic"
    if authorization is None:
        return "", "none"
    scheme = _SCHEMES.get(authorization.partition(b" ")[0].lower(), "bound")
    return ("", scheme) if scheme == "bound" else (digest(authorization).hex(), scheme)
