"""Bad input through a running exfront: a clear error, the right Reason in the log, no traceback, no connection left."""

from __future__ import annotations

import base64
import functools
import imaplib
import socket
import ssl
from collections import Counter
from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Conversation, Page, basic, exchange, get, imap4_log_in, pop3_log_in
from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, LISTENERS, PUBLIC_NAME, shared
from tests.support.population import EIGHT_BIT, LATIN_PASSWORD, ODD_PASSWORD, SPACES, Person
from tests.support.scripted_server import ScriptedServer, close, say

WRONG_IMAP4 = b"a NO [AUTHENTICATIONFAILED] "
WRONG_POP3 = b"-ERR [AUTH] "
CREDENTIAL = "XF-AUTH-FAIL"


class CleanTests(SynchronousTestCase):
    """After each test the front end holds the connections that it held before, and its log has no traceback."""

    def front_end(self) -> ExFront:
        """The one to watch."""
        return shared().front

    def setUp(self) -> None:
        self.site = shared()
        self.front = self.front_end()
        self.directory = [(self.site.slapd.address, self.site.slapd.ldap)]
        self.front.wait_for_connections(0, self.directory)
        self.front.settle()
        self.mark = len(self.front.access_lines())
        self.log_mark = len(self.front.server_log())
        self.addCleanup(self.assert_clean)
        self.addCleanup(self.assert_alive)

    def assert_alive(self) -> None:
        """It still serves."""
        imap4_log_in(self.site.front.at("imap-clear"), self.site.users[0]).logout()

    def assert_clean(self) -> None:
        """No connection but those to the directory, no traceback."""
        self.front.wait_for_connections(0, self.directory)
        self.assertNotIn("Traceback", self.front.server_log()[self.log_mark :])

    def assert_reasons(self, expected: Mapping[str, int]) -> None:
        """So many access-log lines with each Reason, and none with another."""
        self.front.settle()
        self.assertEqual(self.reasons(), expected)

    def reasons(self) -> Counter[str]:
        """Since the test began."""
        lines = self.front.access_lines()[self.mark :]
        return Counter(line["x-reason"] for line in lines if line["x-reason"] != "-")

    def imap4(self, *commands: bytes) -> list[bytes]:
        """The tagged answers to commands on one new connection."""
        with Conversation(self.front.at("imap-clear")) as talk:
            talk.until(b"* OK")
            return [talk.ask(command) for command in commands]

    def pop3(self, *commands: bytes) -> list[bytes]:
        """The answers to single-line commands on one new connection."""
        with Conversation(self.front.at("pop3-clear")) as talk:
            talk.until(b"+OK")
            answers = []
            for command in commands:
                talk.send(command + b"\r\n")
                answers.append(talk.line())
            return answers

    def get(self, headers: Mapping[str, str]) -> Page:
        """One request for a page of /exchange."""
        return get(self.front.at("http"), f"/exchange/{self.site.users[0].alias}/", headers)


class CredentialTests(CleanTests):
    """Names and passwords that are none, in every protocol: the same answer, the same Reason."""

    def assert_wrong(self, name: bytes, password: bytes) -> None:
        """IMAP4 (literals, so that any octet passes), POP3 and HTTP say "wrong", and nobody says more."""
        plain = base64.b64encode(b"\0" + name + b"\0" + password)
        login = b"a LOGIN {%d+}\r\n%s {%d+}\r\n%s" % (len(name), name, len(password), password)
        header = {"Authorization": "Basic " + base64.b64encode(name + b":" + password).decode()}
        texts = self.imap4(login) + self.imap4(b"a AUTHENTICATE PLAIN " + plain)
        pop3 = self.pop3(b"USER " + name, b"PASS " + password)
        page = self.get(header)
        for text in texts:
            self.assertTrue(text.startswith(WRONG_IMAP4), text)
        self.assertTrue(pop3[0].startswith(b"+OK"), pop3)
        self.assertTrue(pop3[1].startswith(WRONG_POP3), pop3)
        self.assertEqual(page.status, 401)
        self.assertTrue(page.headers["www-authenticate"].startswith('Basic realm="Mail"'), page.headers)
        shown = {text.partition(b"] ")[2] for text in (*texts, pop3[1])}
        self.assertEqual(len(shown), 1, shown)
        self.assertIn(b"(XF-AUTH-FAIL)", shown.pop())

    def test_unknown_user(self) -> None:
        """S-AUTH-6, S-MAIL-14: an unknown name is a wrong credential, and no bind is tried.

        Bad input: unknown user
        """
        binds = len(self.site.slapd.user_binds())
        self.assert_wrong(b"nobody-here", b"password-1")
        self.assert_reasons({CREDENTIAL: 4})
        self.assertEqual(len(self.site.slapd.user_binds()), binds)

    def test_wrong_password(self) -> None:
        """S-AUTH-6, S-MAIL-14: a wrong password is told in the same words, after one bind per log-on.

        Bad input: wrong password
        """
        binds = len(self.site.slapd.user_binds())
        self.assert_wrong(self.site.users[0].name.encode(), b"not-this-one")
        self.assert_reasons({CREDENTIAL: 4})
        self.assertEqual(len(self.site.slapd.user_binds()), binds + 4)

    def test_empty_password(self) -> None:
        """S-AUTH-1: an empty password reaches no bind, though slapd, like AD, could take it for an anonymous one.

        Bad input: empty password
        """
        binds = len(self.site.slapd.binds())
        self.assert_wrong(self.site.users[0].name.encode(), b"")
        self.assert_reasons({CREDENTIAL: 4})
        self.assertEqual(len(self.site.slapd.binds()), binds)

    def test_names_that_are_filters(self) -> None:
        r"""S-AUTH-3: filter characters and escapes are looked for literally, and find nobody.

        Bad input: user name with asterisk, parentheses, backslash and NUL
        """
        names = (b"*", b"user1)(sAMAccountName=*", rb"\2a", b"(*)", b"user1*", rb"FOURTHCOFFEE\user*")
        for name in names:
            self.assert_wrong(name, b"password-1")
        self.assert_reasons({CREDENTIAL: 4 * len(names)})

    def test_nul_in_the_name(self) -> None:
        """S-AUTH-1, S-MAIL-7: NUL never reaches the directory, whatever protocol carries it.

        Bad input: user name with asterisk, parentheses, backslash and NUL
        """
        searches = len(self.site.slapd.searches())
        imap4 = self.imap4(b"a LOGIN {7+}\r\nuser1\0x password-1", b"b NOOP")
        self.assertTrue(imap4[0].startswith((WRONG_IMAP4, b"a BAD ")), imap4)
        self.assertTrue(imap4[1].startswith(b"b OK"))
        pop3 = self.pop3(b"USER user1\0x", b"PASS password-1")
        self.assertTrue(pop3[1].startswith(b"-ERR"), pop3)
        self.assertEqual(self.get(basic("user1\0x", b"password-1")).status, 401)
        self.assertEqual(len(self.site.slapd.searches()), searches)

    def test_unknown_8_bit_names(self) -> None:
        """S-AUTH-4: UTF-8 and Latin-1 names that nobody has are wrong credentials, not faults.

        Bad input: 8-bit user name
        """
        for name in ("zoë".encode(), "zoë".encode("latin-1"), b"\xff\xfe\x80"):
            self.assert_wrong(name, b"password-1")
        self.assert_reasons({CREDENTIAL: 12})

    def test_line_ends_in_a_literal(self) -> None:
        """S-MAIL-7: CR LF in a name or password is a wrong credential, and the back end sees none of it."""
        before = len(self.site.dallas.dovecot.logins()) + len(self.site.chicago.dovecot.logins())
        for login in (b"a LOGIN {17+}\r\nuser1\r\nx LOGOUT\r\n y", b"a LOGIN user1 {18+}\r\npassword-1\r\nx NOOP"):
            self.assertTrue(self.imap4(login)[0].startswith(WRONG_IMAP4))
        self.assert_reasons({CREDENTIAL: 2})
        self.assertEqual(len(self.site.dallas.dovecot.logins()) + len(self.site.chicago.dovecot.logins()), before)


class OddCredentialTests(CleanTests):
    """Unusual, and right: they must arrive at directory and back end exactly as typed."""

    def assert_gets_in(self, person: Person) -> None:
        """Over IMAP4 (PLAIN, LOGIN with literals, LOGIN quoted), POP3 and HTTP."""
        imap4_log_in(self.front.at("imap-clear"), person).logout()
        name, password = person.name.encode(), person.password
        login = b"a LOGIN {%d+}\r\n%s {%d+}\r\n%s" % (len(name), name, len(password), password)
        self.assertTrue(self.imap4(login)[0].startswith(b"a OK"), person)
        quoted = password.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        self.assertTrue(self.imap4(b'a LOGIN "%s" "%s"' % (name, quoted))[0].startswith(b"a OK"), person)
        self.assertTrue(self.pop3(b"USER " + name, b"PASS " + password)[1].startswith(b"+OK"), person)
        page = get(self.front.at("http"), f"/exchange/{person.alias}/", basic(person.name, password))
        self.assertIn(person.server, page.body.decode(), person)

    def test_passwords(self) -> None:
        """S-MAIL-7, S-AUTH-12: quotes, backslashes, spaces, UTF-8 and Latin-1 log in everywhere.

        Bad input: password with quotes, backslashes, spaces and 8-bit octets
        """
        for person in (ODD_PASSWORD, SPACES, LATIN_PASSWORD):
            self.assert_gets_in(person)
        self.assertEqual(self.reasons(), {})

    def test_8_bit_name(self) -> None:
        """S-AUTH-4: a name outside ASCII, with a password outside ASCII.

        Bad input: 8-bit user name
        """
        self.assert_gets_in(EIGHT_BIT)
        self.assertEqual(self.reasons(), {})


class MailSyntaxTests(CleanTests):
    """Lines, literals and TLS."""

    def test_imap4_line_of_100_kb(self) -> None:
        """S-MAIL-6: BYE and the end, long before 100 kB are held.

        Bad input: 100 kB line before login
        """
        answer = exchange(self.front.at("imap-clear"), b"a" * 100_000)
        self.assertIn(b"\r\n* BYE ", answer)
        self.assert_reasons({"XF-BAD-INPUT": 1})

    def test_pop3_line_of_100_kb(self) -> None:
        """S-MAIL-6: -ERR and the end.

        Bad input: 100 kB line before login
        """
        answer = exchange(self.front.at("pop3-clear"), b"USER " + b"a" * 100_000)
        self.assertIn(b"\r\n-ERR ", answer)
        self.assert_reasons({"XF-BAD-INPUT": 1})

    def test_literal_of_4_gb(self) -> None:
        """S-MAIL-5: BAD without an invitation to send; the connection can still log in.

        Bad input: literal of 4 GB announced
        """
        user = self.site.users[0]
        good = b"c LOGIN " + user.name.encode() + b" " + user.password
        answers = self.imap4(b"a LOGIN {4294967296}", b"b LOGIN user1 {99999999999}", good)
        self.assertTrue(answers[0].startswith(b"a BAD"), answers)
        self.assertTrue(answers[1].startswith(b"b BAD"), answers)
        self.assertTrue(answers[2].startswith(b"c OK"), answers)

    def test_literal_of_4_gb_that_comes_unasked(self) -> None:
        """S-MAIL-5: with LITERAL+ the octets would come at once: BYE and the end.

        Bad input: literal of 4 GB announced
        """
        answer = exchange(self.front.at("imap-clear"), b"a LOGIN {4294967296+}\r\n" + b"x" * 50_000)
        self.assertIn(b"\r\n* BYE ", answer)
        self.assert_reasons({"XF-BAD-INPUT": 1})

    def test_imap4_starttls_with_pipelined_commands(self) -> None:
        """S-MAIL-1: what came in the clear behind STARTTLS is never run, and the connection ends.

        Bad input: STARTTLS with pipelined plain text
        """
        user = self.site.users[0]
        login = b"b LOGIN " + user.name.encode() + b" " + user.password
        answer = exchange(self.front.at("imap"), b"a STARTTLS\r\n" + login + b"\r\n")
        self.assertIn(b"\r\na BAD ", answer)
        self.assertNotIn(b"\r\nb ", answer)
        self.assert_reasons({"XF-BAD-INPUT": 1})

    def test_pop3_stls_with_pipelined_commands(self) -> None:
        """S-MAIL-1: what came in the clear behind STLS is never run, and the connection ends.

        Bad input: STARTTLS with pipelined plain text
        """
        answer = exchange(self.front.at("pop3"), b"STLS\r\nUSER user1\r\n")
        self.assertEqual(len(answer.splitlines()), 2, answer)
        self.assertTrue(answer.splitlines()[1].startswith(b"-ERR"), answer)
        self.assert_reasons({"XF-BAD-INPUT": 1})


class WrongPortTests(CleanTests):
    """TLS where there is none, and the other way round."""

    def test_clear_text_on_a_tls_port(self) -> None:
        """S-TLS-6: no page, no redirect, no greeting: at most an alert of TLS, and the end."""
        for listener, words in (
            ("https", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("imaps", b"a NOOP\r\n"),
            ("pop3s", b"NOOP\r\n"),
        ):
            answer = exchange(self.front.at(listener), words)
            self.assertIn(answer[:1], (b"", b"\x15"), listener)
            self.assertLess(len(answer), 16, answer)

    def test_tls_on_a_clear_port(self) -> None:
        """S-TLS-6: a handshake ends at once, and is no fault of exfront's."""
        context = ssl.create_default_context()
        for listener in ("http", "imap-clear", "pop3-clear"):
            with socket.create_connection(self.front.at(listener), 10) as connection:
                self.assertRaises(OSError, context.wrap_socket, connection, server_hostname=PUBLIC_NAME)
        self.assert_reasons({"XF-BAD-INPUT": 3})


class BadBackEndTests(CleanTests):
    """chicago is a script here; its users get "unavailable" and keep their connection for another try."""

    def front_end(self) -> ExFront:
        """One of this class, in front of the script."""
        return _bad_back_end()[1]

    def setUp(self) -> None:
        super().setUp()
        self.server = _bad_back_end()[0]
        self.user = self.site.living_on("chicago")[0]

    def assert_imap4(self, code: str) -> None:
        """NO [UNAVAILABLE] with the code, and then a log-on of somebody who lives on dallas, on the same connection."""
        good = self.site.living_on("dallas")[0]
        login = self.user.name.encode() + b" " + self.user.password
        answers = self.imap4(b"a LOGIN " + login, b"b LOGIN " + good.name.encode() + b" " + good.password)
        self.assertTrue(answers[0].startswith(b"a NO [UNAVAILABLE] "), answers)
        self.assertIn(f"({code})".encode(), answers[0])
        self.assertTrue(answers[1].startswith(b"b OK"), answers)
        self.assert_reasons({code: 1})

    def assert_pop3(self, code: str) -> None:
        """-ERR [SYS/TEMP] with the code."""
        answers = self.pop3(b"USER " + self.user.name.encode(), b"PASS " + self.user.password)
        self.assertTrue(answers[1].startswith(b"-ERR [SYS/TEMP] "), answers)
        self.assertIn(f"({code})".encode(), answers[1])
        self.assert_reasons({code: 1})

    def assert_http(self, status: int, code: str) -> None:
        """exfront's own page, with the code."""
        headers = basic(self.user.name, self.user.password)
        page = get(self.front.at("http"), f"/exchange/{self.user.alias}/", headers)
        self.assertEqual(page.status, status)
        self.assertIn(code.encode(), page.body)
        self.assert_reasons({code: 1})

    def test_silent_imap4(self) -> None:
        """S-MAIL-14: a back end that accepts and says nothing is unavailable after the login's time.

        Bad input: back end accepts and says nothing
        """
        self.server.behaviour = self.server.silence
        self.assert_imap4("XF-BE-TIMEOUT")

    def test_silent_pop3(self) -> None:
        """S-MAIL-14: a back end that accepts and says nothing is unavailable after the login's time.

        Bad input: back end accepts and says nothing
        """
        self.server.behaviour = self.server.silence
        self.assert_pop3("XF-BE-TIMEOUT")

    def test_silent_http(self) -> None:
        """S-HTTP-26: a back end that does not answer a request in time is 504.

        Bad input: back end accepts and says nothing
        """
        self.server.behaviour = self.server.silence
        self.assert_http(504, "XF-BE-TIMEOUT")

    def test_closing_imap4(self) -> None:
        """S-MAIL-14: a back end that closes in the middle of the login is unavailable.

        Bad input: back end closes in the middle of the login
        """
        for behaviour in (close, say(b"* OK ready\r\n"), say(b"* OK ready\r\n", b"* CAPABILITY IMAP4rev1\r\n")):
            self.server.behaviour = behaviour
            self.mark = len(self.front.access_lines())
            self.assert_imap4("XF-BE-LOGIN-LOST")

    def test_closing_pop3(self) -> None:
        """S-MAIL-14: a back end that closes in the middle of the login is unavailable.

        Bad input: back end closes in the middle of the login
        """
        for behaviour in (close, say(b"+OK ready\r\n"), say(b"+OK ready\r\n", b"+OK\r\n")):
            self.server.behaviour = behaviour
            self.mark = len(self.front.access_lines())
            self.assert_pop3("XF-BE-LOGIN-LOST")

    def test_closing_http(self) -> None:
        """S-HTTP-30: a back end that closes before an answer is 502.

        Bad input: back end closes in the middle of the login
        """
        self.server.behaviour = say(b"", b"")
        self.assert_http(502, "XF-BE-RESET")

    def test_garbage_imap4(self) -> None:
        """S-MAIL-9: a back end that talks nonsense is unavailable, and the client sees none of it.

        Bad input: back end sends garbage
        """
        for piece in (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\x16\x03\x01\0\0\r\n",
            b"* BYE be1.corp\r\n",
            b"x" * 70_000,
        ):
            self.server.behaviour = say(piece)
            self.mark = len(self.front.access_lines())
            answer = self.imap4(b"a LOGIN " + self.user.name.encode() + b" " + self.user.password)[0]
            self.assertTrue(answer.startswith(b"a NO [UNAVAILABLE] "), answer)
            self.assertNotIn(b"be1", answer)
            self.front.settle()
            self.assertLessEqual(set(self.reasons()), {"XF-BE-PROTOCOL", "XF-BE-LOGIN-REFUSED"}, piece[:20])

    def test_garbage_pop3(self) -> None:
        """S-MAIL-9: a back end that talks nonsense is unavailable, and the client sees none of it.

        Bad input: back end sends garbage
        """
        for piece in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01\0\0\r\n", b"x" * 70_000):
            self.server.behaviour = say(piece)
            self.mark = len(self.front.access_lines())
            self.assert_pop3("XF-BE-PROTOCOL")

    def test_garbage_http(self) -> None:
        """S-HTTP-27: an answer that breaks the grammar is 502.

        Bad input: back end sends garbage
        """
        answers = (
            b"* OK IMAP4 ready\r\n",
            b"HTTP/7.1 200 OK\r\n\r\n",
            b"HTTP/1.1 99 Low\r\n\r\n",
            b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        )
        for answer in answers:
            self.server.behaviour = _answer(answer)
            self.mark = len(self.front.access_lines())
            self.assert_http(502, "XF-BE-PROTOCOL")

    def test_imap4_server_speaks_of_a_fault(self) -> None:
        """S-MAIL-14: a back end that refuses a password which the directory took is no wrong password.

        Bad input: back end sends garbage
        """
        greeting = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n"
        self.server.behaviour = _refuse_every_command(greeting, b"NO [AUTHENTICATIONFAILED] who is be1.corp?")
        answer = self.imap4(b"a LOGIN " + self.user.name.encode() + b" " + self.user.password)[0]
        self.assertTrue(answer.startswith(b"a NO [UNAVAILABLE] "), answer)
        self.assertNotIn(b"be1", answer)
        self.assert_reasons({"XF-BE-AUTH-MISMATCH": 1})


@functools.cache
def _bad_back_end() -> tuple[ScriptedServer, ExFront]:
    """A script in chicago's place, and a front end for it; both end with the process."""
    site = shared()
    server = ScriptedServer("127.0.0.22")
    chicago = site.chicago.section(address="127.0.0.22", imap4=server.port, pop3=server.port, http=server.port)
    front = site.exfront(
        {name: LISTENERS[name] for name in ("imap-clear", "pop3-clear", "http")},
        server=[chicago, site.dallas.section()],
        limits={**LIMITS, "http_answer_time": 3.0, "back_end_login_time": 3.0},
    )
    front.start()
    return server, front


class HttpSyntaxTests(CleanTests):
    """Requests that two servers could read in two ways are read by none."""

    def assert_status(self, status: int, request: bytes) -> None:
        """exfront answers so and closes; neither back end nor directory hear of it."""
        accesses = len(self.site.dallas.apache.accesses()) + len(self.site.chicago.apache.accesses())
        searches = len(self.site.slapd.searches())
        answer = exchange(self.front.at("http"), request)
        self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), (request, answer))
        self.assertIn(b"\r\nconnection: close\r\n", answer.lower())
        self.assertEqual(len(self.site.dallas.apache.accesses()) + len(self.site.chicago.apache.accesses()), accesses)
        self.assertEqual(len(self.site.slapd.searches()), searches)

    def request(self, *lines: bytes, body: bytes = b"", end: bytes = b"\r\n") -> bytes:
        """A POST with a right log-on, and these lines."""
        user = self.site.users[0]
        header = basic(user.name, user.password)["Authorization"].encode()
        head = [b"POST /exchange/%s/ HTTP/1.1" % user.alias.encode(), b"Authorization: " + header, *lines]
        return end.join([*head, b"", body])

    def test_both_lengths(self) -> None:
        """S-HTTP-10: Content-Length beside Transfer-Encoding, in either order.

        Bad input: both Content-Length and Transfer-Encoding
        """
        lines = (b"Content-Length: 5", b"Transfer-Encoding: chunked")
        self.assert_status(400, self.request(b"Host: a", *lines, body=b"0\r\n\r\n"))
        self.assert_status(400, self.request(b"Host: a", *reversed(lines), body=b"0\r\n\r\n"))
        self.assert_reasons({"XF-BAD-INPUT": 2})

    def test_no_host(self) -> None:
        """S-HTTP-4: HTTP/1.1 needs one.

        Bad input: no Host
        """
        self.assert_status(400, self.request(b"Content-Length: 0"))
        self.assert_reasons({"XF-BAD-INPUT": 1})

    def test_two_hosts(self) -> None:
        """S-HTTP-4: also when they are equal.

        Bad input: two Hosts
        """
        self.assert_status(400, self.request(b"Host: a", b"Host: b", b"Content-Length: 0"))
        self.assert_status(400, self.request(b"Host: a", b"Host: a", b"Content-Length: 0"))
        self.assert_reasons({"XF-BAD-INPUT": 2})

    def test_bare_line_feeds(self) -> None:
        """S-HTTP-2: at once, without waiting for more.

        Bad input: bare LF
        """
        self.assert_status(400, self.request(b"Host: a", b"Content-Length: 0", end=b"\n"))
        self.assert_status(400, b"GET / HTTP/1.1\n")
        self.assert_status(400, self.request(b"Host: a", b"X: a\nContent-Length: 0"))
        self.assert_reasons({"XF-BAD-INPUT": 3})

    def test_bad_chunk_sizes(self) -> None:
        """S-HTTP-11: a chunk that is none ends the request with 400; what had begun at the back end is not completed.

        Bad input: bad chunk size
        """
        bodies = (
            b"1;a\nb\r\n",
            b"1\na\r\n",
            b"0x1\r\na\r\n",
            b"-1\r\n",
            b"g\r\n",
            b"1\r\naXX",
            b"11111111111111111\r\n",
        )
        for body in bodies:
            answer = exchange(self.front.at("http"), self.request(b"Host: a", b"Transfer-Encoding: chunked", body=body))
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), (body, answer))
        self.assert_reasons({"XF-BAD-INPUT": len(bodies)})


class SecretTests(CleanTests):
    """What a log must not hold."""

    def test_passwords_are_in_no_log(self) -> None:
        """S-AUTH-11: neither a right nor a wrong password, nor its base64, is in the access log or the server log."""
        user = self.site.users[0]
        wrong = Person(user.name, b"secret-of-somebody-else")
        for person in (user, wrong):
            try:
                imap4_log_in(self.front.at("imap-clear"), person).logout()
            except imaplib.IMAP4.error:
                self.assertIs(person, wrong)
            self.get(basic(person.name, person.password))
        pop3_log_in(self.front.at("pop3-clear"), user).quit()
        self.assert_reasons({CREDENTIAL: 2})
        logs = self.front.server_log() + "\n".join(str(line) for line in self.front.access_lines())
        for password in (user.password, wrong.password):
            plain = base64.b64encode(b"\0" + user.name.encode() + b"\0" + password).decode()
            header = base64.b64encode(user.name.encode() + b":" + password).decode()
            for secret in (password.decode(), plain, header):
                self.assertNotIn(secret, logs)


def _answer(data: bytes) -> Any:
    """A behaviour: read a request, answer it so, close."""

    def behaviour(connection: Any) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return behaviour


def _refuse_every_command(greeting: bytes, answer: bytes) -> Any:
    """A behaviour: an IMAP4 server that knows its capabilities and says no to everything else."""

    def behaviour(connection: Any) -> None:
        connection.sendall(greeting)
        while line := connection.recv(65536):
            tag = line.split(b" ")[0]
            if b"CAPABILITY" in line.upper():
                connection.sendall(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n" + tag + b" OK done\r\n")
            elif b"LOGOUT" in line.upper():
                return
            else:
                connection.sendall(tag + b" " + answer + b"\r\n")

    return behaviour
