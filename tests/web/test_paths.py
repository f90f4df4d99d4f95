"""The checked copy of a path."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.web.paths import BadPath, checked

REFUSED = [
    b"/owa/../ecp", b"/owa/..", b"/owa/.", b"/./owa", b"/owa/%2e%2e/ecp", b"/owa/%2E./ecp", b"/owa/.%2e", b"/owa/%2e",
    b"/owa/%252e%252e/x", b"/owa/%252E%252e", b"/owa/.%252e/x", b"/owa/..%2fecp", b"/owa/x%2f..%2fecp",
    b"/owa/x%2f%2e%2e", b"/owa/..%252fecp", b"/owa/..%255cecp", b"/owa/%5c..", b"/owa\\..\\ecp", b"/owa/a\\b",
    b"/owa/a%5Cb", b"/owa/%c0%ae%c0%ae/", b"/%c0%afowa", b"/owa/%ff", b"/%ed%a0%80/", b"/owa/%00", b"/owa/a%00b/c",
    b"/owa/x/y%00", b"/owa/%0d%0aX:", b"/owa/%09", b"/owa/%7f", b"/owa/%1f", b"/owa/%", b"/owa/%4", b"/owa/%zz",
    b"/owa/100%.EML", b"/owa/%u002e%u002e/", b"/owa/%U0041", b"/x/y/z/..", b"/x/y/z/%2e%2e%2fw",
]  # fmt: skip

TAKEN = {
    b"/": (b"",),
    b"/owa": (b"owa",),
    b"/owa/": (b"owa", b""),
    b"//owa": (b"", b"owa"),
    b"/OWA/a": (b"OWA", b"a"),
    b"/%6fwa/": (b"owa", b""),
    b"/exchange/alice/Inbox/hand..EML": (b"exchange", b"alice", b"Inbox", b"hand..EML"),
    b"/exchange/alice/Inbox/...EML": (b"exchange", b"alice", b"Inbox", b"...EML"),
    b"/exchange/alice/a&b.EML": (b"exchange", b"alice", b"a&b.EML"),
    b"/exchange/alice/Inbox/a%2Fb.EML": (b"exchange", b"alice", b"Inbox", b"a/b.EML"),
    b"/exchange/alice/Inbox/100%25.EML": (b"exchange", b"alice", b"Inbox", b"100%.EML"),
    b"/exchange/alice/Inbox/_xF8FF_.EML": (b"exchange", b"alice", b"Inbox", b"_xF8FF_.EML"),
    b"/exchange/alice/Entw%C3%BCrfe/": (b"exchange", b"alice", "Entwürfe".encode(), b""),
    b"/exchange/alice/Inbox/%FC.EML": (b"exchange", b"alice", b"Inbox", b"\xfc.EML"),
    b"/exchange%2falice": (b"exchange/alice",),
    b"/.well-known/caldav": (b".well-known", b"caldav"),
}


class CheckedTests(SynchronousTestCase):
    def test_paths_that_a_back_end_could_read_differently_are_refused(self) -> None:
        """S-HTTP-21: bad escapes, controls, backslashes, bad UTF-8 and dot segments, encoded once or twice."""
        for path in REFUSED:
            with self.assertRaises(BadPath, msg=path):
                checked(path)

    def test_names_of_mails_and_folders_pass(self) -> None:
        """S-HTTP-21: only whole dot segments are refused; subjects as file names are not."""
        for path, segments in TAKEN.items():
            self.assertEqual(checked(path), segments, path)

    def test_a_refusal_repeats_nothing_of_the_path(self) -> None:
        """S-HTTP-40: no octet of a client in a message."""
        for path in REFUSED:
            try:
                checked(path)
            except BadPath as why:
                self.assertNotRegex(str(why), r"[%\\/]")

    @given(st.binary(max_size=40))
    @settings(deadline=None)
    def test_whatever_passes_has_no_dot_segment_for_any_reader(self, octets: bytes) -> None:
        """S-HTTP-21: neither as received nor decoded once or twice, with either slash."""
        path = b"/" + quote_from_bytes(octets, safe="/\\.%:@&").encode("ascii")
        try:
            segments = checked(path)
        except BadPath:
            return
        for segment in segments:
            for text in (segment, segment.replace(b"%2e", b".").replace(b"%2E", b".")):
                self.assertNotIn(b"..", text.replace(b"\\", b"/").split(b"/"))
            self.assertNotIn(b"\0", segment)
