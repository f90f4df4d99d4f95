"""Header fields on their way through."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.topology import Server, Service
from exfront.web.headers import (
    CONNECTION_SCHEMES,
    BackEndUrls,
    ClientFacts,
    asks_for_connection_logon,
    loops,
    to_back_end,
    to_client,
    trusted_cookies,
    without_challenges,
)
from exfront.wire.http1.events import NO_BODY, Headers, Length, RequestFields, RequestHead, ResponseHead
from exfront.wire.http1.field_lines import FieldLine

PLAIN = ClientFacts("192.0.2.7", False, "0123456789abcdef")
SECURE = ClientFacts("2001:db8::7", True, "0123456789abcdef")
BE1 = Server("be1", "be1.fourthcoffee.com", "192.0.2.99")

UNTRUSTED = (
    b"X-CommonAccessToken", b"X-BEResource", b"X-BEServer", b"X-BE", b"X-AnonResource", b"X-AnonResource-Backend",
    b"X-TargetServer", b"X-TargetBEServer", b"X-Target-BE", b"X-FEServer", b"X-FE-x", b"X-IsFromCafe",
    b"X-SourceCafeServer", b"X-OWA-ProxyUri", b"X-OWA-ProxySid", b"X-Backend-Diag-1", b"X-MSExchangeActivityCtx",
    b"X-MS-EdgeIP", b"X-Rps-CAT", b"msExchProxyUri", b"msExchLogonAccount", b"msExchLogonMailbox",
    b"X-MS-Forwarded-Client-IP", b"X-MS-Proxy", b"X-MS-Endpoint-Absolute-Path", b"X-MS-Exchange-Organization-AuthAs",
    b"Front-End-Https", b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"Forwarded", b"X-Real-IP",
    b"X-Original-URL", b"X-Rewrite-URL", b"X-HTTP-Method-Override", b"Proxy", b"SSL_CLIENT_CERT", b"X-ARR-SSL",
    b"X-ARR-LOG-ID", b"X-ExFront-Hop", b"X-ExFront-Session",
)  # fmt: skip
WITH_UNDERSCORE = (b"X_Forwarded_For", b"Content_Length", b"_", b"front_end_https")
PASSING = (
    (b"X-MS-PolicyKey", b"1"), (b"MS-ASProtocolVersion", b"14.1"), (b"X-OWA-CANARY", b"c"), (b"X-OWA-ActionName", b"a"),
    (b"X-OWA-UrlPostData", b"%7B%7D"), (b"Translate", b"f"), (b"Depth", b"1"),
    (b"Destination", b"http://mail.fourthcoffee.com/exchange/a"), (b"X-User-Identity", b"a@b.c"),
    (b"X-AnchorMailbox", b"a@b.c"), (b"X-OWA-ExplicitLogonUser", b"a@b.c"), (b"Cookie", b"UserContext=a; x_y=b"),
    (b"User-Agent", b"\xe4"), (b"Via", b"1.0 elsewhere"), (b"Accept-Encoding", b"gzip"), (b"If", b"(<x>)"),
)  # fmt: skip


def head(*headers: tuple[bytes, bytes], minor: int = 1, method: bytes = b"GET", expects: bool = False) -> RequestHead:
    fields = RequestFields(headers, b"client.example", NO_BODY, True, expects)
    return RequestHead(method, b"/", b"/", None, b"client.example", minor, fields)


def response(*headers: tuple[bytes, bytes]) -> ResponseHead:
    return ResponseHead(200, b"OK", 1, [FieldLine(*pair) for pair in headers], Length(2), True)


def sent(
    *headers: tuple[bytes, bytes], client: ClientFacts = PLAIN, authorization: bytes | None = None, **more: object
) -> Headers:
    return to_back_end(head(*headers, **more), b"mail", client, authorization)  # type: ignore[arg-type]


def values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for found, value in headers if found.lower() == name.lower()]


class TowardTheBackEndTests(SynchronousTestCase):
    def test_what_only_a_front_end_may_say_is_removed_in_any_case(self) -> None:
        """S-HTTP-18: the listed names and all with an underscore never carry a client's value."""
        for name in (*UNTRUSTED, *WITH_UNDERSCORE):
            for spelling in (name, name.upper(), name.lower()):
                found = sent((spelling, b"the client's"))
                self.assertNotIn(b"the client's", [value for _, value in found], spelling)

    def test_they_are_removed_as_cookies_too(self) -> None:
        """S-HTTP-18: other cookies stay as they are."""
        for name in UNTRUSTED:
            for spelling in (name, name.upper()):
                cookies = values(sent((b"Cookie", b"a=1; " + spelling + b"=evil; b_c=2")), b"Cookie")
                self.assertEqual(cookies, [b"a=1; b_c=2"], spelling)
                self.assertEqual(values(sent((b"Cookie", spelling + b"=evil")), b"Cookie"), [], spelling)

    def test_cookies_hidden_from_a_naive_reader_are_removed(self) -> None:
        """S-HTTP-18, S-ROUTE-1: behind commas, quotes and white space."""
        for value, left in {
            b"a=1;X-BEResource=be9": b"a=1",
            b"a=1;  X-BEResource =be9; b=2": b"a=1; b=2",
            b'a="1; X-BEResource=be9"': b'a="1',
            b"a=1, X-BEResource=be9; b=2": b"b=2",
            b"X-BEResource": b"",
            b'"X-BEResource"=1': b"",
            b"": b"",
            b"a=1;;b=2": b"a=1;;b=2",
        }.items():
            self.assertEqual(trusted_cookies(value), left, value)

    def test_what_clients_need_passes(self) -> None:
        """S-HTTP-18: the legal neighbours of the removed names."""
        found = sent(*PASSING)
        for pair in PASSING:
            self.assertIn(pair, found)

    def test_anchors_pass_only_as_plain_addresses(self) -> None:
        """S-HTTP-18: X-AnchorMailbox and X-OWA-ExplicitLogonUser."""
        for name in (b"X-AnchorMailbox", b"X-OWA-ExplicitLogonUser"):
            for value in (b"a@b.c/x", b"Administrator@be9:444/ecp/proxyLogon.ecp?a=~1", b"a", b"a@b@c", b"a b@c", b""):
                self.assertEqual(values(sent((name, value)), name), [], value)

    def test_fields_of_one_connection_are_removed(self) -> None:
        """S-HTTP-14, S-HTTP-16: and those that Connection names, but for what exfront adds or needs."""
        found = sent(
            (b"Connection", b"X-Hop, X-Forwarded-For, Host, Cookie"), (b"X-Hop", b"1"), (b"Keep-Alive", b"5"),
            (b"Proxy-Connection", b"x"), (b"TE", b"trailers"), (b"Trailer", b"x"), (b"Upgrade", b"h2c"),
            (b"HTTP2-Settings", b"x"), (b"Proxy-Authorization", b"x"), (b"Cookie", b"a=1"), (b"Host", b"client"),
        )  # fmt: skip
        self.assertEqual(
            [name for name, _ in found],
            [b"Host", b"Cookie", b"Via", b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-ExFront-Session",
             b"X-ExFront-Hop"],
        )  # fmt: skip
        self.assertEqual(values(found, b"Host"), [b"mail"])

    def test_what_is_added(self) -> None:
        """S-HTTP-19: of the socket, whatever the client says."""
        found = sent((b"X-Forwarded-For", b"10.0.0.1"), (b"Via", b"1.1 other"), minor=0)
        self.assertEqual(values(found, b"X-Forwarded-For"), [b"192.0.2.7"])
        self.assertEqual(values(found, b"X-Forwarded-Proto"), [b"http"])
        self.assertEqual(values(found, b"Via"), [b"1.1 other", b"1.0 exfront"])
        self.assertEqual(values(found, b"X-ExFront-Session"), [b"0123456789abcdef"])

    def test_front_end_https_exactly_when_the_client_came_over_tls(self) -> None:
        """S-HTTP-19: KB327800; the client's own copy never counts."""
        self.assertEqual(values(sent((b"Front-End-Https", b"On")), b"Front-End-Https"), [])
        found = sent((b"front-end-https", b"off"), client=SECURE)
        self.assertEqual(values(found, b"Front-End-Https"), [b"On"])
        self.assertEqual(values(found, b"X-Forwarded-Proto"), [b"https"])
        self.assertEqual(values(found, b"X-Forwarded-For"), [b"2001:db8::7"])

    def test_authorization_is_what_the_caller_says(self) -> None:
        """S-ROUTE-3: never the client's by accident."""
        client = (b"authorization", b"Basic Y2xpZW50")
        self.assertEqual(values(sent(client), b"Authorization"), [])
        self.assertEqual(values(sent(client, authorization=b"Basic b3Vycw=="), b"Authorization"), [b"Basic b3Vycw=="])

    def test_expect_passes_only_where_the_client_waits(self) -> None:
        """S-HTTP-15: HTTP/1.0 does not."""
        self.assertEqual(values(sent((b"Expect", b"100-Continue"), expects=True), b"Expect"), [b"100-continue"])
        self.assertEqual(values(sent((b"Expect", b"100-continue"), minor=0), b"Expect"), [])

    def test_max_forwards_counts_down(self) -> None:
        self.assertEqual(values(sent((b"Max-Forwards", b"3"), method=b"OPTIONS"), b"Max-Forwards"), [b"2"])
        self.assertEqual(values(sent((b"Max-Forwards", b"x"), method=b"OPTIONS"), b"Max-Forwards"), [])

    def test_a_destination_has_the_back_ends_scheme_and_host_where_it_wants_them(self) -> None:
        """S-HTTP-20: the path stays, octet for octet; without a wish all of it does."""
        for came, path in (
            (b"https://mail.fourthcoffee.com/dav/a%20b?c", b"/dav/a%20b?c"),
            (b"HTTP://mail.fourthcoffee.com:8443/", b"/"),
            (b"/dav/x", b"/dav/x"),
        ):
            request = head((b"Destination", came), method=b"MOVE")
            for wish, goes in ((b"http://mail", b"http://mail" + path), (b"", came)):
                fields = to_back_end(request, b"mail", PLAIN, None, destination=wish)
                self.assertEqual(values(fields, b"Destination"), [goes])

    def test_a_request_that_was_here_before_is_known(self) -> None:
        """S-ROUTE-5: by the pseudonym in Via, alone, in a list, in any case."""
        for via in (b"1.1 exfront", b"1.0 a, 1.1 EXFRONT (x), 1.1 b", b"HTTP/1.1 exfront"):
            self.assertTrue(loops(((b"Host", b"a"), (b"VIA", via))), via)
        for via in (b"1.1 exfront2", b"1.1 x-exfront", b""):
            self.assertFalse(loops(((b"Via", via),)), via)

    @given(st.lists(st.tuples(st.sampled_from([*UNTRUSTED, b"X-A", b"Connection", b"Cookie"]), st.binary(max_size=30))))
    @settings(deadline=None)
    def test_no_mixture_lets_an_untrusted_name_through(self, headers: list[tuple[bytes, bytes]]) -> None:
        """S-HTTP-18: exfront's own values only."""
        own = {value for _, value in sent()}
        for name, value in sent(*headers):
            if name in UNTRUSTED:
                self.assertIn(value, own)


class TowardTheClientTests(SynchronousTestCase):
    urls = BackEndUrls(BE1, Service(8080), b"https://mail.fourthcoffee.com")

    def test_what_describes_the_back_end_is_removed(self) -> None:
        """S-HTTP-31: in any case."""
        telling = (b"Server", b"x-powered-by", b"X-AspNet-Version", b"X-FEServer", b"X-BEServer", b"X-DiagInfo",
                   b"X-CalculatedBETarget", b"X-TargetBEServer", b"Connection", b"Keep-Alive")  # fmt: skip
        headers = (*((name, b"be1") for name in telling), (b"ETag", b"x"), (b"Set-Cookie", b"a=1"))
        self.assertEqual(to_client(response(*headers), self.urls), b"ETag: x\r\nSet-Cookie: a=1\r\n")

    def test_a_location_at_the_back_end_gets_the_public_name(self) -> None:
        """S-HTTP-31: by name, host or address, with or without port; others pass untouched."""
        public = b"https://mail.fourthcoffee.com"
        for location, expected in {
            b"http://be1:80/exchange/": public + b"/exchange/",
            b"http://BE1.fourthcoffee.com/exchange/?a#b": public + b"/exchange/?a#b",
            b"https://192.0.2.99:8080/x": public + b"/x",
            b"HTTP://be1": public + b"/",
            b"http://be1?x": public + b"/?x",
            b"http://be1:81/x": b"http://be1:81/x",
            b"http://be1.evil.example/x": b"http://be1.evil.example/x",
            b"http://be1@evil.example/": b"http://be1@evil.example/",
            b"http://mail.fourthcoffee.com/x": b"http://mail.fourthcoffee.com/x",
            b"/exchange/": b"/exchange/",
            b"": b"",
        }.items():
            for name in (b"Location", b"content-location"):
                found = to_client(response((name, location)), self.urls)
                self.assertEqual(found, b"%b: %b\r\n" % (name, expected), location)

    def test_an_ipv6_back_end_is_known_in_brackets(self) -> None:
        """S-HTTP-31: addresses too."""
        urls = BackEndUrls(Server("be1", "2001:db8::1"), Service(80), b"https://a")
        self.assertEqual(urls.public_url(b"http://[2001:db8::1]/x"), b"https://a/x")

    def test_challenges_are_taken_away(self) -> None:
        """S-HTTP-34: all, or those of some schemes; a line that holds several goes whole."""
        head = response((b"WWW-Authenticate", b'Basic realm="a, NTLM"'), (b"www-authenticate", b"NTLM"), (b"X", b"y"))
        self.assertEqual(without_challenges(head).headers, ((b"X", b"y"),))
        self.assertEqual(without_challenges(head, CONNECTION_SCHEMES).headers, (head.headers[0], (b"X", b"y")))
        several = response((b"WWW-Authenticate", b'Basic realm="a", NTLM'))
        self.assertEqual(without_challenges(several, CONNECTION_SCHEMES).headers, ())

    def test_challenges_that_log_a_connection_on_are_known(self) -> None:
        """S-HTTP-33: Negotiate and NTLM, not Basic."""
        for value, expected in {
            b"Negotiate": True,
            b"NTLM TlRMTVNTUAAC": True,
            b"negotiate, Basic realm=x": True,
            b'Basic realm="a", NTLM': True,
            b'Basic realm="a, NTLM", charset="UTF-8"': False,
            b'Basic realm="NTLM"': False,
            b"Bearer": False,
        }.items():
            self.assertEqual(asks_for_connection_logon(response((b"WWW-Authenticate", value))), expected, value)

    def test_what_connection_names_stays_between_us_and_the_back_end(self) -> None:
        """S-HTTP-14: but what is protected does not."""
        found = to_client(response((b"X-Hop", b"1"), (b"Connection", b"x-hop, close, via"), (b"Via", b"a")), self.urls)
        self.assertEqual(found, b"Via: a\r\n")
