"""Ordinary mail programs read mail in the lab: at a mailbox server itself, and through exfront."""

from __future__ import annotations

import imaplib
import os
import poplib
import shlex
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from exfront.lab.people import PEOPLE, Person
from tests.support.lab import shared_lab
from tests.support.process import program, remove, temporary_folder

ANNA, BEN, CLARA, DAVID = PEOPLE
SUBJECTS = ("Welcome, {}", "The price list, attached", "Betriebsausflug nach Köln")
DIRECT = {"chicago": (11143, 11110), "dallas": (12143, 12110)}  # IMAP4 and POP3 of each server
SECONDS = 30.0


def subjects(person: Person) -> list[str]:
    return [f"[{person.server.upper()}] {each.format(person.name)}" for each in SUBJECTS]


def subject(octets: bytes) -> str:
    message = message_from_bytes(octets, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return str(message["Subject"])


def run(home: Path, *argv: str) -> tuple[int, str]:
    """Status and output of a program in a session of its own, so that its helpers end with it."""
    environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8", "HOME": str(home)}
    environment["FETCHMAILHOME"] = str(home)
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=home,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
    return process.returncode, output.decode("utf-8", "replace")


class ClientTests(SynchronousTestCase):
    """Each program logs in, lists and fetches; each test leaves the mailboxes with three mails."""

    def setUp(self) -> None:
        self.lab = shared_lab()
        self.folder = temporary_folder("client")
        self.addCleanup(remove, self.folder)

    def written(self, name: str, text: str) -> str:
        """A file that only its owner reads, as fetchmail wants it."""
        file = self.folder / name
        file.write_text(text)
        file.chmod(0o600)
        return str(file)

    def ran(self, *argv: str) -> str:
        """The output of a program that must succeed."""
        status, output = run(self.folder, *argv)
        self.assertEqual(status, 0, f"{argv}\n{output}\n{self.lab.daemon.log_text()[-3000:]}")
        return output

    def places(self, person: Person, protocol: int) -> Iterator[int]:
        """Ports where a person reads mail without TLS: at the home server, and at exfront."""
        yield self.lab.ports[DIRECT[person.server][protocol]]
        yield self.lab.ports[(1143, 1110)[protocol]]

    @contextmanager
    def imap(self, port: int, person: Person) -> Iterator[imaplib.IMAP4]:
        with _imap(port) as client:
            client.login(person.account, person.password)
            yield client

    def test_curl_lists_and_fetches_by_imap4(self) -> None:
        for port in self.places(ANNA, 0):
            at, user = f"imap://127.0.0.1:{port}", f"{ANNA.account}:{ANNA.password}"
            self.assertIn('"Sent Items"', self.ran(program("curl", "curl"), "-s", at, "-u", user))
            mails = [self.ran("curl", "-s", f"{at}/INBOX;MAILINDEX={number}", "-u", user) for number in (1, 2, 3)]
            self.assertEqual([subject(mail.encode()) for mail in mails], subjects(ANNA))

    def test_curl_lists_and_fetches_by_pop3(self) -> None:
        for port in self.places(CLARA, 1):
            at, user = f"pop3://127.0.0.1:{port}/", f"{CLARA.account}:{CLARA.password}"
            self.assertEqual(len(self.ran(program("curl", "curl"), "-s", at, "-u", user).splitlines()), 3)
            mails = [self.ran("curl", "-s", f"{at}{number}", "-u", user) for number in (1, 2, 3)]
            self.assertEqual([subject(mail.encode()) for mail in mails], subjects(CLARA))

    def test_curl_speaks_tls_with_exfront(self) -> None:
        for url in (
            f"imap://localhost:{self.lab.ports[1143]}/INBOX;MAILINDEX=1",
            f"imaps://localhost:{self.lab.ports[1993]}/INBOX;MAILINDEX=1",
            f"pop3://localhost:{self.lab.ports[1110]}/1",
            f"pop3s://localhost:{self.lab.ports[1995]}/1",
        ):
            user = f"{DAVID.alias}@fourthcoffee.com:{DAVID.password}"
            mail = self.ran(
                program("curl", "curl"), "-4", "-s", "--ssl-reqd", "--cacert", str(self.lab.authority), "-u", user, url
            )
            self.assertEqual(subject(mail.encode()), subjects(DAVID)[0], url)

    def test_curl_gets_a_page_of_the_home_server(self) -> None:
        for person in PEOPLE:
            user = f"FOURTHCOFFEE\\{person.account}:{person.password}"
            page = self.ran(
                program("curl", "curl"), "-s", "-u", user, f"http://127.0.0.1:{self.lab.ports[8080]}/exchange/"
            )
            self.assertIn(f"<h1>{person.server.upper()}</h1>", page)
            self.assertIn(f"It saw <b>{person.name}</b>", page)

    def test_the_home_server_learns_that_the_client_used_tls(self) -> None:
        for url, count in (
            (f"https://127.0.0.1:{self.lab.ports[8443]}/owa/", 1),
            (f"http://127.0.0.1:{self.lab.ports[8080]}/owa/", 0),
        ):
            user = f"{BEN.account}:{BEN.password}"
            page = self.ran(
                program("curl", "curl"), "-s", "--cacert", str(self.lab.authority), "-u", user,
                "-H", "Front-End-Https: forged", url,
            )  # fmt: skip
            self.assertEqual(page.count("Front-End-Https: On"), count, url)
            self.assertNotIn("forged", page)

    def test_a_mailbox_named_in_the_url_opens_at_its_own_home_server(self) -> None:
        user = f"{ANNA.account}:{ANNA.password}"
        url = f"http://127.0.0.1:{self.lab.ports[8080]}/exchange/clara.conrad/"
        page = self.ran(program("curl", "curl"), "-s", "-u", user, url)
        for text in ("<h1>DALLAS</h1>", "It saw <b>Anna Arnold</b>", "Mailbox: clara.conrad"):
            self.assertIn(text, page)

    def test_public_folders_are_for_everybody(self) -> None:
        page = self.ran(program("curl", "curl"), "-s", f"http://127.0.0.1:{self.lab.ports[8080]}/public/")
        self.assertIn("<h1>CHICAGO</h1>", page)
        self.assertIn("nobody (anonymous)", page)

    def test_a_wrong_password_is_told_as_such(self) -> None:
        for port in self.places(ANNA, 0):
            with _imap(port) as client:
                error = self.assertRaises(imaplib.IMAP4.error, client.login, "anna", "wrong")
                self.assertIn("[AUTHENTICATIONFAILED]", str(error))

    def test_imaplib_reads_flags_searches_and_appends(self) -> None:
        for port in self.places(BEN, 0):
            with self.imap(port, BEN) as client:
                self.assertEqual(client.select(), ("OK", [b"3"]))
                self.assertEqual(client.search(None, "SUBJECT", '"price list"'), ("OK", [b"2"]))
                self.assertEqual(client.store("2", "+FLAGS", "(\\Flagged)")[0], "OK")
                self.assertEqual(client.search(None, "FLAGGED"), ("OK", [b"2"]))
                client.store("2", "-FLAGS", "(\\Flagged)")
                _, found = client.fetch("3", "(UID RFC822)")
                assert isinstance(found[0], tuple)
                self.assertEqual(subject(found[0][1]), subjects(BEN)[2])
                self.assertIn("Schöne Grüße".encode(), found[0][1])
                self.assertEqual(client.append("Drafts", "\\Draft", "", b"Subject: mine\r\n\r\nmine\r\n")[0], "OK")
                self.assertEqual(client.select("Drafts"), ("OK", [b"1"]))
                client.store("1", "+FLAGS", "(\\Deleted)")
                self.assertEqual(client.expunge(), ("OK", [b"1"]))

    def test_poplib_reads_and_changes_nothing(self) -> None:
        for port in self.places(DAVID, 1):
            client = poplib.POP3("127.0.0.1", port, timeout=SECONDS)
            client.user(DAVID.account)
            client.pass_(DAVID.password)
            self.assertEqual(client.stat()[0], 3)
            _, lines, _ = client.retr(1)
            self.assertEqual(subject(b"\r\n".join(lines)), subjects(DAVID)[0])
            self.assertIn(b".. This line begins with two dots, the next one is a dot alone:", lines)
            self.assertEqual(len(set(client.uidl()[1])), 3)
            client.quit()

    def test_poplib_speaks_tls_with_exfront(self) -> None:
        context = ssl.create_default_context(cafile=str(self.lab.authority))
        client = poplib.POP3_SSL("127.0.0.1", self.lab.ports[1995], context=context, timeout=SECONDS)
        client.user(CLARA.account)
        client.pass_(CLARA.password)
        self.assertEqual(client.stat()[0], 3)
        client.quit()

    def test_mbsync_fetches_and_brings_flags_back(self) -> None:
        for number, port in enumerate(self.places(DAVID, 0)):
            inbox = self.mbsync(f"sync{number}", "127.0.0.1", port, "None")
            mails = _mails(inbox)
            self.assertEqual([subject(mail.read_bytes()) for mail in mails], subjects(DAVID))
            mails[1].rename(inbox / "cur" / (mails[1].name.partition(":")[0] + ":2,F"))
            self.mbsync(f"sync{number}", "127.0.0.1", port, "None")
            with self.imap(port, DAVID) as client:
                client.select()
                self.assertEqual(client.search(None, "FLAGGED"), ("OK", [b"2"]))
                client.store("2", "-FLAGS", "(\\Flagged)")

    def test_mbsync_speaks_tls_with_exfront(self) -> None:
        for number, (port, tls) in enumerate(((1143, "STARTTLS"), (1993, "IMAPS"))):
            inbox = self.mbsync(f"tls{number}", "localhost", self.lab.ports[port], tls)
            self.assertEqual(len(_mails(inbox)), 3)

    def mbsync(self, name: str, host: str, port: int, tls: str) -> Path:
        """Synchronise David's folders; returns his INBOX."""
        maildir = self.folder / name
        maildir.mkdir(exist_ok=True)
        sections = (
            f"IMAPAccount lab\nHost {host}\nPort {port}\nUser {DAVID.account}\nPass {DAVID.password}\nSSLType {tls}\n"
            f"AuthMechs PLAIN LOGIN\nCertificateFile {self.lab.authority}\n",
            "IMAPStore far\nAccount lab\n",
            f"MaildirStore near\nPath {maildir}/\nInbox {maildir}/INBOX\nSubFolders Verbatim\n",
            "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nSync All\nExpunge Both\nSyncState *\n",
        )
        self.ran(program("mbsync", "isync"), "-c", self.written(f"{name}.rc", "\n".join(sections)), "all")
        self.assertEqual((maildir / "Sent Items").is_dir(), True)
        return maildir / "INBOX"

    def test_fetchmail_fetches_by_both_protocols(self) -> None:
        for protocol, index, person in (("IMAP", 0, ANNA), ("POP3", 1, CLARA)):
            for number, port in enumerate(self.places(person, index)):
                mails = self.folder / f"{protocol}{number}"
                rc = self.written(
                    f"{protocol}{number}.rc",
                    f"poll 127.0.0.1 protocol {protocol} port {port} auth password user {person.account!r} password"
                    f' {person.password!r} keep fetchall sslproto "" mda "cat >> {mails}"\n',
                )
                pid = str(self.folder / "pid")
                self.ran(program("fetchmail", "fetchmail"), "-s", "-f", rc, "--pidfile", pid)
                text = mails.read_text("utf-8")
                self.assertEqual(text.count(f"[{person.server.upper()}] "), 2)
                self.assertIn("Schöne Grüße", text)

    def test_mutt_lists_and_fetches(self) -> None:
        (self.folder / "Mail").mkdir()  # or mutt asks for it, and takes the keys for the answer
        for number, port in enumerate(self.places(ANNA, 0)):
            copy = self.folder / f"mail{number}"
            keys = f"<last-entry><pipe-message>cat >{copy}<enter><exit>"
            settings = (
                f"set imap_user={ANNA.account} imap_pass={ANNA.password} ssl_starttls=no ssl_force_tls=no"
                f" wait_key=no; push {shlex.quote(keys)}"
            )
            mutt = (program("mutt", "mutt"), "-n", "-F", "/dev/null", "-e", settings)
            command = shlex.join([*mutt, "-f", f"imap://127.0.0.1:{port}/INBOX"])
            screen = self.ran(program("script", "bsdutils"), "-qec", command, "/dev/null")
            self.assertIn("[CHICAGO] Welcome, Anna Arnold", screen)
            self.assertIn("Schöne Grüße", copy.read_text("utf-8"))


@contextmanager
def _imap(port: int) -> Iterator[imaplib.IMAP4]:
    client = imaplib.IMAP4("127.0.0.1", port, timeout=SECONDS)
    try:
        yield client
    finally:
        client.logout()


def _mails(maildir: Path) -> list[Path]:
    """In the order of the folder they come from."""
    return sorted([*(maildir / "new").iterdir(), *(maildir / "cur").iterdir()], key=_uid)


def _uid(file: Path) -> int:
    """mbsync writes the UID into the name."""
    return int(file.name.partition(",U=")[2].partition(":")[0])
