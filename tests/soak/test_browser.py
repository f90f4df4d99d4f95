"""A real browser, headless: it finds its way by TLS, logs on, and shows the page."""

from __future__ import annotations

import subprocess
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from tests.support.chromium import QUIET, key_hash
from tests.support.exfront import ExFront
from tests.support.mail_site import EXFRONT_ADDRESS, PUBLIC_NAME, shared
from tests.support.pass_through import stage
from tests.support.process import program, temporary_folder


class ChromiumTests(SynchronousTestCase):
    """The password stands in the URL, as a person would type it into the box."""

    timeout = 120

    def setUp(self) -> None:
        self.site = shared()
        self.user = self.site.living_on("chicago")[0]

    def page(self, front: ExFront, path: str, password: str) -> str:
        """What it shows of a page; only exfront's own certificate is taken."""
        url = f"https://{quote(self.user.name)}:{quote(password)}@{PUBLIC_NAME}:{front.ports['https']}{path}"
        done = subprocess.run(
            [
                program("chromium", "chromium"), *QUIET, f"--user-data-dir={temporary_folder('chromium')}",
                f"--host-resolver-rules=MAP {PUBLIC_NAME} {EXFRONT_ADDRESS}",
                f"--ignore-certificate-errors-spki-list={key_hash(self.site.certificate)}", "--dump-dom", url,
            ],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout

    def test_basic(self) -> None:
        """S-AUTH-12: the mailbox with the right password, and nothing of it with a wrong one."""
        path, mine = f"/exchange/{self.user.alias}/", f"This is the mailbox of {self.user.alias} on chicago."
        self.assertIn(mine, self.page(self.site.front, path, self.user.password.decode()))
        self.assertNotIn(mine, self.page(self.site.front, path, "wrong"))

    def test_ntlm(self) -> None:
        """S-HTTP-33: the browser's own three messages reach the back end, which knows the user by them."""
        passes = stage(True)
        shown = self.page(passes.front, "/bound/mailbox", self.user.password.decode())
        self.assertIn(f'"user": "{self.user.name}"', shown)
        self.assertEqual(passes.bound.report().incidents, ())
