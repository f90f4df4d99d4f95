"""An EWS request of 100 MB to a mailbox in another site: who asks is put into it, and neither exfront grows with it."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from tests.support.cas_stage import PUBLIC_NAME, USER, CasStage, run
from tests.support.clients import basic
from tests.support.samba import shared_site

MEGABYTE = 1024 * 1024
BIG = 100 * MEGABYTE
MOST_GROWTH = 12 * MEGABYTE  # of either process, over its peak with a small request
START = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x>'
END = b"</x></s:Body></s:Envelope>"
EMPTY = b'<x:Header xmlns:x="http://schemas.xmlsoap.org/soap/envelope/"></x:Header>'  # what the second server leaves


def request(size: int) -> Iterator[bytes]:
    """An envelope whose Body has so many octets of text."""
    yield START
    for start in range(0, size, MEGABYTE):
        yield b"x" * min(MEGABYTE, size - start)
    yield END


class MemoryTests(SynchronousTestCase):
    timeout = 600

    def test_a_hundred_megabytes(self) -> None:
        """S-HTTP-25: the body is not held; the second server has as much of it as was sent, without the header."""
        stage = CasStage(shared_site())
        self.addCleanup(stage.close)
        stage.start()
        first = stage.first(stage.second.at("https"))
        self.addCleanup(first.daemon.kill)
        run(first)
        tls = ssl.create_default_context(cafile=str(stage.site.authority.ca_file))
        tls.check_hostname = False  # the name is the one in Host

        def post(size: int) -> bytes:
            with closing(http.client.HTTPSConnection(*first.at("https"), timeout=300, context=tls)) as connection:
                headers = {"Host": PUBLIC_NAME, "Content-Type": "text/xml; charset=utf-8",
                           "Content-Length": str(size + len(START) + len(END)),
                           **basic(USER.principal, USER.secret)}  # fmt: skip
                connection.request("POST", "/EWS/Exchange.asmx", request(size), headers)
                answer = connection.getresponse()
                self.assertEqual(answer.status, 200)
                return answer.read()

        post(2 * MEGABYTE)
        before = [front.peak_memory() for front in (first, stage.second)]
        arrived = BIG + len(START) + len(EMPTY) + len(END)
        self.assertEqual(post(BIG), b"%d" % arrived)
        self.assertTrue(stage.ews.asked[-1].body.startswith(START.replace(b"<s:Body>", EMPTY + b"<s:Body>") + b"xxx"))
        growth = [front.peak_memory() - was for front, was in zip((first, stage.second), before, strict=True)]
        print(f"figure: 100 MB of EWS, growth {growth[0] / MEGABYTE:.1f} MB and {growth[1] / MEGABYTE:.1f} MB")
        self.assertLess(max(growth), MOST_GROWTH)
