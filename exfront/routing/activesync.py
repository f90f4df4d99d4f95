"""ActiveSync of 2007 and 2010 mailboxes: a Client Access server of the own site, 451 to that of another, or a proxy.

Source: *How Exchange 2007 CAS Proxying works for ActiveSync* ("ActiveSync" in what a decision tells); [MS-ASHTTP] for
451 and X-MS-Location. Mailboxes of 2003 are `exchange2003`'s: straight to the back end's own directory.
"""

from __future__ import annotations

from exfront.because import Because
from exfront.decision import Decision, Redirect, Refuse
from exfront.facts import Facts, World
from exfront.reasons import NTLM_NOT_ON_DESTINATION
from exfront.routing.back_end import Why
from exfront.routing.client_access import relay_to_one, seen_from_here
from exfront.routing.external_url import elsewhere, shown_url
from exfront.routing.other_site import Terms, proxy, site_of
from exfront.topology import Server

MOVED = 451  # [MS-ASHTTP]
_STEP = "ActiveSync"
_TERMS = Terms(
    "Mobile", _STEP, _STEP, _STEP, Because("security context", (_STEP, "a log-on at Proxy/default.eas after a 441")),
    without=NTLM_NOT_ON_DESTINATION,
)  # fmt: skip
_EXCHANGE_2010 = 14
_KNOWS_AUTODISCOVER = 121  # the protocol version, as the log's V has it: 12.1


def decide(home: Server, facts: Facts, world: World) -> Decision:
    """What the first Client Access server does for a mailbox on `home`."""
    own, why = seen_from_here(home, facts, world, _STEP)
    return relay_to_one(home, facts, world, why, _STEP) if own else _other_site(home, facts, world, why)


def _other_site(home: Server, facts: Facts, world: World, why: Why) -> Decision:
    """ExternalURL first (451); the proxy is for sites without one, and for phones that are not sent elsewhere."""
    site = site_of(home, facts, world, _TERMS.kind)
    others = elsewhere(site.many, world)
    stays = _stays(home, facts, world)
    if not others:
        return proxy(home, site, facts, world, why, _TERMS)
    if stays is not None:
        why = (*why, stays)
        proxied = proxy(home, site, facts, world, why, _TERMS)
        if not isinstance(proxied, Refuse):
            return proxied
        why = proxied.because
    shown = shown_url(others, world, why, _STEP)
    if isinstance(shown, Refuse):
        return shown
    url, why = shown
    return Redirect(url, MOVED, (*why, Because("451 with X-MS-Location", (_STEP, url))))


def _stays(home: Server, facts: Facts, world: World) -> Because | None:
    """Why a phone is not sent elsewhere, where that can be helped; None where it is."""
    if world.policy.activesync_cross_site == "proxy":
        return Because("not sent elsewhere", (_STEP, "as configured"))
    if world.policy.front_end == "2013":
        return Because("not sent elsewhere", (_STEP, "a front end of 2013 proxies"))
    version = facts.activesync_version
    if _asks_version(home, world) and version < _KNOWS_AUTODISCOVER:
        told = f"version {version / 10:.1f} knows no 451" if version else "its protocol version is unknown"
        return Because("not sent elsewhere", (_STEP, told))
    return None


def _asks_version(home: Server, world: World) -> bool:
    """Whether the front end is of 2010, which looks at what the phone speaks before it sends it elsewhere."""
    if world.policy.front_end != "any":
        return world.policy.front_end == "2010"
    return home.version is not None and home.version.major >= _EXCHANGE_2010
