"""Fields by which servers believe each other, never a client (S-HTTP-18..20)."""

from tests.corpus.entry import PUBLIC_NAME, TARGET, Entry, Reached, local, passes, refused, request

_GET = b"GET " + TARGET + b" HTTP/1.1"


def _forged(name: str, source: str, value: bytes = b"forged") -> Entry:
    field = name.encode()
    octets = request(_GET, field + b": " + value)
    why = "a front end's word, not a client's"
    return passes(f"forged {name}", octets, Reached(lacks=((field.lower(), value),)), "S-HTTP-18", source, why)


def _kept(name: str, value: bytes, source: str) -> Entry:
    field = name.encode()
    octets = request(_GET, field + b": " + value)
    return passes(
        f"client's {name}", octets, Reached(has=((field.lower(), value),)), "S-HTTP-18", source, "legal: a client's own"
    )


def _move(destination: bytes) -> bytes:
    return request(b"MOVE /public/a HTTP/1.1", b"Destination: " + destination)


def _elsewhere(name: str, destination: bytes, why: str) -> Entry:
    return local(f"Destination {name}", _move(destination), 502, "S-HTTP-20", "RFC 4918 9.9.4, 10.3", why, peers=False)


def _moves(name: str, destination: bytes) -> Entry:
    reached = Reached(b"MOVE", has=((b"destination", destination),))
    return passes(f"Destination {name}", _move(destination), reached, "S-HTTP-20", "RFC 4918 10.3", "legal")


ENTRIES = (
    _forged("X-CommonAccessToken", "CVE-2021-26855"),
    _forged("X-BEResource", "CVE-2021-26855"),
    _forged("X-AnonResource-Backend", "CVE-2021-26855"),
    _forged("x-targetserver", "CVE-2021-26855"),
    _forged("X-IsFromCafe", "CVE-2021-26855"),
    _forged("X-OWA-ProxyUri", "CVE-2022-41080"),
    _forged("msExchProxyUri", "CVE-2022-41080"),
    _forged("X-MS-Exchange-Organization-AuthAs", "CVE-2022-41080"),
    _forged("Front-End-Https", "KB 327800", b"On"),
    _forged("X-Forwarded-For", "RFC 7239 8.1", b"10.0.0.1"),
    _forged("X-Forwarded-Host", "RFC 7239 8.1", b"evil.example"),
    _forged("X-Forwarded-Proto", "RFC 7239 8.1", b"https"),
    _forged("Forwarded", "RFC 7239 8.1", b"for=10.0.0.1"),
    _forged("X-Real-IP", "RFC 7239 8.1", b"10.0.0.1"),
    _forged("X-Original-URL", "CVE-2018-14773", b"/ecp"),
    _forged("X-Rewrite-URL", "CVE-2018-14773", b"/ecp"),
    _forged("X-HTTP-Method-Override", "RFC 9110 9.1", b"DELETE"),
    _forged("Proxy", "CVE-2016-5385", b"http://evil.example/"),
    _forged("SSL_CLIENT_CERT", "RFC 3875 4.1.18"),
    _forged("X_Forwarded_User", "RFC 3875 4.1.18", b"eve"),
    _forged("X-ExFront-Hop", "RFC 9110 7.6.3", b"0"),
    passes("forged cookie", request(_GET, b"Cookie: a=b; X-BEResource=be9/x~1; X-AnonResource-Backend=be9; c=d"), Reached(has=((b"cookie", b"a=b; c=d"),)), "S-HTTP-18", "CVE-2021-26855", "a cookie named the target server"),
    passes("forged cookie alone", request(_GET, b"Cookie: X-BEResource=be9/x~1"), Reached(lacks=(b"cookie",)), "S-HTTP-18", "CVE-2021-26855", "a cookie named the target server"),
    _kept("X-MS-PolicyKey", b"3942919513", "MS-ASHTTP 2.2.1.1.2"),
    _kept("MS-ASProtocolVersion", b"14.1", "MS-ASHTTP 2.2.1.1.2"),
    _kept("X-OWA-CANARY", b"abc", "exchange.md"),
    _kept("Translate", b"f", "MS-WDV 2.2"),
    _kept("Depth", b"infinity", "RFC 4918 10.2"),
    _kept("X-User-Identity", b"a@fourthcoffee.com", "exchange.md"),
    passes("client's X-AnchorMailbox", request(_GET, b"X-AnchorMailbox: a@fourthcoffee.com"), Reached(lacks=((b"x-anchormailbox", b"a@fourthcoffee.com"),)), "S-HTTP-18", "exchange.md", "legal: where no mailbox is asked for it names nobody", peers=False),
    _kept("X-Requested-With", b"XMLHttpRequest", "RFC 9110 5.1"),
    _forged("X-AnchorMailbox", "CVE-2021-26855", b"a@fourthcoffee.com/powershell"),
    _forged("X-OWA-ExplicitLogonUser", "CVE-2022-41082", b"owa/mastermailbox@outlook.com"),
    passes("Via of another proxy", request(_GET, b"Via: 1.0 fred, 1.1 p.example"), Reached(has=((b"via", b"1.0 fred, 1.1 p.example"), (b"via", b"1.1 exfront"))), "S-HTTP-19", "RFC 9110 7.6.3", "legal, and one more"),
    local("Via of exfront itself", request(_GET, b"Via: 1.1 exfront"), 508, "S-ROUTE-5", "RFC 9110 7.6.3; RFC 5842 7.2", "a loop", peers=False),
    local("Via of exfront among others", request(_GET, b"Via: 1.0 fred, 1.1 EXFRONT (x), 1.1 p"), 508, "S-ROUTE-5", "RFC 9110 7.6.3; RFC 5842 7.2", "a loop", peers=False),
    _elsewhere("of another host", b"http://evil.example/public/b", "a back end is not sent elsewhere by a header"),
    _elsewhere("of another directory", b"/exchange/b", "a back end is not sent elsewhere by a header"),
    _elsewhere("with user information", b"http://mail.fourthcoffee.com@evil.example/public/b", "a back end is not sent elsewhere by a header"),
    _elsewhere("without a slash", b"b", "no absolute path"),
    refused("Destination with dot segments", _move(b"http://mail.fourthcoffee.com/public/../exchange/b"), 400, "S-HTTP-20", "RFC 4918 10.3; RFC 3986 5.2.4", "two readings of the path", peers=False),
    _moves("as a URL", b"http://" + PUBLIC_NAME + b"/public/b"),
    _moves("as a URL with https", b"https://" + PUBLIC_NAME + b"/public/b%20c"),
    _moves("as a path", b"/public/b"),
)  # fmt: skip
