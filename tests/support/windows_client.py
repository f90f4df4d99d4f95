"""A client that logs its connection on, as Outlook and browsers on Windows do: NTLM, Negotiate, or a ticket at once."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import ssl
from types import TracebackType

import spnego
from attrs import frozen

from tests.support.connection_bound import CLIENT_FIELD, DOMAIN, ticket
from tests.support.process import Address

_PATIENCE = 60.0  # seconds for one answer
_MOST_LEGS = 4
_numbers = itertools.count(1)


@frozen
class Seen:
    """An answer. `user` and `connection` are those that the back end says, empty and 0 where it says none."""

    status: int
    user: str
    connection: int
    challenges: tuple[str, ...]
    body: bytes


class WindowsClient:
    """One TCP connection. A lost connection is an error, never opened again unseen: a log-on would be lost with it."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None = None) -> None:
        self.name = f"client-{next(_numbers)}"
        if tls is None:
            self._connection = http.client.HTTPConnection(*address, timeout=_PATIENCE)
        else:
            self._connection = http.client.HTTPSConnection(*address, timeout=_PATIENCE, context=tls)
        self._connection.connect()
        self._connection.auto_open = 0

    def __enter__(self) -> WindowsClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self._connection.close()

    def get(self, path: str, authorization: str = "") -> Seen:
        """One request."""
        headers = {CLIENT_FIELD: self.name}
        if authorization:
            headers["Authorization"] = authorization
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        body = answer.read()
        page = json.loads(body) if answer.status == http.HTTPStatus.OK else {"user": "", "connection": 0}
        challenges = tuple(answer.headers.get_all("WWW-Authenticate", ()))
        return Seen(answer.status, page["user"], page["connection"], challenges, body)

    def log_on(self, path: str, name: str, password: str, scheme: str = "NTLM") -> Seen:
        """The legs of a handshake; the last answer."""
        protocol = scheme.lower()
        options = spnego.NegotiateOptions.use_ntlm
        context = spnego.client(f"{DOMAIN}\\{name}", password, protocol=protocol, options=options)
        seen = self.get(path)
        token: bytes | None = None
        for _ in range(_MOST_LEGS):
            token = context.step(token)
            if token is None:
                return seen
            seen = self.get(path, f"{scheme} {base64.b64encode(token).decode()}")
            answers = [each.partition(" ")[2] for each in seen.challenges if each.startswith(scheme + " ")]
            if seen.status != http.HTTPStatus.UNAUTHORIZED or not answers:
                return seen
            token = base64.b64decode(answers[0])
        return seen

    def present_ticket(self, path: str, name: str, password: str) -> Seen:
        """Log on in one request, without having seen a challenge."""
        return self.get(path, "Negotiate " + base64.b64encode(ticket(name, password)).decode())
