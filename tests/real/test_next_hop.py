"""Users with mailboxes on a strict Exchange 2003 back end: exfront logs on there for them, by NTLM or by Basic."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache
from typing import Any
from urllib.parse import urlencode

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from tests.exchange.backend2003 import BASIC, DIGEST, INTEGRATED, USER_FIELD, BackEnd2003, State
from tests.support.cas_sites import BACK_END_2003, BACK_END_2003_HOST
from tests.support.clients import basic, imap4_log_in, pop3_log_in
from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, LISTENERS, PUBLIC_NAME, MailSite, shared
from tests.support.population import BASE, DNS_DOMAIN, DOMAIN, Person, with_cas_sites
from tests.support.process import temporary_folder, wait_until
from tests.support.slapd import Site, site_of
from tests.support.windows_client import WindowsClient

_USERS = 20  # in parallel
_TURNS = 12  # requests of each
_NAMES = ("http", "imap-clear", "pop3-clear")


@frozen
class _Page:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def shown(self) -> dict[str, Any]:
        """What the back end says that it saw."""
        assert self.status == 200, (self.status, self.body)
        return json.loads(self.body)


class _Client:
    """One connection to exfront of a user with Basic."""

    def __init__(self, front: ExFront, user: Person, password: bytes | None = None) -> None:
        self._user = user
        self._headers = {"Host": PUBLIC_NAME, USER_FIELD: user.name}
        self._headers |= basic(user.name, user.password if password is None else password)
        self._connection = http.client.HTTPConnection(*front.at("http"), timeout=30)

    def ask(self, path: str = "/exchange/", method: str = "GET", body: bytes | None = None, **fields: str) -> _Page:
        self._connection.request(method, path, body, {**self._headers, **fields})
        answer = self._connection.getresponse()
        return _Page(answer.status, dict(answer.getheaders()), answer.read())

    def close(self) -> None:
        self._connection.close()


@frozen
class _Stage:
    site: MailSite
    back_end: BackEnd2003
    front: ExFront

    @property
    def users(self) -> tuple[Person, ...]:
        return self.site.living_on("chicago")


def _state(users: tuple[Person, ...], **changes: Any) -> State:
    values: dict[str, Any] = {
        "schemes": {"exchange": INTEGRATED, "form": INTEGRATED, "public": BASIC, "exchweb": DIGEST},
        "mailboxes": {user.alias: user.name for user in users},
        "hosts": [PUBLIC_NAME],
        "domain": DOMAIN,
    }
    return State(**{**values, **changes})


@cache
def _stage() -> _Stage:
    """Started once; IMAP4 and POP3 of the same users go to Dovecot, in the same process."""
    site = shared()
    users = site.living_on("chicago")
    passwords = {user.name: user.password.decode() for user in users}
    back_end = BackEnd2003(temporary_folder("backend2003"), site.chicago.address, _state(users), passwords)
    back_end.daemon.start()
    http_only = {"address": back_end.address, "http": back_end.port, "imap4": 0, "pop3": 0}
    directories = [
        {"path": f"/{name}", "application": name, "require_tls": "no",
         **({"smtp_domain": DNS_DOMAIN} if name == "exchange" else {})}
        for name in ("exchange", "public", "exchweb")
    ]  # fmt: skip
    form = {"path": "/form", "application": "exchange", "authentication": "forms", "require_tls": "no"}
    chicago = site.chicago.section(next_hop=["negotiate", "ntlm", "basic"])
    front = site.exfront(
        {name: LISTENERS[name] for name in _NAMES},
        server=[{**chicago, "host": site.chicago.host, "http": back_end.port},
                {**http_only, "name": "dallas", "host": site.dallas.host, "next_hop": "ntlm"}],
        virtual_site=[{"name": "default", "public_name": PUBLIC_NAME, "virtual_directory": [*directories, form]}],
        limits={**LIMITS, "failure_floor": 0.01, "http_back_end_idle_time": 20.0},
    )  # fmt: skip
    front.start()
    return _Stage(site, back_end, front)


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = _stage()
        self.front, self.back_end = self.stage.front, self.stage.back_end
        self.incidents = list(self.back_end.seen().incidents)
        self.mark = len(self.front.access_lines())
        self.addCleanup(self.back_end.change)

    def client(self, user: Person, password: bytes | None = None) -> _Client:
        client = _Client(self.front, user, password)
        self.addCleanup(client.close)
        return client

    def line(self, reason: str) -> dict[str, str]:
        """The first one since the test began that has this reason."""

        def found() -> list[dict[str, str]]:
            return [line for line in self.front.access_lines()[self.mark :] if line["x-reason"] == reason]

        wait_until(found, f"a line with {reason}")
        return found()[0]

    def assert_no_incident(self) -> None:
        self.assertEqual(list(self.back_end.seen().incidents), self.incidents)


class NtlmTests(Case):
    def test_a_user_of_basic_reads_his_page(self) -> None:
        """S-HTTP-33: by one NTLM log-on on one connection, and no password over the network, in the clear or not."""
        before, user = self.back_end.seen(), self.stage.users[0]
        client = self.client(user)
        pages = [client.ask().shown for _ in range(5)]
        self.assertEqual({(page["user"], page["mailbox"]) for page in pages}, {(user.name, user.alias)})
        self.assertEqual(len({page["connection"] for page in pages}), 1)
        after = self.back_end.seen()
        self.assertEqual((after.log_ons[user.name], after.basic - before.basic), (1, 0))
        self.assert_no_incident()

    def test_the_next_connection_of_the_user_takes_what_is_logged_on(self) -> None:
        """S-HTTP-33"""
        user = self.stage.users[1]
        first = self.client(user)
        number = first.ask().shown["connection"]
        first.close()
        self.assertEqual(self.client(user).ask().shown["connection"], number)
        self.assertEqual(self.back_end.seen().log_ons[user.name], 1)

    def test_many_users_never_cross(self) -> None:
        """S-HTTP-33: each answer is of its user, and the back end sees no request on another one's connection."""
        users = self.stage.users[2 : 2 + _USERS]
        with ThreadPoolExecutor(_USERS) as pool:
            crossed = sum(pool.map(self._crossed, users))
        self.assertEqual(crossed, 0)
        self.assert_no_incident()

    def _crossed(self, user: Person) -> int:
        """How many of a user's requests, on connections that come and go, are answered as somebody else's."""
        crossed = 0
        for turn in range(_TURNS):
            with closing(_Client(self.front, user)) as client:
                method, body = ("GET", None) if turn % 2 else ("POST", user.name.encode() * 500)
                page = client.ask(method=method, body=body).shown
                crossed += page["user"] != user.name or page["body"] != len(body or b"")
        return crossed

    def test_a_body_follows_the_log_on(self) -> None:
        """S-HTTP-34: of any size, and none of it before."""
        user = self.stage.users[0]
        for size in (1, 70_000, 3_000_000):
            self.assertEqual(self.client(user).ask(method="POST", body=b"x" * size).shown["body"], size)
        self.assert_no_incident()

    def test_negotiate_alone(self) -> None:
        """exchange.md A6: Negotiate with NTLM in it, where NTLM itself is not offered."""
        user = self.stage.users[30]
        self.change_schemes(exchange=("Negotiate",))
        self.assertEqual(self.client(user).ask().shown["user"], user.name)
        self.assert_no_incident()

    def change_schemes(self, **schemes: tuple[str, ...]) -> None:
        """For this test."""
        before = dict(self.back_end.state.schemes)
        self.addCleanup(lambda: self.back_end.change(schemes=before))
        self.back_end.change(schemes={**before, **schemes})

    def test_a_form(self) -> None:
        """S-HTTP-37, S-HTTP-33"""
        user = self.stage.users[31]
        with closing(http.client.HTTPConnection(*self.front.at("http"), timeout=30)) as connection:
            form = urlencode({"username": user.name, "password": user.password, "destination": "/form/"})
            kind = {"Content-Type": "application/x-www-form-urlencoded", "Host": PUBLIC_NAME}
            connection.request("POST", "/owa/auth.owa", form, kind)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 302)
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
            connection.request("GET", "/form/", headers={"Host": PUBLIC_NAME, "Cookie": cookie})
            answer = connection.getresponse()
            self.assertEqual(json.loads(answer.read())["user"], user.name)
        self.assert_no_incident()

    def test_explicit_logon_is_a_matter_of_rights(self) -> None:
        """S-AUTH-15: a delegate gets in; who may not gets a 401, and is not taken for one with a wrong password."""
        owner, delegate, other = self.stage.users[32:35]
        self.back_end.change(delegates={owner.alias: [delegate.name]})
        path = f"/exchange/{owner.alias}/Inbox/"
        self.assertEqual(self.client(delegate).ask(path).shown["mailbox"], owner.alias)
        self.assertEqual(self.client(other).ask(path).status, 401)
        self.assertEqual(self.client(other).ask().shown["mailbox"], other.alias)
        self.assertEqual(self.back_end.seen().wrong.get(other.name, 0), 0)

    def test_all_protocols_in_one_process(self) -> None:
        user = self.stage.users[35]
        imap4 = imap4_log_in(self.front.at("imap-clear"), user)
        self.addCleanup(imap4.logout)
        self.assertEqual(self.client(user).ask().shown["user"], user.name)
        pop3 = pop3_log_in(self.front.at("pop3-clear"), user)
        self.addCleanup(pop3.quit)
        self.assertEqual((imap4.noop()[0], pop3.noop()[:3]), ("OK", b"+OK"))


class OtherwiseTests(Case):
    def test_basic_where_that_is_all_that_is_offered(self) -> None:
        """2000/2003 comment 7: Kerberos or NTLM first, then Basic; learned for this application of this server."""
        user, before = self.stage.users[36], self.back_end.seen()
        client = self.client(user)
        for _ in range(3):
            self.assertEqual(client.ask("/public/").shown["user"], user.name)
            self.assertEqual(client.ask("/exchange/").shown["user"], user.name)
        after = self.back_end.seen()
        self.assertEqual((after.basic - before.basic, after.log_ons[user.name]), (3, 1))
        self.assert_no_incident()

    def test_no_password_where_basic_is_not_allowed(self) -> None:
        """S-ROUTE-9: next_hop = "ntlm", and a virtual directory that offers Basic alone."""
        user, before = self.stage.site.living_on("dallas")[0], self.back_end.seen().basic
        page = self.client(user).ask("/public/")
        self.assertEqual((page.status, self.back_end.seen().basic), (401, before))
        self.assertEqual(self.line("XF-NO-NTLM")["x-detail"], "PrxTo:dallas_Error:NTLM+not+on+the+destination+CAS_")

    def test_a_back_end_without_either(self) -> None:
        """CASProxy mit Exchange 2007: the log tells it, with status 401 and sub-status 5."""
        before = self.back_end.seen().basic
        page = self.client(self.stage.users[37]).ask("/exchweb/")
        line = self.line("XF-NO-NTLM")
        self.assertEqual((page.status, line["sc-status"], line["sc-substatus"]), (401, "401", "5"))
        self.assertEqual(line["x-cause"], "NTLM+not+on+the+destination+CAS")
        self.assertEqual(line["x-detail"], "PrxTo:chicago_Error:NTLM+not+on+the+destination+CAS_")
        self.assertEqual(self.back_end.seen().basic, before)

    def test_a_client_with_nothing_but_ntlm(self) -> None:
        """The double hop of *CASProxy mit Exchange 2007*: told so, and asked for a password."""
        with WindowsClient(self.front.at("http")) as client:
            seen = client.get("/exchange/", "NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAGAbEdAAAADw==")
        self.assertEqual((seen.status, [each.partition(" ")[0] for each in seen.challenges]), (401, ["Basic"]))
        self.assertIn(b"XF-DOUBLE-HOP", seen.body)
        self.assertEqual(self.line("XF-DOUBLE-HOP")["x-back-end-status"], "-")


class FaultTests(Case):
    def test_a_wrong_password_is_sent_once(self) -> None:
        """S-AUTH-8: right for the directory, wrong for the back end; on many connections at a time, and after."""
        user = self.stage.users[38]
        self.addCleanup(self.back_end.passwords.update, {user.name: user.password.decode()})
        self.back_end.passwords[user.name] = "another"
        self.back_end.change()
        with ThreadPoolExecutor(8) as pool:
            pages = list(pool.map(lambda _: self.client(user).ask(), range(8)))
        pages += [self.client(user).ask(method="POST", body=b"x" * 1000) for _ in range(3)]
        self.assertEqual({page.status for page in pages}, {401})
        self.assertIn("Basic", pages[0].headers["WWW-Authenticate"])
        self.assertEqual(self.back_end.seen().wrong[user.name], 1)
        self.assertEqual(self.line("XF-BE-AUTH-MISMATCH")["sc-status"], "401")

    def test_a_connection_lost_between_the_legs(self) -> None:
        """S-HTTP-30: 502, no answer is made up, and what is well again is used at once."""
        users = self.stage.users[39:42]
        for user, drops in zip(users, ("challenge", "answer", "after"), strict=True):
            self.back_end.change(drops=drops)
            self.addCleanup(self.back_end.change, drops="")
            page = self.client(user).ask()
            self.assertEqual(page.status, 502, drops)
            self.back_end.change(drops="")
            self.assertEqual(self.client(user).ask().shown["user"], user.name, drops)
        self.line("XF-BE-LOGIN-LOST")
        self.assert_no_incident()


class Version2003Tests(SynchronousTestCase):
    def test_what_the_directory_calls_2003_is_logged_on_to_by_ntlm(self) -> None:
        """2000/2003 comment 7: without a word in the configuration."""
        site: Site = site_of(with_cas_sites())
        self.addCleanup(site.slapd.kill)
        user = Person("backend", b"backend-password")
        back_end = BackEnd2003(
            temporary_folder("backend"), "127.0.0.44",
            _state((user,), schemes={"exchange": (*INTEGRATED, *BASIC)}), {"backend": "backend-password"},
        )  # fmt: skip
        self.addCleanup(back_end.daemon.kill)
        back_end.daemon.start()
        front = self._front(site, back_end)
        client = _Client(front, user)
        self.addCleanup(client.close)
        wait_until(lambda: client.ask().shown["user"] and back_end.seen().log_ons, "the version to be known")
        before = back_end.seen()
        self.assertEqual(client.ask().shown["user"], "backend")
        after = back_end.seen()
        self.assertEqual((after.basic, after.log_ons["backend"], after.incidents), (before.basic, 1, []))

    def test_active_sync_and_the_line_of_the_document(self) -> None:
        """S-OPS-15: *CASProxy mit Exchange 2007*, "diesen Fehler findet man im IIS-Log": 401 5, word for word.

        With Integrated authentication there it goes straight to the back end's own directory.
        """
        site: Site = site_of(with_cas_sites())
        self.addCleanup(site.slapd.kill)
        user, phones = Person("backend", b"backend-password"), "microsoft-server-activesync"
        state = _state((user,), schemes={"exchange": INTEGRATED, phones: DIGEST})
        folder, passwords = temporary_folder("backend"), {"backend": "backend-password"}
        back_end = BackEnd2003(folder, "127.0.0.44", state, passwords)
        self.addCleanup(back_end.daemon.kill)
        back_end.daemon.start()
        front = self._front(site, back_end)
        client = _Client(front, user)
        self.addCleanup(client.close)
        wait_until(lambda: front.server_log().count("topology of "), "the version to be known")
        query = "User=testUser&DeviceId=xxx&DeviceType=PocketPC"
        path = f"/Microsoft-Server-ActiveSync/default.eas?{query}"
        self.assertEqual(client.ask(path, "OPTIONS").status, 401)
        (line,) = front.lines_since(0, 1)
        self.assertEqual(
            " ".join((line["cs-method"], *line["cs-uri"].split("?"), line["sc-status"], line["sc-substatus"])),
            "OPTIONS /Microsoft-Server-ActiveSync/default.eas User=testUser&DeviceId=xxx&DeviceType=PocketPC&"
            "Log=PrxTo:backend.msxfaq.de_Error:NTLM+not+on+the+destination+CAS_ 401 5",
        )
        back_end.change(schemes={"exchange": INTEGRATED, phones: INTEGRATED})
        self.assertEqual(client.ask(path, "OPTIONS").status, 200)
        (line,) = front.lines_since(1, 1)
        self.assertTrue(line["cs-uri"].endswith("&Log=PrxTo:backend.msxfaq.de_"), line["cs-uri"])
        self.assertEqual(back_end.seen().log_ons, {"backend": 1})

    def _front(self, site: Site, back_end: BackEnd2003) -> ExFront:
        directory = {"servers": [site.slapd.url], "base": BASE, "bind_dn": site.slapd.bind_dn,
                     "bind_password_file": str(site.slapd.password_file()),
                     "ca_file": str(site.authority.ca_file), "domains": {DOMAIN: BASE}}  # fmt: skip
        directories = [
            {"path": "/exchange", "application": "exchange", "require_tls": "no"},
            {"path": "/Microsoft-Server-ActiveSync", "application": "activesync", "require_tls": "no"},
        ]
        front = ExFront(
            temporary_folder("front"),
            {
                "directory": directory,
                "back_ends": {"networks": ["127.0.0.0/8"]},
                "server": [{"name": BACK_END_2003, "host": BACK_END_2003_HOST, "address": back_end.address,
                            "http": back_end.port, "imap4": 0, "pop3": 0}],
                "virtual_site": [{"name": "mail", "public_name": PUBLIC_NAME, "virtual_directory": directories}],
            },
            {"http": LISTENERS["http"]},
            "127.0.0.45",
        )  # fmt: skip
        self.addCleanup(front.daemon.kill)
        front.start()
        return front
