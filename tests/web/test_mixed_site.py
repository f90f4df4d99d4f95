"""*CASProxy mit Exchange 2007*: every row of its two tables, over HTTP, before servers of 2003 and 2007."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.virtual_site import VirtualDirectorySection
from exfront.reasons import DOUBLE_HOP, MAILBOX_ON_2003
from exfront.topology import FrontEnd
from tests.exchange.mixed_site import BACK_END, CAS, MixedSite
from tests.routing import organisation
from tests.support.directory import MemoryDirectory, MemoryPasswords, mailbox
from tests.support.steps import SmallWorld
from tests.web.conversation import SITE, Conversation, Response, basic, read, request
from tests.web.logging_on import BOTH, Browser
from tests.web.mixed_rows import ACCESS, ERROR, HOMES, LINK, MIXED_MODE, PROMPT
from tests.web.test_passthrough import TYPE_1, type_3_of

_PASSING = ("basic", "passthrough")
INTEGRATED_SITE = evolve(SITE, virtual_directory=(
    VirtualDirectorySection("/owa", "owa", _PASSING, server=CAS, require_tls="no"),
    VirtualDirectorySection("/exchange", "exchange", _PASSING, smtp_domain=organisation.DOMAIN, server=BACK_END,
                            require_tls="no"),
))  # fmt: skip
FORMS_SITE = evolve(SITE, virtual_directory=(
    VirtualDirectorySection("/owa", "owa", BOTH, require_tls="no"),
    VirtualDirectorySection("/exchange", "exchange", BOTH, smtp_domain=organisation.DOMAIN, require_tls="no"),
    VirtualDirectorySection("/owaredirect", "owaredirect", BOTH, require_tls="no"),
    VirtualDirectorySection("/", "owaredirect", BOTH, require_tls="no"),
))  # fmt: skip
BASIC_SITE = evolve(SITE, virtual_directory=tuple(
    evolve(each, authentication="basic") for each in FORMS_SITE.virtual_directory
))  # fmt: skip


def small_world(front_end: FrontEnd = "2007") -> SmallWorld:
    """The five users in the organisation of all generations; the 2003 back end takes Basic."""
    accounts = [mailbox(name, home) for name, home in HOMES.items()]
    directory, passwords = MemoryDirectory(accounts), {name: f"secret-{name}".encode() for name in HOMES}
    small = SmallWorld(directory=directory, passwords=MemoryPasswords(passwords))
    known = organisation.topology()
    servers = tuple(evolve(each, next_hop=("basic",)) if each.name == BACK_END else each for each in known.servers)
    world = organisation.world(front_end, topology=evolve(known, servers=servers))
    small.steps.world = lambda: world
    return small


class Case(SynchronousTestCase):
    """Servers answer by themselves."""

    def setUp(self) -> None:
        self.servers = MixedSite(HOMES)

    def served(self, talk: Conversation, octets: bytes) -> bytes:
        """What the client gets: the servers are asked as long as they are told anything."""
        got = talk.send(octets)
        for number, dialled in enumerate(talk.world.dialer.dialled):
            asked = dialled.line.take() if dialled.line.connected else b""
            if asked:
                got += talk.answer(self.servers.answer(dialled.relay.server.name, asked), number)
        return got

    def landed(self, answer: Response) -> str:
        """The words of the tables."""
        body = answer.body.decode()
        if answer.status == 401:
            return PROMPT if b"Basic" in answer.headers[b"www-authenticate"] else "401"
        if answer.status == 200 and "href=" in body:
            return "link " + body.partition('href="')[2].partition('"')[0]
        return ERROR if ERROR in body else body


class FormsTests(Case):
    """The column of forms, and Basic, which comes to the same."""

    def by_form(self, user: str, path: str) -> str:
        browser = Browser(FORMS_SITE, world=small_world()).log_on(name=user)
        self.addCleanup(browser.talk.end)
        return self.followed(browser.talk, path, *browser.fields)

    def by_basic(self, user: str, path: str) -> str:
        talk = Conversation(world=small_world(), sites=(BASIC_SITE,))
        self.addCleanup(talk.end)
        return self.followed(talk, path, basic(user))

    def followed(self, talk: Conversation, path: str, *fields: bytes) -> str:
        answer = read(self.served(talk, request(b"GET " + path.encode(), *fields)))
        if answer.status in (301, 302, 307, 308):
            location = answer.headers[b"location"].removeprefix(b"http://mail.fourthcoffee.com")
            self.assertTrue(location.startswith(b"/"), location)
            answer = read(self.served(talk, request(b"GET " + location, *fields)))
        return self.landed(answer)

    def test_every_row_of_the_access_table(self) -> None:
        for row in ACCESS:
            self.assertEqual(self.by_form(row.user, row.path), row.by_form, row)
            self.assertEqual(self.by_basic(row.user, row.path), row.by_form, row)

    def test_every_row_of_the_mixed_mode_table(self) -> None:
        """The one case with an error is a 2003 user at /owa."""
        for user, path, landing in MIXED_MODE:
            self.assertEqual(self.by_form(user, path), landing, (user, path))
            self.assertEqual(self.by_basic(user, path), landing, (user, path))
        self.assertEqual([landing for *_, landing in MIXED_MODE].count(ERROR), 1)

    def test_the_2007_user_at_exchange_is_sent_to_owa(self) -> None:
        """By the Client Access server of the own site: it still knows /exchange."""
        talk = Conversation(world=small_world(), sites=(BASIC_SITE,))
        self.addCleanup(talk.end)
        answer = read(self.served(talk, request(b"GET /exchange/", basic("anna"))))
        self.assertEqual((answer.status, answer.headers[b"location"]), (302, b"/owa/"))

    def test_the_error_of_the_2003_user_word_for_word(self) -> None:
        talk = Conversation(world=small_world(), sites=(BASIC_SITE,))
        self.addCleanup(talk.end)
        answer = read(self.served(talk, request(b"GET /owa/", basic("otto"))))
        self.assertEqual(answer.status, 403)
        self.assertIn(f"<p>{MAILBOX_ON_2003.text}</p>", answer.body.decode())
        self.assertIn("Microsoft Exchange 2000 or Microsoft Exchange 2003 server", MAILBOX_ON_2003.text)
        self.assertEqual(talk.world.dialer.dialled, [])

    def test_no_2013_server_has_exchange(self) -> None:
        """The user at /exchange is sent to /owa of this very site, and so is who names another mailbox there."""
        for path, location in ((b"/exchange/", b"/owa/"), (b"/exchange/nora/", b"/owa/nora@fourthcoffee.com/")):
            talk = Conversation(world=small_world("any"), sites=(BASIC_SITE,))
            self.addCleanup(talk.end)
            answer = talk.ask(b"GET " + path, basic("nora"))
            self.assertEqual((answer.status, answer.headers[b"location"]), (302, location))

    def test_an_odd_address_leads_nowhere_else(self) -> None:
        """S-HTTP-39: what the directory holds is escaped, and stays below the path of the site."""
        small = small_world("any")
        odd = ("nora/../../evil?x=\r\nY: z@fourthcoffee.com", "nora@fourthcoffee.com")
        small.directory.entries[-1] = evolve(small.directory.entries[-1], addresses=odd)
        talk = Conversation(world=small, sites=(BASIC_SITE,))
        self.addCleanup(talk.end)
        location = talk.ask(b"GET /exchange/nora/", basic("nora")).headers[b"location"]
        self.assertEqual(location, b"/owa/nora%2F..%2F..%2Fevil%3Fx%3D%0D%0AY%3A%20z@fourthcoffee.com/")


class IntegratedTests(Case):
    """The column of Integrated authentication: NTLM passes through to the server of the virtual directory."""

    def by_ntlm(self, user: str, path: str) -> str:
        world = small_world()
        landing, cookie = self.connection(world, user, path)
        if landing == f"{CAS} {user}" and HOMES[user] != "chicago-mbx07":  # let in where the mailbox is not
            landing, _ = self.connection(world, user, path, cookie)
        return landing

    def connection(self, world: SmallWorld, user: str, path: str, *fields: bytes) -> tuple[str, bytes]:
        """All three messages on one connection; the cookie that came."""
        talk = Conversation(world=world, sites=(INTEGRATED_SITE,))
        self.addCleanup(talk.end)
        line = b"GET " + path.encode()
        first = read(self.served(talk, request(line, TYPE_1, *fields)))
        if first.status != 401:
            return self.landed(first), b""
        self.assertIn(b"www-authenticate", first.headers)
        answer = read(self.served(talk, request(line, type_3_of(user), *fields)))
        cookie = answer.headers.get(b"set-cookie", b"").partition(b";")[0]
        return self.landed(answer), b"Cookie: " + cookie + b"\r\n"

    def test_every_row_of_the_access_table(self) -> None:
        for row in ACCESS:
            self.assertEqual(self.by_ntlm(row.user, row.path), row.integrated, row)

    def test_a_prompt_leads_to_the_mailbox(self) -> None:
        """Whoever is asked for a password, and gives it, is where the forms' column has him."""
        talk = Conversation(world=small_world(), sites=(INTEGRATED_SITE,))
        self.addCleanup(talk.end)
        answer = read(self.served(talk, request(b"GET /exchange/", basic("anna"))))
        self.assertEqual((answer.status, answer.headers[b"location"]), (302, b"/owa/"))

    def test_where_exfront_itself_asks_the_log_on_of_windows_is_a_prompt(self) -> None:
        """The double hop: NTLM leaves no password for the next server, whoever it is, and Basic is offered."""
        for user in HOMES:
            for path in (b"/owa/", b"/exchange/", b"/exchange/olga/"):
                talk = Conversation(world=small_world(), sites=(BASIC_SITE,))
                self.addCleanup(talk.end)
                talk.send(request(b"GET " + path, type_3_of(user)))
                answer = talk.wait(1.0)
                self.assertEqual(self.landed(read(answer)), PROMPT)
                self.assertIs(talk.records[0].reason, DOUBLE_HOP)


class OwaRedirectTests(Case):
    """One address for all: / and /owaredirect send who has logged on to where the mailbox is."""

    def location(self, front_end: FrontEnd, user: str, line: bytes) -> bytes:
        talk = Conversation(world=small_world(front_end), sites=(BASIC_SITE,))
        self.addCleanup(talk.end)
        answer = talk.ask(line, basic(user))
        self.assertEqual(
            (answer.status, answer.body, answer.headers[b"cache-control"]), (302, b"", b"no-store"), answer
        )
        self.assertEqual(talk.world.dialer.dialled, [])
        return answer.headers[b"location"]

    def test_to_the_path_of_the_mailboxs_version_or_to_its_url(self) -> None:
        for front_end, user, location in (
            ("any", "anna", b"/owa/"), ("any", "otto", b"/exchange/"), ("any", "tina", b"/owa/"),
            ("2007", "anna", b"/owa/"), ("2007", "otto", b"/exchange/"), ("2007", "tina", LINK[5:].encode()),
            ("2010", "otto", organisation.LEGACY_URL.encode()),
            ("2013", "anna", organisation.external_url("2007", organisation.OWN).encode()),
        ):  # fmt: skip
            for line in (b"GET /", b"GET /owaredirect", b"GET /OWARedirect/", b"HEAD /owaredirect"):
                self.assertEqual(self.location(front_end, user, line), location, (front_end, user, line))  # type: ignore[arg-type]

    def test_by_form(self) -> None:
        """The page comes first, then the way that the log-on leads to."""
        for asked in ("/", "/owaredirect"):
            browser = Browser(FORMS_SITE, world=small_world())
            self.addCleanup(browser.talk.end)
            answer = browser.get(b"GET " + asked.encode())
            self.assertIn(b"/owa/auth/logon.aspx?url=", answer.headers[b"location"])
            posted = browser.post(name="otto", destination=asked)
            self.assertEqual(posted.headers[b"location"].decode(), asked)
            self.assertEqual(browser.get(b"GET " + asked.encode()).headers[b"location"], b"/exchange/")

    def test_nobody_is_told_without_a_password(self) -> None:
        """S-AUTH-6: where a mailbox is, is told to its owner."""
        talk = Conversation(world=small_world(), sites=(BASIC_SITE,))
        self.addCleanup(talk.end)
        self.assertEqual(talk.ask(b"GET /owaredirect").status, 401)
        talk.send(request(b"GET /owaredirect", basic("otto", "wrong")))
        self.assertEqual(read(talk.wait(1.0)).status, 401)

    def test_nothing_lies_below_it_and_nothing_else_is_at_its_path(self) -> None:
        """S-HTTP-22: / is one path, not all of them."""
        talk = Conversation(world=small_world(), sites=(BASIC_SITE,))
        self.addCleanup(talk.end)
        for line in (b"GET /x", b"GET /owaredirect/x", b"GET /owaredirectx"):
            self.assertEqual(talk.ask(line, basic("anna")).status, 404, line)
        self.assertEqual(talk.ask(b"POST /owaredirect", basic("anna"), b"Content-Length: 0\r\n").status, 405)

    def test_a_site_without_the_path(self) -> None:
        alone = evolve(SITE, virtual_directory=(VirtualDirectorySection("/go", "owaredirect", require_tls="no"),))
        talk = Conversation(world=small_world(), sites=(alone,))
        self.addCleanup(talk.end)
        self.assertEqual(talk.ask(b"GET /go", basic("anna")).status, 404)
        self.assertEqual(talk.records[0].detail, "application=owa")

    def test_a_refusal_is_a_refusal(self) -> None:
        world = small_world("2003")
        talk = Conversation(world=world, sites=(BASIC_SITE,))
        self.addCleanup(talk.end)
        answer = talk.ask(b"GET /owaredirect", basic("anna"))
        self.assertEqual(answer.status, 403)
        self.assertIn(b"XF-GENERATION", answer.body)
