"""As the second Client Access server: requests that a first one makes for a user, and its proxy log-ons.

Source: *How Exchange Server 2007 CAS Proxying works for Outlook Web Access*, steps 5 and 6; S-ROUTE-6, S-AUTH-14.
"""

from __future__ import annotations

from attrs import define

from exfront import limits
from exfront.auth.cas_peers import CasPeers
from exfront.auth.contexts import Contexts, HeldContext
from exfront.config.kinds import within
from exfront.decision import ProxyToCas, SessionRecord
from exfront.reasons import BAD_INPUT, CSC_MALFORMED, CSC_NEEDED, CSC_PEER, LOOP, METHOD_NOT_ALLOWED, Refused
from exfront.web.answer import Answer
from exfront.web.body import RequestBody
from exfront.web.cas_dialects import is_inner
from exfront.web.gathered import gather
from exfront.web.virtual_sites import VirtualDirectory
from exfront.wire import soap_context
from exfront.wire.http1.events import Headers, RequestHead, all_values, first_value
from exfront.wire.security_context import BadContext, SecurityContext, read
from exfront.wire.sid import sid_octets
from exfront.wire.soap_header import Envelope

_LOG_ONS = frozenset({b"proxylogon.owa", b"proxylogon.ecp"})
_APPLICATIONS = frozenset({"owa", "ecp", "exchange"})
_XML = b"text/xml"


@define(eq=False)
class CasPeer:
    """Of one process; `peers` says who is a Client Access server, `contexts` holds what they have told."""

    peers: CasPeers
    contexts: Contexts

    def proof(self, headers: Headers, address: str, names: tuple[str, ...]) -> str:
        """How the peer of a request proved to be a Client Access server; empty where it did not.

        `address` is the peer's own, `names` are those of its verified certificate.
        """
        settings = self.peers.settings
        secrets = all_values(headers, settings.secret_header.encode("ascii"))
        return self.peers.proof(within(address, settings.peer_networks), names, secrets)

    def named(self, headers: Headers) -> str | None:
        """The SID of the user for whom a proven peer asks; None where it asks for itself. Raises `Refused`."""
        values = all_values(headers, self.peers.settings.sid_header.encode("ascii"))
        if not values:
            return None
        try:
            (value,) = values
            sid_octets(value.decode("ascii"))
        except ValueError:
            raise Refused(BAD_INPUT, "not the SID of one user") from None
        return value.decode("ascii")

    def context(self, sid: str) -> HeldContext:
        """What a peer has told of this user. Raises `Refused` with 441 where nothing is known (any more)."""
        held = self.contexts.find(sid)
        if held is None:
            raise Refused(CSC_NEEDED, f"sid={sid}")
        return held

    def is_log_on(self, directory: VirtualDirectory, segments: tuple[bytes, ...], query: bytes | None) -> bool:
        """Whether a checked path is that of a proxy log-on: never relayed, and for Client Access servers alone."""
        rest, application = segments[len(directory.segments) :], directory.application.name
        if is_inner(application, rest):
            return query == self.peers.settings.activesync_log_on.encode("ascii")
        return len(rest) == 1 and rest[0].lower() in _LOG_ONS and application in _APPLICATIONS

    def inner(self, directory: VirtualDirectory, segments: tuple[bytes, ...], headers: Headers, proof: str) -> bool:
        """Whether a request is for the inner path of ActiveSync. Raises `Refused` where no proven peer asks for a user.

        Behind it a mailbox server believes whoever asks: no client gets there (S-ROUTE-3).
        """
        if not is_inner(directory.application.name, segments[len(directory.segments) :]):
            return False
        if not proof:
            raise Refused(CSC_PEER)
        if self.named(headers) is None:
            raise Refused(BAD_INPUT, "no user is named")
        return True

    async def log_on(
        self, head: RequestHead, body: RequestBody, answer: Answer, record: SessionRecord, proof: str
    ) -> None:
        """Take the context of a proxy log-on. Raises `Refused`, of a peer with an empty `proof` always."""
        if not proof:
            raise Refused(CSC_PEER)
        if head.method != b"POST":
            raise Refused(METHOD_NOT_ALLOWED)
        kind = first_value(head.headers, b"content-type") or b""
        if kind.partition(b";")[0].strip(b" \t").lower() != _XML:
            raise Refused(CSC_MALFORMED, "not text/xml")
        octets = await gather(body, answer, limits.CONTEXT_OCTETS, expects_continue=head.expect_continue)
        try:
            context = read(octets)
        except BadContext as why:
            raise Refused(CSC_MALFORMED, str(why)) from None
        named = self.named(head.headers)
        if named is not None and named != context.user:
            raise Refused(CSC_MALFORMED, "the context is another user's")
        self.contexts.keep(context)
        record.user, record.detail = context.logon_name, f"peer={proof} groups={len(context.groups)}"


def told_in_soap(envelope: Envelope) -> SecurityContext | None:
    """Whom the SOAP header of a proven peer's request names; None where it names nobody. Raises `Refused`."""
    if envelope.context is None:
        return None
    try:
        return soap_context.read(envelope.parts)
    except BadContext as why:
        raise Refused(CSC_MALFORMED, str(why)) from None


def own_path(directory: VirtualDirectory) -> bytes:
    """What a request to the inner path of ActiveSync is for, at the mailbox's own server."""
    return directory.path.rstrip("/").encode("ascii")


def not_again(record: SessionRecord) -> None:
    """What one Client Access server has proxied to us is not proxied to another (S-ROUTE-5). Raises `Refused`."""
    if record.decision == ProxyToCas.__name__:
        raise Refused(LOOP, "a proxied request is not proxied again")
