"""What a Client Access server of `cas2007` is asked, and answers; values only."""

from __future__ import annotations

from attrs import frozen

from tests.support.http_wire import Head


@frozen
class Asked:
    """A request; `peer` is the Client Access server that made it, empty where that is not proven."""

    method: str
    target: str
    head: Head
    body: bytes
    peer: str
    sid: str

    @property
    def path(self) -> str:
        """In lower case: IIS knows no other."""
        return self.target.partition("?")[0].lower()

    @property
    def query(self) -> str:
        """As it came."""
        return self.target.partition("?")[2]


@frozen
class Answer:
    """`fields` are whole lines; `sid` is whose request it was, where that stood in the body."""

    status: int
    page: bytes = b""
    fields: bytes = b""
    sid: str = ""


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
class Known:
    """Who has been logged on by another Client Access server."""

    name: str
    groups: tuple[str, ...]
    cookie: str
