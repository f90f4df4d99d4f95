"""Security identifiers: their octets ([MS-DTYP] 2.4.2.2), their text (2.4.2.1), and many of them in little memory."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache

from attrs import frozen

_SUB_AUTHORITIES = 15
_HEAD = 8  # octets before the sub-authorities: revision, their number, the authority
_SUB_AUTHORITY = 4
_TEXT = re.compile(rf"S-1-(0|[1-9][0-9]{{0,9}})((?:-(?:0|[1-9][0-9]{{0,9}})){{1,{_SUB_AUTHORITIES}}})", re.ASCII)
_MOST = 2**32  # of a number in the text form; a greater authority has a form that no domain uses


def sid_text(octets: bytes) -> str:
    """``S-1-5-21-…``; empty for octets that are no SID."""
    if len(octets) < _HEAD or len(octets) != _HEAD + _SUB_AUTHORITY * octets[1]:
        return ""
    parts = struct.unpack(f"<{octets[1]}I", octets[_HEAD:])
    return "-".join(map(str, ("S", octets[0], int.from_bytes(octets[2:_HEAD], "big"), *parts)))


def sid_octets(text: str) -> bytes:
    """The octets of a SID in the one text form that this project writes.

    Raises ValueError for every other text: another case, an authority in hexadecimal, leading zeros, two letters of
    SDDL, too many sub-authorities.
    """
    match = _TEXT.fullmatch(text)
    numbers = [int(part) for part in (match[1] + match[2]).split("-")] if match else [_MOST]
    if max(numbers) >= _MOST:
        raise ValueError("not a SID")
    authority, *parts = numbers
    return struct.pack(f">BBHI{len(parts) * _SUB_AUTHORITY}s", 1, len(parts), 0, authority, _pack(parts))


def _pack(numbers: list[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


@lru_cache(4096)
def _shared(issuer: bytes) -> bytes:
    """The same octets, in memory once: nearly all groups are those of a few domains."""
    return issuer


@lru_cache(4096)
def _issuer_text(issuer: bytes) -> str:
    return sid_text(issuer + bytes(_SUB_AUTHORITY)).rpartition("-")[0]


@frozen
class PackedSids:
    """SIDs, held as their issuers (all but the last number) and 4 octets for each; the order is kept per issuer."""

    _packed: tuple[tuple[bytes, bytes], ...] = ()

    @classmethod
    def pack(cls, sids: Iterable[bytes]) -> PackedSids:
        """`sids` in octets. Raises ValueError for octets that are no SID with a sub-authority."""
        found: dict[bytes, list[bytes]] = {}
        for octets in sids:
            if len(octets) <= _HEAD or not sid_text(octets):
                raise ValueError("not a SID")
            found.setdefault(octets[:-_SUB_AUTHORITY], []).append(octets[-_SUB_AUTHORITY:])
        return cls(tuple((_shared(issuer), b"".join(last)) for issuer, last in found.items()))

    def __len__(self) -> int:
        return sum(len(last) for _, last in self._packed) // _SUB_AUTHORITY

    def texts(self) -> Iterator[str]:
        """Each in its text form."""
        for issuer, last in self._packed:
            text = _issuer_text(issuer)
            for (number,) in struct.iter_unpack("<I", last):
                yield f"{text}-{number}"
