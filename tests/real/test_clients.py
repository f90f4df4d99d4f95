"""Programs that people use, each against a real exfront in front of real servers."""

from __future__ import annotations

import imaplib
import poplib
import ssl
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import PATIENCE, Result, basic, first_mail, get, run, write_private
from tests.support.mail_site import PUBLIC_NAME, shared
from tests.support.population import DOMAIN


class ClientTests(SynchronousTestCase):
    """`user` lives on dallas; each client must see dallas's mail or page."""

    def setUp(self) -> None:
        self.site = shared()
        self.front = self.site.front
        self.user = self.site.living_on("dallas")[3]
        self.password = self.user.password.decode()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def curl(self, url: str, *options: str, user: str = "") -> Result:
        """curl on `scheme://listener/path`: the listener's name stands where a host would."""
        scheme, _, rest = url.partition("://")
        listener, _, path = rest.partition("/")
        host = f"{PUBLIC_NAME}:{self.front.ports[listener]}"
        return run(
            "curl", "-sS", "-u", f"{user or self.user.name}:{self.password}",
            "--cacert", str(self.site.authority.ca_file),
            "--resolve", f"{host}:{self.front.address}", *options, f"{scheme}://{host}/{path}",
        )  # fmt: skip

    def assert_reads(self, result: Result, text: str = "This mail lies on dallas.") -> None:
        """The program ended well and printed `text`."""
        self.assertEqual(result.status, 0, result)
        self.assertIn(text, result.output)

    @property
    def context(self) -> ssl.SSLContext:
        """Trusts the site's authority and checks the name."""
        return ssl.create_default_context(cafile=str(self.site.authority.ca_file))


class CurlTests(ClientTests):
    """curl, in every protocol."""

    def test_imap(self) -> None:
        """In the clear, where the listener allows it."""
        self.assert_reads(self.curl("imap://imap-clear/INBOX;MAILINDEX=1"))

    def test_imaps(self) -> None:
        """S-TLS-1: implicit TLS, the certificate verified by curl."""
        self.assert_reads(self.curl("imaps://imaps/INBOX;MAILINDEX=2"))

    def test_imap_starttls(self) -> None:
        """S-MAIL-3: the listener that refuses passwords in the clear takes them after STARTTLS."""
        self.assert_reads(self.curl("imap://imap/INBOX;MAILINDEX=3", "--ssl-reqd"))

    def test_imap_without_starttls_is_refused(self) -> None:
        """S-MAIL-3: curl finds no way to log in without TLS."""
        self.assertNotEqual(self.curl("imap://imap/INBOX;MAILINDEX=3").status, 0)

    def test_imap_lists_folders(self) -> None:
        """A command other than FETCH passes the relay."""
        self.assert_reads(self.curl("imap://imap-clear/"), "INBOX")

    def test_imap_append(self) -> None:
        """A mail of 300 kB is uploaded and lies in the mailbox on the home server."""
        mail = self.folder / "mail"
        mail.write_text("Subject: uploaded\n\n" + "0123456789abcde\n" * 20_000)
        user = self.site.living_on("dallas")[4]
        inbox = self.site.dallas.dovecot.mailbox(user.alias)
        before = set(inbox.glob("*/*S=*"))
        result = run(
            "curl", "-sS", "-u", f"{user.name}:{user.password.decode()}", "-T", str(mail),
            f"imap://{self.front.address}:{self.front.ports['imap-clear']}/INBOX",
        )  # fmt: skip
        self.assertEqual(result.status, 0, result)
        (stored,) = set(inbox.glob("*/*S=*")) - before
        self.assertIn("0123456789abcde\n" * 20_000, stored.read_text().replace("\r\n", "\n"))

    def test_pop3(self) -> None:
        """In the clear, where the listener allows it."""
        self.assert_reads(self.curl("pop3://pop3-clear/1"))

    def test_pop3s(self) -> None:
        """S-TLS-1: implicit TLS, the certificate verified by curl."""
        self.assert_reads(self.curl("pop3s://pop3s/2"))

    def test_pop3_stls(self) -> None:
        """S-MAIL-3: the listener that refuses passwords in the clear takes them after STLS."""
        self.assert_reads(self.curl("pop3://pop3/3", "--ssl-reqd"))

    def test_pop3_lists(self) -> None:
        """A multi-line answer passes the relay."""
        self.assert_reads(self.curl("pop3://pop3-clear/"), "3 ")

    def test_domain_and_user_name(self) -> None:
        r"""S-AUTH-4: DOMAIN\\user and the SMTP address open the same mailbox as the user name."""
        for login in (f"{DOMAIN}\\{self.user.name}", f"{DOMAIN}/{self.user.name}", self.user.address, self.user.upn):
            self.assert_reads(self.curl("imap://imap-clear/INBOX;MAILINDEX=1", user=login))
            self.assert_reads(self.curl("pop3://pop3-clear/1", user=login))

    def test_http(self) -> None:
        """Basic in the clear, where listener and virtual directory allow it."""
        self.assert_reads(self.curl(f"http://http/exchange/{self.user.alias}/"), f"{self.user.alias} on dallas")

    def test_https(self) -> None:
        """S-TLS-1, S-TLS-3: HTTPS with the certificate verified by curl, which offers h2 first and gets http/1.1."""
        result = self.curl(f"https://https/exchange/{self.user.alias}/", "-v")
        self.assert_reads(result, f"{self.user.alias} on dallas")
        self.assertIn("accepted http/1.1", result.errors)

    def test_http_needs_tls_where_the_directory_says_so(self) -> None:
        """S-AUTH-12: Basic in the clear to /owa is 403, without a challenge."""
        answer = get(self.front.at("http"), "/owa/", basic(self.user.name, self.user.password))
        self.assertEqual(answer.status, 403)
        self.assertNotIn("www-authenticate", answer.headers)
        self.assertIn(b"XF-TLS-REQUIRED", answer.body)

    def test_another_users_folder(self) -> None:
        """S-AUTH-15: /exchange/alias/ goes to that mailbox's server as the caller; the back end's 403 comes back."""
        other = self.site.living_on("chicago")[0]
        mark = len(self.site.chicago.apache.accesses())
        answer = get(self.front.at("http"), f"/exchange/{other.alias}/", basic(self.user.name, self.user.password))
        self.assertEqual(answer.status, 403)
        accesses = self.site.chicago.apache.accesses_since(mark, 1)
        self.assertEqual(accesses, [(self.user.alias, f"/exchange/{other.alias}/", 403)])


class PythonTests(ClientTests):
    """The standard library's clients."""

    def test_imaplib(self) -> None:
        """LOGIN with a quoted password, SELECT, FETCH, LOGOUT."""
        client = imaplib.IMAP4(*self.front.at("imap-clear"), timeout=PATIENCE)
        client.login(self.user.name, self.password)
        self.assertEqual(client.select()[0], "OK")
        self.assertIn("dallas", first_mail(client))
        self.assertEqual(client.logout()[0], "BYE")

    def test_imaplib_starttls(self) -> None:
        """S-MAIL-1: what was said before the handshake is forgotten, the capabilities are new."""
        client = imaplib.IMAP4(*self.front.at("imap"), timeout=PATIENCE)
        self.assertIn("LOGINDISABLED", client.capabilities)
        client.host = PUBLIC_NAME  # imaplib checks the certificate against the name that it connected to
        client.starttls(self.context)
        self.assertNotIn("LOGINDISABLED", client.capabilities)
        client.login(self.user.name, self.password)
        self.assertEqual(client.select()[0], "OK")
        client.logout()

    def test_imaplib_tls(self) -> None:
        """The certificate names the address too."""
        client = imaplib.IMAP4_SSL(*self.front.at("imaps"), ssl_context=self.context, timeout=PATIENCE)
        client.login(self.user.name, self.password)
        client.logout()

    def test_poplib(self) -> None:
        """USER, PASS, STAT, RETR, QUIT."""
        client = poplib.POP3(*self.front.at("pop3-clear"), timeout=PATIENCE)
        client.user(self.user.name)
        client.pass_(self.password)
        self.assertEqual(client.stat()[0], 3)
        self.assertIn(b"This mail lies on dallas.", client.retr(1)[1])
        client.quit()

    def test_poplib_stls(self) -> None:
        """S-MAIL-3: after STLS the capabilities show USER."""
        client = poplib.POP3(*self.front.at("pop3"), timeout=PATIENCE)
        self.assertNotIn("USER", client.capa())
        client.host = PUBLIC_NAME
        client.stls(self.context)
        self.assertIn("USER", client.capa())
        client.user(self.user.name)
        client.pass_(self.password)
        client.quit()

    def test_poplib_tls(self) -> None:
        """The certificate names the address too."""
        client = poplib.POP3_SSL(*self.front.at("pop3s"), context=self.context, timeout=PATIENCE)
        client.user(self.user.name)
        client.pass_(self.password)
        client.quit()


class MbsyncTests(ClientTests):
    """mbsync copies a whole mailbox."""

    def mbsync(self, listener: str, *tls: str) -> Path:
        """Fetches everything; returns the local maildir."""
        local = self.folder / "mail"
        local.mkdir()
        configuration = write_private(
            self.folder / "mbsyncrc",
            [
                "IMAPAccount a", f"Host {self.front.address}", f"Port {self.front.ports[listener]}",
                f"User {self.user.name}", f'Pass "{self.password}"', *tls, "AuthMechs PLAIN", "",
                "IMAPStore far", "Account a", "",
                "MaildirStore near", f"Path {local}/", f"Inbox {local}/INBOX", "",
                "Channel c", "Far :far:", "Near :near:", "Patterns INBOX", "Create Near",
                f"SyncState {self.folder}/state-",
            ],
        )  # fmt: skip
        result = run("mbsync", "-c", str(configuration), "c")
        self.assertEqual(result.status, 0, result)
        return local / "INBOX"

    def assert_complete(self, maildir: Path) -> None:
        """Three mails, all from dallas."""
        mails = [file.read_text() for file in maildir.glob("*/*") if "." in file.name]
        self.assertEqual(len(mails), 3)
        for mail in mails:
            self.assertIn("This mail lies on dallas.", mail)

    def test_clear(self) -> None:
        """mbsync pipelines its first commands."""
        self.assert_complete(self.mbsync("imap-clear", "SSLType None"))

    def test_starttls(self) -> None:
        """mbsync trusts exactly our certificate."""
        self.assert_complete(self.mbsync("imap", "SSLType STARTTLS", f"CertificateFile {self.site.certificate}"))

    def test_tls(self) -> None:
        """Implicit TLS."""
        self.assert_complete(self.mbsync("imaps", "SSLType IMAPS", f"CertificateFile {self.site.certificate}"))


class FetchmailTests(ClientTests):
    """fetchmail hands each mail to a program."""

    def fetchmail(self, protocol: str, listener: str, *options: str) -> str:
        """Fetches everything, leaves it on the server; returns all mails in one text."""
        received = self.folder / "received"
        configuration = write_private(
            self.folder / "fetchmailrc",
            [
                f"poll {self.front.address} protocol {protocol} port {self.front.ports[listener]} auth password",
                f'user "{self.user.name}" password "{self.password}" keep fetchall {" ".join(options)}',
                f'mda "cat >> {received}"',
            ],
        )
        home = {"FETCHMAILHOME": str(self.folder), "HOME": str(self.folder)}
        pid_file = str(self.folder / "pid")
        result = run("fetchmail", "-f", str(configuration), "--pidfile", pid_file, environment=home)
        self.assertEqual(result.status, 0, result)
        return received.read_text()

    def test_imap(self) -> None:
        """In the clear."""
        self.assertEqual(self.fetchmail("IMAP", "imap-clear", "sslproto ''").count("This mail lies on dallas."), 3)

    def test_pop3(self) -> None:
        """In the clear."""
        self.assertEqual(self.fetchmail("POP3", "pop3-clear", "sslproto ''").count("This mail lies on dallas."), 3)

    def test_imap_starttls(self) -> None:
        """The certificate verified against our authority and name."""
        tls = ("sslproto TLS1.2+", "sslcertck", f"sslcertfile {self.site.authority.ca_file}")
        mails = self.fetchmail("IMAP", "imap", *tls, f"sslcommonname {PUBLIC_NAME}")
        self.assertEqual(mails.count("This mail lies on dallas."), 3)

    def test_pop3_stls(self) -> None:
        """The certificate verified against our authority and name."""
        tls = ("sslproto TLS1.2+", "sslcertck", f"sslcertfile {self.site.authority.ca_file}")
        mails = self.fetchmail("POP3", "pop3", *tls, f"sslcommonname {PUBLIC_NAME}")
        self.assertEqual(mails.count("This mail lies on dallas."), 3)
