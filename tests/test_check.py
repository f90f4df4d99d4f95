"""exfrontctl check over the network: a real slapd, small mailbox servers, and what each fault is told as."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from exfront import limits
from exfront.check.checks import Checks
from exfront.check.directory import DirectoryCheck
from exfront.check.users import UserCheck
from exfront.config.kinds import LdapUrl
from exfront.config.load import load
from exfront.config.settings import Settings
from exfront.core import core
from exfront.directory.client import Page, SearchAnswer
from exfront.directory.entry import Entry
from exfront.directory.filters import Search
from exfront.directory.root_dse import RootDse
from exfront.directory.schemas import schema
from exfront.facts import World
from exfront.operate.check_table import Row, as_table, status
from exfront.service import checks
from exfront.topology import Topology
from tests.support.configuration import SMALLEST, read
from tests.support.dialer import MemoryDialer
from tests.support.exfront import toml
from tests.support.population import BASE, DNS_DOMAIN, DOMAIN, population
from tests.support.process import free_port, remove, temporary_folder
from tests.support.searches import entry
from tests.support.slapd import new_site, shared_site, site_of


class _Greeter(Protocol):
    """A mailbox server that greets, and says no more."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.factory.greeting)  # type: ignore[union-attr]


class _GreeterFactory(Factory[_Greeter]):
    noisy = False
    protocol = _Greeter

    def __init__(self, greeting: bytes) -> None:
        self.greeting = greeting


class _CheckCase(TestCase):
    def setUp(self) -> None:
        self.site = shared_site()
        self.folder = temporary_folder("check")
        self.addCleanup(remove, self.folder)
        self.back_end = self.listen(b"* OK ready\r\n")

    def listen(self, greeting: bytes) -> int:
        """A mailbox server's port."""
        port: IListeningPort = reactor.listenTCP(  # type: ignore[attr-defined]
            0, _GreeterFactory(greeting), interface="127.0.0.1"
        )
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def settings(self, directory: dict[str, Any] | None = None, **server: Any) -> Settings:
        """A configuration for the slapd and one mailbox server for all, but for what is given."""
        slapd = self.site.slapd
        section = {"host": "localhost", "address": "127.0.0.1", "imap4": self.back_end, "pop3": 0, "http": 0, **server}
        sections: dict[str, Any] = {
            "directory": {
                "servers": [slapd.url], "base": BASE, "bind_dn": slapd.bind_dn,
                "bind_password_file": str(slapd.password_file()), "ca_file": str(self.site.authority.ca_file),
                "domains": {DOMAIN: BASE}, **(directory or {}),
            },
            "back_ends": {"suffixes": [], "networks": ["127.0.0.0/8"]},
            "server": [{"name": name, **section} for name in ("chicago", "dallas")],
            "listener": [{"protocol": "imap4", "address": "127.0.0.1:0", "tls": "none", "allow_plaintext": True}],
        }  # fmt: skip
        file = self.folder / "exfront.toml"
        file.write_text(toml(sections))
        return load(file)

    async def rows(self, settings: Settings) -> list[Row]:
        """All that the check says."""
        parts = core(settings, reactor)
        try:
            return await checks(parts, settings, reactor).run()
        finally:
            await parts.stop()

    def of(self, rows: Sequence[Row], state: str) -> list[str]:
        """Subject and finding of the rows in one state, with the server's URL shortened."""
        return [f"{row.subject}: {row.found}".replace(self.site.slapd.url, "URL") for row in rows if row.state == state]


class DirectoryTests(_CheckCase):
    async def test_a_good_configuration_has_no_error(self) -> None:
        """S-OPS-12: the check connects, verifies and binds as the daemon does."""
        rows = await self.rows(self.settings())
        self.assertEqual(self.of(rows, "error"), [])
        good = self.of(rows, "ok")
        for expected in (
            "directory URL: connected",
            f"directory URL: bound as {self.site.slapd.bind_dn}",
            "directory URL: homeMDB can be read",
            "directory URL: proxyAddresses can be read",
            f"back end chicago imap4: 127.0.0.1 port {self.back_end}, TLS: none",
        ):
            self.assertIn(expected, good)
        self.assertEqual(status(rows), 0)

    async def test_the_days_left_of_the_directorys_certificate_are_told(self) -> None:
        """S-ROUTE-8: thirty days before the end it is a warning."""
        rows = await self.rows(self.settings())
        (row,) = (row for row in rows if row.subject.endswith("certificate"))
        self.assertRegex(row.found, r"\Avalid for \d+ days, until \d{4}-\d\d-\d\d\Z")

    async def test_an_address_that_two_users_have_is_a_warning_with_both(self) -> None:
        """S-AUTH-5: nobody can log on with such an address."""
        (found,) = (text for text in self.of(await self.rows(self.settings()), "warning") if "belongs to" in text)
        self.assertEqual(
            found,
            f"users: twins@{DNS_DOMAIN} belongs to cn=twin1,ou=Staff,{BASE} and cn=twin2,ou=Staff,{BASE}",
        )

    async def test_an_address_is_asked_for_beyond_the_users_that_are_looked_at(self) -> None:
        """S-AUTH-5: its other owner is the last of 260, and 200 are looked at."""
        shared = f"smtp:sales@{DNS_DOMAIN}"
        people = population(260)
        users = (evolve(people.users[0], more_addresses=(shared,)), *people.users[1:-1],
                 evolve(people.users[-1], more_addresses=(shared,)))  # fmt: skip
        self.site = site_of(evolve(people, users=users))
        self.addCleanup(self.site.close)
        rows = await self.rows(self.settings())
        self.assertIn("users: 200 looked at", self.of(rows, "ok"))
        (found,) = (text for text in self.of(rows, "warning") if "belongs to" in text)
        self.assertEqual(
            found, f"users: sales@{DNS_DOMAIN} belongs to cn=user1,ou=Staff,{BASE} and cn=user260,ou=Staff,{BASE}"
        )

    async def test_each_directory_server_shows_other_users(self) -> None:
        """Also where those before it are away."""
        self.site = new_site(users=260)
        self.addCleanup(self.site.close)
        slapd, away = self.site.slapd, f"ldap://127.0.0.1:{free_port()}"
        rows = await self.rows(self.settings({"servers": [slapd.url, slapd.tls_url], "topology": False}))
        looked = {row.subject: row.found for row in rows if row.found.endswith("looked at")}
        self.assertEqual(list(looked), [f"users at {slapd.url}", f"users at {slapd.tls_url}"])
        self.assertEqual(looked[f"users at {slapd.url}"], "200 looked at")
        rest = looked[f"users at {slapd.tls_url}"]
        self.assertTrue(60 < int(rest.partition(" ")[0]) < 100, rest)
        rows = await self.rows(self.settings({"servers": [away, slapd.url], "topology": False}))
        self.assertIn(rest, [row.found for row in rows if row.subject == f"users at {slapd.url}"])

    async def test_users_without_a_home_server_are_counted(self) -> None:
        rows = await self.rows(self.settings({"schema": "plain_ldap"}))
        self.assertTrue(any("have no home server, as " in text for text in self.of(rows, "warning")), rows)

    async def test_the_topology_is_read_once_and_counted(self) -> None:
        """As no daemon runs, the check reads for itself."""
        (row,) = (row for row in await self.rows(self.settings()) if row.subject == "topology")
        self.assertRegex(row.found, r"\A.+: \d+ servers, \d+ databases, \d+ sites\Z")

    async def test_plain_entries_are_looked_at_by_the_attributes_of_the_settings(self) -> None:
        plain = {"schema": "plain_ldap", "object_classes": ["user"], "account_attribute": "sAMAccountName"}
        rows = await self.rows(self.settings({**plain, "address_attributes": ["proxyAddresses"]}))
        good = self.of(rows, "ok")
        self.assertIn("directory URL: proxyAddresses can be read", good)
        self.assertNotIn("directory URL: mail can be read", good)
        self.assertTrue(any("twins@" in text and "belongs to" in text for text in self.of(rows, "warning")), rows)
        rows = await self.rows(self.settings({**plain, "object_classes": ["printer"]}))
        self.assertIn("users: no user with a mail address was found", self.of(rows, "warning"))

    async def test_a_refused_service_account_is_an_error_with_advice(self) -> None:
        """S-DIR-3: told once, not tried again; and the password is not repeated."""
        password = self.folder / "wrong"
        password.touch(mode=0o600)
        password.write_text("hunter2\n")
        rows = await self.rows(self.settings({"bind_password_file": str(password), "topology": False}))
        (row,) = (row for row in rows if row.state == "error")
        self.assertIn("bind refused: result=49", row.found)
        self.assertIn("bind_password_file", row.advice)
        self.assertNotIn("hunter2", as_table(rows))

    async def test_a_server_that_is_away_is_an_error_and_the_other_one_is_looked_at(self) -> None:
        away = f"ldap://127.0.0.1:{free_port()}"
        rows = await self.rows(self.settings({"servers": [away, self.site.slapd.url]}))
        self.assertEqual([row.subject for row in rows if row.state == "error"], [f"directory {away}"])
        self.assertIn("directory URL: connected", self.of(rows, "ok"))

    async def test_a_certificate_of_another_authority_is_told_as_such(self) -> None:
        """S-DIR-10: a check verifies as strictly as the daemon."""
        other = new_site(users=1)
        self.addCleanup(other.close)
        rows = await self.rows(self.settings({"ca_file": str(other.authority.ca_file), "topology": False}))
        (row,) = (row for row in rows if row.state == "error")
        self.assertTrue(row.found.startswith("the directory's certificate is wrong: "), row)
        self.assertIn("ca_file", row.advice)


class BackEndTests(_CheckCase):
    async def test_each_fault_of_a_back_end_is_an_error_with_advice(self) -> None:
        cases = [
            ({"imap4": free_port()}, "connection refused: "),
            ({"imap4": self.listen(b"* BYE full\r\n")}, "malformed answer: not * OK: "),
            ({"imap4_tls": "implicit"}, "malformed answer: "),
            ({"address": "192.0.2.1"}, "back end not in the allow list: "),
        ]
        for server, found in cases:
            rows = await self.rows(self.settings({"topology": False}, **server))
            faults = [row for row in rows if row.state == "error"]
            self.assertEqual([row.subject for row in faults], ["back end chicago imap4", "back end dallas imap4"])
            for row in faults:
                self.assertTrue(row.found.startswith(found), row)
            self.assertEqual(status(rows), 1)

    async def test_a_pop3_server_that_does_not_take_the_client_s_address(self) -> None:
        """S-MAIL-16: where XCLIENT is wanted and not offered, nobody would notice."""
        for greeting, told in ((b"+OK ready\r\n", 2), (b"+OK [XCLIENT] ready\r\n", 0)):
            port = self.listen(greeting)
            settings = self.settings({"topology": False}, imap4=0, pop3=port, forward_client="commands")
            settings = evolve(settings, listener=(evolve(settings.listener[0], protocol="pop3"),))
            warnings = self.of(await self.rows(settings), "warning")
            self.assertEqual(len([each for each in warnings if "does not offer XCLIENT" in each]), told, warnings)

    async def test_users_whose_home_server_is_unknown_are_an_error(self) -> None:
        """S-DIR-4: such users would be refused, so the check says it first."""
        settings = self.settings({"topology": False})
        settings = evolve(settings, server=settings.server[:1])
        (found,) = self.of(await self.rows(settings), "error")
        self.assertRegex(found, r"\Ausers: \d+ of \d+ users looked at go nowhere: home server unknown, server=dallas\Z")


@frozen
class _SlowDirectory:
    """A connection to a server with ten users, where each search takes a second."""

    clock: Clock
    asked: list[Search] = field(factory=list)

    async def page(self, search: Search, size: int, cookie: bytes = b"") -> Page:
        people = [_person(number) for number in range(10 * limits.CHECK_QUESTIONS)]
        return Page(tuple(people), b"")

    async def search(self, search: Search) -> SearchAnswer:
        self.asked.append(search)
        self.clock.advance(1.0)
        return SearchAnswer((), True, 0, "slow")


def _person(number: int) -> Entry:
    return entry(f"cn={number}", {"proxyAddresses": [f"SMTP:{number}@{DNS_DOMAIN}"], "mailHost": ["chicago"]})


class UserTests(SynchronousTestCase):
    def test_no_question_is_begun_when_the_time_is_nearly_over(self) -> None:
        """A slow directory gets no more searches, and what was seen is told."""
        clock = Clock()
        settings, _ = read(SMALLEST)
        check = UserCheck(settings, schema(settings.directory), lambda: World(Topology()), clock)
        slow = _SlowDirectory(clock)
        rows = self.successResultOf(Deferred.fromCoroutine(check.look("users", slow, 0, 25.0)))  # type: ignore[arg-type]
        self.assertEqual(len(slow.asked), 2 * limits.CHECK_QUESTIONS)
        self.assertEqual(rows[-1].found, "40 of their 200 addresses asked for: the time was over")


@frozen
class _NoServers:
    """A list without entries."""

    async def ready(self) -> None:
        """At once."""

    def urls(self, purpose: str = "users") -> tuple[LdapUrl, ...]:
        return ()


class TimeTests(SynchronousTestCase):
    def test_what_gives_no_answer_is_an_error_when_the_time_is_over(self) -> None:
        clock = Clock()
        done = Deferred.fromCoroutine(self.checks(clock).run())
        clock.advance(limits.CHECK_TIME - 0.1)
        self.assertNoResult(done)
        clock.advance(0.1)
        (topology, name) = self.successResultOf(done)
        self.assertEqual(topology.state, "ok")
        self.assertEqual((name.state, name.found), ("error", "no answer in 30 s"))

    def test_a_topology_that_hangs_leaves_time_for_the_rest_and_both_end_in_thirty_seconds(self) -> None:
        clock = Clock()
        done = Deferred.fromCoroutine(self.checks(clock, topology=lambda: Deferred()).run())
        clock.advance(limits.CHECK_TOPOLOGY_TIME)
        self.assertNoResult(done)
        clock.advance(limits.CHECK_TIME - limits.CHECK_TOPOLOGY_TIME)
        found = [(row.subject, row.state, row.found) for row in self.successResultOf(done)]
        self.assertEqual(found, [
            ("topology", "error", "no answer in 15 s"),
            ("name mail.fourthcoffee.com", "error", "no answer in 15 s"),
        ])  # fmt: skip

    def checks(self, clock: Clock, topology: Callable[[], Awaitable[Topology]] | None = None) -> Checks:
        """Names that nobody answers for, and no server."""
        file = Path(self.mktemp()).absolute()
        file.write_text(toml({
            "directory": {"servers": ["ldaps://dc1.fourthcoffee.com"], "base": BASE},
            "listener": [{"protocol": "http", "address": "127.0.0.1:0", "tls": "none"}],
            "virtual_site": [{"name": "default", "public_name": "mail.fourthcoffee.com"}],
        }))  # fmt: skip
        settings = load(file)
        return Checks(
            settings, _NoServers(), schema(settings.directory), MemoryDialer(),  # type: ignore[arg-type]
            lambda: World(Topology()), lambda name: Deferred(), clock, lambda: datetime.now(UTC), topology,
        )  # fmt: skip


class RootTests(SynchronousTestCase):
    """What is read of the rootDSE."""

    def found(self, root: RootDse, subnet_site: str = "") -> list[tuple[str, str]]:
        now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
        settings, _ = read(SMALLEST)
        parts = core(settings, Clock())
        parts.servers.subnet_site = subnet_site
        users = UserCheck(settings, schema(settings.directory), parts.steps.world, Clock())
        looking = DirectoryCheck(settings, parts.servers, users, lambda: now)
        rows = [*looking.clock("d", root), *looking.site("d", root)]
        return [(row.state, row.found) for row in rows]

    def test_the_clocks_are_compared(self) -> None:
        for time, expected in (
            ("20260101120001.0Z", [("ok", "its clock is +1 s from ours")]),
            ("20260101115959.9Z", [("ok", "its clock is -1 s from ours")]),
            ("20260101120000.0Z", [("ok", "its clock is +0 s from ours")]),
            ("20260101130000.0Z", [("warning", "its clock is +3600 s from ours")]),
            ("", []),
            ("noon", []),
        ):
            self.assertEqual(self.found(RootDse(current_time=time)), expected, time)

    def test_a_servers_site_is_told_beside_ours(self) -> None:
        for ours, expected in (("", "in site A"), ("A", "in site A, ours"), ("B", "in site A; ours is B")):
            self.assertEqual(self.found(RootDse(site="A"), ours), [("ok", expected)])


class TableTests(SynchronousTestCase):
    def test_advice_stands_below_its_row(self) -> None:
        rows = [Row("ok", "a", "good"), Row("error", "longer", "bad\x1b[2J", "mend it")]
        self.assertEqual(as_table(rows), (
            "ok       a       good\n"
            "error    longer  bad\\x1b[2J\n"
            "                 -> mend it\n"
        ))  # fmt: skip

    def test_warnings_do_not_fail(self) -> None:
        self.assertEqual([status([Row(state, "a", "b")]) for state in ("ok", "warning", "error")], [0, 0, 1])
