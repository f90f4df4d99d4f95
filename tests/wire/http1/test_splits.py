"""Any split of the input gives the same events, whatever the input."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.http1.chunked import ChunkLimits
from exfront.wire.http1.request import RequestLimits, RequestReader
from exfront.wire.http1.response import ResponseLimits, ResponseReader
from exfront.wire.http1.sections import SectionLimits
from tests.wire.http1.reading import play

# Small, so that hypothesis finds the way over them.
_SMALL_SECTION = SectionLimits(octets=60, line=24, lines=4)
_SMALL_CHUNKS = ChunkLimits(extensions=8, trailer=_SMALL_SECTION)
_SMALL_REQUEST = RequestLimits(method=8, target=20, head=evolve(_SMALL_SECTION, authorization=40), chunks=_SMALL_CHUNKS)
_SMALL_RESPONSE = ResponseLimits(head=_SMALL_SECTION, chunks=_SMALL_CHUNKS, interim_responses=2)

_REQUEST_PARTS = [
    b"GET / HTTP/1.1\r\n", b"POST /owa/?a=b HTTP/1.1\r\n", b"GET /x HTTP/1.0\r\n", b"CONNECT a:1 HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n", b"GET http://a/b HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n",
    b"Host: a\r\n", b"Host: b:8\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n", b"authorization: Basic " + b"A" * 19 + b"\r\n",
    b"Authorization: " + b"A" * 26 + b"\r\n", b"X: " + b"x" * 21 + b"\r\n", b"X: " + b"x" * 22 + b"\r\n",
    b"M" * 9, b"/" + b"t" * 20,
]  # fmt: skip
_RESPONSE_PARTS = [
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 \r\n",
    b"HTTP/1.1 204 \r\n", b"HTTP/1.1 304 Not Modified\r\n", b"HTTP/7.1 200 OK\r\n", b"HTTP/1.1 99 \r\n",
]  # fmt: skip
_SHARED_PARTS = [
    b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n", b"a: b\r\n", b"A: b\r\n", b"\r\n", b"\r\n\r\n",
    b"\r", b"\n", b"\0", b"\x16", b" ", b"\t", b":", b"\xe9",
    b"abc", b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\n", b"0\r\nX: y\r\n\r\n", b"1;e\r\nx\r\n",
    b"1;" + b"e" * 7 + b"\r\n", b"10 \r\n", b"f" * 17,
]  # fmt: skip


def _input(parts: list[bytes]) -> st.SearchStrategy[bytes]:
    piece = st.one_of(st.sampled_from(parts), st.sampled_from(parts + _SHARED_PARTS), st.sampled_from(_SHARED_PARTS))
    return st.lists(st.one_of(piece, piece, piece, st.binary(max_size=4)), max_size=12).map(b"".join)


def _cut(octets: bytes, cuts: list[int]) -> list[bytes]:
    points = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    return [octets[a:b] for a, b in pairwise(points)]


class AnySplitTests(SynchronousTestCase):
    @given(_input(_REQUEST_PARTS), st.lists(st.integers(0, 400), max_size=8))
    @example(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", [1])
    @example(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r", [])
    @settings(deadline=None, max_examples=400)
    def test_requests_do_not_depend_on_the_pieces_they_come_in(self, octets: bytes, cuts: list[int]) -> None:
        for limits in (RequestLimits(), _SMALL_REQUEST):
            whole = play(RequestReader(limits), [octets], ended=True)
            self.assertEqual(play(RequestReader(limits), _cut(octets, cuts), ended=True), whole)
            single = [octets[i : i + 1] for i in range(len(octets))]
            self.assertEqual(play(RequestReader(limits), single, ended=True), whole)

    @given(_input(_RESPONSE_PARTS), st.lists(st.integers(0, 400), max_size=8), st.sampled_from([b"GET", b"HEAD"]))
    @settings(deadline=None, max_examples=400)
    def test_responses_do_not_depend_on_the_pieces_they_come_in(
        self, octets: bytes, cuts: list[int], method: bytes
    ) -> None:
        for limits in (ResponseLimits(), _SMALL_RESPONSE):
            whole = play(ResponseReader(method, limits), [octets], ended=True)
            self.assertEqual(play(ResponseReader(method, limits), _cut(octets, cuts), ended=True), whole)
            single = [octets[i : i + 1] for i in range(len(octets))]
            self.assertEqual(play(ResponseReader(method, limits), single, ended=True), whole)
