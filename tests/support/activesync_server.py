"""An ActiveSync server as the specifications tell one ([MS-ASHTTP], [MS-ASPROV], [MS-ASCMD]), with a folder and mails.

It demands a policy before anything else (449), keeps sync keys, and answers a Ping when mail is delivered or the
heartbeat is over. ``POST /deliver/USER`` delivers one. Runs as a process of its own: see `ActiveSyncServer`.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import parse_qs

import h11
from attrs import define, field, frozen

from tests.support.process import Daemon, free_port
from tests.support.wbxml import Element, decode, encode, text

VERSIONS = "2.5,12.0,12.1"
COMMANDS = "Sync,FolderSync,Ping,Provision"
INBOX = "5"
_POLICY_REQUIRED = (449, "Retry after sending a PROVISION command")
_POLICY = "MS-EAS-Provisioning-WBXML"
_NUMBERS = {0: "Sync", 9: "FolderSync", 18: "Ping", 20: "Provision"}


class ActiveSyncServer:
    """The process; `people` are passwords by name.

    With `believes` whoever connects is believed in X-Forwarded-User, and nobody is asked for a password.
    """

    def __init__(self, folder: Path, address: str, people: Mapping[str, str], *, believes: bool = False) -> None:
        self.address = address
        self.port = free_port(address)
        passwords = folder / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps(dict(people)))
        argv = [sys.executable, "-m", "tests.support.activesync_server", address, str(self.port), str(passwords),
                "believes" if believes else "asks"]  # fmt: skip
        environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
        self.daemon = Daemon(argv, folder / "activesync.log", [(address, self.port)], environment)

    def deliver(self, user: str) -> None:
        """A mail for a user."""
        with closing(http.client.HTTPConnection(self.address, self.port, timeout=20)) as connection:
            connection.request("POST", f"/deliver/{user}")
            connection.getresponse().read()


# --- the process


@define(eq=False)
class _Mailbox:
    mails: int = 0
    sent: dict[str, int] = field(factory=dict)  # of each sync key: how many mails the device has
    keys: int = 0
    policies: set[str] = field(factory=set)
    arrived: asyncio.Event = field(factory=asyncio.Event)

    def deliver(self) -> None:
        self.mails += 1
        self.arrived.set()
        self.arrived = asyncio.Event()

    def next_key(self, mails: int) -> str:
        self.keys += 1
        self.sent[str(self.keys)] = mails
        return str(self.keys)


@frozen
class _Reply:
    status: int
    reason: str = "OK"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@define(eq=False)
class _Server:
    passwords: Mapping[str, str]
    believes: bool = False
    mailboxes: dict[str, _Mailbox] = field(factory=dict)

    async def reply(self, request: h11.Request, body: bytes) -> _Reply:
        path, _, query = request.target.decode().partition("?")
        if path.startswith("/deliver/"):
            self._mailbox(path.rpartition("/")[2]).deliver()
            return _Reply(204, "No Content")
        fields = {name.decode(): value.decode() for name, value in request.headers}
        user = fields.get("x-forwarded-user", "") if self.believes else self._user(fields.get("authorization", ""))
        if not user:
            return _Reply(401, "Unauthorized", headers=(("WWW-Authenticate", 'Basic realm="eas"'),))
        if request.method == b"OPTIONS":
            told = (
                ("MS-ASProtocolVersions", VERSIONS),
                ("MS-ASProtocolCommands", COMMANDS),
                ("Public", "OPTIONS,POST"),
            )
            return _Reply(200, headers=told)
        return await self._command(self._mailbox(user), _command_of(query), fields, body)

    def _mailbox(self, user: str) -> _Mailbox:
        return self.mailboxes.setdefault(user, _Mailbox())

    def _user(self, authorization: str) -> str:
        with suppress(ValueError):
            name, _, password = base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")
            if self.passwords.get(name) == password:
                return name
        return ""

    async def _command(self, mailbox: _Mailbox, command: str, fields: Mapping[str, str], body: bytes) -> _Reply:
        if command != "Provision" and fields.get("x-ms-policykey", "0") not in mailbox.policies:
            return _Reply(*_POLICY_REQUIRED)
        try:
            asked = decode(body)
        except (ValueError, IndexError) as why:
            return _Reply(400, "Bad Request", str(why).encode())
        if command == "Provision":
            answer = _provision(mailbox, asked)
        elif command == "FolderSync":
            answer = _folders(asked)
        elif command == "Sync":
            answer = _sync(mailbox, asked)
        elif command == "Ping":
            answer = await _ping(mailbox, asked)
        else:
            return _Reply(501, "Not Implemented")
        return _Reply(200, body=encode(answer), headers=(("Content-Type", "application/vnd.ms-sync.wbxml"),))


def _command_of(query: str) -> str:
    """[MS-ASHTTP] 2.2.1.1.1: in names and values, or the second octet of base64."""
    if "Cmd=" in query:
        return parse_qs(query)["Cmd"][0]
    return _NUMBERS.get(base64.b64decode(query)[1], "")


def _provision(mailbox: _Mailbox, asked: Element) -> Element:
    """[MS-ASPROV] 3.2.5.1: a key for the policy, and another one when it was taken."""
    key = str(1000 + len(mailbox.policies))
    policy: list[Element] = [
        ("Provision:PolicyType", _POLICY), ("Provision:Status", "1"), ("Provision:PolicyKey", key),
    ]  # fmt: skip
    if text(asked, "Provision:PolicyKey"):
        mailbox.policies.add(key)
    else:
        document: Element = ("Provision:EASProvisionDoc", [("Provision:DevicePasswordEnabled", "0")])
        policy.append(("Provision:Data", [document]))
    return ("Provision:Provision", [
        ("Provision:Status", "1"), ("Provision:Policies", [("Provision:Policy", policy)]),
    ])  # fmt: skip


def _folders(asked: Element) -> Element:
    """[MS-ASCMD] 2.2.1.5: the inbox, once."""
    first = text(asked, "FolderHierarchy:SyncKey") == "0"
    inbox: Element = ("FolderHierarchy:Add", [
        ("FolderHierarchy:ServerId", INBOX), ("FolderHierarchy:ParentId", "0"),
        ("FolderHierarchy:DisplayName", "Inbox"), ("FolderHierarchy:Type", "2"),
    ])  # fmt: skip
    changes: list[Element] = [("FolderHierarchy:Count", "1" if first else "0"), *([inbox] if first else [])]
    return ("FolderHierarchy:FolderSync", [
        ("FolderHierarchy:Status", "1"), ("FolderHierarchy:SyncKey", "1"), ("FolderHierarchy:Changes", changes),
    ])  # fmt: skip


def _sync(mailbox: _Mailbox, asked: Element) -> Element:
    """[MS-ASCMD] 2.2.1.21: key 0 begins, each other gives what came since."""
    key = text(asked, "AirSync:SyncKey")
    had = mailbox.sent.get(key)
    status = "1" if key == "0" or had is not None else "3"  # 3: not a key that was given out
    mails = mailbox.mails if had is not None else 0
    added: list[Element] = [
        ("AirSync:Add", [
            ("AirSync:ServerId", f"{INBOX}:{number}"),
            ("AirSync:ApplicationData", [("Email:Subject", f"Mail {number} für dich"), ("Email:Read", "0")]),
        ])
        for number in range((had or 0) + 1, mails + 1)
    ]  # fmt: skip
    collection: list[Element] = [
        ("AirSync:SyncKey", mailbox.next_key(mails)), ("AirSync:CollectionId", INBOX), ("AirSync:Status", status),
    ]  # fmt: skip
    if added:
        collection.append(("AirSync:Commands", added))
    return ("AirSync:Sync", [("AirSync:Collections", [("AirSync:Collection", collection)])])


async def _ping(mailbox: _Mailbox, asked: Element) -> Element:
    """[MS-ASCMD] 2.2.1.13: status 2 for mail, 1 when the heartbeat is over."""
    heartbeat = float(text(asked, "Ping:HeartbeatInterval"))
    try:
        await asyncio.wait_for(mailbox.arrived.wait(), heartbeat)
    except TimeoutError:
        return ("Ping:Ping", [("Ping:Status", "1")])
    return ("Ping:Ping", [("Ping:Status", "2"), ("Ping:Folders", [("Ping:Folder", INBOX)])])


async def _converse(server: _Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    machine = h11.Connection(h11.SERVER)
    request, body = None, bytearray()
    while True:
        event = machine.next_event()
        if event is h11.NEED_DATA:
            machine.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            request, body = event, bytearray()
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            writer.write(_written(machine, await server.reply(request, bytes(body))))
            await writer.drain()
            machine.start_next_cycle()
        else:
            return


def _written(machine: h11.Connection, reply: _Reply) -> bytes:
    headers = [*reply.headers, ("MS-Server-ActiveSync", "8.1")]
    if reply.status != http.HTTPStatus.NO_CONTENT:
        headers.append(("Content-Length", str(len(reply.body))))
    head = h11.Response(status_code=reply.status, reason=reply.reason.encode(), headers=headers)
    return b"".join(machine.send(event) or b"" for event in (head, h11.Data(data=reply.body), h11.EndOfMessage()))


async def _run(address: str, port: int, server: _Server) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, h11.RemoteProtocolError):
            await _converse(server, reader, writer)
        writer.close()

    listening = await asyncio.start_server(serve, address, port)
    await listening.serve_forever()


def _main(address: str, port: str, passwords: str, how: str) -> None:
    server = _Server(json.loads(Path(passwords).read_text()), how == "believes")
    asyncio.run(_run(address, int(port), server))


if __name__ == "__main__":
    _main(*sys.argv[1:])
