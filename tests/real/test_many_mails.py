"""Whole mailboxes through exfront and over TLS, by programs that people use; contents compared, octet for octet."""

from __future__ import annotations

import contextlib
import mailbox
import os
import pty
import random
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import run, write_private
from tests.support.dovecot import Dovecot, Master
from tests.support.exfront import ExFront
from tests.support.mail_site import LISTENERS, PUBLIC_NAME, mail_user, shared
from tests.support.process import program, temporary_folder

_FRONT = {name: LISTENERS[name] for name in ("imaps", "pop3s")}
_MANY = 1000
_MASTER = Master("exfront", b"of-the-test")
_TIME = 240.0  # seconds for one program and all its mails
_TERMINAL_TIME = 60.0  # the same for one that shows them

# Lines that a protocol might take for its own.
_LINES = (
    b".", b"..", b". ", b"..x", b")", b" )", b"+OK", b"-ERR [AUTH] no", b"* BYE go away", b"L OK done", b"a OK FETCH",
    b"{5}", b"{1000+}", b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2", b"caf\xc3\xa9 \xe9\xff\x80", b"\t", b"x" * 990, b"",
    b'"quoted \\" and ( open', b"=20=", b"~{8}", b"+ go on",
)  # fmt: skip


def mail(number: int, kind: str) -> bytes:
    """One of a size and content of its own; every hundredth has 300 kB."""
    chosen = random.Random(f"{kind}{number}")
    lines = chosen.choices(_LINES, k=chosen.randrange(1, 30))
    if number % 100 == 50:
        lines += [chosen.randbytes(50).hex().encode() for _ in range(3000)]
    head = (
        f"From: {kind}@fourthcoffee.com\nTo: all@fourthcoffee.com\nSubject: {kind} {number}\n"
        f"Date: Mon, 05 Oct 2026 08:00:00 +0000\nMessage-ID: <{number}.{kind}@fourthcoffee.com>\n"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=x-unknown\nContent-Transfer-Encoding: 8bit\n\n"
    )
    return head.encode() + b"\n".join([*lines, b"the end of %d" % number]) + b"\n"


def bodies(mails: Iterable[bytes]) -> Counter[str]:
    """The digest of each body, whatever a program wrote into the head and for ends of lines."""
    return Counter(
        sha256(each.replace(b"\r\n", b"\n").partition(b"\n\n")[2].rstrip(b"\n")).hexdigest() for each in mails
    )


class _Case(SynchronousTestCase):
    """The user's mailbox is on a Dovecot of the test's own."""

    def setUp(self) -> None:
        self.site = shared()
        self.user = self.site.living_on("chicago")[7]
        self.folder = Path(temporary_folder("many"))
        people = [mail_user(self.user)]
        certificate = self.site.chicago.certificate
        folder = Path(temporary_folder("dove"))
        self.dovecot = Dovecot("chicago", "127.0.0.22", folder, certificate, people, trusting=True, master=_MASTER)
        self.addCleanup(self.dovecot.daemon.kill)
        self.dovecot.daemon.start()

    def run_front(self, **changes: Any) -> ExFront:
        """Before this Dovecot, as `changes` say that it is logged on to."""
        ports = {"imap4": self.dovecot.imap, "pop3": self.dovecot.pop3}
        section = self.site.chicago.section(**{"address": "127.0.0.22", **ports, **changes})
        self.front = self.site.exfront(_FRONT, server=[section])
        self.addCleanup(self.front.daemon.kill)
        self.front.start()
        return self.front

    def fill(self, count: int = _MANY) -> Counter[str]:
        """So many mails on the server; their digests."""
        mails = [mail(number, "far") for number in range(count)]
        self.dovecot.deliver(self.user.alias, mails)
        return bodies(mails)

    def store_command(self, pause: float = 0.0) -> tuple[str, Path]:
        """A program that stores the mail it is given and ends after a `pause` in seconds, and where."""
        received = self.folder / "received"
        received.mkdir()
        script = self.folder / "store"
        script.write_text(f'#!/bin/sh\ncat > "$(mktemp {received}/XXXXXXXXXX)" && exec sleep {pause}\n')
        script.chmod(0o700)
        return str(script), received

    def assert_all(self, expected: Counter[str], found: Iterable[bytes]) -> None:
        """Every mail once, and nothing else."""
        here = bodies(found)
        self.assertEqual((sum(here.values()), len(expected - here), len(here - expected)), (expected.total(), 0, 0))


class MbsyncTests(_Case):
    def test_both_ways(self) -> None:
        """S-MAIL-2, S-MAIL-10: 1,000 mails down and 1,000 up, the way to the server by STARTTLS and with ID; then
        nothing is left to be done."""
        self.run_front(imap4_tls="starttls", forward_client="commands")
        far = self.fill()
        near = self.folder / "mail" / "INBOX"
        for part in ("cur", "new", "tmp"):
            (near / part).mkdir(parents=True)
        ours = [mail(number, "near") for number in range(_MANY)]
        for number, each in enumerate(ours):
            (near / "new" / f"{number}.near").write_bytes(each)
        configuration = write_private(
            self.folder / "mbsyncrc",
            [
                "IMAPAccount a", f"Host {self.front.address}", f"Port {self.front.ports['imaps']}",
                f"User {self.user.name}", f'Pass "{self.user.password.decode()}"', "SSLType IMAPS",
                f"CertificateFile {self.site.certificate}", "AuthMechs PLAIN", "",
                "IMAPStore far", "Account a", "",
                "MaildirStore near", f"Path {near.parent}/", f"Inbox {near}", "",
                "Channel c", "Far :far:", "Near :near:", "Patterns INBOX", "Sync All",
                f"SyncState {self.folder}/state-",
            ],
        )  # fmt: skip
        all_of_them = far + bodies(ours)
        for _ in range(2):
            result = run("mbsync", "-c", str(configuration), "c", seconds=_TIME)
            self.assertEqual(result.status, 0, result)
            self.assert_all(all_of_them, (file.read_bytes() for file in near.glob("[cn]*/*")))
            self.assert_all(all_of_them, self.dovecot.stored(self.user.alias))


class FetchmailTests(_Case):
    def test_pop3(self) -> None:
        """S-MAIL-16, S-ROUTE-8: 1,000 mails, the way to the server by a PROXY header and then TLS."""
        self.run_front(pop3=self.dovecot.proxied["pop3s"], pop3_tls="implicit", forward_client="proxy_v2", imap4=0)
        expected = self.fill()
        store, received = self.store_command()
        configuration = write_private(
            self.folder / "fetchmailrc",
            [
                f"poll {self.front.address} protocol POP3 port {self.front.ports['pop3s']} auth password",
                f'user "{self.user.name}" password "{self.user.password.decode()}" fetchall no rewrite',
                f"ssl sslproto TLS1.2+ sslcertck sslcertfile {self.site.authority.ca_file}",
                f'sslcommonname {PUBLIC_NAME} mda "{store}"',
            ],
        )
        home = {"FETCHMAILHOME": str(self.folder), "HOME": str(self.folder)}
        pid_file = str(self.folder / "pid")
        result = run("fetchmail", "-f", str(configuration), "--pidfile", pid_file, environment=home, seconds=_TIME)
        self.assertEqual(result.status, 0, (result.output[-1000:], result.errors[-1000:]))
        self.assert_all(expected, (file.read_bytes() for file in received.iterdir()))
        self.assertEqual(self.dovecot.stored(self.user.alias), [])  # what was fetched is gone there


class GetmailTests(_Case):
    def test_pop3(self) -> None:
        """S-MAIL-16: 200 mails, the server told of the client by XCLIENT.

        getmail hangs on a program that ends before it begins to wait for it, hence the pause.
        """
        self.run_front(forward_client="commands")
        expected = self.fill(200)
        store, received = self.store_command(0.05)
        configuration = write_private(
            self.folder / "getmailrc",
            [
                "[retriever]", "type = SimplePOP3SSLRetriever", f"server = {self.front.address}",
                f"port = {self.front.ports['pop3s']}", f"username = {self.user.name}",
                f"password = {self.user.password.decode()}", f"ca_certs = {self.site.authority.ca_file}", "",
                "[destination]", "type = MDA_external", f"path = {store}", "allow_root_commands = true", "",
                "[options]", "delivered_to = false", "received = false", "delete = true", "verbose = 0",
            ],
        )  # fmt: skip
        result = run("getmail", "--getmaildir", str(self.folder), "--rcfile", str(configuration), seconds=_TIME)
        self.assertEqual(result.status, 0, (result.output[-1000:], result.errors[-1000:]))
        self.assert_all(expected, (file.read_bytes() for file in received.iterdir()))
        self.assertEqual(self.dovecot.stored(self.user.alias), [])


class MuttTests(_Case):
    def test_imap4(self) -> None:
        """S-MAIL-7: 200 mails, the server logged on to by a master user."""
        password = write_private(self.folder / "master.password", [_MASTER.password.decode()])
        self.run_front(master_user=_MASTER.name, master_password_file=str(password), imap4_tls="starttls")
        expected = self.fill(200)
        copy = self.folder / "copy"
        configuration = write_private(
            self.folder / "muttrc",
            [
                f'set imap_user="{self.user.name}" imap_pass="{self.user.password.decode()}"',
                f'set certificate_file="{self.site.authority.ca_file}" ssl_force_tls=yes ssl_verify_host=yes',
                'set imap_authenticators="plain" copy=no confirmappend=no confirmcreate=no mbox_type=mbox',
                "set delete=no quit=yes wait_key=no beep=no",
            ],
        )
        url = f"imaps://{self.front.address}:{self.front.ports['imaps']}/INBOX"
        argv = [program("mutt", "mutt"), "-n", "-F", str(configuration), "-f", url]
        (self.folder / "Mail").mkdir()  # else it asks first
        typed = (
            ("Msgs:200", "T"), ("matching:", "~A\r"), ("Tag:200", ";C"), ("mailbox", f"\x15{copy}\r"),
            ("200/200 (100%)", "x"),
        )  # fmt: skip
        seen = in_terminal(argv, self.folder, typed)
        self.assertTrue(copy.exists(), seen[-2000:])
        self.assert_all(expected, (each.as_bytes() for each in mailbox.mbox(copy)))


class CurlTests(_Case):
    def test_append(self) -> None:
        """S-MAIL-10: mails up to 20 MB, the server told of the client by a PROXY header."""
        self.run_front(imap4=self.dovecot.proxied["imap"], forward_client="proxy_v2", pop3=0)
        self.dovecot.deliver(self.user.alias, [])
        mails = [mail(number, "up") for number in (1, 2, 50)]
        mails.append(mail(3, "up") + random.Random(3).randbytes(10_000_000).hex(" ", 32).encode().replace(b" ", b"\n"))
        for each in mails:
            file = self.folder / "mail"
            file.write_bytes(each.replace(b"\n", b"\r\n"))
            host = f"{PUBLIC_NAME}:{self.front.ports['imaps']}"
            result = run(
                "curl", "-sS", "-u", f"{self.user.name}:{self.user.password.decode()}", "-T", str(file),
                "--cacert", str(self.site.authority.ca_file), "--resolve", f"{host}:{self.front.address}",
                f"imaps://{host}/INBOX", seconds=_TIME,
            )  # fmt: skip
            self.assertEqual(result.status, 0, result)
        self.assert_all(bodies(mails), self.dovecot.stored(self.user.alias))


def in_terminal(argv: list[str], folder: Path, typed: Iterable[tuple[str, str]]) -> str:
    """Run a program that needs a terminal to its end; what it showed.

    Of each pair in `typed` the second is typed once the first was shown, after what was awaited before.
    """
    control, terminal = pty.openpty()
    environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "HOME": str(folder), "LC_ALL": "C"}
    process = subprocess.Popen(argv, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, cwd=folder)
    os.close(terminal)
    watch = threading.Timer(_TERMINAL_TIME, process.kill)
    watch.start()
    try:
        return _converse(control, list(typed))
    finally:
        watch.cancel()
        process.kill()
        process.wait()
        os.close(control)


def _converse(control: int, typed: list[tuple[str, str]]) -> str:
    shown, place = "", 0
    with contextlib.suppress(OSError):  # EIO: the last one has closed the terminal
        while piece := os.read(control, 65_536):
            shown += piece.decode("utf-8", "replace")
            while typed and (found := shown.find(typed[0][0], place)) >= 0:
                place = found + len(typed[0][0])
                os.write(control, typed.pop(0)[1].encode())
    return shown
