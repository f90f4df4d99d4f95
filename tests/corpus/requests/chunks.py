"""Transfer-Encoding, and bodies in chunks."""

from tests.corpus.entry import Entry, Reached, chunked, passes, post, refused, request, silent

_CODING = "RFC 9112 6.1"
_BOTH = "RFC 9112 6.1, 6.3; CVE-2020-10109"
_CHUNK = "RFC 9112 7.1"
_EXTENSION = "RFC 9112 7.1.1"
_FIVE = b"5\r\nabcde\r\n0\r\n\r\n"


def _coding(
    name: str, value: bytes, why: str = "readers differ in whether this is chunked", source: str = _CODING
) -> Entry:
    return refused(name, post(b"Transfer-Encoding: " + value, body=_FIVE), 501, "S-HTTP-10", source, why)


def _bad(name: str, body: bytes, source: str = _CHUNK, why: str = "hexadecimal digits and CR LF") -> Entry:
    return refused(name, chunked(body), 400, "S-HTTP-11", source, why)


def _good(name: str, wire: bytes, body: bytes, source: str = _CHUNK, why: str = "legal") -> Entry:
    return passes(name, chunked(wire), Reached(b"POST", body=body), "S-HTTP-11", source, why)


ENTRIES = (
    refused("length, then chunked", post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=_FIVE), 400, "S-HTTP-10", _BOTH, "two readings: the classic of smuggling"),
    refused("chunked, then length", post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=_FIVE), 400, "S-HTTP-10", _BOTH, "two readings: the classic of smuggling"),
    refused("chunked and length 0", post(b"Transfer-Encoding: chunked", b"Content-Length: 0", body=_FIVE), 400, "S-HTTP-10", _BOTH, "two readings: the classic of smuggling"),
    refused("another coding and length", post(b"Transfer-Encoding: identity", b"Content-Length: 2", body=b"ab"), 400, "S-HTTP-10", _BOTH, "two readings"),
    refused("empty coding and length", post(b"Transfer-Encoding:", b"Content-Length: 2", body=b"ab"), 400, "S-HTTP-10", _BOTH, "two readings"),
    refused("chunked in HTTP/1.0", request(b"POST /public/a HTTP/1.0", b"Transfer-Encoding: chunked", body=_FIVE), 400, "S-HTTP-10", "RFC 9112 6.1", "HTTP/1.0 has no chunks: its framing is faulty"),
    refused("chunked and keep-alive in HTTP/1.0", request(b"POST /public/a HTTP/1.0", b"Connection: keep-alive", b"Transfer-Encoding: chunked", body=_FIVE), 400, "S-HTTP-10", "RFC 9112 6.1", "HTTP/1.0 has no chunks: its framing is faulty"),
    _coding("identity", b"identity", "withdrawn, and read as no coding by some", "RFC 9112 7"),
    _coding("gzip", b"gzip", "a coding that is not known; its length neither"),
    _coding("gzip, chunked", b"gzip, chunked", "a coding that is not known"),
    _coding("chunked, gzip", b"chunked, gzip", "chunked must be the last"),
    _coding("chunked, identity", b"chunked, identity"),
    _coding("identity, chunked", b"identity, chunked"),
    _coding("chunked twice", b"chunked, chunked", "no coding is applied twice", "RFC 9112 6.1, 7.1; CVE-2022-24801"),
    _coding("xchunked", b"xchunked"),
    _coding("chunk", b"chunk"),
    _coding("chunkedx", b"chunkedx"),
    _coding("chunked with a parameter", b"chunked;q=1", "chunked has none", "RFC 9112 7.1"),
    _coding("chunked in quotes", b'"chunked"'),
    _coding("chunked behind a comma", b", chunked"),
    _coding("chunked before a comma", b"chunked,"),
    _coding("chunked with a no-break space", b"chunked\xa0"),
    _coding("no-break space before chunked", b"\xa0chunked"),
    _coding("Kelvin sign for a k", "chun\u212aed".encode(), "equal to chunked only for who folds case by Unicode"),
    _coding("empty coding", b""),
    _coding("a comma as coding", b","),
    refused("two fields, chunked both", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=_FIVE), 501, "S-HTTP-10", "RFC 9112 6.1, 7.1", "no coding is applied twice"),
    refused("two fields, chunked and identity", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=_FIVE), 501, "S-HTTP-10", "RFC 9112 6.1; CVE-2022-32215", "readers take the first, the last or both"),
    refused("two fields, identity and chunked", post(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked", body=_FIVE), 501, "S-HTTP-10", "RFC 9112 6.1; CVE-2022-32215", "readers take the first, the last or both"),
    refused("space before the colon of Transfer-Encoding", post(b"Transfer-Encoding : chunked", body=_FIVE), 400, "S-HTTP-3", "RFC 9112 5.1; CVE-2019-16869", "a coding that only some see"),
    refused("vertical tab before chunked", post(b"Transfer-Encoding: \x0bchunked", body=_FIVE), 400, "S-HTTP-2", "RFC 9112 5.1; CVE-2019-18277", "white space for some readers only"),
    refused("NUL behind chunked", post(b"Transfer-Encoding: chunked\0", body=_FIVE), 400, "S-HTTP-2", "RFC 9110 5.5", "some readers end the value there"),
    refused("chunked GET with a length", request(b"GET /public/a HTTP/1.1", b"Content-Length: 5", b"Transfer-Encoding: chunked", body=_FIVE), 400, "S-HTTP-10", _BOTH, "two readings"),
    passes("chunked in upper case", post(b"TRANSFER-ENCODING: CHUNKED", body=_FIVE), Reached(b"POST", body=b"abcde"), "S-HTTP-10", "RFC 9112 7", "legal"),
    passes("white space around chunked", post(b"Transfer-Encoding: \t chunked \t", body=_FIVE), Reached(b"POST", body=b"abcde"), "S-HTTP-10", "RFC 9112 5.1", "legal"),
    passes("chunked GET", request(b"GET /public/a HTTP/1.1", b"Transfer-Encoding: chunked", body=_FIVE), Reached(body=b"abcde"), "S-HTTP-10", "RFC 9112 6", "legal"),
    passes("chunked as a content coding", post(b"Content-Encoding: chunked", b"Content-Length: 2", body=b"ab"), Reached(b"POST", body=b"ab", has=((b"content-encoding", b"chunked"),)), "S-HTTP-10", "RFC 9110 8.4", "legal: not a matter of framing"),
    passes("name with an underscore", post(b"Transfer_Encoding: chunked", b"Content-Length: 2", body=b"ab"), Reached(b"POST", body=b"ab", lacks=(b"transfer_encoding",)), "S-HTTP-18", "RFC 3875 4.1.18", "another name; CGI reads it as the same, so it is removed"),
    _bad("size in 0x form", b"0x5\r\nabcde\r\n0\r\n\r\n"),
    _bad("size with a plus sign", b"+5\r\nabcde\r\n0\r\n\r\n"),
    _bad("size with a minus sign", b"-5\r\nabcde\r\n0\r\n\r\n"),
    _bad("size with a leading space", b" 5\r\nabcde\r\n0\r\n\r\n"),
    _bad("size with an underscore", b"0_5\r\nabcde\r\n0\r\n\r\n"),
    _bad("size with a dot", b"5.\r\nabcde\r\n0\r\n\r\n"),
    _bad("size with a comma", b"5,\r\nabcde\r\n0\r\n\r\n"),
    _bad("size with no hexadecimal digit", b"g\r\nabcde\r\n0\r\n\r\n"),
    _bad("size in quotes", b'"5"\r\nabcde\r\n0\r\n\r\n'),
    _bad("empty size", b"\r\nabcde\r\n0\r\n\r\n"),
    _bad("extension without a size", b";a=b\r\nabcde\r\n0\r\n\r\n"),
    _bad("size of 17 digits", b"00000000000000005\r\nabcde\r\n0\r\n\r\n", why="more digits than 64 bits have"),
    _bad("size 2^64 + 5", b"10000000000000005\r\nabcde\r\n0\r\n\r\n", why="5 for who does not look at the overflow"),
    _bad("size in fullwidth digits", "５\r\nabcde\r\n0\r\n\r\n".encode()),
    _bad("LF behind the size", b"5\nabcde\r\n0\r\n\r\n", "RFC 9112 7.1; CVE-2025-22871", "lines end in CR LF"),
    _bad("CR behind the size", b"5\rabcde\r\n0\r\n\r\n", _CHUNK, "lines end in CR LF"),
    _bad("CR CR LF behind the size", b"5\r\r\nabcde\r\n0\r\n\r\n", _CHUNK, "lines end in CR LF"),
    _bad("LF for every line end of a chunked body", b"5\nabcde\n0\n\n", "RFC 9112 7.1", "lines end in CR LF"),
    _bad("LF behind the data", b"5\r\nabcde\n0\r\n\r\n", _CHUNK, "lines end in CR LF"),
    _bad("nothing behind the data", b"5\r\nabcde0\r\n\r\n", _CHUNK, "lines end in CR LF"),
    _bad("text behind the data", b"1\r\naXX\r\n0\r\n\r\n", "RFC 9112 7.1; CVE-2022-24801", "a chunk of two lengths"),
    _bad("more data than the size says", b"5\r\nabcdef\r\n0\r\n\r\n", _CHUNK, "a chunk of two lengths"),
    _bad("less data than the size says", b"5\r\nabcd\r\n0\r\n\r\n", _CHUNK, "a chunk of two lengths"),
    _bad("LF in an extension", b"5;a\nabcde\r\n0\r\n\r\n", "RFC 9112 7.1.1, erratum 7633; CVE-2025-55315", "an extension for some, a line end for others"),
    _bad("CR in an extension", b"5;a\rb\r\nabcde\r\n0\r\n\r\n", "RFC 9112 7.1.1; CVE-2025-55315", "an extension for some, a line end for others"),
    _bad("NUL in an extension", b"5;a\0b\r\nabcde\r\n0\r\n\r\n", _EXTENSION, "some readers end the line there"),
    _bad("escape in an extension", b"5;\x1b\r\nabcde\r\n0\r\n\r\n", _EXTENSION, "no control octet"),
    _bad("text for an extension", b"5 a\r\nabcde\r\n0\r\n\r\n", _EXTENSION, "an extension begins with a semicolon"),
    _bad("white space of 40 octets behind the size", b"5" + b" " * 40 + b"\r\nabcde\r\n0\r\n\r\n", _CHUNK, "padding is at most a few octets"),
    _bad("extension of 4097 octets", b"5;" + b"a" * 4096 + b"\r\nabcde\r\n0\r\n\r\n", "RFC 9112 7.1.1; CVE-2023-39326", "work without data"),
    _bad("many extensions", b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 200 + b"0\r\n\r\n", "RFC 9112 7.1.1; CVE-2023-39326", "work without data"),
    _bad("bad size of the second chunk", b"5\r\nabcde\r\nx\r\n0\r\n\r\n"),
    _bad("bad size of the last chunk", b"5\r\nabcde\r\n0x0\r\n\r\n"),
    _bad("LF behind the last size", b"5\r\nabcde\r\n0\n\r\n", _CHUNK, "lines end in CR LF"),
    _bad("LF at the end", b"5\r\nabcde\r\n0\r\n\n", _CHUNK, "lines end in CR LF"),
    silent("client ends without a last chunk", chunked(b"5\r\nabcde\r\n"), "S-HTTP-30", "RFC 9112 8", "incomplete, also for the back end", ends=True),
    silent("client ends within a chunk", chunked(b"5\r\nab"), "S-HTTP-30", "RFC 9112 8", "incomplete, also for the back end", ends=True),
    silent("client ends within a size", chunked(b"5"), "S-HTTP-30", "RFC 9112 8", "incomplete, also for the back end", ends=True),
    silent("client ends before the last empty line", chunked(b"5\r\nabcde\r\n0\r\n"), "S-HTTP-30", "RFC 9112 8", "incomplete, also for the back end", ends=True),
    silent("chunk of 2^64 - 1 octets", chunked(b"ffffffffffffffff\r\nabc"), "S-HTTP-30", "RFC 9112 8", "legal digits, and incomplete", ends=True),
    refused("chunks over the directory's limit", request(b"POST /small/a HTTP/1.1", b"Transfer-Encoding: chunked", body=b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"), 413, "S-HTTP-25", "RFC 9110 15.5.14", "over the limit of the directory; the back end gets no end", peers=False),
    _good("one chunk", _FIVE, b"abcde"),
    _good("several chunks", b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", b"abcdef"),
    _good("a hundred chunks of one octet", b"1\r\nx\r\n" * 100 + b"0\r\n\r\n", b"x" * 100),
    _good("empty body", b"0\r\n\r\n", b""),
    _good("hexadecimal digits", b"A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", b"01234567890123456789a"),
    _good("sizes with leading zeros", b"0005\r\nabcde\r\n000\r\n\r\n", b"abcde"),
    _good("16 digits", b"0000000000000005\r\nabcde\r\n0\r\n\r\n", b"abcde"),
    _good("chunk of 70,000 octets", b"11170\r\n" + b"x" * 70_000 + b"\r\n0\r\n\r\n", b"x" * 70_000),
    _good("data of line ends", b"6\r\n\r\n0\r\n\r\r\n0\r\n\r\n", b"\r\n0\r\n\r"),
    _good("extension", b"5;a\r\nabcde\r\n0\r\n\r\n", b"abcde", _EXTENSION, "legal, and dropped"),
    _good("extension with a value", b"5;name=value\r\nabcde\r\n0;last\r\n\r\n", b"abcde", _EXTENSION, "legal, and dropped"),
    _good("extension with a quoted value", b'5;name="a;b\\"c"\r\nabcde\r\n0\r\n\r\n', b"abcde", _EXTENSION, "legal, and dropped"),
    _good("two extensions", b"5;a=b;c\r\nabcde\r\n0\r\n\r\n", b"abcde", _EXTENSION, "legal, and dropped"),
    _good("white space around an extension", b"5 ; a = b\r\nabcde\r\n0\r\n\r\n", b"abcde", _EXTENSION, "legal for a recipient, and dropped"),
    _good("8-bit extension", b'5;a="\xe4"\r\nabcde\r\n0\r\n\r\n', b"abcde", _EXTENSION, "legal, and dropped"),
    _good("padded size", b"5   \r\nabcde\r\n0   \r\n\r\n", b"abcde", _CHUNK, "old servers pad their sizes"),
)  # fmt: skip
