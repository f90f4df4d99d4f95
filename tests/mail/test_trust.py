"""Mail proxies before exfront: who is believed in what it tells of its client."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.limits import LimitsSection
from exfront.mail.kinds import IMAP4, POP3, Kind
from exfront.reasons import LOOP, TOO_MANY_CONNECTIONS
from tests.mail.connection import MailConnection
from tests.support.steps import SmallWorld, server

ID = b'a ID ("name" "Dovecot" "x-originating-ip" "2001:db8::5" "x-originating-port" "4711" "x-proxy-ttl" "3")\r\n'
XCLIENT = b"XCLIENT ADDR=2001:db8::5 PORT=4711 SESSION=abc TTL=3\r\n"
LOGIN = b"b LOGIN alice secret-alice\r\n"
PEER = ("192.0.2.0/24",)  # the client in memory is 192.0.2.7


class TrustTests(SynchronousTestCase):
    def connect(self, kind: Kind = IMAP4, trusted: tuple[str, ...] = PEER, **more: object) -> MailConnection:
        world = SmallWorld(servers=(server("chicago", forward_client="commands"),))
        return MailConnection(kind, world, trusted=trusted, **more)  # type: ignore[arg-type]

    def client(self, c: MailConnection) -> tuple[str, int, int]:
        return c.session.address, c.session.port, c.session.hops_left

    def test_a_trusted_proxy_names_the_client(self) -> None:
        """S-MAIL-16: by ID and by XCLIENT; logs, limits and the back end hear of that client."""
        c = self.connect()
        self.assertTrue(c.say(ID).endswith(b"a OK ID completed.\r\n"))
        self.assertEqual(self.client(c), ("2001:db8::5", 4711, 3))
        c.say(LOGIN)
        said = c.back_end_says(b"* OK [CAPABILITY IMAP4rev1] hi\r\n")
        self.assertIn(b'"x-originating-ip" "2001:db8::5" "x-originating-port" "4711"', said)
        self.assertIn(b'"x-proxy-ttl" "2"', said)
        c.transport.peer_closes()
        self.assertEqual(c.records[0].client, "[2001:db8::5]:4711")
        pop3 = self.connect(POP3)
        self.assertEqual(pop3.greeting, b"+OK [XCLIENT] exfront ready.\r\n")
        self.assertEqual(pop3.say(XCLIENT), b"+OK Updated.\r\n")
        self.assertEqual(self.client(pop3), ("2001:db8::5", 4711, 3))

    def test_anybody_else_is_not_believed(self) -> None:
        """S-MAIL-16: an answer, and the socket's address in the log; XCLIENT is no command."""
        c = self.connect(trusted=("198.51.100.0/24",))
        self.assertTrue(c.say(ID).endswith(b"a OK ID completed.\r\n"))
        self.assertEqual(self.client(c), ("192.0.2.7", 5000, 5))
        pop3 = self.connect(POP3, trusted=())
        self.assertNotIn(b"XCLIENT", pop3.greeting)
        self.assertTrue(pop3.say(XCLIENT).startswith(b"-ERR "))
        self.assertEqual(self.client(pop3), ("192.0.2.7", 5000, 5))

    def test_nonsense_of_a_trusted_proxy(self) -> None:
        """S-MAIL-16: refused in words, and nothing of it taken."""
        c = self.connect()
        said = c.say(b'a ID ("x-proxy-ttl" "3" "x-originating-ip" "be1")\r\n')
        self.assertEqual((said, self.client(c)), (b"a BAD No IP address.\r\n", ("192.0.2.7", 5000, 5)))
        pop3 = self.connect(POP3)
        self.assertEqual(pop3.say(b"XCLIENT TTL=x\r\n"), b"-ERR No number from 0 to 65535.\r\n")

    def test_what_was_told_before_tls_is_void(self) -> None:
        """S-MAIL-1: somebody on the way may have said it."""
        c = self.connect(mode="starttls", plaintext=False)
        c.say(ID)
        c.say(b"b STARTTLS\r\n")
        self.assertEqual(self.client(c), ("192.0.2.7", 5000, 5))
        c.transport.shake_hands()
        c.say(ID)
        self.assertEqual(self.client(c), ("2001:db8::5", 4711, 3))

    def test_no_hop_is_left(self) -> None:
        """S-MAIL-16, S-ROUTE-5: mail proxies in a circle."""
        for ttl in (b"0", b"1"):
            c = self.connect()
            c.say(b'a ID ("x-proxy-ttl" "%b")\r\n' % ttl)
            self.assertTrue(c.say(LOGIN).startswith(b"b NO [UNAVAILABLE] "))
            self.assertEqual((c.records[0].reason, c.world.dialer.dialled), (LOOP, []))

    def test_nobody_gets_more_hops_than_there_are(self) -> None:
        """S-MAIL-16: what is told cannot make a circle longer."""
        c = self.connect()
        c.say(b'a ID ("x-proxy-ttl" "65535")\r\n')
        self.assertEqual(c.session.hops_left, 5)

    def test_the_client_s_connections_count_as_its_own(self) -> None:
        """S-OPS-4: through one proxy as from everywhere."""
        world = SmallWorld(limits=LimitsSection(connections_per_address=2))
        world.sessions.enter("2001:db8::6")
        for number in range(2):
            c = MailConnection(world=world, trusted=PEER)
            said = c.say(ID)
            if number == 0:
                self.assertTrue(c.transport.connected)
        self.assertIn(b"* BYE [LIMIT]", said)
        self.assertFalse(c.transport.connected)
        self.assertIs(c.records[-1].reason, TOO_MANY_CONNECTIONS)
        self.assertEqual(c.records[-1].client, "192.0.2.7:5000")
