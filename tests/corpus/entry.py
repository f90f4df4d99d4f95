"""What an entry of the corpus is, and short ways to write one."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

PUBLIC_NAME = b"mail.fourthcoffee.com"
TARGET = b"/public/a"
SMALL_BODY = 1000  # octets that /small takes

Pairs = tuple[tuple[bytes, bytes], ...]


@frozen
class Reached:
    """A request as the back end must get it, complete. `has` are fields and values, `lacks` names of fields; both in
    lower case. `lacks` may also be a pair: no field of that name has that value."""

    method: bytes = b"GET"
    target: bytes = TARGET
    body: bytes = b""
    has: Pairs = ()
    lacks: tuple[bytes | tuple[bytes, bytes], ...] = ()


@frozen
class Answer:
    """A final answer as the client must get it; `body` None: any. Not `complete`: the client can tell."""

    status: int
    body: bytes | None = None
    complete: bool = True
    has: Pairs = ()
    lacks: tuple[bytes | tuple[bytes, bytes], ...] = ()
    interim: tuple[int, ...] = ()


@frozen
class Outcome:
    """`answers` to the client, in order; then the connection is `kept` for a further request, or closed.

    `reached` are all complete requests at the back end, in order. What began there and was cut may be there besides.
    """

    answers: tuple[Answer, ...] = ()
    reached: tuple[Reached, ...] = ()
    kept: bool = False


@frozen
class Entry:
    """`octets` of a client, sent at once; `later` follows a 100. `answer` is what the back end says to it.

    `rule` is the S- rule, `source` the section or CVE that it stands in, `why` the reason in a few words. `ends`: the
    client sends its FIN behind. `reuses` False: a further request must come on another connection to the back end.
    Without `peers` other proxies are not asked: the entry is about exfront's own configuration.
    """

    name: str
    rule: str
    source: str
    why: str
    octets: bytes
    outcome: Outcome
    later: bytes = b""
    ends: bool = False
    answer: bytes | None = None
    ending: Literal["stay", "close", "reset"] = "stay"
    early: bool = False
    late: bytes = b""
    reuses: bool = True
    peers: bool = True

    @property
    def legal(self) -> bool:
        """Whether it is a message that must pass."""
        good = [answer for answer in self.outcome.answers if answer.status not in _EXFRONTS_OWN and answer.complete]
        return bool(self.outcome.reached) and len(good) == len(self.outcome.answers)


_EXFRONTS_OWN = (400, 413, 414, 417, 431, 501, 502, 505, 508)


def request(line: bytes = b"GET " + TARGET + b" HTTP/1.1", *fields: bytes, body: bytes = b"") -> bytes:
    """A request with a good Host, and `fields` behind it."""
    return b"\r\n".join((line, b"Host: " + PUBLIC_NAME, *fields, b"", body))


def bare(line: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    """A request without any field but `fields`."""
    return b"\r\n".join((line, *fields, b"", body))


def post(*fields: bytes, body: bytes = b"") -> bytes:
    """A POST whose framing is in `fields`."""
    return request(b"POST " + TARGET + b" HTTP/1.1", *fields, body=body)


def chunked(body: bytes, *fields: bytes) -> bytes:
    """A POST in chunks, of which `body` is what goes over the wire."""
    return post(b"Transfer-Encoding: chunked", *fields, body=body)


def refused(name: str, octets: bytes, status: int, rule: str, source: str, why: str, **more: object) -> Entry:
    """exfront answers `status` and closes; nothing reaches the back end as a whole."""
    return Entry(name, rule, source, why, octets, Outcome((Answer(status),)), **more)  # type: ignore[arg-type]


def silent(name: str, octets: bytes, rule: str, source: str, why: str, **more: object) -> Entry:
    """The connection ends without an answer; nothing reaches the back end as a whole."""
    return Entry(name, rule, source, why, octets, Outcome(), **more)  # type: ignore[arg-type]


def local(name: str, octets: bytes, answer: Answer | int, rule: str, source: str, why: str, **more: object) -> Entry:
    """exfront answers, the connection lives on; nothing reaches the back end."""
    final = Answer(answer) if isinstance(answer, int) else answer
    return Entry(name, rule, source, why, octets, Outcome((final,), kept=True), **more)  # type: ignore[arg-type]


def passes(
    name: str, octets: bytes, reached: Reached | tuple[Reached, ...], rule: str, source: str, why: str,
    kept: bool = True, answers: tuple[Answer, ...] | None = None, **more: object,
) -> Entry:  # fmt: skip
    """It reaches the back end as `reached`, and the client gets the answers."""
    several = reached if isinstance(reached, tuple) else (reached,)
    outcome = Outcome(tuple(map(_default, several)) if answers is None else answers, several, kept)
    return Entry(name, rule, source, why, octets, outcome, **more)  # type: ignore[arg-type]


def _default(reached: Reached) -> Answer:
    return Answer(200, b"" if reached.method == b"HEAD" else b"seen " + reached.target)


def answered(
    name: str, answer: bytes, client: Answer | int, rule: str, source: str, why: str, octets: bytes = request(),
    reached: Reached | None = None, kept: bool = True, **more: object,
) -> Entry:  # fmt: skip
    """The back end's `answer` to a request reaches the client as `client`."""
    final = Answer(client) if isinstance(client, int) else client
    outcome = Outcome((final,), (reached or Reached(octets.split(b" ")[0]),), kept)
    return Entry(name, rule, source, why, octets, outcome, answer=answer, **more)  # type: ignore[arg-type]


def bad_answer(name: str, answer: bytes, rule: str, source: str, why: str, **more: object) -> Entry:
    """The back end's `answer` becomes 502, and its connection is not used again."""
    return answered(name, answer, Answer(502, lacks=(b"x-bad",)), rule, source, why, reuses=False, **more)  # type: ignore[arg-type]


def cut_answer(name: str, answer: bytes, body: bytes, rule: str, source: str, why: str, **more: object) -> Entry:
    """The back end's `answer` was begun and not ended: the client gets `body` at most, and can tell."""
    client = Answer(200, body, complete=False)
    return answered(name, answer, client, rule, source, why, kept=False, **more)  # type: ignore[arg-type]
