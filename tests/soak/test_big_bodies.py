"""500 MB each way through IMAP4 and POP3: the process must not grow with what passes through it."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Conversation
from tests.support.mail_site import shared

MEGABYTE = 1024 * 1024
BIG = 500 * MEGABYTE
MOST_MEMORY = 100 * MEGABYTE
LINE = b"0123456789abcde" * 4 + b"\r\n"
PATIENCE = 300.0

_CHUNK = LINE * (MEGABYTE // len(LINE))


def pieces(octets: int) -> Iterator[bytes]:
    """Lines of text, in pieces of about a megabyte, `octets` in all."""
    while octets > 0:
        yield _CHUNK[:octets]
        octets -= len(_CHUNK)


class BigBodyTests(SynchronousTestCase):
    """Each test has a front end of its own, whose peak of memory is read at its end."""

    timeout = 900

    def setUp(self) -> None:
        self.site = shared()
        self.server = self.site.chicago
        self.user = self.site.living_on("chicago")[8]
        self.front = self.site.exfront()
        self.addCleanup(self.front.daemon.kill)
        self.front.start()
        self.addCleanup(self.assert_small)

    def assert_small(self) -> None:
        """Whatever passed through it."""
        peak = self.front.peak_memory()
        print(f"figure: {self.id().rpartition('.')[2]}: 500 MB, peak {peak / MEGABYTE:.0f} MB")
        self.assertLess(peak, MOST_MEMORY)

    def store_big_mail(self) -> int:
        """Puts one into the mailbox; returns its size."""
        mail = self.server.dovecot.mailbox(self.user.alias) / "new" / "1000000000.big.exfront"
        with mail.open("wb") as file:
            file.write(b"Subject: big\r\n\r\n")
            for piece in pieces(BIG):
                file.write(piece)
        mail.chmod(0o644)
        self.addCleanup(self.remove_mails)
        return mail.stat().st_size

    def remove_mails(self) -> None:
        """All big ones, wherever Dovecot moved them."""
        for file in self.server.dovecot.mailbox(self.user.alias).glob("*/*"):
            if file.is_file() and file.stat().st_size > MEGABYTE:
                file.unlink()

    def imap4(self) -> Conversation:
        """Logged in, INBOX selected."""
        talk = Conversation(self.front.at("imap-clear"), PATIENCE)
        self.addCleanup(talk.close)
        talk.ask(b"a LOGIN " + self.user.name.encode() + b" " + self.user.password)
        self.assertTrue(talk.ask(b"b SELECT INBOX").startswith(b"b OK"))
        return talk

    def test_imap4_fetch(self) -> None:
        """S-MAIL-20: a mail of 500 MB."""
        size = self.store_big_mail()
        talk = self.imap4()
        talk.send(b"c FETCH * BODY.PEEK[]\r\n")
        start = talk.until(b"* ")
        while b"{" not in start:
            start = talk.until(b"* ")
        announced = int(start.partition(b"{")[2].rstrip(b"}"))
        self.assertGreaterEqual(announced, size)
        self.assertEqual(talk.skip(announced), announced)
        self.assertTrue(talk.until(b"c ").startswith(b"c OK"))

    def test_pop3_retr(self) -> None:
        """S-MAIL-20: a mail of 500 MB."""
        size = self.store_big_mail()
        talk = Conversation(self.front.at("pop3-clear"), PATIENCE)
        self.addCleanup(talk.close)
        talk.until(b"+OK")
        for command in (b"USER " + self.user.name.encode(), b"PASS " + self.user.password, b"STAT"):
            talk.send(command + b"\r\n")
            answer = talk.until(b"+OK")
        number = answer.split()[1]
        talk.send(b"RETR " + number + b"\r\n")
        talk.until(b"+OK")
        self.assertEqual(talk.skip(size), size)
        talk.until(b".")

    def test_imap4_append(self) -> None:
        """S-MAIL-20: an upload of 500 MB lies whole in the mailbox."""
        self.addCleanup(self.remove_mails)
        talk = self.imap4()
        head = b"Subject: big\r\n\r\n"
        talk.send(b"c APPEND INBOX {%d}\r\n" % (BIG + len(head)))
        talk.until(b"+")
        for piece in (head, *pieces(BIG), b"\r\n"):
            talk.send(piece)
        self.assertTrue(talk.until(b"c ").startswith(b"c OK"))
        talk.send(b"d FETCH * RFC822.SIZE\r\n")
        self.assertIn(b"RFC822.SIZE %d)" % (BIG + len(head)), talk.until(b"* 4 FETCH"))
