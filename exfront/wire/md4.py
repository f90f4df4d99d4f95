"""MD4 (RFC 1320), which NTLM hashes passwords with ([MS-NLMP] section 3.3.2): OpenSSL 3 does not offer it any more.

Broken as a digest for anything else, and used for nothing else.
"""

from __future__ import annotations

import struct

_BLOCK = 64  # octets
_MASK = 0xFFFFFFFF
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)  # section 3.3
_WORDS = struct.Struct("<16I")
_DIGEST = struct.Struct("<4I")

# Section 3.4: the order of the words in each round, its shifts, and what is added.
_ROUNDS = (
    (tuple(range(16)), (3, 7, 11, 19), 0),
    ((0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13), 0x5A827999),
    ((0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15), 0x6ED9EBA1),
)


def md4(message: bytes) -> bytes:
    """The digest, 16 octets."""
    zeros = (_BLOCK - 9 - len(message)) % _BLOCK
    padded = message + b"\x80" + bytes(zeros) + struct.pack("<Q", (8 * len(message)) & 0xFFFFFFFFFFFFFFFF)
    state = _START
    for begin in range(0, len(padded), _BLOCK):
        mixed = _mixed(state, _WORDS.unpack_from(padded, begin))
        state = tuple((old + new) & _MASK for old, new in zip(state, mixed, strict=True))  # type: ignore[assignment]
    return _DIGEST.pack(*state)


def _mixed(state: tuple[int, int, int, int], words: tuple[int, ...]) -> tuple[int, int, int, int]:
    """A block's three rounds of sixteen steps."""
    a, b, c, d = state
    for number, (order, shifts, constant) in enumerate(_ROUNDS):
        for step, word in enumerate(order):
            if number == 0:
                chosen = (b & c) | (~b & d)
            elif number == 1:
                chosen = (b & c) | (b & d) | (c & d)
            else:
                chosen = b ^ c ^ d
            total = (a + chosen + words[word] + constant) & _MASK
            shift = shifts[step % 4]
            a, b, c, d = d, ((total << shift) | (total >> (32 - shift))) & _MASK, b, c
    return a, b, c, d
