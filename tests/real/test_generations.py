"""Exchange 2003, 2007, 2010 and 2013 behind one door: one configuration, one process, fifty users of each group."""

from __future__ import annotations

import http.client
import imaplib
import json
import poplib
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.reasons import MAIL_IN_OTHER_SITE, MAILBOX_NEWER, WRONG_PASSWORD
from tests.support.clients import PATIENCE, Conversation, basic
from tests.support.generation_stage import PUBLIC_NAME, GenerationStage, credentials
from tests.support.generations import GROUPS, PAIR_2013, Group
from tests.support.process import wait_until
from tests.support.samba_data import Account

_AT_ONCE = 4  # clients
_BY_NAME = {group.name: group for group in GROUPS}
_FRONT_2007 = "127.0.0.54"
_FIND_ITEM = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    b'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body><m:FindItem/></s:Body></s:Envelope>'
)


@cache
def _shared() -> GenerationStage:
    """One for all tests of this module; its processes end with ours."""
    stage = GenerationStage()
    stage.start()
    return stage


class GenerationTests(SynchronousTestCase):
    """Every user of every generation, by every protocol, to the right server and nowhere else."""

    def setUp(self) -> None:
        self.stage = _shared()
        self.tls = self.stage.tls()
        self.tls.check_hostname = False

    def all_of(self, group: Group, log_on: Callable[[Account], None]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(log_on, group.people))

    def landed(self, group: Group, protocol: str, directory: str = "-") -> dict[str, str]:
        """By user: the server that stands in exfront's own log."""
        names = {each.principal for each in group.people}
        wanted = {"x-protocol": protocol, "x-virtual-directory": directory}

        def lines() -> list[dict[str, str]]:
            found = self.stage.front.access_lines()
            return [line for line in found if line["cs-username"] in names and wanted.items() <= line.items()]

        wait_until(lambda: len(lines()) >= len(names), f"{len(names)} lines of {group.name}")
        return {line["cs-username"]: line["s-back-end"] for line in lines()}

    def expected(self, group: Group) -> dict[str, str]:
        return {each.principal: group.server(number) for number, each in enumerate(group.people)}

    def test_imap4(self) -> None:
        for group in GROUPS:
            self.all_of(group, self.imap4)
            self.assertEqual(self.landed(group, "imap4"), self.expected(group))
        self.assert_mail_servers("imap4", "imap")

    def imap4(self, person: Account) -> None:
        client = imaplib.IMAP4_SSL(*self.stage.front.at("imap"), ssl_context=self.tls, timeout=PATIENCE)
        client.login(*credentials(person))
        client.logout()

    def test_pop3(self) -> None:
        for group in GROUPS:
            self.all_of(group, self.pop3)
            self.assertEqual(self.landed(group, "pop3"), self.expected(group))
        self.assert_mail_servers("pop3", "pop3")

    def pop3(self, person: Account) -> None:
        client = poplib.POP3_SSL(*self.stage.front.at("pop"), context=self.tls, timeout=PATIENCE)
        name, password = credentials(person)
        client.user(name)
        client.pass_(password)
        client.quit()

    def assert_mail_servers(self, protocol: str, service: str) -> None:
        """What the servers themselves say: each its own users, and no other."""
        for name, dovecot in self.stage.mail.items():
            (group,) = (each for each in GROUPS if name in each.servers)
            self.assertEqual(set(dovecot.logins(service)), {each.name for each in group.people}, name)
        (group,) = (each for each in GROUPS if each.servers == PAIR_2013)
        for name, server in self.stage.pair.items():
            here = {each.principal for number, each in enumerate(group.people) if group.server(number) == name}
            self.assertEqual({user for by, user in server.log_ons if by == protocol}, here)

    def http(self, groups: Sequence[Group], directory: str, method: str, path: str, body: bytes = b"",
             **fields: str) -> dict[str, tuple[int, str]]:  # fmt: skip
        """What each user gets, by name; all have landed where they should."""
        pages: dict[str, tuple[int, str]] = {}

        def ask(person: Account) -> None:
            name, password = credentials(person)
            at, headers = (
                self.stage.front.at("https"),
                {"Host": PUBLIC_NAME, **basic(name, password.encode()), **fields},
            )
            with closing(http.client.HTTPSConnection(*at, timeout=PATIENCE, context=self.tls)) as connection:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                pages[person.name] = answer.status, answer.read().decode()

        for group in groups:
            self.all_of(group, ask)
            self.assertEqual(self.landed(group, "http", directory), self.expected(group), pages)
        self.assertEqual(list(self.stage.back_end.seen().incidents), [])
        self.assertEqual([incident for server in self.stage.pair.values() for incident in server.incidents], [])
        return pages

    def assert_own(self, pages: Mapping[str, tuple[int, str]]) -> None:
        """Each has the own page."""
        for name, page in pages.items():
            self.assertEqual(_user(*page), name, page)

    def test_browsers(self) -> None:
        self.assert_own(self.http(GROUPS[:1], "/exchange", "GET", "/exchange/"))
        self.assert_own(self.http(GROUPS[1:], "/owa", "GET", "/owa/"))

    def test_phones(self) -> None:
        path = "/Microsoft-Server-ActiveSync?Cmd=FolderSync&User=x&DeviceId=d1&DeviceType=p"
        self.assert_own(self.http(GROUPS, "/Microsoft-Server-ActiveSync", "POST", path))

    def test_web_services(self) -> None:
        """2003 has none."""
        xml = {"Content-Type": "text/xml; charset=utf-8"}
        pages = self.http(GROUPS[1:], "/EWS", "POST", "/EWS/Exchange.asmx", _FIND_ITEM, **xml)
        self.assertEqual({status for status, _ in pages.values()}, {200}, pages)


class FrontEnd2007Tests(SynchronousTestCase):
    """POP3 and IMAP4 as a 2007 Client Access server has them: of its own site, and of 2003."""

    def setUp(self) -> None:
        self.stage = _shared()
        self.front = self.stage.front_end("2007", _FRONT_2007)
        self.addCleanup(self.front.daemon.kill)
        self.stage.run(self.front)
        self.tls = self.stage.tls()
        self.tls.check_hostname = False

    def imap4(self, person: Account) -> str:
        """What the log-on is answered with."""
        with Conversation(self.front.at("imap"), tls=self.tls) as talk:
            talk.until(b"* OK")
            name, password = credentials(person)
            return talk.ask(f"a LOGIN {name} {password}".encode()).decode()

    def pop3(self, person: Account) -> str:
        with Conversation(self.front.at("pop"), tls=self.tls) as talk:
            name, password = credentials(person)
            talk.until(b"+OK")
            talk.send(f"USER {name}\r\n".encode())
            talk.line()
            talk.send(f"PASS {password}\r\n".encode())
            return talk.line().decode()

    def test_who_is_let_in_and_who_is_told_where_to_go(self) -> None:
        for name, reason in (("e2003", None), ("e2007", None), ("far2007", MAIL_IN_OTHER_SITE),
                             ("e2010", MAILBOX_NEWER), ("e2013", MAILBOX_NEWER)):  # fmt: skip
            person = _BY_NAME[name].people[0]
            imap4, pop3 = self.imap4(person), self.pop3(person)
            if reason is None:
                self.assertTrue(imap4.startswith("a OK") and pop3.startswith("+OK"), (imap4, pop3))
            else:
                self.assertEqual(imap4, f"a NO {reason.imap_text().decode()}")
                self.assertEqual(pop3, f"-ERR {reason.pop3_text().decode()}")

    def test_the_wrong_password_is_told_nothing_of_it(self) -> None:
        """S-AUTH-6: where a mailbox is, is for its owner to know."""
        person = evolve(_BY_NAME["far2007"].people[1], password="Wrong-password.1")
        self.assertEqual(self.imap4(person), f"a NO {WRONG_PASSWORD.imap_text().decode()}")

    def test_owa_redirect(self) -> None:
        """Each user's own way from one address."""
        for name, location in (("e2003", "/exchange/"), ("e2007", "/owa/"), ("far2007", "/owa/")):
            user, password = credentials(_BY_NAME[name].people[2])
            headers = {"Host": PUBLIC_NAME, **basic(user, password.encode())}
            at = self.front.at("https")
            with closing(http.client.HTTPSConnection(*at, timeout=PATIENCE, context=self.tls)) as connection:
                connection.request("GET", "/owaredirect", headers=headers)
                answer = connection.getresponse()
                self.assertEqual((answer.status, answer.getheader("location")), (302, location))


def _user(status: int, text: str) -> str:
    """The user whom a server took the request for."""
    if status != 200:
        return ""
    if text.startswith("{"):
        shown = json.loads(text)
        return str(shown["user"]) if shown["user"] == shown["mailbox"] else ""
    found = re.search(r"user=(\S+)", text)
    return found[1].rpartition("\\")[2].partition("@")[0].lower() if found else ""
