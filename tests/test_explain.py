"""Explaining: the steps with a trace over a small world in memory, and what people and programs get to read of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.next_hop import Place
from exfront.config.kinds import HostPort, read_network
from exfront.config.listener import ListenerSection
from exfront.config.presets import with_preset
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.explain import Explainer, Question
from exfront.facts import World
from exfront.interfaces import Miss
from exfront.names import KeyKind, LookupKey
from exfront.operate.explain_text import as_text
from exfront.operate.plain_values import plain
from exfront.secret import Secret
from exfront.topology import Mailbox, Topology
from exfront.web.virtual_sites import listener_sites
from tests.explained import EXAMPLES, OUTPUT, page
from tests.support.directory import MemoryDirectory, guid, mailbox
from tests.support.steps import SmallWorld
from tests.support.steps import server as mailbox_server

_SITE = VirtualSiteSection(
    name="default",
    public_name="mail.fourthcoffee.com",
    virtual_directory=(
        VirtualDirectorySection(path="/exchange", application="exchange", smtp_domain="fourthcoffee.com"),
        VirtualDirectorySection(path="/cards", application="owa", authentication="certificate", identity="none"),
        VirtualDirectorySection(path="/public", application="public", authentication="anonymous", server="chicago"),
        VirtualDirectorySection(
            path="/inside", application="webdav", require_tls="redirect", back_end_port=8080,
            allow_networks=(read_network("10.0.0.0/8"),),
        ),
        VirtualDirectorySection(path="/forms", application="exchange", authentication=("forms", "basic")),
    ),
)  # fmt: skip
_ADMIN = VirtualSiteSection("admin", "mail.fourthcoffee.com:8443", listeners="admin", preset="exchange", publish="ecp")
_LISTENERS = (
    ListenerSection("http", HostPort("0.0.0.0", 443), "implicit"),
    ListenerSection("http", HostPort("0.0.0.0", 80)),
    ListenerSection("http", HostPort("0.0.0.0", 8443), "implicit", name="admin", strict_hosts=True),
)
_SITES = tuple((each, listener_sites((_SITE, with_preset(_ADMIN)), each, _LISTENERS)) for each in _LISTENERS)


@define(eq=False)
class _Holds(MemoryDirectory):
    """Still knows an old answer."""

    held: Mailbox | None = None

    def cached_find(self, keys: Sequence[LookupKey]) -> Mailbox | Miss | None:
        return self.held


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = SmallWorld()
        self.explainer = Explainer(self.world.steps, _SITES)

    def explain(self, question: Question) -> dict[str, Any]:
        """The report, as a program gets it: through JSON."""
        report = self.successResultOf(Deferred.fromCoroutine(self.explainer.explain(question)))
        found: dict[str, Any] = json.loads(json.dumps(report))
        return found


class MailTests(_Case):
    def test_a_user_with_a_mailbox_is_relayed_to_the_home_server(self) -> None:
        report = self.explain(Question("imap4", b"alice"))
        self.assertEqual(report["decision"]["kind"], "Relay")
        self.assertEqual(report["decision"]["server"]["name"], "chicago")
        self.assertEqual(report["decision"]["service"]["port"], 143)
        self.assertIn({"rule": "home server", "values": ["chicago"]}, report["decision"]["because"])
        self.assertNotIn("refused", report)

    def test_keys_are_those_of_the_login_name_in_their_order(self) -> None:
        report = self.explain(Question("imap4", b"alice@fourthcoffee.com/bob"))
        keys = [(key["for"], key["kind"], key["value"], key["domain"]) for key in report["keys"]]
        self.assertEqual(keys, [
            ("account", "user principal name", "alice@fourthcoffee.com", ""),
            ("account", "SMTP address", "alice@fourthcoffee.com", ""),
            ("account", "account name", "alice", "fourthcoffee.com"),
            ("mailbox", "alias", "bob", ""),
            ("mailbox", "account name", "bob", ""),
        ])  # fmt: skip

    def test_a_login_that_names_another_mailbox_goes_to_that_ones_server(self) -> None:
        report = self.explain(Question("pop3", b"alice@fourthcoffee.com/bob"))
        self.assertEqual(report["account"]["account_name"], "alice")
        self.assertEqual(report["mailbox"]["account_name"], "bob")
        self.assertEqual(report["decision"]["server"]["name"], "dallas")

    def test_without_a_password_nobody_is_asked_to_prove_one(self) -> None:
        report = self.explain(Question("imap4", b"alice"))
        self.assertEqual(report["authentication"], "not tried: no password given")

    def test_a_right_password_is_told_as_accepted(self) -> None:
        report = self.explain(Question("imap4", b"alice", secret=Secret(b"secret-alice")))
        self.assertTrue(report["authentication"].startswith("accepted: "), report)
        self.assertEqual(report["decision"]["kind"], "Relay")

    def test_a_wrong_password_is_refused_with_what_the_client_sees(self) -> None:
        """S-AUTH-11: the password stands nowhere in the report."""
        report = self.explain(Question("imap4", b"alice", secret=Secret(b"hunter2-hunter2")))
        self.assertEqual((report["refused"]["step"], report["refused"]["cause"]), ("authenticate", "wrong password"))
        self.assertTrue(report["refused"]["client_sees"].startswith("NO [AUTHENTICATIONFAILED] "))
        self.assertNotIn("decision", report)
        self.assertNotIn("hunter2", json.dumps(report) + as_text(report))

    def test_refusals_name_their_step(self) -> None:
        cases = [
            (b"nobody", "authenticate", "unknown user"),
            (b"a/b/c/d", "authenticate", "malformed name or password"),
            (b"carol", "locate", "the account has no mailbox"),
            (b"alice@fourthcoffee.com/nobody", "locate", "no such mailbox"),
        ]
        for login, step, cause in cases:
            refused = self.explain(Question("pop3", login))["refused"]
            self.assertEqual((refused["step"], refused["cause"]), (step, cause), login)
            self.assertTrue(refused["client_sees"].startswith("-ERR ["), login)

    def test_a_refusing_decision_shows_its_rules(self) -> None:
        self.world.directory.entries.append(mailbox("dave", "nowhere"))
        report = self.explain(Question("imap4", b"dave"))
        self.assertEqual(report["refused"]["step"], "route")
        self.assertEqual(report["decision"]["kind"], "Refuse")
        self.assertIn({"rule": "no such server allowed", "values": ["nowhere"]}, report["decision"]["because"])

    def test_what_the_cache_holds_stands_beside_each_key(self) -> None:
        self.explainer = Explainer(self.world.steps, _SITES, lambda key: {"kind": "absent", "age": 0.0})
        report = self.explain(Question("imap4", b"alice"))
        self.assertEqual([key["cached"]["kind"] for key in report["keys"]], ["absent", "absent"])
        self.assertIn("\n     cache: nothing\n", as_text(report))

    def test_a_cached_answer_that_is_out_of_date_is_pointed_out(self) -> None:
        self.world.steps.directory = _Holds(self.world.directory.entries, held=mailbox("alice", "dallas"))
        text = as_text(self.explain(Question("imap4", b"alice")))
        self.assertIn("another answer, and a log-on takes that one (exfrontctl flush forgets it):", text)
        self.assertIn("cn=alice,cn=Users,dc=fourthcoffee,dc=com at home on dallas", text)

    def test_a_cached_answer_that_is_still_true_is_not(self) -> None:
        self.world.steps.directory = _Holds(self.world.directory.entries, held=mailbox("alice", "chicago"))
        self.assertNotIn("held", self.explain(Question("imap4", b"alice")))


class HttpTests(_Case):
    def test_a_url_chooses_the_virtual_directory_and_the_mailbox(self) -> None:
        report = self.explain(Question("http", b"alice", "https://mail.fourthcoffee.com/exchange/bob/Inbox/"))
        self.assertEqual(report["web"]["virtual_directory"], "/exchange")
        self.assertEqual(report["web"]["explicit_logon"][0]["value"], "bob@fourthcoffee.com")
        self.assertEqual(report["mailbox"]["account_name"], "bob")
        self.assertEqual(report["decision"]["server"]["name"], "dallas")

    def test_an_anonymous_directory_asks_nobody(self) -> None:
        report = self.explain(Question("http", b"", "/public/"))
        self.assertEqual(self.world.directory.asked, [])
        self.assertEqual(report["decision"]["server"]["name"], "chicago")

    def test_listener_site_and_directory_each_with_its_reason(self) -> None:
        """The seed's step 3: port, address or host name; else the default."""
        for url, listener, why, site, because in (
            ("https://mail.fourthcoffee.com/exchange/", "http@0.0.0.0:443", "port 443", "default", "its host name"),
            ("https://mail.fourthcoffee.com:8443/ecp/", "admin", "port 8443", "admin", "its host name"),
            ("https://x.example/exchange/", "http@0.0.0.0:443", "port 443", "default",
             "default of the listener: no site there has this host name"),
            ("https://mail.fourthcoffee.com:444/exchange/", "http@0.0.0.0:443", "the first one for https", "default",
             "its host name"),
            ("/exchange/", "http@0.0.0.0:443", "the first one", "default", "default of the listener"),
        ):  # fmt: skip
            web = self.explain(Question("http", b"alice", url))["web"]
            found = (web["listener"], web["listener_because"], web["virtual_site"], web["site_because"])
            self.assertEqual(found, (listener, why, site, because), url)

    def test_a_strict_listener_refuses_other_host_names(self) -> None:
        """S-HTTP-4: as a request is refused."""
        report = self.explain(Question("http", b"alice", "https://x.example:8443/owa/"))
        self.assertEqual(
            (report["refused"]["code"], report["refused"]["detail"]), ("XF-HOST", "admin has strict_hosts")
        )

    def test_when_a_form_is_asked_for_and_why(self) -> None:
        """S-HTTP-35: page, 440 or 401, by directory and method; the pages themselves are exfront's own."""
        for url, method, how, why in (
            ("/forms/", "GET", "by form: 302 to /exchweb/bin/auth/owalogon.asp", "who brings Basic is taken"),
            ("/forms/", "PROPFIND", "by form: 440 Login Timeout", "authentication: forms, basic"),
            ("/exchange/", "GET", "by 401 of exfront", "authentication: basic"),
            ("/forms/?Cmd=logoff", "GET", "the page after a log-off, by exfront itself", "its path, or its query"),
            ("/public/", "GET", "nobody is asked", "authentication: anonymous"),
            ("/cards/", "GET", "by client certificate: 403 without one", "authentication: certificate"),
        ):  # fmt: skip
            question = Question("http", b"alice", f"https://mail.fourthcoffee.com{url}", None, method)
            report = self.explain(question)
            self.assertEqual((report["web"]["log_on"], why in report["web"]["log_on_because"]), (how, True), url)
            self.assertIn(f"  log on: {how} (", as_text(report))

    def test_each_application(self) -> None:
        """S-HTTP-23, S-ROUTE-13: where each path of Exchange leads, and whom its query names."""
        bob = guid("bob") + "@fourthcoffee.com"
        for path, application, server in (
            ("/exchange/bob/", "exchange", "dallas"), ("/public/", "public", "chicago"),
            ("/exchweb/x", "exchweb", "chicago"),
            ("/owa/bob@fourthcoffee.com/", "owa", "dallas"), ("/owa/", "owa", "chicago"), ("/ecp/", "ecp", "chicago"),
            ("/EWS/Exchange.asmx", "ews", "chicago"), ("/OAB/x.xml", "oab", "chicago"), ("/oma/", "oma", "chicago"),
            ("/autodiscover/autodiscover.xml", "autodiscover", "chicago"),
            (f"/mapi/emsmdb/?MailboxId={bob}", "mapi", "dallas"), ("/mapi/nspi/", "mapi", "chicago"),
            ("/Microsoft-Server-ActiveSync?Cmd=Ping&User=bob", "activesync", "chicago"),
            ("/rpc/rpcproxy.dll?CHICAGO:6001", "rpc", "chicago"),
            (f"/rpcwithcert/rpcproxy.dll?{bob}:6004", "rpc", "dallas"),
        ):  # fmt: skip
            report = self.explain(Question("http", b"alice", "https://mail.fourthcoffee.com:8443" + path))
            self.assertEqual((report["web"]["application"], report.get("refused")), (application, None), path)
            self.assertEqual(report["decision"]["server"]["name"], server, path)

    def test_by_which_scheme_and_name_the_user_is_logged_on(self) -> None:
        """What was learned of the server too; mail has its one way."""
        world = World(Topology((mailbox_server("chicago", next_hop=("negotiate", "ntlm", "basic")),)))
        self.world.steps.world = lambda: world
        question = Question("http", b"alice", url="https://mail.fourthcoffee.com/exchange/")
        told = self.explain(question)
        self.assertEqual(told["next_hop"]["scheme"], "ntlm")
        self.assertEqual(told["next_hop"]["name"], "FOURTHCOFFEE\\alice")
        self.assertIn("log-on at the next hop\n  scheme: ntlm\n", as_text(told))
        self.world.steps.next_hops.learn(Place("chicago", 80, "/exchange"), "basic")
        expected = {"scheme": "basic", "name": "alice", "because": "offered a moment ago"}
        self.assertEqual(self.explain(question)["next_hop"], expected)
        self.assertNotIn("next_hop", self.explain(Question("imap4", b"alice")))

    def test_an_rpc_endpoint_that_is_not_the_users(self) -> None:
        """S-ROUTE-13: before any look-up where nobody may name it, else with the server that it should be."""
        for query, step, detail in (
            ("dallas:6001", "RPC endpoint", "dallas is not chicago"),
            ("chicago:22", "virtual directory", "not a server and one of the ports 6001, 6002 and 6004"),
        ):
            report = self.explain(
                Question("http", b"alice", f"https://mail.fourthcoffee.com:8443/rpc/rpcproxy.dll?{query}")
            )
            refused = report["refused"]
            self.assertEqual((refused["code"], refused["step"], refused["detail"]), ("XF-RPC-ENDPOINT", step, detail))
        text = as_text(
            self.explain(Question("http", b"alice", "https://mail.fourthcoffee.com:8443/rpc/r.dll?dallas:6001"))
        )
        self.assertIn("\n  RPC server, which must be the mailbox's: dallas\n", text)

    def test_the_rules_of_admission_one_by_one(self) -> None:
        """S-HTTP-7, S-AUTH-12: TLS, method and address, as a request meets them."""
        url, skipped = "://mail.fourthcoffee.com/inside/", "not looked at"
        for question, said, code in (
            (Question("http", b"alice", "https" + url), [skipped, *["passes"] * 3], ""),
            (Question("http", b"alice", "http" + url), [skipped, "redirects with 301"], ""),
            (Question("http", b"alice", "http" + url, None, "PUT"), [skipped, "refuses"], "XF-TLS-REQUIRED"),
            (
                Question("http", b"alice", "https" + url, None, "RPC_IN_DATA"),
                [skipped, "passes", "passes", "refuses"],
                "XF-METHOD",
            ),
            (Question("http", b"alice", "https" + url, None, "GET", "192.0.2.7"), ["refuses"], "XF-ADDRESS"),
            (Question("http", b"alice", "https" + url, None, "GET", "10.1.2.3"), ["passes"] * 4, ""),
        ):
            report = self.explain(question)
            self.assertEqual([rule["says"] for rule in report["web"]["rules"]], said, question)
            self.assertEqual(report.get("refused", {}).get("code", ""), code)
        self.assertIn("\n  client address: 10.1.2.3, passes\n  TLS: https, passes\n", as_text(report))
        self.assertEqual(report["decision"]["service"]["port"], 8080)

    def test_what_stops_a_url_is_told_before_any_look_up(self) -> None:
        cases = [
            ("/owa/", "no such virtual directory"),
            ("/exchange/%zz", "the client broke the protocol"),
            ("exchange/", "the client broke the protocol"),
            ("http://[::1/exchange/", "the client broke the protocol"),
            ("http://mail.fourthcoffee.com/exchange/", "log-on without TLS"),
        ]
        for url, cause in cases:
            report = self.explain(Question("http", b"alice", url))
            self.assertEqual((report["refused"]["step"], report["refused"]["cause"]), ("virtual directory", cause), url)
        self.assertEqual(self.world.directory.asked, [])


class TextTests(_Case):
    def test_text_from_outside_does_not_move_the_cursor(self) -> None:
        """A name with control characters is shown escaped."""
        text = as_text(self.explain(Question("imap4", "ali\x1b[2Jce\u202e".encode())))
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\u202e", text)
        self.assertIn("\\x1b[2J", text)

    def test_octets_that_are_no_text_are_hexadecimal(self) -> None:
        self.assertEqual(plain({"a": (b"\x00\xff", "ä".encode())}), {"a": ["0x00ff", "ä"]})

    def test_attributes_that_hold_passwords_are_never_shown(self) -> None:
        """S-AUTH-11: whatever attribute a configuration names."""
        self.assertEqual(plain({"userPassword": (b"hunter2",)}), {"userPassword": "(never shown)"})

    def test_secrets_keep_theirs(self) -> None:
        """S-AUTH-11: a wrapped secret is not unwrapped."""
        self.assertNotIn("hunter2", json.dumps(plain((Secret(b"hunter2"),))))

    def test_keys_have_names_that_people_know(self) -> None:
        self.assertEqual(plain(LookupKey(KeyKind.UPN, "a@b"))["kind"], "user principal name")


class PageTests(SynchronousTestCase):
    def test_docs_explain_is_what_the_command_prints(self) -> None:
        """Made from a real slapd by the real command; `make docs` writes it."""
        self.assertEqual(OUTPUT.read_text("utf-8"), page(), "docs/explain.rst is out of date: make docs")

    def test_docs_show_the_six_cases(self) -> None:
        self.assertGreaterEqual(len(EXAMPLES), 6)
