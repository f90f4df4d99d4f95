"""Authentication schemes in the fields of HTTP."""

from __future__ import annotations

from re import _parser  # type: ignore[attr-defined]

from twisted.trial.unittest import SynchronousTestCase

from exfront.web import schemes
from exfront.web.schemes import offered, passed_on, proven_here, used
from tests.wire.http1.test_linear import greedy_repeats


class OfferedTests(SynchronousTestCase):
    def test_the_schemes_of_all_challenges_in_their_order(self) -> None:
        """S-OPS-15: also several in one field; parameters are no schemes."""
        for values, names in {
            (): "-",
            (b'Basic realm="Mail"',): "Basic",
            (b"Negotiate", b"NTLM", b'Basic realm="a, b", charset="UTF-8"'): "Negotiate,NTLM,Basic",
            (b'Negotiate, NTLM, Basic realm="x, NTLM"',): "Negotiate,NTLM,Basic",
            (b"Negotiate YII=, Basic realm=x",): "Negotiate,Basic",
            (b'Digest realm="a\\", Bearer", nonce="b", algorithm=MD5',): "Digest",
            (b"NTLM TlRMTVNTUAAC==", b"NTLM"): "NTLM",
            (b'Basic realm="unfinished, NTLM',): "Basic",
            (b"",): "-",
            (b'", "',): "-",
            (b"a\x7f, \xffb, Basic",): "Basic",
        }.items():
            headers = tuple((b"WWW-Authenticate", value) for value in values)
            self.assertEqual(offered((*headers, (b"X", b"Basic"))), names, values)

    def test_a_long_list_is_cut(self) -> None:
        """S-HTTP-40: and read in one pass, whatever stands in it."""
        many = b", ".join(b"S%d" % number for number in range(1000))
        self.assertEqual(offered(((b"WWW-Authenticate", many),)), "S0,S1,S2,S3,S4,S5,S6,S7")
        self.assertEqual(greedy_repeats(_parser.parse(schemes._MEMBER.pattern)), [])


class UsedTests(SynchronousTestCase):
    def test_the_scheme_and_never_more(self) -> None:
        """S-AUTH-11, S-HTTP-40: of what a client says, one token."""
        for value, name in {
            None: "-",
            b"Basic YTpi": "Basic",
            b"basic YTpi": "basic",
            b"Negotiate": "Negotiate",
            b"": "?",
            b"YTpi\x00": "?",
            b"\xe4 x": "?",
            b"x" * 33: "?",
            b'"a" b': "?",
        }.items():
            self.assertEqual(used(value), name, value)


class TreatmentTests(SynchronousTestCase):
    def test_who_proves_the_user(self) -> None:
        """S-AUTH-12: exfront where Basic is asked for, but for schemes that pass through."""
        for methods, authorization, here in (
            (("basic",), None, True), (("basic",), b"Basic eDp5", True), (("basic",), b"NTLM TlRM", True),
            (("anonymous",), b"Basic eDp5", False), (("anonymous",), None, False),
            (("passthrough",), None, False), (("passthrough",), b"NTLM TlRM", False),
            (("basic", "passthrough"), None, False), (("basic", "passthrough"), b"bAsIc eDp5", True),
            (("basic", "passthrough"), b"Bearer x", True), (("basic", "passthrough"), b"Negotiate YII", False),
        ):  # fmt: skip
            self.assertEqual(proven_here(methods, authorization), here, (methods, authorization))

    def test_passwords_and_tokens_never_pass_through_unproven(self) -> None:
        """S-AUTH-7: the guard could not count them."""
        for methods, authorization, passed in (
            (("passthrough",), b"Basic eDp5", None), (("passthrough",), b"BEARER x", None),
            (("passthrough",), b"NTLM TlRM", b"NTLM TlRM"), (("passthrough",), None, None),
            (("basic", "passthrough"), b"Negotiate YII", b"Negotiate YII"),
            (("anonymous",), b"Basic eDp5", b"Basic eDp5"),
        ):  # fmt: skip
            self.assertEqual(passed_on(methods, authorization, proxied=False), passed, (methods, authorization))

    def test_what_logs_a_connection_on_never_comes_by_a_proxy(self) -> None:
        """S-HTTP-34: connections of a proxy are many users'."""
        for authorization, passed in (
            (b"NTLM TlRM", None), (b"Negotiate YII", None), (b"Other x", None), (b"Basic eDp5", b"Basic eDp5"),
        ):  # fmt: skip
            self.assertEqual(passed_on(("anonymous",), authorization, proxied=True), passed, authorization)
        self.assertIsNone(passed_on(("passthrough",), b"NTLM TlRM", proxied=True))
