"""An entry as the directory sent it: octets, and how text is read from them."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from exfront.directory import dn
from exfront.reasons import INCONSISTENT_MAILBOX, Refused


@frozen
class Entry:
    """`attributes` have lower-case names, only those asked for and present; `dn` is spelled as the server did,
    octets that are not UTF-8 as lone surrogates."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]

    def name(self) -> str:
        """The DN, fit for a bind and for `dn`'s functions. Raises `Refused` where it could only be guessed."""
        try:
            self.dn.encode("utf-8")
            dn.parse(self.dn)
        except (UnicodeEncodeError, dn.BadName):
            raise Refused(INCONSISTENT_MAILBOX, f"a DN that cannot be read: {self.dn!r}") from None
        return self.dn

    def octets(self, name: str) -> bytes:
        """The value of a single-valued attribute, empty where it is absent. Raises `Refused` for two (S-DIR-12)."""
        values = self.attributes.get(name.lower(), ())
        if len(values) > 1:
            raise Refused(INCONSISTENT_MAILBOX, f"two values of {name} in {self.dn}")
        return values[0] if values else b""

    def text(self, name: str) -> str:
        """`octets` as text. Raises `Refused` where they are not UTF-8."""
        return self._decode(name, self.octets(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of an attribute. Raises `Refused` where one is not UTF-8."""
        return tuple(self._decode(name, value) for value in self.attributes.get(name.lower(), ()))

    def number(self, name: str) -> int:
        """An integer, 0 where it is absent. Raises `Refused` where it is none."""
        text = self.text(name)
        try:
            return int(text) if text else 0
        except ValueError:
            raise Refused(INCONSISTENT_MAILBOX, f"{name} of {self.dn} is no number") from None

    def _decode(self, name: str, value: bytes) -> str:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(INCONSISTENT_MAILBOX, f"{name} of {self.dn!r} is not UTF-8") from None
