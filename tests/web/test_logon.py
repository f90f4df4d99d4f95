"""Logging on by form: the way to the page, what is sent, and where it leads."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlencode, urlsplit

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront import reasons
from exfront.config.presets import with_preset
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.names import ANY_NAME
from exfront.web.destinations import destination
from exfront.web.virtual_sites import _site as virtual_site
from tests.support.guarded_steps import put_guard
from tests.web.conversation import ALICE, SITE, Conversation, read, request
from tests.web.logging_on import BROWSER, DIRECTORIES, FORM, FORMS_SITE, Browser

_CREDENTIALS = b"Authorization: Basic " + base64.b64encode(b"alice:secret-alice") + b"\r\n"
_HOST = "http://mail.fourthcoffee.com"


class WayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.browser = Browser()

    def test_reading_without_a_cookie_leads_to_the_page(self) -> None:
        """S-HTTP-35: 302 for GET and HEAD, with what was asked for; as 2007 and 2003 wrote it."""
        for line, location in (
            (b"GET /owa/", f"{_HOST}/owa/auth/logon.aspx?url=http%3a%2f%2fmail.fourthcoffee.com%2fowa%2f&reason=0"),
            (b"HEAD /owa/?ae=Item&id=%2b1", f"{_HOST}/owa/auth/logon.aspx?url=http%3a%2f%2fmail.fourthcoffee.com%2fowa"
             "%2f%3fae%3dItem%26id%3d%252b1&reason=0"),
            (b"GET /exchange/alice", f"{_HOST}/exchweb/bin/auth/owalogon.asp?url={_HOST}/exchange/alice&reason=0"
             "&replaceCurrent=1"),
        ):  # fmt: skip
            answer = self.browser.get(line)
            self.assertEqual((answer.status, answer.headers[b"location"].decode()), (302, location))
        self.assertEqual(self.browser.talk.world.directory.asked, [])
        self.assertIs(self.browser.talk.records[0].reason, reasons.FORM_NEEDED)

    def test_other_methods_are_440(self) -> None:
        """S-HTTP-35: in Exchange's own words, and no Basic is offered."""
        for line in (b"POST /owa/ev.owa", b"PROPFIND /exchange/alice/", b"SEARCH /exchange/"):
            octets = self.browser.talk.send(request(line, BROWSER, b"Content-Length: 0\r\n"))
            self.assertTrue(octets.startswith(b"HTTP/1.1 440 Login Timeout\r\n"), octets)
            self.assertNotIn(b"www-authenticate", read(octets).headers)

    def test_deep_links_survive(self) -> None:
        """S-HTTP-39: from the first request, through page and form, to where it led."""
        for wire in (b"/owa/?ae=Item&a=Open&id=RgAAAA%2bx%3d", b"/exchange/alice/Inbox/Re%3A%20a%26b+c.EML?cmd=open",
                     b"/owa/alice@fourthcoffee.com/?x=1&y=%22"):  # fmt: skip
            self.browser = Browser()
            location = self.browser.get(b"GET " + wire).headers[b"location"].decode()
            shown = self.browser.get(b"GET " + location.removeprefix(_HOST).encode())
            hidden = shown.body.partition(b'name="destination" value="')[2].partition(b'"')[0].decode()
            told = hidden.replace("&amp;", "&").replace("&quot;", '"')
            self.assertEqual(told, wire.decode())
            self.assertEqual(self.browser.post(destination=told).headers[b"location"], wire)

    def test_programs_get_basic_on_the_same_site(self) -> None:
        """By path, by User-Agent, and by the credentials that they bring."""
        talk = self.browser.talk
        for line, agent in (
            (b"GET /EWS/Exchange.asmx", BROWSER),
            (b"PROPFIND /exchange/", b"User-Agent: Microsoft-WebDAV-MiniRedir/10.0.19043\r\n"),
            (b"GET /exchange/", b"User-Agent: Mozilla/4.0 (compatible; ms-office; MSOffice 16)\r\n"),
        ):
            answer = talk.ask(line, agent)
            self.assertEqual(answer.status, 401, line)
            self.assertIn(b"Basic", answer.headers[b"www-authenticate"])
        talk.send(request(b"PROPFIND /exchange/", BROWSER, ALICE))
        self.assertIn(_CREDENTIALS, talk.back_end().take())

    def test_forms_alone_take_no_basic(self) -> None:
        for fields in ((ALICE,), (b"User-Agent: davfs2/1.7\r\n",)):
            self.assertEqual(self.browser.talk.ask(b"GET /only/", *fields).status, 302)
        self.assertEqual(self.browser.talk.world.passwords.checked, [])

    def test_no_form_without_tls(self) -> None:
        """S-AUTH-12: 403, for what is asked for, for the page, and for what it sends."""
        browser = Browser(allow_plaintext=False)
        for line in (b"GET /owa/", b"GET /owa/auth/logon.aspx", b"POST /owa/auth.owa"):
            answer = browser.get(line, b"Content-Length: 0\r\n")
            self.assertEqual((answer.status, b"XF-TLS-REQUIRED" in answer.body), (403, True), line)

    def test_the_root_of_the_site(self) -> None:
        """S-HTTP-22: it leads to the mail; without forms there is nothing."""
        self.assertEqual(self.browser.get(b"GET /").headers[b"location"], b"/owa/")
        self.assertEqual(Conversation(sites=(SITE,)).ask(b"GET /").status, 404)

    def test_where_there_are_no_forms_there_are_no_pages(self) -> None:
        for line in (b"GET /owa/auth/logon.aspx", b"POST /owa/auth.owa", b"GET /owa/logoff.owa"):
            self.assertEqual(Conversation(sites=(SITE,)).ask(line, b"Content-Length: 0\r\n").status, 401)

    def test_a_log_off_by_query_is_one_where_forms_are(self) -> None:
        """S-HTTP-22: of a path that nobody publishes, or that has no forms, it makes no page."""
        for line, status in ((b"GET /none/?Cmd=logoff", 404), (b"GET /EWS/?Cmd=logoff", 401),
                             (b"GET /exchange/?Cmd=logoff", 200)):  # fmt: skip
            self.assertEqual(self.browser.get(line).status, status)

    def test_the_preset(self) -> None:
        """One setting of the site: browsers' directories, and no other."""
        site = with_preset(VirtualSiteSection("a", "a.b", preset="exchange", publish=("ecp", "powershell"), forms=True))
        by_form = {each.path for each in site.virtual_directory if "forms" in each.authentication}
        self.assertEqual(by_form, {"/exchange", "/exchweb", "/public", "/owa", "/ecp", "/owaredirect"})


class PageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.browser = Browser()

    def test_it_is_safe_to_show(self) -> None:
        """S-HTTP-39: not kept, not framed, nothing loaded, nothing run."""
        for line in (b"GET /owa/auth/logon.aspx?url=/owa/&reason=0", b"GET /exchweb/bin/auth/owalogon.asp",
                     b"GET /owa/auth/logoff.aspx"):  # fmt: skip
            answer = self.browser.get(line)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers[b"cache-control"], b"no-store")
            self.assertEqual(answer.headers[b"x-frame-options"], b"SAMEORIGIN")
            self.assertEqual(answer.headers[b"x-content-type-options"], b"nosniff")
            self.assertIn(b"default-src 'none'; style-src 'sha256-", answer.headers[b"content-security-policy"])
            self.assertNotIn(b"<script", answer.body.lower())

    def test_nothing_of_a_request_is_shown_as_it_came(self) -> None:
        """S-HTTP-39: escaped, or not shown at all."""
        evil = b"/owa/%22%3E%3Cscript%3Ealert(1)%3C/script%3E'%3Cb%3E"
        for where in (b"url=", b"reason=", b"x="):
            body = self.browser.get(b"GET /owa/auth/logon.aspx?" + where + evil + b"&reason=" + evil).body
            for piece in (b"<script", b'""', b"<b>", b"alert(1)<"):
                self.assertNotIn(piece, body, where)

    def test_it_says_why_it_is_shown(self) -> None:
        """With the Reason's code and the id of the session, for who asks for help."""
        for number, text in ((0, ""), (1, "You are logged off"), (2, "Make sure your domain\\user name"),
                             (3, "timed out")):  # fmt: skip
            body = self.browser.get(b"GET /owa/auth/logon.aspx?reason=%d" % number).body.decode()
            self.assertIn(text, body)
            self.assertEqual("XF-AUTH-FAIL" in body, number == 2)
            self.assertIn(self.browser.talk.session.id, body)
        self.assertIn('<p role="alert"></p>', self.browser.get(b"GET /owa/auth/logon.aspx?reason=77").body.decode())

    def test_it_speaks_the_readers_language(self) -> None:
        """By Accept-Language, the best first; English for all others."""
        for accepts, language, text in (
            (b"", b"en", "Log on"), (b"Accept-Language: de-AT,de;q=0.9,en;q=0.5\r\n", b"de", "Anmelden"),
            (b"Accept-Language: sv, fr-CH;q=0.8, en;q=0.7\r\n", b"fr", "Mot de passe"),
            (b"Accept-Language: en;q=0.2, de;q=0.3\r\n", b"de", "Kennwort"),
            (b"Accept-Language: de;q=0, *;q=1\r\n", b"en", "Password"),
            (b"Accept-Language: ,;=\x80\r\n", b"en", "Log on"),
        ):  # fmt: skip
            for path in (b"/owa/auth/logon.aspx", b"/owa/nothing"):
                answer = self.browser.get(b"GET " + path, accepts)
                if answer.status == 200:
                    self.assertIn(b'<html lang="' + language + b'">', answer.body)
                    self.assertIn(text, answer.body.decode())
        german = b"Accept-Language: de\r\n"
        self.assertIn("Diese Seite gibt es nicht.", self.browser.get(b"GET /none", german).body.decode())

    def test_it_posts_to_the_page_of_its_own_kind(self) -> None:
        for page, action in ((b"/owa/auth/logon.aspx", b"/owa/auth.owa"),
                             (b"/exchweb/bin/auth/owalogon.asp", b"/exchweb/bin/auth/owaauth.dll")):  # fmt: skip
            self.assertIn(b'method="post" action="' + action + b'"', self.browser.get(b"GET " + page).body)

    def test_it_can_be_used_by_everybody(self) -> None:
        """Each field has its label, the alert says that it is one, and the text reflows."""
        body = self.browser.get(b"GET /owa/auth/logon.aspx").body.decode()
        for piece in ('<label for="username">', 'id="username"', '<label for="password">', 'id="password"', "<legend>",
                      'role="alert"', 'name="viewport"', 'autocomplete="current-password"', "<main>"):  # fmt: skip
            self.assertIn(piece, body)

    def test_a_webdav_client_does_not_get_it_for_a_document(self) -> None:
        self.assertEqual(self.browser.get(b"GET /exchweb/bin/auth/owalogon.asp", b"Translate: F\r\n").status, 403)


class PostTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.browser = Browser()

    def test_every_address_takes_it_and_the_mail_follows(self) -> None:
        """The three addresses of 2003, 2007 and 2010; the back end gets the password, and not the cookie."""
        for path in (b"/owa/auth.owa", b"/owa/auth/owaauth.dll", b"/exchweb/bin/auth/owaauth.dll", b"/OWA/Auth.OWA"):
            browser = Browser()
            answer = browser.post(path=path, forcedownlevel="0", isUtf8="1", SubmitCreds="Log On")
            self.assertEqual((answer.status, answer.headers[b"location"]), (302, b"/owa/"))
            head = browser.sent(b"GET /exchange/alice/")
            self.assertIn(_CREDENTIALS, head)
            self.assertNotIn(b"X-ExFront-Logon", head)
            self.assertIn(b"Cookie: a=b\r\n", head)
            self.assertEqual(browser.gets().status, 200)
            record = browser.talk.records[-1]
            self.assertEqual((record.user, record.scheme_used, record.back_end), ("alice", "forms", "chicago"))

    def test_scripts_send_it_without_the_page(self) -> None:
        """S-HTTP-38: neither Origin, nor Referer, nor a cookie before."""
        answer = self.browser.post(name="bob", destination="https://mail.fourthcoffee.com/exchange/")
        self.assertEqual((answer.status, answer.headers[b"location"]), (302, b"/exchange/"))

    def test_its_cookies(self) -> None:
        """S-HTTP-36: for this session of the browser, this host, no script; Secure over TLS."""
        for secure in (False, True):
            browser = Browser(secure=secure)
            octets = browser.talk.send(_form())
            lines = [line for line in octets.split(b"\r\n") if line.startswith(b"Set-Cookie: ")]
            self.assertEqual([line.partition(b"=")[0] for line in lines],
                             [b"Set-Cookie: X-ExFront-Logon", b"Set-Cookie: cadata"])  # fmt: skip
            for line in lines:
                attributes = line.split(b"; ")[1:]
                wanted = [b"Path=/", *([b"Secure"] if secure else []), b"HttpOnly", b"SameSite=Lax"]
                self.assertEqual(attributes, wanted)
                self.assertLessEqual(len(line) - len(b"Set-Cookie: "), 4096)

    def test_the_longest_name_and_password_fit_into_a_cookie(self) -> None:
        """S-HTTP-36: at most 4096 octets."""
        name, password = "a" * 256, "p" * 1024
        entry = evolve(self.browser.talk.world.directory.entries[0], account_name=name, upn="", alias="", addresses=())
        self.browser.talk.world.directory.entries.append(entry)
        self.browser.talk.world.passwords.passwords[name] = password.encode()
        octets = self.browser.talk.send(_form(username=name, password=password))
        self.assertIn(b"302 Found", octets)
        self.assertLess(max(map(len, octets.split(b"\r\n"))), 4096)

    def test_a_new_session_at_every_log_on(self) -> None:
        """S-HTTP-38: what the browser brought is over, and not taken up."""
        first = self.browser.log_on().cookie
        second = self.browser.log_on().cookie
        self.assertNotEqual(first, second)
        self.browser.cookie = first
        self.assertEqual(self.browser.get().status, 302)
        self.assertIs(self.browser.talk.records[-1].reason, reasons.FORM_REVOKED)

    def test_wrong_credentials_lead_back_to_the_page(self) -> None:
        """S-AUTH-6, S-AUTH-1: all alike, and not before the floor; no cookie."""
        locations = set()
        for name, password in (("alice", "wrong"), ("nobody", "x"), ("alice", ""), ("", "x"), ("a\r\nb", "x")):
            self.assertEqual(self.browser.talk.send(_form(username=name, password=password)), b"", "before the floor")
            answer = read(self.browser.talk.wait(0.61, 0.61))
            locations.add((answer.status, answer.headers[b"location"]))
            self.assertNotIn(b"set-cookie", answer.headers)
        ((status, location),) = locations
        self.assertEqual((status, parse_qs(urlsplit(location.decode()).query)["reason"]), (302, ["2"]))
        self.assertEqual(self.browser.talk.world.passwords.checked, ["alice"])

    def test_what_else_may_be_wrong_is_said_on_the_page(self) -> None:
        """S-AUTH-16, S-DIR-3: expired, directory down: with code, status, and how long to wait."""
        for reason, status, text in (
            (reasons.PASSWORD_EXPIRED, 403, "has expired"), (reasons.DIRECTORY_DOWN, 503, "not currently available"),
            (reasons.TOO_MANY_LOGON_FAILURES, 429, "too many failed log-ons"),
        ):  # fmt: skip
            browser = Browser()
            browser.talk.world.directory.fault = reasons.Refused(reason)
            answer = browser.post(destination="/owa/?a=1&b=2")
            self.assertEqual((answer.status, reason.public_code in answer.body.decode()), (status, True))
            self.assertIn(text, answer.body.decode())
            self.assertIn(b'value="/owa/?a=1&amp;b=2"', answer.body)
            self.assertEqual(b"retry-after" in answer.headers, reason.retry_after is not None)

    def test_another_sites_page_cannot_send_it(self) -> None:
        """S-HTTP-38: 403, and no password is tried."""
        for field in (b"Origin: https://evil.example", b"Origin: null", b"Origin: http://mail.fourthcoffee.com.evil.example",
                      b"Origin: http://mail.fourthcoffee.com\r\nOrigin: null", b"Origin: ",
                      b"Origin: http://mail.fourthcoffee.com:81", b"Origin: https://mail.fourthcoffee.com",
                      b"Referer: http://evil.example/?http://mail.fourthcoffee.com/",
                      b"Referer: http://mail.fourthcoffee.com@evil.example/", b"Referer: about:blank",
                      b"Sec-Fetch-Site: cross-site",
                      b"Sec-Fetch-Site: cross-site\r\nOrigin: http://mail.fourthcoffee.com"):  # fmt: skip
            answer = read(self.browser.talk.send(_form(b"" + field + b"\r\n")))
            self.assertEqual((answer.status, b"XF-FORM-FOREIGN" in answer.body), (403, True), field)
        self.assertEqual((self.browser.talk.world.passwords.checked, self.browser.cookie), ([], b""))

    def test_its_own_page_can(self) -> None:
        """S-HTTP-38: by the public name, and by another one of the site."""
        for field, host in (
            (b"Origin: http://mail.fourthcoffee.com", b"mail.fourthcoffee.com"),
            (b"Origin: HTTP://Mail.FourthCoffee.com\r\nSec-Fetch-Site: same-origin", b"mail.fourthcoffee.com"),
            (b"Origin: http://webmail.fourthcoffee.com", b"webmail.fourthcoffee.com"),
            (b"Referer: http://mail.fourthcoffee.com/owa/auth/logon.aspx?url=x", b"mail.fourthcoffee.com"),
        ):
            self.assertEqual(read(self.browser.talk.send(_form(field + b"\r\n", host=host))).status, 302, field)

    def test_a_body_that_is_no_form(self) -> None:
        """Refused before any password is tried; the connection is not left in doubt."""
        for body, more, status in (
            (b"username=alice&password=secret-alice&username=bob", FORM, 400), (b"username=%zz", FORM, 400),
            (b"a=" + b"x" * 17_000, FORM, 413), (b"\xff\xfe=1", FORM, 400), (b"a&" * 40, FORM, 400),
            (b"username=alice&password=secret-alice", b"Content-Type: text/plain\r\n", 400),
            (b"username=alice&password=secret-alice", b"", 400),
        ):  # fmt: skip
            browser = Browser()
            length = b"Content-Length: %d\r\n" % len(body)
            octets = browser.talk.send(request(b"POST /owa/auth.owa", more, length, body=body))
            self.assertEqual(read(octets).status, status, body[:40])
            self.assertEqual(browser.talk.world.passwords.checked, [])

    def test_a_body_without_end_is_cut(self) -> None:
        """S-HTTP-25: chunks are counted too."""
        head = request(b"POST /owa/auth.owa", FORM, b"Transfer-Encoding: chunked\r\n")
        answer = self.browser.talk.send(head + b"1000\r\n" + b"a" * 4096 + b"\r\n")
        self.assertEqual(answer, b"")
        answer = self.browser.talk.send((b"1000\r\n" + b"a" * 4096 + b"\r\n") * 4)
        self.assertEqual(read(answer).status, 413)

    def test_a_form_in_pieces_and_a_client_that_goes(self) -> None:
        octets = _form()
        for place in range(0, len(octets), 7):
            answer = self.browser.talk.send(octets[place : place + 7])
        self.assertEqual(read(answer).status, 302)
        self.browser.talk.send(octets[:-5])
        self.browser.talk.client.peer_closes()
        self.assertIs(self.browser.talk.records[-1].reason, reasons.CLIENT_GONE)

    def test_who_waits_for_a_100_gets_it(self) -> None:
        """S-HTTP-15: but not a page of another site."""
        head, _, body = _form(b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
        self.assertEqual(self.browser.talk.send(head + b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(read(self.browser.talk.send(body)).status, 302)
        head = _form(b"Expect: 100-continue\r\n", b"Origin: null\r\n").partition(b"\r\n\r\n")[0]
        self.assertEqual(read(self.browser.talk.send(head + b"\r\n\r\n")).status, 403)

    def test_ten_thousand_wrong_forms(self) -> None:
        """S-AUTH-7: the guard holds, whatever they are sent to: the directory hears of a handful."""
        put_guard(self.browser.talk.world, lockout_threshold=5, failures_per_network=1_000_000, failure_delay=0.0)
        statuses = set()
        for number in range(10_000):
            path = (b"/owa/auth.owa", b"/exchweb/bin/auth/owaauth.dll")[number % 2]
            octets = self.browser.talk.send(_form(path=path, password=f"wrong-{number}"))
            self.browser.talk.clock.advance(0.7)
            statuses.add(read(octets or self.browser.talk.client.take()).status)
            if number % 1000 == 0:
                self.browser.talk = Conversation(sites=(FORMS_SITE,), world=self.browser.talk.world)
        self.assertEqual(statuses, {302})
        windows = 10_000 * 0.7 / 1800
        self.assertLessEqual(len(self.browser.talk.world.passwords.checked), 3 * (windows + 1))

    def test_no_secret_in_records_or_reprs(self) -> None:
        """S-AUTH-11: neither the password nor the cookie."""
        self.browser.log_on().sent()
        talk = self.browser.talk
        text = repr(talk.records) + repr(talk.protocol) + repr(talk.world.forms) + repr(talk.protocol._context.route)
        keys = [str(key.octets) for key in talk.world.forms.keys.all()]
        for secret in ("secret-alice", self.browser.cookie.decode(), *keys):
            self.assertNotIn(secret, text)


EVIL = (
    b"//evil.example/", b"/\\evil.example/", b"\\\\evil.example", b"https://evil.example/owa/", b"https:evil.example",
    b"https:/evil.example", b"HTTPS://mail.fourthcoffee.com@evil.example/owa/", b"https://evil.example@/owa/",
    b"https://mail.fourthcoffee.com.evil.example/owa/", b"/%0d%0aX: y", b"/owa/\r\nSet-Cookie: a=b", b"/owa/%0d%0aX:y",
    b"/%2f%2fevil.example/", b"/%5cevil.example", b"/owa/%5c..%5cx", b"/owa/../../evil", b"/owa/%2e%2e/%2e%2e/x",
    b"javascript:alert(1)", b"data:text/html,x", b"///evil.example", b"/ /evil.example", b"http:///owa/", b"owa/",
    b"", b"/none/", b"/owa/" + b"a" * 2050, b"/owa/\xc3\xa9", b"https://mail.fourthcoffee.com//evil.example/",
    b"https://mail.fourthcoffee.com\\@evil.example/owa/", b"http://mail.fourthcoffee.com:80@evil/", b"/owa/logoff.owa",
    b"/owa/auth/logon.aspx?url=/owa/", b"/exchange/?Cmd=logoff", b"?/owa/", b"#/owa/", b"\t/owa/", b"/owa/%00",
)  # fmt: skip
"""Where a log-on must not lead."""


class DestinationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = virtual_site(FORMS_SITE, ANY_NAME)

    def test_evil_ones_lead_home(self) -> None:
        """S-HTTP-39; CVE-2005-0420.

        Bad input: a destination that leads elsewhere
        """
        for evil in EVIL:
            self.assertEqual(destination(self.site, evil), b"/owa/", evil)
        browser = Browser()
        for evil in EVIL:
            answer = browser.post(destination=evil.decode("latin-1"))
            self.assertEqual((answer.status, answer.headers[b"location"]), (302, b"/owa/"), evil)

    def test_good_ones_stay(self) -> None:
        """S-HTTP-39: paths of this site, and its own URL in any of its names."""
        for good, path in (
            (b"/owa/", b"/owa/"), (b"/OWA", b"/OWA"), (b"/exchange/alice/Inbox/a%20b%25.EML?Cmd=open&x=@y/z",) * 2,
            (b"https://mail.fourthcoffee.com/exchange/", b"/exchange/"), (b"/owa/?u=https://a@b/", b"/owa/?u=https://a@b/"),
            (b"HTTP://WebMail.FourthCoffee.com:8443/owa/?a#b", b"/owa/?a"), (b"/owa/bob@fourthcoffee.com/",) * 2,
        ):  # fmt: skip
            self.assertEqual(destination(self.site, good), path)

    @given(st.one_of(st.binary(max_size=60), st.text("/\\:@%.#?ehtpsowa2f5c0d", max_size=40).map(str.encode)))
    def test_whatever_is_asked_for_it_is_a_path_of_this_site(self, asked: bytes) -> None:
        """S-HTTP-39: one slash, then neither slash nor backslash, in a directory that there is."""
        found = destination(self.site, asked)
        self.assertRegex(found, rb"\A/(?![/\\])[!-~]*\Z")
        directory = self.site.directory(tuple(found.partition(b"?")[0][1:].split(b"/")))
        self.assertIsNotNone(directory)

    def test_without_owa_home_is_elsewhere(self) -> None:
        site = evolve(SITE, virtual_directory=(DIRECTORIES[0], VirtualDirectorySection("/owa", "owa")))
        self.assertEqual(Browser(site).post(destination="//evil").headers[b"location"], b"/exchange/")


def _form(
    *fields: bytes, path: bytes = b"/owa/auth.owa", host: bytes = b"mail.fourthcoffee.com", username: str = "alice",
    password: str = "secret-alice",
) -> bytes:  # fmt: skip
    body = urlencode({"destination": "/owa/", "username": username, "password": password, "trusted": "0"}).encode()
    length = b"Content-Length: %d\r\n" % len(body)
    return request(b"POST " + path, FORM, length, *fields, body=body, host=host)
