"""Requests of EWS: the start of each body is read before anything is sent, and held until the SOAP Body begins.

A security context in the header makes whoever is believed as a server into any user. So no client's own gets to a
mailbox server, on whatever way (S-ROUTE-3); and to another site's server who asks is told there, in a block that is
put in while the request streams.
"""

from __future__ import annotations

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from exfront import limits
from exfront.reasons import SOAP_CONTEXT, SOAP_ENCODING, SOAP_MALFORMED, Reason, Refused
from exfront.web.answer import Answer
from exfront.web.body import RequestBody
from exfront.web.cas_dialects import EWS
from exfront.web.cas_proxy import CasProxy
from exfront.web.route import Route
from exfront.web.virtual_sites import VirtualDirectory
from exfront.wire.http1.events import Framing, Length, RequestHead
from exfront.wire.soap_header import BadEnvelope, Envelope, EnvelopeReader, ForeignContext, OtherEncoding

_CONTINUE = 100
_XML = frozenset({b"text/xml", b"application/soap+xml", b"application/xml"})
_CHARSETS = frozenset({b"utf-8", b"us-ascii"})


@frozen
class Start:
    """How a request's body begins as it is sent on, and the framing of the whole then."""

    octets: bytes = field(repr=False)
    framing: Framing


def applies(directory: VirtualDirectory, head: RequestHead) -> bool:
    """Whether a body may be SOAP: a GET for the description of the service has none."""
    return directory.application.name == EWS and head.method == b"POST"


async def read_start(route: Route, head: RequestHead, body: RequestBody, answer: Answer) -> Envelope | None:
    """The envelope of a request on `route`; None for a body that no server takes for SOAP. Raises `Refused`.

    Where a server believes us, whoever asks, nothing goes that was not read.
    """
    if is_xml(head):
        return await read_envelope(head, body, answer)
    if route.relay.proxy_url or route.relay.token or route.case.directory.section.identity == "header":
        raise Refused(SOAP_ENCODING, "not XML")
    return None


async def sent_start(envelope: Envelope, route: Route, framing: Framing, proxy: CasProxy) -> Start:
    """What goes to the server of `route` in place of what was read: with who asks where that is another site's, without
    what another Client Access server has said. Raises `Refused`."""
    account = route.case.identity.account
    if route.relay.proxy_url and account is not None:
        octets = envelope.with_block(await proxy.soap_block(account))
    else:
        octets = envelope.without_context()
    if isinstance(framing, Length):
        framing = Length(framing.octets + len(octets) - len(envelope.octets))
    return Start(octets, framing)


def is_xml(head: RequestHead) -> bool:
    """Whether a server may take the body for SOAP. Raises `Refused` for XML in an encoding that is not read.

    A charset of HTTP goes before what the XML declares (RFC 7303 section 3.2): it must not be UTF-7. Whatever speaks of
    XML anywhere in its type counts as that: XML in parts, or in a second type, is not passed over.
    """
    types = [value.lower() for value in head.get_all(b"content-type")] or [b"text/xml"]
    if not any(b"xml" in each for each in types):
        return False
    kind, _, parameters = types[0].partition(b";")
    if len(types) > 1 or kind.strip(b" \t") not in _XML:
        raise Refused(SOAP_ENCODING, "not one type of XML")
    charsets = [value for name, value in map(_parameter, parameters.split(b";")) if name == b"charset"]
    if len(charsets) > 1 or not _CHARSETS.issuperset(charsets):
        raise Refused(SOAP_ENCODING, "a charset other than UTF-8")
    codings = head.get_all(b"content-encoding")
    if codings and [coding.lower() for coding in codings] != [b"identity"]:
        raise Refused(SOAP_ENCODING, "a compressed body")
    return True


async def read_envelope(head: RequestHead, body: RequestBody, answer: Answer, *, contexts: bool = False) -> Envelope:
    """Read on until the SOAP Body begins; the rest stays with `body`. Raises `Refused`.

    With `contexts` the header may hold one security context: a proven Client Access server's.
    """
    if head.expect_continue:
        answer.interim(_CONTINUE)
    most = limits.SOAP_CONTEXT_OCTETS if contexts else limits.SOAP_START_OCTETS
    taker = _Taker(EnvelopeReader(most, contexts), body)
    body.forward(taker)
    return await taker.envelope


@define(eq=False)
class _Taker:
    """See `exfront.web.body.Taker`."""

    reader: EnvelopeReader
    body: RequestBody
    envelope: Deferred[Envelope] = field(factory=Deferred)

    def send(self, octets: bytes) -> None:
        """A piece of the body."""
        try:
            envelope = self.reader.receive(octets)
        except BadEnvelope as why:
            self._bad(why)
            return
        if envelope is not None:
            self.body.hold()
            self.envelope.callback(envelope)

    def sent_all(self) -> None:
        """There was no Body in it."""
        try:
            self.reader.end()
        except BadEnvelope as why:
            self._bad(why)

    def waits(self, waiting: bool) -> None:
        """Nothing here is slower than the client."""

    def fail(self, reason: Reason, detail: str) -> None:
        """It will not come, or is too much."""
        self.body.hold()
        self.envelope.errback(Refused(reason, detail))

    def _bad(self, why: BadEnvelope) -> None:
        reason = SOAP_MALFORMED
        if isinstance(why, ForeignContext):
            reason = SOAP_CONTEXT
        elif isinstance(why, OtherEncoding):
            reason = SOAP_ENCODING
        self.fail(reason, str(why))


def _parameter(text: bytes) -> tuple[bytes, bytes]:
    name, _, value = text.partition(b"=")
    return name.strip(b" \t"), value.strip(b' \t"')
