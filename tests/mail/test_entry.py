"""What mail back ends are shown of credentials and clients, and where their referrals lead; in memory."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.decision import Relay
from exfront.facts import Identity, Policy, World
from exfront.mail.entry import credentials_for, find_referred
from exfront.mail.kinds import IMAP4, POP3, Kind
from exfront.reasons import LOOP, MASTER_NAME, WITHOUT_PASSWORD, Refused
from exfront.secret import Secret
from exfront.topology import Master, Server, Service, Topology
from exfront.wire.imap4_referral import Referral
from exfront.wire.proxy_protocol import Endpoint, write
from exfront.wire.sasl import Credentials
from tests.mail.connection import MailConnection
from tests.support.directory import mailbox
from tests.support.steps import SmallWorld, server

LOGIN = b"a LOGIN alice secret-alice\r\n"
GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n"
PLAIN = b"L AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldC1hbGljZQ==\r\n"
MASTER = Master("exfront", Secret(b"m"))


class CredentialsTests(SynchronousTestCase):
    def credentials(self, identity: Identity, master: Master | None = None) -> Credentials:
        at = server("chicago", master=master)
        return credentials_for(Relay(at, Service(143), "typed"), identity)

    def test_the_user_s_own_a_master_s_or_a_token(self) -> None:
        """S-MAIL-7: a token that nobody has judged yet never becomes a master's log-on."""
        alice = Identity(mailbox("alice", "chicago"), b"FC\\alice", "ldap_bind", Secret(b"x"))
        token = evolve(alice, proof="token", secret=Secret(b"t"), token="XOAUTH2")
        master = Credentials(b"exfront", Secret(b"m"), acts_for=b"FC\\alice")
        self.assertEqual(self.credentials(alice), Credentials(b"FC\\alice", Secret(b"x")))
        self.assertEqual(self.credentials(alice, MASTER), master)
        self.assertEqual(
            self.credentials(alice, Master("exfront", Secret(b"m"), "*")),
            Credentials(b"FC\\alice*exfront", Secret(b"m")),
        )
        bearer = Credentials(b"FC\\alice", Secret(b"t"), mechanism="XOAUTH2")
        self.assertEqual([self.credentials(token), self.credentials(token, MASTER)], [bearer] * 2)

    def test_who_has_no_password_needs_a_master(self) -> None:
        """S-MAIL-8: a certificate proves nothing to a back end."""
        alice = Identity(mailbox("alice", "chicago"), b"alice", "certificate")
        self.assertEqual(self.credentials(alice, MASTER).name, b"exfront")
        refused = self.assertRaises(Refused, self.credentials, alice)
        self.assertIs(refused.reason, WITHOUT_PASSWORD)

    def test_a_name_with_the_master_s_separator(self) -> None:
        """S-MAIL-7: ``bob*x*exfront`` would be bob's mailbox.

        Bad input: a user name with the separator of master log-ons.
        """
        somebody = Identity(mailbox("bob*x", "chicago"), b"bob*x", "ldap_bind", Secret(b"x"))
        refused = self.assertRaises(Refused, self.credentials, somebody, Master("exfront", Secret(b"m"), "*"))
        self.assertIs(refused.reason, MASTER_NAME)


class ForwardingTests(SynchronousTestCase):
    """The client is 192.0.2.7:5000, and the memory's own address is what it has connected to."""

    def connect(self, forward: str | None, kind: Kind = IMAP4) -> MailConnection:
        return MailConnection(kind, SmallWorld(servers=(server("chicago", forward_client=forward),)))

    def test_by_id(self) -> None:
        """S-MAIL-16: address, port, session and one hop less."""
        c = self.connect("commands")
        c.say(LOGIN)
        said = c.back_end_says(GREETING)
        self.assertIn(b'"x-originating-ip" "192.0.2.7" "x-originating-port" "5000"', said)
        self.assertIn(b'("x-session-id" "%b"' % c.session.id.encode(), said)
        self.assertTrue(said.endswith(b'"x-proxy-ttl" "4")\r\n' + PLAIN), said)
        self.assertEqual(c.world.dialer.dialled[0].preface, b"")

    def test_by_xclient(self) -> None:
        """S-MAIL-16: POP3 has no ID."""
        c = self.connect("commands", POP3)
        c.say(b"USER alice\r\n")
        c.say(b"PASS secret-alice\r\n")
        said = c.back_end_says(b"+OK [XCLIENT] hi\r\n")
        self.assertEqual(said, b"XCLIENT ADDR=192.0.2.7 PORT=5000 SESSION=%b TTL=4\r\n" % c.session.id.encode())

    def test_by_a_proxy_header(self) -> None:
        """S-MAIL-16: before all else, and by nothing else."""
        for version in ("v1", "v2"):
            c = self.connect(f"proxy_{version}")
            c.say(LOGIN)
            connected = c.session.connected
            assert connected is not None
            header = write("v1" if version == "v1" else "v2", Endpoint("192.0.2.7", 5000), connected)
            self.assertEqual(c.world.dialer.dialled[0].preface, header)
            self.assertEqual(c.back_end_says(GREETING), PLAIN)

    def test_nothing_unless_the_server_is_marked_for_it(self) -> None:
        """S-MAIL-16: a back end that is not trusted with it learns nothing of the client."""
        c = self.connect(None)
        c.say(LOGIN)
        self.assertEqual((c.back_end_says(GREETING), c.world.dialer.dialled[0].preface), (PLAIN, b""))

    def test_a_loop(self) -> None:
        """S-MAIL-16, S-ROUTE-5: no hop is left: nobody is connected to, and it is no wrong password."""
        c = self.connect(None)
        c.session.hops_left = 1
        self.assertTrue(c.say(LOGIN).startswith(b"a NO [UNAVAILABLE]"))
        self.assertEqual(c.world.dialer.dialled, [])
        (record,) = c.records
        self.assertEqual((record.reason, record.detail), (LOOP, "loop via=x-proxy-ttl left=1"))


class ReferralTests(SynchronousTestCase):
    NO = b"L NO [REFERRAL imap://alice;AUTH=*@%b/] elsewhere\r\n"
    DALLAS = b"dallas.fourthcoffee.com"

    def connect(self, *more: Server) -> MailConnection:
        small = SmallWorld(servers=(server("chicago"), server("dallas")))
        world = World(Topology((*small.servers, *more)), Policy(("fourthcoffee.com",)))
        small.steps.world = lambda: world
        c = MailConnection(world=small)
        c.say(LOGIN)
        c.back_end_says(GREETING)
        return c

    def names(self, c: MailConnection) -> list[str]:
        return [each.relay.server.name for each in c.world.dialer.dialled]

    def test_a_known_server_is_gone_to_inside(self) -> None:
        """S-MAIL-4, S-MAIL-9: the client hears of one log-on, and never of a referral."""
        for answer in (self.NO % self.DALLAS, b"L OK [REFERRAL imap://%b:143/] in\r\n" % self.DALLAS):
            c = self.connect()
            first = c.back_end
            c.back_end_says(answer)
            if b"OK" in answer:
                first.receive(b"* CAPABILITY A\r\nC OK\r\n")
            self.assertFalse(first.connected)
            self.assertEqual(c.back_end_says(GREETING), PLAIN)
            c.back_end_says(b"L OK [CAPABILITY A] in\r\n")
            self.assertEqual(c.transport.take(), b"a OK [CAPABILITY A] Logged on.\r\n")
            self.assertEqual((self.names(c), c.session.record.back_end), (["chicago", "dallas"], "dallas"))

    def test_an_unknown_server_is_not(self) -> None:
        """S-MAIL-9, S-DIR-4: nobody's password goes to a host that a back end makes up.

        Bad input: a back end refers to a server that is not known, to itself, or round in a circle.
        """
        foreign = server("evil", host="be1.evil.example", listed=False)
        for host in (b"be1.corp", b"be1.evil.example", b"192.0.2.66", b"chicago.fourthcoffee.com"):
            c = self.connect(foreign)
            c.back_end_says(self.NO % host)
            said = c.transport.take()
            self.assertTrue(said.startswith(b"a NO [UNAVAILABLE] "), said)
            self.assertNotIn(host, said)
            self.assertEqual(self.names(c), ["chicago"])

    def test_who_lets_us_in_is_stayed_with_where_the_better_one_is_not_known(self) -> None:
        c = self.connect()
        c.back_end_says(b"* CAPABILITY A\r\nL OK [REFERRAL imap://be1.corp/] in\r\n")
        self.assertEqual(c.transport.take(), b"a OK [CAPABILITY A] Logged on.\r\n")

    def test_a_circle_ends(self) -> None:
        """S-ROUTE-5: one referral is followed, not two."""
        c = self.connect()
        c.back_end_says(self.NO % self.DALLAS)
        c.back_end_says(GREETING)
        c.back_end_says(self.NO % b"chicago.fourthcoffee.com")
        self.assertTrue(c.transport.take().startswith(b"a NO [UNAVAILABLE] "))
        self.assertEqual(self.names(c), ["chicago", "dallas"])

    def test_the_server_that_a_url_means(self) -> None:
        known = Topology((server("chicago"), server("dallas", imap4=Service(1143))))
        for host, port, name in (
            ("CHICAGO.fourthcoffee.com", None, "chicago"),
            ("chicago.fourthcoffee.com", 143, "chicago"),
            ("dallas.fourthcoffee.com", 1143, "dallas"),
            ("dallas.fourthcoffee.com", 143, "dallas"),
            ("dallas.fourthcoffee.com", 25, ""),
            ("nobody.fourthcoffee.com", None, ""),
        ):
            found = find_referred(Referral(host, port), known)
            self.assertEqual(found.name if found else "", name, (host, port))
