"""Requests by the rules S-HTTP-1 to S-HTTP-10 and S-HTTP-15: each listed input gives its stated status."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.http1.events import CHUNKED, END, NO_BODY, TRUNCATED, Data, Length, Malformed, RequestHead
from exfront.wire.http1.request import TLS_HANDSHAKE, RequestReader
from exfront.wire.http1.request_head import examine, parse_request_line
from tests.wire.http1.reading import drain, head, play, refusal, requests


def with_fields(*lines: bytes, start: bytes = b"GET / HTTP/1.1", host: bool = True) -> bytes:
    """A head of `start` and `lines`, and a Host unless it is among them."""
    return b"".join(line + b"\r\n" for line in (start, *([b"Host: a"] if host else []), *lines, b""))


class Refusals(SynchronousTestCase):
    def refuses(self, status: int | None, *inputs: bytes) -> None:
        """Each of `inputs` alone gives `Malformed` with `status` and nothing else; with None it gives a head."""
        for octets in inputs:
            events = requests(octets)
            self.assertEqual(refusal(events), status, octets)
            if status is None:
                self.assertIsInstance(events[0], RequestHead, octets)
            else:
                self.assertEqual(len(events), 1, octets)


class RequestLineTests(Refusals):
    def test_a_request_line_that_is_not_method_target_version_is_refused(self) -> None:
        """S-HTTP-1: method SP target SP HTTP/1.DIGIT, with one SP each, or 400."""
        lines = (
            b"GET  / HTTP/1.1", b"GET\t/", b"GET /a b HTTP/1.1", b"GET /", b"GET / HTTP/1.10", b"GET / http/1.1",
            b" GET / HTTP/1.1", b"GET / HTTP/1.1 ", b"GET / HTTP/1", b"GET / HTTP/x.1", b"G@T / HTTP/1.1",
            b"/ HTTP/1.1", b"GET /\xe9 HTTP/1.1", b"GET", b"GET / HTTP/10.0",
        )  # fmt: skip
        self.refuses(400, *(with_fields(start=line) for line in lines))

    def test_another_major_version_is_refused_as_such(self) -> None:
        """S-HTTP-1: another major version, also the HTTP/2 preface, is 505."""
        lines = (b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"GET / HTTP/7.1", b"GET * HTTP/2.0")
        self.refuses(505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", *(with_fields(start=line) for line in lines))

    def test_a_faulty_request_line_is_refused_without_waiting_for_the_headers(self) -> None:
        """S-HTTP-1: HTTP/0.9 and the HTTP/2 preface are refused at the end of their line."""
        self.refuses(400, b"GET /\r\n", b"GET /a#b HTTP/1.1\r\n", b"GET / HTTP/1.1xyz")
        self.refuses(505, b"PRI * HTTP/2.0\r\n")

    def test_http_1_0_and_later_minor_versions_are_read(self) -> None:
        """S-HTTP-1: HTTP/1.0 is legal; a minor version above 1 is read as 1 (RFC 9110 section 2.5)."""
        self.assertEqual(head(b"GET / HTTP/1.0\r\n\r\n").minor, 0)
        self.assertEqual(head(with_fields(start=b"GET / HTTP/1.1")).minor, 1)
        self.assertEqual(head(with_fields(start=b"GET / HTTP/1.2")).minor, 1)

    def test_empty_lines_before_a_request_line_are_skipped(self) -> None:
        """S-HTTP-1: a CRLF too many behind a former message does no harm (RFC 9112 section 2.2)."""
        get = with_fields()
        self.assertEqual(requests(b"\r\n\r\n" + get + b"\r\n" + get), requests(get + get))
        self.assertEqual(RequestReader().buffered, 0)

    def test_empty_lines_count_as_octets_of_the_head(self) -> None:
        """S-HTTP-1, S-HTTP-8: empty lines without end are 431."""
        self.refuses(None, b"\r\n" * 32_000 + with_fields())
        self.refuses(431, b"\r\n" * 32_769, b"\r\n" * 32_760 + with_fields(b"X: 12345678901234567890"))

    def test_a_method_can_be_any_token_but_not_any_length(self) -> None:
        """S-HTTP-7: the reader shows each method; one longer than any method is 501 (RFC 9112 section 3)."""
        for method in (b"RPC_IN_DATA", b"X-MS-ENUMATTS", b"get", b"M" * 64):
            self.assertEqual(head(with_fields(start=method + b" / HTTP/1.1")).method, method)
        self.refuses(501, with_fields(start=b"M" * 65 + b" / HTTP/1.1"), b"M" * 65)
        self.refuses(400, b"(" * 65)

    def test_a_tls_client_on_a_clear_port_is_known_by_its_first_octet(self) -> None:
        """S-TLS-6: the first octet 0x16 is told apart, so that the caller just closes."""
        for hello in (b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"):
            self.assertEqual(requests(hello), [TLS_HANDSHAKE])
        self.assertNotEqual(requests(b"GET /\x16"), [TLS_HANDSHAKE])


class LineEndTests(Refusals):
    def test_a_bare_lf_or_cr_or_a_control_octet_is_refused_at_once(self) -> None:
        """S-HTTP-2: bare LF, bare CR, NUL and control octets give 400 without waiting for the rest.

        Bad input: bare LF
        """
        begun = b"GET / HTTP/1.1\r\nHost: a\r\n"
        self.refuses(400, b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: a\n", begun + b"X: a\rb", begun + b"X: a\0")
        controls = [octet for octet in (*range(0x20), 0x7F) if octet not in (0x09, 0x0A, 0x0D)]
        self.refuses(400, *(begun + b"X: a%c" % octet for octet in controls))
        self.refuses(400, *(with_fields(b"X: a%cb" % octet) for octet in (*controls, 0x0A, 0x0D)))
        self.refuses(400, begun + b"a\n", begun + b"\n\r\n", begun + b"X: a\r\n\n")
        self.refuses(400, *(b"GET /%c" % octet for octet in controls if octet != 0x16), b"\n", b"\rX", b"\x00")

    def test_a_cr_that_may_get_its_lf_is_waited_for(self) -> None:
        """S-HTTP-2: only what is certain is refused."""
        reader = RequestReader()
        self.assertEqual(play(reader, [b"\r"]), [])
        self.assertEqual(play(reader, [b"\nGET / HTTP/1.1\r\nHost: a\r", b"\n\r"]), [])
        self.assertIsInstance(play(reader, [b"\n"])[0], RequestHead)

    def test_obs_text_and_tabs_in_values_pass_unchanged(self) -> None:
        """S-HTTP-2: octets 0x80-0xFF and HTAB are legal in values."""
        value = bytes(range(0x80, 0x100)) + b"\ta"
        self.assertEqual(head(with_fields(b"X: " + value)).get(b"x"), value)


class FieldLineTests(Refusals):
    def test_a_line_that_is_not_name_colon_value_is_refused(self) -> None:
        """S-HTTP-3: space before the colon, no name, no colon, folds, white space before the first field: 400."""
        lines = (b"Host : a", b": 1", b"nocolon", b"X\t: 1", b"X: a\r\n b", b"X: a\r\n\tb", b"X@: 1", b"X\xe9: 1")
        self.refuses(400, *(with_fields(line) for line in lines))
        self.refuses(400, with_fields(b" X: 1", b"Host: a", host=False), with_fields(b"\tHost: a", host=False))

    def test_white_space_around_a_value_is_not_part_of_it(self) -> None:
        """S-HTTP-3: SP and HTAB around values are legal."""
        request = head(with_fields(b"X: \t a b \t ", b"Y:z", b"Empty:", b"Blank:  "))
        self.assertEqual([request.get(name) for name in (b"X", b"Y", b"Empty", b"Blank")], [b"a b", b"z", b"", b""])

    def test_names_and_their_order_are_kept_and_found_in_any_case(self) -> None:
        request = head(with_fields(b"x-A: 1", b"X-a: 2", b"b: 3"))
        self.assertEqual(request.headers, ((b"Host", b"a"), (b"x-A", b"1"), (b"X-a", b"2"), (b"b", b"3")))
        self.assertEqual((request.get(b"X-A"), request.get_all(b"X-A")), (b"1", [b"1", b"2"]))
        self.assertEqual((request.get(b"c"), request.get_all(b"c")), (None, []))


class HostTests(Refusals):
    def test_http_1_1_without_host_is_refused(self) -> None:
        """S-HTTP-4: HTTP/1.1 needs a Host; HTTP/1.0 may have none.

        Bad input: no Host
        """
        self.refuses(400, with_fields(host=False), with_fields(start=b"GET http://a/ HTTP/1.1", host=False))
        self.assertEqual(head(b"GET / HTTP/1.0\r\n\r\n").authority, b"")

    def test_two_hosts_are_refused(self) -> None:
        """S-HTTP-4: two Hosts, also equal ones and in HTTP/1.0: 400.

        Bad input: two Hosts
        """
        self.refuses(400, with_fields(b"Host: b"), with_fields(b"Host: a"), with_fields(b"hOST: a"))
        self.refuses(400, with_fields(b"Host: a", start=b"GET / HTTP/1.0"))

    def test_a_host_that_is_no_name_or_address_is_refused(self) -> None:
        """S-HTTP-4: anything but uri-host[:port] is 400."""
        hosts = (
            b"a/b", b"a@b", b"a,b", b"", b"a b", b"a?b", b"a#b", b"a\\b", b"a%2eb", b"a:b", b"a:0", b"a:65536", b":80",
            b"a:80:80", b"a:+80", b"[::1", b"::1", b"[]", b"[1.2.3.4]", b"[::1%25eth0]", b"[v1.a]", b"[::g]", b"a\xe9",
            b"a:000080", b"http://a", b"a" * 256, b"a;b", b"a'b", b"a\tb",
        )  # fmt: skip
        self.refuses(400, *(with_fields(b"Host: " + host, host=False) for host in hosts))

    def test_names_and_addresses_are_taken_in_lower_case(self) -> None:
        """S-HTTP-4: any case, a trailing dot, IPv6 literals and ports 1-65535 are legal."""
        hosts = {
            b"Mail.Fourthcoffee.COM": b"mail.fourthcoffee.com", b"a.": b"a.", b"a:1": b"a:1", b"A:65535": b"a:65535",
            b"[::1]": b"[::1]", b"[2001:DB8::1]:443": b"[2001:db8::1]:443", b"10.0.0.1:80": b"10.0.0.1:80", b"a:": b"a",
            b"my_host": b"my_host", b"[::ffff:1.2.3.4]": b"[::ffff:1.2.3.4]",
        }  # fmt: skip
        for host, authority in hosts.items():
            self.assertEqual(head(with_fields(b"Host: " + host, host=False)).authority, authority)


class TargetTests(Refusals):
    def parts(self, line: bytes) -> tuple[bytes, bytes | None, bytes]:
        request = head(with_fields(start=line))
        self.assertEqual(request.target, line.split(b" ")[1])
        return request.path, request.query, request.authority

    def test_the_absolute_form_replaces_host_and_goes_on_in_origin_form(self) -> None:
        """S-HTTP-6: the authority of the absolute form is the one that counts, the path goes on without it."""
        for target, parts in {
            b"http://evil/owa/": (b"/owa/", None, b"evil"),
            b"HTTPS://Evil:8443/owa/?a=http://b/?c": (b"/owa/", b"a=http://b/?c", b"evil:8443"),
            b"http://evil": (b"/", None, b"evil"),
            b"http://evil?a": (b"/", b"a", b"evil"),
            b"http://[::1]:80/": (b"/", None, b"[::1]:80"),
        }.items():
            self.assertEqual(self.parts(b"GET " + target + b" HTTP/1.1"), parts)

    def test_the_origin_form_is_kept_verbatim(self) -> None:
        """S-HTTP-6, S-HTTP-23: path and query are the octets received, split at the first question mark."""
        for target, path, query in (
            (b"/", b"/", None),
            (b"/?", b"/", b""),
            (b"//owa/..%2f%zz/\\|^?a?b=http://c/", b"//owa/..%2f%zz/\\|^", b"a?b=http://c/"),
            (b"/a@b:c/", b"/a@b:c/", None),
        ):
            self.assertEqual(self.parts(b"GET " + target + b" HTTP/1.1"), (path, query, b"a"))

    def test_a_target_in_no_legal_form_is_refused(self) -> None:
        """S-HTTP-6: fragments, userinfo, other schemes, any other form, and * without OPTIONS: 400."""
        targets = (
            b"/a#b", b"/#", b"http://a/#b", b"http://u@a/", b"http://u:p@a/", b"ftp://a/", b"http:/a/", b"http:///a",
            b"http://a:0/", b"http://a\\b/", b"*", b"a:80", b"owa/", b"?a", b"#", b"http://", b"a",
        )  # fmt: skip
        self.refuses(400, *(with_fields(start=b"GET " + target + b" HTTP/1.1") for target in targets))
        self.refuses(400, with_fields(start=b"options * HTTP/1.1"), with_fields(start=b"OPTIONS *a HTTP/1.1"))

    def test_options_may_ask_for_the_server_itself(self) -> None:
        """S-HTTP-6: OPTIONS * has the path *, also in the absolute form without a path (RFC 9112 section 3.2.4)."""
        self.assertEqual(self.parts(b"OPTIONS * HTTP/1.1"), (b"*", None, b"a"))
        self.assertEqual(self.parts(b"OPTIONS http://b HTTP/1.1"), (b"*", None, b"b"))
        self.assertEqual(self.parts(b"OPTIONS http://b/ HTTP/1.1"), (b"/", None, b"b"))
        self.assertEqual(self.parts(b"OPTIONS /owa/ HTTP/1.1"), (b"/owa/", None, b"a"))

    def test_connect_is_read_with_an_empty_path(self) -> None:
        """S-HTTP-7: CONNECT reaches the caller, who answers 405; only its authority form is well-formed."""
        self.assertEqual(self.parts(b"CONNECT B:443 HTTP/1.1"), (b"", None, b"b:443"))
        self.assertEqual(self.parts(b"CONNECT [::1]:443 HTTP/1.1"), (b"", None, b"[::1]:443"))
        targets = (b"/", b"b", b"b:", b"[::1]", b"http://b/", b"*", b"u@b:1", b"b:0")
        self.refuses(400, *(with_fields(start=b"CONNECT " + target + b" HTTP/1.1") for target in targets))


class ContentLengthTests(Refusals):
    def test_a_content_length_that_is_not_one_number_is_refused(self) -> None:
        """S-HTTP-9: sign, hex, list, underscore, empty, two fields, 2^63 and more: 400."""
        values = (
            b"+2", b"-2", b"0x2", b"2, 2", b"2,2", b"1_0", b"", b" ", b"2 2", b"2;", b"1e1", b"2.0", b"\xb2",
            b"9223372036854775808", b"1" + b"0" * 19, b"9" * 5000,
        )  # fmt: skip
        self.refuses(400, *(with_fields(b"Content-Length: " + value) for value in values))
        for other in (b"2", b"3"):
            self.refuses(400, with_fields(b"Content-Length: 2", b"content-length: " + other) + b"ab")

    def test_a_content_length_below_2_to_the_63_is_read(self) -> None:
        """S-HTTP-9: leading zeros are legal."""
        for value, octets in {
            b"0": 0, b"000": 0, b"5": 5, b"0005": 5, b"0" * 5000 + b"5": 5, b"9223372036854775807": 2**63 - 1,
        }.items():  # fmt: skip
            self.assertEqual(head(with_fields(b"Content-Length: " + value)).framing, Length(octets))
        self.assertEqual(head(with_fields()).framing, NO_BODY)

    def test_the_body_has_just_that_length(self) -> None:
        post, get = with_fields(b"Content-Length: 3", start=b"POST / HTTP/1.1"), with_fields()
        events = requests(post + b"abc" + get)
        self.assertEqual([events[1], events[2], events[4]], [Data(b"abc"), END, END])
        self.assertEqual(requests(with_fields(b"Content-Length: 0"))[1:], [END])
        self.assertEqual(requests(get)[1:], [END])


class TransferEncodingTests(Refusals):
    def test_both_content_length_and_transfer_encoding_are_refused(self) -> None:
        """S-HTTP-10: with Content-Length, or in HTTP/1.0: 400.

        Bad input: both Content-Length and Transfer-Encoding
        """
        chunked = b"Transfer-Encoding: chunked"
        self.refuses(400, with_fields(b"Content-Length: 3", chunked), with_fields(chunked, b"Content-Length: 0"))
        self.refuses(400, with_fields(chunked, start=b"GET / HTTP/1.0"), with_fields(b"Content-Length: x", chunked))

    def test_another_transfer_encoding_is_not_implemented(self) -> None:
        """S-HTTP-10: exactly one value, chunked; any other is 501."""
        values = (
            b"identity", b"gzip, chunked", b"xchunked", b"chunked, chunked", b"chunked, identity", b"chunked;a=b", b"",
            b"chunked,", b",chunked", b'"chunked"', b"chunked\x80", b"chun\tked",
        )  # fmt: skip
        self.refuses(501, *(with_fields(b"Transfer-Encoding: " + value) for value in values))
        self.refuses(501, with_fields(b"Transfer-Encoding: chunked", b"transfer-encoding: chunked"))
        self.refuses(501, with_fields(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"))

    def test_chunked_is_read_in_any_case(self) -> None:
        """S-HTTP-10: `Chunked` is legal."""
        for value in (b"chunked", b"Chunked", b"CHUNKED", b" \tchunked "):
            self.assertEqual(head(with_fields(b"Transfer-Encoding: " + value)).framing, CHUNKED)


class ConnectionTests(Refusals):
    def test_a_connection_lives_on_as_the_version_and_the_client_say(self) -> None:
        for version, connection, keep_alive in (
            (b"1.1", None, True),
            (b"1.1", b"Keep-Alive", True),
            (b"1.1", b"upgrade, CLOSE", False),
            (b"1.1", b"xclose", True),
            (b"1.0", None, False),
            (b"1.0", b"Keep-Alive", True),
            (b"1.0", b"keep-alive, close", False),
        ):
            fields = [] if connection is None else [b"Connection: " + connection]
            request = head(with_fields(*fields, start=b"GET / HTTP/" + version))
            self.assertEqual(request.keep_alive, keep_alive, (version, connection))

    def test_nothing_is_read_behind_a_request_that_closes(self) -> None:
        events = requests(with_fields(b"Connection: close", b"Content-Length: 2") + b"ab" + with_fields())
        self.assertEqual(events[1:], [Data(b"ab"), END])

    def test_pipelined_requests_are_read_one_by_one_when_asked_for(self) -> None:
        """S-HTTP-13: the next head is read only when the caller asks, after the former response."""
        reader = RequestReader()
        one, two = with_fields(start=b"GET /1 HTTP/1.1"), with_fields(start=b"GET /2 HTTP/1.1")
        reader.receive(one + two)
        self.assertEqual([type(reader.next_event()), reader.next_event()], [RequestHead, END])
        self.assertEqual((reader.buffered, reader.rest), (len(two), two))
        second = reader.next_event()
        assert isinstance(second, RequestHead)
        self.assertEqual((second.path, reader.buffered), (b"/2", 0))

    def test_the_octets_behind_an_upgrade_are_the_tunnels(self) -> None:
        """S-HTTP-16: what follows the request is given back as it came."""
        reader = RequestReader()
        reader.receive(with_fields(b"Connection: Upgrade", b"Upgrade: websocket") + b"\x81\x05\n\0\r")
        self.assertEqual([type(reader.next_event()), reader.next_event()], [RequestHead, END])
        self.assertEqual(reader.rest, b"\x81\x05\n\0\r")

    def test_a_client_that_closes_within_a_message_leaves_it_truncated(self) -> None:
        """S-HTTP-30: what was cut short never looks complete."""
        post = with_fields(b"Content-Length: 3", start=b"POST / HTTP/1.1")
        chunked = with_fields(b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.1")
        for octets in (
            b"G", post[:-1], post + b"ab", chunked, chunked + b"3\r\nabc", chunked + b"0\r\n", with_fields() + b"GET /",
        ):  # fmt: skip
            self.assertEqual(requests(octets, ended=True)[-1], TRUNCATED, octets)

    def test_a_client_that_closes_between_messages_has_just_gone(self) -> None:
        self.assertEqual(requests(b"", ended=True), [])
        self.assertEqual(requests(with_fields() + b"\r\n", ended=True)[1:], [END])

    def test_nothing_comes_behind_a_malformed_request(self) -> None:
        reader = RequestReader()
        self.assertEqual(refusal(play(reader, [b"GET /\r\n", with_fields()])), 400)
        reader.receive(with_fields())
        reader.end()
        self.assertEqual((drain(reader), reader.buffered), ([], 0))


class ExpectTests(Refusals):
    def test_a_client_that_awaits_100_is_known(self) -> None:
        """S-HTTP-15: 100-continue in HTTP/1.1, in any case; ignored in HTTP/1.0 and without a body."""
        body = b"Content-Length: 1073741824"
        self.assertTrue(head(with_fields(b"Expect: 100-Continue", body)).expect_continue)
        self.assertTrue(head(with_fields(b"Expect: 100-continue", b"Transfer-Encoding: chunked")).expect_continue)
        self.assertFalse(head(with_fields(body)).expect_continue)
        self.assertFalse(head(with_fields(b"Expect: 100-continue")).expect_continue)
        self.assertFalse(head(with_fields(b"Expect: 100-continue", b"Content-Length: 0")).expect_continue)
        self.assertFalse(head(with_fields(b"Expect: foo", body, start=b"PUT / HTTP/1.0")).expect_continue)

    def test_another_expectation_fails(self) -> None:
        """S-HTTP-15: another value is 417."""
        self.refuses(417, with_fields(b"Expect: foo"), with_fields(b"Expect: 100-continue, foo"))
        self.refuses(417, with_fields(b"Expect: 100-continue", b"Expect: 200-ok"))


class AuthorizationTests(Refusals):
    def test_two_authorizations_are_refused(self) -> None:
        """S-AUTH-12: which of two the back end would take is anybody's guess."""
        self.refuses(400, with_fields(b"Authorization: Basic dTpw", b"authorization: Basic dTpw"))

    def test_no_secret_is_in_the_repr_of_an_event(self) -> None:
        """S-AUTH-11: Authorization, cookies, queries and bodies stay out of reprs, and so out of logs."""
        start = b"POST /owa/?password=s3cret HTTP/1.1"
        events = requests(with_fields(b"Authorization: s3cret", b"Content-Length: 6", start=start) + b"s3cret")
        self.assertNotIn("s3cret", repr(events))
        self.assertNotIn("s3cret", repr(examine(((b"Host", b"a"), (b"Cookie", b"s3cret")), 1)))
        self.assertNotIn("s3cret", repr(parse_request_line(start + b"\r\n")))
        self.assertIn("Authorization", repr(events))

    def test_no_octet_of_the_peer_is_in_the_text_of_a_refusal(self) -> None:
        """S-HTTP-40: the text is one of ours."""
        for octets in (b"GET /s3cret\r\n", with_fields(b"s3cret"), with_fields(b"Host: s3cret@")):
            event = requests(octets)[0]
            assert isinstance(event, Malformed)
            self.assertNotIn("s3cret", event.text)


class RememberedFieldsTests(Refusals):
    def test_fields_equal_to_the_last_ones_mean_the_same(self) -> None:
        reader = RequestReader()
        (first, _, second, _) = play(reader, [with_fields(start=b"GET /1 HTTP/1.1"), with_fields(b"X: 1")])
        (third, _) = play(reader, [with_fields(b"X: 1", start=b"PUT /3 HTTP/1.1")])
        assert isinstance(first, RequestHead) and isinstance(second, RequestHead) and isinstance(third, RequestHead)
        self.assertEqual((first.get(b"X"), second.get(b"X"), third.get(b"X")), (None, b"1", b"1"))
        self.assertEqual((first.path, second.path, third.path, third.method), (b"/1", b"/", b"/3", b"PUT"))

    def test_equal_fields_of_another_version_are_read_anew(self) -> None:
        reader = RequestReader()
        play(reader, [with_fields()])
        (old, _) = play(reader, [with_fields(start=b"GET / HTTP/1.0")])
        assert isinstance(old, RequestHead)
        self.assertFalse(old.keep_alive)

    def test_refused_fields_are_refused_each_time(self) -> None:
        self.assertEqual(refusal(play(RequestReader(), [with_fields(), with_fields(b"Host: a")])), 400)
