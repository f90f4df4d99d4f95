"""441 between real processes: two exfronts in two sites of a Samba domain, and a strict second server of our making."""

from __future__ import annotations

from functools import cache
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.security_context import SecurityContext, write
from tests.exchange.cas2007 import Cas2007
from tests.support.cas_stage import FIRST_HOST, PUBLIC_NAME, SECOND, SECOND_HOST, USER, CasStage, run
from tests.support.clients import basic
from tests.support.exfront import ExFront
from tests.support.process import wait_until
from tests.support.samba import shared_site
from tests.support.samba_data import DOMAIN

_CONTEXT = write(SecurityContext("S-1-5-21-1-2-3-1104", "d\\u", "Basic"))
_XML = {"Content-Type": "text/xml; charset=utf-8"}


@cache
def _stage() -> CasStage:
    """One for all tests of this module; its processes end with ours."""
    stage = CasStage(shared_site())
    stage.start()
    return stage


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = _stage()

    def run_first(self, *arguments: Any, **changes: Any) -> ExFront:
        front = self.stage.first(*arguments, **changes)
        self.addCleanup(front.daemon.kill)
        run(front)
        return front

    def statuses(self, front: ExFront, mark: int, count: int) -> list[tuple[str, ...]]:
        lines = front.lines_since(mark, count)
        return [(line["cs-method"], line["cs-uri"], line["x-decision"], line["sc-status"]) for line in lines]


class TwoExFrontsTests(_Case):
    def test_441_proxy_log_on_241_page(self) -> None:
        """2007 OWA steps 1 to 6, S-ROUTE-6: seen in both logs; and a restart of the second heals itself."""
        second = self.stage.second
        first = self.run_first(second.at("https"))
        for _ in range(2):
            marks = len(first.access_lines()), len(second.access_lines())
            page = self.stage.ask(first)
            self.assertEqual(page.status, 200, page.body)
            self.assertEqual(page.body, f"{SECOND} user={USER.name} host={SECOND_HOST}".encode())
            (line,) = first.lines_since(marks[0], 1)
            told = [line[name] for name in ("x-decision", "s-back-end", "sc-status", "x-back-end-status", "x-detail")]
            self.assertEqual(told, ["ProxyToCas", SECOND, "200", "200", "csc_login"])
            self.assertEqual(self.statuses(second, marks[1], 3), [
                ("GET", "/owa/", "-", "441"), ("POST", "/owa/proxyLogon.owa", "-", "241"),
                ("GET", "/owa/", "Relay", "200"),
            ])  # fmt: skip
            log_on, relayed = second.access_lines()[-2:]
            self.assertRegex(log_on["x-detail"], rf"\Apeer={FIRST_HOST} groups=\d+\Z")
            self.assertEqual(log_on["cs-username"], f"{DOMAIN}\\{USER.name}")
            self.assertEqual((relayed["c-ip"], relayed["s-back-end"]), (line["c-ip"].partition(":")[0], SECOND))
            self.assertEqual(self.stage.ask(first, path="/owa/2").status, 200)  # without another log-on
            self.assertEqual(self.statuses(second, marks[1] + 3, 1), [("GET", "/owa/2", "Relay", "200")])
            second.stop()
            run(second)
        for front in (first, second):
            self.assertNotIn("S-1-5-21", "".join(map(str, front.access_lines()[-1:])))
            self.assertNotIn("Traceback", front.server_log())

    def test_bodies_short_and_long(self) -> None:
        first = self.run_first(self.stage.second.at("https"))
        for size in (10, 200_000):
            page = self.stage.ask(first, "POST", body=b"x" * size)
            self.assertEqual((page.status, page.body[:7]), (200, SECOND.encode()))

    def test_who_is_no_client_access_server(self) -> None:
        """S-AUTH-14: a proxy log-on needs a certificate of the authority, for a name of the configuration."""
        second = self.stage.second
        for certificate in ("", self.stage.certificate(PUBLIC_NAME)):
            for said in ({}, basic(USER.principal, USER.secret)):
                page = self.stage.ask(second, "POST", "/owa/proxyLogon.owa", _CONTEXT, SECOND_HOST, {**_XML, **said},
                                      certificate)  # fmt: skip
                self.assertEqual(page.status, 403)
        page = self.stage.ask(second, host=SECOND_HOST, headers={"X-ExFront-Sid": "S-1-5-21-1-2-3-1104"})
        self.assertEqual((page.status, page.headers["www-authenticate"][:5]), (401, "Basic"))
        shown = self.stage.certificate(FIRST_HOST)
        page = self.stage.ask(second, "POST", "/owa/proxyLogon.owa", _CONTEXT, SECOND_HOST, _XML, shown)
        self.assertEqual((page.status, page.body), (241, b""))

    def test_malformed_and_oversized_contexts(self) -> None:
        second, shown = self.stage.second, self.stage.certificate(FIRST_HOST)
        bomb = b'<!DOCTYPE r [<!ENTITY a "aaaa">]>' + _CONTEXT
        groups = b'<s a="7" t="1">S-1-1-0</s>'
        for body, status in (
            (bomb, 400), (_CONTEXT[:-1], 400), (_CONTEXT.replace(b"</r>", groups * 2000 + b"</r>"), 400),
            (_CONTEXT.replace(b"</r>", groups * 10_000 + b"</r>"), 413), (b"", 400), (b"\0" * 1000, 400),
        ):  # fmt: skip
            page = self.stage.ask(second, "POST", "/owa/proxyLogon.owa", body, SECOND_HOST, _XML, shown)
            self.assertEqual(page.status, status, body[:60])

    def test_two_that_point_at_each_other(self) -> None:
        """S-ROUTE-5: 508 at once. Each takes the other one's site for the mailbox's."""
        fronts = self.stage.each_before_the_other()
        for front in fronts:
            self.addCleanup(front.daemon.kill)
            run(front)
        self.assertEqual(self.stage.ask(fronts[0]).status, 508)
        self.assertEqual([line["x-reason"] for line in fronts[1].lines_since(0, 3)],
                         ["XF-CSC-NEEDED", "-", "XF-LOOP"])  # fmt: skip


class StrictServerTests(_Case):
    """Against a second server that shares no code with exfront."""

    def setUp(self) -> None:
        super().setUp()
        self.cas = self.server()

    def server(self, *, tls: bool = True) -> Cas2007:
        authority = self.stage.site.authority
        certificate = authority.issue(SECOND_HOST) if tls else None
        cas = Cas2007("127.0.0.48", SECOND_HOST, certificate, authority.ca_file, frozenset({FIRST_HOST}))
        self.addCleanup(cas.stop)
        return cas

    def asked(self) -> list[tuple[str, str, int]]:
        return [(one.method, one.target, one.status) for one in self.cas.seen]

    def test_the_conversation(self) -> None:
        first = self.run_first(self.cas.at)
        page = self.stage.ask(first)
        self.assertEqual(page.status, 200, (page.body, self.cas.seen))
        self.assertIn(rf"cas={SECOND_HOST} user={DOMAIN}\{USER.name} sid=S-1-5-21-".encode(), page.body)
        self.assertNotIn("set-cookie", page.headers)
        log_on = [("GET", "/owa/", 441), ("POST", "/owa/proxyLogon.owa", 241), ("GET", "/owa/", 200)]
        self.assertEqual(self.asked(), log_on)
        self.assertEqual(self.stage.ask(first, "POST", body=b"x" * 5000).status, 200)
        self.assertEqual(self.asked()[3:], [("POST", "/owa/", 200)])
        self.cas.contexts.clear()
        self.assertEqual(self.stage.ask(first, "POST", body=b"y" * 5000).status, 200)
        self.assertEqual([one.body for one in self.cas.seen[-3::2]], [b"y" * 5000] * 2)  # said twice, whole
        self.cas.contexts.clear()
        self.assertEqual(self.stage.ask(first, "POST", body=b"z" * 100_000).status, 200)
        self.assertEqual([one.status for one in self.cas.seen[-2:]], [241, 200])  # the log-on first
        self.assertEqual(self.cas.seen[-1].body, b"z" * 100_000)

    def test_the_groups_are_those_of_the_directory(self) -> None:
        """Domain Users, and the well-known ones of every token."""
        self.stage.ask(self.run_first(self.cas.at))
        (known,) = self.cas.contexts.values()
        groups = set(known.groups)
        self.assertLessEqual({"S-1-1-0", "S-1-5-2", "S-1-5-11"}, groups)
        self.assertTrue(any(sid.startswith("S-1-5-21-") and sid.endswith("-513") for sid in groups), groups)

    def test_441_for_ever(self) -> None:
        """Two originals and one log-on, then 502 (S-ROUTE-6)."""
        self.cas.forgets = True
        first = self.run_first(self.cas.at)
        page = self.stage.ask(first)
        self.assertEqual((page.status, b"XF-CSC-LOOP" in page.body), (502, True))
        self.assertEqual([status for _, _, status in self.asked()], [441, 241, 441])
        wait_until(lambda: first.access_lines()[-1:] != [], "its line")
        self.assertEqual(first.access_lines()[-1]["x-reason"], "XF-CSC-LOOP")

    def test_a_first_server_that_is_not_known(self) -> None:
        self.cas.peers = frozenset()
        page = self.stage.ask(self.run_first(self.cas.at))
        self.assertEqual((page.status, b"XF-CSC-LOGIN" in page.body), (502, True))
        self.assertNotIn("www-authenticate", page.headers)

    def test_a_server_that_speaks_plain_http(self) -> None:
        """E42, S-ROUTE-8: nothing is said to it."""
        self.cas = self.server(tls=False)
        page = self.stage.ask(self.run_first(self.cas.at))
        self.assertEqual((page.status, self.cas.seen), (502, []))

    def test_a_server_of_another_name(self) -> None:
        """S-ROUTE-8"""
        page = self.stage.ask(self.run_first(self.cas.at, "other.fourthcoffee.com"))
        self.assertEqual((page.status, b"XF-BE-CERT" in page.body, self.cas.seen), (502, True, []))
