"""An Exchange 2007 Client Access server as another one sees it: strict, and written from documents, not from exfront.

Sources, as named beside each behaviour: **S2** *How Exchange Server 2007 CAS Proxying works for Outlook Web Access*;
**E42** and **E71** the events ProxyErrorSslConnection (42) and ProxyErrorAuthenticationToCas2Failure (71) of MSExchange
OWA; **PSH** public test code for proxyLogon; **LOG** a public list of requests at an Exchange 2016 back end. What no
document says is marked (ours). Machine authentication is a TLS client certificate here, in place of Kerberos.
"""

from __future__ import annotations

import re
import secrets
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from tests.support.http_wire import EndedError, Head, Octets, read_body, read_request_head
from tests.support.process import free_port

# PSH: the one shape that was seen to be answered with 241; no XML declaration, no name space, order as shown.
_CONTEXT = re.compile(
    r'<r at="([^"<>&]+)" ln="([^"<>&]+)"><s>(S-1-5-21(?:-\d{1,10}){4})</s>'
    r'((?:<s a="\d{1,10}" t="1">S-1(?:-\d{1,10}){2,9}</s>)*)</r>'
)
_GROUP = re.compile(r">(S-1[^<]*)<")
_XML = b"text/xml; charset=utf-8"


@frozen
class Seen:
    """A request that came: what was asked, and the status that it got."""

    method: str
    target: str
    peer: str
    sid: str
    status: int
    body: bytes


@frozen
class _Known:
    name: str
    groups: tuple[str, ...]
    cookie: str


class Cas2007:
    """Listens on `address` for `host` (its own name); `peers` are the names of the Client Access servers of the
    organisation, `ca_file` who signs their certificates. With `certificate` None it speaks plain HTTP.

    `forgets`: no context is ever known, as with a broken session state.
    """

    def __init__(self, address: str, host: str, certificate: Path | None, ca_file: Path, peers: frozenset[str]) -> None:
        self.at = (address, free_port(address))
        self.host = host
        self.peers = peers
        self.sid_header, self.uri_header, self.version_header = b"x-exfront-sid", b"x-exfront-uri", b"x-exfront-version"
        self.forgets = False
        self.seen: list[Seen] = []
        self.contexts: dict[str, _Known] = {}
        self._tls = None if certificate is None else _tls(certificate, ca_file)
        self._listening = socket.create_server(self.at, backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Accept no more."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        with suppress(OSError, EndedError), connection:
            if self._tls is None and connection.recv(1, socket.MSG_PEEK) == b"\x16":
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")  # a TLS handshake, to IIS
                return
            line, peer = (connection, "") if self._tls is None else self._secured(connection)
            with line:
                octets = Octets(line)
                while self._request(line, octets, peer):
                    pass

    def _secured(self, connection: socket.socket) -> tuple[socket.socket, str]:
        """E42: the proxy speaks TLS; what comes in clear is not answered."""
        assert self._tls is not None
        line = self._tls.wrap_socket(connection, server_side=True)
        shown = line.getpeercert() or {}
        names = [str(value) for kind, value in shown.get("subjectAltName", ()) if kind == "DNS"]  # type: ignore[misc]
        return line, next((name for name in names if name in self.peers), "")

    def _request(self, line: socket.socket, octets: Octets, peer: str) -> bool:
        head = read_request_head(octets)
        body, faults = read_body(octets, head)
        method, target, _ = head.first.decode("ascii").split(" ")
        sid = b",".join(head.values(self.sid_header)).decode("ascii")
        if head.faults or faults:
            status, fields, page = 400, b"", b"malformed"
        else:
            status, fields, page = self._answer(method, target, head, body, peer, sid)
        self.seen.append(Seen(method, target, peer, sid, status, body))
        line.sendall(b"HTTP/1.1 %d x\r\n%bContent-Length: %d\r\n\r\n%b" % (status, fields, len(page), page))
        return True

    def _answer(
        self, method: str, target: str, head: Head, body: bytes, peer: str, sid: str
    ) -> tuple[int, bytes, bytes]:
        if self._tls is None:  # E42: "or target answers 403": SSL is required on the virtual directory
            return 403, b"", b"The page must be viewed over a secure channel"
        if [value.decode("ascii").partition(":")[0] for value in head.values(b"host")] != [self.host]:
            return 400, b"", b"wrong Host"  # IIS: no site has that host header (ours: 400)
        if head.values(b"authorization"):
            return 400, b"", b"a password"  # S2 step 2: Integrated; the first server has no use for a password (ours)
        if target.lower() == "/owa/proxylogon.owa":
            return self._log_on(method, head, body, peer)
        if not peer:  # S2 step 2, E71: the connection between the two servers is authenticated
            return 401, b"WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n", b""
        if not re.fullmatch(r"S-1-5-21(-\d{1,10}){4}", sid):  # S2 step 5: "the SID that was passed"
            return 400, b"", b"no SID"
        if not head.values(self.uri_header) or not head.values(self.version_header):
            return 400, b"", b"a header is missing"  # (ours)
        known = None if self.forgets else self.contexts.get(sid)
        if known is None:  # S2 step 5: "did not have the CSC for the SID that was passed"
            return 441, b"", b""
        return self._page(head, sid, known)

    def _log_on(self, method: str, head: Head, body: bytes, peer: str) -> tuple[int, bytes, bytes]:
        """S2 step 5: "obtain the CSC, serialized into XML and issues a proxy login request"."""
        if not peer:  # only accounts with the right ms-Exch-EPI-Token-Serialization; anyone else 403 (ours)
            return 403, b"", b"not a Client Access server"
        if method != "POST" or head.values(b"content-type") != [_XML]:  # PSH
            return 400, b"", b"not a log-on"
        try:
            found = _CONTEXT.fullmatch(body.decode("utf-8"))
        except UnicodeDecodeError:
            found = None
        if found is None:
            return 400, b"", b"not a context"
        cookie = secrets.token_hex(16)
        self.contexts[found[3]] = _Known(found[2], tuple(_GROUP.findall(found[4])), cookie)
        fields = b"Set-Cookie: UserContext=%b; path=/owa\r\n" % cookie.encode()
        return 241, fields, b""  # LOG, PSH

    def _page(self, head: Head, sid: str, known: _Known) -> tuple[int, bytes, bytes]:
        """Who has lost its cookie is logged on anew (team blog of 2012: "Invalid user context cookie")."""
        cookies = b"; ".join(head.values(b"cookie")).decode("latin-1").split("; ")
        if f"UserContext={known.cookie}" not in cookies:
            return 440, b"", b"Invalid user context cookie found in proxy response"
        text = f"cas={self.host} user={known.name} sid={sid} groups={len(known.groups)}"
        return 200, b"Set-Cookie: UserContext=%b; path=/owa\r\n" % known.cookie.encode(), text.encode()


def _tls(certificate: Path, ca_file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
