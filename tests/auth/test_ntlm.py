"""Our half of an NTLM log-on, against another implementation's acceptor, and against bad challenges."""

from __future__ import annotations

import logging
import os
import struct
from pathlib import Path

import spnego
from hypothesis import given
from hypothesis import strategies as st
from spnego.exceptions import SpnegoError
from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.ntlm import BadChallenge, NtlmLogOn
from exfront.secret import Secret
from exfront.wire.md4 import md4

_FIELDS = struct.Struct("<12xHHIHHI")  # LmChallengeResponse, NtChallengeResponse: length, room, offset


class Acceptor:
    """The back end's half, which knows the passwords of a file."""

    def __init__(self) -> None:
        self._context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)

    def challenge(self, log_on: NtlmLogOn) -> bytes:
        return self._context.step(log_on.first()) or b""

    def user(self, answer: bytes) -> str:
        """Who was let in. Raises SpnegoError."""
        self._context.step(answer)
        return (self._context.complete and self._context.client_principal) or ""


class NtlmTests(SynchronousTestCase):
    def setUp(self) -> None:
        store = Path(self.mktemp())
        pairs = "aa" * 16 + "-" + "bb" * 16
        lines = ("FC:alice:Secret-1", ":bob@fc.example:pässword", "FC:jürgen:x", f"FC:pair:{pairs}")
        store.write_text("\n".join(lines), encoding="utf-8")
        self.patch_environment("NTLM_USER_FILE", str(store))

    def patch_environment(self, name: str, value: str) -> None:
        before = os.environ.get(name)
        os.environ[name] = value
        self.addCleanup(lambda: os.environ.pop(name) if before is None else os.environ.update({name: before}))

    def log_on(self, name: str, password: bytes) -> str:
        log_on, acceptor = NtlmLogOn(name, Secret(password)), Acceptor()
        return acceptor.user(log_on.second(acceptor.challenge(log_on)))

    def test_names_with_a_domain_and_as_upn(self) -> None:
        self.assertEqual(self.log_on("FC\\alice", b"Secret-1"), "FC\\alice")
        self.assertEqual(self.log_on("bob@fc.example", "pässword".encode()), "bob@fc.example")
        self.assertEqual(self.log_on("bob@fc.example", "pässword".encode("latin-1")), "bob@fc.example")
        self.assertEqual(self.log_on("FC\\jürgen", b"x"), "FC\\jürgen")

    def test_a_wrong_password_is_refused_there(self) -> None:
        with self.assertRaises(SpnegoError):
            self.log_on("FC\\alice", b"secret-1")

    def test_nothing_but_ntlm_v2(self) -> None:
        """S-AUTH-13: the response is longer than LM's and NTLMv1's 24 octets, also where the environment says less."""
        acceptor, log_on = Acceptor(), NtlmLogOn("FC\\alice", Secret(b"Secret-1"))
        answer = log_on.second(acceptor.challenge(log_on))
        _, _, _, length, _, _ = _FIELDS.unpack_from(answer)
        self.assertGreater(length, 24)
        for level in "012":
            self.patch_environment("LM_COMPAT_LEVEL", level)
            old, acceptor = NtlmLogOn("FC\\alice", Secret(b"Secret-1")), Acceptor()
            challenge = acceptor.challenge(old)
            with self.assertRaisesRegex(BadChallenge, "NTLMv2"):
                old.second(challenge)

    def test_a_password_that_looks_like_hashes_is_a_password(self) -> None:
        """pyspnego takes 32 digits, a colon and 32 digits for the hashes themselves: who stole them would be in."""
        nt_hash = "0" * 32 + ":" + spnego.NTLMHash("x", nt_hash=_ntowf(b"Secret-1")).nt_hash
        with self.assertRaises(SpnegoError):
            self.log_on("FC\\alice", nt_hash.encode())

    def test_the_password_is_nowhere_to_be_seen(self) -> None:
        """S-AUTH-11."""
        self.assertNotIn("Secret-1", repr(NtlmLogOn("FC\\alice", Secret(b"Secret-1"))))
        self.assertFalse(logging.getLogger("spnego._ntlm").isEnabledFor(logging.DEBUG))

    def test_challenges_that_are_none(self) -> None:
        begin = b"NTLMSSP\0\2\0\0\0"
        for octets in (b"", b"NTLMSSP\0", begin, begin + bytes(19), b"x" * 100, b"NTLMSSP\0\1\0\0\0" + bytes(60)):
            self.refused(octets)
        self.refused(begin + bytes(20_000))

    @given(st.binary(max_size=120))
    def test_any_challenge_is_answered_or_refused(self, tail: bytes) -> None:
        log_on = NtlmLogOn("FC\\alice", Secret(b"Secret-1"))
        log_on.first()
        try:
            self.assertTrue(log_on.second(b"NTLMSSP\0\2\0\0\0" + tail).startswith(b"NTLMSSP\0\3"))
        except BadChallenge as why:
            self.assertNotIn("Secret", str(why))

    def refused(self, challenge: bytes) -> None:
        log_on = NtlmLogOn("FC\\alice", Secret(b"Secret-1"))
        log_on.first()
        with self.assertRaises(BadChallenge):
            log_on.second(challenge)


def _ntowf(password: bytes) -> str:
    return md4(password.decode().encode("utf-16-le")).hex()
