"""What proxies tell of a client by ID and XCLIENT, and the URL of a login referral."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.client_facts import BadFacts, ClientFacts, Told, read_id_facts, read_xclient, write_id, write_xclient
from exfront.wire.imap4_commands import Command, CommandReader
from exfront.wire.imap4_id import read_id
from exfront.wire.imap4_referral import Referral, read_referral
from exfront.wire.proxy_protocol import Endpoint
from tests.support.splits import events

FACTS = ClientFacts(Endpoint("192.0.2.7", 50_001), Endpoint("198.51.100.1", 993), "0123abcd", 4)
SOCKET = ClientFacts(None, None, "0123abcd", 4)


class FactsTests(SynchronousTestCase):
    def test_the_fields_are_those_that_dovecot_reads(self) -> None:
        """S-MAIL-16: exfront's own ID and XCLIENT."""
        self.assertEqual(
            write_id(b"I", FACTS),
            b'I ID ("x-session-id" "0123abcd" "x-originating-ip" "192.0.2.7" "x-originating-port" "50001" '
            b'"x-connected-ip" "198.51.100.1" "x-connected-port" "993" "x-proxy-ttl" "4")\r\n',
        )
        self.assertEqual(write_xclient(FACTS), b"XCLIENT ADDR=192.0.2.7 PORT=50001 SESSION=0123abcd TTL=4")
        self.assertEqual(write_id(b"I", SOCKET), b'I ID ("x-session-id" "0123abcd" "x-proxy-ttl" "4")\r\n')
        self.assertEqual(write_xclient(SOCKET), b"XCLIENT SESSION=0123abcd TTL=4")

    @given(st.ip_addresses().map(str), st.integers(0, 65_535), st.integers(0, 9))
    def test_what_is_written_is_read(self, address: str, port: int, hops: int) -> None:
        facts = ClientFacts(Endpoint(address, port), None, "0123abcd", hops)
        (command,) = events(CommandReader(), [write_id(b"I", facts)])
        assert isinstance(command, Command)
        told = read_id_facts(read_id(command.arguments))
        self.assertEqual(told, read_xclient(write_xclient(facts).partition(b" ")[2]))
        self.assertEqual((told.port, told.hops_left), (port, hops))

    def test_what_is_read(self) -> None:
        """S-MAIL-16: other fields are the sender's own; an IPv4 address mapped into IPv6 counts as what it is."""
        pairs = ((b"name", b"x"), (b"X-Originating-IP", b"::ffff:192.0.2.7"), (b"x-connected-ip", b"nonsense"))
        self.assertEqual(read_id_facts(pairs), Told("192.0.2.7"))
        self.assertEqual(read_xclient(b"ADDR=2001:db8::7 FORWARD=eA== TTL=0"), Told("2001:db8::7", hops_left=0))
        self.assertEqual(read_xclient(b""), Told())

    def test_nonsense_is_refused(self) -> None:
        """S-MAIL-16: a trusted peer is read strictly.

        Bad input: a trusted proxy names no IP address, or a hop count that is no number.
        """
        for argument in (b"ADDR=", b"ADDR=be1", b"ADDR=192.0.2.300", b"PORT=65536", b"PORT=-1", b"TTL=", b"TTL=1e3"):
            with self.assertRaises(BadFacts, msg=argument):
                read_xclient(argument)
        with self.assertRaises(BadFacts):
            read_id_facts(((b"x-proxy-ttl", b"five"),))


class ReferralTests(SynchronousTestCase):
    def test_the_server_of_a_referral(self) -> None:
        for url, referral in (
            (b"imap://be2.corp/", Referral("be2.corp", None)),
            (b"IMAP://alice;AUTH=*@be2.corp:1143/INBOX", Referral("be2.corp", 1143)),
            (b"imap://[2001:db8::1]:143", Referral("2001:db8::1", 143)),
        ):
            self.assertEqual(read_referral(url), referral)

    def test_what_is_no_url_of_a_server(self) -> None:
        for url in (b"", b"imap:///", b"http://be2.corp/", b"imap://be2.corp:0/", b"imap://be2.corp:99999/",
                    b"imap://a@b@be2.corp/", b"imap://be2.corp\xe9/", b"imap://be2 corp/"):  # fmt: skip
            self.assertIsNone(read_referral(url), url)
