"""WebDAV through exfront as directly: litmus against Apache's mod_dav, and a calendar in Radicale."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Result, run, write_private
from tests.support.exfront import ExFront
from tests.support.mail_site import EXFRONT_ADDRESS, LISTENERS, PUBLIC_NAME, VIRTUAL_SITE, shared
from tests.support.population import Person
from tests.support.process import program, temporary_folder
from tests.support.radicale import Radicale

_LITMUS_RESULT = re.compile(r"^.*(?:pass|FAIL|SKIPPED|WARNING|summary).*$", re.MULTILINE)
_FEWEST = 100  # of litmus's tests; 0.13 has 104
_PUBLIC = {"path": "/public", "application": "webdav", "authentication": "anonymous", "require_tls": "no"}
_EVENT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//exfront//test//EN
BEGIN:VEVENT
UID:standup@fourthcoffee.com
DTSTAMP:20261120T080000Z
DTSTART:20261123T090000Z
DTEND:20261123T091500Z
SUMMARY:Stand-up
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
_QUERY = """\
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:prop><D:getetag/><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
<C:time-range start="%sT000000Z" end="%sT235959Z"/>
</C:comp-filter></C:comp-filter></C:filter>
</C:calendar-query>
"""


class LitmusTests(SynchronousTestCase):
    """Public folders are Apache's mod_dav; both legs speak TLS, or neither does."""

    timeout = 120

    def setUp(self) -> None:
        self.site = shared()
        self.apache = self.site.chicago.apache
        self.addCleanup(lambda: shutil.rmtree(self.apache.root / "public" / "litmus", ignore_errors=True))

    def front(self, **service: object) -> ExFront:
        """Its name is an address: litmus looks nothing up."""
        directory = {**_PUBLIC, "server": "chicago"}
        sites = [{**VIRTUAL_SITE, "host_names": [EXFRONT_ADDRESS], "virtual_directory": [directory]}]
        front = self.site.exfront(
            {name: LISTENERS[name] for name in ("http", "https")},
            server=[self.site.chicago.section(**service)], virtual_site=sites,
        )  # fmt: skip
        self.addCleanup(front.daemon.kill)
        front.start()
        return front

    def litmus(self, url: str) -> list[str]:
        """One line for each test, warning and suite."""
        done = subprocess.run(
            [program("litmus", "litmus"), "--keep-going", url], cwd=temporary_folder("litmus"), timeout=60,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        found = _LITMUS_RESULT.findall(done.stdout)
        self.assertGreater(len(found), _FEWEST, done)
        return found

    def assert_same(self, direct: str, through: str) -> None:
        """For all that litmus says."""
        self.assertEqual(self.litmus(through), self.litmus(direct))

    def test_in_the_clear(self) -> None:
        """S-HTTP-20: COPY, MOVE, locks, properties and Expect as without a front end."""
        front = self.front()
        self.assert_same(
            f"http://{self.apache.address}:{self.apache.http}/public/",
            f"http://{front.address}:{front.ports['http']}/public/",
        )

    def test_tls_for_the_client_alone(self) -> None:
        """S-HTTP-20: the same where Apache knows nothing of TLS, and of no https in Destination."""
        front = self.front()
        self.assert_same(
            f"https://{self.apache.address}:{self.apache.https}/public/",
            f"https://{front.address}:{front.ports['https']}/public/",
        )

    def test_tls(self) -> None:
        """S-HTTP-20: the same inside TLS."""
        front = self.front(http=self.apache.https, http_tls="implicit")
        self.assert_same(
            f"https://{self.apache.address}:{self.apache.https}/public/",
            f"https://{front.address}:{front.ports['https']}/public/",
        )


class RadicaleTests(SynchronousTestCase):
    """Calendars, by curl over TLS, with the password that exfront proves and the groupware proves again."""

    def setUp(self) -> None:
        self.site = shared()
        self.user, self.other = self.site.living_on("chicago")[:2]
        users = {user.name: user.password.decode() for user in (self.user, self.other)}
        radicale = Radicale(temporary_folder("radicale"), "127.0.0.25", users)
        self.addCleanup(radicale.daemon.stop)
        radicale.daemon.start()
        directory = {"path": "/dav", "application": "webdav"}
        self.front = self.site.exfront(
            {"https": LISTENERS["https"]},
            server=[self.site.chicago.section(address=radicale.address, http=radicale.port)],
            virtual_site=[{"name": "default", "public_name": PUBLIC_NAME, "virtual_directory": [directory]}],
        )
        self.addCleanup(self.front.daemon.kill)
        self.front.start()
        self.folder = temporary_folder("curl")

    def curl(self, person: Person, method: str, path: str, body: str = "", *more: str) -> Result:
        """One request; the status stands on the last line of the output."""
        login = f"{person.name}:{person.password.decode()}".replace("\\", "\\\\").replace('"', '\\"')
        options = write_private(self.folder / "options", [f'user = "{login}"'])
        sent = ("--data-binary", f"@{self._file(body)}") if body else ()
        host = f"{PUBLIC_NAME}:{self.front.ports['https']}"
        return run(
            "curl", "-sS", "-K", str(options), "--cacert", str(self.site.authority.ca_file), "--connect-to",
            f"{host}:{self.front.address}:", "-X", method, *sent, *more, "-w", "\\n%{http_code}",
            f"https://{host}/dav/{path}",
        )  # fmt: skip

    def _file(self, text: str) -> Path:
        file = self.folder / "body"
        file.write_bytes(text.encode())
        return file

    def assert_status(self, status: int, result: Result) -> str:
        """The body."""
        body, _, code = result.output.rpartition("\n")
        self.assertEqual(code, str(status), result)
        return body

    def test_a_calendar(self) -> None:
        """S-HTTP-7, S-AUTH-9: make one, put an event in, find it by its day, read it, and nobody else may."""
        home = f"{self.user.name}/work/"
        self.assert_status(201, self.curl(self.user, "MKCALENDAR", home))
        event = ("-H", "Content-Type: text/calendar", "-H", "If-None-Match: *")
        self.assert_status(201, self.curl(self.user, "PUT", home + "standup.ics", _EVENT, *event))
        self.assertIn("SUMMARY:Stand-up", self.assert_status(200, self.curl(self.user, "GET", home + "standup.ics")))
        for day, found in (("20261123", True), ("20261124", False)):
            query = self.curl(self.user, "REPORT", home, _QUERY % (day, day), "-H", "Content-Type: text/xml")
            self.assertEqual("UID:standup@fourthcoffee.com" in self.assert_status(207, query), found, day)
        self.assert_status(403, self.curl(self.other, "GET", home + "standup.ics"))
        wrong = Person(self.user.name, b"wrong", "chicago")
        self.assert_status(401, self.curl(wrong, "GET", home + "standup.ics"))

    def test_its_own_links(self) -> None:
        """S-HTTP-31: hrefs below the public path come as the groupware writes them."""
        listing = self.assert_status(207, self.curl(self.user, "PROPFIND", f"{self.user.name}/", "", "-H", "Depth: 0"))
        self.assertIn(f"<href>/dav/{self.user.name}/</href>", listing)
