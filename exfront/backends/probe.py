"""Asks back ends by itself how they are, over the dialer and the TLS verification that users' connections take."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from exfront import limits
from exfront.backends.greeting import Greeting, GreetingFactory, ask_for_capabilities, ask_for_tls, greeted
from exfront.backends.health import words
from exfront.backends.preface import preface
from exfront.backends.table import BackEndTable
from exfront.config.limits import LimitsSection
from exfront.config.server import ServerSection
from exfront.decision import Relay
from exfront.interfaces import IBackEndDialer
from exfront.reasons import (
    BACK_END_ANSWER_TIMEOUT,
    BACK_END_OUT,
    BACK_END_PROTOCOL,
    TOO_MANY_AT_BACK_END,
    Refused,
)
from exfront.topology import Protocol, Service

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: |\Z)")
_FIRST_ERROR = 400
_UNAUTHORIZED = 401


@frozen
class Target:
    """What is asked: the greeting and the capabilities of a mail service, a page of an HTTP `application`, or without
    `path` nothing more than a connection."""

    relay: Relay
    protocol: Protocol
    application: str = ""
    path: str = ""


def targets(sections: tuple[ServerSection, ...]) -> tuple[Target, ...]:
    """All that the [[server]] sections with `probe` want asked."""
    found: list[Target] = []
    for section in sections:
        server = section.as_server()
        mail: tuple[tuple[Protocol, Service | None], ...] = (("imap4", server.imap4), ("pop3", server.pop3))
        if not section.probe:
            continue
        found += [Target(Relay(server, each, "typed"), protocol) for protocol, each in mail if each is not None]
        if server.http is not None:
            relay = Relay(server, server.http, "typed")
            pages = section.probe_paths or {"": ""}
            found += [Target(relay, "http", name, path) for name, path in pages.items()]
    return tuple(found)


@define(eq=False)
class Prober:
    """Probes each target once in a period of `settings`, [limits]; `random` gives numbers from 0 to 1."""

    targets: tuple[Target, ...]
    dialer: IBackEndDialer
    table: BackEndTable
    settings: LimitsSection
    reactor: Any
    random: Callable[[], float]
    _timers: dict[Target, IDelayedCall] = field(factory=dict)
    _running: dict[Target, Deferred[None]] = field(factory=dict)
    _stopped: bool = False

    log = Logger()

    def start(self) -> None:
        """The first probes are spread over a period."""
        for target in self.targets:
            self._later(target, self.random() * self.settings.back_end_probe_period)

    async def stop(self) -> None:
        """Ask no more; what runs is given up."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for running in tuple(self._running.values()):
            running.cancel()
            await running

    def _later(self, target: Target, seconds: float) -> None:
        if not self._stopped:
            self._timers[target] = self.reactor.callLater(seconds, self._begin, target)

    def _begin(self, target: Target) -> None:
        del self._timers[target]
        running = self._running[target] = Deferred.fromCoroutine(self._probe(target))
        running.addBoth(self._ended, target)

    def _ended(self, result: Failure | None, target: Target) -> None:
        """However it ended, there is a next one."""
        self._running.pop(target, None)
        if isinstance(result, Failure) and not result.check(CancelledError):
            self.log.failure("probe of {server} failed", result, server=target.relay.server.name)
        spread = limits.BACK_END_PROBE_JITTER * (2 * self.random() - 1)
        self._later(target, self.settings.back_end_probe_period * (1 + spread))

    async def _probe(self, target: Target) -> None:
        server, port = target.relay.server.name, target.relay.service.port
        application = self.table.application(server, target.protocol, target.application, port=port)
        try:
            error = await self._ask(target)
        except Refused as refused:
            if refused.reason in (BACK_END_OUT, TOO_MANY_AT_BACK_END):
                return  # nobody was asked
            error = words(refused)
        application.probed(error, self.table.seconds())

    async def _ask(self, target: Target) -> str:
        """What is wrong with the answer, or empty. Raises `Refused` where there is none."""
        first = preface(target.relay.server, target.protocol)
        dialled = self.dialer.dial(target.relay, target.protocol, GreetingFactory(), first)
        connection = cast(Greeting, await dialled)
        asking: Deferred[str] = Deferred.fromCoroutine(self._speak(target, connection))
        asking.addTimeout(self.settings.back_end_probe_time, self.reactor)
        try:
            return await asking
        except DeferredTimeoutError:
            raise Refused(BACK_END_ANSWER_TIMEOUT) from None
        finally:
            transport: Any = connection.transport
            transport.abortConnection()

    async def _speak(self, target: Target, connection: Greeting) -> str:
        if target.protocol == "http":
            return await _page(target, connection) if target.path else ""
        await greeted(connection, target.protocol)
        if target.relay.service.tls == "starttls":
            await ask_for_tls(connection, target.protocol)
            await self.dialer.start_tls(target.relay, connection)
        offered = await ask_for_capabilities(connection, target.protocol)
        name = target.relay.server.name
        self.table.capabilities.learn(name, target.protocol, before=offered.names, mechanisms=offered.mechanisms)
        return ""


async def _page(target: Target, connection: Greeting) -> str:
    """Status line alone: the rest of the page is not read. A page that wants a log-on is there."""
    request = f"GET {target.path} HTTP/1.1\r\nHost: {_host(target.relay)}\r\nConnection: close\r\n"
    line = await connection.ask(request.encode("ascii"))
    status = _STATUS_LINE.match(line)
    if status is None:
        raise Refused(BACK_END_PROTOCOL, "no status line")
    number = int(status[1])
    return "" if number < _FIRST_ERROR or number == _UNAUTHORIZED else f"status={number} path={target.path}"


def _host(relay: Relay) -> str:
    """The Host field (RFC 9110 section 7.2): the port where it is not the scheme's own."""
    usual = 443 if relay.service.tls == "implicit" else 80
    host = f"[{relay.server.host}]" if ":" in relay.server.host else relay.server.host
    return host if relay.service.port == usual else f"{host}:{relay.service.port}"
