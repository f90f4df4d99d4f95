"""Web sockets through a running exfront: a real client and a real server, each checking the other's frames."""

from __future__ import annotations

import functools
import os
import socket
import ssl

from twisted.trial.unittest import SynchronousTestCase
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support.clients import basic
from tests.support.echo import Echo
from tests.support.exfront import ExFront
from tests.support.mail_site import LISTENERS, PUBLIC_NAME, shared
from tests.support.process import temporary_folder

_ADDRESS = "127.0.0.28"
_MEGABYTE = 1024 * 1024


@functools.cache
def _front() -> ExFront:
    """It and the echo behind it end with the process."""
    site = shared()
    echo = Echo(temporary_folder("echo"), _ADDRESS)
    echo.daemon.start()
    server = {"name": "echo", "host": "echo.fourthcoffee.com", "address": _ADDRESS, "http": echo.port}
    directory = {"application": "webdav", "require_tls": "no", "methods": ["GET"], "server": "echo"}
    front = site.exfront(
        {name: LISTENERS[name] for name in ("http", "https")},
        server=[server, {**server, "name": "chicago"}],
        virtual_site=[
            {
                "name": "default", "public_name": PUBLIC_NAME,
                "virtual_directory": [
                    {**directory, "path": "/open", "authentication": "anonymous", "websocket": True},
                    {**directory, "path": "/private", "websocket": True},
                    {**directory, "path": "/without", "authentication": "anonymous"},
                ],
            }
        ],
    )  # fmt: skip
    front.start()
    return front


class WebSocketTests(SynchronousTestCase):
    """The client sends no compression: every frame is as the test says."""

    def setUp(self) -> None:
        self.site = shared()
        self.front = _front()

    def open(self, path: str, listener: str = "https", **headers: str) -> ClientConnection:
        """Shaken hands; closed at the end of the test."""
        context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        scheme, tls = ("wss", context) if listener == "https" else ("ws", None)
        address = self.front.at(listener)
        connection = connect(
            f"{scheme}://{PUBLIC_NAME}:{address[1]}{path}", sock=socket.create_connection(address, 20), ssl=tls,
            compression=None, additional_headers=headers, max_size=2 * _MEGABYTE, open_timeout=20,
        )  # fmt: skip
        self.addCleanup(connection.close)
        return connection

    def assert_echo(self, connection: ClientConnection, *messages: str | bytes) -> None:
        """Of each, in order."""
        for message in messages:
            connection.send(message)
        for message in messages:
            self.assertEqual(connection.recv(20), message)

    def test_messages(self) -> None:
        """S-HTTP-16: text, octets, an empty one and a large one, in the clear and inside TLS."""
        for listener in ("http", "https"):
            connection = self.open("/open", listener)
            self.assert_echo(connection, "text", b"\0\xff", "", "ä" * 1000, os.urandom(_MEGABYTE), "last")

    def test_ping(self) -> None:
        """S-HTTP-16: control frames pass as well."""
        self.assertTrue(self.open("/open").ping().wait(20))

    def test_the_servers_close(self) -> None:
        """S-HTTP-16: its code reaches the client."""
        connection = self.open("/open")
        connection.send("close 4321")
        closed = self.assertRaises(ConnectionClosed, connection.recv, 20)
        self.assertEqual(closed.rcvd.code if closed.rcvd else 0, 4321)

    def test_with_a_log_on(self) -> None:
        """S-HTTP-16: the handshake is a request like others: no password, no tunnel."""
        user = self.site.living_on("chicago")[0]
        self.assert_echo(self.open("/private", **basic(user.name, user.password)), "mine")
        refused = self.assertRaises(InvalidStatus, self.open, "/private", **basic(user.name, b"wrong"))
        self.assertEqual(refused.response.status_code, 401)

    def test_not_switched_on(self) -> None:
        """S-HTTP-16: elsewhere the back end is never asked to change protocols."""
        refused = self.assertRaises(InvalidStatus, self.open, "/without")
        self.assertEqual(refused.response.status_code, 426)  # the server's own answer to a request without Upgrade
