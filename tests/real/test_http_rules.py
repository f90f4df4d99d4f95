"""What reaches a web back end through a running exfront: the octets that the client sent, or nothing."""

from __future__ import annotations

import functools
import http.client
import imaplib
import poplib
import socket
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Page, basic, exchange, get, imap4_log_in, pop3_log_in
from tests.support.exfront import ExFront
from tests.support.mail_site import LISTENERS, shared
from tests.support.population import SERVICE_PASSWORD, Person
from tests.support.scripted_server import ScriptedServer
from tests.web.test_headers import UNTRUSTED

FORGED = {
    **{name.decode(): "forged" for name in UNTRUSTED},
    "X-CommonAccessToken": "forged", "X-BEResource": "forged", "X-TargetServer": "forged",
    "X-IsFromCafe": "1", "X-SourceCafeServer": "forged", "X-OWA-ProxyUri": "forged", "msExchProxyUri": "forged",
    "msExchLogonAccount": "forged", "X-MS-Exchange-Organization-AuthAs": "forged", "Front-End-Https": "On",
    "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "forged", "Forwarded": "for=10.0.0.1", "X-Real-IP": "10.0.0.1",
    "X-Original-URL": "/ecp", "X-Rewrite-URL": "/ecp", "X-HTTP-Method-Override": "DELETE", "Proxy": "http://forged",
    "SSL_CLIENT_CERT": "forged", "X_Under_Score": "forged",
}  # fmt: skip
ODD_PATHS = (
    "/exchange/{}/Inbox/hand..EML", "/exchange/{}/Inbox/a%20b.EML", "/exchange/{}/Inbox/50%25.EML",
    "/exchange/{}/a%2Fb", "/exchange/{}/Inbox/_xF8FF_.EML", "/exchange/{}/Inbox/%C3%A4.EML",
    "/exchange/{}/&;=+$,'()*!~",
    "/exchange/{}//double",
    "/exchange/{}/?Cmd=contents&url=http://evil.example/", "/exchange/{}/?a?b", "/ExChange/{}/", "/exchange/{}/a;b=c/",
    "/exchange/{}/%7Etilde", "/exchange/{}/...", "/exchange/{}/Inbox/.hidden", "/exchange/{}/x?%2e%2e/%00",
)  # fmt: skip
REFUSED_PATHS = (
    "/exchange/../ecp", "/exchange/%2e%2e/ecp", "/exchange/%252e%252e/x", "/exchange/..%2fecp", "/exchange/%5c..",
    "/exchange/%c0%ae%c0%ae/", "/exchange/a/./b", "/exchange/%00", "/exchange/%0d%0aX:", "/exchange/%u002e",
    "/exchange/%", "/exchange\\a",
)  # fmt: skip
NOT_PUBLISHED = (
    "/powershell",
    "/ecp/",
    "/exadmin/",
    "//exchange/",
    "/exchangeX/",
    "/%65cp/",
    "/autodiscover%2ejson",
    "/x",
)


class Recorder:
    """A web back end that keeps each request's head and says 200."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.server = ScriptedServer("127.0.0.23")
        self.server.behaviour = self.answer

    def answer(self, connection: socket.socket) -> None:
        """Any number of requests without a body on one connection."""
        received = b""
        while piece := connection.recv(65536):
            received += piece
            while b"\r\n\r\n" in received:
                head, _, received = received.partition(b"\r\n\r\n")
                self.heads.append(head)
                connection.sendall(b"HTTP/1.1 200 OK\r\nServer: Secret/1.0\r\nContent-Length: 2\r\n\r\nok")


@functools.cache
def _recorded() -> tuple[Recorder, ExFront]:
    """A recorder in chicago's place, and a front end for it; both end with the process."""
    site = shared()
    recorder = Recorder()
    chicago = site.chicago.section(address="127.0.0.23", http=recorder.server.port)
    listeners = {name: LISTENERS[name] for name in ("http", "imap-clear", "pop3-clear")}
    front = site.exfront(listeners, server=[chicago, site.dallas.section()])
    front.start()
    return recorder, front


class RecordedTests(SynchronousTestCase):
    """chicago's web server is the recorder."""

    def setUp(self) -> None:
        self.site = shared()
        self.recorder, self.front = _recorded()
        self.user = self.site.living_on("chicago")[9]
        self.log_on = basic(self.user.name, self.user.password)
        self.recorder.heads.clear()

    def get(self, path: str, headers: dict[str, str]) -> Page:
        """One request, octets of the path as they stand here."""
        return get(self.front.at("http"), path, headers)

    def raw(self, path: str) -> bytes:
        """The same for paths that Python's client does not send."""
        header = self.log_on["Authorization"]
        request = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {header}\r\nConnection: close\r\n\r\n"
        return exchange(self.front.at("http"), request.encode())

    def head(self) -> tuple[bytes, dict[str, bytes]]:
        """The request line and the fields that the back end got, in the one request that it got."""
        (head,) = self.recorder.heads
        line, *fields = head.split(b"\r\n")
        return line, {
            name.decode().lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)
        }

    def test_forged_fields_are_removed(self) -> None:
        """S-HTTP-18: of what servers say to each other, the back end sees nothing that the client said."""
        mine = {"X-OWA-CANARY": "kept", "Translate": "f", "Depth": "1"}
        self.assertEqual(self.get(f"/exchange/{self.user.alias}/", {**self.log_on, **FORGED, **mine}).status, 200)
        _, fields = self.head()
        for name, value in FORGED.items():
            self.assertNotEqual(fields.get(name.lower()), value.encode(), name)
            self.assertNotIn(b"forged", fields.get(name.lower(), b""), name)
        for name, value in mine.items():
            self.assertEqual(fields[name.lower()], value.encode())

    def test_fields_of_exfronts_own(self) -> None:
        """S-HTTP-19: Via, the client's socket address and the scheme; no Front-End-Https for a client in the clear."""
        self.get(f"/exchange/{self.user.alias}/", {**self.log_on, "X-Forwarded-For": "10.0.0.1"})
        _, fields = self.head()
        self.assertTrue(fields["via"].startswith(b"1.1 "), fields)
        self.assertEqual((fields["x-forwarded-for"], fields["x-forwarded-proto"]), (b"127.0.0.1", b"http"))
        self.assertNotIn("front-end-https", fields)

    def test_the_back_ends_make_is_not_told(self) -> None:
        """S-HTTP-31: the Server field of a back end does not reach the client."""
        page = self.get(f"/exchange/{self.user.alias}/", self.log_on)
        self.assertEqual(page.status, 200)
        self.assertNotIn("Secret", str(page.headers))

    def test_odd_targets_arrive_as_they_were_sent(self) -> None:
        """S-ROUTE-2, S-HTTP-21, S-HTTP-23: file names with dots, escapes and queries pass octet for octet."""
        for path in ODD_PATHS:
            self.recorder.heads.clear()
            target = path.format(self.user.alias)
            self.assertTrue(self.raw(target).startswith(b"HTTP/1.1 200 "), target)
            self.assertEqual(self.head()[0], f"GET {target} HTTP/1.1".encode())

    def test_paths_with_two_readings_are_refused(self) -> None:
        """S-HTTP-21, S-ROUTE-3: dot segments, backslashes, controls and bad escapes are 400, however encoded."""
        for path in REFUSED_PATHS:
            self.assertTrue(self.raw(path).startswith(b"HTTP/1.1 400 "), path)
        self.assertEqual(self.recorder.heads, [])

    def test_only_published_directories_exist(self) -> None:
        """S-HTTP-22, S-ROUTE-3: with a right log-on too, everything else is exfront's own 404."""
        for path in NOT_PUBLISHED:
            answer = self.raw(path)
            self.assertTrue(answer.startswith(b"HTTP/1.1 404 "), (path, answer))
            self.assertIn(b"XF-NOT-PUBLISHED", answer)
        self.assertEqual(self.recorder.heads, [])

    def test_no_cookie_or_field_replaces_a_log_on(self) -> None:
        """S-ROUTE-4, S-ROUTE-1: tokens of other attacks are 401, and name no server."""
        tokens = (
            {"Cookie": "SecurityToken=x"},
            {"Cookie": f"X-BEResource=localhost:{self.recorder.server.port}/x~1; X-AnonResource-Backend=chicago"},
            {"X-AnonResource": "true", "X-AnonResource-Backend": "chicago"},
            {"X-CommonAccessToken": "forged", "X-IsFromCafe": "1"},
            {"Authorization": "Bearer forged"},
            {"Authorization": "Negotiate forged"},
        )
        for headers in tokens:
            self.assertEqual(self.get(f"/exchange/{self.user.alias}/", headers).status, 401, headers)
        self.assertEqual(self.recorder.heads, [])

    def test_own_mark_in_via_is_a_loop(self) -> None:
        """S-ROUTE-5: a request that carries exfront's own mark is 508."""
        self.get(f"/exchange/{self.user.alias}/", self.log_on)
        mark = self.head()[1]["via"].decode()
        self.recorder.heads.clear()
        page = self.get(f"/exchange/{self.user.alias}/", {**self.log_on, "Via": f"1.0 other, {mark}"})
        self.assertEqual((page.status, self.recorder.heads), (508, []))
        self.assertIn(b"XF-LOOP", page.body)

    def test_one_bind_for_many_requests(self) -> None:
        """S-AUTH-9: a hundred requests on one connection are one bind; another password there is a bind of its own."""
        binds = len(self.site.slapd.user_binds())
        statuses = []
        with closing(http.client.HTTPConnection(*self.front.at("http"), timeout=20)) as client:
            for headers in (*[self.log_on] * 100, basic(self.user.name, b"another")):
                client.request("GET", f"/exchange/{self.user.alias}/", headers=headers)
                answer = client.getresponse()
                answer.read()
                statuses.append(answer.status)
        self.assertEqual(statuses, [200] * 100 + [401])
        self.assertEqual(len(self.site.slapd.user_binds()), binds + 2)

    def test_the_service_account_is_no_user(self) -> None:
        """S-AUTH-14: the account that searches the directory cannot log on with its right password, by any protocol."""
        account = Person("exfront", SERVICE_PASSWORD.encode(), "chicago")
        imap4 = self.assertRaises(imaplib.IMAP4.error, imap4_log_in, self.front.at("imap-clear"), account)
        pop3 = self.assertRaises(poplib.error_proto, pop3_log_in, self.front.at("pop3-clear"), account)
        for error in (imap4, pop3):
            self.assertIn("(XF-AUTH-FAIL)", str(error))
        page = self.get("/exchange/exfront/", basic(account.name, account.password))
        self.assertEqual((page.status, self.recorder.heads), (401, []))
