"""Client Access servers of another site, for all applications of 2007 and 2010: their URLs, and who is proxied to.

Source: *How Exchange Server 2007 CAS Proxying works for Outlook Web Access*, steps 2 to 5; *Overview of Exchange Server
2007 CAS Proxying and Redirection*, which has the same for the other applications.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import evolve, frozen

from exfront.because import Because
from exfront.decision import Decision, ProxyToCas, Refuse
from exfront.facts import Facts, World
from exfront.reasons import CAS_CONFIGURATION, LOOP, Reason
from exfront.routing.back_end import Why, allowed_host, may_be_tried
from exfront.routing.choice import in_order, one_of
from exfront.routing.client_access import leads_back, none_answers, of_home, user_of
from exfront.routing.external_url import Cas, having, is_here
from exfront.routing.shown_url import read_url
from exfront.topology import AuthenticationMethod, Server, Service

_INTEGRATED = frozenset({"integrated", "ntlm"})  # either bit: some objects hold one only
_NOT_INTEGRATED = "Integrated authentication is not set"
_LEADS_BACK = "InternalURL leads back here"
_HTTPS = 443  # no other port by the word of the directory alone (S-DIR-4)
_SERVICE = Service(_HTTPS, "implicit")


@frozen
class Terms:
    """In what the applications differ. `kind` is the word of the virtual directory's class.

    The steps are what a decision names them by, `context` says how the second server learns who asks. `without` is the
    reason where Integrated authentication is not set there. With `context_first` a password goes only where we cannot
    prove what we are.
    """

    kind: str
    step_2: str
    step_3: str
    step_4: str
    context: Because
    without: Reason
    context_first: bool = True


@frozen
class Site:
    """The Client Access servers of a mailbox's site: all, and those with the virtual directory, in a user's order."""

    servers: Sequence[Server]
    many: Sequence[Cas]


def site_of(home: Server, facts: Facts, world: World, kind: str) -> Site:
    """Of the site and version of `home`."""
    servers = in_order(of_home(home, world), user_of(facts))
    return Site(servers, having(servers, kind, world))


def proxy(home: Server, site: Site, facts: Facts, world: World, why: Why, terms: Terms) -> Decision:
    """Steps 2 and 3: InternalURL and Integrated authentication; the first that answers, in the user's own order."""
    internal = [cas for cas in site.many if cas.directory.internal_url]
    here = next((cas.directory.external_url for cas in site.many if is_here(cas.directory.external_url, world)), "")
    if here:
        why = (*why, Because("ExternalURL leads back here", (terms.step_4, here)))
    if not internal:
        names = [server.name for server in site.servers]
        told = (Because("no InternalURL", (terms.step_2, *names)),) if names else ()
        return none_answers(home, site.servers, (*why, *told), terms.step_2)
    return _to_one(home, internal, facts, world, why, terms)


def _to_one(home: Server, many: Sequence[Cas], facts: Facts, world: World, why: Why, terms: Terms) -> Decision:
    faults = []
    for cas in many:
        fault = _fault(cas, world)
        health = world.health(cas.server.name, "http", facts.application)
        if not fault and may_be_tried(health):
            told = Because("Client Access server", (terms.step_2, cas.server.name, one_of(len(many))))
            return _proxied(cas, world, (*why, told), terms)
        faults.append(fault)
        why = (*why, Because("left out", (terms.step_2, cas.server.name, fault or str(health))))
    if not all(faults):
        return none_answers(home, [cas.server for cas in many], why, terms.step_2)
    reason = terms.without if _NOT_INTEGRATED in faults else CAS_CONFIGURATION
    if set(faults) == {_LEADS_BACK}:
        reason = LOOP
    named = next((cas for cas, fault in zip(many, faults, strict=True) if fault == _NOT_INTEGRATED), many[0])
    told_all = "; ".join(f"{cas.server.name}: {fault}" for cas, fault in zip(many, faults, strict=True))
    return Refuse(reason, told_all, why, server=named.server.name)


def _fault(cas: Cas, world: World) -> str:
    """Why it cannot be proxied to; empty where it can."""
    url = read_url(cas.directory.internal_url)
    if not cas.directory.internal_authentication & _INTEGRATED:
        return _NOT_INTEGRATED
    if url is None or not url.secure:  # event 42: refused but for a setting of the registry
        return "InternalURL is not https"
    if leads_back(url.host, world):
        return _LEADS_BACK
    if cas.server.listed:
        return "" if cas.server.http is not None else "the configuration gives it no http"
    if url.port != _HTTPS:
        return "InternalURL has a port of its own"
    return "" if allowed_host(url.host, world.policy) else "InternalURL is not below an allowed suffix"


def _proxied(cas: Cas, world: World, why: Why, terms: Terms) -> ProxyToCas:
    """The configuration's address of a server wins over its InternalURL."""
    server, methods = cas.server, cas.directory.internal_authentication
    url = read_url(cas.directory.internal_url)
    assert url is not None  # _fault has read it
    service = server.http
    if service is None or not server.listed:
        service = _SERVICE
        host = allowed_host(url.host, world.policy)
        server = server if server.host == host else evolve(server, host=host)
    how = _how(methods, world, terms)
    told: Why = (
        Because("InternalURL", (terms.step_2, cas.directory.internal_url)),
        Because("Integrated authentication", (terms.step_3, *sorted(methods))),
    )
    if how == "context":
        told = (*told, terms.context)
    return ProxyToCas(server, service, cas.directory.internal_url, how, server.login_as, (*why, *told))


def _how(methods: frozenset[AuthenticationMethod], world: World, terms: Terms) -> Literal["basic", "context"]:
    """A directory with Basic takes a user's password as from any client; where forms stand before it, it asks for a
    cookie."""
    if "basic" not in methods or "forms" in methods or (terms.context_first and world.policy.proves):
        return "context"
    return "basic"
