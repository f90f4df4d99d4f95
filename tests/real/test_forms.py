"""Logging on by form with curl, as scripts do it: against slapd and two Apaches."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.clients import Result, run
from tests.support.exfront import ExFront
from tests.support.forms import forms_front
from tests.support.mail_site import EXFRONT_ADDRESS, PUBLIC_NAME, shared
from tests.support.population import DOMAIN, Person
from tests.support.process import temporary_folder

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"


class Curl:
    """One user's curl with a cookie jar."""

    def __init__(self, front: ExFront) -> None:
        self.front = front
        self.jar = temporary_folder("jar") / "cookies"

    def ask(self, path: str, *more: str) -> tuple[int, str, str]:
        """Status, Location, and body."""
        port = self.front.ports["https"]
        ended: Result = run(
            "curl", "--silent", "--insecure", "--max-time", "20", "--user-agent", _BROWSER,
            "--resolve", f"{PUBLIC_NAME}:{port}:{EXFRONT_ADDRESS}", "--cookie", str(self.jar), "--cookie-jar",
            str(self.jar), "--write-out", "\n%{http_code} %header{location}", *more,
            f"https://{PUBLIC_NAME}:{port}{path}",
        )  # fmt: skip
        assert ended.status == 0, ended
        body, _, last = ended.output.rpartition("\n")
        status, _, location = last.partition(" ")
        return int(status), location, body

    def log_on(self, user: Person, name: str = "", path: str = "/owa/auth.owa", **fields: str) -> tuple[int, str, str]:
        """Post the form without having fetched it."""
        sent = {
            "destination": f"https://{PUBLIC_NAME}/exchange/{user.alias}/", "flags": "0", "forcedownlevel": "0",
            "trusted": "0", "username": name or user.name, "password": user.password.decode(), "isUtf8": "1", **fields,
        }  # fmt: skip
        data = [word for key, value in sent.items() for word in ("--data-urlencode", f"{key}={value}")]
        return self.ask(path, *data)


class CurlTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = shared()
        self.front = self.started()
        self.anna, self.bert = self.site.living_on("chicago")[0], self.site.living_on("dallas")[0]

    def started(self, **changes: Any) -> ExFront:
        front = forms_front(self.site, **changes)
        self.addCleanup(front.daemon.kill)
        return front

    def page_of(self, user: Person) -> str:
        return f"This is the mailbox of {user.alias} on {user.server}."

    def test_a_script_posts_without_the_page(self) -> None:
        """S-HTTP-38: in all forms of a login name, at each address; each to the own server."""
        for user, name, path in (
            (self.anna, "", "/owa/auth.owa"), (self.bert, f"{DOMAIN}\\{self.bert.name}", "/owa/auth/owaauth.dll"),
            (self.bert, self.bert.upn, "/exchweb/bin/auth/owaauth.dll"),
        ):  # fmt: skip
            curl = Curl(self.front)
            status, location, _ = curl.log_on(user, name, path)
            self.assertEqual((status, location), (302, f"/exchange/{user.alias}/"))
            self.assertIn(self.page_of(user), curl.ask(location)[2])

    def test_the_way_of_a_browser(self) -> None:
        """S-HTTP-35, S-HTTP-37: sent to the form; wrong; right; log off; and then nobody again."""
        curl = Curl(self.front)
        path = f"/exchange/{self.anna.alias}/"
        status, location, _ = curl.ask(path)
        self.assertEqual((status, "/exchweb/bin/auth/owalogon.asp?url=" in location), (302, True), location)
        self.assertIn("reason=2", curl.log_on(self.anna, password="wrong")[1])
        self.assertEqual(curl.log_on(self.anna)[0], 302)
        self.assertIn(self.page_of(self.anna), curl.ask(path)[2])
        stolen = curl.jar.read_text()
        self.assertEqual(curl.ask("/owa/logoff.owa")[0], 200)
        self.assertEqual(curl.ask(path)[0], 302)
        curl.jar.write_text(stolen)
        self.assertEqual(curl.ask(path)[0], 302)
        self.assertEqual(curl.ask(path, "--request", "PROPFIND")[0], 440)
        reasons = [line["x-reason"] for line in self.front.lines_since(0, 8)[-2:]]
        self.assertEqual(reasons, ["XF-FORM-REVOKED", "XF-FORM-NEEDED"], "curl drops what the first one took away")

    def test_programs_never_see_a_form(self) -> None:
        """By path and by User-Agent: 401 without credentials, and with them the back end."""
        basic = ("--user", f"{self.anna.name}:{self.anna.password.decode()}")
        for path, method in (
            ("/EWS/Exchange.asmx", "POST"), ("/Microsoft-Server-ActiveSync", "OPTIONS"), ("/OAB/x/oab.xml", "GET"),
            ("/Autodiscover/Autodiscover.xml", "POST"), ("/mapi/emsmdb/", "POST"),
        ):  # fmt: skip
            self.assertEqual(Curl(self.front).ask(path, "--request", method)[0], 401, path)
        for agent in ("Microsoft-WebDAV-MiniRedir/10.0", "MSFrontPage/15.0", "Mozilla/4.0 (compatible; ms-office; x)"):
            curl = Curl(self.front)
            path = f"/exchange/{self.anna.alias}/"
            self.assertEqual(curl.ask(path, "--user-agent", agent)[0], 401)
            self.assertIn(self.page_of(self.anna), curl.ask(path, "--user-agent", agent, *basic)[2])

    def test_a_log_on_outlives_a_restart(self) -> None:
        """S-HTTP-35, S-HTTP-37: what was good is good, what was ended stays so; the file is the owner's alone."""
        stays, ends = Curl(self.front), Curl(self.front)
        for curl in (stays, ends):
            curl.log_on(self.anna)
        stolen = ends.jar.read_text()
        ends.ask("/owa/logoff.owa")
        self.front.stop()
        self.front.start()
        path = f"/exchange/{self.anna.alias}/"
        self.assertIn(self.page_of(self.anna), stays.ask(path)[2])
        ends.jar.write_text(stolen)
        self.assertEqual(ends.ask(path)[0], 302)
        state = next(Path(text) for text in _state_dirs(self.front))
        self.assertEqual(stat.S_IMODE((state / "logons.json").stat().st_mode), 0o600)
        keys = (state / "logons.json").read_text()
        self.assertNotIn(self.anna.password.decode(), keys + self.front.server_log())

    def test_where_the_password_lies(self) -> None:
        """S-HTTP-35: in memory, a restart forgets it: the user is asked again."""
        front = self.started(forms={"password": "memory"})
        curl = Curl(front)
        curl.log_on(self.anna)
        path = f"/exchange/{self.anna.alias}/"
        self.assertIn(self.page_of(self.anna), curl.ask(path)[2])
        front.stop()
        front.start()
        self.assertEqual(curl.ask(path)[0], 302)


def _state_dirs(front: ExFront) -> list[str]:
    return [
        line.partition('"')[2].rstrip('"\n')
        for line in front.configuration.read_text().splitlines()
        if line.startswith("state_dir")
    ]
