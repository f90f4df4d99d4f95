"""The pages that exfront itself writes, from templates and a catalogue for each language (S-HTTP-39, S-HTTP-40).

Nothing of a request is in them but where a log-on leads to, escaped. They need no script, and none would run.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from importlib.resources import as_file, files
from pathlib import Path

from attrs import frozen

from exfront.config.page_folder import Catalogue, PageFolder, read_folder
from exfront.reasons import Reason
from exfront.wire.http1.events import Headers
from exfront.wire.http1.write import REASON_PHRASES

_NO_STORE: Headers = ((b"Cache-Control", b"no-store"), (b"X-Content-Type-Options", b"nosniff"))
# Referrer-Policy: with "no-referrer" browsers would send "Origin: null" with the form (S-HTTP-38).
_HTML: Headers = (
    (b"Content-Type", b"text/html; charset=utf-8"),
    *_NO_STORE,
    (b"X-Frame-Options", b"SAMEORIGIN"),
    (b"Referrer-Policy", b"same-origin"),
)
_RANGE = re.compile(r"([a-z]{1,8}(?:-[a-z0-9]{1,8})*)(?:;q=(0(?:\.\d{1,3})?|1(?:\.0{1,3})?))?\Z")
_RANGES = 20  # of Accept-Language; browsers send a handful
_DEFAULT = "en"


@frozen
class Page:
    """A body and what belongs to it in the head."""

    headers: Headers
    body: bytes


@frozen
class Pages:
    """The pages of one folder. `accepts` is always the value of Accept-Language, None where there is none."""

    folder: PageFolder

    def error(self, status: int, reason: Reason, session_id: str, accepts: bytes | None = None) -> Page:
        """What a person sees of a refusal: status, sentence, code, and the id under which the log tells more."""
        catalogue = self.catalogue(accepts)
        text = catalogue.reasons.get(reason.public_code, reason.text)
        values = {
            "status": str(status), "phrase": _phrase(status), "text": text, "code": reason.public_code,
            "session": session_id,
        }  # fmt: skip
        return self._page("error.html", catalogue, values)

    def logon(
        self, action: str, destination: str, alert: str, session_id: str, accepts: bytes | None, code: str = ""
    ) -> Page:
        """The form: it is sent to `action`, and leads to the path `destination`.

        `alert` says by its key why the form is shown again, `code` is that of the refusal.
        """
        catalogue = self.catalogue(accepts)
        values = {
            "action": action, "destination": destination, "session": session_id,
            "alert": catalogue.alerts[alert] if alert else "", "code": code,
        }  # fmt: skip
        return self._page("logon.html", catalogue, values)

    def link(self, url: str, session_id: str, accepts: bytes | None) -> Page:
        """A link to where the user's mailbox is; `url` may be shown (S-ROUTE-7)."""
        return self._page("link.html", self.catalogue(accepts), {"url": url, "session": session_id})

    def logoff(self, home: str, session_id: str, accepts: bytes | None) -> Page:
        """After a log-off; `home` is the path from which one may log on again."""
        return self._page("logoff.html", self.catalogue(accepts), {"home": home, "session": session_id})

    def catalogue(self, accepts: bytes | None) -> Catalogue:
        """The language that the user likes best of those that there are (RFC 9110 section 12.5.4, RFC 4647)."""
        known = self.folder.catalogues
        for wanted in _wanted(accepts):
            for name in (wanted, wanted.partition("-")[0]):
                if name in known:
                    return known[name]
        return known[_DEFAULT]

    def _page(self, name: str, catalogue: Catalogue, values: dict[str, str]) -> Page:
        shown = {key: escape(value) for key, value in {**catalogue.texts, **values}.items()}
        body = self.folder.templates[name].substitute(shown).encode("utf-8")
        return Page((*_HTML, (b"Content-Security-Policy", self._policy(name)), (b"Vary", b"Accept-Language")), body)

    def _policy(self, name: str) -> bytes:
        """Nothing is loaded, nothing runs, and the form goes nowhere else."""
        styles = " ".join(self.folder.styles[name]) or "'none'"
        return (
            f"default-src 'none'; style-src {styles}; img-src 'self' data:; form-action 'self'; "
            "frame-ancestors 'self'; base-uri 'none'"
        ).encode("ascii")


@cache
def pages(folder: Path | None = None) -> Pages:
    """Those in `folder`, else exfront's own. Raises `exfront.config.page_folder.BadPages`."""
    if folder is not None:
        return Pages(read_folder(folder))
    with as_file(files("exfront.web").joinpath("pages")) as own:
        return Pages(read_folder(own))


def error_text(status: int, reason: Reason, session_id: str) -> Page:
    """A refusal for clients that broke the protocol: one line, without echo."""
    text = f"{status} {_phrase(status)}: {reason.text} ({reason.public_code}, {session_id})\n"
    return Page(((b"Content-Type", b"text/plain; charset=utf-8"), *_NO_STORE), text.encode("utf-8"))


def redirect_page(location: bytes) -> Page:
    """No body: the Location says all."""
    return Page(((b"Location", location), *_NO_STORE), b"")


def _wanted(accepts: bytes | None) -> list[str]:
    """Language ranges, the best first; those with ``q=0`` are not wanted."""
    found: list[tuple[float, str]] = []
    for member in (accepts or b"").decode("latin-1").lower().split(",")[:_RANGES]:
        match = _RANGE.match(member.replace(" ", ""))
        if match is not None and (weight := float(match[2] or 1)):
            found.append((-weight, match[1]))
    return [name for _, name in sorted(found, key=lambda pair: pair[0])]


def _phrase(status: int) -> str:
    return REASON_PHRASES.get(status, b"").decode("ascii")
