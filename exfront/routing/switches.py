"""What the directory has switched off for a user."""

from __future__ import annotations

from exfront.because import Because
from exfront.decision import Refuse
from exfront.facts import Facts
from exfront.reasons import APPLICATION_OFF, PROTOCOL_OFF
from exfront.topology import Mailbox

# What the directory calls the protocols and applications: any one of them off refuses.
_MAIL_SWITCHES = {"imap4": ("imap4",), "pop3": ("pop3",)}
_BROWSER = ("http", "owa")
_APPLICATION_SWITCHES = {
    "owa": _BROWSER, "ecp": _BROWSER, "exchange": _BROWSER, "exchweb": _BROWSER, "activesync": ("activesync",),
    "oma": ("oma",), "mapi": ("mapi",), "rpc": ("mapi",),
}  # fmt: skip


def switched_off(mailbox: Mailbox, facts: Facts) -> Refuse | None:
    """A refusal where one of the mailbox's switches forbids what is asked for."""
    if not mailbox.switched_off:
        return None
    switches = _MAIL_SWITCHES.get(facts.protocol) or _APPLICATION_SWITCHES.get(facts.application, ())
    off = next((name for name in switches if name in mailbox.switched_off), "")
    if not off:
        return None
    reason = APPLICATION_OFF if facts.protocol == "http" else PROTOCOL_OFF
    why = (Because("home server", (mailbox.home_server,)), Because("switched off for the user", (off,)))
    return Refuse(reason, f"off={off}", why)
