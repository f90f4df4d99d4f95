"""What must hold within [mail]."""

from __future__ import annotations

import re

from exfront.config.errors import quoted
from exfront.config.findings import Findings
from exfront.config.settings import Settings

_NAME = re.compile(r"[!#$&'+-Z^-z|}~]+\Z")
_NEEDED = frozenset(("IMAP4REV1", "STARTTLS", "STLS", "LOGINDISABLED", "USER", "SASL"))


def check_mail(settings: Settings, findings: Findings) -> None:
    """Note what cannot be hidden, and wider trust."""
    for index, name in enumerate(settings.mail.hide_capabilities):
        path = ("mail", "hide_capabilities", index)
        if not _NAME.match(name):
            findings.error(path, f"found {quoted(name)}", "the name of a capability, like IDLE")
        elif name.upper() in _NEEDED:
            findings.error(path, f"found {quoted(name)}", "what clients can do without")
    if settings.mail.tokens:
        findings.warn(("mail", "tokens"), "who logs on with a token is proven by the mailbox server alone")
