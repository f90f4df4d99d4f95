"""What is decided about a request without asking anybody: one row a case."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.kinds import read_network
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.reasons import (
    ADDRESS_NOT_ALLOWED,
    BAD_INPUT,
    BODY_TOO_LARGE,
    DESTINATION_ELSEWHERE,
    LOOP,
    METHOD_NOT_ALLOWED,
    METHOD_UNKNOWN,
    PRIVACY_REQUIRED,
    RPC_ENDPOINT,
    Reason,
    Refused,
)
from exfront.web import admission
from exfront.web.admission import ADMITTED, Redirect, admit, decide
from exfront.web.headers import ClientFacts
from exfront.web.paths import checked
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite, VirtualSites
from exfront.wire.http1.events import CHUNKED, NO_BODY, Framing, Headers, Length, RequestFields, RequestHead

CLEAR = ClientFacts("192.0.2.7", False, "0123456789abcdef")
SECURE = evolve(CLEAR, secure=True)
PROXIED = evolve(SECURE, proxied=True)


def at(section: VirtualDirectorySection) -> tuple[VirtualSite, VirtualDirectory]:
    site = VirtualSites((VirtualSiteSection("x", "mail.a.b", ("a.b",), (section,)),)).site(b"")
    return site, site.directories[0]


def tried(
    client: ClientFacts = SECURE,
    method: bytes = b"GET",
    target: bytes = b"/x/",
    headers: Headers = (),
    framing: Framing = NO_BODY,
    plaintext: bool = False,
    application: Any = "exchange",
    **settings: Any,
) -> Reason | Redirect | None:
    """What becomes of a request; `settings` are those of the virtual directory /x."""
    site, directory = at(VirtualDirectorySection("/x", application, **settings))
    path, mark, query = target.partition(b"?")
    fields = RequestFields(headers, b"a.b", framing, keep_alive=True, expect_continue=False)
    head = RequestHead(method, target, path, query if mark else None, b"a.b", 1, fields)
    try:
        return admit(head, checked(path), site, directory, client, plaintext)
    except Refused as refused:
        return refused.reason


class TlsTests(SynchronousTestCase):
    def test_clear_requests_are_refused_sent_on_or_served(self) -> None:
        """S-AUTH-12: require_tls; a redirection only where nothing is lost by it."""
        url = b"https://mail.a.b/x/y?q=1"
        for require_tls, method, plaintext, expected in (
            ("refuse", b"GET", True, PRIVACY_REQUIRED),
            ("redirect", b"GET", True, Redirect(301, url)),
            ("redirect", b"HEAD", False, Redirect(301, url)),
            ("redirect", b"POST", True, PRIVACY_REQUIRED),
            ("redirect", b"PROPFIND", True, PRIVACY_REQUIRED),
            ("no", b"GET", True, None),
            ("no", b"GET", False, PRIVACY_REQUIRED),
        ):
            found = tried(CLEAR, method, b"/x/y?q=1", plaintext=plaintext, require_tls=require_tls)
            self.assertEqual(found, expected, (require_tls, method, plaintext))
            self.assertIsNone(tried(SECURE, method, b"/x/y?q=1", require_tls=require_tls))

    def test_without_a_password_only_require_tls_counts(self) -> None:
        for authentication in ("anonymous", "passthrough"):
            self.assertIsNone(tried(CLEAR, authentication=authentication, require_tls="no"))
            self.assertIs(tried(CLEAR, authentication=authentication), PRIVACY_REQUIRED)
        both = ("basic", "passthrough")
        self.assertIs(tried(CLEAR, authentication=both, require_tls="no"), PRIVACY_REQUIRED)

    def test_autodiscover_is_sent_on_with_the_status_that_clients_await(self) -> None:
        """S-AUTH-12: 302, by MS-OXDSCLI."""
        found = tried(CLEAR, target=b"/x/autodiscover.xml", application="autodiscover", require_tls="redirect")
        self.assertEqual(found, Redirect(302, b"https://mail.a.b/x/autodiscover.xml"))

    def test_a_missing_slash_is_added_in_one_step(self) -> None:
        """S-HTTP-22: under the name and scheme that it is to be asked for."""
        for client, require_tls, scheme in (
            (SECURE, "no", b"https"), (CLEAR, "no", b"http"),
            (CLEAR, "refuse", b"https"), (CLEAR, "redirect", b"https"),
        ):  # fmt: skip
            found = tried(client, target=b"/x?a=b", application="owa", require_tls=require_tls)
            self.assertEqual(found, Redirect(302, scheme + b"://mail.a.b/x/?a=b"))
        self.assertIsNone(tried(method=b"POST", target=b"/x", application="owa"))
        self.assertIsNone(tried(target=b"/x"))


class AddressTests(SynchronousTestCase):
    def test_networks(self) -> None:
        """S-HTTP-22: who is denied, or not allowed, sees no more of a directory than that."""
        inside, host = (read_network("192.0.2.0/24"),), (read_network("192.0.2.7"),)
        other = (read_network("198.51.100.0/24"), read_network("2001:db8::/32"))
        for settings, admitted in (
            ({"allow_networks": inside}, True),
            ({"allow_networks": other}, False),
            ({"allow_networks": (*other, *host)}, True),
            ({"deny_networks": inside}, False),
            ({"deny_networks": other}, True),
            ({"allow_networks": inside, "deny_networks": host}, False),
        ):
            self.assertEqual(tried(**settings), None if admitted else ADDRESS_NOT_ALLOWED, settings)
        for address, admitted in (("2001:db8::1", True), ("2001:db9::1", False), ("::ffff:198.51.100.1", True)):
            found = tried(evolve(SECURE, address=address), allow_networks=other)
            self.assertEqual(found, None if admitted else ADDRESS_NOT_ALLOWED, address)

    def test_the_address_is_looked_at_first(self) -> None:
        denied = {"deny_networks": (read_network("192.0.2.0/24"),), "require_tls": "redirect", "application": "owa"}
        for method, target in ((b"GET", b"/x"), (b"GET", b"/x/"), (b"TRACK", b"/x/")):
            self.assertIs(tried(CLEAR, method, target, **denied), ADDRESS_NOT_ALLOWED)


class MethodTests(SynchronousTestCase):
    def test_methods(self) -> None:
        """S-HTTP-7: of the application, or as configured."""
        for method, settings, expected in (
            (b"PROPFIND", {}, None),
            (b"REPORT", {}, METHOD_NOT_ALLOWED),
            (b"REPORT", {"application": "webdav"}, None),
            (b"MKCALENDAR", {"application": "sogo"}, None),
            (b"RPC_IN_DATA", {}, METHOD_NOT_ALLOWED),
            (b"RPC_IN_DATA", {"application": "rpc", "target": b"/x/?a:6001"}, None),
            (b"POST", {"application": "oab"}, METHOD_NOT_ALLOWED),
            (b"GET", {"methods": ("POST",)}, METHOD_NOT_ALLOWED),
            (b"POST", {"methods": ("POST",)}, None),
            (b"XYZZY", {}, METHOD_UNKNOWN),
            (b"get", {}, METHOD_UNKNOWN),
        ):
            self.assertEqual(tried(method=method, **settings), expected, (method, settings))  # type: ignore[arg-type]


class RpcTests(SynchronousTestCase):
    def test_only_exchanges_endpoints(self) -> None:
        """S-ROUTE-13: an open RPC proxy is a port scanner."""
        for query, right in {
            "?chicago:6001": True,
            "?Chicago.fourthcoffee.com:6004": True,
            "?0a1b2c3d-0000-4000-8000-000000000000@fourthcoffee.com:6002": True,
            "?dc1:389": False,
            "?evil:6001@x": False,
            "?evil:60011": False,
            "?:6001": False,
            "?a b:6001": False,
            "?http://evil:6001": False,
            "?chicago:6001&x=1": False,
            "?chicago": False,
            "?": False,
            "": False,
        }.items():
            for method in (b"RPC_IN_DATA", b"RPC_OUT_DATA"):
                found = tried(method=method, target=b"/x/rpcproxy.dll" + query.encode(), application="rpc")
                self.assertIs(found, None if right else RPC_ENDPOINT, query)
        self.assertIsNone(tried(target=b"/x/healthcheck.htm", application="rpc"))
        self.assertIs(tried(target=b"/x/rpcproxy.dll?dc1:389", application="rpc"), RPC_ENDPOINT)


class LoopTests(SynchronousTestCase):
    def test_own_mark_or_too_many_hops(self) -> None:
        """S-ROUTE-5: a client's count is not believed, a trusted proxy's is; own marks are other exfronts' then."""
        via = ((b"Via", b"1.1 exfront"),)
        self.assertIs(tried(headers=via), LOOP)
        self.assertIsNone(tried(headers=((b"Via", b"1.1 other"),)))
        for hop, expected in ((1, None), (2, None), (3, None), (4, LOOP)):
            self.assertIs(tried(evolve(PROXIED, hop=hop), headers=via), expected, hop)


class DestinationTests(SynchronousTestCase):
    def test_it_stays_in_the_directory(self) -> None:
        """S-HTTP-20."""
        for destination, expected in {
            b"https://a.b/x/2": None,
            b"/x/2": None,
            b"https://evil/x/2": DESTINATION_ELSEWHERE,
            b"https://a.b/y/": DESTINATION_ELSEWHERE,
            b"nonsense": DESTINATION_ELSEWHERE,
            b"https://a.b/x/../y": BAD_INPUT,
        }.items():
            found = tried(method=b"MOVE", headers=((b"Destination", destination),))
            self.assertIs(found, expected, destination)


class SizeTests(SynchronousTestCase):
    def test_what_is_declared(self) -> None:
        """S-HTTP-25: of the directory, else of the application; 0 is no limit (S-HTTP-26: /rpc has none)."""
        rpc = {"application": "rpc", "target": b"/x/rpcproxy.dll?chicago:6001"}
        for octets, settings, expected in (
            (64 * 2**20, {}, None),
            (64 * 2**20 + 1, {}, BODY_TOO_LARGE),
            (11, {"body_octets": 10}, BODY_TOO_LARGE),
            (10, {"body_octets": 10}, None),
            (2**62, {"body_octets": 0}, None),
            (2**30, {**rpc, "method": b"RPC_IN_DATA"}, None),
            (11, {**rpc, "body_octets": 10}, BODY_TOO_LARGE),
        ):
            found = tried(framing=Length(octets), **settings)  # type: ignore[arg-type]
            self.assertEqual(found, expected, (octets, settings))
        self.assertIsNone(tried(framing=CHUNKED, body_octets=1))  # counted as it comes


class VerdictTests(SynchronousTestCase):
    def test_a_repeated_question_is_answered_from_memory(self) -> None:
        """The same object for the same directory, method and client; another directory is another question."""
        _, directory = at(VirtualDirectorySection("/x", "owa"))
        _, other = at(VirtualDirectorySection("/x", "owa", methods=("POST",)))
        self.assertIs(decide(directory, b"GET", True, False, "192.0.2.7"), ADMITTED)
        before = decide.cache_info().hits
        self.assertIs(decide(directory, b"GET", True, False, "192.0.2.7"), ADMITTED)
        self.assertEqual(decide.cache_info().hits, before + 1)
        self.assertIs(decide(other, b"GET", True, False, "192.0.2.7").reason, METHOD_NOT_ALLOWED)
        self.assertIs(decide(directory, b"GET", False, False, "192.0.2.7").reason, PRIVACY_REQUIRED)

    def test_rules_are_told_one_by_one_up_to_the_one_that_refuses(self) -> None:
        _, directory = at(VirtualDirectorySection("/x", "owa", require_tls="no"))
        asked = admission.Asked(directory, b"PUT", False, True, "192.0.2.7")
        said = [(name, verdict.reason) for name, verdict in admission.verdicts(asked)]
        passed = [("client address", None), ("TLS", None), ("password in clear", None)]
        self.assertEqual(said, [*passed, ("method", METHOD_NOT_ALLOWED)])
