"""An Exchange 2007 Client Access server as another one sees it: strict, and written from documents, not from exfront.

Sources, as named beside each behaviour: **S2** *How Exchange Server 2007 CAS Proxying works for Outlook Web Access*;
**E42** and **E71** the events ProxyErrorSslConnection (42) and ProxyErrorAuthenticationToCas2Failure (71) of MSExchange
OWA; **PSH** public test code for proxyLogon; **LOG** a public list of requests at an Exchange 2016 back end. What no
document says is marked (ours). Machine authentication is a TLS client certificate here, in place of Kerberos.
ActiveSync and Exchange Web Services are in `cas_activesync` and `cas_ews`; Exchange 2010 differs where `Cas2010` says.
"""

from __future__ import annotations

import base64
import re
import secrets
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.exchange import cas_activesync, cas_ews
from tests.exchange.cas_asked import Answer, Asked, Known, Seen
from tests.support.http_wire import EndedError, Head, Octets, read_body, read_request_head
from tests.support.process import free_port

# PSH: the one shape that was seen to be answered with 241; no XML declaration, no name space, order as shown.
_CONTEXT = re.compile(
    r'<r at="([^"<>&]+)" ln="([^"<>&]+)"><s>(S-1-5-21(?:-\d{1,10}){4})</s>'
    r'((?:<s a="\d{1,10}" t="1">S-1(?:-\d{1,10}){2,9}</s>)*)</r>'
)
_GROUP = re.compile(r">(S-1[^<]*)<")
_XML = b"text/xml; charset=utf-8"
_CHALLENGE = Answer(401, fields=b'WWW-Authenticate: Basic realm="cas"\r\n')


class Cas2007:
    """Listens on `address` for `host` (its own name); `peers` are the names of the Client Access servers of the
    organisation, `ca_file` who signs their certificates. With `certificate` None it speaks plain HTTP.

    `people` are passwords by name: users of its own site, who may log on by Basic at /owa, /Microsoft-Server-ActiveSync
    and /EWS; nobody else has a use for a password. `forgets`: no context is ever known, as with a broken session state.
    `integrated`: as set-up leaves /Microsoft-Server-ActiveSync/Proxy; without it only Basic is offered there.
    `log_on_status` is what a proxy log-on of ActiveSync is answered with.
    """

    active_sync = ("8.1", "2.0,2.1,2.5,12.0,12.1")  # [MS-ASHTTP]: MS-Server-ActiveSync and MS-ASProtocolVersions
    owa_version = "8.1.177.3"

    def __init__(
        self, address: str, host: str, certificate: Path | None, ca_file: Path, peers: frozenset[str],
        people: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.at = (address, free_port(address))
        self.host = host
        self.peers = peers
        self.people = dict(people or {})
        self.integrated = True
        self.log_on_status = 241
        self.sid_header, self.uri_header, self.version_header = b"x-exfront-sid", b"x-exfront-uri", b"x-exfront-version"
        self.forgets = False
        self.seen: list[Seen] = []
        self.contexts: dict[str, Known] = {}
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
        asked = Asked(method, target, head, body, peer, b",".join(head.values(self.sid_header)).decode("ascii"))
        answer = Answer(400, b"malformed") if head.faults or faults else self._answer(asked)
        self.seen.append(Seen(method, target, peer, answer.sid or asked.sid, answer.status, body))
        length = b"Content-Length: %d\r\n" % len(answer.page)
        line.sendall(b"HTTP/1.1 %d x\r\n%b%b\r\n%b" % (answer.status, answer.fields, length, answer.page))
        return True

    def _answer(self, asked: Asked) -> Answer:
        head = asked.head
        if self._tls is None:  # E42: "or target answers 403": SSL is required on the virtual directory
            return Answer(403, b"The page must be viewed over a secure channel")
        if [value.decode("ascii").partition(":")[0] for value in head.values(b"host")] != [self.host]:
            return Answer(400, b"wrong Host")  # IIS: no site has that host header (ours: 400)
        user = self._user(head)
        if head.values(b"authorization") and (not user or asked.peer):
            # S2 step 2: Integrated; the first server has no use for a password (ours)
            return Answer(400, b"a password") if asked.peer or not self.people else _CHALLENGE
        if asked.path.startswith("/ews/"):
            return cas_ews.answer(self, asked, user)
        if asked.path.startswith("/microsoft-server-activesync"):
            return cas_activesync.answer(self, asked, user)
        if user:
            return Answer(200, f"cas={self.host} user={user} own".encode())
        if asked.path == "/owa/proxylogon.owa":
            return self.log_on(asked, 241, b"/owa")
        return self.known(asked) or self._page(asked)

    def _user(self, head: Head) -> str:
        """Whose name and password a request bears; empty for nobody's."""
        (said,) = head.values(b"authorization") or (b"",)
        with suppress(ValueError):
            text = base64.b64decode(said.removeprefix(b"Basic "), validate=True).decode()
            name, _, password = text.partition(":")
            name = name.rpartition("\\")[2].partition("@")[0]
            if password and self.people.get(name) == password:
                return name
        return ""

    def known(self, asked: Asked) -> Answer | None:
        """What a proxied request gets that names no user whose context is known; None where it does."""
        if not asked.peer:  # S2 step 2, E71: the connection between the two servers is authenticated
            return Answer(401, fields=b"WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n")
        if not re.fullmatch(r"S-1-5-21(-\d{1,10}){4}", asked.sid):  # S2 step 5: "the SID that was passed"
            return Answer(400, b"no SID")
        if not asked.head.values(self.uri_header) or not asked.head.values(self.version_header):
            return Answer(400, b"a header is missing")  # (ours)
        if self.forgets or asked.sid not in self.contexts:
            return Answer(441)  # S2 step 5: "did not have the CSC for the SID that was passed"
        return None

    def log_on(self, asked: Asked, status: int, path: bytes) -> Answer:
        """S2 step 5: "obtain the CSC, serialized into XML and issues a proxy login request"."""
        if not asked.peer:  # only accounts with the right ms-Exch-EPI-Token-Serialization; anyone else 403 (ours)
            return Answer(403, b"not a Client Access server")
        if asked.method != "POST" or asked.head.values(b"content-type") != [_XML]:  # PSH
            return Answer(400, b"not a log-on")
        try:
            found = _CONTEXT.fullmatch(asked.body.decode("utf-8"))
        except UnicodeDecodeError:
            found = None
        if found is None:
            return Answer(400, b"not a context")
        cookie = secrets.token_hex(16)
        self.contexts[found[3]] = Known(found[2], tuple(_GROUP.findall(found[4])), cookie)
        return Answer(status, fields=b"Set-Cookie: UserContext=%b; path=%b\r\n" % (cookie.encode(), path))  # LOG, PSH

    def _page(self, asked: Asked) -> Answer:
        """Who has lost its cookie is logged on anew (team blog of 2012: "Invalid user context cookie")."""
        known = self.contexts[asked.sid]
        cookies = b"; ".join(asked.head.values(b"cookie")).decode("latin-1").split("; ")
        if f"UserContext={known.cookie}" not in cookies:
            return Answer(440, b"Invalid user context cookie found in proxy response")
        text = f"cas={self.host} user={known.name} sid={asked.sid} groups={len(known.groups)}"
        version = f"X-OWA-Version: {self.owa_version}\r\n"
        cookie = f"Set-Cookie: UserContext={known.cookie}; path=/owa\r\n"
        return Answer(200, text.encode(), (version + cookie).encode())


class Cas2010(Cas2007):
    """Exchange 2010: the same conversations between servers; other versions of what clients are told."""

    active_sync = ("14.1", "2.0,2.1,2.5,12.0,12.1,14.0,14.1")
    owa_version = "14.1.218.13"


def _tls(certificate: Path, ca_file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
