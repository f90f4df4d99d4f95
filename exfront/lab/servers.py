"""The lab's own servers as services: the directory, and the three of a mailbox server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IReactorSocket
from twisted.internet.protocol import ServerFactory
from twisted.protocols.policies import WrappingFactory

from exfront.config.kinds import HostPort
from exfront.config.server import ServerSection
from exfront.config.settings import Settings
from exfront.lab.directory import directory_factory
from exfront.lab.imap4 import Imap4Server
from exfront.lab.mailboxes import Mailboxes, mailboxes
from exfront.lab.people import SERVERS
from exfront.lab.pop3 import Pop3Server
from exfront.lab.web import site
from exfront.net.listeners import ListenerService
from exfront.net.transports import TwistedTransports


class NotLoopback(Exception):  # noqa: N818 - a mistake in the lab's configuration
    """The configuration tells the lab to serve where others could reach it; the message says what and where."""


class LoopbackFactory(WrappingFactory):
    """Knows its connections, so that they can be ended with the server; `what` is how the log calls it."""

    noisy = False

    def __init__(self, factory: Any, what: str) -> None:
        super().__init__(factory)  # type: ignore[no-untyped-call]
        self._what = what

    def logPrefix(self) -> str:
        """As messages call it."""
        return self._what

    def end_all(self) -> None:
        """Cut what is connected."""
        for connection in tuple(self.protocols):
            connection.transport.abortConnection()


@define(eq=False)
class LoopbackServer(ListenerService):
    """One listening socket of the lab; `what` is how messages call it."""

    what: str = ""

    def stopService(self) -> Deferred[None]:
        """Take no more connections, and end those that are left."""
        stopped = super().stopService()
        if isinstance(self.factory, LoopbackFactory):
            self.factory.end_all()
        return stopped


class _Each(ServerFactory):
    """A protocol with the mailboxes of one server for each connection."""

    noisy = False

    def __init__(self, make: Callable[[Mailboxes], IProtocol], of: Mailboxes) -> None:
        self._make = make
        self._of = of

    def buildProtocol(self, addr: IAddress | None) -> IProtocol:  # type: ignore[override]
        return self._make(self._of)


def lab_servers(settings: Settings, reactor: IReactorSocket) -> Iterator[LoopbackServer]:
    """A directory where [directory] looks for one, and those of [[server]] that the lab plays.

    Raises `NotLoopback`, also for a listener of exfront: everybody knows the passwords, and root may run the lab.
    """
    for listener in settings.listener:
        _loopback(f"[[listener]] {listener.protocol}", listener.address.host, listener.address.port)
    url = settings.directory.servers[0]
    yield _server("the directory", _loopback("[directory] servers", url.host, url.port), directory_factory(), reactor)
    for section in settings.server:
        if section.name.lower() in SERVERS:
            yield from _mailbox_server(section, reactor)


def _mailbox_server(section: ServerSection, reactor: IReactorSocket) -> Iterator[LoopbackServer]:
    own = mailboxes(section.name.lower())
    services: tuple[tuple[str, int, Any], ...] = (
        ("IMAP4", section.imap4, _Each(Imap4Server, own)),
        ("POP3", section.pop3, _Each(Pop3Server, own)),
        ("HTTP", section.http, site(own)),
    )
    for protocol, port, factory in services:
        if port:
            address = _loopback(f"[[server]] {section.name}", section.address or section.host, port)
            yield _server(f"{protocol} of {section.name}", address, factory, reactor)


def _server(what: str, address: HostPort, factory: Any, reactor: IReactorSocket) -> LoopbackServer:
    wrapped: Any = LoopbackFactory(factory, what)
    return LoopbackServer(TwistedTransports(reactor), address, wrapped, what=what)


def _loopback(where: str, host: str, port: int) -> HostPort:
    try:
        if ip_address(host).is_loopback:
            return HostPort(host, port)
    except ValueError:  # a name
        pass
    raise NotLoopback(f"{where}: the lab serves on addresses like 127.0.0.1 only, not on {host}")
