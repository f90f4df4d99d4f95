"""Basic authentication of requests."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from tests.support.directory import mailbox
from tests.web.conversation import ALICE, OK, Conversation, basic, read, request

_NO = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"


class LogOnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = Conversation()

    def refused(self, *fields: bytes) -> bytes:
        self.assertEqual(self.talk.send(request(b"GET /exchange/", *fields)), b"", "sooner than the floor")
        return self.talk.wait(0.61, 0.61)

    def test_without_credentials_there_is_a_challenge(self) -> None:
        answer = self.talk.ask(b"GET /exchange/")
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.headers[b"www-authenticate"], b'Basic realm="Mail", charset="UTF-8"')
        self.assertIn(b"XF-AUTH-NEEDED", answer.body)
        self.assertEqual(self.talk.world.directory.asked, [])

    def test_all_wrong_credentials_look_the_same(self) -> None:
        """S-AUTH-6: unknown user, wrong password, empty password, disabled account; not before the floor.

        Bad input: wrong password over HTTP
        """
        self.talk.world.directory.entries.append(mailbox("dave", disabled=True))
        answers = set()
        for fields in (basic("alice", "wrong"), basic("nobody"), basic("alice", ""), basic("dave"), basic("", "x")):
            answers.add(self.refused(fields))
        self.assertEqual(len(answers), 1)
        self.assertEqual(read(answers.pop()).status, 401)
        self.assertEqual({record.front_end_status for record in self.talk.records}, {"401"})
        self.assertEqual(
            [record.reason.cause for record in self.talk.records if record.reason],
            ["wrong password", "unknown user", "empty user or password", "account disabled", "empty user or password"],
        )

    def test_an_empty_password_reaches_no_bind(self) -> None:
        """S-AUTH-1: in Basic too."""
        self.refused(b"Authorization: Basic dTo=\r\n")
        self.assertEqual(self.talk.world.passwords.checked, [])

    def test_malformed_credentials_are_challenged(self) -> None:
        """S-AUTH-12: not base64, no colon, another scheme; nobody is asked."""
        for value in (b"Basic !!!", b"Basic YQ==", b"Basic", b"Negotiate YII=", b"Bearer x", b""):
            answer = read(self.refused(b"Authorization: " + value + b"\r\n"))
            self.assertEqual(answer.status, 401, value)
            self.assertIn(b"www-authenticate", answer.headers)
        self.assertEqual(self.talk.world.directory.asked, [])

    def test_latin_1_credentials_are_one_bind(self) -> None:
        """S-AUTH-12: and the octets typed go to the back end."""
        self.talk.world.directory.entries.append(mailbox("andré"))
        self.talk.world.passwords.passwords["andré"] = b"caf\xe9"
        self.talk.send(request(b"GET /exchange/", b"Authorization: Basic YW5kcuk6Y2Fm6Q==\r\n"))
        self.assertEqual(self.talk.world.passwords.checked, ["andré"])
        self.assertIn(b"Authorization: Basic YW5kcuk6Y2Fm6Q==\r\n", self.talk.back_end().take())

    def test_no_password_without_tls(self) -> None:
        """S-AUTH-12: 403 and no challenge; nobody is asked."""
        talk = Conversation(allow_plaintext=False)
        answer = talk.ask(b"GET /exchange/", ALICE)
        self.assertEqual(answer.status, 403)
        self.assertNotIn(b"www-authenticate", answer.headers)
        self.assertEqual(talk.world.directory.asked, [])

    def test_a_directory_that_requires_tls_is_403_without(self) -> None:
        """S-AUTH-12: also where the listener allows plain text."""
        self.assertEqual(self.talk.ask(b"GET /secure/", ALICE).status, 403)
        talk = Conversation(secure=True, allow_plaintext=False)
        talk.send(request(b"GET /secure/", ALICE))
        self.assertEqual(len(talk.world.dialer.dialled), 1)

    def test_the_same_credentials_on_one_connection_cost_one_bind_a_minute(self) -> None:
        """S-AUTH-9: then the directory is asked again."""
        for _ in range(3):
            self.talk.send(request(b"GET /exchange/", ALICE))
            self.assertEqual(self.talk.answer(), OK)
        self.assertEqual(self.talk.world.passwords.checked, ["alice"])
        self.assertEqual([record.user for record in self.talk.records], ["alice"] * 3)
        self.assertEqual([record.account_id for record in self.talk.records], ["id-alice"] * 3)
        self.talk.clock.advance(61)
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.talk.world.passwords.checked, ["alice", "alice"])

    def test_other_credentials_are_proven_anew(self) -> None:
        """S-AUTH-9: a remembered log-on is of exactly these octets."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.talk.answer()
        self.assertEqual(read(self.refused(basic("alice", "wrong"))).status, 401)
        self.assertEqual(self.talk.ask(b"GET /exchange/").status, 401)

    def test_a_refusal_by_the_back_end_ends_the_remembered_log_on(self) -> None:
        """S-AUTH-9, S-HTTP-33: 401 with our own challenge; the directory is asked again, on a new connection."""
        self.talk.send(request(b"GET /exchange/", ALICE))
        answer = read(
            self.talk.answer(b"HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\nServer: IIS\r\n\r\n")
        )
        self.assertEqual(answer.headers[b"www-authenticate"], b'Basic realm="Mail", charset="UTF-8"')
        record = self.talk.records[0]
        self.assertEqual((record.front_end_status, record.back_end_status), ("401", "401"))
        self.assertIs(record.reason, reasons.BACK_END_AUTH_MISMATCH)
        self.talk.send(request(b"GET /exchange/", ALICE))
        self.assertEqual(self.talk.world.passwords.checked, ["alice", "alice"])
        self.assertEqual(len(self.talk.world.dialer.dialled), 2)

    def moved(self, *fields: bytes, line: bytes = b"GET /exchange/", body: bytes = b"") -> bytes:
        """Alice's mailbox moves while chicago is asked for it, and lets her not in; what the client got."""
        self.talk.world.directory.remembers = True
        self.talk.send(request(line, ALICE, *fields, body=body))
        self.talk.world.directory.entries[0] = mailbox("alice", "dallas")
        return self.talk.answer(_NO)

    def test_a_mailbox_that_has_moved_is_asked_for_where_it_is_now(self) -> None:
        """S-ROUTE-10: one fresh look at the directory, one more try, unseen by the client."""
        self.assertEqual(self.moved(), b"")
        self.assertTrue(self.talk.back_end(1).take().startswith(b"GET /exchange/ "))
        self.assertEqual(self.talk.answer(OK, 1), OK)
        servers = [dialled.relay.server.name for dialled in self.talk.world.dialer.dialled]
        self.assertEqual((servers, len(self.talk.world.directory.asked)), (["chicago", "dallas"], 2))
        record = self.talk.records[0]
        self.assertEqual((record.back_end, record.detail, record.reason), ("dallas", "moved", None))

    def test_it_is_looked_for_once(self) -> None:
        """S-ROUTE-10: where it is now refuses too: that answer stands."""
        self.moved()
        self.talk.world.directory.entries[0] = mailbox("alice", "chicago")
        self.assertEqual(read(self.talk.answer(_NO, 1)).status, 401)
        self.assertEqual(len(self.talk.world.dialer.dialled), 2)

    def test_a_request_with_a_body_is_not_repeated(self) -> None:
        """S-ROUTE-10, S-HTTP-32: its octets are gone; the client's next one goes right."""
        answer = self.moved(b"Content-Length: 3\r\n", line=b"PUT /exchange/alice/a", body=b"abc")
        self.assertEqual(read(answer).status, 401)
        self.assertEqual(len(self.talk.world.dialer.dialled), 1)

    def test_the_back_end_may_say_all_of_it_later_or_end(self) -> None:
        """S-ROUTE-10: while the directory is asked, the rest of the refusal waits; it is passed on as it came."""
        for end in (b"", b"0\r\n\r\n"):
            self.talk = Conversation()
            self.talk.send(request(b"GET /exchange/", ALICE))
            self.talk.world.directory.hold = True
            head = b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n"
            self.assertEqual(self.talk.answer(head + end), b"")
            self.assertEqual(self.talk.back_end().producerState, "paused")
            if not end:
                self.talk.back_end().peer_closes()
            self.talk.world.directory.release()
            answer = self.talk.client.take()
            self.assertIn(b"HTTP/1.1 401 No\r\n", answer)
            self.assertEqual(answer.endswith(b"2\r\nno\r\n0\r\n\r\n"), bool(end), answer)
            self.assertEqual(self.talk.client.connected, bool(end))
            self.talk.end()

    def test_a_directory_that_is_down_is_no_wrong_password(self) -> None:
        """S-DIR-3: 503 with Retry-After, at once."""
        self.talk.world.directory.fault = reasons.Refused(reasons.DIRECTORY_DOWN)
        answer = self.talk.ask(b"GET /exchange/", ALICE)
        self.assertEqual((answer.status, answer.headers[b"retry-after"]), (503, b"30"))
        self.assertIn(b"XF-DIR-UNAVAILABLE", answer.body)

    def test_no_secret_in_records_or_reprs(self) -> None:
        """S-AUTH-11: neither the password nor its base64."""
        self.talk.send(request(b"GET /exchange/?password=s3cret", ALICE))
        self.talk.answer()
        text = repr(self.talk.records) + repr(self.talk.protocol) + repr(self.talk.session)
        for secret in ("secret-alice", "YWxpY2U6c2VjcmV0", "s3cret"):
            self.assertNotIn(secret, text)
