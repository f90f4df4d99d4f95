"""All users of a company, over every protocol: each lands on the server where the mailbox lives, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import basic, first_mail, get, imap4_log_in, pop3_log_in
from tests.support.mail_site import USERS, shared
from tests.support.population import Person

AT_A_TIME = 8


class AllUsersTests(SynchronousTestCase):
    """The back ends' own logs say who came; the content says which server answered."""

    def setUp(self) -> None:
        self.site = shared()
        self.front = self.site.front

    def everybody(self, log_in: Callable[[Person], str]) -> None:
        """Each ordinary user logs in and sees the right server's name."""
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            seen = list(pool.map(log_in, self.site.users))
        self.assertEqual(len(seen), USERS)
        wrong = [(user.name, text) for user, text in zip(self.site.users, seen, strict=True) if user.server not in text]
        self.assertEqual(wrong, [])

    def names_of(self, server: str) -> Counter[str]:
        """Each ordinary user of a server, once."""
        return Counter(user.alias for user in self.site.living_on(server))

    def mail_logins(self, service: str) -> dict[str, Counter[str]]:
        """Logins so far, by server."""
        return {name: Counter(server.dovecot.logins(service)) for name, server in self.site.servers.items()}

    def assert_logins(self, service: str, before: dict[str, Counter[str]]) -> None:
        """Since `before`, each user has logged in once at home."""
        for server, logins in self.mail_logins(service).items():
            self.assertEqual(logins - before[server], self.names_of(server), server)

    def test_imap4(self) -> None:
        """S-ROUTE-1: 200 users read a mail over IMAP4, each on the home server that the directory names."""

        def read(user: Person) -> str:
            client = imap4_log_in(self.front.at("imap-clear"), user)
            client.select()
            text = first_mail(client)
            client.logout()
            return text

        before = self.mail_logins("imap")
        self.everybody(read)
        self.assert_logins("imap", before)

    def test_pop3(self) -> None:
        """S-ROUTE-1: 200 users read a mail over POP3, each on the home server that the directory names."""

        def read(user: Person) -> str:
            client = pop3_log_in(self.front.at("pop3-clear"), user)
            text = b"\n".join(client.retr(1)[1]).decode()
            client.quit()
            return text

        before = self.mail_logins("pop3")
        self.everybody(read)
        self.assert_logins("pop3", before)

    def test_http(self) -> None:
        """S-ROUTE-1, S-AUTH-15: 200 users see their own page over HTTP, from the home server and under their name."""

        def read(user: Person) -> str:
            path = f"/exchange/{quote(user.alias)}/"
            return get(self.front.at("http"), path, basic(user.name, user.password)).body.decode()

        marks = {name: len(server.apache.accesses()) for name, server in self.site.servers.items()}
        self.everybody(read)
        for name, server in self.site.servers.items():
            expected = [(user.alias, f"/exchange/{user.alias}/", 200) for user in self.site.living_on(name)]
            accesses = server.apache.accesses_since(marks[name], len(expected))
            self.assertEqual(sorted(accesses), sorted(expected), name)

    def test_access_log_names_user_mailbox_and_server(self) -> None:
        """S-OPS-15: one line per session, with user, back end, both statuses, octets and the five steps."""
        user = self.site.users[0]
        self.front.settle()
        mark = len(self.front.access_lines())
        client = imap4_log_in(self.front.at("imap-clear"), user)
        client.logout()
        (line,) = self.front.lines_since(mark, 1)
        self.assertEqual(line["cs-username"], user.name)
        self.assertEqual(line["x-mailbox"], user.address)
        self.assertEqual(line["s-back-end"], user.server)
        self.assertEqual((line["sc-status"], line["x-back-end-status"], line["x-reason"]), ("OK", "OK", "-"))
        self.assertGreater(int(line["sc-bytes"]), 0)
        for step in ("admit", "authenticate", "locate", "route", "relay"):
            self.assertGreaterEqual(float(line[f"x-time-{step}"]), 0)
