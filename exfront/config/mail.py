"""[mail]: what IMAP4 and POP3 clients are told, and by what they may log on."""

from __future__ import annotations

from attrs import frozen


@frozen
class MailSection:
    """`hide_capabilities` are names of IMAP4 or POP3, in any case, ``AUTH=LOGIN`` for a mechanism of either.

    `tokens`: clients may log on with OAuth tokens, which the mailbox servers judge, where all of them do that.
    """

    hide_capabilities: tuple[str, ...] = ()
    tokens: bool = False

    @property
    def hidden(self) -> frozenset[bytes]:
        """Those names in capital letters."""
        return frozenset(name.upper().encode("ascii") for name in self.hide_capabilities)
