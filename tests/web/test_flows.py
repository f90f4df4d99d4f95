"""What a browser gets of the flows: pages, redirections, errors, and the server that is chosen, over HTTP in memory."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.facts import Policy, World
from exfront.reasons import BACK_END_REFUSED, CAS_CONFIGURATION, CAS_DOWN, Reason, Refused
from exfront.topology import Server, Service, Topology, VirtualDirectory
from tests.routing.test_exchange2003 import old
from tests.routing.test_owa2007 import cas, owa
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, DIRECTORIES, OK, SITE, Conversation, Response, read, request

_URL = "https://texas.fourthcoffee.com/owa/a&b"
_CHICAGO = cas("chicago", roles=frozenset({"mailbox"}))


class FlowCase(SynchronousTestCase):
    """alice's mailbox is on chicago, a mailbox server of Texas."""

    def talk(self, *servers: Server, directories: tuple[VirtualDirectory, ...] = (), **more: object) -> Conversation:
        small = SmallWorld()
        policy = Policy(("fourthcoffee.com",), ("fourthcoffee.com",), frozenset({"mail.fourthcoffee.com"}))
        world = World(
            Topology((_CHICAGO, *servers), virtual_directories=directories),
            **{"policy": policy, "health": small.back_ends.health, "site": "Illinois", **more},
        )
        small.steps.world = lambda: world
        talk = Conversation(world=small)
        self.addCleanup(talk.end)
        return talk


class LinkPageTests(FlowCase):
    def test_a_page_with_the_external_url(self) -> None:
        """S-ROUTE-7, S-HTTP-40: the URL escaped, nothing of the request, no server's name, no back end asked."""
        talk = self.talk(cas("dallas"), directories=(owa("dallas", external_url=_URL),))
        answer = talk.ask(b"GET /owa/?<script>", ALICE)
        self.assertEqual((answer.status, answer.headers[b"cache-control"]), (200, b"no-store"))
        escaped = b"https://texas.fourthcoffee.com/owa/a&amp;b"
        self.assertIn(b'href="%b"' % escaped, answer.body)
        self.assertIn(talk.session.id.encode(), answer.body)
        for word in (b"script", b"dallas", b"chicago", b"a&b"):
            self.assertNotIn(word, answer.body)
        self.assertEqual(talk.world.dialer.dialled, [])
        (record,) = talk.records
        self.assertEqual((record.decision, record.back_end, record.front_end_status), ("LinkPage", "-", "200"))

    def test_the_connection_goes_on(self) -> None:
        talk = self.talk(cas("dallas"), directories=(owa("dallas", external_url=_URL),))
        for _ in range(2):
            self.assertEqual(talk.ask(b"GET /owa/", ALICE).status, 200)
        self.assertEqual(talk.send(request(b"HEAD /owa/", ALICE)).partition(b"\r\n\r\n")[2], b"")

    def test_nobody_sees_it_without_a_password(self) -> None:
        talk = self.talk(cas("dallas"), directories=(owa("dallas", external_url=_URL),))
        answer = talk.ask(b"GET /owa/")
        self.assertEqual(answer.status, 401)
        self.assertNotIn(b"texas", answer.body)

    def test_a_redirection_where_the_configuration_says_so(self) -> None:
        policy = Policy(("fourthcoffee.com",), ("fourthcoffee.com",), cross_site="silent")
        talk = self.talk(cas("dallas"), directories=(owa("dallas", external_url=_URL),), policy=policy)
        answer = talk.ask(b"GET /owa/", ALICE)
        self.assertEqual((answer.status, answer.headers[b"location"], answer.body), (302, _URL.encode(), b""))


class ErrorTests(FlowCase):
    def asked(self, talk: Conversation, line: bytes = b"GET /owa/") -> Response:
        answer = talk.ask(line, ALICE)
        self.assertEqual(talk.world.dialer.dialled, [])
        return answer

    def assert_page(self, talk: Conversation, reason: Reason) -> None:
        answer = self.asked(talk)
        self.assertEqual(answer.status, reason.http_status)
        text = answer.body.decode()
        self.assertIn(f"<p>{reason.text}</p>", text)  # word for word: nothing in it needs an escape
        self.assertIn(reason.code, text)
        self.assertIn(talk.session.id, text)
        self.assertNotIn("dallas", text)

    def test_the_two_errors_of_step_2(self) -> None:
        """S-ROUTE-11: text, code and session id, Retry-After, no names of servers; the log has them."""
        for talk, reason, detail in (
            (self.talk(), CAS_DOWN, "site=Texas servers=-"),
            (
                self.talk(cas("dallas"), directories=(owa("dallas", internal_authentication=frozenset({"basic"})),)),
                CAS_CONFIGURATION,
                "dallas: Integrated authentication is not set",
            ),
        ):
            self.assert_page(talk, reason)
            self.assertEqual(talk.records[0].detail, detail)
            answer = self.asked(talk)
            self.assertEqual(answer.headers[b"retry-after"], b"%d" % (reason.retry_after or 0))

    def test_an_external_url_that_may_not_be_shown(self) -> None:
        """S-ROUTE-7: an error page instead."""
        for url in ("javascript:x", 'http://a"><script>'):
            answer = self.asked(self.talk(cas("dallas"), directories=(owa("dallas", external_url=url),)))
            self.assertEqual(answer.status, 503)
            self.assertIn(b"XF-EXTERNAL-URL", answer.body)
            self.assertNotIn(url.encode(), answer.body)

    def test_a_proxy_that_would_need_a_security_context(self) -> None:
        answer = self.asked(self.talk(cas("dallas"), directories=(owa("dallas"),)))
        self.assertEqual(answer.status, 503)
        self.assertIn(b"XF-CAS-PROXY", answer.body)

    def test_no_address_in_the_smtp_domain(self) -> None:
        """2000/2003 step 6: 401 with sub-status 5 and a challenge, or 404 for a mailbox that the URL names."""
        directory = evolve(DIRECTORIES[0], smtp_domain="contoso.com", smtp_domain_match="strict")
        small = SmallWorld(servers=(old("chicago"), old("dallas")))
        talk = Conversation(world=small, sites=(evolve(SITE, virtual_directory=(directory,)),))
        answer = talk.ask(b"GET /exchange/", ALICE)
        self.assertEqual((answer.status, answer.headers[b"www-authenticate"][:5]), (401, b"Basic"))
        self.assertIn(b"Error: Access is denied.", answer.body)
        self.assertEqual(talk.records[0].reason and talk.records[0].reason.substatus, 5)
        self.assertEqual(talk.ask(b"GET /exchange/bob@fourthcoffee.com/", ALICE).status, 404)
        talk.end()


class RelayTests(FlowCase):
    def test_a_client_access_server_that_takes_passwords_is_relayed_to(self) -> None:
        methods = frozenset({"basic", "integrated"})
        talk = self.talk(cas("dallas"), directories=(owa("dallas", internal_authentication=methods),))
        sent = talk.relayed(ALICE, line=b"GET /owa/")
        self.assertTrue(sent.startswith(b"GET /owa/ HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\n"), sent)
        self.assertIn(ALICE, sent)
        relay = talk.world.dialer.dialled[0].relay
        self.assertEqual((relay.server.name, relay.service), ("dallas", Service(443, "implicit")))
        self.assertEqual(talk.answer(), OK)
        talk.send(request(b"GET /owa/again", ALICE))
        self.assertEqual(talk.answer(), OK)
        told = [(record.decision, record.back_end) for record in talk.records]
        self.assertEqual(told, [("ProxyToCas", "dallas")] * 2)

    def test_who_is_out_is_left_for_another_on_a_kept_connection(self) -> None:
        """S-ROUTE-12: what was decided holds only as long as its server is there."""
        servers = (cas("dallas"), cas("austin"))
        talk = self.talk(*servers, site="Texas")
        talk.relayed(ALICE, line=b"GET /owa/")
        talk.answer(OK[:-2].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"ok")
        first = talk.world.dialer.dialled[0].relay.server.name
        self.break_down(talk.world, first)
        talk.send(request(b"GET /owa/", ALICE))
        second = talk.world.dialer.dialled[1].relay.server.name
        self.assertEqual({first, second}, {"dallas", "austin"})
        self.assertEqual(read(talk.answer(OK, 1)).status, 200)
        self.break_down(talk.world, second)
        self.assertIn(b"XF-CAS-DOWN", talk.ask(b"GET /owa/x", ALICE).body)
        talk.wait(10.0)
        talk.send(request(b"GET /owa/y", ALICE))
        self.assertEqual(talk.world.dialer.dialled[2].relay.server.name, first)  # due: the user's own again

    def dialled(self, talk: Conversation) -> list[str]:
        return [each.relay.server.name for each in talk.world.dialer.dialled]

    def test_who_cannot_be_reached_is_left_for_another_within_the_request(self) -> None:
        """S-ROUTE-12, S-HTTP-32: nothing of it was sent; also with a body, which waits meanwhile."""
        for fields, body in (((), b""), ((b"Content-Length: 3\r\n",), b"abc")):
            talk = self.talk(cas("dallas"), cas("austin"), site="Texas")
            talk.world.dialer.dead = {"dallas", "austin"} - {self.chosen_second()}
            talk.send(request(b"POST /owa/", ALICE, *fields, body=body))
            self.assertEqual(len(self.dialled(talk)), 2)
            self.assertTrue(talk.back_end(1).take().endswith(b"\r\n\r\n" + body))
            self.assertEqual(talk.answer(OK, 1), OK)
            (record,) = talk.records
            self.assertEqual((record.back_end, record.reason), (self.dialled(talk)[1], None))

    def chosen_second(self) -> str:
        """Of dallas and austin, the one that is not alice's own choice."""
        talk = self.talk(cas("dallas"), cas("austin"), site="Texas")
        talk.relayed(ALICE, line=b"GET /owa/")
        return ({"dallas", "austin"} - set(self.dialled(talk))).pop()

    def test_three_are_tried_and_no_more(self) -> None:
        """S-ROUTE-12: each once."""
        names = ["dallas", "austin", "houston", "waco"]
        talk = self.talk(*map(cas, names), site="Texas")
        talk.world.dialer.dead = set(names)
        answer = talk.ask(b"GET /owa/", ALICE)
        self.assertEqual((answer.status, len(set(self.dialled(talk))), len(self.dialled(talk))), (502, 3, 3))
        self.assertIs(talk.records[0].reason, BACK_END_REFUSED)

    def break_down(self, small: SmallWorld, name: str) -> None:
        for _ in range(3):
            small.back_ends.take(name, "http", 443).failed(Refused(BACK_END_REFUSED, "address=192.0.2.1"))
