"""A mail client's connection in memory, over real steps, with the test as its back end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from exfront.config.kinds import HostPort, read_network
from exfront.config.listener import ListenerSection
from exfront.config.mail import MailSection
from exfront.decision import SessionRecord
from exfront.mail.kinds import IMAP4, Kind
from exfront.mail.protocol import MailProtocol
from tests.support.steps import SmallWorld
from tests.support.transport import MemoryTransport

FLOOR = 0.7  # above the least time and the most jitter of a refusal (S-AUTH-6)


class MailConnection:
    """`mode` is the listener's `tls`; `asks`: clients are asked for certificates; `trusted` are its
    trusted_proxies. The greeting is already taken.
    """

    def __init__(
        self, kind: Kind = IMAP4, world: SmallWorld | None = None, mode: Any = "none", plaintext: bool = True,
        *, asks: bool = False, mail: MailSection | None = None, trusted: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.world = world or SmallWorld()
        authorities = Path("ca.pem") if asks else None
        address = HostPort("0.0.0.0", 143)
        proxies = tuple(map(read_network, trusted))
        listener = ListenerSection(
            kind.protocol,
            address,
            mode,
            allow_plaintext=plaintext,
            client_ca_file=authorities,
            trusted_proxies=proxies,
        )
        self.session = self.world.admit(kind.protocol, secure=mode == "implicit")
        tls: Any = object()  # only passed on to startTLS
        world_ = self.world
        self.protocol = MailProtocol(
            kind, self.session, world_.steps, listener, world_.limits, world_.clock, tls, mail or MailSection()
        )
        self.transport = MemoryTransport(self.protocol)
        self.protocol.makeConnection(self.transport)
        self.greeting = self.transport.take()

    @property
    def clock(self) -> Clock:
        """The time of everything."""
        return self.world.clock

    @property
    def records(self) -> list[SessionRecord]:
        """The lines of the access log."""
        return self.world.records.all

    @property
    def back_end(self) -> MemoryTransport:
        """The last back end that was dialled, as its transport."""
        return self.world.dialer.dialled[-1].line

    def say(self, data: bytes) -> bytes:
        """The client sends this; what it is answered by the next turn."""
        self.transport.receive(data)
        self.clock.advance(0)
        return self.transport.take()

    def back_end_says(self, data: bytes) -> bytes:
        """The back end sends this; what exfront says to it by the next turn."""
        self.back_end.receive(data)
        self.clock.advance(0)
        return self.back_end.take()

    def wait(self, seconds: float) -> bytes:
        """What the client is told meanwhile."""
        self.clock.advance(seconds)
        return self.transport.take()
