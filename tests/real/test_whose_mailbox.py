"""Log-ons that belong to a connection, through a running exfront: nobody ever gets another user's mailbox."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import basic, run, write_private
from tests.support.connection_bound import DOMAIN, ConnectionBound, ticket
from tests.support.mail_site import shared
from tests.support.pass_through import ADDRESS, AT_ONCE, stage
from tests.support.population import DNS_DOMAIN, Person
from tests.support.process import temporary_folder, wait_until
from tests.support.whose_mailbox import (
    LOG_ONS,
    USERS,
    Door,
    LogOn,
    Outcome,
    User,
    by_ntlm,
    by_ticket,
    parallel,
    strangers,
)
from tests.support.windows_client import WindowsClient

CLEAN = Outcome(True, 0, 0)


def by_basic(client: WindowsClient, path: str, user: User) -> bool:
    """Basic in the one request."""
    return client.get(path, basic(user[0], user[1].encode())["Authorization"]).user == user[0]


class BackEndTests(SynchronousTestCase):
    """The back end of these tests itself: what a bad front end would do is seen, and answered with 500."""

    def setUp(self) -> None:
        site = shared()
        users = {"anna": "anna's", "bert": "bert's"}
        certificate = site.authority.issue(f"bound.{DNS_DOMAIN}", [ADDRESS])
        self.bound = ConnectionBound(temporary_folder("loud"), ADDRESS, users, certificate)
        self.addCleanup(self.bound.daemon.stop)
        self.bound.daemon.start()
        self.client = WindowsClient((ADDRESS, self.bound.http))
        self.addCleanup(self.client.close)

    def assert_seen(self, status: int, text: str) -> None:
        """One incident, loudly."""
        (incident,) = self.bound.report().incidents
        self.assertEqual(status, 500)
        self.assertIn(text, incident)

    def test_another_clients_request(self) -> None:
        """On a connection that is logged on."""
        self.assertTrue(by_ntlm(self.client, "/", ("anna", "anna's")))
        self.client.name = "another"
        self.assert_seen(self.client.get("/").status, "'another'")

    def test_another_clients_request_after_a_challenge(self) -> None:
        """Nobody has logged on yet."""
        self.assertEqual(self.client.get("/").status, 401)
        self.client.name = "another"
        self.assert_seen(self.client.get("/open").status, "'another'")

    def test_another_users_credentials(self) -> None:
        """Of the same client even."""
        self.assertTrue(by_ntlm(self.client, "/", ("anna", "anna's")))
        self.assert_seen(self.client.log_on("/", "bert", "bert's").status, "bert on the connection of anna")

    def test_the_end_of_a_handshake_without_its_beginning(self) -> None:
        """The third message on a connection that saw no first."""
        message = "NTLM " + base64.b64encode(b"NTLMSSP\0\3\0\0\0").decode()
        self.assert_seen(self.client.get("/", message).status, "began elsewhere")

    def test_a_request_said_twice(self) -> None:
        """A ticket is good for one."""
        message = "Negotiate " + base64.b64encode(ticket("anna", "anna's")).decode()
        self.assertEqual(self.client.get("/", message).user, "anna")
        self.assert_seen(self.client.get("/", message).status, "twice")


class TableTests(SynchronousTestCase):
    """The back end is quiet: what belongs to somebody else is really answered, and counted."""

    timeout = 120

    def setUp(self) -> None:
        self.stage = stage(False)
        self.before = self.stage.bound.report().incidents

    def tearDown(self) -> None:
        self.assertEqual(self.stage.bound.report().incidents, self.before)

    def assert_no_stranger(self, log_on: LogOn) -> None:
        """Is answered as somebody, whichever way he comes."""
        for door in self.stage.ways:
            self.assertEqual(strangers(door, self.stage.people, log_on), CLEAN, door)

    def test_strangers_after_ntlm(self) -> None:
        """S-HTTP-33: 40 of them, while the user is connected and when he has left: none is answered as somebody."""
        self.assert_no_stranger(by_ntlm)

    def test_strangers_after_negotiate_in_the_first_request(self) -> None:
        """S-HTTP-33: the same where no 401 was ever seen, so that only the request's own scheme tells."""
        self.assert_no_stranger(by_ticket)

    def test_parallel_log_ons(self) -> None:
        """S-HTTP-33: 20 users at once, 5 log-ons of each, and every page is of the one who asked."""
        for door in self.stage.ways:
            self.assertEqual(parallel(door, self.stage.people), USERS * LOG_ONS, door)

    def test_strangers_after_basic(self) -> None:
        """S-HTTP-33: a directory with Basic answers them itself, whatever connections stand open behind it."""
        user = self.stage.site.living_on("chicago")[0]
        door = self.stage.door(f"/exchange/{user.alias}")
        right = []

        def log_on(client: WindowsClient, path: str, _: User) -> bool:
            right.append(by_basic(client, path, (user.name, user.password.decode())))
            return right[-1]

        found = strangers(door, self.stage.people, log_on)
        self.assertEqual((right, found.connected, found.gone), ([True, True], 0, 0))


class CrossingTests(SynchronousTestCase):
    """The back end is loud: the first request on a connection that is not the client's fails."""

    timeout = 120

    def setUp(self) -> None:
        self.stage = stage(True)

    def tearDown(self) -> None:
        self.assertEqual(self.stage.bound.report().incidents, ())

    def test_many_at_once(self) -> None:
        """S-HTTP-33: 200 clients, each on a back-end connection of its own from the handshake to the end."""
        door = self.stage.door()
        users = [*self.stage.people.items()][:AT_ONCE]
        clients = [door.client() for _ in users]
        with ThreadPoolExecutor(20) as pool:
            first = list(pool.map(lambda client, user: client.log_on(door.held, *user), clients, users))
            later = [list(pool.map(lambda client: client.get(door.held), clients)) for _ in range(2)]
        self.assertEqual([seen.user for seen in first], [name for name, _ in users])
        self.assertEqual(len({seen.connection for seen in first}), AT_ONCE)
        for seen in later:
            self.assertEqual(
                [(each.user, each.connection) for each in seen], [(each.user, each.connection) for each in first]
            )
        for client in clients:
            client.close()
        wait_until(lambda: self.stage.bound.report().open <= USERS, "pinned connections end with their clients")

    def test_schemes_beside_each_other(self) -> None:
        """S-HTTP-33: Basic, NTLM, Negotiate and nobody at the same time, to one back end: each is who he is."""
        with ThreadPoolExecutor(USERS) as pool:
            wrong = [each for each in pool.map(self._visit, range(5 * USERS)) if each]
        self.assertEqual(wrong, [])

    def _visit(self, number: int) -> str:
        person = self.stage.site.users[number % USERS]
        kinds = (self._by_handshake, self._at_once, self._with_basic, self._as_nobody)
        return kinds[number % len(kinds)](person)

    def _by_handshake(self, person: Person) -> str:
        return self._pages(by_ntlm, person, self.stage.door())

    def _at_once(self, person: Person) -> str:
        return self._pages(by_ticket, person, self.stage.door())

    def _pages(self, log_on: LogOn, person: Person, door: Door) -> str:
        with door.client() as client:
            right = log_on(client, door.held, (person.name, person.password.decode()))
            users = {client.get(door.held).user for _ in range(3)}
        return "" if right and users == {person.name} else f"{person.name}: {right}, {users}"

    def _with_basic(self, person: Person) -> str:
        door = self.stage.door(f"/exchange/{person.alias}")
        with door.client() as client:
            right = [by_basic(client, door.held, (person.name, person.password.decode())) for _ in range(3)]
        return "" if all(right) else f"{person.name}: {right}"

    def _as_nobody(self, _: Person) -> str:
        door = self.stage.door()
        with door.client() as client:
            users = {client.get(path).user for path in (door.open, door.held, door.open)}
        return "" if users == {""} else f"nobody: {users}"

    def test_basic_on_a_connection_that_is_logged_on(self) -> None:
        """S-HTTP-34: who says that he is another is not answered as the first, then or later."""
        door = self.stage.door()
        one, other = [*self.stage.people.items()][:2]
        with door.client() as client:
            self.assertTrue(by_ntlm(client, door.held, one))
            seen = client.get(door.held, basic(other[0], other[1].encode())["Authorization"])
            self.assertEqual((seen.status, client.get(door.held).status), (401, 401))

    def test_a_wrong_password_logs_nobody_on(self) -> None:
        """S-HTTP-33: the third message fails, and so does what follows."""
        door = self.stage.door()
        name = next(iter(self.stage.people))
        with door.client() as client:
            self.assertEqual(client.log_on(door.held, name, "wrong").status, 401)
            self.assertEqual(client.get(door.held).status, 401)

    def test_negotiate_in_several_messages(self) -> None:
        """S-HTTP-34: NTLM inside SPNEGO takes the same three messages."""
        door = self.stage.door()
        name, password = next(iter(self.stage.people.items()))
        with door.client() as client:
            self.assertEqual(client.log_on(door.held, name, password, "Negotiate").user, name)
            self.assertEqual(client.get(door.held).user, name)

    def test_a_challenge_says_that_it_belongs_to_the_connection(self) -> None:
        """S-HTTP-34: Proxy-Support goes with it (RFC 4559 section 6)."""
        address = "http://{}:{}/bound/mailbox".format(*self.stage.front.at("http"))
        answer = run("curl", "-sS", "-i", address).output
        self.assertIn("WWW-Authenticate: NTLM", answer)
        self.assertIn("Proxy-Support: Session-Based-Authentication", answer)

    def test_curl(self) -> None:
        """S-HTTP-34: curl's own NTLM, and a second page on the connection that it logged on."""
        name, password = next(iter(self.stage.people.items()))
        login = write_private(temporary_folder("curl") / "login", [f'user = "{DOMAIN}\\\\{name}:{password}"'])
        address = "http://{}:{}/bound/mailbox".format(*self.stage.front.at("http"))
        done = run("curl", "-sS", "--ntlm", "-K", str(login), address, address)
        self.assertEqual((done.status, done.output.count(f'"user": "{name}"')), (0, 2), done)
