"""A small request body as a whole: what a form sends."""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred

from exfront.reasons import Reason, Refused
from exfront.web.body import RequestBody


@define(eq=False)
class FormBody:
    """Takes a body whose limit is set; `whole` gets its octets, or a `Refused`."""

    whole: Deferred[bytes] = field(factory=Deferred)
    _pieces: list[bytes] = field(factory=list, repr=False)
    _over: bool = False

    def take(self, body: RequestBody) -> None:
        """Begin."""
        if body.ended:
            self.sent_all()
        else:
            body.forward(self)

    def send(self, octets: bytes) -> None:
        """See `Taker`."""
        self._pieces.append(octets)

    def sent_all(self) -> None:
        """See `Taker`."""
        if not self._over:
            self._over = True
            self.whole.callback(b"".join(self._pieces))

    def waits(self, waiting: bool) -> None:
        """See `Taker`; nothing here is slower than the client."""

    def fail(self, reason: Reason, detail: str) -> None:
        """It will not come, or is too much."""
        if not self._over:
            self._over = True
            self.whole.errback(Refused(reason, detail))
