"""What a client may be promised before its log-on, of what back ends can do; and what is learned of them by log-ons."""

from __future__ import annotations

from functools import lru_cache

from attrs import evolve

from exfront.backends.capabilities import Shared
from exfront.config.mail import MailSection
from exfront.mail.offer import Offer
from exfront.mail.outcome import Welcome
from exfront.steps import Steps
from exfront.topology import Protocol
from exfront.wire.sasl import TOKEN_MECHANISMS, Mechanism


def promised(offer: Offer, protocol: Protocol, steps: Steps, mail: MailSection) -> Offer:
    """`offer` with what all back ends have in common now, less what `mail` hides (S-MAIL-4)."""
    assert protocol != "http"
    shared = steps.back_ends.capabilities.shared(protocol, steps.world().topology)
    tokens = tuple(each for each in TOKEN_MECHANISMS if mail.tokens and each.encode("ascii") in shared.mechanisms)
    return _with(offer, tokens, shared, mail.hidden)


@lru_cache(64)  # connections share theirs
def _with(offer: Offer, tokens: tuple[Mechanism, ...], shared: Shared, hidden: frozenset[bytes]) -> Offer:
    return evolve(offer, tokens=tokens, shared=shared, hidden=hidden)


def learned(steps: Steps, server: str, protocol: Protocol, welcome: Welcome) -> None:
    """Remember what a server has said of itself as it let somebody in; a POP3 server was perhaps not asked."""
    capabilities = steps.back_ends.capabilities
    if protocol == "imap4":
        capabilities.learn(server, protocol, after=welcome.capabilities, mechanisms=welcome.mechanisms)
    elif welcome.capabilities:
        capabilities.learn(server, protocol, before=welcome.capabilities, mechanisms=welcome.mechanisms)
