"""What a dialogue of a log-on wants done, as values; `exfront.mail.protocol` does it."""

from __future__ import annotations

from attrs import frozen

from exfront.reasons import Reason
from exfront.secret import Secret
from exfront.wire.client_facts import Told
from exfront.wire.sasl import Mechanism


@frozen
class Send:
    """Write to the client."""

    data: bytes


@frozen
class Believe:
    """The client is who its proxy tells."""

    told: Told


@frozen
class Prompt:
    """Write to the client, and read its next line as a SASL response."""

    data: bytes


@frozen
class StartTLS:
    """Begin the TLS handshake; call `Login.secured` when it is through."""


@frozen
class Authenticate:
    """Take the steps for this user; call `Login.accepted` or `Login.refused` with what came of it.

    The attributes are those of `exfront.wire.sasl.Credentials`. `utf8`: the client has asked for UTF-8 before, which
    the back end must hear too (POP3, RFC 6856).
    """

    name: bytes
    secret: Secret
    acts_for: bytes = b""
    mechanism: Mechanism = "PLAIN"
    utf8: bool = False


@frozen
class NoteRefusal:
    """A log-on was refused before anything was looked up: a line for the log."""

    reason: Reason
    name: bytes


@frozen
class Join:
    """Relay from here."""


@frozen
class Close:
    """End the connection; without a reason because the client wished so."""

    reason: Reason | None = None


Action = Send | Believe | Prompt | StartTLS | Authenticate | NoteRefusal | Join | Close
