"""A client, exfront's HTTP and its back ends in memory: the test speaks for client and back ends."""

from __future__ import annotations

import base64
import re
from typing import Literal, cast

from attrs import define, field, frozen
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.task import Clock

from exfront.config.directory import DirectorySection
from exfront.config.kinds import HostPort, read_network
from exfront.config.limits import LimitsSection
from exfront.config.listener import ListenerSection
from exfront.config.settings import Settings
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.decision import SessionRecord
from exfront.sessions import Session
from exfront.web.pages import pages
from exfront.web.pool import Pool
from exfront.web.protocol import HttpProtocol, http_protocol
from exfront.web.virtual_sites import listener_sites, removed_fields
from tests.support.steps import SmallWorld
from tests.support.transport import MemoryTransport

DIRECTORIES = (
    VirtualDirectorySection("/exchange", "exchange", smtp_domain="fourthcoffee.com", require_tls="no"),
    VirtualDirectorySection("/owa", "owa", require_tls="no"),
    VirtualDirectorySection("/secure", "exchange"),
    VirtualDirectorySection("/public", "public", authentication="anonymous", server="chicago", require_tls="no"),
    VirtualDirectorySection("/open", "exchange", authentication="anonymous", require_tls="no"),
)
SITE = VirtualSiteSection("default", "mail.fourthcoffee.com", ("webmail.fourthcoffee.com",), DIRECTORIES)


def basic(name: str, password: str | None = None) -> bytes:
    """An Authorization line for `name`, with the password of the small world unless another is given."""
    text = f"{name}:{f'secret-{name}' if password is None else password}"
    return b"Authorization: Basic " + base64.b64encode(text.encode()) + b"\r\n"


ALICE = basic("alice")
BOB = basic("bob")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def request(line: bytes, *fields: bytes, body: bytes = b"", host: bytes = b"mail.fourthcoffee.com") -> bytes:
    """A request in HTTP/1.1: `line` is method and target, `fields` whole lines."""
    return b"%b HTTP/1.1\r\nHost: %b\r\n%b\r\n%b" % (line, host, b"".join(fields), body)


@frozen
class Response:
    """A response as read by the test."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


def read(octets: bytes) -> Response:
    """The one response that `octets` is; the body as sent."""
    head, _, body = octets.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    assert re.fullmatch(rb"HTTP/1\.[01] \d{3} [^\r\n]*", line), line
    pairs = dict(cast("tuple[bytes, bytes]", tuple(name.split(b": ", 1))) for name in fields)
    return Response(int(line.split(b" ")[1]), {name.lower(): value for name, value in pairs.items()}, body)


@define(eq=False)
class Conversation:
    """One client connection; made with the settings that a test needs to differ."""

    sites: tuple[VirtualSiteSection, ...] = (SITE,)
    secure: bool = False
    allow_plaintext: bool = True
    handshake: bool = True  # TLS comes up at once
    trusted_proxies: tuple[str, ...] = ()
    strict_hosts: bool = False
    removed_headers: tuple[str, ...] = ()
    proxy_peers: bool = False
    limits: LimitsSection = field(factory=LimitsSection)
    world: SmallWorld = field(factory=SmallWorld)
    pool: Pool = field(init=False)
    session: Session = field(init=False)
    protocol: HttpProtocol = field(init=False)
    client: MemoryTransport = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.pool = self.world.pool
        address = HostPort("192.0.2.1", 443 if self.secure else 80)
        tls: Literal["implicit", "none"] = "implicit" if self.secure else "none"
        proxies = tuple(map(read_network, self.trusted_proxies))
        listener = ListenerSection(
            "http", address, tls, allow_plaintext=self.allow_plaintext, trusted_proxies=proxies,
            strict_hosts=self.strict_hosts, proxy_peers=self.proxy_peers,
        )  # fmt: skip
        settings = Settings(
            DirectorySection((), "dc=fourthcoffee,dc=com"),
            (listener,),
            virtual_site=self.sites,
            limits=self.limits,
            forms=self.world.forms.settings,
        )
        self.session = self.world.admit("http", secure=self.secure)
        removed = removed_fields(self.sites, (*self.removed_headers, *self.world.proxy.headers))
        sites = listener_sites(self.sites, listener, (listener,), removed=removed)
        protocol = http_protocol(
            self.session, self.world.steps, sites, listener, settings, self.clock, self.pool, self.world.cookies,
            self.world.devices, self.world.forms, pages(),
            self.world.cas,
        )  # fmt: skip
        self.protocol = cast("HttpProtocol", protocol)
        self.client = MemoryTransport(self.protocol)
        self.protocol.makeConnection(self.client)
        if self.secure and self.handshake:
            cast("IHandshakeListener", self.protocol).handshakeCompleted()

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def records(self) -> list[SessionRecord]:
        """The access log."""
        return self.world.records.all

    def send(self, octets: bytes) -> bytes:
        """The client sends; what it got since."""
        self.client.receive(octets)
        return self.client.take()

    def ask(self, line: bytes, *fields: bytes, body: bytes = b"") -> Response:
        """A request that exfront answers by itself."""
        return read(self.send(request(line, *fields, body=body)))

    def back_end(self, number: int = 0) -> MemoryTransport:
        """The connection to a back end that was made as the `number`th."""
        return self.world.dialer.dialled[number].line

    def relayed(self, *fields: bytes, line: bytes = b"GET /exchange/", number: int = 0) -> bytes:
        """What the back end gets of a request."""
        self.send(request(line, *fields))
        return self.back_end(number).take()

    def end(self) -> None:
        """The client goes, and the service stops."""
        self.client.peer_closes()
        self.pool.stop()

    def answer(self, octets: bytes = OK, number: int = 0) -> bytes:
        """The back end sends; what the client got since."""
        self.back_end(number).receive(octets)
        return self.client.take()

    def wait(self, seconds: float, step: float = 1.0) -> bytes:
        """Time passes; what the client got since."""
        while seconds > 0:
            self.clock.advance(min(step, seconds))
            seconds -= step
        return self.client.take()


def fields_of(head: bytes) -> list[bytes]:
    """The field lines of a head."""
    return head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
