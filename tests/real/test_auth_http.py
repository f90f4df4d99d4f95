"""nginx relays mail by itself, real clients through it to Dovecot, and exfront says where they go."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import PATIENCE, Conversation, first_mail, imap4_log_in, pop3_log_in, write_private
from tests.support.dovecot import Dovecot, Master
from tests.support.exfront import UNGUARDED, ExFront
from tests.support.mail_site import MailSite, mail_user, shared
from tests.support.nginx_mail import NginxMail
from tests.support.population import (
    EIGHT_BIT,
    LATIN_PASSWORD,
    ODD_ACCOUNT,
    ODD_PASSWORD,
    SPACES,
    Person,
)
from tests.support.process import temporary_folder, wait_until

_KEY = "open-sesame"
_WRONG = "The user name or password is not correct. (XF-AUTH-FAIL)"


class Pair:
    """An exfront that answers, with an nginx that asks it."""

    def __init__(self, site: MailSite, **settings: object) -> None:
        folder = Path(temporary_folder("nginx"))
        key = folder / "auth_http.key"
        key.write_text(_KEY + "\n")
        key.chmod(0o600)
        listener = {"protocol": "auth_http", "askers": ["127.0.0.1/32"], "key_file": str(key), "allow_plaintext": True}
        self.front: ExFront = site.exfront({"auth": listener}, **settings)
        self.nginx = NginxMail(
            "127.0.0.31", folder, self.front.at("auth"), site.certificate, _KEY, site.authority.ca_file
        )

    def start(self) -> None:
        self.front.start()
        self.nginx.daemon.start()

    def stop(self) -> None:
        self.nginx.daemon.stop()
        self.front.stop()


class NginxTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared()
        self.trusted = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        self.trusted.check_hostname = False

    def pair(self, **settings: object) -> Pair:
        pair = Pair(self.site, **settings)
        self.addCleanup(pair.stop)
        pair.start()
        return pair

    def imap4_refusal(self, pair: Pair, person: Person) -> str:
        with self.assertRaises(imaplib.IMAP4.error) as caught:
            imap4_log_in(pair.nginx.imap, person)
        return str(caught.exception)

    def test_imap4_and_pop3_through_nginx(self) -> None:
        """S-ROUTE-1, S-OPS-15: users of two servers, by two protocols, with TLS and without; each has a line."""
        pair = self.pair()
        for server in ("chicago", "dallas"):
            user = self.site.living_on(server)[0]
            imap = imap4_log_in(pair.nginx.imap, user)
            imap.select()
            self.assertIn(server, first_mail(imap))
            imap.logout()
            with imaplib.IMAP4_SSL(*pair.nginx.imaps, ssl_context=self.trusted, timeout=PATIENCE) as secure:
                secure.login(user.name, user.password.decode())
                self.assertEqual(secure.select()[0], "OK")
            pop3 = pop3_log_in(pair.nginx.pop3, user)
            self.assertGreater(pop3.stat()[0], 0)
            pop3.quit()
            secure_pop3 = poplib.POP3_SSL(*pair.nginx.pop3s, context=self.trusted, timeout=PATIENCE)
            secure_pop3.user(user.name)
            secure_pop3.pass_(user.password.decode())
            secure_pop3.quit()
        lines = pair.front.lines_since(0, 8)
        self.assertEqual([line["x-protocol"] for line in lines], ["imap4", "imap4", "pop3", "pop3"] * 2)
        self.assertEqual({line["c-ip"] for line in lines}, {"127.0.0.1"})
        self.assertEqual({line["x-reason"] for line in lines}, {"-"})

    def test_awkward_passwords(self) -> None:
        """S-AUTH-1, S-MAIL-7: quotes, percent signs, spaces and 8-bit octets come through nginx's escapes."""
        pair = self.pair()
        for person in (ODD_ACCOUNT, EIGHT_BIT, LATIN_PASSWORD, ODD_PASSWORD, SPACES):
            with self.subTest(person.name):
                imap4_log_in(pair.nginx.imap, person).logout()

    def test_a_certificate_and_a_master(self) -> None:
        """S-MAIL-8, S-ROUTE-3: SASL EXTERNAL at nginx; the mailbox server is logged on to as its section says."""
        user = self.site.living_on("chicago")[6]
        master = Master("exfront", b"m4ster of all")
        dovecot = Dovecot(
            "chicago", "127.0.0.23", Path(temporary_folder("master")), self.site.chicago.certificate,
            map(mail_user, self.site.chicago.people), master=master,
        )  # fmt: skip
        self.addCleanup(dovecot.daemon.kill)
        dovecot.daemon.start()
        file = write_private(Path(temporary_folder("password")) / "master", [master.password.decode()])
        chicago = self.site.chicago.section(
            address="127.0.0.23", imap4=dovecot.imap, master_user=master.name, master_password_file=str(file),
            master_separator="*",
        )  # fmt: skip
        pair = self.pair(server=[chicago, self.site.dallas.section()])
        self.trusted.load_cert_chain(self.site.authority.issue_client("somebody", upn=user.upn))
        secure = imaplib.IMAP4_SSL(*pair.nginx.imaps, ssl_context=self.trusted, timeout=PATIENCE)
        self.addCleanup(secure.shutdown)
        secure.authenticate("EXTERNAL", lambda _: user.upn.encode())
        secure.select()
        self.assertIn("chicago", first_mail(secure))
        self.assertEqual(dovecot.logins("imap"), [user.alias])
        self.assertEqual(pair.front.lines_since(0, 1)[0]["x-reason"], "-")

    def test_wrong_password(self) -> None:
        """S-MAIL-14, S-AUTH-6: in nginx's words around exfront's; the session goes on, the right one works there."""
        pair = self.pair()
        user = self.site.living_on("chicago")[0]
        with Conversation(pair.nginx.imap) as talk:
            talk.until(b"* OK")
            answer = talk.ask(f"a LOGIN {user.name} wrong".encode())
            self.assertEqual(answer, f"a NO [AUTHENTICATIONFAILED] {_WRONG}".encode())
            self.assertIn(b"b OK", talk.ask(b'b LOGIN %b "%b"' % (user.name.encode(), user.password)))
        with Conversation(pair.nginx.pop3) as talk:
            talk.until(b"+OK")
            talk.send(f"USER {user.name}\r\n".encode())
            talk.until(b"+OK")
            talk.send(b"PASS wrong\r\n")
            self.assertEqual(talk.line(), f"-ERR [AUTH] {_WRONG}".encode())

    def test_directory_down(self) -> None:
        """S-MAIL-14: temporary, the session stays open, and works when the directory is back."""
        pair = self.pair()
        user = self.site.living_on("dallas")[0]
        self.site.slapd.daemon.stop()
        self.addCleanup(lambda: self.site.slapd.daemon.running or self.site.slapd.start())
        with Conversation(pair.nginx.imap, 40.0) as talk:
            talk.until(b"* OK")
            log_in = b'LOGIN %b "%b"' % (user.name.encode(), user.password)
            self.assertIn(b"a NO [UNAVAILABLE]", talk.ask(b"a " + log_in))
            self.site.slapd.start()
            wait_until(lambda: b" OK" in talk.ask(b"b " + log_in), "the log-on in the same session", 60.0)

    def test_lock_out(self) -> None:
        """S-AUTH-7, S-MAIL-11: nginx waits as long as the guard says, and the account is locked for nobody's guesses.

        The right password is not tried either, until the window has passed.
        """
        guarded = {**UNGUARDED, "failure_delay": 1.0, "lockout_threshold": 5}
        pair = self.pair(authentication=guarded)
        user = self.site.living_on("chicago")[1]
        waits = []
        with Conversation(pair.nginx.imap, 40.0) as talk:
            talk.until(b"* OK")
            for number in range(3):
                began = time.monotonic()
                answer = talk.ask(b"a LOGIN %b wrong%d" % (user.name.encode(), number))
                self.assertIn(b" NO [AUTHENTICATIONFAILED]", answer)
                waits.append(time.monotonic() - began)
        for wait, least in zip(waits, (1.0, 2.0, 4.0), strict=True):
            self.assertGreaterEqual(wait, least)
            self.assertLess(wait, least + 3.0)
        self.assertIn(_WRONG, self.imap4_refusal(pair, user))
        reasons = [line["x-reason"] for line in pair.front.lines_since(0, 4)]
        self.assertEqual(reasons, ["XF-AUTH-FAIL"] * 3 + ["XF-SOFT-LOCK"])
        imap4_log_in(self.site.front.at("imap-clear"), user).logout()  # another front end: the directory locked nothing

    def test_what_nginx_offers_and_exfront_does_not(self) -> None:
        """S-MAIL-8: APOP, CRAM-MD5 and SMTP are refused in words, and nobody is looked up for them."""
        pair = self.pair()
        with Conversation(pair.nginx.imaps, tls=self.trusted) as talk:
            talk.until(b"* OK")
            talk.send(b"a AUTHENTICATE CRAM-MD5\r\n")
            talk.until(b"+ ")
            talk.send(b"YWxpY2UgYjkxM2E2MDJjN2VkYTdhNDk1YjRlNmU3MzM0ZDM4OTA=\r\n")
            self.assertIn(b"a NO [CANNOT] This way to log on is not supported.", talk.until(b"a "))
        with (
            self.assertRaises(smtplib.SMTPException) as caught,
            smtplib.SMTP(*pair.nginx.smtp, timeout=PATIENCE) as smtp,
        ):
            smtp.login("alice", "secret")
        self.assertIn("504", str(caught.exception))
        self.assertEqual({line["x-reason"] for line in pair.front.lines_since(0, 2)}, {"XF-METHOD"})

    def test_who_is_not_nginx(self) -> None:
        """S-MAIL-15: another address, or without the key: no answer of auth_http."""
        pair = self.pair()
        for source, fields in (("127.0.0.9", f"X-Auth-Key: {_KEY}\r\n"), ("127.0.0.1", "X-Auth-Key: guessed\r\n")):
            with Conversation(pair.front.at("auth"), source=source) as talk:
                talk.send(f"GET /auth HTTP/1.0\r\nHost: x\r\n{fields}\r\n".encode())
                answer = talk.rest()
            self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)
            self.assertNotIn(b"Auth-Status", answer)
        self.assertEqual({line["x-reason"] for line in pair.front.lines_since(0, 2)}, {"XF-ADDRESS"})
