"""Whether a form was sent by a page of this site (S-HTTP-38; CSRF, RFC 6454, Fetch Metadata)."""

from __future__ import annotations

from exfront.reasons import FORM_FOREIGN, Refused
from exfront.web.virtual_sites import VirtualSite
from exfront.wire.http1.events import RequestHead


def check_origin(head: RequestHead, site: VirtualSite, secure: bool) -> None:
    """Refuse what a browser sends for a page of somebody else. Raises `Refused`.

    Browsers say where a form was; scripts that post without the page say nothing, and are let through.
    """
    if is_foreign(head):
        raise Refused(FORM_FOREIGN, "Sec-Fetch-Site")
    own = _own(head, site, secure)
    origins, referers = head.get_all(b"origin"), head.get_all(b"referer")
    if origins:
        if any(origin.lower() not in own for origin in origins):
            raise Refused(FORM_FOREIGN, "Origin")
    elif any(_origin_of(referer) not in own for referer in referers):
        raise Refused(FORM_FOREIGN, "Referer")


def is_foreign(head: RequestHead) -> bool:
    """Whether a browser says that a page of another site made it ask."""
    return any(value.strip().lower() == b"cross-site" for value in head.get_all(b"sec-fetch-site"))


def _own(head: RequestHead, site: VirtualSite, secure: bool) -> frozenset[bytes]:
    """The public one, and the one that was asked, if it is a name of the site: a browser tells no wrong Host."""
    own = {site.url(secure)}
    if head.authority and site.names(head.authority):
        own.add((b"https://" if secure else b"http://") + head.authority)
    return frozenset(own)


def _origin_of(url: bytes) -> bytes:
    scheme, mark, rest = url.lower().partition(b"://")
    for end in (b"/", b"?", b"#"):
        rest = rest.partition(end)[0]
    return scheme + mark + rest
