"""What came of a log-on: what the client is told of it, in no protocol's words."""

from __future__ import annotations

from attrs import frozen

from exfront.reasons import Reason
from exfront.wire.imap4_referral import Referral


@frozen
class Welcome:
    """What the back end said as it let the user in: its capabilities after login (POP3: before, if it was asked), and
    texts of its alerts.

    `mechanisms` are the SASL mechanisms that it offered before; in capital letters, None where nobody asked. `referral`
    is a server that it names as the better one; no client sees it.
    """

    capabilities: tuple[bytes, ...] = ()
    alerts: tuple[bytes, ...] = ()
    mechanisms: frozenset[bytes] | None = None
    referral: Referral | None = None


@frozen
class Refusal:
    """Why not; `code` is a response code of the back end that is passed on in place of the Reason's own.

    `challenge`, in base64, is what the back end said of a token (RFC 7628 section 3.2.2): the client answers it before
    it hears the refusal.
    """

    reason: Reason
    code: bytes = b""
    alerts: tuple[bytes, ...] = ()
    challenge: bytes = b""
