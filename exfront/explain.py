"""Why a log-on goes where it goes: the steps themselves, run with a trace, and what the trace holds in words.

No rule is written here a second time: names, look-up, reading of entries, location and decision are the daemon's own
objects. The result is made of what JSON can write; operate/explain_text.py is the same for people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from attrs import define, field, frozen

from exfront.auth.next_hop import Place, login_name, ntlm_name
from exfront.because import Because, Trace
from exfront.decision import Decision, Refuse, Relay, SessionRecord
from exfront.facts import ANONYMOUS, Facts, Identity
from exfront.names import BadName, LookupKey, decode, parse_login
from exfront.operate.plain_values import plain
from exfront.reasons import Reason, Refused
from exfront.routing import decide
from exfront.secret import Secret
from exfront.steps import Steps, perform
from exfront.topology import Mailbox, Protocol
from exfront.web import anchors, rpc
from exfront.web.explained import SitesOfListeners, UrlQuestion, follow
from exfront.web.virtual_sites import VirtualDirectory

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

Report = dict[str, Any]


@frozen
class Question:
    """What to explain. `url` is of use with http alone: an absolute URL, or a path on the first virtual site; so are
    the `method` and the `client`'s address, if that matters."""

    protocol: Protocol
    login: bytes
    url: str = ""
    secret: Secret | None = None
    method: str = "GET"
    client: str = ""


@frozen
class Explainer:
    """`sites` are those of the HTTP listeners; `cached` tells what is held of a key, `states` how the directory's
    servers are."""

    steps: Steps
    sites: SitesOfListeners
    cached: Callable[[LookupKey], object] | None = None
    states: Callable[[], Sequence[object]] = tuple

    async def answer(
        self, protocol: Protocol, login: bytes, url: str, secret: Secret | None, method: str, client: str
    ) -> Report:
        """`explain` in plain values, for the control socket."""
        return await self.explain(Question(protocol, login, url, secret, method, client))

    async def explain(self, question: Question) -> Report:
        """Take the steps as far as they lead. A refusal is part of the report, never an exception."""
        run = _Run(self, question)
        try:
            await run.take()
        except Refused as refused:
            run.report["refused"] = _refused(question.protocol, refused.reason, refused.detail, run.at)
        run.report["servers"] = plain(self.states())
        run.report["times"] = {step: round(seconds, 6) for step, seconds in run.record.steps.taken().items()}
        return run.report


@define
class _Run:
    """One explanation: the steps in their order, each noting what it saw in the report."""

    explainer: Explainer
    question: Question
    report: Report = field(factory=dict)
    at: str = "authenticate"
    record: SessionRecord = field(init=False)
    rpc_server: str = ""  # that the URL names

    def __attrs_post_init__(self) -> None:
        question = self.question
        self.record = SessionRecord("explain", question.protocol, "control socket")
        self.report |= {"protocol": question.protocol, "login": decode(question.login), "keys": self._keys()}

    async def take(self) -> None:
        """The five steps but the first and the last. Raises `Refused`."""
        directory, named = self._web()
        identity = await self._identity(directory)
        await self._prove()
        self.at = "locate"
        trace = Trace()
        try:
            mailbox = await self.explainer.steps.locate(self.record, identity, named or identity.names_mailbox, trace)
        finally:
            self.report["locate"] = [_step(each) for each in trace]
        self.report["mailbox"] = None if mailbox is None else plain(mailbox)
        self.at = "route"
        explicit = bool(named or identity.names_mailbox)
        facts = (
            Facts(self.question.protocol, identity, mailbox, explicit_logon=explicit)
            if directory is None
            else directory.facts(identity, mailbox, explicit_logon=explicit)
        )
        world = self.explainer.steps.world()
        topology = world.topology
        self.report["topology"] = {"organisation": topology.organisation, "servers": len(topology.servers)}
        decision = decide(facts, world)
        self.report["decision"] = _decision(decision)
        performed = perform(decision, proves=world.policy.proves)
        if directory is not None and isinstance(performed, Relay):
            self.report["next_hop"] = self._next_hop(directory, identity, performed)
        if self.rpc_server and isinstance(decision, Relay):
            self.at = "RPC endpoint"
            rpc.check_server(self.rpc_server, decision.server, facts, topology)

    def _next_hop(self, directory: VirtualDirectory, identity: Identity, relay: Relay) -> Report:
        """How the user would be logged on at the back end now, and by which name."""
        steps, account = self.explainer.steps, identity.account
        if account is None or directory.section.identity != "basic" or relay.proxy_url or relay.token:
            return {}
        place = Place(relay.server.name, relay.service.port, directory.path)
        scheme, learned = steps.next_hops.scheme(place, relay.schemes), steps.next_hops.learned(place)
        if scheme == "basic":
            name = decode(login_name(identity, relay.login_as))
        else:
            name = ntlm_name(identity, relay.login_as, steps.directory.netbios_domain(account))
        why = "the best that may be used, if the server offers it" if len(relay.schemes) > 1 else "the only one allowed"
        return {"scheme": scheme, "name": name, "because": "offered a moment ago" if scheme == learned else why}

    async def _identity(self, directory: VirtualDirectory | None) -> Identity:
        """Who is meant; the searches are made anew, so that each can be shown."""
        if directory is not None and directory.anonymous:
            self.report["account"] = "anonymous: the virtual directory asks nobody"
            return ANONYMOUS
        trace = Trace()
        try:
            identity = await self.explainer.steps.portal.identify(self.question.login, self.record, trace)
        finally:
            self.report["look_up"] = [_step(each) for each in trace]
        self.report["account"] = plain(identity.account)
        self._compare_with_cache(identity)
        return identity

    def _compare_with_cache(self, identity: Identity) -> None:
        """A log-on takes what is held, this report what is there now: say so where the two differ."""
        held, found = self.explainer.steps.directory.cached_find(identity.keys), identity.account
        if isinstance(held, Mailbox) and found is not None and _place(held) != _place(found):
            self.report["held"] = plain(held)

    async def _prove(self) -> None:
        if self.question.secret is None:
            self.report["authentication"] = "not tried: no password given"
            return
        proven = await self.explainer.steps.authenticate(self.record, self.question.login, self.question.secret)
        self.report["authentication"] = f"accepted: {proven.proof}"

    def _keys(self) -> list[Report]:
        """The keys of the login name, in the order in which they are tried, and what the cache says to each."""
        try:
            login = parse_login(decode(self.question.login), self.explainer.steps.portal.rules)
        except BadName as why:
            return [{"error": str(why)}]
        names = [("account", key) for key in login.keys] + [("mailbox", key) for key in login.mailbox_keys]
        return [self._key(use, key) for use, key in names]

    def _key(self, use: str, key: LookupKey) -> Report:
        shown: Report = {"for": use, "kind": key.kind.value, "value": key.value, "domain": key.domain}
        if self.explainer.cached is not None:
            shown["cached"] = plain(self.explainer.cached(key))
        return shown

    def _web(self) -> tuple[VirtualDirectory | None, tuple[LookupKey, ...]]:
        """Virtual site and directory of the URL, and the mailbox that it names (explicit logon). Raises `Refused`."""
        if self.question.protocol != "http":
            return None, ()
        self.at = "virtual directory"
        question = self.question
        found: Report = {}
        self.report["web"] = found
        directory, segments, query = follow(
            UrlQuestion(question.url, question.method, question.client), self.explainer.sites, found
        )
        named = anchors.by_url(directory, segments, query)
        found["explicit_logon"] = [self._key("mailbox", key) for key in named.keys]
        found["rpc_server"] = named.server
        self.rpc_server = named.server
        self.at = "authenticate"
        return directory, named.keys


def _place(mailbox: Mailbox) -> tuple[str, str, bool]:
    """What of an account decides where a log-on goes."""
    return mailbox.dn, mailbox.home_server, mailbox.disabled


def _refused(protocol: Protocol, reason: Reason, detail: str, at: str) -> Report:
    said = {
        "imap4": lambda: "NO " + reason.imap_text().decode("ascii"),
        "pop3": lambda: "-ERR " + reason.pop3_text().decode("ascii"),
        "http": lambda: f"{reason.http_status} {reason.text} ({reason.public_code})",
    }
    return {
        "step": at, "code": reason.code, "cause": reason.cause, "detail": detail, "client_sees": said[protocol](),
    }  # fmt: skip


def _decision(decision: Decision) -> Report:
    because = [_step(each) for each in decision.because]
    if isinstance(decision, Refuse):
        return {"kind": "Refuse", "reason": decision.reason.code, "detail": decision.detail, "because": because}
    values = {name: value for name, value in plain(decision).items() if name != "because"}
    return {"kind": type(decision).__name__, **values, "because": because}


def _step(each: Because) -> Report:
    return {"rule": each.rule, "values": [plain(value) for value in each.values]}
