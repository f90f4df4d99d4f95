"""Log-ons by certificate and by token, and what clients are promised, before a real Dovecot."""

from __future__ import annotations

import imaplib
import os
import poplib
import signal
import ssl
import zlib
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.authority import Authority
from tests.support.clients import PATIENCE, Conversation, Result, copied_by_mutt, first_mail, run, write_private
from tests.support.dovecot import Dovecot, Master
from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, LISTENERS, PUBLIC_NAME, mail_user, shared
from tests.support.process import temporary_folder, wait_until
from tests.support.tokens import token

MASTER = Master("exfront", b"m4ster of all")
KEY = b"the key of an OAuth server of 32"
_LOGIN_DENIED = 67  # curl's exit status


class _Case(SynchronousTestCase):
    """chicago is a Dovecot of the test's own, which knows a master, takes tokens, and perhaps compresses."""

    compresses = False

    timeout = 120

    def setUp(self) -> None:
        self.site = shared()
        self.user, self.other = self.site.living_on("chicago")[20:22]
        self.dovecot = Dovecot(
            "chicago", "127.0.0.23", Path(temporary_folder("proof")), self.site.chicago.certificate,
            map(mail_user, self.site.chicago.people), master=MASTER, token_key=KEY,
            compresses=self.compresses,
        )  # fmt: skip
        self.addCleanup(self.dovecot.daemon.kill)
        self.dovecot.daemon.start()

    def chicago(self, **changes: object) -> dict[str, Any]:
        """Its [[server]]."""
        ports = {"imap4": self.dovecot.imap, "pop3": self.dovecot.pop3, "imap4_tls": "starttls", "pop3_tls": "starttls"}
        return self.site.chicago.section(**{"address": "127.0.0.23", **ports, **changes})

    def start(self, names: tuple[str, ...], more: dict[str, Any] | None = None, **changes: Any) -> ExFront:
        """A front end with these listeners, each with `more` settings."""
        listeners = {name: {**LISTENERS[name], **(more or {})} for name in names}
        front = self.site.exfront(listeners, **changes)
        self.addCleanup(front.daemon.kill)
        front.start()
        return front

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.site.authority.ca_file))

    def curl(self, front: ExFront, url: str, *options: str) -> Result:
        """On `scheme://listener/path`."""
        scheme, _, rest = url.partition("://")
        listener, _, path = rest.partition("/")
        host = f"{PUBLIC_NAME}:{front.ports[listener]}"
        return run(
            "curl", "-sS", "--cacert", str(self.site.authority.ca_file), "--resolve", f"{host}:{front.address}",
            *options, f"{scheme}://{host}/{path}",
        )  # fmt: skip


class CertificateTests(_Case):
    def setUp(self) -> None:
        super().setUp()
        password = write_private(Path(temporary_folder("master")) / "password", [MASTER.password.decode()])
        self.master = {"master_user": MASTER.name, "master_password_file": str(password)}
        self.asks = {"client_ca_file": str(self.site.authority.ca_file)}

    def front(self, **changes: object) -> ExFront:
        server = self.chicago(**self.master, **changes)
        return self.start(("imap", "imaps", "pop3", "pop3s"), self.asks, server=[server, self.site.dallas.section()])

    def shown(self, certificate: Path | None) -> ssl.SSLContext:
        context = self.context
        if certificate is not None:
            context.load_cert_chain(certificate)
        return context

    def imap(self, front: ExFront, certificate: Path | None) -> imaplib.IMAP4_SSL:
        client = imaplib.IMAP4_SSL(*front.at("imaps"), ssl_context=self.shown(certificate), timeout=PATIENCE)
        self.addCleanup(client.shutdown)
        return client

    def test_by_mapping_by_upn_and_by_address(self) -> None:
        """S-MAIL-8, S-ROUTE-3: IMAP4 over TLS; the master's credentials open the mailbox of the certificate's owner."""
        front, authority, user = self.front(), self.site.authority, self.user
        for certificate in (
            authority.issue_client(user.alias),
            authority.issue_client("nobody in particular", upn=user.upn),
            authority.issue_client("nobody in particular", address=user.address),
        ):
            client = self.imap(front, certificate)
            self.assertIn("AUTH=EXTERNAL", client.capabilities)
            client.authenticate("EXTERNAL", lambda _: b"")
            client.select("INBOX")
            self.assertIn("This mail lies on chicago.", first_mail(client))
        self.assertEqual(self.dovecot.logins("imap"), [user.alias] * 3)
        self.assertNotIn(MASTER.password.decode(), front.server_log())

    def test_after_starttls(self) -> None:
        """S-MAIL-1, S-MAIL-4: EXTERNAL is offered once the certificate was seen, inside TLS."""
        front = self.front()
        context = self.shown(self.site.authority.issue_client(self.user.alias))
        client = imaplib.IMAP4(*front.at("imap"), timeout=PATIENCE)
        self.addCleanup(client.shutdown)
        self.assertNotIn("AUTH=EXTERNAL", client.capabilities)
        client.host = PUBLIC_NAME
        client.starttls(context)
        client.authenticate("EXTERNAL", lambda _: b"")
        self.assertEqual(client.select("INBOX")[0], "OK")

    def test_pop3_with_and_without_initial_response(self) -> None:
        """S-MAIL-8: AUTH EXTERNAL over TLS from the start, and after STLS."""
        front = self.front()
        context = self.shown(self.site.authority.issue_client(self.user.alias))
        client = poplib.POP3_SSL(*front.at("pop3s"), context=context, timeout=PATIENCE)
        self.addCleanup(client.close)
        self.assertEqual(client.capa()["SASL"][0], "EXTERNAL")
        client._shortcmd("AUTH EXTERNAL =")  # type: ignore[attr-defined]
        self.assertIn(b"This mail lies on chicago.", client.retr(1)[1])
        later = poplib.POP3(*front.at("pop3"), timeout=PATIENCE)
        self.addCleanup(later.close)
        later.host = PUBLIC_NAME
        later.stls(context)
        self.assertEqual(later._shortcmd("AUTH EXTERNAL"), b"+ ")  # type: ignore[attr-defined]
        self.assertTrue(later._shortcmd("").startswith(b"+OK"))  # type: ignore[attr-defined]

    def test_curl(self) -> None:
        """S-TLS-2: a program that people use."""
        certificate = self.site.authority.issue_client(self.user.alias)
        shows = ("--cert", str(certificate), "--key", str(certificate), "-u", f"{self.user.address}:")
        for url in ("imaps://imaps/INBOX;MAILINDEX=1", "pop3s://pop3s/1"):
            result = self.curl(self.front(), url, *shows, "--login-options", "AUTH=EXTERNAL")
            self.assertEqual(result.status, 0, result)
            self.assertIn("This mail lies on chicago.", result.output)

    def test_of_nobody_without_one_and_for_somebody_else(self) -> None:
        """S-AUTH-6, S-MAIL-8: refused, by the words of a wrong password; nobody is asked at the back end.

        Bad input: EXTERNAL without a certificate, or with one of nobody.
        """
        front, authority = self.front(), self.site.authority
        own, other = authority.issue_client(self.user.alias), self.other.address.encode()
        for certificate, acts_for, code in (
            (authority.issue_client("stranger"), b"", "[AUTHENTICATIONFAILED]"),
            (own, other, "[AUTHORIZATIONFAILED]"),
            (None, b"", "not offered"),
        ):
            client = self.imap(front, certificate)
            said = acts_for
            refused = self.assertRaises(imaplib.IMAP4.error, client.authenticate, "EXTERNAL", lambda _, said=said: said)
            self.assertIn(code, str(refused))
        self.assertEqual(self.dovecot.logins(), [])

    def test_of_another_authority_or_expired(self) -> None:
        """S-TLS-2: the handshake fails, and there is no greeting."""
        front = self.front()
        foreign = Authority(temporary_folder("foreign"), "exfront test authority")
        for certificate in (
            foreign.issue_client(self.user.alias),
            self.site.authority.issue_client(self.other.alias, expired=True),
        ):
            self.assertRaises((ssl.SSLError, OSError, imaplib.IMAP4.error), self.imap, front, certificate)

    def test_a_back_end_without_a_master(self) -> None:
        """S-MAIL-14: in words: log on with a password."""
        self.master = {}
        client = self.imap(self.front(), self.site.authority.issue_client(self.user.alias))
        refused = self.assertRaises(imaplib.IMAP4.error, client.authenticate, "EXTERNAL", lambda _: b"")
        self.assertIn("[CANNOT] Log on with a password", str(refused))


class TokenTests(_Case):
    def front(self, **changes: Any) -> ExFront:
        """Its probes find out what the back end takes; the directory would name dallas too."""
        only = {"server": [self.chicago(probe=True, http=0)], "mail": {"tokens": True}}
        directory = {**self.site.settings()["directory"], "topology": False}
        limits = {**LIMITS, "back_end_probe_period": 0.5}
        return self.start(("imaps", "pop3s"), **{**only, "directory": directory, "limits": limits, **changes})

    def names(self, front: ExFront) -> tuple[str, ...]:
        with imaplib.IMAP4_SSL(*front.at("imaps"), ssl_context=self.context, timeout=PATIENCE) as client:
            return client.capabilities

    def offered(self, front: ExFront) -> bool:
        return {"AUTH=XOAUTH2", "AUTH=OAUTHBEARER"} <= set(self.names(front))

    def refusals(self, front: ExFront) -> list[str]:
        """The cause of each, in the access log."""
        return [line["x-cause"] for line in front.access_lines() if line["x-reason"] != "-"]

    def test_curl_with_both_mechanisms_in_both_protocols(self) -> None:
        """S-MAIL-8, S-ROUTE-3: the token goes to the mailbox's Dovecot, which proves it."""
        front = self.front()
        wait_until(lambda: self.offered(front), "a probe that finds tokens")
        name = self.user.alias
        for url in ("imaps://imaps/INBOX;MAILINDEX=1", "pop3s://pop3s/1"):
            for mechanism in ("XOAUTH2", "OAUTHBEARER"):
                result = self.curl(
                    front, url, "-u", f"{name}:", "--oauth2-bearer", token(name, KEY),
                    "--login-options", f"AUTH={mechanism}",
                )  # fmt: skip
                self.assertEqual(result.status, 0, (url, mechanism, result))
                self.assertIn("This mail lies on chicago.", result.output)
        self.assertEqual(self.dovecot.logins(), [name] * 4)
        self.assertNotIn(token(name, KEY)[:30], front.server_log())

    def test_mutt(self) -> None:
        """S-MAIL-8: OAUTHBEARER in its own make."""
        front = self.front()
        wait_until(lambda: self.offered(front), "a probe that finds tokens")
        folder = Path(temporary_folder("mutt"))
        command = write_private(folder / "command", ["#!/bin/sh", f"echo {token(self.user.alias, KEY)}"])
        command.chmod(0o700)
        result, mails = copied_by_mutt(
            f"imaps://{front.address}:{front.ports['imaps']}/INBOX", folder, self.site.authority.ca_file,
            imap_user=self.user.alias, imap_authenticators="oauthbearer", imap_oauth_refresh_command=str(command),
        )  # fmt: skip
        self.assertEqual(result.status, 0, result)
        self.assertEqual([b"This mail lies on chicago." in mail for mail in mails], [True] * 3)

    def test_tokens_that_dovecot_refuses(self) -> None:
        """S-MAIL-14: a wrong password to the client, with the back end's own challenge; never an alarm."""
        front = self.front()
        wait_until(lambda: self.offered(front), "a probe that finds tokens")
        name, other = self.user.alias, self.other.alias
        for bad in (token(name, KEY, -60.0), token(name, b"another key of the same length !"), token(other, KEY)):
            for mechanism in ("XOAUTH2", "OAUTHBEARER"):
                result = self.curl(
                    front, "imaps://imaps/", "-u", f"{name}:", "--oauth2-bearer", bad,
                    "--login-options", f"AUTH={mechanism}",
                )  # fmt: skip
                self.assertEqual(result.status, _LOGIN_DENIED, result)
        challenges: list[bytes] = []
        client = imaplib.IMAP4_SSL(*front.at("imaps"), ssl_context=self.context, timeout=PATIENCE)
        self.addCleanup(client.shutdown)

        def answer(challenge: bytes) -> bytes:
            challenges.append(challenge)
            return b"user=%b\x01auth=Bearer nonsense\x01\x01" % name.encode() if not challenge else b""

        refused = self.assertRaises(imaplib.IMAP4.error, client.authenticate, "XOAUTH2", answer)
        self.assertIn("[AUTHENTICATIONFAILED]", str(refused))
        self.assertEqual(
            challenges, [b"", b'{"status":"401","schemes":"bearer","scope":"mail"}']
        )  # Dovecot's own words
        wait_until(lambda: len(self.refusals(front)) == 7, "a line of each")
        self.assertEqual(set(self.refusals(front)), {"token refused by the back end"})
        self.assertEqual(self.dovecot.logins(), [])

    def test_where_one_back_end_takes_none_they_are_not_offered(self) -> None:
        """S-MAIL-4, S-MAIL-8: nor taken.

        Bad input: mechanism that is not announced.
        """
        front = self.front(server=[self.chicago(probe=True, http=0), self.site.dallas.section(probe=True, http=0)])
        wait_until(lambda: "IDLE" in self.names(front), "probes of both")
        self.assertFalse(self.offered(front))
        client = imaplib.IMAP4_SSL(*front.at("imaps"), ssl_context=self.context, timeout=PATIENCE)
        self.addCleanup(client.shutdown)
        refused = self.assertRaises(imaplib.IMAP4.error, client.authenticate, "XOAUTH2", lambda _: b"")
        self.assertIn("not offered", str(refused))


class PromiseTests(_Case):
    """Both Dovecots as they are, and a state folder."""

    def front(self, folder: str, **mail: Any) -> ExFront:
        control = {"allow_root": True, "state_dir": folder}
        servers = [self.chicago(), self.site.dallas.section()]
        return self.start(("imaps", "pop3s"), server=servers, control=control, mail=mail)

    def names(self, front: ExFront) -> tuple[str, ...]:
        with imaplib.IMAP4_SSL(*front.at("imaps"), ssl_context=self.context, timeout=PATIENCE) as client:
            return client.capabilities

    def log_on(self, front: ExFront, name: str, password: bytes) -> set[str]:
        """What the back end itself says after the log-on."""
        with imaplib.IMAP4_SSL(*front.at("imaps"), ssl_context=self.context, timeout=PATIENCE) as client:
            client.login(name, password.decode())
            return set(client.capability()[1][0].decode().upper().split())

    def capa(self, front: ExFront) -> dict[str, list[str]]:
        client = poplib.POP3_SSL(*front.at("pop3s"), context=self.context, timeout=PATIENCE)
        self.addCleanup(client.close)
        return client.capa()

    def test_nothing_vanishes_behind_the_proxy(self) -> None:
        """S-MAIL-4: once somebody has logged on at each Dovecot, what all keep is promised before login, over a restart
        too; and what was promised is there after it."""
        folder = str(temporary_folder("state"))
        front = self.front(folder)
        own = {"IMAP4REV1", "SASL-IR", "LITERAL+", "ID", "AUTH=PLAIN", "AUTH=LOGIN"}
        self.assertEqual(set(self.names(front)), own)
        one = self.log_on(front, self.user.name, self.user.password)
        self.assertEqual(set(self.names(front)), own)
        dallas = self.site.living_on("dallas")[20]
        both = one & self.log_on(front, dallas.name, dallas.password)
        self.assertIn("MOVE", both)
        self.assertEqual(set(self.names(front)), own | both - {"LOGIN-REFERRALS"})
        self.assertEqual(front.stop(), 0)
        front.start()
        self.assertEqual(set(self.names(front)), own | both - {"LOGIN-REFERRALS"})

    def test_pop3(self) -> None:
        """S-MAIL-4: PIPELINING, as soon as both are known to do that; the first log-on at each asks."""
        front = self.front(str(temporary_folder("state")))
        self.assertNotIn("PIPELINING", self.capa(front))
        for person in (self.user, self.site.living_on("dallas")[20]):
            client = poplib.POP3_SSL(*front.at("pop3s"), context=self.context, timeout=PATIENCE)
            client.user(person.name)
            client.pass_(person.password.decode())
            client.quit()
        found = self.capa(front)
        self.assertIn("PIPELINING", found)
        self.assertEqual(found["SASL"], ["PLAIN", "LOGIN"])

    def test_settings_take_away(self) -> None:
        """S-MAIL-4: before and after login; the mechanism is refused."""
        front = self.front(str(temporary_folder("state")), hide_capabilities=["MOVE", "AUTH=LOGIN"])
        for person in (self.user, self.site.living_on("dallas")[20]):
            self.log_on(front, person.name, person.password)
        names = self.names(front)
        self.assertIn("IDLE", names)
        self.assertTrue({"MOVE", "AUTH=LOGIN"}.isdisjoint(names))
        context = self.context
        with Conversation(front.at("imaps")) as talk:
            talk.wrap(context, PUBLIC_NAME)
            talk.line()
            self.assertEqual(talk.ask(b"a AUTHENTICATE LOGIN"), b"a NO This mechanism is not offered.")
            answer = talk.ask(b"b LOGIN %b %b" % (self.user.name.encode(), self.user.password))
        self.assertIn(b"[CAPABILITY IMAP4rev1 ", answer)
        self.assertNotIn(b"MOVE", answer)


class CompressTests(_Case):
    """RFC 4978, between the client and Dovecot."""

    compresses = True

    def test_mails_are_read_and_the_end_breaks_into_nothing(self) -> None:
        """S-MAIL-4, S-MAIL-18: promised once it is known, and carried; a stop says no word into the stream."""
        directory = {**self.site.settings()["directory"], "topology": False}
        front = self.start(("imaps",), server=[self.chicago(http=0)], directory=directory)
        for promised in (False, True):
            with Conversation(front.at("imaps")) as talk:
                talk.wrap(self.context, PUBLIC_NAME)
                self.assertEqual(b" COMPRESS=DEFLATE" in talk.line(), promised)
                said = talk.ask(b"a LOGIN %b %b" % (self.user.name.encode(), self.user.password))
                self.assertIn(b" COMPRESS=DEFLATE", said)
                self.assertTrue(talk.ask(b"b COMPRESS DEFLATE").startswith(b"b OK"))
                reader, writer = zlib.decompressobj(-15), zlib.compressobj(wbits=-15)
                command = b"c SELECT INBOX\r\nd FETCH 1 BODY[TEXT]\r\n"
                talk.send(writer.compress(command) + writer.flush(zlib.Z_SYNC_FLUSH))
                heard = b""
                while b"\r\nd OK" not in heard:
                    heard += reader.decompress(talk.socket.recv(65536))
                self.assertIn(b"This mail lies on chicago.", heard)
                if promised:
                    os.kill(front.daemon.pid, signal.SIGTERM)
                    self.assertEqual(reader.decompress(talk.rest()), b"")
