"""Connects to back ends: resolves, asks the allow list, connects to the checked address, verifies TLS."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import attrs
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectError, ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Factory
from zope.interface import implementer

from exfront.backends.allowed import AllowList
from exfront.backends.certificate import Verification
from exfront.backends.handshake import Handshake
from exfront.backends.table import BackEndTable, Place
from exfront.config.limits import LimitsSection
from exfront.decision import Relay
from exfront.interfaces import IBackEndDialer
from exfront.net.pins import pinned_options
from exfront.net.resolve import resolve
from exfront.net.tls import ClientTLS, client_options
from exfront.net.transports import Transports
from exfront.reasons import (
    BACK_END_CONNECT_TIMEOUT,
    BACK_END_NO_ADDRESS,
    BACK_END_REFUSED,
    Reason,
    Refused,
)
from exfront.topology import Protocol, Server


@implementer(IBackEndDialer)
@define(eq=False)
class Dialer:
    """`settings` is [limits]; `ca_file` the PEM file for servers that name none, empty for the system's authorities.

    `table` says whether a server may be tried, and is told what came of it. `certificate` is what a Client Access
    server that is proxied to sees of us (S-AUTH-14); nobody else sees it. `clock` is for deadlines.
    """

    transports: Transports
    reactor: Any
    settings: LimitsSection
    allowed: AllowList
    table: BackEndTable
    ca_file: str = ""
    certificate: Path | None = None
    clock: IReactorTime = field(default=attrs.Factory(lambda self: self.reactor, takes_self=True))
    _handshakes: dict[IProtocol, Handshake] = field(factory=dict)
    _tls: dict[tuple[str, str, tuple[bytes, ...], int], ClientTLS] = field(factory=dict)

    def dial(
        self, relay: Relay, protocol: Protocol, factory: IProtocolFactory, preface: bytes = b""
    ) -> Deferred[IProtocol]:
        """See `IBackEndDialer`."""
        return Deferred.fromCoroutine(self._dial(relay, protocol, factory, preface))

    def address_of(self, relay: Relay) -> Deferred[str]:
        """See `IBackEndDialer`."""
        return Deferred.fromCoroutine(self._first_address(relay))

    def start_tls(self, relay: Relay, protocol: IProtocol) -> Deferred[None]:
        """See `IBackEndDialer`."""
        return self._handshakes[protocol].start_tls(self._verification(relay))

    async def _dial(self, relay: Relay, protocol: Protocol, factory: IProtocolFactory, preface: bytes) -> IProtocol:
        place = await self._place(relay, protocol)
        try:
            connected = await self._reach(relay, factory, preface, place.free)
        except Refused as refused:
            place.failed(refused)
            raise
        except BaseException:  # cancelled, or a fault of our own: it says nothing of the server
            place.given_up()
            raise
        place.connected()
        return connected

    async def _place(self, relay: Relay, protocol: Protocol) -> Place:
        """A browser asks again by itself; a mail client shows its user an error, so it waits a little."""
        name, port, only = relay.server.name, relay.service.port, not relay.replaceable
        if protocol == "http":
            return self.table.take(name, protocol, port, only=only)
        return await self.table.wait_and_take(name, protocol, port, self.reactor, only=only)

    async def _reach(
        self, relay: Relay, factory: IProtocolFactory, preface: bytes, gone: Callable[[], None]
    ) -> IProtocol:
        """Try the server's addresses one after the other; `gone` is called at the connection's end."""
        server, port = relay.server, relay.service.port
        began = self.reactor.seconds()
        refused = Refused(BACK_END_NO_ADDRESS, f"host={server.host}")
        for address in await self._allowed_addresses(server, port):
            left = self.settings.back_end_connect_time - (self.reactor.seconds() - began)
            if left <= 0:
                break
            try:
                return await self._connect(relay, factory, preface, address, left, gone)
            except Refused as why:
                refused = why
                if why.reason is not BACK_END_REFUSED and why.reason is not BACK_END_CONNECT_TIMEOUT:
                    break
        raise refused

    async def _connect(
        self,
        relay: Relay,
        factory: IProtocolFactory,
        preface: bytes,
        address: str,
        seconds: float,
        gone: Callable[[], None],
    ) -> IProtocol:
        handshake = Handshake(factory, self.clock, gone)
        verification = self._verification(relay) if relay.service.tls == "implicit" else None
        where = _where(relay.server.host, address, relay.service.port)
        at_once = None if preface else verification
        try:
            await self.transports.connect(address, relay.service.port, seconds, _Once(handshake), at_once)
        except ConnectionRefusedError:
            raise Refused(BACK_END_REFUSED, where) from None
        except TimeoutError:
            raise Refused(BACK_END_CONNECT_TIMEOUT, where) from None
        except ConnectError as error:
            raise Refused(BACK_END_REFUSED, f"{where} error={type(error).__name__}") from None
        protocol = await handshake.ready(verification, where, preface)
        if relay.service.tls == "starttls":
            self._handshakes[protocol] = handshake
            handshake.gone = partial(self._gone, protocol, gone)
        return protocol

    def _gone(self, protocol: IProtocol, gone: Callable[[], None]) -> None:
        del self._handshakes[protocol]
        gone()

    def _verification(self, relay: Relay) -> Verification:
        server, shown = relay.server, self.certificate if relay.proves else None
        version = 0 if shown is None else shown.stat().st_mtime_ns  # a renewed certificate is another one
        key = (server.host, server.ca_file or self.ca_file, server.tls_pins, version)
        options = self._tls.get(key)
        if options is None:
            host, ca_file, pins, _ = key
            options = pinned_options(host, pins, shown) if pins else client_options(host, ca_file, shown)
            self._tls[key] = options
        return Verification(server.host, options)

    async def _allowed_addresses(self, server: Server, port: int) -> list[str]:
        """The addresses of the server that may be connected to. Raises `Refused` when there is none."""
        addresses = [server.address] if server.address else await self._resolve(server.host)
        refusal: Reason = BACK_END_NO_ADDRESS
        allowed = []
        for address in addresses:
            why = self.allowed.refusal(address, port)
            if why is None:
                allowed.append(address)
            else:
                refusal = why
        if not allowed:
            raise Refused(refusal, f"host={server.host} addresses={','.join(addresses)} port={port}")
        return allowed

    async def _first_address(self, relay: Relay) -> str:
        return (await self._allowed_addresses(relay.server, relay.service.port))[0]

    async def _resolve(self, host: str) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        done = resolve(self.reactor, host)
        done.addTimeout(self.settings.back_end_connect_time, self.reactor)
        try:
            return await done
        except DeferredTimeoutError:
            raise Refused(BACK_END_NO_ADDRESS, f"host={host} error=slow DNS") from None


@lru_cache(1024)
def _where(host: str, address: str, port: int) -> str:
    """For the log; one text for all connections to a service, each of which keeps it."""
    return f"host={host} address={address} port={port}"


class _Once(Factory):
    """Gives the one protocol it was made for."""

    noisy = False

    def __init__(self, handshake: Handshake) -> None:
        self._handshake = handshake

    def buildProtocol(self, addr: IAddress | None) -> Handshake:  # type: ignore[override]
        self._handshake.address = addr
        return self._handshake
