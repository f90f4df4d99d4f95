"""Forms against Samba: its own counters, and a password that an administrator sets anew."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from tests.support.exfront import ExFront
from tests.support.process import temporary_folder, wait_until
from tests.support.samba import shared_site
from tests.support.samba_data import BASE, BY_FORM, GUESSED_BY_FORM, LOCKOUT_THRESHOLD, SERVICE_DN, Account

_NAME = "mail.fourthcoffee.com"
_GUESSES = 60


class SambaFormTests(SynchronousTestCase):
    """No back end is needed: who is let in is seen by where the form leads to."""

    timeout = 120

    def setUp(self) -> None:
        self.site = site = shared_site()
        settings: dict[str, Any] = {
            "directory": {
                "servers": [site.samba.tls_url], "base": BASE, "bind_dn": SERVICE_DN,
                "bind_password_file": str(site.samba.password_file()), "ca_file": str(site.authority.ca_file),
                "cache_time": 0.2, "negative_cache_time": 0.1,
            },
            "authentication": {"failure_delay": 0.0, "failures_per_network": 1_000_000},
            "limits": {"failure_floor": 0.01, "remembered_logon_time": 0.1, "back_end_connect_time": 0.5},
            "virtual_site": [{"name": "mail", "public_name": _NAME, "virtual_directory": [{
                "path": "/owa", "application": "owa", "authentication": "forms", "require_tls": "no",
            }]}],
        }  # fmt: skip
        listeners = {"http": {"protocol": "http", "allow_plaintext": True}}
        self.front = ExFront(temporary_folder("front"), settings, listeners)
        self.addCleanup(self.front.daemon.kill)
        self.front.start()

    def ask(self, method: str, path: str, body: str = "", **fields: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(*self.front.at("http"), timeout=30)
        connection.request(method, path, body or None, {"Host": _NAME, **fields})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def log_on(self, account: Account, password: bytes) -> http.client.HTTPResponse:
        form = urlencode({"username": account.name, "password": password, "trusted": "4", "destination": "/owa/"})
        return self.ask("POST", "/owa/auth.owa", form, **{"Content-Type": "application/x-www-form-urlencoded"})

    def reasons(self) -> list[str]:
        return [line["x-reason"] for line in self.front.access_lines()]

    def test_wrong_forms_lock_no_account(self) -> None:
        """S-AUTH-7: as many as may be, and from then on the same answer without a bind."""
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: self.log_on(GUESSED_BY_FORM, b"guess-%d" % n), range(_GUESSES)))
        locations = {answer.headers["Location"].rpartition("&")[2] for answer in answers}
        self.assertEqual(locations, {"reason=2"})
        self.assertLessEqual(self.site.number(GUESSED_BY_FORM.dn, "badPwdCount"), LOCKOUT_THRESHOLD - 2)
        self.assertEqual(self.site.number(GUESSED_BY_FORM.dn, "lockoutTime"), 0)

    def test_a_password_that_was_set_anew_ends_the_log_on(self) -> None:
        """S-HTTP-37: by pwdLastSet, within the life of a directory entry; with the new one there is a new log-on."""
        cookie = {"Cookie": self.log_on(BY_FORM, BY_FORM.secret).headers["Set-Cookie"].partition(";")[0]}
        self.assertNotEqual(self.ask("GET", "/owa/", **cookie).status, 302)
        self.site.change(BY_FORM.dn, "unicodePwd", '"Another-pass.3"'.encode("utf-16-le"))
        wait_until(lambda: self.ask("GET", "/owa/", **cookie).status == 302, "the end of the log-on")
        self.assertEqual(self.ask("POST", "/owa/", **cookie).status, 440)
        wait_until(lambda: "XF-FORM-REVOKED" in self.reasons(), "its line in the access log")
        again = self.log_on(BY_FORM, b"Another-pass.3")
        cookie = {"Cookie": again.headers["Set-Cookie"].partition(";")[0]}
        self.assertNotEqual(self.ask("GET", "/owa/", **cookie).status, 302)
