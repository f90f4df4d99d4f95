"""Conversations with the dialogue of mail/, as pairs of what happens and what is done about it."""

from __future__ import annotations

from enum import Enum
from typing import Any

from exfront.mail.actions import Action, Prompt
from exfront.mail.kinds import Kind
from exfront.mail.login import Login
from exfront.mail.offer import Offer
from exfront.mail.outcome import Refusal, Welcome

CLEAR = Offer(secure=False, starttls=True, plaintext=False)
SECURE = Offer(secure=True, starttls=False, plaintext=False)
PLAIN_ALLOWED = Offer(secure=False, starttls=True, plaintext=True)


class Happens(Enum):
    """What is neither said by the client nor a result of a log-on."""

    BEGIN = "the connection is there"
    SECURED = "the handshake is through"
    TIMED_OUT = "the log-on took too long"
    FAULT = "something broke"


Stimulus = bytes | Welcome | Refusal | Happens
Scene = tuple[Stimulus, list[Action]]


class Playbook:
    """Feeds octets through the grammar, and results as they are."""

    def __init__(self, kind: Kind, offer: Offer) -> None:
        self.login: Login[Any] = Login(kind.new_speaker(), offer)
        self._reader = kind.new_reader()

    def act(self, stimulus: Stimulus) -> list[Action]:
        """What is done about it."""
        match stimulus:
            case bytes():
                return self._hear(stimulus)
            case Welcome():
                return self.login.accepted(stimulus)
            case Refusal():
                return self.login.refused(stimulus)
            case Happens.BEGIN:
                return self.login.begin()
            case Happens.SECURED:
                return self.login.secured()
            case Happens.TIMED_OUT:
                return self.login.timed_out()
            case Happens.FAULT:
                return self.login.fault()

    def _hear(self, octets: bytes) -> list[Action]:
        actions: list[Action] = []
        self._reader.feed(octets)
        while self.login.reading:
            event = self._reader.next_event()
            if event is None:
                break
            done = self.login.take(event, followed=self._reader.held > 0)
            if any(isinstance(action, Prompt) for action in done):
                self._reader.expect_response()
            actions += done
        return actions
