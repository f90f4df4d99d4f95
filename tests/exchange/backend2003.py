"""A strict Exchange 2003 back end: one IIS virtual server on one port in the clear, with mailboxes and public folders.

It refuses what the real one refuses, each with the document that says so: FBG is the *Front-End and Back-End Server
Topology Guide*, S1 *Exchange 2000/2003 Front End Server Logon Process*, S5 *CASProxy mit Exchange 2007*. What no front
end may do is an incident. It shares no code with exfront, and runs as a process of its own: see `BackEnd2003`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import http.client
import json
import os
import struct
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import h11
import spnego
from attrs import asdict, define, evolve, field, frozen
from spnego.exceptions import SpnegoError

from tests.support.process import Daemon, free_port

INTEGRATED = ("Negotiate", "NTLM")
BASIC = ("Basic",)
DIGEST = ("Digest",)  # neither Integrated nor Basic: S5's "NTLM not on the destination CAS"
REPORT = "/report"
USER_FIELD = "X-Test-User"  # whose request the client says that it is

_STORE = "NTLM_USER_FILE"  # where pyspnego looks for passwords
_WITHOUT_MAILBOXES = ("public", "exchweb")  # FBG: public folders, and what is no data
_NT_RESPONSE = struct.Struct("<20xH")  # [MS-NLMP] 2.2.1.3: NtChallengeResponseLen
_NTLM_V1 = 24


@frozen
class State:
    """What it is like now. `schemes` are by virtual directory; `mailboxes` owners by alias, those that live here;
    `delegates` who else may open them; `hosts` the host headers; `drops` says where log-ons are cut off."""

    schemes: Mapping[str, Sequence[str]]
    mailboxes: Mapping[str, str]
    hosts: Sequence[str]
    domain: str
    delegates: Mapping[str, Sequence[str]] = field(factory=dict)
    drops: str = ""  # "challenge": in place of a challenge; "answer": in place of the outcome; "after": of the request


@frozen
class Seen:
    """What it saw. `log_ons` and `wrong` are by user: by NTLM, and passwords that were wrong by any scheme; `basic` are
    requests with a password; `legs` requests before a log-on was through."""

    connections: int
    requests: int
    legs: int
    basic: int
    log_ons: Mapping[str, int]
    wrong: Mapping[str, int]
    incidents: Sequence[str]


class BackEnd2003:
    """The process; `passwords` are by account name. Changes of its state hold from the next request on."""

    def __init__(self, folder: Path, address: str, state: State, passwords: Mapping[str, str]) -> None:
        self.address, self.port = address, free_port(address)
        self._store, self._state = folder / "passwords", folder / "state.json"
        self._store.touch(mode=0o600)
        self.passwords = dict(passwords)
        self.state = state
        argv = [sys.executable, "-m", "tests.exchange.backend2003", address, str(self.port), str(self._state)]
        environment = {_STORE: str(self._store), "PYTHONPATH": str(Path(__file__).parents[2])}
        self.daemon = Daemon(argv, folder / "backend2003.log", [(address, self.port)], environment)
        self.change()

    def change(self, **changes: object) -> None:
        """Be like this from now on."""
        self.state = evolve(self.state, **changes)  # type: ignore[arg-type]
        domain = self.state.domain
        lines = [f"{domain}:{name}:{password}\n" for name, password in self.passwords.items()]
        lines += [f":{name}@{domain.lower()}.com:{password}\n" for name, password in self.passwords.items()]
        self._store.write_text("".join(lines), encoding="utf-8")
        new = self._state.with_suffix(".new")
        new.write_text(json.dumps(asdict(self.state)))
        new.replace(self._state)

    def seen(self) -> Seen:
        """All since it started."""
        with closing(http.client.HTTPConnection(self.address, self.port, timeout=20)) as connection:
            connection.request("GET", REPORT)
            return Seen(**json.load(connection.getresponse()))


# --- the process


@define
class _Book:
    """What all connections share."""

    path: Path
    counts: Counter[str] = field(factory=Counter)
    log_ons: Counter[str] = field(factory=Counter)
    wrong: Counter[str] = field(factory=Counter)
    incidents: list[str] = field(factory=list)

    @property
    def state(self) -> State:
        return State(**json.loads(self.path.read_text()))

    def report(self) -> bytes:
        counts = self.counts
        counts["reports"] += 1
        seen = Seen(
            counts["connections"] - counts["reports"], counts["requests"], counts["legs"], counts["basic"],
            self.log_ons, self.wrong, self.incidents,
        )  # fmt: skip
        return json.dumps(asdict(seen)).encode()


@frozen
class _Reply:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class _Asked:
    method: str
    path: str
    fields: Mapping[str, str]
    body: bytes

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.lower().strip("/").split("/"))


class _DroppedError(Exception):
    """The connection ends here."""


@define(eq=False)
class _Connection:
    """One TCP connection. Integrated authentication is of the connection, Basic of a request (RFC 4559 section 6)."""

    book: _Book
    number: int
    user: str = ""
    acceptor: spnego.ContextProxy | None = None

    def reply(self, asked: _Asked) -> _Reply:
        state = self.book.state
        # FBG (bb123654): the front end sends the Host that the client sent, and the back end has a virtual server for
        # it; IIS: "Bad Request (Invalid Hostname)".
        if asked.fields.get("host", "") not in state.hosts:
            return _Reply(400, b"<h1>Bad Request (Invalid Hostname)</h1>", (("Connection", "close"),))
        directory = asked.segments[0]
        if directory not in state.schemes:
            return _Reply(404)
        user, refusal = self._who(asked, state, directory)
        if refusal is not None:
            return refusal
        claimed = asked.fields.get(USER_FIELD.lower(), user)
        if claimed != user:
            self._incident(f"a request of {claimed} as {user}")
        if self.user and state.drops == "after":
            raise _DroppedError
        return self._page(asked, state, directory, user)

    # --- who asks

    def _who(self, asked: _Asked, state: State, directory: str) -> tuple[str, _Reply | None]:
        scheme, _, credentials = asked.fields.get("authorization", "").partition(" ")
        offered = state.schemes.get(directory, ())
        if scheme == "Basic":
            self.book.counts["basic"] += 1
            return self._basic(credentials, state, offered)
        if scheme in INTEGRATED and scheme in offered:
            return self._integrated(scheme, asked, credentials, state, offered)
        if self.user:
            return self.user, None
        return "", self._challenge(offered, state)

    def _basic(self, credentials: str, state: State, offered: Sequence[str]) -> tuple[str, _Reply | None]:
        if "Basic" not in offered:
            self._incident("a password for a virtual directory that does not take any")
            return "", self._challenge(offered, state)
        name, _, password = _decoded(credentials).decode("utf-8", "replace").partition(":")
        name = name.rpartition("\\")[2].partition("@")[0].lower()
        if _passwords(state.domain).get(name) != password:
            self.book.wrong[name] += 1
            return "", self._challenge(offered, state)
        return name, None

    def _integrated(
        self, scheme: str, asked: _Asked, credentials: str, state: State, offered: Sequence[str]
    ) -> tuple[str, _Reply | None]:
        token = _decoded(credentials)
        if asked.body:
            self._incident("a body with a message of a log-on")
        if self.user:
            self._incident(f"a log-on on the connection of {self.user}")
        if token[8:9] == b"\3":
            return self._third(token, state, offered)
        self.book.counts["legs"] += 1
        if state.drops == "challenge":
            raise _DroppedError
        self.acceptor = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        try:
            challenge = self.acceptor.step(token) or b""
        except SpnegoError:
            return "", self._challenge(offered, state)
        value = f"{scheme} {base64.b64encode(challenge).decode()}"
        return "", _Reply(401, b"", (("WWW-Authenticate", value),))

    def _third(self, token: bytes, state: State, offered: Sequence[str]) -> tuple[str, _Reply | None]:
        if self.acceptor is None:
            self._incident("the last message of a log-on that began elsewhere")
            return "", self._challenge(offered, state)
        if _NT_RESPONSE.unpack_from(token)[0] <= _NTLM_V1:
            self._incident("less than NTLMv2")
        acceptor, self.acceptor = self.acceptor, None
        name = _claimed(token)
        try:
            acceptor.step(token)
        except SpnegoError:
            self.book.wrong[name] += 1
            if state.drops == "answer":
                raise _DroppedError from None
            return "", self._challenge(offered, state)
        self.user = name
        self.book.log_ons[name] += 1
        if state.drops == "answer":
            raise _DroppedError
        return name, None

    def _challenge(self, offered: Sequence[str], state: State) -> _Reply:
        """IIS lists what a virtual directory has, Negotiate first and Basic last, with the host as realm."""
        values = {"Basic": f'Basic realm="{state.hosts[0]}"', "Digest": 'Digest qop="auth", realm="x", nonce="y"'}
        return _Reply(401, b"Access is denied.", tuple(("WWW-Authenticate", values.get(s, s)) for s in offered))

    # --- what is asked

    def _page(self, asked: _Asked, state: State, directory: str, user: str) -> _Reply:
        self.book.counts["requests"] += 1
        if asked.method == "OPTIONS":  # WebDAV, as Exchange 2003 is spoken to
            return _Reply(200, b"", (("MS-Author-Via", "DAV"), ("DAV", "1, 2"), ("Allow", "OPTIONS, GET, PROPFIND")))
        if directory in _WITHOUT_MAILBOXES:
            return self._shown(asked, user, "")
        return self._mailbox(asked, state, user)

    def _mailbox(self, asked: _Asked, state: State, user: str) -> _Reply:
        """KB293386: a mailbox that is not here is 404 where it is named, and 401 where it is one's own."""
        alias = asked.segments[1] if len(asked.segments) > 1 else ""
        denied = self._challenge(state.schemes["exchange"], state)
        if not alias:
            own = next((name for name, owner in state.mailboxes.items() if owner == user), "")
            return self._shown(asked, user, own) if own else denied
        owner = state.mailboxes.get(alias)
        if owner is None:
            return _Reply(404, b"HTTP 404 - File not found")
        # Explicit logon opens another mailbox for who has rights on it: S1, comment 9.
        allowed = user == owner or user in state.delegates.get(alias, ())
        return self._shown(asked, user, alias) if allowed else denied

    def _shown(self, asked: _Asked, user: str, mailbox: str) -> _Reply:
        """KB327800: with ``Front-End-Https: On`` links begin with https."""
        secure = asked.fields.get("front-end-https") == "On"
        page = {
            "user": user, "mailbox": mailbox, "method": asked.method, "body": len(asked.body),
            "links": "https" if secure else "http", "connection": self.number,
        }  # fmt: skip
        return _Reply(200, json.dumps(page).encode())

    def _incident(self, what: str) -> None:
        self.book.incidents.append(f"connection {self.number}: {what}")


def _claimed(token: bytes) -> str:
    """The user name in an AUTHENTICATE_MESSAGE in Unicode, without domain, in lower case."""
    length, _, at = struct.unpack_from("<36xHHI", token)
    return token[at : at + length].decode("utf-16-le", "replace").partition("@")[0].lower()


def _decoded(credentials: str) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True)
    except binascii.Error:
        return b""


def _passwords(domain: str) -> dict[str, str]:
    lines = Path(os.environ[_STORE]).read_text("utf-8").splitlines()
    parts = [line.split(":", 2) for line in lines]
    return {name.lower(): password for where, name, password in parts if where == domain}


async def _serve(book: _Book, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    book.counts["connections"] += 1
    connection = _Connection(book, book.counts["connections"])
    try:
        with suppress(ConnectionError, _DroppedError):
            await _converse(connection, h11.Connection(h11.SERVER), reader, writer)
    except h11.RemoteProtocolError as error:
        book.incidents.append(f"connection {connection.number}: {error}")
    finally:
        writer.close()


async def _converse(
    connection: _Connection, machine: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    request: h11.Request | None = None
    body = b""
    while True:
        event = machine.next_event()
        if event is h11.NEED_DATA:
            machine.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            request, body = event, b""
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            writer.write(_written(machine, request, _reply(connection, request, body)))
            await writer.drain()
            if machine.our_state is not h11.DONE:
                return
            machine.start_next_cycle()
        elif isinstance(event, h11.ConnectionClosed):
            return


def _reply(connection: _Connection, request: h11.Request, body: bytes) -> _Reply:
    path = request.target.partition(b"?")[0].decode("latin-1")
    if path == REPORT:
        return _Reply(200, connection.book.report(), (("Connection", "close"),))
    fields = {name.decode(): value.decode("latin-1") for name, value in request.headers}
    return connection.reply(_Asked(request.method.decode(), path, fields, body))


def _written(machine: h11.Connection, request: h11.Request, reply: _Reply) -> bytes:
    headers = [*reply.headers, ("Server", "Microsoft-IIS/6.0"), ("Content-Length", str(len(reply.body)))]
    body = b"" if request.method == b"HEAD" else reply.body
    events = (h11.Response(status_code=reply.status, headers=headers), h11.Data(data=body), h11.EndOfMessage())
    return b"".join(machine.send(event) or b"" for event in events)


async def _run(address: str, port: int, book: _Book) -> None:
    server = await asyncio.start_server(lambda reader, writer: _serve(book, reader, writer), address, port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], int(sys.argv[2]), _Book(Path(sys.argv[3]))))
