"""Masking, pages, deadlines, body rate: the small parts."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from exfront.reasons import BACK_END_REFUSED, BAD_INPUT, WRONG_PASSWORD, Reason
from exfront.web.body import RequestBody
from exfront.web.body_rate import BodyRate
from exfront.web.deadline import Deadline
from exfront.web.masking import masked
from exfront.web.pages import error_text, pages
from exfront.wire.http1.events import CHUNKED, NO_BODY, Framing, Length


class MaskingTests(SynchronousTestCase):
    def test_secrets_in_a_query_are_masked(self) -> None:
        """S-HTTP-40, S-AUTH-11: values of *pass* and *token*, in any case, also with an encoded name."""
        for target, shown in {
            b"/owa/?user=a&password=s3cret": "/owa/?user=a&password=***",
            b"/owa/?PassWd=x&b=c;ACCESS_TOKEN=y": "/owa/?PassWd=***&b=c;ACCESS_TOKEN=***",
            b"/owa/?%70ass=x": "/owa/?%70ass=***",
            b"/owa/?a?pass=x": "/owa/?a?pass=***",
            b"/pass=x/": "/pass=x/",
            b"/owa/?passage": "/owa/?passage",
            b"http://a/?token=1": "http://a/?token=***",
            b"/logon?url=http%3a%2f%2fa%2f%3fb%3d1%26PassWord%3dx&reason=0": "/logon?url=***&reason=0",
            b"/logon?url=http://a/?pwd=x&reason=0": "/logon?url=***&reason=0",
            b"/logon?url=http%3a%2f%2fa%2fpassage%3fb%3d1": "/logon?url=http%3a%2f%2fa%2fpassage%3fb%3d1",
        }.items():
            self.assertEqual(masked(target), shown)


class PageTests(SynchronousTestCase):
    def test_a_page_tells_status_sentence_code_and_session(self) -> None:
        page = pages().error(502, BACK_END_REFUSED, "0123456789abcdef")
        for text in (b"502", b"The mailbox is temporarily unavailable.", b"XF-BE-REFUSED", b"0123456789abcdef"):
            self.assertIn(text, page.body)
        self.assertIn((b"Cache-Control", b"no-store"), page.headers)
        self.assertIn((b"X-Content-Type-Options", b"nosniff"), page.headers)

    def test_a_page_keeps_the_cause_to_itself(self) -> None:
        """S-AUTH-6: unknown user and wrong password look the same; no version is told."""
        self.assertNotIn(b"wrong password", pages().error(401, WRONG_PASSWORD, "x").body)
        self.assertNotIn(b"exfront", pages().error(401, WRONG_PASSWORD, "x").body.lower())

    def test_everything_in_a_page_is_escaped(self) -> None:
        """S-HTTP-40: even our own texts."""
        reason = Reason("XF-<", "", 400, "", "", '<script>&"')
        body = pages().error(400, reason, "<id>").body
        self.assertNotIn(b"<script>", body)
        self.assertIn(b"&lt;script&gt;&amp;&quot;", body)
        self.assertIn(b"&lt;id&gt;", body)

    def test_the_text_form_is_one_line(self) -> None:
        page = error_text(400, BAD_INPUT, "01")
        self.assertEqual(page.body, b"400 Bad Request: The input is not valid. (XF-BAD-INPUT, 01)\n")


class DeadlineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.deadline = Deadline(self.clock)
        self.calls: list[float] = []

    def note(self) -> None:
        self.calls.append(self.clock.seconds())

    def test_it_calls_once_at_its_time(self) -> None:
        self.deadline.set(5, self.note)
        self.clock.pump([1] * 20)
        self.assertEqual(self.calls, [5])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_moving_it_later_keeps_the_timer(self) -> None:
        """No timer per request: the old one looks again."""
        self.deadline.set(5, self.note)
        (timer,) = self.clock.getDelayedCalls()
        self.clock.advance(3)
        self.deadline.set(5, self.note)
        self.assertEqual(self.clock.getDelayedCalls(), [timer])
        self.clock.pump([1] * 10)
        self.assertEqual(self.calls, [8])

    def test_moving_it_earlier_moves_the_timer(self) -> None:
        self.deadline.set(50, self.note)
        self.deadline.set(5, self.note)
        self.clock.pump([1] * 60)
        self.assertEqual(self.calls, [5])

    def test_cleared_it_does_not_call_and_can_be_set_again(self) -> None:
        self.deadline.set(5, self.note)
        self.deadline.clear()
        self.clock.advance(3)
        self.deadline.set(10, self.note)
        self.clock.pump([1] * 20)
        self.assertEqual(self.calls, [13])

    def test_stopped_it_leaves_no_timer(self) -> None:
        self.deadline.set(5, self.note)
        self.deadline.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class BodyRateTests(SynchronousTestCase):
    def test_one_octet_a_second_is_too_slow(self) -> None:
        """S-HTTP-24: judged after the grace and a whole window."""
        rate = BodyRate(100.0, 0)
        self.assertEqual(rate.window, 40.0)
        self.assertTrue(rate.too_slow(140.0, 40))

    def test_300_octets_a_second_may_go_on_for_an_hour(self) -> None:
        """S-HTTP-24: a slow line is no attack."""
        rate, now, octets = BodyRate(0.0, 0), 0.0, 0
        while now < 3600:
            step = rate.window
            now, octets = now + step, octets + int(300 * step)
            self.assertFalse(rate.too_slow(now, octets))


class RequestBodyTests(SynchronousTestCase):
    def test_what_is_short_enough_to_be_read_to_its_end(self) -> None:
        """S-HTTP-17: a known rest of at most 256 KiB."""
        most = 256 * 1024
        cases: dict[Framing, bool] = {
            NO_BODY: True, Length(0): True, Length(most): True, Length(most + 1): False, CHUNKED: False,
        }  # fmt: skip
        for framing, short in cases.items():
            self.assertEqual(RequestBody(framing).short, short, framing)

    def test_nothing_is_read_before_somebody_takes_it(self) -> None:
        """S-HTTP-25: a body stays with the client until its back end is there."""
        body = RequestBody(Length(3))
        self.assertFalse(body.wanted)
        body.discard()
        self.assertTrue(body.wanted)
        body.hold()
        self.assertFalse(body.wanted)
