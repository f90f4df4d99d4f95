"""Interfaces where there are two implementations, or a fake in tests."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, Literal

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from zope.interface import Interface

from exfront.because import Trace
from exfront.decision import Relay, SessionRecord
from exfront.names import LookupKey
from exfront.secret import Secret
from exfront.topology import Mailbox, Protocol


class Miss(Enum):
    """Not None, which is an answer: nobody."""

    MISS = "not known without asking"


MISS: Final[Literal[Miss.MISS]] = Miss.MISS


class IDirectory(Interface):
    """Finds accounts and mailboxes."""

    def cached_find(keys: Sequence[LookupKey]) -> Mailbox | Miss | None:
        """What `find` would give, where that is known without asking anybody; else MISS. A plain call."""

    def forget(mailbox: Mailbox) -> bool:
        """Doubt what is known of an account: the next `find` asks the directory. Whether there was anything to doubt.

        What was read a moment ago is not doubted.
        """

    def netbios_domain(account: Mailbox) -> str:
        """The NetBIOS name of the domain that an account lies in, in capitals; empty where none is known."""

    def find(keys: Sequence[LookupKey], trace: Trace | None) -> Deferred[Mailbox | None]:
        """The one entry that the first matching key names, in the keys' order; None when none matches.

        Fails with `exfront.reasons.Refused`: two entries for one key, a contradictory entry, no directory.
        """


class ICheckPasswords(Interface):
    """Proves a password."""

    def check(account: Mailbox, secret: Secret) -> Deferred[str]:
        """How it was proven (``ldap_bind``).

        Fails with `exfront.reasons.Refused`; a wrong password and a broken directory are different reasons.
        """


class IBackEndDialer(Interface):
    """Opens connections to back ends."""

    def dial(relay: Relay, protocol: Protocol, factory: IProtocolFactory, preface: bytes = b"") -> Deferred[IProtocol]:
        """Connect to the server that `relay` names, after the allow list was asked, and send `preface` before all else.

        For a service with implicit TLS the Deferred fires after the handshake and the certificate's check (S-ROUTE-8).
        Fails with `exfront.reasons.Refused`.
        """

    def address_of(relay: Relay) -> Deferred[str]:
        """The IP address `dial` would try first, for others who connect there. Fails with `Refused`, as that does."""

    def start_tls(relay: Relay, protocol: IProtocol) -> Deferred[None]:
        """Start TLS on a connected protocol (STARTTLS, STLS), verified as above."""


class IRecordObserver(Interface):
    """Sees each finished session or request once (the access log, the metrics)."""

    def finished(record: SessionRecord) -> None:
        """Take note of `record`; must not raise and must not block."""
