"""The only wiring: what is built of which parts. No logic."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.interfaces import IProtocol
from twisted.internet.ssl import CertificateOptions

from exfront.auth.ldap_bind import LdapBindChecker
from exfront.auth.portal import Portal
from exfront.backends.allowed import AllowList
from exfront.backends.dial import Dialer
from exfront.config.listener import ListenerSection
from exfront.config.settings import Settings
from exfront.directory.lookup import Directory
from exfront.facts import Policy, World
from exfront.interfaces import IRecordObserver
from exfront.mail.protocol import imap4_protocol, pop3_protocol
from exfront.net.listeners import AdmittingFactory, ListenerService
from exfront.net.tls import server_options
from exfront.operate.access_log import FlushOnStop, open_access_log
from exfront.operate.background import Background
from exfront.operate.drain import Drain, InOrder
from exfront.operate.fault_log import FaultLog
from exfront.operate.process import Hardening
from exfront.operate.signals import StopOnSignal
from exfront.sessions import Session, SessionTable
from exfront.steps import Steps
from exfront.topology import Topology
from exfront.web.protocol import http_protocol
from exfront.web.virtual_sites import VirtualSites


@frozen
class Core:
    """All that a decision needs."""

    directory: Directory
    passwords: LdapBindChecker
    sessions: SessionTable
    steps: Steps


def core(settings: Settings, reactor: Any, observers: tuple[IRecordObserver, ...] = ()) -> Core:
    """Directory, authentication, back ends, session table and the five steps over them."""
    directory = Directory(settings.directory, settings.limits, reactor, settings.authentication.default_domain)
    passwords = LdapBindChecker(settings.directory, settings.limits, reactor)
    denied = [dn for dn in (settings.directory.bind_dn, *settings.authentication.deny_users) if dn]
    sessions = SessionTable(settings.limits, reactor, observers)
    allowed = AllowList(settings.back_ends.networks, tuple(listener.address for listener in settings.listener))
    dialer = Dialer(reactor, settings.limits, allowed, str(settings.back_ends.ca_file or ""))
    topology = Topology(tuple(server.as_server() for server in settings.server))
    world = World(topology, Policy(settings.back_ends.suffixes or ()))
    steps = Steps(sessions, Portal(directory, passwords, denied), directory, dialer, lambda: world, reactor)
    return Core(directory, passwords, sessions, steps)


def build(settings: Settings, reactor: Any) -> MultiService:
    """The whole front end as one service; nothing listens before it is started."""
    access_log = open_access_log(settings.log, reactor)
    parts = core(settings, reactor, (access_log, FaultLog()))
    drain = Drain(parts.sessions, settings.limits, reactor)
    service = InOrder()
    for part in (
        Hardening(),
        StopOnSignal(reactor, drain.hurry),
        FlushOnStop(access_log),
        Background(parts.directory.start, parts.directory.stop),
        Background(parts.passwords.start, parts.passwords.stop),
        drain,
        *(_listener(listener, settings, parts.steps, reactor) for listener in settings.listener),
    ):
        service.addService(part)
    return service


def _listener(listener: ListenerSection, settings: Settings, steps: Steps, reactor: Any) -> ListenerService:
    """One listening socket with the protocol that is spoken there."""
    tls = _tls(listener, settings)
    implicit = tls if listener.tls == "implicit" else None
    speak = _protocol(listener, settings, steps, reactor, tls)
    accept = partial(steps.accept, listener.protocol, listener.name, listener.tls == "implicit", speak)
    factory = AdmittingFactory(accept, implicit)
    return ListenerService(reactor, listener.address.host, listener.address.port, factory)


def _tls(listener: ListenerSection, settings: Settings) -> CertificateOptions | None:
    certificate = settings.tls.certificate
    if listener.tls == "none" or certificate is None:
        return None
    protocols = (b"http/1.1",) if listener.protocol == "http" else ()  # S-TLS-3
    return server_options(certificate, settings.tls.key, protocols)


def _protocol(
    listener: ListenerSection, settings: Settings, steps: Steps, reactor: Any, tls: CertificateOptions | None
) -> Callable[[Session], IProtocol]:
    if listener.protocol == "http":
        sites = VirtualSites(settings.virtual_site)
        return partial(http_protocol, steps=steps, sites=sites, listener=listener, settings=settings, clock=reactor)
    speak = imap4_protocol if listener.protocol == "imap4" else pop3_protocol
    return partial(speak, steps=steps, listener=listener, settings=settings.limits, clock=reactor, tls=tls)
