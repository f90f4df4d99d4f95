"""What Dovecot itself, behind a real exfront, learns of the client, and whose credentials it sees."""

from __future__ import annotations

import imaplib
import poplib
import socket
import ssl
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront.operate.control_client import ask
from tests.support.clients import PATIENCE, Conversation, first_mail, imap4_log_in, write_private
from tests.support.dovecot import Dovecot, MailUser, Master
from tests.support.dovecot_proxy import DovecotProxy
from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, LISTENERS, mail_user, shared
from tests.support.process import temporary_folder, wait_until

FRONT = {name: LISTENERS[name] for name in ("imaps", "pop3s")}
CLIENT = "127.0.0.77"  # exfront itself calls from another address
MASTER = Master("exfront", b'p\xc3\xa4ss "word"')


class _Imap4From(imaplib.IMAP4_SSL):
    """From `CLIENT`."""

    def _create_socket(self, timeout: float | None) -> ssl.SSLSocket:
        return _connect(self.host, self.port, self.ssl_context)


class _Pop3From(poplib.POP3_SSL):
    """From `CLIENT`."""

    def _create_socket(self, timeout: float | None) -> ssl.SSLSocket:
        return _connect(self.host, self.port, self.context)  # type: ignore[attr-defined]


def _connect(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection((host, port), PATIENCE, (CLIENT, 0)), server_hostname=host)


class _Case(SynchronousTestCase):
    """chicago is a Dovecot of the test's own, which knows a master, and believes exfront; dallas is as ever."""

    passwords_known = True

    def setUp(self) -> None:
        self.site = shared()
        self.user = self.site.living_on("chicago")[5]
        self.socket = Path(temporary_folder("control")) / "run" / "control.sock"
        people = [mail_user(person) for person in self.site.chicago.people]
        if not self.passwords_known:
            people = [MailUser(each.name, b"none of theirs", each.logins) for each in people]
        folder = Path(temporary_folder("dove"))
        certificate = self.site.chicago.certificate
        self.dovecot = Dovecot("chicago", "127.0.0.22", folder, certificate, people, trusting=True, master=MASTER)
        self.addCleanup(self.dovecot.daemon.kill)
        self.dovecot.daemon.start()

    def front(self, lean: bool = True, **changes: Any) -> ExFront:
        """Running, before this Dovecot; on Twisted's own transports if it is not to be `lean`."""
        ports = {"imap4": self.dovecot.imap, "pop3": self.dovecot.pop3}
        section = self.site.chicago.section(**{"address": "127.0.0.22", **ports, **changes})
        servers = [section, self.site.dallas.section()]
        control = {"allow_root": True, "socket": str(self.socket)}
        transports = {"transports": "lean" if lean else "twisted"}
        limits = {**LIMITS, "back_end_probe_period": 1.0}
        front = self.site.exfront(FRONT, server=servers, process=transports, control=control, limits=limits)
        self.addCleanup(front.daemon.kill)
        front.start()
        return front

    def read_imap4(self, front: ExFront) -> None:
        """The first mail, from `CLIENT` and over TLS."""
        context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        with _Imap4From(*front.at("imaps"), ssl_context=context, timeout=PATIENCE) as client:
            client.authenticate("PLAIN", lambda _: b"\0" + self.user.name.encode() + b"\0" + self.user.password)
            client.select("INBOX")
            self.assertIn("This mail lies on chicago.", first_mail(client))

    def read_pop3(self, front: ExFront) -> None:
        """The same."""
        context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        client = _Pop3From(*front.at("pop3s"), context=context, timeout=PATIENCE)
        self.addCleanup(client.close)
        client.user(self.user.name)
        client.pass_(self.user.password.decode())
        self.assertIn(b"This mail lies on chicago.", client.retr(1)[1])
        client.quit()

    def assert_sees(self, address: str) -> None:
        """Dovecot's own log names the user, and this as his address, in both protocols."""
        for service in ("imap", "pop3"):
            wait_until(partial(self.dovecot.clients, service), f"a {service} login in Dovecot's log")
            self.assertEqual(self.dovecot.clients(service), [(self.user.alias, address)])


class ClientAddressTests(_Case):
    def check(self, ports: tuple[int, int], tls: str, address: str = CLIENT, **changes: Any) -> ExFront:
        imap, pop3 = ports
        front = self.front(imap4=imap, pop3=pop3, imap4_tls=tls, pop3_tls=tls, **changes)
        self.read_imap4(front)
        self.read_pop3(front)
        self.assert_sees(address)
        return front

    @property
    def plain(self) -> tuple[int, int]:
        return self.dovecot.imap, self.dovecot.pop3

    @property
    def secure(self) -> tuple[int, int]:
        return self.dovecot.imaps, self.dovecot.pop3s

    def proxied(self, imap: str, pop3: str) -> tuple[int, int]:
        return self.dovecot.proxied[imap], self.dovecot.proxied[pop3]

    def test_nothing_is_forwarded_by_itself(self) -> None:
        """S-MAIL-16: a server that is not marked for it sees exfront's address."""
        self.check(self.plain, "none", "127.0.0.1")

    def test_id_and_xclient(self) -> None:
        """S-MAIL-16: in the clear; the session of exfront's log is Dovecot's too."""
        front = self.check(self.plain, "none", forward_client="commands")
        for line in front.lines_since(0, 2):
            self.assertIn(f"session=<{line['x-session-id']}>", self.dovecot.daemon.log_text())

    def test_id_and_xclient_inside_starttls(self) -> None:
        """S-MAIL-2, S-MAIL-16: after STARTTLS and STLS, the certificate verified."""
        self.check(self.plain, "starttls", forward_client="commands")

    def test_id_and_xclient_inside_tls(self) -> None:
        """S-ROUTE-8, S-MAIL-16: implicit TLS."""
        self.check(self.secure, "implicit", forward_client="commands")

    def test_proxy_version_1(self) -> None:
        """S-MAIL-15, S-MAIL-16: a header of the first version, read by Dovecot."""
        self.check(self.proxied("imap", "pop3"), "none", forward_client="proxy_v1")

    def test_proxy_version_2(self) -> None:
        """S-MAIL-15, S-MAIL-16: the second version."""
        self.check(self.proxied("imap", "pop3"), "none", forward_client="proxy_v2")

    def test_proxy_header_before_starttls(self) -> None:
        """S-MAIL-2, S-MAIL-16: the header first, STARTTLS in the dialogue."""
        self.check(self.proxied("imap", "pop3"), "starttls", forward_client="proxy_v2")

    def test_proxy_header_before_tls(self) -> None:
        """S-MAIL-15, S-MAIL-16: the header in the clear, then TLS from its first octet, verified."""
        self.check(self.proxied("imaps", "pop3s"), "implicit", forward_client="proxy_v1")

    def test_proxy_header_before_tls_version_2(self) -> None:
        """S-MAIL-15, S-MAIL-16: the same with the second version."""
        self.check(self.proxied("imaps", "pop3s"), "implicit", forward_client="proxy_v2")

    def test_proxy_header_before_tls_on_twisted_s_transports(self) -> None:
        """S-MAIL-15, S-MAIL-16: the same on any platform."""
        self.check(self.proxied("imaps", "pop3s"), "implicit", forward_client="proxy_v2", lean=False)

    def test_probes_bring_a_header_that_names_nobody(self) -> None:
        """S-MAIL-15, S-ROUTE-12: version 1's UNKNOWN and version 2's LOCAL, which Dovecot takes."""
        imap, pop3 = self.proxied("imap", "pop3s")
        for version in ("proxy_v1", "proxy_v2"):
            front = self.front(
                imap4=imap, imap4_tls="starttls", pop3=pop3, pop3_tls="implicit", http=0, probe=True,
                forward_client=version,
            )  # fmt: skip
            wait_until(lambda: self.probes() == {"imap4": "ok", "pop3": "ok"}, f"probes with {version}", 20.0)
            front.stop()

    def probes(self) -> dict[str, str]:
        """How the probes of chicago ended, by application; empty before the daemon listens."""
        if not self.socket.exists():
            return {}
        rows = ask(self.socket, "backends", {}).result
        return {row["application"]: row["probe"] for row in rows if row["server"] == "chicago" and row["probe"]}

    def test_a_wrong_certificate_behind_a_proxy_header(self) -> None:
        """S-ROUTE-8: the header has said who the client is, and nothing more is said."""
        imap, pop3 = self.proxied("imaps", "pop3s")
        front = self.front(
            imap4=imap, pop3=pop3, imap4_tls="implicit", forward_client="proxy_v2", tls_pin=[f"sha256:{'00' * 32}"]
        )
        refused = self.assertRaises(imaplib.IMAP4.error, self.read_imap4, front)
        self.assertIn("[UNAVAILABLE]", str(refused))
        (line,) = front.lines_since(0, 1)
        self.assertEqual(line["x-reason"], "XF-BE-CERT")
        self.assertEqual(self.dovecot.clients(), [])


IN_CLEAR = {"imap": LISTENERS["imap-clear"], "pop3": LISTENERS["pop3-clear"]}


def believing(*networks: str) -> dict[str, Any]:
    """Listeners in the clear that believe these."""
    return {name: {**section, "trusted_proxies": list(networks)} for name, section in IN_CLEAR.items()}


class ChainTests(_Case):
    """A Dovecot that relays to exfront."""

    def come_through_dovecot(self, *trusted: str) -> list[str]:
        """Both protocols, from `CLIENT`; the clients' addresses in the access log."""
        ports = {"imap4": self.dovecot.imap, "pop3": self.dovecot.pop3}
        section = self.site.chicago.section(**{"address": "127.0.0.22", **ports, "forward_client": "commands"})
        front = self.site.exfront(believing(*trusted), server=[section])
        self.addCleanup(front.daemon.kill)
        front.start()
        behind = front.at("imap"), front.at("pop3")
        proxy = DovecotProxy("127.0.0.23", Path(temporary_folder("proxy")), [mail_user(self.user)], *behind)
        self.addCleanup(proxy.daemon.kill)
        proxy.daemon.start()
        self.talk(proxy)
        return [line["c-ip"].partition(":")[0] for line in front.lines_since(0, 2)]

    def talk(self, proxy: DovecotProxy) -> None:
        name, password = self.user.name.encode(), self.user.password
        with Conversation(proxy.imap, source=CLIENT) as imap4:
            for command in (b'a LOGIN %b "%b"' % (name, password), b"b SELECT INBOX", b"c LOGOUT"):
                self.assertIn(b" OK ", imap4.ask(command))
        with Conversation(proxy.pop3, source=CLIENT) as pop3:
            for command in (b"", b"USER %b\r\n" % name, b"PASS %b\r\n" % password, b"QUIT\r\n"):
                pop3.send(command)
                self.assertTrue(pop3.line().startswith(b"+OK"), command)

    def test_dovecot_before_exfront_before_dovecot(self) -> None:
        """S-MAIL-16: a trusted one tells by ID and XCLIENT, and exfront passes on: both logs name the client."""
        self.assertEqual(self.come_through_dovecot("127.0.0.0/8"), [CLIENT] * 2)
        self.assert_sees(CLIENT)

    def test_a_dovecot_that_is_not_trusted(self) -> None:
        """S-MAIL-16: its users come from its own address, whatever it tells."""
        (seen,) = set(self.come_through_dovecot("192.0.2.1/32"))
        self.assertNotEqual(seen, CLIENT)
        self.assert_sees(seen)


class LoopTests(SynchronousTestCase):
    def test_two_front_ends_that_point_at_each_other(self) -> None:
        """S-MAIL-16, S-ROUTE-5: a loop ends with the fifth hop, and is no wrong password.

        Bad input: two front ends that are each other's mailbox server.
        """
        site = shared()
        user, placeholder = site.living_on("chicago")[5], 59_999
        fronts: list[ExFront] = []
        for port in (placeholder, None):
            section = site.chicago.section(
                address="127.0.0.30", imap4=port or fronts[0].ports["imap"], forward_client="commands"
            )
            fronts.append(site.exfront(believing("127.0.0.0/8"), server=[section]))
        first, second = fronts
        text = first.configuration.read_text().replace(str(placeholder), str(second.ports["imap"]))
        first.configuration.write_text(text)
        for front in fronts:
            self.addCleanup(front.daemon.kill)
            front.start()
        refused = self.assertRaises(imaplib.IMAP4.error, imap4_log_in, first.at("imap"), user)
        self.assertIn("[UNAVAILABLE]", str(refused))
        reasons = Counter(line["x-reason"] for line in first.lines_since(0, 3) + second.lines_since(0, 2))
        self.assertEqual(reasons, {"XF-LOOP": 1, "XF-BE-LOGIN-REFUSED": 4})


class MasterTests(_Case):
    """Dovecot knows nobody's password but the master's."""

    passwords_known = False

    def check(self, **changes: Any) -> None:
        file = write_private(Path(temporary_folder("master")) / "password", [MASTER.password.decode()])
        front = self.front(master_user=MASTER.name, master_password_file=str(file), **changes)
        self.read_imap4(front)
        self.read_pop3(front)
        self.assert_sees("127.0.0.1")
        self.assertNotIn(MASTER.password.decode(), front.server_log())

    def test_with_an_authorization_identity(self) -> None:
        """S-MAIL-7, S-MAIL-8: the user's name beside the master's, in SASL PLAIN."""
        self.check()

    def test_with_a_separator(self) -> None:
        """S-MAIL-7: ``user*exfront`` as one name."""
        self.check(master_separator="*")

    def test_a_master_s_wrong_password_is_no_user_s_fault(self) -> None:
        """S-MAIL-14: unavailable, never a wrong password."""
        file = write_private(Path(temporary_folder("master")) / "password", ["wrong"])
        front = self.front(master_user=MASTER.name, master_password_file=str(file))
        refused = self.assertRaises(imaplib.IMAP4.error, self.read_imap4, front)
        self.assertIn("[UNAVAILABLE]", str(refused))
        (line,) = front.lines_since(0, 1)
        self.assertEqual(line["x-reason"], "XF-BE-AUTH-MISMATCH")
