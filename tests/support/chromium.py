"""Chromium, headless, driven as a person would use it."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from selenium import webdriver
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.process import program, temporary_folder

QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

_PATIENCE = 20.0
_BETWEEN_PAGES = (NoSuchElementException, StaleElementReferenceException)  # one is gone, the next not yet there
_NO_SCRIPTS = {"profile.managed_default_content_settings.javascript": 2}


def key_hash(certificate: Path) -> str:
    """The hash of its public key, as Chromium wants it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


class Chromium:
    """One browser with a new profile; `name` leads to `address`, and `certificate` alone is taken there.

    Without `scripts` no JavaScript of any page runs. `language` is what it says it reads.
    """

    def __init__(
        self, name: str, address: str, certificate: Path, *, language: str = "en", width: int = 1000,
        height: int = 800, scripts: bool = True,
    ) -> None:  # fmt: skip
        options = Options()
        options.binary_location = program("chromium", "chromium")
        for argument in (
            *QUIET, f"--user-data-dir={temporary_folder('chromium')}", f"--host-resolver-rules=MAP {name} {address}",
            f"--ignore-certificate-errors-spki-list={key_hash(certificate)}", f"--lang={language}",
        ):  # fmt: skip
            options.add_argument(argument)
        wishes: dict[str, Any] = {"intl.accept_languages": language, "credentials_enable_service": False}
        options.add_experimental_option("prefs", wishes if scripts else wishes | _NO_SCRIPTS)
        environment = {**os.environ, "SE_AVOID_STATS": "true", "SE_OFFLINE": "true"}
        service = Service(program("chromedriver", "chromium-driver"), env=environment)
        self.driver = webdriver.Chrome(options, service)
        self.driver.set_page_load_timeout(_PATIENCE)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def quit(self) -> None:
        """End it and its driver."""
        self.driver.quit()

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return str(self.driver.find_element(By.TAG_NAME, "body").text)

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.driver.execute_script(script))

    def get(self, url: str) -> None:
        """Type an address."""
        self.driver.get(url)

    def wait_for(self, text: str) -> None:
        """Return when the page shows it."""
        waiting = WebDriverWait(self.driver, _PATIENCE, ignored_exceptions=_BETWEEN_PAGES)
        try:
            waiting.until(lambda _: text in self.text)
        except TimeoutException:
            raise AssertionError(f"{text!r} not in {self.text!r}") from None

    def log_on(self, name: str, password: str, *, private: bool = False) -> None:
        """Fill in the form by the keyboard, and send it."""
        driver = self.driver
        user = driver.switch_to.active_element  # the page puts the cursor there
        assert user.get_attribute("name") == "username", user.get_attribute("outerHTML")
        user.send_keys(name)
        driver.find_element(By.ID, "password").send_keys(password)
        if private:
            driver.find_element(By.CSS_SELECTOR, 'input[name=trusted][value="4"]').click()
        driver.find_element(By.TAG_NAME, "button").click()

    def picture(self, name: str) -> bytes:
        """Of the window; kept as ``name.png`` in the folder that ``$SCREENSHOTS`` names, if it does."""
        octets: bytes = self.driver.get_screenshot_as_png()
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            Path(folder, f"{name}.png").write_bytes(octets)
        return octets
