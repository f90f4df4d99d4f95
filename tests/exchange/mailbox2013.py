"""A mailbox server of Exchange 2013 as its Client Access server sees it: the site "Exchange Back End" at 444, POP3 at
1995 and IMAP4 at 1993, all with TLS. Strict, and written from documents, not from exfront.

Sources, as named beside each behaviour: **S3** *Exchange 2013 Clients not able to connect using Outlook Anywhere*;
**OT** *A New Attack Surface on MS Exchange, Part 1*; **PSH** public ProxyShell test code; **CSS** Microsoft's
CSS-Exchange scripts; **H13**, **H16** the help of Exchange 2013 and 2016; **PS** the PowerShell reference; **RPCH**
[MS-RPCH]. What no document says is marked (ours). The front end proves what it is by a TLS client certificate or a
secret, in place of Kerberos.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from attrs import frozen

from tests.exchange.mail2013 import imap4, pop3
from tests.exchange.token2013 import Token, decode
from tests.support.clients import basic
from tests.support.http_wire import EndedError, Head, Octets, read_body, read_request_head
from tests.support.process import Address, free_port

# CSS: the virtual directories of the site "Exchange Back End".
_DIRECTORIES = ("owa", "ecp", "ews", "api", "autodiscover", "microsoft-server-activesync", "oab", "powershell",
                "mapi/emsmdb", "mapi/nspi", "rpc", "rpcwithcert", "pushnotifications")  # fmt: skip
# OT: what the front end strips from clients, and sets anew or not at all. One of them here is a client's own.
_NEVER = (b"x-msexchangeactivityctx", b"x-ms-edgeip", b"return-client-request-id", b"x-rps-cat", b"x-original-url")
_NEVER_COOKIES = re.compile(rb"x-be|x-anonresource|x-backend", re.IGNORECASE)  # OT, PSH: hints where to route
# S3: "a new header is attached that contains the Client Access server name"; OT for the names.
_ONCE = (b"x-isfromcafe", b"x-sourcecafeserver", b"msexchproxyuri", b"x-fe-clientip", b"x-forwarded-for")
_ENDPOINT = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[a-z0-9.-]+:(6001|6002|6004)", re.IGNORECASE)
_RPC_DENIED = b"HTTP/1.0 503 RPC Error: 6ba\r\nContent-Length: 0\r\n\r\n"  # RPCH 2.1.2.1.3
_RPC_ECHO = bytes.fromhex("0500140310000000140000000000000040000000")  # RPCH 2.1.2.1.6
_CHANNELS = ("RPC_IN_DATA", "RPC_OUT_DATA")
_ECHO_OCTETS = 16
_CHALLENGES = b"WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n"
_SECRET = b"x-exfront-proxy-secret"


@frozen
class Seen:
    """A request that came: who was proven to ask (`peer`), its token, the status that it got."""

    method: str
    target: str
    peer: str
    token: Token | None
    status: int
    head: Head
    body: bytes = b""


class Mailbox2013:
    """Listens on `address` for `host`, its own name, until `stop`.

    `peers` are the names of the Client Access servers, in certificates of `ca_file`; or they know the `secret`.
    `people` are passwords by name, for POP3 and IMAP4, and for HTTP where a front end sends Basic. `away` are names of
    accounts whose mailbox is not here, `guids` the names of those whose mailbox is, by GUID. With `unmounted` no
    database is here. `rpc` is where RPC goes on to, with a name and password there.
    """

    def __init__(
        self, address: str, host: str, certificate: Path, ca_file: Path, peers: frozenset[str] = frozenset(),
        secret: bytes = b"", people: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.address, self.host, self.peers, self.secret = address, host, peers, secret
        self.people = dict(people or {})
        self.away: set[str] = set()
        self.guids: dict[str, str] = {}
        self.unmounted = False
        self.rpc: tuple[Address, str, bytes] | None = None
        self.seen: list[Seen] = []
        self.incidents: list[str] = []  # what no front end may do
        self.log_ons: list[tuple[str, str]] = []  # of POP3 and IMAP4: protocol and name
        self._tls = _tls(certificate, ca_file)
        self._listening: list[socket.socket] = []
        self.http, self.imap4, self.pop3 = (free_port(address) for _ in range(3))
        self._listen(self.http, self._web)
        self._listen(self.imap4, lambda line: imap4(line, self._takes("imap4")))
        self._listen(self.pop3, lambda line: pop3(line, self._takes("pop3")))

    def section(self, name: str) -> dict[str, object]:
        """Its [[server]], for a server that the directory calls `name`."""
        return {"name": name, "host": self.host, "address": self.address, "http": self.http, "http_tls": "implicit",
                "imap4": self.imap4, "imap4_tls": "implicit", "pop3": self.pop3, "pop3_tls": "implicit"}  # fmt: skip

    def tokens(self) -> list[Token]:
        """Those that came, in their order."""
        return [each.token for each in self.seen if each.token is not None]

    def stop(self) -> None:
        """Accept no more."""
        for listening in self._listening:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _listen(self, port: int, serve: Callable[[ssl.SSLSocket], None]) -> None:
        listening = socket.create_server((self.address, port), backlog=64)
        self._listening.append(listening)
        threading.Thread(target=self._accept, args=(listening, serve), daemon=True).start()

    def _accept(self, listening: socket.socket, serve: Callable[[ssl.SSLSocket], None]) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._secured, args=(connection, serve), daemon=True).start()

    def _secured(self, connection: socket.socket, serve: Callable[[ssl.SSLSocket], None]) -> None:
        """S3: "over SSL on port 444"."""
        connection.settimeout(60)
        with suppress(OSError, EndedError), connection:
            first = connection.recv(1, socket.MSG_PEEK)
            if first and first != b"\x16":
                self.incidents.append(f"in clear: {connection.recv(200)!r}")
                return
            with self._tls.wrap_socket(connection, server_side=True) as line:
                serve(line)

    def _takes(self, protocol: str) -> Callable[[str, str], bool]:
        def takes(name: str, password: str) -> bool:
            self.log_ons.append((protocol, name))
            return self.people.get(name) == password and name not in self.away

        return takes

    # --- HTTP

    def _web(self, line: ssl.SSLSocket) -> None:
        octets = Octets(line)
        while self._request(line, octets):
            pass

    def _request(self, line: ssl.SSLSocket, octets: Octets) -> bool:
        head = read_request_head(octets)
        method, target, _ = head.first.decode("ascii").split(" ")
        peer = self._peer(line, head)
        token, fault = self._token(head, peer, shown=bool(line.getpeercert()))
        status, fields, page = fault or self._allowed(method, target, head, peer, token) or (0, b"", b"")
        channel = method in _CHANNELS and (head.length or 0) > _ECHO_OCTETS
        body = b"" if channel else read_body(octets, head)[0]
        if channel and not status:
            self.seen.append(Seen(method, target, peer, token, 200, head))
            self._tunnel(line, octets, head, method, target)
            return False
        if not status:
            status, fields, page = self._page(method, target, head, peer, token, body)
        self.seen.append(Seen(method, target, peer, token, status, head, body))
        if fields == _RPC_DENIED:
            line.sendall(fields)
            return False
        # H13: X-BEServer and X-DiagInfo hold the short name
        short = self.host.partition(".")[0].upper().encode()
        about = b"X-DiagInfo: %b\r\nX-BEServer: %b\r\nX-Powered-By: ASP.NET\r\n" % (short, short)
        answer = b"HTTP/1.1 %d x\r\n%b%bContent-Length: %d\r\n\r\n" % (status, about, fields, len(page))
        line.sendall(answer + (b"" if method == "HEAD" else page))
        return not channel

    def _peer(self, line: ssl.SSLSocket, head: Head) -> str:
        """Which Client Access server asks, if one does."""
        shown = line.getpeercert() or {}
        names = [str(value) for kind, value in shown.get("subjectAltName", ()) if kind == "DNS"]  # type: ignore[misc]
        if self.secret and head.values(_SECRET) == [self.secret]:
            return "secret"
        return next((name for name in names if name in self.peers), "")

    def _token(self, head: Head, peer: str, *, shown: bool) -> tuple[Token | None, tuple[int, bytes, bytes] | None]:
        """OT: only a caller with the right ms-Exch-EPI-Token-Serialization may bring one; PSH: 401 for a bad one."""
        values = head.values(b"x-commonaccesstoken")
        if not values:
            return None, None
        try:
            (value,) = values
            token = decode(value)
        except ValueError as error:
            self.incidents.append(f"token: {error}")
            return None, (401, b"", b"not a token")
        if peer:
            return token, None
        self.incidents.append("a token of somebody else")
        if shown:  # who is authenticated, but has not the right
            return token, (403, b"", b"not a Client Access server")
        return token, (401, _CHALLENGES, b"")

    def _allowed(
        self, method: str, target: str, head: Head, peer: str, token: Token | None
    ) -> tuple[int, bytes, bytes] | None:
        """Why not; None where the request may go on."""
        path = urlsplit(target).path.lower()
        if head.faults:
            return 400, b"", str(head.faults).encode()
        if path == "/owa/exhealth.check":  # H13
            return 200, b"", b""
        if path.endswith("/healthcheck.htm"):  # H16: without log-on
            return 200, b"Content-Type: text/html\r\n", f"200 OK<br/>{self.host.upper()}".encode()
        if not any(path == f"/{each}" or path.startswith(f"/{each}/") for each in _DIRECTORIES):
            return 404, b"", b"no such virtual directory"
        if token is None:
            return self._without_token(head, peer)
        # S3: "The new URL contains the Mailbox server name so that the Mailbox server knows"
        if head.values(b"host") != [f"{self.host}:{self.http}".encode()]:
            self.incidents.append(f"Host {head.values(b'host')}")
            return 400, b"", b"not this server"
        if head.values(b"authorization"):
            self.incidents.append("a token, and an Authorization beside it")
            return 400, b"", b"two log-ons"
        return self._spoken_of(target, head) or self._owner(method, target, token)

    def _without_token(self, head: Head, peer: str) -> tuple[int, bytes, bytes] | None:
        """The site's own Windows and Basic authentication: a user himself may come."""
        if any(head.values(b"authorization") == [_basic(*each)] for each in self.people.items()):
            return None
        if peer:
            self.incidents.append("a Client Access server without a token")
        return 401, _CHALLENGES, b""

    def _spoken_of(self, target: str, head: Head) -> tuple[int, bytes, bytes] | None:
        """OT: what a front end says beside the token, once each; and what it says never."""
        strange = [name.decode() for name in _ONCE if len(head.values(name)) != 1]
        strange += [name.decode() for name in _NEVER if head.values(name)]
        strange += [f"cookie {value!r}" for value in head.values(b"cookie") if _NEVER_COOKIES.search(value)]
        if not strange:
            uri = urlsplit(head.values(b"msexchproxyuri")[0].decode("ascii"))
            asked = uri.path + (f"?{uri.query}" if uri.query else "")
            if uri.scheme not in ("http", "https") or asked != target:  # "the original URL"
                strange.append(f"msExchProxyUri {uri.geturl()}")
            if head.values(b"x-isfromcafe") != [b"1"] or b"." not in head.values(b"x-sourcecafeserver")[0]:
                strange.append("X-IsFromCafe or X-SourceCafeServer")
            with suppress(ValueError):
                ipaddress.ip_address(head.values(b"x-fe-clientip")[0].decode("ascii"))
                for port in head.values(b"x-forwarded-port"):
                    int(port)
                return (400, b"", "; ".join(strange).encode()) if strange else None
            strange.append("X-FE-ClientIP or X-Forwarded-Port")
        self.incidents.append("; ".join(strange))
        return 400, b"", "; ".join(strange).encode()

    def _owner(self, method: str, target: str, token: Token) -> tuple[int, bytes, bytes] | None:
        """A mailbox is opened where its database is active; elsewhere 503 (ours)."""
        name = token.name.rpartition("\\")[2].partition("@")[0].lower()
        if method in _CHANNELS:
            found = _ENDPOINT.fullmatch(urlsplit(target).query)
            if found is None or self.guids.get(found[1].lower()) != name or self.unmounted:  # S3: GUID@Domain
                return 503, _RPC_DENIED, b""
        if self.unmounted or name in self.away:
            return 503, b"X-BEServerException: the mailbox is not here\r\n", b"not here"
        return None

    def _page(
        self, method: str, target: str, head: Head, peer: str, token: Token | None, body: bytes
    ) -> tuple[int, bytes, bytes]:
        if method in _CHANNELS:  # RPCH 2.1.2.1.5: with 0 to 16 octets an echo request
            return 200, b"Content-Type: application/rpc\r\n", _RPC_ECHO
        name = "-" if token is None else token.name
        text = f"server={self.host} user={name} method={method} octets={len(body)}"
        place = f"Location: https://{self.host}:{self.http}/owa/elsewhere\r\n".encode() if "moveto" in target else b""
        return (302 if place else 200), place, text.encode()

    def _tunnel(self, line: ssl.SSLSocket, octets: Octets, head: Head, method: str, target: str) -> None:
        """S3: RPCProxy.dll takes RPC out of the tunnel and sends it on, to the local port 6001."""
        assert self.rpc is not None
        at, name, password = self.rpc
        with socket.create_connection(at, 10) as inner:
            fields = basic(name, password)["Authorization"]
            start = f"{method} {target} HTTP/1.1\r\nContent-Length: {head.length}\r\nAuthorization: {fields}\r\n\r\n"
            inner.sendall(start.encode("ascii") + octets.held())
            inner.settimeout(None)
            line.settimeout(0.05)  # one thread must not read what another one writes: TLS has one state
            _relay(line, inner)


def _relay(line: ssl.SSLSocket, inner: socket.socket) -> None:
    """Both ways, until one side ends."""
    inner.settimeout(0.05)
    while True:
        for source, sink in ((line, inner), (inner, line)):
            try:
                piece = source.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                return
            sink.settimeout(60)
            sink.sendall(piece)
            sink.settimeout(0.05)


def _basic(name: str, password: str) -> bytes:
    return basic(name, password.encode())["Authorization"].encode()


def _tls(certificate: Path, ca_file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
