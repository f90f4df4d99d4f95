"""Starts the lab: a configuration, the servers that it names, and the front end that production builds of it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import frozen
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred

from exfront.config.errors import ConfigErrors
from exfront.config.kinds import HostPort
from exfront.config.load import load
from exfront.config.settings import Settings
from exfront.lab.announcement import announcement
from exfront.lab.folder import LabFolder
from exfront.lab.servers import LoopbackServer, NotLoopback, lab_servers

Build = Callable[[Settings, Any], MultiService]


class CannotStart(Exception):  # noqa: N818 - what a user reads
    """The message says, in a line or more, why the lab does not start and what to do."""


def lab_service(directory: Path | None, reactor: Any, build: Build) -> MultiService:
    """The whole lab; `build` makes the front end of its settings, as in production.

    Files go to `directory` and stay there, or to a temporary folder that is gone when the service has stopped. Nothing
    listens before the start. Raises `CannotStart`: a port in use, a mistake in the folder's configuration.
    """
    undo = ExitStack()
    try:
        folder = LabFolder(directory or Path(undo.enter_context(TemporaryDirectory(prefix="exfront-lab-"))))
        settings = _settings(folder)
        servers = _servers(settings, folder, reactor)
        _check_ports(_places(settings, servers), _how_to_change(directory))
        text = announcement(settings, servers, folder.path, folder.authority)
        return Lab(servers, build(settings, reactor), text, undo)
    except BaseException:
        undo.close()
        raise


class Lab(MultiService):
    """The servers start before the front end and stop after it; then the temporary folder, if any, is removed."""

    def __init__(self, servers: Sequence[Service], front: MultiService, text: str, undo: ExitStack) -> None:
        MultiService.__init__(self)
        self._servers = servers
        self._front = front
        self._text = text
        self._undo = undo
        for service in (*servers, front):
            service.setServiceParent(self)

    def startService(self) -> None:
        """Start all, and tell the user; twistd has made a log of sys.stdout by now."""
        MultiService.startService(self)
        if sys.__stdout__ is not None:
            sys.__stdout__.write(self._text)
            sys.__stdout__.flush()

    def stopService(self) -> Deferred[None]:
        """Fires when all has ended."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        try:
            for service in (self._front, *self._servers):
                await maybeDeferred(service.stopService)
        finally:
            self._undo.close()


def _settings(folder: LabFolder) -> Settings:
    try:
        folder.fill()
        settings = load(folder.configuration)
        folder.certify(settings)
    except OSError as error:
        raise CannotStart(f"{error.filename or folder.path}: {error.strerror}") from None
    except ConfigErrors as errors:
        raise CannotStart(str(errors)) from None
    return settings


def _servers(settings: Settings, folder: LabFolder, reactor: Any) -> tuple[LoopbackServer, ...]:
    try:
        return tuple(lab_servers(settings, reactor))
    except NotLoopback as error:
        raise CannotStart(f"{folder.configuration}: {error}") from None


@frozen
class _Place:
    """Something that is going to listen."""

    what: str
    address: HostPort


def _places(settings: Settings, servers: Iterable[LoopbackServer]) -> list[_Place]:
    listeners = [_Place(f"{listener.protocol.upper()} of exfront", listener.address) for listener in settings.listener]
    return listeners + [_Place(server.what, server.place) for server in servers]


def _check_ports(places: Sequence[_Place], how_to_change: str) -> None:
    """All ports are bound at once, so that two places with one port are found too; then all are let go."""
    taken = []
    with ExitStack() as bound:
        for place in places:
            try:
                _bind(bound, place.address)
            except OSError as error:
                taken.append(f"cannot listen on {place.address} ({place.what}): {error.strerror}")
    if taken:
        raise CannotStart("\n".join([*taken, how_to_change]))


def _bind(bound: ExitStack, address: HostPort) -> None:
    """As the listeners will do it."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = bound.enter_context(socket.socket(family, socket.SOCK_STREAM))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address.host, address.port))
    listening.listen(1)


def _how_to_change(directory: Path | None) -> str:
    if directory is None:
        again = "twistd --nodaemon exfront --lab --lab-dir DIR"
        return f"To use other ports: run {again}, edit DIR/exfront.toml, and run it again."
    return f"To use other ports: edit {directory / 'exfront.toml'} and start again."
