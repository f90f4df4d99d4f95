"""A phone: ActiveSync as [MS-ASHTTP], [MS-ASPROV] and [MS-ASCMD] tell it, on connections of its own."""

from __future__ import annotations

import base64
import http.client
import ssl
from contextlib import closing
from http import HTTPStatus

from attrs import define, field, frozen

from tests.support.process import Address
from tests.support.wbxml import Element, decode, encode, text

PATH = "/Microsoft-Server-ActiveSync"
_POLICY_REQUIRED = 449
_NUMBERS = {"Sync": 0, "FolderSync": 9, "Ping": 18, "Provision": 20}
_PATIENCE = 60.0
NOTHING: Element = ("", "")  # [MS-ASCMD] 2.2.1.21: a Sync without news may be answered without a body


@frozen
class Answer:
    """What came."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


@define(eq=False)
class Phone:
    """`packed` says whether queries are sent as base64 (12.1) or as names and values."""

    address: Address
    host: str
    user: str
    password: str
    tls: ssl.SSLContext | None = None
    packed: bool = False
    device_id: str = "v140Device"
    path: str = PATH
    policy_key: str = "0"
    folder_key: str = "0"
    sync_key: str = "0"
    subjects: list[str] = field(factory=list)

    def options(self) -> Answer:
        """What the server can."""
        return self._ask("OPTIONS", self.path, b"")

    def get(self, path: str) -> Answer:
        """A page."""
        return self._ask("GET", path, b"")

    def command(self, name: str, content: Element) -> Element:
        """A command; where a policy is demanded, it is taken first ([MS-ASPROV] 4.1). Fails for anything but 200."""
        answer = self.post(name, encode(content))
        if answer.status == _POLICY_REQUIRED:
            assert answer.reason == "Retry after sending a PROVISION command", answer
            self._provision()
            answer = self.post(name, encode(content))
        assert answer.status == HTTPStatus.OK, answer
        return decode(answer.body) if answer.body else NOTHING

    def post(self, name: str, body: bytes) -> Answer:
        """A command's octets, whatever they are."""
        return self._ask("POST", f"{self.path}?{self._query(name)}", body)

    def fetch_folders(self) -> list[str]:
        """The ids of new folders."""
        found = self.command(
            "FolderSync", ("FolderHierarchy:FolderSync", [("FolderHierarchy:SyncKey", self.folder_key)])
        )
        assert text(found, "FolderHierarchy:Status") == "1", found
        self.folder_key = text(found, "FolderHierarchy:SyncKey")
        return _texts(found, "FolderHierarchy:ServerId")

    def sync(self, folder: str) -> list[str]:
        """The subjects of new mails."""
        collection: list[Element] = [("AirSync:SyncKey", self.sync_key), ("AirSync:CollectionId", folder)]
        if self.sync_key != "0":
            collection += [("AirSync:GetChanges", ""), ("AirSync:WindowSize", "50")]
        found = self.command("Sync", ("AirSync:Sync", [("AirSync:Collections", [("AirSync:Collection", collection)])]))
        if found == NOTHING:
            return []
        assert text(found, "AirSync:Status") == "1", found
        self.sync_key = text(found, "AirSync:SyncKey")
        return _texts(found, "Email:Subject")

    def ping(self, folder: str, heartbeat: float) -> str:
        """Wait for news; the status."""
        watched: Element = ("Ping:Folder", [("Ping:Id", folder), ("Ping:Class", "Email")])
        content: list[Element] = [("Ping:HeartbeatInterval", f"{heartbeat:g}"), ("Ping:Folders", [watched])]
        return text(self.command("Ping", ("Ping:Ping", content)), "Ping:Status")

    def _provision(self) -> None:
        kind: Element = ("Provision:PolicyType", "MS-EAS-Provisioning-WBXML")
        first = self._policy([kind])
        self.policy_key = self._policy([kind, ("Provision:PolicyKey", first), ("Provision:Status", "1")])

    def _policy(self, policy: list[Element]) -> str:
        content: Element = ("Provision:Provision", [("Provision:Policies", [("Provision:Policy", policy)])])
        answer = self.post("Provision", encode(content))
        assert answer.status == HTTPStatus.OK, answer
        return text(decode(answer.body), "Provision:PolicyKey")

    def _query(self, name: str) -> str:
        if not self.packed:
            return f"Cmd={name}&User={self.user}&DeviceId={self.device_id}&DeviceType=SmartPhone"
        octets = bytes((121, _NUMBERS[name], 9, 4))
        for value in (self.device_id.encode(), int(self.policy_key).to_bytes(4, "little"), b"SmartPhone"):
            octets += bytes((len(value),)) + value
        return base64.b64encode(octets).decode()

    def _ask(self, method: str, target: str, body: bytes) -> Answer:
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Host": self.host, "Authorization": f"Basic {credentials}", "MS-ASProtocolVersion": "12.1",
                   "X-MS-PolicyKey": self.policy_key}  # fmt: skip
        if body:
            headers["Content-Type"] = "application/vnd.ms-sync.wbxml"
        with closing(self._connection()) as connection:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return Answer(
                answer.status, answer.reason, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
            )

    def _connection(self) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection(*self.address, timeout=_PATIENCE)
        return http.client.HTTPSConnection(*self.address, timeout=_PATIENCE, context=self.tls)


def _texts(element: Element, name: str) -> list[str]:
    own, content = element
    if isinstance(content, str):
        return [content] if own == name else []
    return [each for child in content for each in _texts(child, name)]
