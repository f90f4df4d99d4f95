"""Five thousand requests that wait for their answers at once, as phones' do, and what each costs."""

from __future__ import annotations

import base64
import itertools
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tests.support.mail_site import PUBLIC_NAME
from tests.support.octets_stage import PATH, PHONES, octets_stage
from tests.support.process import wait_until

FEW, MANY = 50, 5050
_HELD = b"GET %bheld/x HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\n\r\n" % PATH.encode()
AT_A_TIME = 8
KIBIBYTE = 1024


class HeldRequestTests(SynchronousTestCase):
    """One front end; the difference between many and a few is what is counted."""

    timeout = 600

    def setUp(self) -> None:
        self.stage = octets_stage()
        self.addCleanup(self.stage.stop)
        self.clients: list[socket.socket] = []
        self.pings, self.numbers = False, itertools.count()
        self.addCleanup(self.leave)

    def leave(self) -> None:
        """All of them."""
        for client in self.clients:
            client.close()

    def hold(self, count: int, listener: str) -> int:
        """Have so many wait; the peak of memory by then."""
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            self.clients += pool.map(lambda _: self.ask(listener), range(count - len(self.clients)))
        wait_until(lambda: self.stage.octets.held() == count, f"{count} held requests", 60)
        return self.stage.front.peak_memory()

    def ask(self, listener: str) -> socket.socket:
        """One request."""
        octets = self.ping(next(self.numbers)) if self.pings else _HELD
        client = socket.create_connection(self.stage.front.at(listener), 60)
        if listener == "https":
            client = self.context.wrap_socket(client)
        client.sendall(octets)
        return client

    def ping(self, number: int) -> bytes:
        """Of one of the site's users, each of whom has several phones."""
        users = self.stage.site.users
        user = users[number % len(users)]
        credentials = base64.b64encode(f"{user.name}:{user.password.decode()}".encode()).decode()
        query = f"Cmd=Ping&User={user.name}&DeviceId=device{number}&DeviceType=SmartPhone"
        lines = (
            f"POST {PHONES}?{query} HTTP/1.1", f"Host: {PUBLIC_NAME}", f"Authorization: Basic {credentials}",
            "MS-ASProtocolVersion: 12.1", "Content-Length: 4", "", "",
        )  # fmt: skip
        return "\r\n".join(lines).encode() + b"\x03\x01\x6a\x00"

    @property
    def context(self) -> ssl.SSLContext:
        """By address."""
        context = ssl.create_default_context(cafile=str(self.stage.site.authority.ca_file))
        context.check_hostname = False
        return context

    def assert_cost(self, listener: str, most: int) -> None:
        """Each costs less than `most` KiB; all are answered in the end, and nothing is left when they go."""
        few = self.hold(FEW, listener)
        each = (self.hold(MANY, listener) - few) / (MANY - FEW) / KIBIBYTE
        print(f"figure: {self.id().rpartition('.')[2]}: {MANY - FEW} held, {each:.1f} KiB each")
        self.assertLess(each, most)
        self.stage.octets.release()
        for client in self.clients:
            self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))
        self.leave()
        self.stage.front.wait_for_connections(0, [(self.stage.site.slapd.address, self.stage.site.slapd.ldap)], 60)

    def test_plain(self) -> None:
        """S-HTTP-26, S-OPS-6: in the clear."""
        self.assert_cost("http", 32)

    def test_pings_of_phones(self) -> None:
        """S-HTTP-26, S-OPS-6: inside TLS, with a log-on each, and the table of devices."""
        self.pings = True
        self.assert_cost("https", 80)

    def test_tls(self) -> None:
        """S-HTTP-26, S-OPS-6: inside TLS."""
        self.assert_cost("https", 64)
