"""A real browser logs on and off by the page. ``make screenshots`` keeps its pictures in docs/screenshots."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from selenium.webdriver.common.by import By
from twisted.trial.unittest import SynchronousTestCase

from tests.support.chromium import Chromium
from tests.support.exfront import ExFront
from tests.support.forms import forms_front
from tests.support.mail_site import EXFRONT_ADDRESS, PUBLIC_NAME, shared

_PUBLIC_TIME = 60.0  # the shortest


class BrowserTests(SynchronousTestCase):
    timeout = 180
    _front: ExFront | None = None

    def setUp(self) -> None:
        self.site = shared()
        self.front = self.front_of_all()
        self.user = self.site.living_on("chicago")[0]
        self.root = f"https://{PUBLIC_NAME}:{self.front.ports['https']}"
        self.mine = f"This is the mailbox of {self.user.alias} on chicago."

    def front_of_all(self) -> ExFront:
        if BrowserTests._front is None:
            BrowserTests._front = forms_front(self.site, forms={"public_time": _PUBLIC_TIME})
        return BrowserTests._front

    def browser(self, **more: Any) -> Chromium:
        browser = Chromium(PUBLIC_NAME, EXFRONT_ADDRESS, self.site.certificate, **more)
        self.addCleanup(browser.quit)
        return browser

    def log_on(self, browser: Chromium, path: str = "", **more: bool) -> None:
        """From a deep link to the mailbox."""
        browser.get(f"{self.root}{path or f'/exchange/{self.user.alias}/?Cmd=contents&Page=2'}")
        browser.log_on(self.user.name, self.user.password.decode(), **more)

    def test_a_deep_link(self) -> None:
        """S-HTTP-39: by the form to the page that was asked for, on the right server; no script of ours is needed."""
        browser = self.browser(scripts=False)
        browser.get(f"{self.root}/exchange/{self.user.alias}/?Cmd=contents&Page=2")
        self.assertEqual(urlsplit(browser.driver.current_url).path, "/exchweb/bin/auth/owalogon.asp")
        browser.picture("logon")
        browser.log_on(self.user.name, self.user.password.decode())
        browser.wait_for(self.mine)
        self.assertEqual(browser.driver.current_url, f"{self.root}/exchange/{self.user.alias}/?Cmd=contents&Page=2")
        browser.picture("deep-link")
        other = self.site.living_on("dallas")[0]
        second = self.browser()
        second.get(f"{self.root}/")
        second.log_on(other.name, other.password.decode())
        second.wait_for("This is Outlook Web Access on dallas.")

    def test_a_wrong_password(self) -> None:
        """S-AUTH-6: said, with its code; and the way to the page asked for is not lost."""
        browser = self.browser()
        browser.get(f"{self.root}/exchange/{self.user.alias}/")
        browser.log_on(self.user.name, "wrong")
        browser.wait_for("You could not be logged on to Outlook Web Access.")
        self.assertIn("XF-AUTH-FAIL", browser.text)
        browser.picture("wrong-password")
        browser.log_on(self.user.name, self.user.password.decode())
        browser.wait_for(self.mine)

    def test_the_time_out_of_a_public_computer(self) -> None:
        """S-HTTP-36: the page says why, and leads back."""
        browser = self.browser()
        self.log_on(browser)
        browser.wait_for(self.mine)
        time.sleep(_PUBLIC_TIME + 1)
        browser.driver.refresh()
        browser.wait_for("Your session has timed out.")
        self.assertNotIn(self.mine, browser.text)
        browser.picture("timed-out")
        browser.log_on(self.user.name, self.user.password.decode(), private=True)
        browser.wait_for(self.mine)

    def test_log_off_and_the_back_button(self) -> None:
        """S-HTTP-37: nothing of the mailbox is shown again, neither by the button nor by the address."""
        browser = self.browser()
        self.log_on(browser, private=True)
        browser.wait_for(self.mine)
        browser.get(f"{self.root}/owa/")
        browser.wait_for("This is Outlook Web Access on chicago.")
        browser.get(f"{self.root}/exchange/{self.user.alias}/?Cmd=logoff")
        browser.wait_for("You are logged off")
        browser.picture("logged-off")
        for _ in range(2):
            browser.driver.back()
            browser.wait_for("Log on")
            self.assertNotIn("This is", browser.text)
        browser.picture("back-button")
        self.assertEqual(browser.driver.get_cookies(), [])

    def test_german_and_french(self) -> None:
        """By what the browser says; the document says so too."""
        for language, heading, wrong in (("de", "Kennwort", "Prüfen Sie"), ("fr", "Mot de passe", "Vérifiez")):
            browser = self.browser(language=language)
            browser.get(f"{self.root}/owa/")
            self.assertIn(heading, browser.text)
            self.assertEqual(browser.driver.find_element(By.TAG_NAME, "html").get_attribute("lang"), language)
            browser.log_on(self.user.name, "wrong")
            browser.wait_for(wrong)
            browser.picture({"de": "german", "fr": "french"}[language])

    def test_a_phone(self) -> None:
        """375 pixels: nothing is cut off, in any language and with an alert."""
        for language in ("en", "de", "fr"):
            browser = self.browser(language=language, width=375, height=812)
            browser.get(f"{self.root}/owa/auth/logon.aspx?url=/owa/&reason=3")
            self.assertEqual(browser.overflow, 0)
            browser.picture(f"phone-{language}")
            browser.get(f"{self.root}/owa/auth/logoff.aspx")
            self.assertEqual(browser.overflow, 0)
            browser.quit()

    def test_nothing_else_is_loaded(self) -> None:
        """S-HTTP-39: the policy allows the page's own style, and the browser complains of nothing."""
        browser = self.browser()
        browser.get(f"{self.root}/owa/auth/logon.aspx")
        colour = browser.driver.find_element(By.TAG_NAME, "button").value_of_css_property("background-color")
        self.assertIn("11, 90, 143", colour)
        entries = browser.driver.get_log("browser")
        self.assertEqual([entry for entry in entries if "favicon" not in entry["message"]], [])
