"""Who makes a request: by a certificate, Basic, a log-on by form, or a Client Access server that has proxied it."""

from __future__ import annotations

from attrs import define, field

from exfront.decision import Relay, SessionRecord
from exfront.facts import ANONYMOUS, Identity
from exfront.reasons import CERTIFICATE_NEEDED, Refused
from exfront.web import cas_peer, schemes, soap
from exfront.web.answer import Answer
from exfront.web.body import RequestBody
from exfront.web.context import ClientContext
from exfront.web.form_sessions import FormUse
from exfront.web.headers import ClientFacts
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite
from exfront.wire.http1.events import RequestHead
from exfront.wire.soap_header import Envelope


@define(eq=False)
class WhoAsks:
    """Of one request, as it came to a virtual directory of `site`.

    `envelope` is the start of its body of SOAP, where that had to be read to know; `form` the log-on by form that it
    uses.
    """

    context: ClientContext
    head: RequestHead
    body: RequestBody
    answer: Answer
    record: SessionRecord
    client: ClientFacts
    site: VirtualSite
    envelope: Envelope | None = field(default=None, init=False)
    form: FormUse | None = field(default=None, init=False)

    async def identity(self, directory: VirtualDirectory) -> Identity:
        """Who it is, proven by what `directory` takes; `ANONYMOUS` where that is not for exfront. Raises `Refused`."""
        return await self._told_in_soap(directory) or await self._told_by_peer() or await self._proven(directory)

    async def token(self, relay: Relay, identity: Identity) -> bytes:
        """What tells a server of 2013 who asks; nothing for all others. Raises `Refused`."""
        if not relay.token or identity.account is None:
            return b""
        return await self.context.cas.tokens.of(identity.account)

    async def _told_in_soap(self, directory: VirtualDirectory) -> Identity | None:
        """Whom the SOAP header of a proven Client Access server's request names; None for all others."""
        context, head = self.context, self.head
        if not soap.applies(directory, head) or self.body.empty or not context.peer_proof(head.headers):
            return None
        if context.cas.peer.named(head.headers) is not None or not soap.is_xml(head):
            return None
        self.envelope = await soap.read_envelope(head, self.body, self.answer, contexts=True)
        told = cas_peer.told_in_soap(self.envelope)
        if told is None:
            return None
        return await context.steps.portal.vouched(told.user, told.logon_name, self.record)

    async def _told_by_peer(self) -> Identity | None:
        """Whom a field of such a server names; None for all others."""
        named = self.context.named_by_peer(self.head.headers)
        if named is None:
            return None
        held = self.context.cas.peer.context(named)
        return await self.context.steps.portal.vouched(held.user, held.logon_name, self.record)

    async def _proven(self, directory: VirtualDirectory) -> Identity:
        log_ons, authorization = self.context.log_ons, self.head.get(b"authorization")
        methods, agents = directory.section.authentication, self.context.settings.forms.agents
        if "certificate" in methods:
            certificate = None if self.client.proxied else self.context.certificate  # a proxy's own is no user's
            if certificate is not None:
                return await log_ons.by_certificate(self.record, certificate)
            if len(methods) == 1:
                raise Refused(CERTIFICATE_NEEDED)
        if schemes.by_form(methods, authorization, self.head.get(b"user-agent"), agents):
            return await self._by_form(directory)
        if not schemes.proven_here(methods, authorization):
            return ANONYMOUS
        identity = log_ons.remembered(authorization)
        if identity is None:
            return await log_ons.log_on(self.record, authorization)
        log_ons.note(self.record, identity)
        return identity

    async def _by_form(self, directory: VirtualDirectory) -> Identity:
        sessions = self.context.form_sessions
        opened = sessions.open(self.head, self.site)
        self.record.scheme_used = "forms"
        identity = await sessions.identity(self.record, opened, directory)
        self.form = sessions.use(self.head, opened, self.site, self.client.secure)
        return identity
