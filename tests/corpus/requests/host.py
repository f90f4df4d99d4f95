"""Host: there, once, and a name or address."""

from tests.corpus.entry import PUBLIC_NAME, Reached, bare, passes, refused

_GET = b"GET /public/a HTTP/1.1"
_HOST = "RFC 9112 3.2"
_SYNTAX = "RFC 9110 7.2; RFC 3986 3.2.2"


def _host(value: bytes) -> bytes:
    return bare(_GET, b"Host: " + value)


def _seen(host: bytes) -> Reached:
    return Reached(has=((b"host", host),))


def _bad(name: str, value: bytes, why: str, source: str = _SYNTAX) -> object:
    return refused(name, _host(value), 400, "S-HTTP-4", source, why)


ENTRIES = (
    refused("no Host", bare(_GET, b"X-A: 1"), 400, "S-HTTP-4", _HOST, "HTTP/1.1 needs one"),
    refused("no field at all", bare(_GET), 400, "S-HTTP-4", _HOST, "HTTP/1.1 needs a Host"),
    refused("two Hosts", bare(_GET, b"Host: " + PUBLIC_NAME, b"Host: evil.example"), 400, "S-HTTP-4", _HOST, "two readers, two sites"),
    refused("two equal Hosts", bare(_GET, b"Host: " + PUBLIC_NAME, b"Host: " + PUBLIC_NAME), 400, "S-HTTP-4", _HOST, "more than one is refused"),
    refused("two Hosts in other case", bare(_GET, b"Host: " + PUBLIC_NAME, b"hOST: " + PUBLIC_NAME), 400, "S-HTTP-4", _HOST, "more than one is refused"),
    refused("two Hosts in HTTP/1.0", bare(b"GET /public/a HTTP/1.0", b"Host: " + PUBLIC_NAME, b"Host: evil.example"), 400, "S-HTTP-4", _HOST, "more than one is refused"),
    refused("bad Host in HTTP/1.0", bare(b"GET /public/a HTTP/1.0", b"Host: a/b"), 400, "S-HTTP-4", _HOST, "no host"),
    _bad("empty Host", b"", "no host; http has always an authority", "RFC 9110 4.2.1, 7.2"),
    _bad("list of hosts", b"mail.fourthcoffee.com,evil.example", "no list", "RFC 9110 7.2; CVE-2022-39348"),
    _bad("slash in Host", b"mail.fourthcoffee.com/x", "no host"),
    _bad("at sign in Host", b"evil@mail.fourthcoffee.com", "user information has no place here"),
    _bad("question mark in Host", b"mail.fourthcoffee.com?x", "no host"),
    _bad("hash in Host", b"mail.fourthcoffee.com#x", "no host"),
    _bad("backslash in Host", b"mail.fourthcoffee.com\\x", "no host"),
    _bad("space in Host", b"mail.fourthcoffee.com evil.example", "no host"),
    _bad("tab in Host", b"mail.fourthcoffee.com\tx", "no host"),
    _bad("quotes in Host", b'"mail.fourthcoffee.com"', "no host"),
    _bad("markup in Host", b"<script>", "no host; pages and logs would show it", "RFC 9110 7.2; CVE-2022-39348"),
    _bad("escapes in Host", b"mail%2efourthcoffee.com", "a second spelling of one name"),
    _bad("asterisk as Host", b"*", "no host name"),
    _bad("sub-delimiters in Host", b"a;b=c", "no host name"),
    _bad("UTF-8 in Host", "müller.example".encode(), "host names go over the wire in ASCII"),
    _bad("URL as Host", b"http://mail.fourthcoffee.com/", "no host"),
    _bad("port without digits", b"mail.fourthcoffee.com:https", "a port is a number"),
    _bad("port 0", b"mail.fourthcoffee.com:0", "no port", "RFC 9110 7.2; RFC 6335 6"),
    _bad("port 65536", b"mail.fourthcoffee.com:65536", "no port"),
    _bad("port of 30 digits", b"mail.fourthcoffee.com:" + b"9" * 30, "no port"),
    _bad("negative port", b"mail.fourthcoffee.com:-80", "a port is digits"),
    _bad("two ports", b"mail.fourthcoffee.com:80:443", "one port"),
    _bad("port alone", b":80", "no host"),
    _bad("IPv6 without brackets", b"::1", "brackets tell the port from the address"),
    _bad("IPv6 bracket not closed", b"[::1", "no address"),
    _bad("brackets around a name", b"[mail.fourthcoffee.com]", "no address"),
    _bad("brackets around IPv4", b"[127.0.0.1]", "no address"),
    _bad("bad IPv6 address", b"[1:2:3:4:5:6:7:8:9]", "no address"),
    _bad("IPv6 zone", b"[fe80::1%25eth0]", "a zone means nothing to another machine", "RFC 9844 4"),
    _bad("text behind the bracket", b"[::1]x", "no host"),
    _bad("name of 256 octets", b"a" * 256, "longer than any name in DNS", "RFC 1035 2.3.4"),
    passes("Host in upper case", _host(PUBLIC_NAME.upper()), _seen(PUBLIC_NAME), "S-HTTP-4", "RFC 9110 4.2.3", "legal: no case"),
    passes("host name of a second spelling of the field", bare(_GET, b"hOsT:" + PUBLIC_NAME), _seen(PUBLIC_NAME), "S-HTTP-4", "RFC 9110 5.1", "legal"),
    passes("Host with a port", _host(PUBLIC_NAME + b":8080"), _seen(PUBLIC_NAME + b":8080"), "S-HTTP-4", _HOST, "legal"),
    passes("Host with port 65535", _host(PUBLIC_NAME + b":65535"), _seen(PUBLIC_NAME + b":65535"), "S-HTTP-4", _HOST, "legal"),
    passes("Host with an empty port", _host(PUBLIC_NAME + b":"), _seen(PUBLIC_NAME), "S-HTTP-4", "RFC 3986 3.2.3", "legal: a port has any number of digits"),
    passes("Host with a dot at its end", _host(PUBLIC_NAME + b"."), Reached(), "S-HTTP-4", "RFC 3986 3.2.2", "legal: an absolute name"),
    passes("Host listed besides the public name", _host(b"other.fourthcoffee.com"), _seen(b"other.fourthcoffee.com"), "S-HTTP-5", _HOST, "legal"),
    passes("unknown Host", _host(b"evil.example"), _seen(PUBLIC_NAME), "S-HTTP-5", "RFC 9110 7.2", "legal: the default site, and its own name for the back end"),
    passes("IPv4 address as Host", _host(b"192.0.2.1"), _seen(PUBLIC_NAME), "S-HTTP-4", "RFC 3986 3.2.2", "legal"),
    passes("IPv6 address as Host", _host(b"[2001:db8::1]"), _seen(PUBLIC_NAME), "S-HTTP-4", "RFC 3986 3.2.2", "legal"),
    passes("IPv6 address with a port", _host(b"[::1]:8080"), _seen(PUBLIC_NAME), "S-HTTP-4", "RFC 3986 3.2.2", "legal"),
    passes("IPv6 address with IPv4 at its end", _host(b"[::ffff:192.0.2.1]"), _seen(PUBLIC_NAME), "S-HTTP-4", "RFC 3986 3.2.2", "legal"),
    passes("host name with an underscore", _host(b"my_host"), _seen(PUBLIC_NAME), "S-HTTP-4", "RFC 3986 3.2.2", "legal: Windows names machines so"),
    passes("Host of one label", _host(b"mail"), _seen(PUBLIC_NAME), "S-HTTP-4", "RFC 3986 3.2.2", "legal"),
    passes("Host behind other fields", bare(_GET, b"X-A: 1", b"Host: " + PUBLIC_NAME), _seen(PUBLIC_NAME), "S-HTTP-4", _HOST, "legal: the order is free"),
    passes("white space around Host", bare(_GET, b"Host: \t " + PUBLIC_NAME + b" "), _seen(PUBLIC_NAME), "S-HTTP-4", "RFC 9112 5.1", "legal"),
)  # fmt: skip
