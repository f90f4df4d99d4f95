"""The wiring of the whole front end, around what `exfront.core` has put together. No logic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from random import SystemRandom
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.interfaces import IProtocol

from exfront.auth.form_state import FormState, KeptForms
from exfront.auth.guard_state import GuardState
from exfront.auth.kept_state import state_folder
from exfront.auth.lockout_policy import LockoutPolicyReader
from exfront.backends.probe import Prober, targets
from exfront.check.checks import Checks
from exfront.config.listener import ListenerSection
from exfront.config.load import certificate_faults
from exfront.config.settings import Settings
from exfront.core import Core, core, secret_of
from exfront.directory.schemas import schema
from exfront.explain import Explainer
from exfront.mail.auth_http import Answers, auth_http_protocol
from exfront.mail.capability_state import CapabilityState, KeptCapabilities
from exfront.mail.kinds import IMAP4, POP3
from exfront.mail.protocol import MailProtocol
from exfront.names import NameRules
from exfront.net.addresses import Address
from exfront.net.certificates import CertificateFiles, ServerCertificates
from exfront.net.descriptors import most, open_now
from exfront.net.inherited import Handed
from exfront.net.listeners import AdmittingFactory, ListenerService, MakeGate
from exfront.net.proxy_header import HeaderGate
from exfront.net.resolve import resolve
from exfront.operate.access_log import FlushOnStop, open_access_log
from exfront.operate.background import Background
from exfront.operate.certificate_watch import CertificateWatch
from exfront.operate.control_commands import ControlTable
from exfront.operate.control_socket import ControlSocket
from exfront.operate.drain import Drain, InOrder
from exfront.operate.fault_log import FaultLog
from exfront.operate.pressure import LoopWatch, resident
from exfront.operate.process import Hardening, Settled
from exfront.operate.signals import StopOnSignal
from exfront.reasons import PROXY_HEADER, Refused
from exfront.sessions import LimitState, Session
from exfront.web.pages import pages
from exfront.web.protocol import http_protocol
from exfront.web.virtual_sites import ListenerSites, listener_sites, removed_fields


def build(settings: Settings, reactor: Any, handed: Handed | None = None) -> MultiService:
    """The whole front end as one service; nothing listens before it is started, but what was handed over."""
    handed = handed or Handed()
    loop = LoopWatch(reactor)
    access_log = open_access_log(settings.log, reactor)
    parts = core(settings, reactor, (access_log, FaultLog()))
    drain = Drain(parts.sessions, settings.limits, reactor)
    tls = [_tls(listener, settings) for listener in settings.listener]
    service = InOrder()
    for part in (
        Hardening(parts.sessions),
        StopOnSignal(reactor, drain.hurry),
        FlushOnStop(access_log),
        Background(parts.directory.start, parts.directory.stop),
        Background(parts.passwords.start, parts.passwords.stop),
        Background(parts.topology.start, parts.topology.stop),
        *_guarding(parts, settings, reactor),
        *_probing(parts, settings, reactor),
        *_control(settings, parts, reactor),
        Background(lambda: None, parts.pool.stop),
        Background(handed.warn_of_rest, parts.descriptors.stop),
        Background(loop.start, loop.stop),
        drain,
        *_watching(settings, [each for each in tls if each is not None], reactor),
        *(
            _listener(listener, settings, parts, reactor, each, handed)
            for listener, each in zip(settings.listener, tls, strict=True)
        ),
        Settled(),
    ):
        service.addService(part)
    return service


def _guarding(parts: Core, settings: Settings, reactor: Any) -> Iterator[Background]:
    """What the guard knows of the domains, and what it keeps over a restart."""
    if settings.directory.schema == "active_directory" and not settings.authentication.lockout_threshold:
        domains = tuple(sorted(set((settings.directory.domains or {}).values()) or {settings.directory.base}))
        policy = LockoutPolicyReader(parts.guard, parts.directory.read, domains, reactor)
        yield Background(policy.start, policy.stop)
    folder = state_folder(settings.control.state_dir)
    if folder is not None:
        for state in (
            GuardState(parts.guard, folder, reactor),
            FormState(KeptForms(parts.forms), folder, reactor),
            CapabilityState(KeptCapabilities(parts.steps.back_ends.capabilities), folder, reactor),
        ):
            yield Background(state.start, state.stop)


def _probing(parts: Core, settings: Settings, reactor: Any) -> Iterator[Background]:
    """What asks the back ends how they are, where a [[server]] wants that."""
    asked = targets(settings.server)
    if asked:
        steps = parts.steps
        prober = Prober(asked, steps.dialer, steps.back_ends, settings.limits, reactor, SystemRandom().random)
        yield Background(prober.start, prober.stop)


def explainer(parts: Core, settings: Settings) -> Explainer:
    """What ``exfrontctl explain`` asks."""
    rules = parts.directory.rules
    sites = tuple((each, _sites(each, settings, rules)) for each in settings.listener if each.protocol == "http")
    return Explainer(parts.steps, sites, parts.directory.cached, parts.servers.states)


def checks(parts: Core, settings: Settings, reactor: Any) -> Checks:
    """What ``exfrontctl check`` runs; nothing listens, and no session is served."""
    return Checks(
        settings=settings,
        servers=parts.servers,
        schema=schema(settings.directory),
        dialer=parts.steps.dialer,
        world=parts.steps.world,
        resolve=partial(resolve, reactor),
        reactor=reactor,
        topology=parts.topology.read if settings.directory.topology else None,
    )


def _control(settings: Settings, parts: Core, reactor: Any) -> tuple[ControlSocket, ...]:
    """The socket of exfrontctl, where one is wanted."""
    if settings.control.socket is None:
        return ()
    table = ControlTable(
        directory=parts.directory,
        explain=explainer(parts, settings).answer,
        flush=parts.directory.flush,
        lockouts=parts.guard.lockouts,
        unlock=lambda account: any([parts.guard.unlock(account), parts.steps.next_hops.unlock(account)]),
        servers=parts.servers.states,
        back_ends=parts.steps.back_ends.states,
        devices=parts.devices.states,
        limits=lambda: (*parts.steps.limit_states(), *_of_process(settings)),
        rules=parts.directory.rules,
    )
    return (ControlSocket(settings.control.socket, table.commands(), reactor),)


def _of_process(settings: Settings) -> tuple[LimitState, ...]:
    """What the system allows the process, beside what the configuration allows its clients."""
    memory = LimitState("memory", resident(), settings.limits.memory)
    return LimitState("descriptors", open_now(), most()), memory


def _listener(
    listener: ListenerSection,
    settings: Settings,
    parts: Core,
    reactor: Any,
    tls: ServerCertificates | None,
    handed: Handed,
) -> ListenerService:
    """One listening socket with the protocol that is spoken there."""
    implicit = tls if listener.tls == "implicit" else None
    steps = parts.steps
    speak = _protocol(listener, settings, parts, reactor, tls)
    accept = partial(steps.accept, listener.spoken, listener.title, listener.tls == "implicit", speak)
    factory = AdmittingFactory(accept, parts.descriptors.taken)
    gate = _header_gate(listener, parts, reactor) if listener.proxy_protocol else None
    sockets = handed.take(listener)
    service = ListenerService(parts.transports, listener.address, factory, implicit, sockets, gate, reactor)
    parts.descriptors.listeners.append(service)
    return service


def _header_gate(listener: ListenerSection, parts: Core, reactor: Any) -> MakeGate:
    """What reads the PROXY headers of one listener's load balancers."""

    def refuse(peer: Address, why: str) -> None:
        parts.steps.turned_away(listener.spoken, listener.title, peer.host, peer.port, Refused(PROXY_HEADER, why))

    return lambda admit: HeaderGate(reactor, listener.proxy_protocol, admit, refuse, parts.descriptors.taken)


def _tls(listener: ListenerSection, settings: Settings) -> ServerCertificates | None:
    files = _certificates(listener, settings)
    if listener.tls == "none" or not files:
        return None
    return ServerCertificates(files, _ALPN[listener.protocol], listener.client_ca_file)


# S-TLS-3: the names of IANA's registry; a client that offers none is served
_ALPN: Mapping[str, tuple[bytes, ...]] = {"http": (b"http/1.1",), "imap4": (b"imap",), "pop3": (b"pop3",)}


def _certificates(listener: ListenerSection, settings: Settings) -> tuple[CertificateFiles, ...]:
    tls = settings.tls
    if listener.certificates:
        return tuple(CertificateFiles(file) for file in listener.certificates)
    if tls.certificate is None:
        return ()
    more = (CertificateFiles(file) for file in tls.more_certificates)
    return (CertificateFiles(tls.certificate, tls.key), *more)


def _watching(settings: Settings, shown: Sequence[ServerCertificates], reactor: Any) -> Iterator[Background]:
    """Who takes renewed certificates into use, where there are any."""
    pairs = dict.fromkeys(pair for listener in settings.listener for pair in _certificates(listener, settings))
    files = [file for pair in pairs for file in (pair.certificate, pair.key) if file is not None]

    def load() -> None:
        for each in shown:
            each.load()

    if shown:
        watch = CertificateWatch(files, partial(certificate_faults, settings), load, reactor, settings.limits)
        yield Background(watch.start, watch.stop)


def _sites(listener: ListenerSection, settings: Settings, rules: NameRules) -> ListenerSites:
    removed = removed_fields(settings.virtual_site, (*settings.http.removed_headers, *settings.proxy.headers))
    return listener_sites(settings.virtual_site, listener, settings.listener, rules, removed)


def _protocol(
    listener: ListenerSection, settings: Settings, parts: Core, reactor: Any, tls: ServerCertificates | None
) -> Callable[[Session], IProtocol]:
    steps = parts.steps
    if listener.protocol == "http":
        return partial(
            http_protocol,
            steps=steps,
            sites=_sites(listener, settings, steps.portal.rules),
            listener=listener,
            settings=settings,
            clock=parts.deadlines,
            pool=parts.pool,
            cookies=parts.cookies,
            devices=parts.devices,
            forms=parts.forms,
            pages=pages(settings.http.pages),
            cas=parts.cas,
        )
    if listener.protocol == "auth_http":
        key = None if listener.key_file is None else secret_of(listener.key_file)
        return partial(auth_http_protocol, answers=Answers(steps, listener, settings.limits, reactor, key))
    kind = IMAP4 if listener.protocol == "imap4" else POP3
    return partial(
        MailProtocol,
        kind,
        steps=steps,
        listener=listener,
        settings=settings.limits,
        clock=parts.deadlines,
        tls=tls,
        mail=settings.mail,
    )
