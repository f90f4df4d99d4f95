"""What a log-on cookie is good for, how long, and what ends it."""

from __future__ import annotations

import base64

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits, reasons
from exfront.auth.forms import FormLogOns
from exfront.config.forms import FormsSection
from exfront.config.virtual_site import VirtualDirectorySection
from exfront.wire.sealed_cookie import new_key, seal
from tests.support.directory import mailbox
from tests.web.conversation import BOB, OK, request
from tests.web.logging_on import BOTH, BROWSER, COOKIE, DIRECTORIES, FORMS_SITE, Browser

_NO = b"HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
_HTML = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: private, max-age=600\r\n"
    b"Expires: Thu, 01 Jan 2037 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok"
)
_FILETIME = 10_000_000
_EPOCH = 11_644_473_600
_NOW = 1_000_000  # of the small world's wall clock, at its start


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.browser = Browser().log_on()
        self.talk = self.browser.talk

    def wait(self, seconds: float) -> None:
        """Without keeping the connection: it would be idle for too long."""
        self.browser.talk.end()
        self.browser.talk.clock.advance(seconds)
        self.browser = self.browser.again()
        self.talk = self.browser.talk

    def works(self, line: bytes = b"GET /owa/", *fields: bytes) -> bool:
        """Whether it reaches the back end as alice, who answers."""
        sent = self.browser.sent(line, *fields)
        if not sent:
            self.browser.took(self.talk.client.take() or b"HTTP/1.1 302 Found\r\n\r\n")
            return False
        assert base64.b64encode(b"alice:secret-alice") in sent
        number = len(self.talk.world.dialer.dialled) - 1
        self.browser.gets(number=number)
        return True

    def why(self) -> reasons.Reason | None:
        """The last request's."""
        return self.talk.records[-1].reason


class HostileCookieTests(Case):
    def refused(self, cookie: bytes, reason: reasons.Reason) -> None:
        for line, status in ((b"GET /owa/", 302), (b"POST /owa/ev.owa", 440), (b"PROPFIND /exchange/", 440)):
            field = b"Cookie: x=y; " + COOKIE + b"=" + cookie + b"; z\r\n"
            octets = self.talk.send(request(line, BROWSER, field, b"Content-Length: 0\r\n"))
            self.assertTrue(octets.startswith(b"HTTP/1.1 %d " % status), (cookie[:80], octets[:80]))
            self.assertIs(self.why(), reason, cookie[:80])
            self.assertIn(b"Set-Cookie: X-ExFront-Logon=; Path=/; Expires=", octets)
        self.assertEqual((len(self.talk.world.dialer.dialled), len(self.talk.world.directory.asked)), (0, 1))

    def test_forged_truncated_foreign_and_long_ones(self) -> None:
        """S-HTTP-35: no cookie at all.

        Bad input: a forged log-on cookie
        """
        good = self.browser.cookie
        foreign = seal(new_key(), COOKIE + b" mail.fourthcoffee.com", b"x" * 80, b"8 octets")
        flipped = [
            good[:at] + (b"A" if good[at : at + 1] != b"A" else b"B") + good[at + 1 :] for at in range(len(good))
        ]
        for cookie in (
            *flipped, good[:-1], good[:40], good[1:], good + b"A", good + good, b"x", b"x" * 8192, foreign,
            b'"' + good + b'"', b"%00", b"\xff\xfe", b"AgAAAAAAAAAA", b"AQ" + good[2:],
        ):  # fmt: skip
            self.refused(cookie, reasons.FORM_COOKIE)

    def test_one_of_another_site(self) -> None:
        """S-HTTP-35: sealed for one site, it opens at no other, though the keys are the same."""
        other = Browser(evolve(FORMS_SITE, public_name="other.fourthcoffee.com"))
        other.talk.world.forms = self.talk.world.forms
        other = Browser(evolve(FORMS_SITE, public_name="other.fourthcoffee.com"), world=self.talk.world)
        other.cookie = self.browser.cookie
        self.assertEqual(other.get().status, 302)
        self.assertIs(other.talk.records[-1].reason, reasons.FORM_COOKIE)

    def test_what_says_something_else_under_the_right_key(self) -> None:
        """S-HTTP-35: octets that no log-on has."""
        key = self.talk.world.forms.keys.current()
        for content in (b"", b"x" * 10, b"\xff" * 100, b"\0" * 49 + b"\0\1"):
            self.refused(seal(key.octets, COOKIE + b" mail.fourthcoffee.com", content, key.id), reasons.FORM_COOKIE)

    def test_an_empty_one_is_none(self) -> None:
        self.assertEqual(self.talk.ask(b"GET /owa/", BROWSER, b"Cookie: X-ExFront-Logon=\r\n").status, 302)
        self.assertIs(self.why(), reasons.FORM_NEEDED)

    def test_after_a_restart_without_keys(self) -> None:
        """S-HTTP-35: the keys are gone, and so are the log-ons."""
        self.talk.world.forms = FormLogOns(FormsSection(), self.talk.world.forms.wall)
        self.browser = self.browser.again()
        self.talk = self.browser.talk
        self.refused(self.browser.cookie, reasons.FORM_COOKIE)


class TimeTests(Case):
    def test_a_public_computer(self) -> None:
        """S-HTTP-36: 15 minutes without use, then the page says why."""
        self.wait(14 * 60)
        self.assertTrue(self.works())
        self.wait(14 * 60)
        self.assertTrue(self.works(), "use has been noted")
        self.wait(15 * 60)
        location = self.browser.get().headers[b"location"]
        self.assertTrue(location.endswith(b"&reason=3"), location)
        self.assertIs(self.why(), reasons.FORM_TIMED_OUT)

    def test_a_private_computer(self) -> None:
        """S-HTTP-36: 8 hours, from the page of 2003 24; `trusted`, or the bit in `flags`."""
        for path, more, hours in (
            (b"/owa/auth.owa", {"trusted": "4"}, 8), (b"/exchweb/bin/auth/owaauth.dll", {"trusted": "4"}, 24),
            (b"/owa/auth.owa", {"trusted": "", "flags": "5"}, 8), (b"/owa/auth.owa", {"flags": "1"}, 0.25),
            (b"/owa/auth.owa", {"trusted": "nonsense"}, 0.25), (b"/owa/auth.owa", {"trusted": "9" * 99}, 0.25),
        ):  # fmt: skip
            for seconds, works in ((-90, True), (1, False)):
                self.browser = Browser().log_on(path=path, **more)
                self.talk = self.browser.talk
                self.wait(hours * 3600 + seconds)
                self.assertEqual(self.works(), works, (path, more, seconds))

    def test_the_absolute_end(self) -> None:
        """S-HTTP-36: a day, however busy; or the idle time, where that is longer."""
        for settings, hours in ((FormsSection(), 24), (FormsSection(public_time=48 * 3600.0), 48)):
            self.browser = Browser(forms=settings).log_on()
            self.talk = self.browser.talk
            for _ in range(hours * 6 - 1):
                self.wait(600)
                self.assertTrue(self.works())
            self.wait(600)
            self.assertFalse(self.works())
            self.assertIs(self.why(), reasons.FORM_TIMED_OUT)

    def test_what_the_page_asks_by_itself_is_no_use(self) -> None:
        """S-HTTP-36: answered, and does not make the log-on last."""
        for line, fields in (
            (b"GET /owa/ev.owa?oeh=1&ns=PendingRequest&ev=PendingNotificationRequest", ()),
            (b"POST /owa/ev.owa?UA=0&oeh=1&ns=Notify", (b"Content-Length: 0\r\n",)),
            (b"POLL /exchange/alice/Inbox/", ()), (b"GET /owa/keepalive.owa", ()),
        ):  # fmt: skip
            self.browser = Browser().log_on()
            self.talk = self.browser.talk
            before = self.browser.cookie
            for _ in range(14):
                self.wait(60)
                self.assertTrue(self.works(line, *fields), line)
            self.assertEqual(self.browser.cookie, before)
            self.wait(60)
            self.assertFalse(self.works(line, *fields), line)

    def test_a_poll_does_not_hide_the_users_own_request(self) -> None:
        """S-HTTP-36: though both have the same header fields."""
        before = self.browser.cookie
        self.wait(120)
        self.assertTrue(self.works(b"GET /owa/?UA=0"))
        self.assertEqual(self.browser.cookie, before)
        self.assertTrue(self.works(b"GET /owa/?x"))
        self.assertNotEqual(self.browser.cookie, before)

    def test_the_private_time_is_never_the_shorter_one(self) -> None:
        self.assertEqual(FormsSection(public_time=9000.0, private_time=60.0).idle_time(True, False), 9000.0)

    def test_a_cookie_of_the_future(self) -> None:
        """S-HTTP-35: the clock was set back by more than an hour: nobody knows how old it is."""
        self.talk.world.forms.wall = lambda: _NOW - 7200.0
        self.assertFalse(self.works())

    def test_keys_roll(self) -> None:
        """S-HTTP-35: a new one each hour; the old ones go when nothing sealed with them can be good."""
        self.browser = Browser(forms=FormsSection(private_time=3600.0, private_time_2003=3600.0)).log_on(trusted="4")
        self.talk = self.browser.talk
        forms = self.talk.world.forms
        first = forms.keys.current()
        for _ in range(10):
            self.wait(1800)
            self.assertTrue(self.works())
        self.assertIsNone(forms.keys.find(first.id))
        self.assertLessEqual(len(forms.keys), 4)


class EndTests(Case):
    def test_replayed_after_a_log_off(self) -> None:
        """S-HTTP-37: by each of its addresses; on this connection and on others; for the rest of its life."""
        for line in (b"GET /owa/logoff.owa", b"GET /owa/auth/logoff.aspx?Cmd=logoff&src=exch", b"GET /OWA/LogOff.owa",
                     b"GET /exchange/alice/?Cmd=logoff", b"POST /owa/%6cogoff.owa"):  # fmt: skip
            self.browser = Browser().log_on(trusted="4")
            self.talk = self.browser.talk
            stolen = self.browser.again()
            self.assertTrue(self.works())
            self.assertTrue(stolen.sent(), "it was good")
            answer = self.browser.get(line, b"Content-Length: 0\r\n")
            self.assertEqual((answer.status, b"You are logged off" in answer.body), (200, True), line)
            self.assertEqual(self.browser.cookie, b"")
            self.browser.cookie = stolen.cookie
            self.assertFalse(self.works())
            self.assertIs(self.why(), reasons.FORM_REVOKED)
            stolen.talk.answer(number=len(self.talk.world.dialer.dialled) - 1)
            for _ in range(2):
                self.assertEqual(stolen.sent(), b"", "on a connection where it was just used")
            self.wait(7 * 3600)
            self.browser.cookie = stolen.cookie
            self.assertFalse(self.works())

    def test_a_log_off_of_a_page_that_was_just_shown(self) -> None:
        """S-HTTP-37: same path, same fields, another query: never taken for the page before."""
        self.assertTrue(self.works(b"GET /exchange/alice/"))
        self.assertEqual(self.browser.get(b"GET /exchange/alice/?Cmd=LogOff").status, 200)

    def test_its_connections_to_back_ends_close(self) -> None:
        """S-HTTP-37, S-HTTP-33."""
        self.assertTrue(self.works())
        self.assertEqual(len(self.talk.pool), 1)
        self.browser.get(b"GET /owa/logoff.owa")
        self.assertEqual(len(self.talk.pool), 0)

    def test_another_sites_page_logs_nobody_off(self) -> None:
        answer = self.browser.get(b"GET /owa/logoff.owa", b"Sec-Fetch-Site: cross-site\r\n")
        self.assertEqual((answer.status, answer.headers[b"location"]), (302, b"/owa/"))
        self.assertTrue(self.works())

    def test_the_back_end_refuses_the_password(self) -> None:
        """S-HTTP-37: the log-on is over, here and elsewhere; the user is asked again, and no challenge passes."""
        stolen = self.browser.cookie
        self.browser.sent()
        answer = self.browser.gets(_NO)
        self.assertEqual((answer.status, answer.headers[b"location"].endswith(b"reason=0")), (302, True))
        self.assertNotIn(b"www-authenticate", answer.headers)
        record = self.talk.records[-1]
        self.assertIs(record.reason, reasons.BACK_END_AUTH_MISMATCH)
        self.assertEqual((record.front_end_status, record.back_end_status), ("302", "401"))
        self.browser.cookie = stolen
        self.assertFalse(self.works())
        self.assertIs(self.why(), reasons.FORM_REVOKED)

    def test_the_same_to_a_request_with_a_body(self) -> None:
        """S-HTTP-37: 440."""
        self.browser.sent(b"POST /owa/ev.owa", b"Content-Length: 3\r\n", body=b"abc")
        self.assertEqual(self.browser.gets(_NO).status, 440)
        self.assertEqual(self.browser.log_on().sent()[:4], b"GET ", "the connection lives on")

    def test_a_mailbox_that_has_moved(self) -> None:
        """S-ROUTE-10: looked for first; the log-on stays."""
        self.browser.sent(b"GET /exchange/")
        self.talk.world.directory.entries[0] = mailbox("alice", "dallas")
        self.assertEqual(self.talk.answer(_NO), b"")
        self.assertTrue(self.talk.back_end(1).take().startswith(b"GET /exchange/ "))
        self.assertEqual(self.browser.gets(number=1).status, 200)

    def changed(self, **entry: object) -> reasons.Reason | None:
        """What a cookie is worth a minute after alice's entry became another."""
        self.browser = Browser()
        self.talk = self.browser.talk
        entries = self.talk.world.directory.entries
        entries[0] = evolve(entries[0], password_set=(_NOW - 100 + _EPOCH) * _FILETIME)
        self.browser.log_on()
        self.assertTrue(self.works())
        entries[0] = evolve(entries[0], **entry)
        self.talk.world.directory.forget(mailbox("alice"))
        self.wait(61)
        return None if self.works() else self.why()

    def test_a_new_password(self) -> None:
        """S-HTTP-37: by pwdLastSet; one that was set before the log-on, and read late, ends nothing."""
        self.assertIs(self.changed(password_set=(_NOW + 30 + _EPOCH) * _FILETIME), reasons.FORM_REVOKED)
        self.assertIs(self.changed(password_set=0), reasons.FORM_REVOKED)
        self.assertIsNone(self.changed(password_set=(_NOW - 10 + _EPOCH) * _FILETIME))
        self.assertIsNone(self.changed(password_set=None))

    def test_an_account_that_is_no_more_what_it_was(self) -> None:
        """S-HTTP-37: disabled, expired, or another one under that name."""
        for entry in ({"disabled": True}, {"expires": _NOW + 1.0}, {"account_id": "id-other"}):
            self.assertIs(self.changed(**entry), reasons.FORM_REVOKED, entry)

    def test_the_directory_is_down(self) -> None:
        """S-DIR-3: that ends no log-on."""
        self.talk.world.directory.forget(mailbox("alice"))
        self.talk.world.directory.fault = reasons.Refused(reasons.DIRECTORY_DOWN)
        self.assertEqual(self.browser.get().status, 503)
        self.talk.world.directory.fault = None
        self.assertTrue(self.works())


class PasswordTests(SynchronousTestCase):
    def test_in_memory(self) -> None:
        """S-HTTP-35: by policy it is in no cookie; who comes after a restart logs on again."""
        browser = Browser(forms=FormsSection(password="memory")).log_on()
        opened = browser.talk.world.forms.open(browser.cookie, COOKIE + b" mail.fourthcoffee.com")
        self.assertIsNone(opened.secret)
        self.assertIn(base64.b64encode(b"alice:secret-alice"), browser.sent())
        browser.gets()
        browser.talk.world.forms._held.clear()
        other = browser.again()
        self.assertEqual(other.get().status, 302)
        self.assertIs(other.talk.records[-1].reason, reasons.FORM_NEEDED)

    def test_in_memory_it_is_bounded_and_ends_with_the_log_on(self) -> None:
        self.patch(limits, "LOGONS_HELD", 2)
        browser = Browser(forms=FormsSection(password="memory"))
        for _ in range(4):
            browser.log_on()
            browser.cookie = b""
        self.assertEqual(len(browser.talk.world.forms._held), 2)
        browser.log_on()
        browser.get(b"GET /owa/logoff.owa")
        self.assertEqual(len(browser.talk.world.forms._held), 1)

    def test_in_memory_it_is_forgotten_with_the_day(self) -> None:
        """S-HTTP-35: though nobody comes back with the cookie; and at once where somebody does too late."""
        browser = Browser(forms=FormsSection(password="memory")).log_on()
        held = browser.talk.world.forms._held
        first = next(iter(held))
        browser.talk.end()
        browser.talk.clock.advance(16 * 60)
        browser = browser.again()
        self.assertEqual((browser.get().status, list(held)), (302, []))
        browser.log_on()
        browser.talk.end()
        browser.talk.clock.advance(25 * 3600)
        browser = browser.again()
        browser.cookie = b""
        browser.log_on()
        self.assertEqual((len(held), first in held), (1, False))

    def test_nowhere_if_no_back_end_needs_it(self) -> None:
        """S-HTTP-35: a header tells who asks; and what the client says beside the cookie goes nowhere."""
        by_header = VirtualDirectorySection(
            "/owa", "owa", BOTH, require_tls="no", identity="header", header_servers=("chicago",)
        )
        browser = Browser(evolve(FORMS_SITE, virtual_directory=(by_header,)))
        browser.log_on()
        self.assertIsNone(browser.talk.world.forms.open(browser.cookie, COOKIE + b" mail.fourthcoffee.com").secret)
        head = browser.sent(b"GET /owa/", b"Authorization: Bearer x\r\n")
        self.assertIn(b"X-Forwarded-User: alice\r\n", head)
        self.assertNotIn(b"Authorization", head)

    def test_a_password_that_is_not_held_is_asked_for(self) -> None:
        """A cookie without one opens no directory that needs it."""
        by_header = VirtualDirectorySection(
            "/owa", "owa", BOTH, require_tls="no", identity="header", header_servers=("chicago",)
        )
        browser = Browser(evolve(FORMS_SITE, virtual_directory=(by_header,))).log_on()
        site = evolve(FORMS_SITE, virtual_directory=(by_header, DIRECTORIES[0]))
        other = Browser(site, world=browser.talk.world)
        other.cookie = browser.cookie
        self.assertTrue(other.sent())
        other.gets(number=0)
        self.assertEqual(other.get(b"GET /exchange/").status, 302)


class RelayTests(Case):
    def test_the_next_request_is_a_plain_call(self) -> None:
        """The same cookie on the same connection: nothing is opened, nobody is asked, no deferred is made."""
        self.assertTrue(self.works(b"GET /exchange/alice/"))
        route = self.talk.protocol._context.route
        asked = len(self.talk.world.directory.asked)
        for path in (b"a", b"b?x=1", b"%20c"):
            self.assertTrue(self.works(b"GET /exchange/alice/" + path))
            self.assertIs(self.talk.protocol._context.route, route)
        self.assertEqual(len(self.talk.world.directory.asked), asked)
        self.assertEqual({record.scheme_used for record in self.talk.records}, {"forms"})

    def test_pages_are_not_kept_by_the_browser(self) -> None:
        """S-HTTP-37: after a log-off the back button shows no mail; scripts and pictures may be kept."""
        self.browser.sent()
        answer = self.browser.gets(_HTML)
        self.assertEqual(answer.headers[b"cache-control"], b"no-store")
        self.assertNotIn(b"expires", answer.headers)
        self.browser.sent()
        script = _HTML.replace(b"text/html", b"text/javascript")
        self.assertEqual(self.browser.gets(script).headers[b"cache-control"], b"private, max-age=600")

    def test_a_back_end_cannot_set_the_cookie(self) -> None:
        """S-HTTP-36: in any case of letters."""
        self.browser.sent()
        answer = self.talk.answer(
            OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: x-exfront-logon=a\r\nSet-Cookie: b=c\r\n\r\n")
        )
        self.assertEqual(answer.count(b"Set-Cookie"), 1)

    def test_basic_beside_the_cookie_is_taken_at_its_word(self) -> None:
        """S-HTTP-33: who says so in every request is asked for nothing else."""
        self.browser.sent(b"GET /owa/", BOB)
        self.assertEqual(self.talk.world.dialer.dialled[0].relay.server.name, "dallas")

    def test_two_users_one_connection(self) -> None:
        """S-HTTP-33: each request is its own cookie's, on a connection to the back end of its own."""
        alice = self.browser.cookie
        self.browser.cookie = b""
        self.browser.log_on(name="bob")
        bob = self.browser.cookie
        for cookie, name in ((alice, b"alice"), (bob, b"bob"), (alice, b"alice")):
            self.browser.cookie = cookie
            sent = self.browser.sent()
            self.assertIn(base64.b64encode(name + b":secret-" + name), sent)
            self.browser.gets(number={b"alice": 0, b"bob": 1}[name])
