"""exfront in front of the recording mailbox servers, configured for the corpus."""

from __future__ import annotations

import functools

from attrs import frozen

from tests.mail_corpus.back_end import MailBackEnd
from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, LISTENERS, MailSite, shared
from tests.support.process import Address

CHICAGO, DALLAS = "127.0.0.27", "127.0.0.28"

_NAMES = {
    ("imap4", "clear"): "imap-clear", ("imap4", "starttls"): "imap", ("imap4", "tls"): "imaps",
    ("imap4", "proxy"): "imap-proxy",
    ("pop3", "clear"): "pop3-clear", ("pop3", "starttls"): "pop3", ("pop3", "tls"): "pop3s",
}  # fmt: skip

_PROXIED = {**LISTENERS["imap-clear"], "proxy_protocol": ["127.0.0.0/8"]}


@frozen
class CorpusSite:
    """Running; they end with the process. The second back end is one that must be upgraded to TLS."""

    site: MailSite
    front: ExFront
    back_ends: tuple[MailBackEnd, MailBackEnd]

    def fronts(self) -> dict[tuple[str, str], Address]:
        """Where each listener is."""
        return {key: self.front.at(name) for key, name in _NAMES.items()}


@functools.cache
def corpus_site() -> CorpusSite:
    """The one of this process."""
    site = shared()
    chicago = MailBackEnd(CHICAGO)
    dallas = MailBackEnd(DALLAS, site.authority.issue("dallas.fourthcoffee.com", [DALLAS]))
    front = site.exfront(
        {**{name: LISTENERS[name] for name in _NAMES.values() if name != "imap-proxy"}, "imap-proxy": _PROXIED},
        server=[
            site.chicago.section(address=CHICAGO, imap4=chicago.imap4, pop3=chicago.pop3),
            site.dallas.section(
                address=DALLAS, imap4=dallas.imap4, pop3=dallas.pop3, imap4_tls="starttls", pop3_tls="starttls"
            ),
        ],
        limits={**LIMITS, "failure_floor": 0.001, "back_end_login_time": 2.0},
    )
    front.start()
    return CorpusSite(site, front, (chicago, dallas))
