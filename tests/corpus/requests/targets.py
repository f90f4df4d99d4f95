"""Request targets: their four forms, and the methods that go with them."""

from tests.corpus.entry import PUBLIC_NAME, Answer, Reached, bare, local, passes, refused, request

_FORMS = "RFC 9112 3.2"
_ABSOLUTE = "RFC 9112 3.2.2"


def _get(target: bytes) -> bytes:
    return request(b"GET " + target + b" HTTP/1.1")


_LOCAL_ALLOW = Answer(200, b"")

ENTRIES = (
    passes("absolute form", _get(b"http://mail.fourthcoffee.com/public/a"), Reached(has=((b"host", PUBLIC_NAME),)), "S-HTTP-6", _ABSOLUTE, "legal"),
    passes("absolute form, https", _get(b"https://mail.fourthcoffee.com/public/a"), Reached(), "S-HTTP-6", _ABSOLUTE, "legal"),
    passes("absolute form, scheme and host in upper case", _get(b"HTTP://MAIL.FOURTHCOFFEE.COM/public/a"), Reached(has=((b"host", PUBLIC_NAME),)), "S-HTTP-6", "RFC 9110 4.2.3", "legal"),
    passes("absolute form with a port", _get(b"http://mail.fourthcoffee.com:80/public/a"), Reached(), "S-HTTP-6", _ABSOLUTE, "legal"),
    passes("absolute form with a query", _get(b"http://mail.fourthcoffee.com/public/a?b=http://c/"), Reached(target=b"/public/a?b=http://c/"), "S-HTTP-6", _ABSOLUTE, "legal"),
    passes("absolute form of another host", _get(b"http://evil.example/public/a"), Reached(has=((b"host", PUBLIC_NAME),)), "S-HTTP-6", "RFC 9112 3.2.2; CVE-2023-45539", "the target's host replaces Host: no site is called so, hence the default one"),
    passes("absolute form beside another Host", bare(b"GET http://other.fourthcoffee.com/public/a HTTP/1.1", b"Host: evil.example"), Reached(has=((b"host", b"other.fourthcoffee.com"),)), "S-HTTP-6", _ABSOLUTE, "Host is ignored, and replaced"),
    passes("absolute form in HTTP/1.0", bare(b"GET http://mail.fourthcoffee.com/public/a HTTP/1.0"), Reached(), "S-HTTP-6", "RFC 1945 5.1.2", "legal", kept=False),
    passes("absolute form of an IPv6 address", _get(b"http://[::1]/public/a"), Reached(), "S-HTTP-6", _ABSOLUTE, "legal"),
    local("absolute form without a path", _get(b"http://mail.fourthcoffee.com"), 404, "S-HTTP-6", _ABSOLUTE, "means the root, which is not published", peers=False),
    local("absolute form with a query and no path", _get(b"http://mail.fourthcoffee.com?/public/a"), 404, "S-HTTP-6", "RFC 9112 3.2.1", "means the root, which is not published", peers=False),
    refused("absolute form, no Host beside it", bare(b"GET http://mail.fourthcoffee.com/public/a HTTP/1.1"), 400, "S-HTTP-4", _FORMS, "HTTP/1.1 needs a Host also then"),
    refused("absolute form beside two Hosts", bare(b"GET http://mail.fourthcoffee.com/public/a HTTP/1.1", b"Host: a", b"Host: b"), 400, "S-HTTP-4", _FORMS, "more than one is refused"),
    refused("absolute form beside a bad Host", bare(b"GET http://mail.fourthcoffee.com/public/a HTTP/1.1", b"Host: a@b"), 400, "S-HTTP-4", _FORMS, "a bad Host is refused also then"),
    refused("absolute form, ftp", _get(b"ftp://mail.fourthcoffee.com/public/a"), 400, "S-HTTP-6", _ABSOLUTE, "not a scheme of ours"),
    refused("absolute form, file", _get(b"file:///public/a"), 400, "S-HTTP-6", _ABSOLUTE, "not a scheme of ours"),
    refused("absolute form, ws", _get(b"ws://mail.fourthcoffee.com/public/a"), 400, "S-HTTP-6", _ABSOLUTE, "not a scheme of ours"),
    refused("absolute form, javascript", _get(b"javascript:alert(1)"), 400, "S-HTTP-6", _ABSOLUTE, "not a scheme of ours"),
    refused("absolute form with user information", _get(b"http://user@mail.fourthcoffee.com/public/a"), 400, "S-HTTP-6", "RFC 9110 4.2.4", "to be treated as an error: it hides the host"),
    refused("absolute form with user and password", _get(b"http://mail.fourthcoffee.com:80@evil.example/public/a"), 400, "S-HTTP-6", "RFC 9110 4.2.4", "to be treated as an error: it hides the host"),
    refused("absolute form without a host", _get(b"http:///public/a"), 400, "S-HTTP-6", "RFC 9110 4.2.1", "an empty host is invalid"),
    refused("absolute form without slashes", _get(b"http:/public/a"), 400, "S-HTTP-6", "RFC 9110 4.2.1", "no authority"),
    refused("absolute form with a bad port", _get(b"http://mail.fourthcoffee.com:99999/public/a"), 400, "S-HTTP-6", "RFC 3986 3.2.3", "no port"),
    refused("absolute form with an escaped host", _get(b"http://mail%2efourthcoffee.com/public/a"), 400, "S-HTTP-6", "RFC 3986 3.2.2", "a second spelling of one name"),
    refused("absolute form with a backslash", _get(b"http://mail.fourthcoffee.com\\public\\a"), 400, "S-HTTP-6", "RFC 3986 2", "browsers take it for a slash"),
    refused("absolute form with dot segments", _get(b"http://mail.fourthcoffee.com/public/../ecp"), 400, "S-HTTP-21", "RFC 3986 5.2.4", "two readings of the path"),
    refused("absolute form with a fragment", _get(b"http://mail.fourthcoffee.com/public/a#b"), 400, "S-HTTP-6", "RFC 9112 3.2", "no target has a fragment"),
    refused("fragment", _get(b"/public/a#b"), 400, "S-HTTP-6", "RFC 9112 3.2; CVE-2023-45539", "rules that look at the end of a path are led astray"),
    refused("fragment in the query", _get(b"/public/a?b#.png"), 400, "S-HTTP-6", "RFC 9112 3.2; CVE-2023-45539", "rules that look at the end of a path are led astray"),
    refused("path without a slash", _get(b"public/a"), 400, "S-HTTP-6", _FORMS, "no form of a target"),
    refused("query alone", _get(b"?a=b"), 400, "S-HTTP-6", _FORMS, "no form of a target"),
    refused("authority form with GET", _get(b"mail.fourthcoffee.com:443"), 400, "S-HTTP-6", "RFC 9112 3.2.3", "only CONNECT has it"),
    refused("host alone", _get(b"mail.fourthcoffee.com"), 400, "S-HTTP-6", _FORMS, "no form of a target"),
    refused("at sign before the path", _get(b"@evil.example/public/a"), 400, "S-HTTP-6", "RFC 9112 3.2; CVE-2021-40438", "proxies that put the target behind a host name are led elsewhere"),
    refused("unix socket in the target", _get(b"unix:/run/x|http://a/"), 400, "S-HTTP-6", "RFC 9112 3.2; CVE-2021-40438", "a target names no server"),
    refused("asterisk with GET", _get(b"*"), 400, "S-HTTP-6", "RFC 9112 3.2.4", "only OPTIONS has it"),
    refused("asterisk and more", request(b"OPTIONS *a HTTP/1.1"), 400, "S-HTTP-6", "RFC 9112 3.2.4", "an asterisk alone"),
    refused("asterisk with a query", request(b"OPTIONS *?a HTTP/1.1"), 400, "S-HTTP-6", "RFC 9112 3.2.4", "an asterisk alone"),
    local("OPTIONS *", request(b"OPTIONS * HTTP/1.1"), _LOCAL_ALLOW, "S-HTTP-6", "RFC 9110 9.3.7", "it asks the server that reads it", peers=False),
    local("OPTIONS of a host", request(b"OPTIONS http://mail.fourthcoffee.com HTTP/1.1"), _LOCAL_ALLOW, "S-HTTP-6", "RFC 9112 3.2.4", "means OPTIONS *", peers=False),
    local("OPTIONS that may not be forwarded", request(b"OPTIONS /public/a HTTP/1.1", b"Max-Forwards: 0"), _LOCAL_ALLOW, "S-HTTP-6", "RFC 9110 7.6.2", "this server is the last one", peers=False),
    passes("OPTIONS with Max-Forwards", request(b"OPTIONS /public/a HTTP/1.1", b"Max-Forwards: 5"), Reached(b"OPTIONS", has=((b"max-forwards", b"4"),)), "S-HTTP-6", "RFC 9110 7.6.2", "one less"),
    refused("CONNECT", request(b"CONNECT mail.fourthcoffee.com:443 HTTP/1.1"), 405, "S-HTTP-7", "RFC 9110 9.3.6", "no tunnels"),
    refused("CONNECT to the inside", request(b"CONNECT 127.0.0.1:22 HTTP/1.1"), 405, "S-HTTP-7", "RFC 9110 9.3.6", "no tunnels"),
    refused("CONNECT of a path", request(b"CONNECT /public/a HTTP/1.1"), 400, "S-HTTP-6", "RFC 9112 3.2.3", "CONNECT has an authority"),
    refused("CONNECT without a port", request(b"CONNECT mail.fourthcoffee.com HTTP/1.1"), 400, "S-HTTP-6", "RFC 9110 9.3.6", "there is no default port"),
    refused("TRACE", request(b"TRACE /public/a HTTP/1.1", b"Cookie: secret=1"), 405, "S-HTTP-7", "RFC 9110 9.3.8", "an echo shows scripts what they may not see"),
    refused("TRACE that may not be forwarded", request(b"TRACE /public/a HTTP/1.1", b"Max-Forwards: 0"), 405, "S-HTTP-7", "RFC 9110 9.3.8", "an echo shows scripts what they may not see"),
    refused("TRACE of everything", request(b"TRACE / HTTP/1.1"), 405, "S-HTTP-7", "RFC 9110 9.3.8", "an echo shows scripts what they may not see"),
    local("known method that is not listed", request(b"PUT /small/a HTTP/1.1", b"Content-Length: 0"), Answer(405, has=((b"allow", b"GET, POST"),)), "S-HTTP-7", "RFC 9110 15.5.6", "told which ones are", peers=False),
    local("RPC_IN_DATA where it has no place", request(b"RPC_IN_DATA /public/a HTTP/1.1"), 405, "S-HTTP-7", "MS-RPCH 2.1.2.1", "only on /rpc", peers=False),
    local("PATCH where it is not listed", request(b"PATCH /public/a HTTP/1.1", b"Content-Length: 0"), 405, "S-HTTP-7", "RFC 9110 15.5.6", "told which ones are", peers=False),
)  # fmt: skip
