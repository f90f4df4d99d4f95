"""What differs between IMAP4 and POP3 once words and grammars are named: one row each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Protocol as Shape

from attrs import frozen

from exfront.mail.back_end import Reader
from exfront.mail.back_end_log_on import Entry, LogOn
from exfront.mail.imap4 import Imap4Speaker
from exfront.mail.imap4_back_end import imap4_log_on
from exfront.mail.login import Speaker
from exfront.mail.pop3 import Pop3Speaker
from exfront.mail.pop3_back_end import pop3_log_on
from exfront.topology import Protocol
from exfront.wire import imap4_commands, imap4_responses, pop3


class ClientReader(Reader, Shape):
    """What the readers of the server's role add."""

    def expect_response(self) -> None:
        """The next line is a SASL response."""


@frozen
class Kind:
    """A line protocol.

    `refused` and `closed` are the words of the log for a refused log-on and for a close of ours. `sends_bye` says
    whether a client may be told of a close while it is relayed.
    """

    protocol: Protocol
    new_speaker: Callable[[], Speaker[Any]]
    new_reader: Callable[[], ClientReader]
    new_answer_reader: Callable[[], Reader]
    log_on: Callable[[Entry], LogOn[Any]]
    refused: str
    closed: str
    sends_bye: bool


IMAP4 = Kind(
    "imap4",
    Imap4Speaker,
    imap4_commands.CommandReader,
    imap4_responses.ResponseReader,
    imap4_log_on,
    refused="NO",
    closed="BYE",
    sends_bye=True,
)
POP3 = Kind(
    "pop3",
    Pop3Speaker,
    pop3.CommandReader,
    pop3.AnswerReader,
    pop3_log_on,
    refused="ERR",
    closed="ERR",
    sends_bye=False,
)
