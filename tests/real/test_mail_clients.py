"""Mail programs over TLS through a real exfront, with Dovecot behind it: what arrives is what lay there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from email import message_from_bytes
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import copied_by_mutt, run, write_private
from tests.support.mail_site import PUBLIC_NAME, shared
from tests.support.population import Person

_ADDED = (b"X-TUID:", b"Return-Path:", b"Status:", b"Content-Length:", b"Lines:", b"From ", b"X-getmail", b"\t")
MANY = 500  # on each side


class _Case(SynchronousTestCase):
    """`user` lives on dallas."""

    timeout = 180
    number = 60

    def setUp(self) -> None:
        self.site = shared()
        self.front = self.site.front
        self.user = self.site.living_on("dallas")[self.number]
        self.password = self.user.password.decode()
        self.authorities = str(self.site.authority.ca_file)
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def mailbox(self, user: Person | None = None) -> Path:
        """The maildir at the server."""
        return self.site.dallas.dovecot.mailbox((user or self.user).alias)

    def there(self) -> dict[str, str]:
        """What lies at the server."""
        return digests(each.read_bytes() for each in files(self.mailbox()))


def files(maildir: Path) -> list[Path]:
    """The mails of a maildir."""
    return [each for part in ("new", "cur") if (maildir / part).is_dir() for each in (maildir / part).iterdir()]


def folders(maildir: Path) -> None:
    """An empty one."""
    for part in ("new", "cur", "tmp"):
        (maildir / part).mkdir(parents=True)


def digests(mails: Iterable[bytes]) -> dict[str, str]:
    """SHA-256 by Message-ID, of lines that end in LF, less what programs write above the header that they got."""
    found: dict[str, str] = {}
    for mail in mails:
        text = mail.replace(b"\r\n", b"\n").rstrip(b"\n")
        head, _, body = text.partition(b"\n\n")
        kept = [line for line in head.split(b"\n") if not line.startswith(_ADDED)]
        message_id = str(message_from_bytes(text)["Message-ID"])
        assert message_id not in found, f"{message_id} twice"
        found[message_id] = hashlib.sha256(b"\n".join(kept) + b"\n\n" + body).hexdigest()
    return found


class GetmailTests(_Case):
    number = 61

    def fetched(self, kind: str, listener: str) -> dict[str, str]:
        local = self.folder / "mail"
        folders(local)
        rc = write_private(self.folder / "getmailrc", [
            "[retriever]", f"type = {kind}", f"server = {self.front.address}", f"port = {self.front.ports[listener]}",
            f"username = {self.user.name}", f"password = {self.password}", f"ca_certs = {self.authorities}",
            f"ssl_cert_hostname = {PUBLIC_NAME}",
            "[destination]", "type = MDA_external", "path = /bin/sh", "allow_root_commands = true",
            f"arguments = ('-c', 'cat > {local}/new/$$')",
            "[options]", "read_all = true", "delete = false", "delivered_to = false", "received = false",
        ])  # fmt: skip
        result = run("getmail", f"--rcfile={rc}", f"--getmaildir={self.folder}")
        self.assertEqual(result.status, 0, result)
        return digests(each.read_bytes() for each in files(local))

    def test_imap(self) -> None:
        """S-TLS-1: every mail, whole."""
        self.assertEqual(self.fetched("SimpleIMAPSSLRetriever", "imaps"), self.there())

    def test_pop3(self) -> None:
        """S-TLS-1: every mail, whole."""
        self.assertEqual(self.fetched("SimplePOP3SSLRetriever", "pop3s"), self.there())


class MuttTests(_Case):
    number = 62

    def copied(self, url: str) -> dict[str, str]:
        """All mails of a folder, copied to a local one."""
        protocol = url.partition(":")[0].rstrip("s")
        login = {f"{protocol}_user": self.user.name, f"{protocol}_pass": self.password}
        result, mails = copied_by_mutt(url, self.folder, self.site.authority.ca_file, **login)
        self.assertEqual(result.status, 0, result)
        return digests(mails)

    def test_imaps(self) -> None:
        """S-TLS-1: every mail, whole."""
        url = f"imaps://{self.front.address}:{self.front.ports['imaps']}/INBOX"
        self.assertEqual(self.copied(url), self.there())

    def test_imap_with_starttls(self) -> None:
        """S-MAIL-1, S-MAIL-3: before it nobody may log on."""
        url = f"imap://{self.front.address}:{self.front.ports['imap']}/INBOX"
        self.assertEqual(self.copied(url), self.there())

    def test_pops(self) -> None:
        """S-TLS-1: every mail, whole."""
        url = f"pops://{self.front.address}:{self.front.ports['pop3s']}/"
        self.assertEqual(self.copied(url), self.there())


class FetchmailTests(_Case):
    number = 66

    def fetched(self, protocol: str, listener: str) -> dict[str, str]:
        """Each mail goes into a file of its own."""
        local = self.folder / "mail"
        folders(local)
        rc = write_private(self.folder / "fetchmailrc", [
            f"poll {self.front.address} protocol {protocol} port {self.front.ports[listener]} auth password",
            f'user "{self.user.name}" password "{self.password}" keep fetchall ssl sslcertck no rewrite',
            f"sslcertfile {self.authorities} sslcommonname {PUBLIC_NAME}",
            f'mda "cat > {local}/new/$$"',
        ])  # fmt: skip
        home = {"FETCHMAILHOME": str(self.folder), "HOME": str(self.folder)}
        result = run("fetchmail", "--invisible", "-f", str(rc), "--pidfile", str(self.folder / "pid"), environment=home)
        self.assertEqual(result.status, 0, result)
        return digests(each.read_bytes() for each in files(local))

    def test_imap(self) -> None:
        """S-TLS-1: every mail, whole."""
        self.assertEqual(self.fetched("IMAP", "imaps"), self.there())

    def test_pop3(self) -> None:
        """S-TLS-1: every mail, whole."""
        self.assertEqual(self.fetched("POP3", "pop3s"), self.there())


class OpensslTests(_Case):
    number = 63

    def talk(self, listener: str, *lines: str, starttls: str = "") -> str:
        """What the server says to these lines, by a person at openssl s_client."""
        result = run(
            "openssl", "s_client", "-quiet", "-crlf", "-ign_eof", "-verify_return_error", "-CAfile", self.authorities,
            "-verify_hostname", PUBLIC_NAME, "-connect", f"{self.front.address}:{self.front.ports[listener]}",
            *(("-starttls", starttls) if starttls else ()), typed="".join(line + "\n" for line in lines).encode(),
        )  # fmt: skip
        self.assertEqual(result.status, 0, result)
        return result.output

    def test_imap4(self) -> None:
        """S-TLS-1, S-MAIL-10: all typed at once; the capabilities in the greeting, and in the OK."""
        typed = (f"a LOGIN {self.user.name} {self.password}", "b SELECT INBOX", "c LOGOUT")
        for listener, starttls in (("imaps", ""), ("imap", "imap")):
            said = self.talk(listener, *typed, starttls=starttls)
            self.assertIn("a OK [CAPABILITY IMAP4rev1", said)
            self.assertIn("* 3 EXISTS", said)
            self.assertIn("c OK", said)

    def test_pop3(self) -> None:
        """S-TLS-1, S-MAIL-10: all typed at once."""
        typed = (f"USER {self.user.name}", f"PASS {self.password}", "STAT", "QUIT")
        for listener, starttls in (("pop3s", ""), ("pop3", "pop3")):
            self.assertIn("+OK 3 ", self.talk(listener, *typed, starttls=starttls))


class CurlTests(_Case):
    number = 64

    def test_append(self) -> None:
        """S-TLS-1: a mail of 3 MB goes up, and lies there as it was."""
        mail = b"Message-ID: <up@example.com>\r\n\r\n" + b"0123456789abcde\r\n" * 200_000
        local = self.folder / "mail"
        local.write_bytes(mail)
        host = f"{PUBLIC_NAME}:{self.front.ports['imaps']}"
        result = run(
            "curl", "-sS", "--cacert", self.authorities, "--resolve", f"{host}:{self.front.address}",
            "-u", f"{self.user.name}:{self.password}", "-T", str(local), f"imaps://{host}/INBOX",
        )  # fmt: skip
        self.assertEqual(result.status, 0, result)
        self.assertEqual(self.there()["<up@example.com>"], digests([mail])["<up@example.com>"])


class MbsyncTests(_Case):
    number = 65

    def write(self, maildir: Path, side: str) -> None:
        """MANY mails, each a little longer than the one before."""
        owner = (self.mailbox() / "new").stat()
        for number in range(MANY):
            file = maildir / "new" / f"{number}.of.{side}"
            file.write_text(f"Subject: {number}\nMessage-ID: <{number}@{side}>\n\n" + f"line {number}\n" * number)
            os.chown(file, owner.st_uid, owner.st_gid)

    def test_a_thousand_mails_both_ways(self) -> None:
        """S-TLS-1, S-MAIL-10: five hundred on each side become the same thousand on both."""
        local = self.folder / "mail"
        self.write(self.mailbox(), "server")
        folders(local / "INBOX")
        self.write(local / "INBOX", "client")
        rc = write_private(self.folder / "mbsyncrc", [
            "IMAPAccount a", f"Host {self.front.address}", f"Port {self.front.ports['imaps']}",
            f"User {self.user.name}", f'Pass "{self.password}"', "SSLType IMAPS", "AuthMechs PLAIN",
            f"CertificateFile {self.site.certificate}", "",
            "IMAPStore far", "Account a", "",
            "MaildirStore near", f"Path {local}/", f"Inbox {local}/INBOX", "",
            "Channel c", "Far :far:", "Near :near:", "Patterns INBOX", "Sync All", f"SyncState {self.folder}/state-",
        ])  # fmt: skip
        result = run("mbsync", "-c", str(rc), "c", seconds=150.0)
        self.assertEqual(result.status, 0, result)
        here = digests(each.read_bytes() for each in files(local / "INBOX"))
        self.assertEqual(here, self.there())
        self.assertEqual(len([name for name in here if name.endswith(("@server>", "@client>"))]), 2 * MANY)
