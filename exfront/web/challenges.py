"""A back end's 401: what it says in the log, and which challenges the client gets (RFC 9110 section 11.6.1)."""

from __future__ import annotations

from exfront.decision import SessionRecord
from exfront.reasons import BACK_END_AUTH_MISMATCH, NTLM_NOT_ON_DESTINATION
from exfront.web import headers, schemes
from exfront.web.integrated import not_there
from exfront.web.route import Case, Route
from exfront.wire import basic
from exfront.wire.http1.events import Headers, ResponseHead

_BASIC = frozenset({b"basic"})


def note_refusal(record: SessionRecord, route: Route, authorization: bytes | None, head: ResponseHead) -> None:
    """What a 401 says of exfront's own log-on there, or that the client's (`authorization`) cannot be one."""
    if route.case.identity.account is not None:
        record.refuse(BACK_END_AUTH_MISMATCH)
    elif schemes.logs_connection_on(authorization) and not headers.asks_for_connection_logon(head):
        record.refuse(NTLM_NOT_ON_DESTINATION, not_there(route.relay.server.name))


def for_client(head: ResponseHead, case: Case, realm: str) -> tuple[ResponseHead, Headers]:
    """Of a 401: the head with those of the back end's challenges that are for the client, and exfront's own.

    Those that it makes to a user whom we have proven are for us. A connection is logged on only where it is the user's
    own, which one of a proxy is not (S-HTTP-34).
    """
    methods = case.directory.section.authentication
    own: Headers = ((b"WWW-Authenticate", basic.challenge(realm)),) if "basic" in methods else ()
    if case.identity.account is not None:
        return headers.without_challenges(head), own
    if own or "passthrough" in methods:
        head = headers.without_challenges(head, _BASIC)
    if case.client.proxied:
        head = headers.without_challenges(head, headers.CONNECTION_SCHEMES)
    return head, own
