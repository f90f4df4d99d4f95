"""A directory server that answers as a test tells it: also wrongly, late, or not at all. On a real loopback socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ldaptor.protocols import pureber, pureldap
from ldaptor.protocols.ldap.ldapclient import LDAPClient
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from exfront.config.directory import DirectorySection
from exfront.config.kinds import LdapUrl
from exfront.directory.framing import BadFrame, Frames
from exfront.net.tls import server_options

BASE = "dc=fourthcoffee,dc=com"
NOTICE_OF_DISCONNECTION = "1.3.6.1.4.1.1466.20036"


class LdapPeer(Protocol):
    """The server's side of one connection."""

    def __init__(self, server: ScriptedLdap) -> None:
        self.server = server
        self._frames = Frames()
        self.controls: Any = ()  # of the request that is answered now

    def dataReceived(self, data: bytes) -> None:
        """Requests go to the script; what is none, like a TLS handshake to a server without, is kept and ignored."""
        try:
            for message in self._frames.feed(data):
                decoded, _ = pureber.berDecodeObject(LDAPClient.berdecoder, message)
                self.server.requests.append(decoded.value)
                self.controls = decoded.controls
                if not isinstance(decoded.value, pureldap.LDAPAbandonRequest):
                    self.server.answer(self, decoded.id, decoded.value)
        except BadFrame:
            self.server.noise += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.server.open.discard(self)

    def send(self, identifier: int, *operations: Any) -> None:
        """Answers to the request `identifier`, in one write."""
        self.write(b"".join(pureldap.LDAPMessage(operation, id=identifier).toWire() for operation in operations))

    def send_with(self, identifier: int, controls: Any, *operations: Any) -> None:
        """The same, with controls on the last one."""
        self.send(identifier, *operations[:-1])
        self.write(pureldap.LDAPMessage(operations[-1], controls=controls, id=identifier).toWire())

    def write(self, octets: bytes) -> None:
        """Octets as they are."""
        assert self.transport is not None
        self.transport.write(octets)

    def close(self) -> None:
        """Close without a word."""
        assert self.transport is not None
        self.transport.loseConnection()

    def start_tls(self) -> None:
        """Go on in TLS, with the server's certificate."""
        transport: Any = self.transport
        assert self.server.certificate is not None
        transport.startTLS(server_options(self.server.certificate, None))


Answer = Callable[[LdapPeer, int, Any], None]


class ScriptedLdap(Factory[LdapPeer]):
    """Listens on a free port of 127.0.0.1. `requests` are all operations that came, `noise` what was none, `open`
    the live connections."""

    noisy = False

    def __init__(self, answer: Answer, certificate: Path | None = None, implicit: bool = False) -> None:
        self.answer = answer
        self.certificate = certificate
        self.requests: list[Any] = []
        self.open: set[LdapPeer] = set()
        self.accepted = 0
        self.noise = b""
        self._implicit = implicit
        self._listen(0)

    @property
    def url(self) -> LdapUrl:
        """Where it listens."""
        return LdapUrl("ldaps" if self._implicit else "ldap", "127.0.0.1", self.port)

    def buildProtocol(self, addr: IAddress | None) -> LdapPeer:
        self.accepted += 1
        peer = LdapPeer(self)
        self.open.add(peer)
        return peer

    def binds(self) -> list[tuple[bytes, bytes]]:
        """DN and password of each bind that came."""
        return [
            (request.dn, request.auth) for request in self.requests if isinstance(request, pureldap.LDAPBindRequest)
        ]

    def searches(self) -> list[Any]:
        """Each search that came."""
        return [request for request in self.requests if isinstance(request, pureldap.LDAPSearchRequest)]

    def abandoned(self) -> int:
        """How many searches were abandoned."""
        return sum(isinstance(request, pureldap.LDAPAbandonRequest) for request in self.requests)

    def close_connections(self) -> None:
        """Close all connections; listen on."""
        for peer in tuple(self.open):
            peer.close()

    async def stop(self) -> None:
        """Refuse newcomers, drop all connections."""
        await maybeDeferred(self._port.stopListening)
        for peer in tuple(self.open):
            transport: Any = peer.transport
            transport.abortConnection()

    def start_again(self) -> None:
        """Listen on the same port as before."""
        self._listen(self.port)

    def _listen(self, port: int) -> None:
        listening: Any = reactor
        if self._implicit:
            assert self.certificate is not None
            self._port = listening.listenSSL(port, self, server_options(self.certificate, None), interface="127.0.0.1")
        else:
            self._port = listening.listenTCP(port, self, interface="127.0.0.1")
        self.port: int = self._port.getHost().port


def section(*servers: ScriptedLdap, **more: Any) -> DirectorySection:
    """[directory] for these servers: in the clear, unless `more` says otherwise."""
    values = {"starttls": False, "allow_clear": True, **more}
    return DirectorySection(servers=tuple(server.url for server in servers), base=BASE, **values)


def bound(code: int = 0, message: str = "") -> Any:
    """The answer to a bind."""
    return pureldap.LDAPBindResponse(resultCode=code, errorMessage=message)


def found(name: str, **attributes: Sequence[str | bytes]) -> Any:
    """One entry of a search's answer."""
    return pureldap.LDAPSearchResultEntry(name, list(attributes.items()))


def done(code: int = 0, message: str = "") -> Any:
    """The end of a search's answer."""
    return pureldap.LDAPSearchResultDone(resultCode=code, errorMessage=message)


def page_of(cookie: str) -> Any:
    """The control of a page, with the next one's cookie (RFC 2696)."""
    value = pureber.BERSequence([pureber.BERInteger(0), pureber.BEROctetString(cookie)]).toWire()
    return ((b"1.2.840.113556.1.4.319", None, value),)


def reference(url: str) -> Any:
    """A search result reference."""
    return pureldap.LDAPSearchResultReference([pureldap.LDAPString(url)])


class Referral:
    """A result 10 with a URL, to a bind (tag 0x61) or a search (0x65); ldaptor cannot write one."""

    def __init__(self, tag: int, url: str) -> None:
        self._tag = tag & 0x5F  # ldaptor adds the bit of a structure
        self._url = url

    def toWire(self) -> bytes:
        parts = [pureber.BEREnumerated(10), pureber.BEROctetString(""), pureber.BEROctetString("")]
        urls = pureber.BERSequence([pureber.BEROctetString(self._url)], tag=0x83)
        octets: bytes = pureber.BERSequence([*parts, urls], tag=self._tag).toWire()
        return octets


def extended(code: int = 0, name: str | None = None) -> Any:
    """The answer to StartTLS, or a notice."""
    return pureldap.LDAPExtendedResponse(resultCode=code, responseName=name)


def user(name: str = "user1") -> Any:
    """An account with its mailbox on chicago."""
    return found(f"cn={name},{BASE}", sAMAccountName=[name], mailHost=["chicago"], objectGUID=[b"\xf0\xf1"])


def friendly(peer: LdapPeer, identifier: int, request: Any) -> None:
    """Takes every password, finds user1 whatever is asked."""
    if isinstance(request, pureldap.LDAPBindRequest):
        peer.send(identifier, bound())
    elif isinstance(request, pureldap.LDAPSearchRequest):
        peer.send(identifier, user(), done())


def silent(peer: LdapPeer, identifier: int, request: Any) -> None:
    """Accepts, and says nothing."""


def on_search(answer: Answer) -> Answer:
    """`friendly`, but for searches."""
    return lambda peer, identifier, request: (answer if isinstance(request, pureldap.LDAPSearchRequest) else friendly)(
        peer, identifier, request
    )


def on_bind(answer: Answer) -> Answer:
    """`friendly`, but for binds."""
    return lambda peer, identifier, request: (answer if isinstance(request, pureldap.LDAPBindRequest) else friendly)(
        peer, identifier, request
    )


def replies(*operations: Any) -> Answer:
    """The same answer to each request."""
    return lambda peer, identifier, request: peer.send(identifier, *operations)
