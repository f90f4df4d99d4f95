"""One request through the steps: what exfront answers by itself, and what a back end gets."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from exfront.config.limits import LimitsSection
from exfront.config.virtual_site import VirtualDirectorySection
from exfront.topology import Mailbox
from tests.support.directory import mailbox
from tests.support.steps import SmallWorld, server
from tests.web.conversation import ALICE, BOB, DIRECTORIES, OK, SITE, Conversation, basic, fields_of, read, request
from tests.web.test_headers import UNTRUSTED, WITH_UNDERSCORE


class LocalAnswerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Conversation()

    def tearDown(self) -> None:
        self.talk.end()
        self.assertEqual(self.talk.clock.getDelayedCalls(), [])

    def test_what_is_not_configured_is_404_without_a_look_up(self) -> None:
        """S-HTTP-22: also by encoding, double slash, or behind a query."""
        for path in (b"/", b"/powershell", b"/%70owershell", b"//owa/", b"/ecp/x?/owa/", b"/exadmin/"):
            answer = self.talk.ask(b"GET " + path, ALICE)
            self.assertEqual((answer.status, answer.headers.get(b"connection")), (404, None), path)
        self.assertEqual(self.talk.world.directory.asked, [])
        self.assertIn(b"XF-NOT-PUBLISHED", answer.body)

    def test_paths_with_two_readings_are_400_and_close(self) -> None:
        """S-HTTP-21: nothing reaches directory or back end, nothing is echoed."""
        for path in (b"/owa/../ecp", b"/owa/%2e%2e/ecp", b"/owa/%252e%252e/x", b"/owa/..%2fecp", b"/owa/%5c..",
                     b"/owa/%c0%ae%c0%ae/", b"/owa/%zz", b"/owa/%00"):  # fmt: skip
            talk = Conversation()
            answer = talk.ask(b"GET " + path, ALICE)
            self.assertEqual((answer.status, answer.headers[b"connection"]), (400, b"close"), path)
            self.assertNotIn(path, answer.body)
            self.assertTrue(talk.client.disconnecting)
            self.assertEqual((talk.world.directory.asked, talk.world.dialer.dialled), ([], []))

    def test_owa_without_slash_is_redirected_under_the_public_name(self) -> None:
        """S-HTTP-5, S-HTTP-22: whatever Host says, and without one."""
        talk = Conversation()
        answer = read(talk.send(b"GET /owa HTTP/1.0\r\n\r\n"))
        self.assertEqual((answer.status, answer.headers[b"location"]), (302, b"http://mail.fourthcoffee.com/owa/"))
        talk = Conversation(secure=True)
        answer = read(talk.send(request(b"GET /owa?a=b", host=b"evil.example")))
        self.assertEqual(answer.headers[b"location"], b"https://mail.fourthcoffee.com/owa/?a=b")
        self.assertEqual(talk.world.directory.asked, [])

    def test_connect_and_trace_never_pass(self) -> None:
        """S-HTTP-7: 405 and close, and nothing of the request comes back."""
        for line in (b"TRACE /exchange/", b"TRACE /", b"CONNECT mail.fourthcoffee.com:443"):
            talk = Conversation()
            octets = talk.send(request(line, ALICE, b"Cookie: secret=cookie\r\n"))
            self.assertEqual((read(octets).status, read(octets).headers[b"connection"]), (405, b"close"), line)
            self.assertNotIn(b"cookie", octets.lower())
            self.assertIn(b"allow", read(octets).headers)
            self.assertEqual(talk.world.dialer.dialled, [])

    def test_methods_outside_the_directorys_list(self) -> None:
        """S-HTTP-7: a known one is 405 with Allow, an unknown one 501; neither asks for a password."""
        answer = self.talk.ask(b"PROPFIND /owa/")
        self.assertEqual((answer.status, answer.headers[b"allow"]), (405, b"GET, HEAD, OPTIONS, POST"))
        self.assertEqual(self.talk.ask(b"FROBNICATE /owa/").status, 501)
        self.assertEqual(self.talk.ask(b"get /owa/").status, 501)
        self.assertEqual(self.talk.ask(b"RPC_IN_DATA /exchange/").status, 405)

    def test_options_of_the_server_is_answered_here(self) -> None:
        """S-HTTP-6: OPTIONS * with Allow."""
        answer = self.talk.ask(b"OPTIONS *")
        self.assertEqual((answer.status, answer.headers[b"content-length"]), (200, b"0"))
        self.assertIn(b"PROPFIND", answer.headers[b"allow"])

    def test_options_with_no_forwards_left_is_answered_here(self) -> None:
        answer = self.talk.ask(b"OPTIONS /owa/", ALICE, b"Max-Forwards: 0\r\n")
        self.assertEqual((answer.status, answer.headers[b"allow"]), (200, b"GET, HEAD, OPTIONS, POST"))

    def test_an_absolute_target_is_served_in_origin_form(self) -> None:
        """S-HTTP-6: its authority takes Host's place; an unknown one means the default site."""
        self.talk.send(request(b"GET http://evil.example/exchange/?a", ALICE, host=b"webmail.fourthcoffee.com"))
        sent = self.talk.back_end().take()
        self.assertTrue(sent.startswith(b"GET /exchange/?a HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\n"), sent)
        self.assertEqual(self.talk.records, [])

    def test_head_gets_the_length_and_no_body(self) -> None:
        """S-HTTP-29: for pages of our own too."""
        octets = self.talk.send(request(b"HEAD /nothing"))
        self.assertEqual((read(octets).status, read(octets).body), (404, b""))
        self.assertGreater(int(read(octets).headers[b"content-length"]), 0)

    def test_a_declared_body_over_the_limit_is_413_before_anybody_is_asked(self) -> None:
        """S-HTTP-25: no password, no 100, no connection."""
        answer = self.talk.ask(b"POST /owa/", ALICE, b"Content-Length: 68157440\r\n", b"Expect: 100-continue\r\n")
        self.assertEqual((answer.status, answer.headers[b"connection"]), (413, b"close"))
        self.assertEqual((self.talk.world.directory.asked, self.talk.world.dialer.dialled), ([], []))

    def test_a_request_that_was_here_before_is_508(self) -> None:
        """S-ROUTE-5: own pseudonym in Via."""
        answer = self.talk.ask(b"GET /exchange/", ALICE, b"Via: 1.1 a, 1.1 exfront\r\n")
        self.assertEqual(answer.status, 508)
        self.assertIn(b"XF-LOOP", answer.body)
        self.assertEqual(self.talk.world.dialer.dialled, [])

    def test_a_destination_stays_on_the_site_and_in_its_directory(self) -> None:
        """S-HTTP-20: 502 (RFC 4918 section 9.9.4), and nothing is sent; two readings are 400."""
        here = b"http://mail.fourthcoffee.com"
        for destination, status in {
            b"http://other/x": 502,
            b"http://other/exchange/alice/x": 502,
            here + b"/owa/x": 502,
            here + b"/nothing": 502,
            b"/public/x": 502,
            b"exchange/alice/x": 502,
            b"ftp://mail.fourthcoffee.com/exchange/": 502,
            here + b"/exchange/../owa/x": 400,
            here + b"/exchange/%2e%2e/owa": 400,
        }.items():
            talk = Conversation()
            answer = talk.ask(b"MOVE /exchange/alice/a", ALICE, b"Destination: " + destination + b"\r\n")
            self.assertEqual((answer.status, talk.world.dialer.dialled), (status, []), destination)

    def test_a_destination_in_its_directory_passes_as_it_is(self) -> None:
        """S-HTTP-20: by any listed name, and as a path."""
        for destination in (b"http://mail.fourthcoffee.com/exchange/alice/b..EML", b"/exchange/alice/b%2Fc",
                            b"https://WEBMAIL.fourthcoffee.com:8443/Exchange/alice/"):  # fmt: skip
            field = b"Destination: " + destination + b"\r\n"
            self.assertIn(field, Conversation().relayed(ALICE, field, line=b"MOVE /exchange/alice/a"))


class RouteTests(SynchronousTestCase):
    def test_everybody_lands_on_the_home_server(self) -> None:
        for who, name in ((ALICE, "chicago"), (BOB, "dallas")):
            talk = Conversation()
            talk.send(request(b"GET /exchange/", who))
            self.assertEqual([dialled.relay.server.name for dialled in talk.world.dialer.dialled], [name])
            self.assertEqual(talk.answer(), OK)

    def test_another_mailbox_is_opened_at_its_server_as_the_caller(self) -> None:
        """S-AUTH-15: routed by the mailbox named, with the caller's own credentials; a 403 there is relayed."""
        talk = Conversation()
        sent = talk.relayed(ALICE, line=b"GET /exchange/bob/Inbox/")
        self.assertEqual(talk.world.dialer.dialled[0].relay.server.name, "dallas")
        self.assertIn(ALICE, sent)
        answer = talk.answer(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(answer, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(talk.records[0].mailbox, "bob@fourthcoffee.com")
        self.assertEqual(talk.records[0].user, "alice")

    def test_a_mailbox_that_is_not_there_is_404(self) -> None:
        talk = Conversation()
        self.assertEqual(talk.ask(b"GET /exchange/nobody/", ALICE).status, 404)

    def test_an_account_without_mailbox_is_403(self) -> None:
        self.assertEqual(Conversation().ask(b"GET /exchange/", basic("carol")).status, 403)

    def test_the_name_for_the_next_hop_is_the_servers_choice(self) -> None:
        world = SmallWorld(servers=(server("chicago", login_as="upn"), server("dallas")))
        sent = Conversation(world=world).relayed(ALICE)
        self.assertIn(basic("alice@fourthcoffee.com", "secret-alice"), sent)

    def test_an_anonymous_directory_goes_to_its_server_with_the_clients_own_credentials(self) -> None:
        """S-ROUTE-3: nothing of ours opens anything there; no directory is asked."""
        talk = Conversation()
        self.assertIn(
            b"Authorization: Bearer x\r\n", talk.relayed(b"Authorization: Bearer x\r\n", line=b"GET /public/")
        )
        self.assertEqual(talk.world.dialer.dialled[0].relay.server.name, "chicago")
        self.assertEqual(talk.world.directory.asked, [])
        self.assertNotIn(b"Authorization", Conversation().relayed(line=b"GET /public/"))

    def test_an_anonymous_request_for_a_mailbox_goes_to_its_server(self) -> None:
        """S-ROUTE-1: found by look-up, asked without any credential."""
        talk = Conversation()
        self.assertNotIn(b"Authorization", talk.relayed(line=b"GET /open/bob/"))
        self.assertEqual(talk.world.dialer.dialled[0].relay.server.name, "dallas")

    def test_an_anonymous_request_for_nobody_is_refused(self) -> None:
        self.assertEqual(Conversation().ask(b"GET /open/").status, 403)

    def test_no_cookie_or_field_names_a_server(self) -> None:
        """S-ROUTE-1: CVE-2021-26855; without credentials nothing is connected to, with them the home server."""
        cookie = b"Cookie: X-BEResource=other9/x~1; X-AnonResource-Backend=other9; X-AnonResource=true\r\n"
        talk = Conversation()
        self.assertEqual(talk.ask(b"GET /owa/x.js", cookie).status, 401)
        self.assertEqual(talk.world.dialer.dialled, [])
        sent = talk.relayed(ALICE, cookie, b"X-TargetServer: other9\r\n", line=b"GET /owa/x.js")
        self.assertEqual(talk.world.dialer.dialled[0].relay.server.name, "chicago")
        self.assertNotIn(b"other9", sent)

    def test_no_cookie_switches_authentication_off(self) -> None:
        """S-ROUTE-4: CVE-2021-33766."""
        talk = Conversation()
        self.assertEqual(talk.ask(b"GET /owa/", b"Cookie: SecurityToken=x\r\n").status, 401)
        self.assertEqual(talk.world.dialer.dialled, [])

    def test_a_back_end_sees_none_of_the_untrusted_fields(self) -> None:
        """S-HTTP-18: all of them at once, over a real conversation, as fields and as cookies."""
        names = (*UNTRUSTED, *WITH_UNDERSCORE)
        cookies = b"Cookie: " + b"; ".join(name + b"=theirs" for name in UNTRUSTED) + b"\r\n"
        sent = Conversation().relayed(ALICE, cookies, *(name + b": theirs\r\n" for name in names))
        self.assertNotIn(b"theirs", sent)

    def test_odd_paths_arrive_as_they_were_sent(self) -> None:
        """S-ROUTE-2, S-HTTP-21, S-HTTP-23: not an octet is cut, added or decoded."""
        tails = [
            b"", b"a..EML", b"a%20b", b"a%2Fb", b"%25", b"%C3%BC", b"%FC", b"_xF8FF_", b"a&b=c", b"a;b", b"a//b", b"//",
            b"a+b", b"a%2Bb", b"~", b"'", b"(a)", b"!*", b"a:b", b"a@b", b"$a", b",", b"%7Ea", b"%41", b"...", b".a",
            b"a.", b"a%3Fb", b"a%23b", b"[a]", b"{a}", b"|", b"^", b"`", b'"', b"<a>", b"-", b"%e2%80%93", b"?", b"?a",
            b"?a=/../x", b"?@x/powershell", b"?url=http://x&Email=a@b", b"?%zz", b"?a?b", b"?a%00b", b"a?\\",
            b"?cmd=%2e", b"?;", b"%5Fa",
        ]  # fmt: skip
        talk = Conversation()
        for tail in tails:
            target = b"/exchange/alice/" + tail
            talk.send(request(b"GET " + target, ALICE))
            self.assertTrue(talk.back_end().take().startswith(b"GET " + target + b" HTTP/1.1\r\n"), target)
            self.assertEqual(talk.answer(), OK, target)
        self.assertGreaterEqual(len(tails), 50)

    def test_a_query_changes_no_target(self) -> None:
        """S-HTTP-23: whatever it names."""
        for query in (b"?url=http://x&Email=bob@fourthcoffee.com", b"?bob@fourthcoffee.com/", b"?/exchange/bob/"):
            talk = Conversation()
            talk.send(request(b"GET /exchange/" + query, ALICE))
            self.assertEqual(talk.world.dialer.dialled[0].relay.server.name, "chicago", query)

    def test_a_refused_connection_is_502_and_no_wrong_password(self) -> None:
        """Bad input: back end refuses the connection over HTTP."""
        for reason, status in {
            reasons.BACK_END_REFUSED: 502,
            reasons.BACK_END_CONNECT_TIMEOUT: 504,
            reasons.BACK_END_NOT_ALLOWED: 503,
        }.items():
            talk = Conversation()
            talk.world.dialer.refuse = reason
            answer = talk.ask(b"GET /exchange/", ALICE)
            self.assertEqual(answer.status, status)
            self.assertIn(reason.code.encode(), answer.body)
            self.assertEqual((talk.records[0].front_end_status, talk.records[0].back_end_status), (str(status), "-"))

    def test_a_wrong_certificate_stands_in_both_columns(self) -> None:
        """S-ROUTE-8: 502 for the client, and what TLS said of the back end."""
        talk = Conversation()
        refusal = reasons.Refused(reasons.BACK_END_CERTIFICATE, "host=chicago TLS: name")
        talk.world.dialer.hold = True
        talk.send(request(b"GET /exchange/", ALICE))
        talk.world.dialer.held[0].errback(refusal)
        self.assertEqual(read(talk.client.take()).status, 502)
        self.assertEqual((talk.records[0].front_end_status, talk.records[0].back_end_status), ("502", "TLS: name"))


class RecordTests(SynchronousTestCase):
    def test_a_request_leaves_one_line_with_both_statuses(self) -> None:
        """S-OPS-15: and octets each way, and the time of each step."""
        talk = Conversation()
        talk.send(request(b"POST /exchange/?x=1", ALICE, b"Content-Length: 5\r\n", body=b"hello"))
        talk.clock.advance(0.25)
        talk.answer(b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 4\r\n\r\nbody")
        (record,) = talk.records
        self.assertEqual(
            (record.method, record.target, record.virtual_directory, record.user, record.back_end, record.decision),
            ("POST", "/exchange/?x=1", "/exchange", "alice", "chicago", "Relay"),
        )
        self.assertEqual((record.front_end_status, record.back_end_status), ("207", "207"))
        self.assertEqual(record.octets_in, len(request(b"POST /exchange/?x=1", ALICE, b"Content-Length: 5\r\n")) + 5)
        self.assertEqual(record.octets_out, len(b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 4\r\n\r\nbody"))
        self.assertEqual(record.duration, 0.25)
        self.assertEqual(set(record.steps.taken()), {"admit", "authenticate", "locate", "route", "relay"})

    def test_the_session_id_goes_along(self) -> None:
        """S-OPS-15: to the back end, and to the user in a page."""
        talk = Conversation()
        identifier = talk.session.id.encode()
        self.assertIn(b"X-ExFront-Session: " + identifier, fields_of(talk.relayed(ALICE)))
        talk.answer()
        self.assertIn(identifier, talk.ask(b"GET /nothing").body)

    def test_a_fault_of_our_own_is_500_and_ends_this_connection_only(self) -> None:
        """S-OPS-8, S-AUTH-11: logged with a traceback, told without one."""
        talk = Conversation()
        talk.world.directory.fault = ZeroDivisionError("secret detail")
        answer = talk.ask(b"GET /exchange/", ALICE)
        self.assertEqual((answer.status, answer.headers[b"connection"]), (500, b"close"))
        self.assertNotIn(b"secret detail", answer.body)
        self.assertTrue(talk.client.disconnecting)
        self.assertEqual([record.front_end_status for record in talk.records], ["500"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class SettingsTests(SynchronousTestCase):
    def test_a_directory_may_have_its_own_limit_and_methods(self) -> None:
        """S-HTTP-25: body_octets; S-HTTP-7: methods."""
        small = VirtualDirectorySection("/s", "exchange", require_tls="no", body_octets=10, methods=("GET", "PUT"))
        talk = Conversation(sites=(evolve(SITE, virtual_directory=(*DIRECTORIES, small)),))
        self.assertEqual(talk.ask(b"PROPFIND /s/").headers[b"allow"], b"GET, PUT")
        self.assertEqual(talk.ask(b"PUT /s/", ALICE, b"Content-Length: 11\r\n").status, 413)

    def test_the_floor_is_a_setting(self) -> None:
        talk = Conversation(limits=LimitsSection(failure_floor=3.0))
        talk.send(request(b"GET /exchange/", basic("alice", "wrong")))
        self.assertEqual(talk.wait(2.9, 2.9), b"")
        self.assertEqual(read(talk.wait(0.3, 0.3)).status, 401)

    def test_a_client_that_leaves_during_its_log_on_is_forgotten(self) -> None:
        talk = Conversation()
        talk.world.passwords.hold = True
        talk.send(request(b"GET /exchange/", ALICE))
        (held,) = talk.world.passwords.held
        talk.client.peer_closes()
        self.assertTrue(held.called, "the check was not cancelled")
        (record,) = talk.records
        self.assertEqual((record.reason, record.front_end_status), (reasons.CLIENT_GONE, "499"))
        self.assertEqual((len(talk.world.sessions), talk.clock.getDelayedCalls()), (0, []))

    def test_addresses_in_the_directory_do_not_matter_to_the_path(self) -> None:
        """S-AUTH-4: an address, an alias and an account name of one mailbox lead to one server."""
        entry: Mailbox = mailbox("bob", "dallas", alias="robert", addresses=("b.ob@fourthcoffee.com",))
        for name in (b"robert", b"bob", b"b.ob", b"B.OB@FourthCoffee.com"):
            world = SmallWorld()
            world.directory.entries = [entry, mailbox("alice")]
            talk = Conversation(world=world)
            talk.send(request(b"GET /exchange/" + name + b"/", ALICE))
            self.assertEqual(talk.world.dialer.dialled[0].relay.server.name, "dallas", name)
