"""What a Secret does not tell."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

from twisted.logger import Logger, capturedLogs, eventAsText
from twisted.trial.unittest import SynchronousTestCase

from exfront.secret import Secret


class SecretTests(SynchronousTestCase):
    def test_reveal(self) -> None:
        self.assertEqual(Secret(b"s3cret").reveal(), b"s3cret")

    def test_no_text_shows_it(self) -> None:
        """S-AUTH-11: repr, str, formatting, logs and tracebacks hold stars."""
        secret = Secret(b"s3cret")
        with capturedLogs() as events:
            Logger().info("{secret} {secret!r} {other}", secret=secret, other=[secret])
        try:
            raise ValueError(secret)
        except ValueError as error:
            shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        for text in (repr(secret), str(secret), f"{secret}", f"{secret!r}", eventAsText(events[0]), shown):
            self.assertIn("***", text)
            self.assertNotIn("s3cret", text)

    def test_is_not_written_anywhere(self) -> None:
        """S-AUTH-11: it cannot be pickled, copied into a dump or made a key."""
        secret = Secret(b"s3cret")
        for write in (pickle.dumps, json.dumps, copy.copy, hash, vars):
            with self.assertRaises(TypeError):
                write(secret)  # type: ignore[operator]

    def test_equality(self) -> None:
        self.assertEqual(Secret(b"a"), Secret(b"a"))
        self.assertNotEqual(Secret(b"a"), Secret(b"b"))
        self.assertNotEqual(Secret(b"a"), b"a")

    def test_emptiness_and_length(self) -> None:
        self.assertFalse(Secret(b""))
        self.assertTrue(Secret(b" "))
        self.assertEqual(len(Secret(b"abc")), 3)
