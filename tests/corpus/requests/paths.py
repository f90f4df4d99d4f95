"""Paths: one reading of each, by the front end and the back end alike (S-HTTP-21..23)."""

from tests.corpus.entry import Answer, Entry, Reached, bare, local, passes, refused, request

_DOTS = "RFC 3986 5.2.4"
_TWO_READINGS = "front end and back end could read another path"


def _get(target: bytes) -> bytes:
    return request(b"GET " + target + b" HTTP/1.1")


def _bad(name: str, target: bytes, source: str = _DOTS, why: str = _TWO_READINGS) -> Entry:
    return refused(name, _get(target), 400, "S-HTTP-21", source, why)


def _good(name: str, target: bytes, why: str = "legal", source: str = "RFC 3986 3.3", rule: str = "S-HTTP-21") -> Entry:
    return passes(name, _get(target), Reached(target=target), rule, source, why)


def _nothing(name: str, target: bytes, why: str, source: str = "RFC 9110 15.5.5") -> Entry:
    return local(name, _get(target), 404, "S-HTTP-22", source, why, peers=False)


ENTRIES = (
    _bad("dot segments", b"/public/../ecp"),
    _bad("dot segments at the beginning", b"/../public/a"),
    _bad("dot segments at the end", b"/public/a/.."),
    _bad("single dot", b"/public/./a"),
    _bad("single dot at the end", b"/public/a/."),
    _bad("escaped dots", b"/public/%2e%2e/ecp"),
    _bad("escaped dots in upper case", b"/public/%2E%2E/ecp"),
    _bad("one dot escaped", b"/public/.%2e/ecp"),
    _bad("escaped dots at the beginning", b"/%2e%2e/public/a"),
    _bad("dots escaped twice", b"/public/%252e%252e/x", "RFC 3986 2.4; CVE-2021-42013"),
    _bad("one dot escaped twice", b"/public/.%252e/x", "RFC 3986 2.4; CVE-2021-41773"),
    _bad("dots before an escaped slash", b"/public/..%2fecp"),
    _bad("dots behind an escaped slash", b"/public/a%2f..%2fb"),
    _bad("dots before a slash escaped twice", b"/public/..%252fecp"),
    _bad("dots before an escaped backslash", b"/public/..%5cecp", "CVE-2000-0884"),
    _bad("escaped backslash before dots", b"/public/%5c.."),
    _bad("backslash", b"/public\\a", "RFC 3986 2", "Windows takes it for a slash"),
    _bad("escaped backslash", b"/public/a%5cb", "RFC 3986 2", "Windows takes it for a slash"),
    _bad("backslash at the beginning", b"/\\public/a", "RFC 3986 2", "Windows takes it for a slash"),
    _bad("overlong dots", b"/public/%c0%ae%c0%ae/ecp", "RFC 3629 3; CVE-2000-0884", "lenient decoders take it for dots"),
    _bad("overlong slash", b"/public/%e0%80%af", "RFC 3629 3; CVE-2000-0884", "lenient decoders take it for a slash"),
    _bad("overlong backslash", b"/public/%c1%9c", "RFC 3629 3; CVE-2000-0884", "lenient decoders take it for a backslash"),
    _bad("lone continuation octet in the mailbox's place", b"/public/%80", "RFC 3629 3", "names are UTF-8"),
    _bad("surrogate in the mailbox's place", b"/public/%ed%a0%80", "RFC 3629 3", "names are UTF-8"),
    _bad("NUL", b"/public/a%00.html", "RFC 3986 7.3", "some readers end the path there"),
    _bad("escaped line end", b"/public/a%0d%0aX:", "RFC 3986 7.3", "a line of its own for whoever decodes it"),
    _bad("escaped LF", b"/public/a%0a", "RFC 3986 7.3", "a line of its own for whoever decodes it"),
    _bad("escaped DEL", b"/public/%7f", "RFC 3986 7.3", "no name has a control octet"),
    _bad("escaped tab", b"/public/a%09b", "RFC 3986 7.3", "no name has a control octet"),
    _bad("escape of IIS", b"/public/%u002e%u002e/x", "RFC 3986 2.1", "no escape, but for IIS"),
    _bad("percent alone", b"/public/%", "RFC 3986 2.1", "no escape"),
    _bad("escape of one digit", b"/public/%4", "RFC 3986 2.1", "no escape"),
    _bad("escape without digits", b"/public/%zz", "RFC 3986 2.1", "no escape"),
    _bad("percent percent", b"/public/%%35%63", "RFC 3986 2.1", "no escape"),
    _good("dots in a name", b"/public/hand..EML", "legal: OWA 2003 makes file names of subjects"),
    _good("three dots", b"/public/...", "legal: a name"),
    _good("name that begins with a dot", b"/public/.hidden"),
    _good("dots and a semicolon", b"/public/..;/a", "legal: a name, for all that is published here"),
    _good("escaped space", b"/public/a%20b.EML"),
    _good("escaped percent", b"/public/50%25.EML", "legal: OWA 2003 makes file names of subjects"),
    _good("escaped slash in a name", b"/public/a%2Fb", "legal: not a separator, and forwarded as it came"),
    _good("escape of Exchange", b"/public/_xF8FF_.EML"),
    _good("escaped UTF-8", b"/public/%C3%A4.EML"),
    _good("escaped Latin-1 in a file name", b"/public/a/%E4.EML", "legal: octets"),
    _good("sub-delimiters", b"/public/&;=+$,'()*!~"),
    _good("characters that a URI should not have", b'/public/a{}|^`<>"', "visible ASCII is forwarded as it came", "RFC 9112 3.2"),
    _good("empty segment", b"/public//double"),
    _good("empty segments at the end", b"/public/a//"),
    _good("path parameter", b"/public/a;b=c/"),
    _good("escaped letters that need no escape", b"/public/%7Etilde%41", "legal: forwarded as it came"),
    _good("escaped letter in the directory", b"/%70ublic/a", "legal: the same directory, forwarded as it came"),
    _good("directory in other case", b"/PuBlIc/a", "IIS knows no case; forwarded as it came", "exchange.md 1"),
    _good("directory without a slash", b"/public"),
    _good("directory with a slash", b"/public/"),
    _good("empty query", b"/public/a?", rule="S-HTTP-23", source="RFC 3986 3.4"),
    _good("URL in the query", b"/public/a?Cmd=contents&url=http://evil.example/", "legal: the query names no server", "RFC 3986 3.4; CVE-2021-26855", "S-HTTP-23"),
    _good("question marks in the query", b"/public/a?b?c", "legal", "RFC 3986 3.4", "S-HTTP-23"),
    _good("dots and escapes in the query", b"/public/a?/../%2e%2e/%00%zz", "the query is the back end's business", "RFC 3986 3.4", "S-HTTP-23"),
    _good("backslash and quotes in the query", b"/public/a?b=\\\"c\"[]{}|", "the query is the back end's business", "RFC 9112 3.2", "S-HTTP-23"),
    _good("address in the query", b"/public/a?@evil.example/powershell&Email=autodiscover%3f", "legal: nothing of a query is put into the path", "RFC 3986 3.4; CVE-2021-34473", "S-HTTP-23"),
    _nothing("root", b"/", "only what is configured exists"),
    _nothing("path that is not published", b"/powershell", "only what is configured exists", "CVE-2021-34473"),
    _nothing("path that is not published, escaped", b"/%70owershell/", "only what is configured exists", "CVE-2022-41040"),
    _nothing("ProxyShell", b"/autodiscover/autodiscover.json?@evil.example/powershell", "only what is configured exists", "CVE-2021-34473"),
    _nothing("empty first segment", b"//public/a", "another path than /public/a"),
    _nothing("empty first segment and a host", b"//evil.example/public/a", "a path, no host", "RFC 9112 3.2.1"),
    _nothing("directory's name and more", b"/publicX/", "whole segments"),
    _nothing("directory and an escaped slash", b"/public%2fa", "one segment"),
    _nothing("directory and an escaped question mark", b"/public%3fa", "one segment"),
    local("directory without the slash that it needs", _get(b"/owa"), Answer(302, b"", has=((b"location", b"http://mail.fourthcoffee.com/owa/"),)), "S-HTTP-22", "RFC 9110 15.4.3", "to the same with a slash", peers=False),
    local("the same under another host", bare(b"GET /owa HTTP/1.1", b"Host: evil.example"), Answer(302, b"", has=((b"location", b"http://mail.fourthcoffee.com/owa/"),)), "S-HTTP-5", "CVE-2000-0649", "the client's Host is not repeated", peers=False),
)  # fmt: skip
