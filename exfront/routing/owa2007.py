"""Mailboxes of Exchange 2007 and 2010: the best Client Access server, a link to it, or a proxy to it.

Source: *How Exchange Server 2007 CAS Proxying works for Outlook Web Access* ("2007 OWA" in what a decision tells),
steps 1 to 5. exfront is the first Client Access server; as it speaks no MAPI, a mailbox of its own site is relayed to a
living Client Access server there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import evolve

from exfront.because import Because
from exfront.decision import Decision, ProxyToCas, Refuse
from exfront.facts import Facts, World
from exfront.reasons import CAS_CONFIGURATION, LOOP
from exfront.routing.back_end import Why, allowed_host, located, may_be_tried
from exfront.routing.choice import in_order, one_of
from exfront.routing.client_access import leads_back, none_answers, of_home, relay_to_one, user_of
from exfront.routing.external_url import DIRECTORIES, Cas, elsewhere, having, link
from exfront.routing.shown_url import read_url
from exfront.topology import Server, Service

_STEP_1, _STEP_2, _STEP_3, _STEP_4, _STEP_5 = (f"2007 OWA step {number}" for number in range(1, 6))
_INTEGRATED = frozenset({"integrated", "ntlm"})  # either bit: some objects hold one only
_HTTPS = 443  # no other port by the word of the directory alone (S-DIR-4)
_SERVICE = Service(_HTTPS, "implicit")
_LEADS_BACK = "InternalURL leads back here"


def decide(home: Server, facts: Facts, world: World) -> Decision:
    """What the first Client Access server does for a mailbox on `home`."""
    mailbox = facts.mailbox
    assert mailbox is not None and home.version is not None
    why: Why = (*located(mailbox), Because("mailbox server", (_STEP_1, home.name, home.version.name, home.site)))
    kind = DIRECTORIES.get(facts.application, "")
    if facts.protocol != "http" or not kind:
        return relay_to_one(home, facts, world, why, _STEP_1)
    if not world.site or world.site.lower() == home.site.lower():
        told = "the own site" if world.site else "the own site is not known, taken for this one"
        return relay_to_one(home, facts, world, (*why, Because("site", (_STEP_2, home.site, told))), _STEP_2)
    why = (*why, Because("site", (_STEP_1, home.site, f"not the own one, {world.site}")))
    return _other_site(home, facts, world, why, kind)


def _other_site(home: Server, facts: Facts, world: World, why: Why, kind: str) -> Decision:
    """ExternalURL first, as step 4 has it: a site with one is not proxied to."""
    servers = in_order(of_home(home, world), user_of(facts))
    many = having(servers, kind, world)
    external = [cas for cas in many if cas.directory.external_url]
    others = elsewhere(external, world)
    if others:
        return link(others, world, why, _STEP_4, silent=world.policy.cross_site == "silent")
    if external:
        why = (*why, Because("ExternalURL leads back here", (_STEP_4, external[0].directory.external_url)))
    internal = [cas for cas in many if cas.directory.internal_url]
    if not internal:
        told = (Because("no InternalURL", (_STEP_2, *(server.name for server in servers))),) if servers else ()
        return none_answers(home, servers, (*why, *told), _STEP_2)
    return _proxy(home, internal, facts, world, why)


def _proxy(home: Server, many: Sequence[Cas], facts: Facts, world: World, why: Why) -> Decision:
    """Steps 2 and 3: InternalURL and Integrated authentication; the first that answers, in the user's own order."""
    faults = []
    for cas in many:
        fault = _fault(cas, world)
        health = world.health(cas.server.name, "http", facts.application)
        if not fault and may_be_tried(health):
            told = Because("Client Access server", (_STEP_2, cas.server.name, one_of(len(many))))
            return _proxied(cas, world, (*why, told))
        faults.append(fault)
        why = (*why, Because("left out", (_STEP_2, cas.server.name, fault or str(health))))
    if not all(faults):
        return none_answers(home, [cas.server for cas in many], why, _STEP_2)
    reason = LOOP if set(faults) == {_LEADS_BACK} else CAS_CONFIGURATION
    names = (cas.server.name for cas in many)
    return Refuse(reason, "; ".join(f"{name}: {fault}" for name, fault in zip(names, faults, strict=True)), why)


def _fault(cas: Cas, world: World) -> str:
    """Why it cannot be proxied to; empty where it can."""
    url = read_url(cas.directory.internal_url)
    if not cas.directory.internal_authentication & _INTEGRATED:
        return "Integrated authentication is not set"
    if url is None or not url.secure:  # event 42: refused but for a setting of the registry
        return "InternalURL is not https"
    if leads_back(url.host, world):
        return _LEADS_BACK
    if cas.server.listed:
        return "" if cas.server.http is not None else "the configuration gives it no http"
    if url.port != _HTTPS:
        return "InternalURL has a port of its own"
    return "" if allowed_host(url.host, world.policy) else "InternalURL is not below an allowed suffix"


def _proxied(cas: Cas, world: World, why: Why) -> ProxyToCas:
    """The configuration's address of a server wins over its InternalURL."""
    server, methods = cas.server, cas.directory.internal_authentication
    url = read_url(cas.directory.internal_url)
    assert url is not None  # _fault has read it
    service = server.http
    if service is None or not server.listed:
        service = _SERVICE
        host = allowed_host(url.host, world.policy)
        server = server if server.host == host else evolve(server, host=host)
    how: Literal["basic", "context"] = "basic" if "basic" in methods and "forms" not in methods else "context"
    told: Why = (
        Because("InternalURL", (_STEP_2, cas.directory.internal_url)),
        Because("Integrated authentication", (_STEP_3, *sorted(methods))),
    )
    if how == "context":
        told = (*told, Because("security context", (_STEP_5, "proxyLogon.owa after a 441")))
    return ProxyToCas(server, service, cas.directory.internal_url, how, server.login_as, (*why, *told))
