"""A folder of pages of one's own: what it must hold, and what is said where it does not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from exfront.config.files import check_files
from exfront.config.page_folder import BadPages, read_folder
from exfront.reasons import WRONG_PASSWORD
from exfront.web.pages import Pages, pages
from tests.support.configuration import SMALLEST, errors, read, related, warnings

OWN = Path(__file__).parents[2] / "exfront" / "web" / "pages"


class FolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        shutil.copytree(OWN, self.folder)

    def change(self, name: str, old: str, new: str) -> None:
        file = self.folder / name
        text = file.read_text("utf-8")
        self.assertIn(old, text)
        file.write_text(text.replace(old, new), "utf-8")

    def bad(self) -> str:
        """What is said of it."""
        with self.assertRaises(BadPages) as caught:
            read_folder(self.folder)
        return str(caught.exception)

    def test_a_copy_can_be_restyled(self) -> None:
        """Another heading, another style, another language: shown, and allowed by the policy."""
        self.change("logon.html", "<h1>$logon_title</h1>", "<h1>Fourth Coffee</h1><p>$$5</p>")
        self.change("style.css", "--main: #0b5a8f", "--main: #800000")
        shutil.copy(self.folder / "en.toml", self.folder / "pt-br.toml")
        self.change("pt-br.toml", 'log_on = "Log on"', 'log_on = "Entrar"')
        page = Pages(read_folder(self.folder)).logon("/owa/auth.owa", "/owa/", "", "id", b"pt-BR")
        for text in (b"Fourth Coffee", b"$5", b">Entrar<", b"--main: #800000"):
            self.assertIn(text, page.body)
        ours = pages().logon("/owa/auth.owa", "/owa/", "", "id", None)
        policies = [dict(each.headers)[b"Content-Security-Policy"] for each in (page, ours)]
        self.assertNotEqual(*policies)

    def test_the_style_of_all_pages_is_in_one_file(self) -> None:
        (self.folder / "style.css").unlink()
        self.assertRegex(self.bad(), r"\Astyle.css cannot be read: ")
        for name in ("error", "link", "logoff", "logon"):
            self.change(f"{name}.html", "$style", "")
        read_folder(self.folder)

    def test_texts_are_escaped(self) -> None:
        """S-HTTP-39: a catalogue is text and no HTML."""
        self.change("en.toml", 'log_on = "Log on"', 'log_on = "<b>&\\""')
        self.assertIn(b"&lt;b&gt;&amp;&quot;", Pages(read_folder(self.folder)).logon("/", "/", "", "id", None).body)

    def test_what_is_wrong_is_said_with_the_file(self) -> None:
        for name, old, new, said in (
            ("logon.html", "$destination", "", "logon.html lacks $destination"),
            ("logon.html", 'name="password"', 'name="pass"', 'logon.html lacks name="password"'),
            ("logon.html", 'method="post"', "", 'logon.html lacks method="post"'),
            ("logon.html", "$alert", "", "logon.html lacks $alert"),
            ("error.html", "$code", "$cod", "error.html has $cod, which nothing stands for"),
            ("error.html", "$code", "$ code", "error.html has a $ that begins no name; $$ is a dollar sign"),
            ("logoff.html", "$home", "/", "logoff.html lacks $home"),
            ("de.toml", "password = ", "passwort = ", "de.toml lacks the text password"),
            ("de.toml", 'log_on = "', 'extra = "x"\nlog_on = "', "de.toml has extra, which no page shows"),
            ("fr.toml", "timed_out", "timedout", "fr.toml lacks the text timed_out"),
            ("fr.toml", "[reasons]", "[reasons]\nXF-HOST = 3", "fr.toml: [reasons] holds something that is no text"),
        ):  # fmt: skip
            self.setUp()
            self.change(name, old, new)
            self.assertEqual(self.bad(), said)

    def test_files_that_are_missing_or_no_text(self) -> None:
        for name, content, said in (
            ("logon.html", None, "logon.html cannot be read: No such file or directory"),
            ("en.toml", None, "no en.toml, the language of who names no other"),
            ("logoff.html", b"\xff", "logoff.html is not UTF-8 text"),
            ("de.toml", b"= 1", "de.toml is not TOML: Invalid statement (at line 1, column 1)"),
            ("Deutsch.toml", b"", "Deutsch.toml is called like no language (en.toml, de.toml, pt-br.toml)"),
            ("error.html", b" " * 300_000, "error.html is over 256 KiB"),
        ):  # fmt: skip
            self.setUp()
            (self.folder / name).unlink(missing_ok=True)
            if content is not None:
                (self.folder / name).write_bytes(content)
            self.assertEqual(self.bad(), said)

    def test_the_start_says_so(self) -> None:
        """With line and key, as of every other file."""
        self.change("error.html", "$code", "")
        settings, findings = read(f'{SMALLEST}[http]\npages = "{self.folder}"\n')
        check_files(settings, findings)
        self.assertEqual(errors(findings), [f"9 http.pages: {self.folder}: error.html lacks $code"])

    def test_what_is_written_can_be_read_by_everybody(self) -> None:
        """WCAG 2.1, 1.4.3 and 1.4.11: text 4.5 to 1, borders and the button's ground 3 to 1; by day and by night."""
        style = (OWN / "style.css").read_text("utf-8")
        day, night = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in style.split("@media")[:2])
        for colours in (day, {**day, **night}):
            for ink, ground, least in (
                ("ink", "paper", 4.5), ("soft", "paper", 4.5), ("bad", "bad-ground", 4.5), ("main-ink", "main", 4.5),
                ("main", "paper", 4.5), ("line", "paper", 3.0),
            ):  # fmt: skip
                ratio = _contrast(colours[ink], colours[ground])
                self.assertGreaterEqual(ratio, least, (ink, ground, colours))

    def test_every_language_has_every_text(self) -> None:
        catalogues = read_folder(OWN).catalogues
        self.assertEqual(set(catalogues), {"en", "de", "fr"})
        self.assertEqual(set(catalogues["de"].reasons), set(catalogues["fr"].reasons))
        for language in ("de", "fr"):
            page = pages().error(401, WRONG_PASSWORD, "id", language.encode())
            self.assertNotIn(WRONG_PASSWORD.text.encode(), page.body)


def _contrast(one: str, other: str) -> float:
    """The ratio of two colours' luminance, as WCAG 2.1 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


_SITE = '[[virtual_site]]\nname = "mail"\npublic_name = "mail.fourthcoffee.com"\n'
_DIRECTORY = '[[virtual_site.virtual_directory]]\npath = "/owa"\napplication = "owa"\n'
_HTTP = '[[listener]]\nprotocol = "http"\naddress = "127.0.0.1:1080"\n'


class SettingTests(SynchronousTestCase):
    def found(self, text: str) -> tuple[list[str], list[str]]:
        findings = related(SMALLEST + _HTTP + text)
        return (
            [each.partition(" ")[2] for each in errors(findings)],
            [w.partition(" ")[2] for w in warnings(findings)],
        )

    def test_forms_of_a_site_need_their_preset(self) -> None:
        text = "virtual_site[1].forms: no preset that it is for"
        self.assertEqual(self.found(_SITE + "forms = true\n")[0], [text])
        self.assertEqual(self.found(_SITE + 'forms = true\npreset = "webdav"\n')[0], [text])
        self.assertEqual(self.found(_SITE + 'forms = true\npreset = "exchange"\n')[0], [])

    def test_what_excludes_forms(self) -> None:
        for methods, ok in (('["forms", "basic"]', True), ('"forms"', True), ('["forms", "passthrough"]', False),
                            ('["forms", "anonymous"]', False)):  # fmt: skip
            text = f"{_SITE}{_DIRECTORY}authentication = {methods}\n"
            self.assertEqual(not self.found(text)[0], ok, methods)

    def test_times_are_those_that_exchange_knew(self) -> None:
        """S-HTTP-36: 1 to 43200 minutes; where the private time is the shorter one, that is told."""
        for seconds in (59.9, 2_592_000.1, 0.0):
            _, findings = read(f"{SMALLEST}[forms]\npublic_time = {seconds}\n")
            self.assertEqual(len(errors(findings)), 1, seconds)
        self.assertIn("forms.private_time", self.found(f"{_SITE}[forms]\npublic_time = 40000.0\n")[1])

    def test_words_of_agents(self) -> None:
        self.assertEqual(self.found(f'{_SITE}[forms]\nbasic_agents = ["Robot", " "]\n')[0],
                         ["forms.basic_agents[2]: found ' '"])  # fmt: skip
