"""What a virtual directory's settings do to a request on its way: TLS, addresses, proxies, identity, ports, the log."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.kinds import read_network
from exfront.config.limits import LimitsSection
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.reasons import (
    ADDRESS_NOT_ALLOWED,
    BACK_END_AUTH_MISMATCH,
    CREDENTIALS_NEEDED,
    IDENTITY_NOT_ALLOWED,
    LOOP,
    MISDIRECTED,
    PRIVACY_REQUIRED,
    RPC_ENDPOINT,
    Refused,
)
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, BOB, OK, Conversation, fields_of, request

PROXY = ("192.0.2.0/24",)  # the client of a Conversation is 192.0.2.7


def conversation(application: Any = "exchange", *, site: dict[str, Any] | None = None, **settings: Any) -> Conversation:
    """With one virtual directory, /x, with `settings`; `site` are those of the conversation."""
    directory = VirtualDirectorySection("/x", application, **{"require_tls": "no", **settings})
    return Conversation((VirtualSiteSection("x", "mail.fourthcoffee.com", (), (directory,)),), **(site or {}))


class AdmissionTests(SynchronousTestCase):
    def test_a_redirection_to_tls(self) -> None:
        """S-HTTP-5: GET and HEAD are sent to the public name; anything else is 403, before any look-up."""
        here = conversation(require_tls="redirect")
        found = here.ask(b"GET /x/a%20b?c=d")
        self.assertEqual(
            (found.status, found.headers[b"location"]), (301, b"https://mail.fourthcoffee.com/x/a%20b?c=d")
        )
        self.assertEqual(here.ask(b"PUT /x/a", b"Content-Length: 1\r\n", body=b"a").status, 403)
        self.assertEqual(here.world.directory.asked, [])
        self.assertEqual([each.reason for each in here.records], [None, PRIVACY_REQUIRED])

    def test_a_client_from_elsewhere(self) -> None:
        """S-HTTP-22: 403 with its Reason, and nobody is asked who it is."""
        here = conversation(allow_networks=(read_network("10.0.0.0/8"),))
        self.assertEqual(here.ask(b"GET /x/").status, 403)
        self.assertEqual(here.ask(b"GET /x/", ALICE).status, 403)
        self.assertEqual(here.world.directory.asked, [])
        self.assertIs(here.records[0].reason, ADDRESS_NOT_ALLOWED)

    def test_strict_hosts(self) -> None:
        """S-HTTP-4: 421 for a host name that no site has."""
        here = conversation(site={"strict_hosts": True})
        self.assertIn(b" 421 ", here.send(request(b"GET /x/", ALICE, host=b"evil.example"))[:20])
        self.assertIs(here.records[0].reason, MISDIRECTED)
        self.assertIn(b" 401 ", here.send(request(b"GET /x/"))[:20])

    def test_a_body_without_limit(self) -> None:
        """S-HTTP-25, S-HTTP-26: 0 is none, and /rpc has none and may be slow."""
        here = conversation("rpc")
        here.send(
            request(
                b"RPC_IN_DATA /x/rpcproxy.dll?chicago:6001", ALICE, b"Content-Length: 1073741824\r\n", body=b"a" * 104
            )
        )
        self.assertTrue(here.back_end().take().endswith(b"a" * 104))
        self.assertEqual(here.wait(120.0), b"")
        self.assertTrue(here.client.connected)
        slow = conversation("exchange", body_octets=0)
        slow.send(request(b"PUT /x/a", ALICE, b"Content-Length: 1073741824\r\n", body=b"a" * 104))
        slow.wait(120.0)
        self.assertFalse(slow.client.connected)


class RpcTests(SynchronousTestCase):
    def test_each_endpoint_is_looked_at(self) -> None:
        """S-ROUTE-13: also of a request that is like the one before it but for its query."""
        here = conversation("rpc")
        for _ in range(2):
            here.relayed(ALICE, line=b"GET /x/rpcproxy.dll?chicago:6001")
            self.assertEqual(here.answer(), OK)
        self.assertEqual(here.ask(b"GET /x/rpcproxy.dll?dc1:389", ALICE).status, 503)
        self.assertIs(here.records[-1].reason, RPC_ENDPOINT)


class BackEndTests(SynchronousTestCase):
    def test_port_and_tls_of_the_directory(self) -> None:
        """S-ROUTE-1: of the configuration; the host stays the mailbox's server."""
        here = conversation(back_end_port=8443, back_end_tls="implicit")
        here.relayed(ALICE, line=b"GET /x/")
        (dialled,) = here.world.dialer.dialled
        self.assertEqual((dialled.relay.server.name, dialled.relay.service.port), ("chicago", 8443))
        self.assertEqual(dialled.relay.service.tls, "implicit")

    def test_an_identity_by_header(self) -> None:
        """S-ROUTE-3: the account's name as the directory has it, no password, and never the client's own word."""
        here = conversation(identity="header", identity_header="Remote-User", header_servers=("Chicago",))
        sent = fields_of(here.relayed(ALICE, b"remote-user: admin\r\n", b"Cookie: Remote-User=a\r\n", line=b"GET /x/"))
        self.assertEqual([each for each in sent if b"user" in each.lower()], [b"Remote-User: alice"])
        self.assertEqual([each for each in sent if each.lower().startswith(b"authorization")], [])

    def test_only_named_servers_are_told_by_a_header(self) -> None:
        """S-ROUTE-3: bob lives elsewhere."""
        here = conversation(identity="header", header_servers=("chicago",))
        self.assertEqual(here.ask(b"GET /x/", BOB).status, 503)
        self.assertIs(here.records[0].reason, IDENTITY_NOT_ALLOWED)
        self.assertEqual(here.world.dialer.dialled, [])

    def test_no_identity_at_all(self) -> None:
        here = conversation(identity="none")
        sent = here.relayed(ALICE, line=b"GET /x/")
        self.assertNotIn(b"uthorization", sent)
        self.assertNotIn(b"alice", sent)

    def test_passthrough_keeps_passwords_here(self) -> None:
        """S-AUTH-7: what exfront cannot count does not pass; other schemes do."""
        here = conversation(authentication="passthrough", server="chicago")
        self.assertNotIn(b"uthorization", here.relayed(ALICE, line=b"GET /x/"))
        here.answer()
        sent = here.relayed(b"Authorization: NTLM TlRM\r\n", line=b"GET /x/", number=1)
        self.assertIn(b"\r\nAuthorization: NTLM TlRM\r\n", sent)


class ProxyTests(SynchronousTestCase):
    def test_a_trusted_proxy_names_the_client(self) -> None:
        """S-HTTP-19: for the back end, the log and the guard; each request may be another's."""
        here = conversation(site={"trusted_proxies": PROXY})
        told = b"X-Forwarded-For: 10.0.0.9, 198.51.100.7\r\n"
        sent = fields_of(
            here.relayed(ALICE, told, b"X-Forwarded-Proto: https\r\n", b"X-ExFront-Hop: 1\r\n", line=b"GET /x/")
        )
        for field in (b"X-Forwarded-For: 198.51.100.7", b"X-Forwarded-Proto: https", b"Front-End-Https: On",
                      b"X-ExFront-Hop: 2"):  # fmt: skip
            self.assertIn(field, sent)
        here.answer()
        sent = fields_of(here.relayed(ALICE, b"X-Forwarded-For: 198.51.100.8\r\n", line=b"GET /x/"))
        self.assertIn(b"X-Forwarded-For: 198.51.100.8", sent)
        self.assertIn(b"X-Forwarded-Proto: http", sent)
        here.answer()
        self.assertEqual([each.client for each in here.records], ["198.51.100.7", "198.51.100.8"])

    def test_nobody_else_does(self) -> None:
        """S-HTTP-18, S-HTTP-19: an unlisted peer's word is dropped, and its count of hops."""
        here = conversation(site={"trusted_proxies": ("10.0.0.0/8",)})
        told = (b"X-Forwarded-For: 10.0.0.1\r\n", b"X-Forwarded-Proto: https\r\n", b"X-ExFront-Hop: 9\r\n")
        sent = fields_of(here.relayed(ALICE, *told, line=b"GET /x/"))
        for field in (b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-Proto: http", b"X-ExFront-Hop: 1"):
            self.assertIn(field, sent)
        self.assertNotIn(b"Front-End-Https: On", sent)
        here.answer()
        self.assertEqual(here.records[0].client, "192.0.2.7:5000")

    def test_tls_at_the_proxy_counts_as_tls(self) -> None:
        """S-AUTH-12: and its want of TLS as none, whatever it used to come here."""
        site = {"trusted_proxies": PROXY, "allow_plaintext": False}
        here = conversation(site=site, require_tls="refuse")
        self.assertEqual(here.ask(b"GET /x/", b"X-Forwarded-Proto: http\r\n").status, 403)
        self.assertEqual(here.ask(b"GET /x/").status, 403)
        self.assertEqual(here.ask(b"GET /x/", b"X-Forwarded-Proto: https\r\n").status, 401)
        over_tls = conversation(site={**site, "secure": True}, require_tls="refuse")
        self.assertEqual(over_tls.ask(b"GET /x/", b"X-Forwarded-Proto: http\r\n").status, 403)
        self.assertEqual(over_tls.ask(b"GET /x/").status, 401)

    def test_rules_about_addresses_are_about_the_client(self) -> None:
        here = conversation(site={"trusted_proxies": PROXY}, deny_networks=(read_network("198.51.100.0/24"),))
        self.assertEqual(here.ask(b"GET /x/", b"X-Forwarded-For: 198.51.100.7\r\n").status, 403)
        self.assertEqual(here.ask(b"GET /x/", b"X-Forwarded-For: 203.0.113.7\r\n").status, 401)

    def test_one_client_behind_a_proxy_has_its_limit(self) -> None:
        """S-OPS-4: requests of one client at once, whatever connections of the proxy they come by."""
        site = {"trusted_proxies": PROXY, "world": SmallWorld(limits=LimitsSection(connections_per_address=1))}
        ask = (ALICE, b"X-Forwarded-For: 198.51.100.7\r\n")
        here = conversation(site=site)
        here.world.sessions.many_from = tuple(map(read_network, PROXY))
        here.relayed(*ask, line=b"GET /x/")
        there = conversation(site=site)
        self.assertEqual(there.ask(b"GET /x/", *ask).status, 503)
        here.answer()
        self.assertEqual(there.ask(b"GET /x/", *ask[1:]).status, 401)

    def test_what_is_done_for_a_client_is_counted_once_and_given_back(self) -> None:
        """S-OPS-4: also where a request is served as the one before it, or its client goes away."""
        limits = LimitsSection(connections_per_address=1)
        here = conversation(site={"trusted_proxies": PROXY, "world": SmallWorld(limits=limits)})
        here.world.sessions.many_from = tuple(map(read_network, PROXY))
        ask = (ALICE, b"X-Forwarded-For: 198.51.100.7\r\n")
        for _ in range(3):
            self.assertIn(b"X-Forwarded-For: 198.51.100.7\r\n", here.relayed(*ask, line=b"GET /x/"))
            self.assertEqual(here.answer(), OK)
        self.assertEqual({each.client for each in here.records}, {"198.51.100.7"})
        here.relayed(*ask, line=b"GET /x/")
        self.assertRaises(Refused, here.world.sessions.enter, "198.51.100.7")
        here.client.abortConnection()
        here.world.sessions.enter("198.51.100.7")

    def test_no_log_on_of_a_connection_by_a_proxy(self) -> None:
        """S-HTTP-34: the next request on the same connections may be another user's."""
        for method in ("passthrough", "anonymous"):
            here = conversation(site={"trusted_proxies": PROXY}, authentication=method, server="chicago")
            sent = here.relayed(b"Authorization: NTLM TlRM\r\n", line=b"GET /x/")
            self.assertNotIn(b"uthorization", sent)

    def test_a_loop_of_front_ends_ends(self) -> None:
        """S-ROUTE-5: 508 above three hops; the mark of another exfront is none."""
        here = conversation(site={"trusted_proxies": PROXY})
        self.assertEqual(here.ask(b"GET /x/", ALICE, b"X-ExFront-Hop: 3\r\n").status, 508)
        self.assertIs(here.records[0].reason, LOOP)
        self.assertIn(
            b"X-ExFront-Hop: 3", here.relayed(ALICE, b"X-ExFront-Hop: 2\r\n", b"Via: 1.1 exfront\r\n", line=b"GET /x/")
        )

    def test_removed_headers_of_the_configuration(self) -> None:
        """S-HTTP-18: settings add."""
        here = conversation(site={"removed_headers": ("X-Remote-User",)})
        sent = here.relayed(ALICE, b"X-REMOTE-user: a\r\n", b"X-Remote-Users: b\r\n", line=b"GET /x/")
        self.assertNotIn(b"X-REMOTE-user", sent)
        self.assertIn(b"X-Remote-Users: b", sent)


class LogTests(SynchronousTestCase):
    def test_of_a_401_what_was_offered_and_what_was_used(self) -> None:
        """S-OPS-15: exfront's own, for each way to fail."""
        here = conversation()
        here.ask(b"GET /x/")
        here.send(request(b"GET /x/", b"Authorization: Negotiate YII\r\n"))
        here.wait(20.0)
        self.assertEqual([(each.schemes_offered, each.scheme_used) for each in here.records],
                         [("Basic", "-"), ("Basic", "Negotiate")])  # fmt: skip
        self.assertIs(here.records[0].reason, CREDENTIALS_NEEDED)

    def test_of_a_back_ends_401_too(self) -> None:
        """S-OPS-15: as the client gets it."""
        here = conversation(authentication="passthrough", server="chicago")
        here.relayed(line=b"GET /x/")
        here.answer(
            b"HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual((here.records[0].schemes_offered, here.records[0].scheme_used), ("Negotiate,NTLM", "-"))
        here = conversation()
        here.relayed(ALICE, line=b"GET /x/")
        here.answer(b"HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n")
        (record,) = here.records
        self.assertEqual((record.schemes_offered, record.scheme_used), ("Basic", "Basic"))
        self.assertIs(record.reason, BACK_END_AUTH_MISMATCH)

    def test_other_answers_tell_no_scheme(self) -> None:
        here = conversation()
        here.relayed(ALICE, line=b"GET /x/")
        here.answer(OK)
        self.assertEqual((here.records[0].schemes_offered, here.records[0].scheme_used), ("-", "-"))
