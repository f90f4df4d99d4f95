"""Exchange 2013 behind the daemon: a database availability group in a Samba domain, strict mailbox servers, curl.

*Exchange 2013 Clients not able to connect using Outlook Anywhere* tells the normal flow, and the wrong certificate on
444: 200 in the first column, 500 in the second one.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.wire.access_token import AccessToken, write
from tests.exchange.mailbox2013 import Mailbox2013
from tests.support.authority import Authority
from tests.support.availability_group import (
    BESIDE,
    FIRST,
    IN_GROUP,
    MOVED_TO,
    MOVER,
    ON_STRAY,
    SECOND,
    STRAY,
    WITHOUT_OWNER,
    guid,
    host,
)
from tests.support.clients import Page
from tests.support.curl import curl
from tests.support.exfront import ExFront
from tests.support.mailbox_stage import FRONT_HOST, PUBLIC_NAME, SERVERS, MailboxStage
from tests.support.process import temporary_folder, wait_until
from tests.support.recording_server import RecordingServer
from tests.support.rpc_back_end import RpcBackEnd
from tests.support.rpc_client import RpcClient, RpcError
from tests.support.samba_data import DNS_DOMAIN, DOMAIN, Account, database_dn
from tests.web.test_headers import UNTRUSTED

_MOVED_FROM = database_dn(21)
_XML = "Content-Type: text/xml; charset=utf-8"
_ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/><s:Body><a>~</a></s:Body></s:Envelope>'
)


@cache
def _stage() -> MailboxStage:
    """One domain for all tests of this module; it ends with our process."""
    return MailboxStage()


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = _stage()

    def server(self, name: str, certificate: Path | None = None, **more: Any) -> Mailbox2013:
        server = self.stage.server(name, certificate, **more)
        self.addCleanup(server.stop)
        return server

    def front(self, *sections: dict[str, object], **more: Any) -> ExFront:
        """Running, before these servers."""
        front = self.stage.front(sections, **more)
        self.addCleanup(self.stopped, front)
        self.stage.run(front)
        return front

    def stopped(self, front: ExFront) -> None:
        """No test may leave a traceback in its log."""
        front.daemon.kill()
        self.assertNotIn("Traceback", front.server_log())

    def pair(self) -> tuple[Mailbox2013, Mailbox2013, ExFront]:
        first, second = self.server(FIRST), self.server(SECOND)
        return first, second, self.front(first.section(FIRST), second.section(SECOND))

    def asked(self, front: ExFront, person: Account, path: str = "/owa/", *headers: str) -> tuple[Page, dict[str, str]]:
        """The answer, and its line in the access log."""
        mark = len(front.access_lines())
        page = self.stage.ask(front, person, path, headers)
        (line,) = front.lines_since(mark, 1)
        return page, line

    def columns(self, line: dict[str, str]) -> tuple[str, str, str]:
        return line["sc-status"], line["x-back-end-status"], line["x-reason"]


class NormalFlowTests(Case):
    def test_the_active_copy_is_told_who_asks(self) -> None:
        """S-ROUTE-2, S-ROUTE-3, S-ROUTE-9: the URL as it came, a token with the directory's groups, no password."""
        first, second, front = self.pair()
        page, line = self.asked(front, IN_GROUP, "/owa/?ae=Folder&t=IPF.Note")
        self.assertEqual((page.status, self.columns(line)), (200, ("200", "200", "-")), first.incidents)
        self.assertEqual(line["s-back-end"], FIRST)
        (seen,) = first.seen
        self.assertEqual((seen.method, seen.target, seen.peer), ("GET", "/owa/?ae=Folder&t=IPF.Note", FRONT_HOST))
        assert seen.token is not None
        self.assertEqual((seen.token.kind, seen.token.name), ("Basic", f"{DOMAIN}\\{IN_GROUP.name}"))
        groups = {sid for sid, _ in seen.token.groups}
        self.assertLessEqual({"S-1-1-0", "S-1-5-2", "S-1-5-11"}, groups)
        self.assertTrue(any(sid.endswith("-513") for sid in groups), groups)  # Domain Users
        self.assertRegex(seen.token.sid, r"\AS-1-5-21-\d+-\d+-\d+-\d+\Z")
        self.assertEqual((second.seen, first.incidents), ([], []))
        self.assertEqual(
            [page.headers[name] for name in ("x-feserver", "x-calculatedbetarget", "x-backendhttpstatus")],
            ["FRONT1", host(FIRST), "200"],
        )
        self.assertNotIn(IN_GROUP.secret.decode(), front.server_log() + str(front.access_lines()))
        self.assertNotIn(seen.head.values(b"x-commonaccesstoken")[0].decode(), front.server_log())

    def test_every_application_and_method(self) -> None:
        """*Clients decide the URL*: OWA, EWS, ActiveSync, Autodiscover, MAPI over HTTP."""
        first, _, front = self.pair()
        for path in ("/owa/", "/EWS/Exchange.asmx", "/Microsoft-Server-ActiveSync?Cmd=Sync&DeviceId=1&DeviceType=x",
                     "/Autodiscover/Autodiscover.xml", "/OAB/x/oab.xml",
                     f"/mapi/emsmdb/?MailboxId={guid(IN_GROUP.name)}@{DNS_DOMAIN}"):  # fmt: skip
            page, line = self.asked(front, IN_GROUP, path)
            self.assertEqual((page.status, line["s-back-end"]), (200, FIRST), (path, first.incidents))
        envelope = _ENVELOPE.replace("~", "x" * 100_000)
        page = self.stage.ask(front, IN_GROUP, "/EWS/Exchange.asmx", (_XML,), "--data", envelope)
        self.assertEqual(page.status, 200, page.body)
        self.assertEqual((first.seen[-1].body, first.incidents), (envelope.encode(), []))

    def test_a_redirection_of_the_server_names_the_public_site(self) -> None:
        """S-HTTP-31"""
        _, _, front = self.pair()
        page, _ = self.asked(front, IN_GROUP, "/owa/?moveto")
        self.assertEqual(page.headers["location"], f"https://{PUBLIC_NAME}/owa/elsewhere")

    def test_probes_of_a_mailbox_server(self) -> None:
        """The page of Exchange's own probes, and the self test of its back end: both without a log-on or a token."""
        first = self.server(FIRST)
        pages = {"owa": "/owa/exhealth.check", "ews": "/ews/healthcheck.htm"}
        period = {"back_end_probe_period": 1.0, "drain_time": 2.0}
        self.front({**first.section(FIRST), "probe": True, "probe_paths": pages}, limits=period)
        wait_until(lambda: {each.target for each in first.seen} == set(pages.values()), "both probes")
        self.assertEqual({(each.status, each.token, each.peer) for each in first.seen}, {(200, None, "")})
        self.assertEqual(first.incidents, [])

    def test_by_a_secret(self) -> None:
        """S-AUTH-14: in place of the certificate."""
        secret = temporary_folder("secret") / "proxy.secret"
        secret.touch(mode=0o600)
        secret.write_text("hush-hush-of-both\n")
        first = self.server(FIRST, secret=b"hush-hush-of-both")
        front = self.front(first.section(FIRST), proxy={"secret_file": str(secret), "server_name": FRONT_HOST})
        page, _ = self.asked(front, IN_GROUP)
        self.assertEqual((page.status, first.seen[0].peer, first.incidents), (200, "secret", []))

    def test_a_site_that_rather_sends_the_password(self) -> None:
        first = self.server(FIRST, people={IN_GROUP.principal: IN_GROUP.secret.decode()})
        front = self.front({**first.section(FIRST), "next_hop": "basic"})
        page, _ = self.asked(front, IN_GROUP)
        self.assertEqual((page.status, first.tokens(), first.incidents), (200, [], []))

    def test_who_is_not_let_in_gets_a_401_of_ours(self) -> None:
        first, _, front = self.pair()
        wrong = Account(IN_GROUP.name, "wrong password")
        page, _ = self.asked(front, wrong)
        self.assertEqual((page.status, first.seen), (401, []))

    def test_a_server_that_does_not_know_us(self) -> None:
        """502 and both columns; no client is asked for his password again."""
        first = self.server(FIRST, secret=b"another one")
        secret = temporary_folder("secret") / "proxy.secret"
        secret.touch(mode=0o600)
        secret.write_text("hush-hush-of-both\n")
        front = self.front(first.section(FIRST), proxy={"secret_file": str(secret)})
        page, line = self.asked(front, IN_GROUP)
        self.assertEqual(self.columns(line), ("502", "401", "XF-CSC-LOGIN"))
        self.assertNotIn("www-authenticate", page.headers)

    def test_a_server_that_knows_us_for_something_else(self) -> None:
        """What it says stands."""
        first, _, front = self.pair()
        first.peers = frozenset()
        page, line = self.asked(front, IN_GROUP)
        self.assertEqual((page.status, self.columns(line)[:2]), (403, ("403", "403")))


class ColumnTests(Case):
    """S-ROUTE-8: what the certificate on 444 does, in the two columns."""

    def told(self, certificate: Path, **section: object) -> tuple[tuple[str, str, str], Mailbox2013]:
        first = self.server(FIRST, certificate)
        front = self.front({**first.section(FIRST), **section})
        page, line = self.asked(front, IN_GROUP)
        self.assertEqual(str(page.status), line["sc-status"])
        return self.columns(line), first

    def test_the_right_name(self) -> None:
        columns, _ = self.told(self.stage.certificate(host(FIRST)))
        self.assertEqual(columns, ("200", "200", "-"))

    def test_a_wrong_name(self) -> None:
        """Both names are told, and nothing was said: no header, no token."""
        (front, back, reason), server = self.told(self.stage.certificate(f"other.{DNS_DOMAIN}"))
        self.assertEqual((front, reason, server.seen), ("502", "XF-BE-CERT", []))
        self.assertRegex(back, rf"\ATLS: name wanted={host(FIRST)} found=other\.{DNS_DOMAIN} subject=CN=other")

    def test_an_expired_one(self) -> None:
        (front, back, reason), server = self.told(self.stage.authority.issue(host(FIRST), expired=True))
        self.assertEqual((front, back.partition(" wanted")[0], reason), ("502", "TLS: expired", "XF-BE-CERT"))
        self.assertEqual(server.seen, [])

    def test_the_same_name_by_another_authority(self) -> None:
        """S-ROUTE-8: no octet of the request is said there.

        Bad input: a token asked to go to a host of the same name with another certificate.
        """
        other = Authority(temporary_folder("authority"), "another authority").issue(host(FIRST))
        (front, back, reason), server = self.told(other)
        self.assertEqual((front, back.partition(" wanted")[0], reason), ("502", "TLS: issuer", "XF-BE-CERT"))
        self.assertEqual(server.seen, [])

    def test_a_pinned_one_of_whatever_name(self) -> None:
        """As set-up leaves it: self-signed. The pin is what exfront's own log tells."""
        other = Authority(temporary_folder("authority"), "another authority").issue("exchange")
        (_, back, _), _ = self.told(other)
        found = re.search(r"key=(sha256:[0-9a-f]{64})", back)
        assert found is not None
        columns, server = self.told(other, tls_pin=[found[1]])
        self.assertEqual((columns, len(server.tokens())), (("200", "200", "-"), 1))


class InsteadTests(Case):
    """S-ROUTE-10: a mailbox that has moved, and databases whose active copy is elsewhere."""

    def test_a_dead_owner(self) -> None:
        """S-ROUTE-10: the other copy in activation order.

        Bad input: a database whose owner is dead.
        """
        first, second, front = self.pair()
        first.stop()
        for _ in range(3):
            page, line = self.asked(front, IN_GROUP)
            self.assertEqual((page.status, line["s-back-end"]), (200, SECOND), line)
        self.assertEqual((len(second.tokens()), second.incidents), (3, []))

    def test_an_owner_whose_database_is_not_mounted(self) -> None:
        """Asked once, and then the one that was found is remembered."""
        first, second, front = self.pair()
        first.unmounted = True
        for count in (1, 2, 3):
            page, line = self.asked(front, IN_GROUP)
            self.assertEqual((page.status, line["s-back-end"], line["x-back-end-status"]), (200, SECOND, "200"))
            self.assertEqual((len(first.seen), len(second.seen)), (1, count))

    def test_a_post_is_not_said_twice(self) -> None:
        first, second, front = self.pair()
        first.unmounted = True
        for status in (503, 200):
            page = self.stage.ask(front, IN_GROUP, "/EWS/Exchange.asmx", (_XML,), "--data", _ENVELOPE)
            self.assertEqual(page.status, status, page.body)
        self.assertEqual((len(first.seen), len(second.seen)), (1, 1))

    def test_no_copy_is_active(self) -> None:
        """S-ROUTE-10: the answer is the last server's, and each was asked once.

        Bad input: a database with no active copy.
        """
        first, second, front = self.pair()
        first.unmounted = second.unmounted = True
        page, line = self.asked(front, IN_GROUP)
        self.assertEqual((page.status, line["x-back-end-status"]), (503, "503"))
        self.assertEqual((len(first.seen), len(second.seen)), (1, 1))

    def test_no_copy_answers(self) -> None:
        first, second, front = self.pair()
        first.stop()
        second.stop()
        for _ in range(4):
            page, line = self.asked(front, IN_GROUP)
            self.assertIn((page.status, line["x-reason"]), ((502, "XF-BE-REFUSED"), (503, "XF-BE-REFUSED")))
        self.assertEqual(page.status, 503)  # nobody is tried any more for a moment

    def test_a_database_without_an_owner(self) -> None:
        """Its group has copies: the first in activation order. Missing objects: msExchOwningServer."""
        first, second, front = self.pair()
        page, line = self.asked(front, WITHOUT_OWNER)
        self.assertEqual((page.status, line["s-back-end"]), (200, SECOND), (line, first.incidents, second.incidents))

    def test_the_configuration_knows_better(self) -> None:
        first, second = self.server(FIRST), self.server(SECOND)
        for active in ({"Mailbox Database 21": SECOND}, {"dag1": SECOND}):
            front = self.front(first.section(FIRST), second.section(SECOND), exchange={"active_servers": active})
            _, line = self.asked(front, IN_GROUP)
            self.assertEqual(line["s-back-end"], SECOND)
            front.daemon.kill()

    def test_a_mailbox_moved_between_look_up_and_request(self) -> None:
        """S-ROUTE-10: one fresh look-up and one more try.

        Bad input: a mailbox moved between look-up and request.
        """
        first, beside = self.server(FIRST), self.server(BESIDE)
        front = self.front(first.section(FIRST), beside.section(BESIDE))
        _, line = self.asked(front, MOVER)
        self.assertEqual(line["s-back-end"], FIRST)
        time.sleep(limits.CACHE_YOUNG_TIME)  # what was read just now is not doubted
        self.addCleanup(self.stage.site.change, MOVER.dn, "homeMDB", _MOVED_FROM.encode())
        self.stage.site.change(MOVER.dn, "homeMDB", MOVED_TO.encode())
        first.away = {MOVER.name}
        page, line = self.asked(front, MOVER)
        self.assertEqual((page.status, line["s-back-end"], line["x-detail"]), (200, BESIDE, "moved"))
        self.assertEqual([one.status for one in first.seen], [200, 503])
        _, line = self.asked(front, MOVER)
        self.assertEqual((line["s-back-end"], len(first.seen)), (BESIDE, 2))


class NowhereElseTests(Case):
    """S-ROUTE-1, S-ROUTE-4, S-ROUTE-8: a token goes to servers of the topology over verified TLS, and nowhere else."""

    def test_whatever_a_client_says(self) -> None:
        """S-HTTP-18: nobody is connected to but the mailbox's server, and it sees the token of who is proven.

        Bad input: a client sends the fields and cookies between front end and back end, in every spelling.
        """
        first, _, front = self.pair()
        trap = RecordingServer(SERVERS)
        target = f"{SERVERS}:{trap.port}"
        forged = write(AccessToken("S-1-5-18", "SYSTEM", "Kerberos")).decode()
        names = [name.decode() for name in UNTRUSTED]
        for spell in (str, str.upper, str.lower):
            fields = [f"{spell(name)}: {target}" for name in names]
            fields.append("Cookie: " + "; ".join(f"{spell(name)}={target}/owa~1942062522" for name in names))
            fields.append(f"{spell('X-CommonAccessToken')}: {forged}")
            page, line = self.asked(front, IN_GROUP, "/owa/", *fields)
            self.assertEqual((page.status, line["s-back-end"]), (200, FIRST), first.incidents)
        for path in (f"/owa/?url=https://{target}/&X-BEResource={target}", f"/owa/{target}/", "/owa/@evil.example/"):
            self.assertNotIn(self.asked(front, IN_GROUP, path)[0].status, (500, 502))
        self.assertEqual(self.asked(front, IN_GROUP, "/owa/", f"X-AnchorMailbox: a@{target}")[0].status, 200)
        self.assertEqual(({token.name for token in first.tokens()}, first.incidents),
                         ({f"{DOMAIN}\\{IN_GROUP.name}"}, []))  # fmt: skip
        self.assertEqual(trap.take(), [])

    def test_without_a_log_on(self) -> None:
        """S-ROUTE-4: a cookie or a token of a client does not log him on."""
        first, _, front = self.pair()
        own = self.stage.ask(front, IN_GROUP)
        self.assertEqual(own.status, 200)
        (token,) = first.seen[0].head.values(b"x-commonaccesstoken")
        for line in ("Cookie: SecurityToken=x", f"X-CommonAccessToken: {token.decode()}", "Authorization: Bearer x"):
            page = self.anonymous(front, line)
            self.assertEqual(page.status, 401, line)
        self.assertEqual(len(first.seen), 1)

    def anonymous(self, front: ExFront, line: str) -> Page:
        return curl(PUBLIC_NAME, "/owa/", front.at("https"), self.stage.authority.ca_file, (line,))

    def test_a_server_outside_of_the_allowed_suffixes(self) -> None:
        """S-DIR-4, S-ROUTE-1: refused, and nobody connected to.

        Bad input: a token asked to go to a server outside of the topology.
        """
        stray = self.server(STRAY)
        front = self.front(self.server(FIRST).section(FIRST))
        page, line = self.asked(front, ON_STRAY)
        self.assertEqual((page.status, line["x-reason"], stray.seen), (503, "XF-BACKEND-NOT-ALLOWED", []))

    def test_over_plain_http(self) -> None:
        """S-ROUTE-8: refused, and nobody connected to.

        Bad input: a token asked to go over plain HTTP.
        """
        first = self.server(FIRST)
        front = self.front({**first.section(FIRST), "http_tls": "none"})
        page, line = self.asked(front, IN_GROUP)
        self.assertEqual((page.status, line["x-reason"]), (503, "XF-CAS-PROXY"))
        self.assertEqual((first.seen, first.incidents), ([], []))

    def test_a_server_that_speaks_no_tls(self) -> None:
        """No octet of the request is said."""
        trap = RecordingServer(SERVERS)
        section = {**self.server(FIRST).section(FIRST), "http": trap.port}
        page, line = self.asked(self.front(section), IN_GROUP)
        self.assertEqual((page.status, line["sc-status"]), (502, "502"))
        (seen,) = trap.take()
        self.assertEqual((seen.method[:2], seen.complete), (b"\x16\x03", False))  # the beginning of a TLS handshake

    def test_who_proves_nothing(self) -> None:
        """Without [proxy] there is no token, and no password goes in its place."""
        first = self.server(FIRST)
        page, line = self.asked(self.front(first.section(FIRST), proxy={}), IN_GROUP)
        self.assertEqual((page.status, line["x-reason"], first.seen), (503, "XF-CAS-PROXY", []))

    def test_two_that_point_at_each_other(self) -> None:
        """S-ROUTE-5: 508 at once; neither believes the other's token."""
        ports: dict[str, ExFront] = {}
        for address in ("127.0.0.58", "127.0.0.59"):
            section = {"name": FIRST, "host": host(FIRST), "address": "127.0.0.1", "http": 1, "http_tls": "implicit",
                       "imap4": 0, "pop3": 0}  # fmt: skip
            shown = {"certificate": str(self.stage.certificate(host(FIRST)))}
            front = self.stage.front([section], address, tls=shown)
            self.addCleanup(front.daemon.kill)
            ports[address] = front
        one, other = ports.values()
        for front, target in ((one, other), (other, one)):
            text = front.configuration.read_text()
            text = text.replace('address = "127.0.0.1"\n', f'address = "{target.address}"\n')
            front.configuration.write_text(text.replace("http = 1\n", f"http = {target.ports['https']}\n"))
            self.stage.run(front)
        mark = len(one.access_lines())
        page = self.stage.ask(one, IN_GROUP, "/owa/", (), "--insecure")
        self.assertEqual(page.status, 508)
        (line,) = one.lines_since(mark, 1)
        self.assertEqual(self.columns(line)[:2], ("508", "508"))


class OutlookAnywhereTests(Case):
    """S-ROUTE-13: ``guid@domain:6001`` is looked up, and the RPC virtual directory of that mailbox server asked."""

    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        self.first, self.second, self.front_end = self.pair()
        self.rpc = RpcBackEnd(temporary_folder("rpc"), SERVERS, {"store": "store-password"})
        self.rpc.daemon.start()
        self.addCleanup(self.rpc.daemon.kill)
        self.first.rpc = (self.rpc.address, self.rpc.port), "store", b"store-password"
        self.tls = ssl.create_default_context(cafile=str(self.stage.authority.ca_file))
        self.tls.check_hostname = False

    def client(self, endpoint: str) -> RpcClient:
        at, person = self.front_end.at("https"), IN_GROUP
        return RpcClient(at, PUBLIC_NAME, endpoint, person.principal, person.secret.decode(), self.tls)

    def run_async(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(asyncio.wait_for(work, 60))

    def test_the_whole_tunnel(self) -> None:
        """RPC_IN_DATA and RPC_OUT_DATA, each with a token, to port 6001 behind the mailbox server."""

        async def talk() -> tuple[bytes, int]:
            client = self.client(f"{guid(IN_GROUP.name)}@{DNS_DOMAIN}:6001")
            await client.connect()
            try:
                return await client.echo(b"x" * 1000), await client.upload(300_000)
            finally:
                await client.close()

        self.assertEqual(self.run_async(talk()), (b"x" * 1000, 300_000))
        self.assertEqual(sorted(one.method for one in self.first.seen), ["RPC_IN_DATA", "RPC_OUT_DATA"])
        self.assertEqual((len(self.first.tokens()), self.first.incidents, self.second.seen), (2, [], []))

    def test_endpoints_that_are_not_to_be_asked(self) -> None:
        """S-ROUTE-13: other ports, nobody's GUID, a server that is not the mailbox's."""
        for endpoint in (f"{guid(IN_GROUP.name)}@{DNS_DOMAIN}:6003", f"{guid('nobody')}@{DNS_DOMAIN}:6001",
                         f"dc1.{DNS_DOMAIN}:389", f"{host(STRAY)}:6001"):  # fmt: skip
            with self.assertRaises(RpcError) as caught:
                self.run_async(self.client(endpoint).connect())
            self.assertIn("503", str(caught.exception), endpoint)
        self.assertEqual(self.first.seen, [])

    def test_a_guid_whose_server_is_dead(self) -> None:
        self.first.stop()
        self.second.rpc = self.first.rpc

        async def talk() -> bytes:
            client = self.client(f"{guid(IN_GROUP.name)}@{DNS_DOMAIN}:6001")
            await client.connect()
            try:
                return await client.echo(b"y")
            finally:
                await client.close()

        self.assertEqual(self.run_async(talk()), b"y")
        self.assertEqual(len(self.second.tokens()), 2)
