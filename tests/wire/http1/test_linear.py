"""Hostile input costs no more than its length: by the structure of the expressions, and by CPU time at two sizes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire import basic
from exfront.wire.http1 import grammar
from exfront.wire.http1.chunked import ChunkLimits
from exfront.wire.http1.request import RequestLimits, RequestReader
from exfront.wire.http1.response import ResponseLimits, ResponseReader
from exfront.wire.http1.sections import SectionLimits
from tests.wire.http1.reading import drain

_WIDE = SectionLimits(octets=10**7, line=10**7, lines=10**6, authorization=10**7)
_CHUNKS = ChunkLimits(extensions=10**7, trailer=_WIDE)
_REQUEST = RequestLimits(target=10**7, head=_WIDE, chunks=_CHUNKS)
_RESPONSE = ResponseLimits(head=_WIDE, chunks=_CHUNKS)
_HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

_HOSTILE: dict[str, Callable[[int], bytes]] = {
    "spaces in a value": lambda size: _HEAD + b"X: " + b" " * size + b"x\r\n\r\n",
    "letters without a colon": lambda size: _HEAD + b"x" * size + b"\r\n\r\n",
    "spaces without end": lambda size: _HEAD + b"X: " + b" " * size,
    "short lines": lambda size: _HEAD + b"X:\r\n" * (size // 4) + b"\r\n",
    "empty lines": lambda size: b"\r\n" * (size // 2) + _HEAD + b"\r\n",
    "a long target": lambda size: b"GET /" + b"?" * size + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "pipelined requests": lambda size: (_HEAD + b"\r\n") * (size // 30),
    "chunks of one octet": lambda size: _CHUNKED + b"1\r\nx\r\n" * (size // 6) + b"0\r\n\r\n",
    "trailers": lambda size: _CHUNKED + b"0\r\n" + b"X: y\r\n" * (size // 6) + b"\r\n",
    "a list of tokens": lambda size: _HEAD + b"Connection: " + b"a ," * (size // 3) + b"\r\n\r\n",
    "a long host": lambda size: b"GET / HTTP/1.1\r\nHost: " + b"a." * (size // 2) + b"\r\n\r\n",
    "zeros in a length": lambda size: _HEAD + b"Content-Length: " + b"0" * size + b"\r\n\r\n",
}


def feed(reader: RequestReader | ResponseReader, pieces: Iterable[bytes]) -> float:
    """CPU seconds of reading `pieces`."""
    began = time.process_time()
    for piece in pieces:
        reader.receive(piece)
        drain(reader)
    return time.process_time() - began


def greedy_repeats(node: Any) -> list[str]:
    """The repeats in a parsed expression that may take many octets and may give some back."""
    if isinstance(node, _parser.SubPattern):
        greedy = [str(op) for op, arg in node if str(op) in ("MAX_REPEAT", "MIN_REPEAT") and arg[1] > 2]
        return greedy + [found for _, argument in node for found in greedy_repeats(argument)]
    if isinstance(node, tuple | list):
        return [found for part in node for found in greedy_repeats(part)]
    return []


class LinearTests(SynchronousTestCase):
    def test_no_expression_of_the_grammar_can_backtrack(self) -> None:
        expressions = [value for module in (grammar, basic) for value in vars(module).values()]
        patterns = [value.pattern for value in expressions if isinstance(value, re.Pattern)]
        self.assertGreater(len(patterns), 15)
        for pattern in patterns:
            self.assertEqual(greedy_repeats(_parser.parse(pattern)), [], pattern)
        for bad in (rb"(?:a|b*)", rb"((?:x+)?)", rb"[ \t]*?x", rb"(?=a{0,9})"):  # the check itself finds them
            self.assertEqual(len(greedy_repeats(_parser.parse(bad))), 1, bad)

    def test_sixteen_times_the_input_is_not_a_hundred_times_the_work(self) -> None:
        """S-HTTP-8: ratio of CPU time; linear work gives about 16, quadratic 256."""
        for name, make in _HOSTILE.items():
            small = min(feed(RequestReader(_REQUEST), [make(16_000)]) for _ in range(3))
            large = min(feed(RequestReader(_REQUEST), [make(256_000)]) for _ in range(2))
            self.assertLess(large, 100 * small + 0.05, name)

    def test_the_same_holds_when_it_comes_octet_by_octet(self) -> None:
        """S-HTTP-8: a head in pieces of one octet is not searched from its begin each time."""
        for name in ("spaces without end", "short lines", "letters without a colon", "trailers"):
            small, large = (_HOSTILE[name](size) for size in (2000, 32_000))
            once = min(feed(RequestReader(_REQUEST), [small[i : i + 1] for i in range(len(small))]) for _ in range(3))
            again = feed(RequestReader(_REQUEST), [large[i : i + 1] for i in range(len(large))])
            self.assertLess(again, 100 * once + 0.05, name)

    def test_the_same_holds_for_responses(self) -> None:
        """S-HTTP-27: a back end's head is no more trusted than a client's."""
        for line in (b"X: " + b" " * 3996 + b"x\r\n", b"X:\r\n" * 1000):
            small, large = (b"HTTP/1.1 200 OK\r\n" + line * count + b"\r\n" for count in (4, 64))
            once = min(feed(ResponseReader(b"GET", _RESPONSE), [small]) for _ in range(3))
            self.assertLess(feed(ResponseReader(b"GET", _RESPONSE), [large]), 100 * once + 0.05)

    def test_what_is_not_read_is_held_once(self) -> None:
        """S-HTTP-25: what came before it was asked for is handed over in full, nothing twice."""
        reader = RequestReader()
        reader.receive(_HEAD + b"Content-Length: 300000\r\n\r\n")
        drain(reader)
        for _ in range(3):
            reader.receive(b"x" * 50_000)
            reader.receive(b"y" * 50_000)
            self.assertEqual(reader.buffered, 100_000)
            drain(reader)
            self.assertEqual(reader.buffered, 0)
