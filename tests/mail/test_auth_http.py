"""What nginx is answered, over real steps, with a clock of the test's own."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.credential_cache import CredentialCache
from exfront.auth.guard import Guard
from exfront.auth.guarded import GuardedPasswords
from exfront.config.authentication import AuthenticationSection
from exfront.config.kinds import HostPort
from exfront.config.listener import ListenerSection
from exfront.mail.auth_http import Answers, AuthHttpProtocol
from exfront.reasons import (
    ADDRESS_NOT_ALLOWED,
    AUTH_METHOD_NOT_SERVED,
    BACK_END_NO_ADDRESS,
    BAD_INPUT,
    CLIENT_GONE,
    CLIENT_TIMEOUT,
    DIRECTORY_DOWN,
    DRAINING,
    EMPTY_PASSWORD,
    INTERNAL_ERROR,
    NO_MAILBOX,
    NOT_FOR_NGINX,
    PRIVACY_REQUIRED,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    Reason,
    Refused,
)
from exfront.secret import Secret
from exfront.topology import Master, Service
from tests.support.authority import Authority
from tests.support.steps import SmallWorld, server
from tests.support.transport import MemoryTransport
from tests.wire.test_auth_http import escaped, fields

ASKERS = (ipaddress.ip_network("192.0.2.7/32"),)
WRONG = b"Auth-Status: [AUTHENTICATIONFAILED] The user name or password is not correct. (XF-AUTH-FAIL)\r\n"
FLOOR = 0.7


def request(method: bytes = b"GET", **changes: bytes | None) -> bytes:
    """A question as nginx sends it."""
    right: dict[str, Any] = {"Auth_Pass": b"secret-alice", "Client_IP": b"198.51.100.9", **changes}
    lines = b"".join(b"%b: %b\r\n" % line for line in fields(**right))
    return b"%b /auth HTTP/1.0\r\n%b\r\n" % (method, lines)


class Asked:
    """One connection of nginx, which is 192.0.2.7."""

    def __init__(self, world: SmallWorld | None = None, key: bytes = b"", **changes: Any) -> None:
        self.world = world or SmallWorld()
        values: dict[str, Any] = {"askers": ASKERS, **changes}
        listener = ListenerSection("auth_http", HostPort("127.0.0.1", 9000), **values)
        secret = Secret(key) if key else None
        answers = Answers(self.world.steps, listener, self.world.limits, self.world.clock, secret)
        self.protocol = AuthHttpProtocol(self.world.admit("http"), answers)
        self.transport = MemoryTransport(self.protocol)
        self.protocol.makeConnection(self.transport)

    def ask(self, octets: bytes, wait: float = 0.0) -> bytes:
        self.transport.receive(octets)
        self.world.clock.advance(wait)
        return self.transport.take()


class AuthHttpTests(SynchronousTestCase):
    def logged(self, asked: Asked) -> list[tuple[str, str, str, str, Reason | None]]:
        """Protocol, client, user, status and Reason of each line; nothing is left of the connection."""
        asked.transport.peer_closes()
        self.assertEqual(len(asked.world.sessions), 0)
        self.assertEqual(asked.world.clock.getDelayedCalls(), [])
        return [(r.protocol, r.client, r.user, r.front_end_status, r.reason) for r in asked.world.records.all]

    def test_granted(self) -> None:
        """S-ROUTE-1, S-OPS-15: the server is the directory's word; the line in the log is the mail client's."""
        asked = Asked()
        answer = asked.ask(request())
        self.assertIn(b"\r\nAuth-Status: OK\r\nAuth-Server: 192.0.2.99\r\nAuth-Port: 143\r\n", answer)
        self.assertNotIn(b"Auth-User", answer)
        self.assertNotIn(b"secret", answer)
        self.assertTrue(asked.transport.disconnecting)
        self.assertEqual(self.logged(asked), [("imap4", "198.51.100.9", "alice", "OK", None)])
        (record,) = asked.world.records.all
        self.assertEqual((record.back_end, record.mailbox), ("chicago", "alice@fourthcoffee.com"))

    def test_pop3_and_another_name(self) -> None:
        world = SmallWorld(servers=(server("chicago", login_as="address"), server("dallas")))
        answer = Asked(world).ask(request(Auth_Protocol=b"pop3"))
        self.assertIn(b"Auth-Port: 110\r\nAuth-User: alice@fourthcoffee.com\r\n", answer)

    def test_a_server_with_a_master(self) -> None:
        """S-MAIL-7: nginx logs on there with what the server's section says, if that can be said in one name."""
        master = Master("exfront", Secret(b"m4ster"), "*")
        answer = Asked(SmallWorld(servers=(server("chicago", master=master),))).ask(request())
        self.assertIn(b"Auth-User: alice*exfront\r\nAuth-Pass: m4ster\r\n", answer)
        world = SmallWorld(servers=(server("chicago", master=evolve(master, separator="")),))
        self.assertIn(b"[UNAVAILABLE]", Asked(world).ask(request()))
        self.assertEqual(world.records.all[-1].reason, NOT_FOR_NGINX)

    def certified(self, world: SmallWorld, **changes: bytes) -> bytes:
        """The answer to SASL EXTERNAL with alice's certificate."""
        folder = Path(self.mktemp())
        folder.mkdir()
        octets = Authority(folder).issue_client("alice", upn="alice@fourthcoffee.com").read_bytes()
        pem = x509.load_pem_x509_certificates(octets)[0].public_bytes(Encoding.PEM)
        asked: dict[str, Any] = {"Auth_Method": b"external", "Auth_User": b"", "Auth_Pass": b"",
                                 "Auth_SSL_Verify": b"SUCCESS", "Auth_SSL_Cert": escaped(pem), **changes}  # fmt: skip
        return Asked(world).ask(request(**asked), FLOOR)

    def test_a_certificate(self) -> None:
        """S-MAIL-8, S-ROUTE-3: its owner's mailbox, for nobody else, and only at servers that need no password."""
        master = Master("exfront", Secret(b"m4ster"), "*")
        world = SmallWorld(servers=(server("chicago", master=master, login_as="account"), server("dallas")))
        self.assertIn(b"Auth-User: alice*exfront\r\nAuth-Pass: m4ster\r\n", self.certified(world))
        self.assertIn(b"Auth-User: alice*exfront\r\n", self.certified(world, Auth_User=b"alice@fourthcoffee.com"))
        self.assertIn(b"[AUTHORIZATIONFAILED]", self.certified(world, Auth_User=b"bob"))
        self.assertIn(b"XF-CERT-UNKNOWN", self.certified(world, Auth_SSL_Cert=b"MII"))
        self.assertNotIn(b"Auth-Server", self.certified(SmallWorld()))
        self.assertIn(b"XF-METHOD", self.certified(world, Auth_SSL_Verify=b"NONE"))

    def test_wrong_credentials(self) -> None:
        """S-AUTH-6, S-AUTH-1, S-MAIL-14: all alike, none before the floor, and nginx waits as well."""
        for changes, reason in (
            ({"Auth_Pass": b"wrong"}, WRONG_PASSWORD),
            ({"Auth_User": b"nobody"}, UNKNOWN_USER),
            ({"Auth_Pass": b""}, EMPTY_PASSWORD),
        ):
            with self.subTest(reason.cause):
                asked = Asked()
                self.assertEqual(asked.ask(request(**changes), 0.49), b"")
                self.assertIn(WRONG + b"Auth-Wait: 1\r\n", asked.ask(b"", FLOOR))
                self.assertEqual([line[3:] for line in self.logged(asked)], [("NO", reason)])

    def test_the_guard_says_how_long_nginx_waits(self) -> None:
        """S-MAIL-11, S-AUTH-7: the delay of the client's network, whoever asks for it, and of no other."""
        world = SmallWorld()
        guard = Guard(AuthenticationSection(), world.clock.seconds)
        cache = CredentialCache(AuthenticationSection(), world.clock.seconds)
        world.steps.portal.guarded = GuardedPasswords(world.passwords, guard, cache)
        waits = []
        for password in (b"one", b"two", b"three"):
            answer = Asked(world).ask(request(Auth_Pass=password), FLOOR)
            waits.append(answer.partition(b"Auth-Wait: ")[2].partition(b"\r\n")[0])
        self.assertEqual(waits, [b"2", b"4", b"8"])
        other = Asked(world).ask(request(Auth_User=b"bob", Auth_Pass=b"wrong", Client_IP=b"198.51.100.10"), FLOOR)
        self.assertIn(b"Auth-Wait: 2\r\n", other)
        refused = Asked(world).ask(request(), FLOOR)
        self.assertIn(WRONG, refused)
        self.assertEqual(len(world.passwords.checked), 4, "the right one is not tried: alice is soft-locked")

    def test_the_last_try_of_a_connection(self) -> None:
        """S-MAIL-11: without Auth-Wait nginx closes its client's connection."""
        for protocol, most in ((b"imap", b"5"), (b"pop3", b"3")):
            asked = Asked()
            answer = asked.ask(request(Auth_Protocol=protocol, Auth_Pass=b"x", Auth_Login_Attempt=most), FLOOR)
            self.assertIn(b"Auth-Status: [AUTH", answer)
            self.assertNotIn(b"Auth-Wait", answer)

    def test_a_fault_is_never_a_wrong_password(self) -> None:
        """S-MAIL-14: temporary, at once, and the client may try again, however often it has."""
        world = SmallWorld()
        world.directory.fault = Refused(DIRECTORY_DOWN)
        answer = Asked(world).ask(request(Auth_Login_Attempt=b"9"))
        self.assertIn(b"Auth-Status: [UNAVAILABLE] The mailbox is temporarily unavailable. (XF-DIR-", answer)
        self.assertIn(b"Auth-Wait: 1\r\n", answer)
        answer = Asked(world).ask(request(Auth_Protocol=b"pop3"))
        self.assertIn(b"Auth-Status: [SYS/TEMP] ", answer)

    def test_where_nginx_cannot_go(self) -> None:
        """S-ROUTE-8, S-DIR-4: it speaks no TLS to servers, and gets no address that exfront would not connect to."""
        world = SmallWorld(servers=(server("chicago", imap4=Service(993, "implicit")),))
        self.assertIn(b"[UNAVAILABLE]", Asked(world).ask(request()))
        self.assertEqual(world.records.all[-1].reason, NOT_FOR_NGINX)
        world = SmallWorld()
        world.dialer.refuse = BACK_END_NO_ADDRESS
        self.assertIn(b"(XF-BE-REFUSED)", Asked(world).ask(request()))
        world.dialer.refuse = None
        self.assertIn(b"[CONTACTADMIN]", Asked(world).ask(request(Auth_User=b"carol", Auth_Pass=b"secret-carol")))
        self.assertEqual(world.records.all[-1].reason, NO_MAILBOX)

    def test_without_tls(self) -> None:
        """S-MAIL-3: a password that crossed the network in clear is not even tried."""
        asked = Asked()
        self.assertIn(b"Auth-Status: [PRIVACYREQUIRED]", asked.ask(request(Auth_SSL=None)))
        self.assertEqual(asked.world.passwords.checked, [])
        self.assertEqual([line[2:] for line in self.logged(asked)], [("alice", "NO", PRIVACY_REQUIRED)])
        self.assertIn(b"Auth-Status: OK", Asked(allow_plaintext=True).ask(request(Auth_SSL=None)))

    def test_who_may_ask(self) -> None:
        """S-MAIL-15: whoever else asks gets no answer, and no password is tried."""
        for asked, octets in (
            (Asked(askers=(ipaddress.ip_network("192.0.2.8/32"),)), request()),
            (Asked(key=b"sesame"), request()),
            (Asked(key=b"sesame"), request(X_Auth_Key=b"Sesame")),
        ):
            answer = asked.ask(octets)
            self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)
            self.assertNotIn(b"Auth-", answer)
            self.assertEqual(asked.world.directory.asked, [])
            self.assertEqual([line[3:] for line in self.logged(asked)], [("NO", ADDRESS_NOT_ALLOWED)])
        self.assertIn(b"Auth-Status: OK", Asked(key=b"sesame").ask(request(X_Auth_Key=b"sesame")))

    def test_what_is_not_served(self) -> None:
        """S-MAIL-8: only what proves a password; an SMTP client gets a code of its own."""
        for changes in ({"Auth_Method": b"apop"}, {"Auth_Method": b"cram-md5"}, {"Auth_Protocol": b"smtp"}):
            asked = Asked()
            answer = asked.ask(request(**changes))
            self.assertIn(b"Auth-Status: [CANNOT] This way to log on is not supported. (XF-METHOD)\r\n", answer)
            self.assertIn(b"Auth-Error-Code: 504 5.7.4\r\n", answer)
            self.assertEqual([line[3:] for line in self.logged(asked)], [("NO", AUTH_METHOD_NOT_SERVED)])

    def test_bad_input(self) -> None:
        """S-HTTP-1, S-HTTP-9: no question, no answer."""
        for octets in (
            b"A LOGIN alice secret\r\n",
            request().replace(b"HTTP/1.0", b"HTTP/3.0"),
            request(b"POST"),
            request(Content_Length=b"5"),
            request(Auth_User=None),
            request(Auth_Pass=b"%"),
            b"GET / HTTP/1.1\r\n\r\n",
        ):
            with self.subTest(octets[:20]):
                asked = Asked()
                answer = asked.ask(octets)
                self.assertRegex(answer, rb"\AHTTP/1.1 (400|501|505) ")
                self.assertNotIn(b"Auth-", answer)
                self.assertEqual([line[3:] for line in self.logged(asked)], [("NO", BAD_INPUT)])

    def test_an_nginx_that_says_nothing(self) -> None:
        """S-HTTP-24: it is cut, with a line in the log."""
        asked = Asked()
        self.assertEqual(asked.ask(b"GET / HT", 21.0), b"")
        self.assertTrue(asked.transport.disconnected)
        self.assertEqual([line[3:] for line in self.logged(asked)], [("-", CLIENT_TIMEOUT)])

    def test_an_nginx_that_gives_up(self) -> None:
        """S-MAIL-19: the log-on under way is given up with it."""
        asked = Asked()
        asked.world.passwords.hold = True
        asked.ask(request())
        asked.transport.peer_closes(ConnectionDone())
        self.assertEqual([line[3:] for line in self.logged(asked)], [("-", CLIENT_GONE)])

    def test_a_stop(self) -> None:
        """S-OPS-7: asked again, another one answers."""
        asked = Asked()
        asked.protocol._session.stop()
        self.assertEqual([line[3:] for line in self.logged(asked)], [("-", DRAINING)])

    def test_a_fault_of_our_own(self) -> None:
        """S-OPS-8, S-AUTH-11: nginx tells of an internal error; the log names no value."""
        asked = Asked()
        asked.world.directory.fault = ValueError("secret-alice")
        self.assertTrue(asked.ask(request()).startswith(b"HTTP/1.1 500 "))
        self.assertEqual([line[3:] for line in self.logged(asked)], [("NO", INTERNAL_ERROR)])
        (logged,) = self.flushLoggedErrors()
        self.assertNotIn("secret-alice", str(logged))

    def test_a_limit_of_its_own(self) -> None:
        """S-OPS-4: nginx's connections are those of many."""
        section = ListenerSection("auth_http", HostPort("127.0.0.1", 1), askers=ASKERS)
        self.assertEqual(section.speaks_for_many, ASKERS)
        self.assertEqual(evolve(section, protocol="http").speaks_for_many, ())
