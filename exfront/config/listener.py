"""[[listener]]: a protocol on an address."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from exfront.config.kinds import HostPort


@frozen
class ListenerSection:
    """`starttls` stands for IMAP4's STARTTLS and POP3's STLS; HTTP knows only `none` and `implicit`."""

    protocol: Literal["imap4", "pop3", "http"]
    address: HostPort
    tls: Literal["none", "starttls", "implicit"] = "none"
    allow_plaintext: bool = False  # passwords without TLS

    @property
    def name(self) -> str:
        """How logs call it."""
        return f"{self.protocol}@{self.address}"
