"""Exchange ActiveSync at a Client Access server, for phones and for other Client Access servers.

Sources: **EASP** *How Exchange 2007 CAS Proxying works for ActiveSync* (the sub-directory Proxy, 441, a "proxy login
request", success, the request once more); **[MS-ASHTTP]**; **ASLOG** a public log of a back end: ``POST
/Microsoft-Server-ActiveSync/Proxy/default.eas Cmd=FolderSync&User=..``. URL and status of the log-on stand in no
document: they are this project's choice, see [proxy] activesync_log_on of its configuration.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Protocol

from tests.exchange.cas_asked import Answer, Asked, Known

_OWN = "/microsoft-server-activesync"
_PROXY = _OWN + "/proxy/default.eas"
_LOG_ON = "Cmd=ProxyLogin"
_COMMANDS = "Sync,SendMail,FolderSync,Ping,Provision"
_BASIC = b'WWW-Authenticate: Basic realm="cas"\r\n'


class ClientAccessServer(Protocol):
    """What this needs of it."""

    host: str
    integrated: bool
    log_on_status: int
    active_sync: tuple[str, str]
    contexts: dict[str, Known]

    def known(self, asked: Asked) -> Answer | None:
        """What a proxied request gets that names no user whose context is known."""
        ...

    def log_on(self, asked: Asked, status: int, path: bytes) -> Answer:
        """Of another server's user."""
        ...


def answer(cas: ClientAccessServer, asked: Asked, user: str) -> Answer:
    """`user` has proven who he is by a password; empty for all others."""
    if asked.path == _PROXY:
        return _proxied(cas, asked)
    if asked.path not in (_OWN, _OWN + "/default.eas"):
        return Answer(404)
    return _command(cas, asked, user) if user else Answer(401, fields=_BASIC)


def _proxied(cas: ClientAccessServer, asked: Asked) -> Answer:
    if not cas.integrated:  # *CASProxy mit Exchange 2007*: "NTLM not on the destination CAS"
        return Answer(401, fields=_BASIC)
    if asked.query == _LOG_ON:
        return cas.log_on(asked, cas.log_on_status, b"/Microsoft-Server-ActiveSync")
    return cas.known(asked) or _command(cas, asked, cas.contexts[asked.sid].name)


def _command(cas: ClientAccessServer, asked: Asked, user: str) -> Answer:
    """[MS-ASHTTP] 2.2.1.1: POST with a command in either form, or OPTIONS."""
    version, protocols = cas.active_sync
    told = f"MS-Server-ActiveSync: {version}\r\n"
    if asked.method == "OPTIONS":
        told += f"MS-ASProtocolVersions: {protocols}\r\nMS-ASProtocolCommands: {_COMMANDS}\r\n"
        return Answer(200, fields=told.encode())
    if asked.method != "POST":
        return Answer(405, fields=b"Allow: OPTIONS,POST\r\n")
    command = _name(asked.query)
    if not command:
        return Answer(400, b"no command")
    return Answer(200, f"cas={cas.host} user={user} cmd={command}".encode(), told.encode())


def _name(query: str) -> str:
    found = re.search(r"(?:^|&)Cmd=([A-Za-z]+)(?:&|$)", query)
    if found is not None:
        return found[1]
    try:
        packed = base64.b64decode(query, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return f"number {packed[1]}" if len(packed) > 3 else ""
