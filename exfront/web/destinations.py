"""Where a log-on leads to: a path of this site, whatever was asked for (S-HTTP-39)."""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes

from exfront import limits
from exfront.web.paths import BadPath, checked
from exfront.web.virtual_sites import VirtualDirectory, VirtualSite

_VISIBLE = re.compile(rb"[!-~]+\Z")
_ABSOLUTE = re.compile(rb"https?://([^/?#@\\]*)(/.*)\Z", re.IGNORECASE)
_OLD_FORM = frozenset({"exchange", "exchweb", "public", "exadmin", "oma"})  # what Exchange 2003 had
_LOGON_2003 = b"/exchweb/bin/auth/owalogon.asp"
_LOGON = b"/owa/auth/logon.aspx"


def destination(site: VirtualSite, asked: bytes | None) -> bytes:
    """The path and query that `asked` names, where that lies in a directory of this site; else the site's first page.

    The absolute URL that Exchange 2003's form posts is cut to its path where it names this site.
    """
    if asked is None or len(asked) > limits.LOGON_DESTINATION_OCTETS or not _VISIBLE.match(asked):
        return home(site)
    absolute = _ABSOLUTE.match(asked)
    if absolute is not None and site.names(absolute[1]):
        asked = absolute[2]
    target = asked.partition(b"#")[0]
    path, mark, query = target.partition(b"?")
    if not path.startswith(b"/") or path[1:2] in (b"/", b"\\") or not _leads_somewhere(site, path, query):
        return home(site)
    return path + mark + query


def home(site: VirtualSite) -> bytes:
    """The first page of a site whose users log on by form."""
    assert site.home is not None
    return site.home.path.rstrip("/").encode("ascii") + b"/"


def logon_url(site: VirtualSite, directory: VirtualDirectory, target: bytes, secure: bool, reason: int) -> bytes:
    """The address of the page for who asked for `target`, a path and query: as Exchange writes it.

    2003 did not encode the URL, which is kept for what means nothing in a query; later versions did, in small letters.
    """
    url = site.url(secure) + target
    if len(target) > limits.LOGON_DESTINATION_OCTETS:
        url = site.url(secure) + home(site)
    return site.url(secure) + logon_path(directory) + _query(directory, url, reason)


def again(site: VirtualSite, directory: VirtualDirectory, target: bytes, secure: bool, reason: int) -> bytes:
    """The same for who is at this site already: a path can lead nowhere else."""
    return logon_url(site, directory, target, secure, reason).removeprefix(site.url(secure))


def logon_path(directory: VirtualDirectory) -> bytes:
    """Of the page that belongs to a directory."""
    return _LOGON_2003 if is_old(directory) else _LOGON


def is_old(directory: VirtualDirectory) -> bool:
    """Whether Exchange 2003 had it."""
    return directory.application.name in _OLD_FORM


def _query(directory: VirtualDirectory, url: bytes, reason: int) -> bytes:
    if is_old(directory):
        return b"?url=%b&reason=%d&replaceCurrent=1" % (quote_from_bytes(url, "/:?=,;@!$'()*~").encode(), reason)
    return b"?url=%b&reason=%d" % (_small(quote_from_bytes(url, "").encode()), reason)


def _small(escaped: bytes) -> bytes:
    return re.sub(rb"%[0-9A-F]{2}", lambda escape: escape[0].lower(), escaped)


def _leads_somewhere(site: VirtualSite, path: bytes, query: bytes) -> bool:
    """Whether a page may be there: not that of a log-on or log-off, which would go round in a circle."""
    try:
        segments = checked(path)
    except BadPath:
        return False
    return site.directory(segments) is not None and not own_page(segments, query)


def page_at(site: VirtualSite, segments: tuple[bytes, ...], query: bytes | None) -> str:
    """Which of the pages a site has at a checked path and query: ``form``, ``post``, ``logoff``; empty for none.

    Exchange 2003's log-off is a query, of whatever path has forms.
    """
    page = "" if site.home is None else own_page(segments, query)
    if page == "leave":
        directory = site.directory(segments)
        return "logoff" if directory is not None and directory.asks_form else ""
    return page


_FORM = frozenset({(b"owa", b"auth", b"logon.aspx"), (b"exchweb", b"bin", b"auth", b"owalogon.asp")})
_POSTED = frozenset({
    (b"owa", b"auth.owa"), (b"owa", b"auth", b"owaauth.dll"), (b"exchweb", b"bin", b"auth", b"owaauth.dll"),
})  # fmt: skip
_LOGOFF = frozenset({
    (b"owa", b"logoff.owa"), (b"owa", b"auth", b"logoff.aspx"), (b"exchweb", b"bin", b"auth", b"logoff.asp"),
})  # fmt: skip
_LONGEST = 4
_LOGOFF_QUERY = re.compile(rb"(?:^|&)cmd=logoff(?:&|\Z)", re.IGNORECASE)


def own_page(segments: tuple[bytes, ...], query: bytes | None) -> str:
    """Which of the pages a path and query may mean: ``form``, ``post``, ``logoff``, by its query alone ``leave``."""
    if len(segments) <= _LONGEST:
        lower = tuple(segment.lower() for segment in segments)
        for name, paths in (("form", _FORM), ("post", _POSTED), ("logoff", _LOGOFF)):
            if lower in paths:
                return name
    return "leave" if query and _LOGOFF_QUERY.search(query) else ""
