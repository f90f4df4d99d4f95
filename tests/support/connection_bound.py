"""A web back end that ties the user to the connection, as IIS does for NTLM and for Negotiate (persistent logon on).

Whoever proved a name by NTLM or Negotiate is that user for each later request on the same TCP connection, whatever
it carries (RFC 4559 section 6). It checks the three NTLM messages against the passwords it knows, all on one
connection, and a ticket of `ticket` in a first request. What a front end must never do is an incident: a request of
another client on a connection that belongs to one, credentials of another user there, the end of a handshake without
its beginning, a ticket twice. A *loud* back end answers an incident with 500; a quiet one goes on as IIS would.

``…/open`` asks nobody who he is; every other path does. Paths that end with
``.asmx`` speak EWS. Runs as a process of its own: see `ConnectionBound`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import http.client
import json
import os
import resource
import secrets
import ssl
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import h11
import spnego
from attrs import asdict, define, field, frozen
from spnego.exceptions import SpnegoError

from tests.support import ews
from tests.support.process import Daemon, free_port

DOMAIN = "FOURTHCOFFEE"
CLIENT_FIELD = "X-Test-Client"  # says which client a request is of; a connection once bound takes those of one only
REPORT = "/report"

_STORE = "NTLM_USER_FILE"  # where pyspnego looks for passwords
_TICKET = b"TICKET "
_NTLM = b"NTLMSSP\0"
_HANDSHAKE = {b"ntlm": "ntlm", b"negotiate": "negotiate"}


def ticket(name: str, password: str) -> bytes:
    """What proves `name` in one message, once, as a Kerberos ticket does: a nonce, sealed with the user's key."""
    told = b"%b %b" % (name.encode(), secrets.token_hex(8).encode())
    return _TICKET + told + b" " + _seal(told, password)


def _seal(told: bytes, password: str) -> bytes:
    return hmac.new(password.encode(), told, hashlib.sha256).hexdigest().encode()


@frozen
class Report:
    """What the back end saw. `open` counts the connections that are open; `incidents` are sentences."""

    connections: int
    open: int
    requests: int
    log_ons: int
    incidents: tuple[str, ...]


class ConnectionBound:
    """The process, with its ports `http` and `https` (of `certificate`); `users` are passwords by name."""

    def __init__(
        self, folder: Path, address: str, users: Mapping[str, str], certificate: Path, loud: bool = True
    ) -> None:
        self.address = address
        self.http, self.https = free_port(address), free_port(address)
        store = folder / "passwords"
        store.touch(mode=0o600)
        lines = [f"{domain}:{name}:{password}\n" for name, password in users.items() for domain in (DOMAIN, "")]
        store.write_text("".join(lines))
        argv = [
            sys.executable, "-m", "tests.support.connection_bound", address, str(self.http), str(self.https),
            str(certificate), "loud" if loud else "quiet",
        ]  # fmt: skip
        environment = {_STORE: str(store), "PYTHONPATH": str(Path(__file__).parents[2])}
        ports = [(address, self.http), (address, self.https)]
        self.daemon = Daemon(argv, folder / "connection-bound.log", ports, environment)

    def report(self) -> Report:
        """All that it saw since it started."""
        with closing(http.client.HTTPConnection(self.address, self.http, timeout=20)) as connection:
            connection.request("GET", REPORT)
            told = json.load(connection.getresponse())
        return Report(**{**told, "incidents": tuple(told["incidents"])})


# --- the process


@define
class _Book:
    """What all connections share."""

    passwords: Mapping[str, str]
    loud: bool
    counts: Counter[str] = field(factory=Counter)
    incidents: list[str] = field(factory=list)
    used: set[bytes] = field(factory=set)  # tickets

    def report(self) -> bytes:
        """Without the connections that ask for reports: one each."""
        counts = self.counts
        counts["reports"] += 1
        seen = Report(
            counts["connections"] - counts["reports"], counts["open"] - 1, counts["requests"], counts["log_ons"],
            tuple(self.incidents),
        )  # fmt: skip
        return json.dumps(asdict(seen)).encode()


@frozen
class _Reply:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class _IncidentError(Exception):
    """What must never happen."""


@define(eq=False)
class _Connection:
    """One TCP connection and the user it belongs to."""

    book: _Book
    number: int
    user: str = ""
    bound: bool = False  # it, or its handshake, is of `client` alone
    client: str = ""
    acceptor: spnego.ContextProxy | None = None
    soap: bytes | None = None  # the request's body, where it is one of EWS

    def reply(self, path: str, fields: Mapping[bytes, bytes], body: bytes) -> _Reply:
        """Answer one request."""
        self.soap = body if path.lower().endswith(".asmx") else None
        try:
            return self._reply(path, fields)
        except _IncidentError as incident:
            return _Reply(500, str(incident).encode(), (("Connection", "close"),))

    def _reply(self, path: str, fields: Mapping[bytes, bytes]) -> _Reply:
        client = fields.get(CLIENT_FIELD.lower().encode(), b"").decode()
        if self.bound and client != self.client:
            self._incident(f"a request of {client!r} on the connection of {self.client!r}, user {self.user!r}")
        scheme, _, credentials = fields.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"basic":
            return self._basic(credentials)
        if scheme.lower() in _HANDSHAKE:
            self.bound, self.client = True, client
            return self._handshake(scheme, credentials)
        if path.endswith("/open") or self.user:
            return self._page(self.user)
        self.bound, self.client = True, client  # S-HTTP-33: from its challenge on
        return _Reply(401, headers=(("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "NTLM")))

    def _page(self, user: str) -> _Reply:
        if self.soap is not None:
            status, content = ews.answer(user, self.soap)
            return _Reply(status, content, (("Content-Type", "text/xml; charset=utf-8"),))
        page = json.dumps({"user": user, "connection": self.number}).encode()
        return _Reply(200, page, (("Persistent-Auth", "true"),) if self.user else ())

    def _basic(self, credentials: bytes) -> _Reply:
        """Basic is of one request, and changes nothing of the connection."""
        name, _, password = _decoded(credentials).decode("utf-8", "replace").partition(":")
        name = name.rpartition("\\")[2]
        right = self.book.passwords.get(name) == password
        return self._page(name) if right else _Reply(401, headers=(("WWW-Authenticate", 'Basic realm="bound"'),))

    def _handshake(self, scheme: bytes, credentials: bytes) -> _Reply:
        token = _decoded(credentials)
        try:
            if token.startswith(_TICKET):
                return self._logged_on(self._ticket_owner(token))
            return self._message(scheme, token)
        except SpnegoError as error:
            self.acceptor = None
            return _Reply(401, str(error).encode(), (("WWW-Authenticate", scheme.decode()),))

    def _ticket_owner(self, token: bytes) -> str:
        told, _, seal = token.removeprefix(_TICKET).rpartition(b" ")
        name = told.partition(b" ")[0].decode()
        if not hmac.compare_digest(_seal(told, self.book.passwords.get(name, "")), seal):
            raise SpnegoError(context_msg="a wrong ticket")
        if token in self.book.used:
            self._incident(f"the ticket of {name} came twice")
        self.book.used.add(token)
        return name

    def _message(self, scheme: bytes, token: bytes) -> _Reply:
        if self.acceptor is None and _is_last(token):
            self._incident("the last message of a handshake that began elsewhere")
        if self.acceptor is None or _is_first(token):
            self.acceptor = spnego.server(protocol=_HANDSHAKE[scheme.lower()], options=spnego.NegotiateOptions.use_ntlm)
        answer = self.acceptor.step(token)
        if not self.acceptor.complete:
            challenge = f"{scheme.decode()} {base64.b64encode(answer or b'').decode()}"
            return _Reply(401, headers=(("WWW-Authenticate", challenge),))
        name = (self.acceptor.client_principal or "").rpartition("\\")[2]
        self.acceptor = None
        return self._logged_on(name)

    def _logged_on(self, name: str) -> _Reply:
        if self.user and self.user != name:
            self._incident(f"credentials of {name} on the connection of {self.user}")
        self.user = name
        self.book.counts["log_ons"] += 1
        return self._page(name)

    def _incident(self, what: str) -> None:
        self.book.incidents.append(f"connection {self.number}: {what}")
        if self.book.loud:
            raise _IncidentError(self.book.incidents[-1])


def _decoded(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True)
    except binascii.Error:
        return b""


def _is_first(token: bytes) -> bool:
    """NTLM's first message, bare or in SPNEGO's own first (application tag 0, RFC 4178 section 4.2)."""
    return token.startswith((_NTLM + b"\1", b"\x60"))


def _is_last(token: bytes) -> bool:
    """NTLM's third message, bare or in a later one of SPNEGO."""
    return token.startswith((_NTLM + b"\3", b"\xa1"))


async def _serve(book: _Book, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    book.counts["connections"] += 1
    book.counts["open"] += 1
    connection = _Connection(book, book.counts["connections"])
    try:
        with suppress(ConnectionError):
            await _converse(connection, h11.Connection(h11.SERVER), reader, writer)
    except h11.RemoteProtocolError as error:
        book.incidents.append(f"connection {connection.number}: {error}")
    finally:
        book.counts["open"] -= 1
        writer.close()


async def _converse(
    connection: _Connection, machine: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = machine.next_event()
        if event is h11.NEED_DATA:
            machine.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            request, body = event, bytearray()
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            writer.write(_written(machine, _reply(connection, request, bytes(body))))
            await writer.drain()
            if machine.our_state is not h11.DONE:
                return
            machine.start_next_cycle()
        elif isinstance(event, h11.ConnectionClosed):
            return


def _reply(connection: _Connection, request: h11.Request, body: bytes) -> _Reply:
    path = request.target.partition(b"?")[0].decode()
    if path == REPORT:
        return _Reply(200, connection.book.report(), (("Connection", "close"),))
    connection.book.counts["requests"] += 1
    return connection.reply(path, dict(request.headers), body)


def _written(machine: h11.Connection, reply: _Reply) -> bytes:
    headers = [*reply.headers, ("Content-Length", str(len(reply.body)))]
    if "Content-Type" not in dict(reply.headers):
        headers.append(("Content-Type", "text/plain"))
    events = (h11.Response(status_code=reply.status, headers=headers), h11.Data(data=reply.body), h11.EndOfMessage())
    return b"".join(machine.send(event) or b"" for event in events)


async def _run(address: str, http_port: int, https_port: int, certificate: str, book: _Book) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(book, reader, writer)

    plain = await asyncio.start_server(serve, address, http_port, backlog=1024)
    await asyncio.start_server(serve, address, https_port, backlog=1024, ssl=context)
    await plain.serve_forever()


def _main(address: str, http_port: str, https_port: str, certificate: str, manner: str) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    lines = Path(os.environ[_STORE]).read_text().splitlines()
    passwords = {name: password for _, name, password in (line.split(":", 2) for line in lines)}
    asyncio.run(_run(address, int(http_port), int(https_port), certificate, _Book(passwords, manner == "loud")))


if __name__ == "__main__":
    _main(*sys.argv[1:])
