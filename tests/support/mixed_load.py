"""Clients of all kinds that work as fast as they can until a moment, each in a process of its own.

Whatever is not answered as it must be, to the last octet, raises.
"""

from __future__ import annotations

import http.client
import imaplib
import json
import os
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing

from attrs import frozen

from tests.support.clients import PATIENCE, basic
from tests.support.mail_site import MailSite
from tests.support.octets import Comparison, pieces
from tests.support.population import Person
from tests.support.process import Address

Work = Callable[["Target"], int]

SMALL, LARGE, MAIL = 1024, 3_000_000, 4_000_000  # octets


@frozen
class Target:
    """A front end's listeners for one way of coming, in the clear or by TLS, and who comes."""

    imap: Address
    http: Address
    user: Person
    ca_file: str  # empty: in the clear

    @property
    def tls(self) -> ssl.SSLContext | None:
        """By address."""
        if not self.ca_file:
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        context.check_hostname = False
        return context


def mail(octets: int = MAIL) -> bytes:
    """A mail in which no two lines are alike."""
    lines = (b"%012d%s\r\n" % (number, b"x" * 58) for number in range(octets // 72))
    return b"Subject: large\r\n\r\n" + b"".join(lines)


def give_mail(site: MailSite, user: Person) -> Callable[[], object]:
    """Put it into the user's INBOX on chicago; the result takes it away again."""
    maildir = site.chicago.dovecot.mailbox(user.alias)
    file = maildir / "new" / "1700000000.large"
    file.write_bytes(mail())
    os.chown(file, maildir.stat().st_uid, maildir.stat().st_gid)
    return lambda: [each.unlink() for each in maildir.glob("*/1700000000.large*")]


def logins(target: Target) -> int:
    """A session without any business."""
    with _logged_in(target) as client:
        _ok(client.noop())
    return 1


def fetches(target: Target) -> int:
    """The large mail, five times in a session."""
    wanted = mail()
    with _logged_in(target) as client:
        _ok(client.select())
        number = max(_sizes(client), key=lambda each: each[1])[0]
        for _ in range(5):
            _compare(client, number, wanted)
    return 5


def appends(target: Target) -> int:
    """A mail that goes up, comes down again, and is deleted."""
    wanted, folder = mail(300_000), f"soak{os.getpid()}"
    with _logged_in(target) as client:
        _ok(client.create(folder))
        _ok(client.append(folder, "", "", wanted))
        _ok(client.select(folder))
        _compare(client, "1", wanted)
        _ok(client.select())
        _ok(client.delete(folder))
    return 1


def gets(target: Target) -> int:
    """Small answers on a connection that is kept."""
    with closing(_connected(target)) as connection:
        for _ in range(200):
            _down(connection, target, SMALL)
    return 200


def downs(target: Target) -> int:
    """A large answer."""
    with closing(_connected(target)) as connection:
        _down(connection, target, LARGE)
    return 1


def ups(target: Target) -> int:
    """A large body, which the back end compares."""
    with closing(_connected(target)) as connection:
        headers = {**_basic(target.user), "Content-Length": str(LARGE)}
        connection.request("PUT", _path(target, "up"), body=(bytes(piece) for piece in pieces(LARGE)), headers=headers)
        answer = connection.getresponse()
        found = (answer.status, json.loads(answer.read()))
        assert found == (200, {"right": LARGE, "wrong": False}), found
    return 1


KINDS: Mapping[str, Work] = {
    "logins": logins, "fetches": fetches, "appends": appends, "gets": gets, "downs": downs, "ups": ups,
}  # fmt: skip


def run(kind: str, target: Target, until: float) -> int:
    """Work until this moment of `time.monotonic`; how much was done."""
    done = 0
    while time.monotonic() < until:
        done += KINDS[kind](target)
    return done


def _logged_in(target: Target) -> imaplib.IMAP4:
    context, user = target.tls, target.user
    client = (
        imaplib.IMAP4(*target.imap, timeout=PATIENCE)
        if context is None
        else imaplib.IMAP4_SSL(*target.imap, ssl_context=context, timeout=PATIENCE)
    )
    _ok(client.login(user.name, user.password.decode()))
    return client


def _ok(answer: tuple[str, object]) -> None:
    assert answer[0] == "OK", answer


def _sizes(client: imaplib.IMAP4) -> list[tuple[str, int]]:
    _, lines = client.fetch("1:*", "(RFC822.SIZE)")
    words = [line.split() for line in lines if isinstance(line, bytes)]
    return [(line[0].decode(), int(line[-1].rstrip(b")"))) for line in words]


def _compare(client: imaplib.IMAP4, number: str, wanted: bytes) -> None:
    _, answer = client.fetch(number, "(BODY.PEEK[])")
    assert isinstance(answer[0], tuple) and answer[0][1] == wanted, "octets were changed on their way"


def _connected(target: Target) -> http.client.HTTPConnection:
    context = target.tls
    if context is None:
        return http.client.HTTPConnection(*target.http, timeout=PATIENCE)
    return http.client.HTTPSConnection(*target.http, timeout=PATIENCE, context=context)


def _down(connection: http.client.HTTPConnection, target: Target, octets: int) -> None:
    connection.request("GET", _path(target, f"down/{octets}"), headers=_basic(target.user))
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    seen = Comparison()
    while data := answer.read(1 << 20):
        seen.add(data)
    assert not seen.wrong and seen.right == octets, seen


def _path(target: Target, rest: str) -> str:
    return f"/exchange/{target.user.alias}/{rest}"


def _basic(user: Person) -> dict[str, str]:
    return basic(user.name, user.password)
