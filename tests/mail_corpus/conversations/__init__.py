"""The conversations, by theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.mail_corpus.conversations import (
    back_ends,
    identity,
    lines,
    literals,
    names,
    pipelining,
    proxy_headers,
    relay,
    sasl,
    starttls,
)
from tests.mail_corpus.entry import Entry

THEMES: Mapping[str, Sequence[Entry]] = {
    "STARTTLS and STLS": starttls.ENTRIES,
    "literals": literals.ENTRIES,
    "tags, lines and octets": lines.ENTRIES,
    "SASL": sasl.ENTRIES,
    "ID, XCLIENT and PROXY": identity.ENTRIES,
    "PROXY headers of a balancer": proxy_headers.ENTRIES,
    "order and pipelining": pipelining.ENTRIES,
    "names and passwords": names.ENTRIES,
    "back ends during the log-on": back_ends.ENTRIES,
    "the relay": relay.ENTRIES,
}
