"""What a client wants before its user is known, in no protocol's words."""

from __future__ import annotations

from attrs import frozen

from exfront.secret import Secret
from exfront.wire.client_facts import Told
from exfront.wire.sasl import Mechanism


@frozen
class Tell:
    """A question that is answered at once: NOOP, CAPABILITY, ID."""

    answer: bytes


@frozen
class Heard:
    """A peer that is trusted with it tells of its client, and is answered."""

    answer: bytes
    told: Told


@frozen
class Ask:
    """The next line is to be a SASL response; `prompt` invites it."""

    prompt: bytes


@frozen
class Leave:
    """LOGOUT, QUIT."""

    answer: bytes


@frozen
class Secure:
    """STARTTLS, STLS. `mark` says which command an answer belongs to (IMAP4's tag; empty in POP3)."""

    mark: bytes


@frozen
class LogOn:
    """What proves a user, as `exfront.wire.sasl.Credentials` has it; `utf8` as in `Authenticate`."""

    mark: bytes
    name: bytes
    secret: Secret
    acts_for: bytes = b""
    mechanism: Mechanism = "PLAIN"
    utf8: bool = False


@frozen
class Unsafe:
    """A log-on begun without TLS where that is not allowed; `name` as far as it was said."""

    mark: bytes
    name: bytes = b""


@frozen
class Wrong:
    """A command that is not understood or not valid here, and its answer; ten of them end the connection."""

    answer: bytes


@frozen
class Senseless:
    """The octets cannot be told apart into commands any more."""

    text: str


Request = Tell | Heard | Ask | Leave | Secure | LogOn | Unsafe | Wrong | Senseless
