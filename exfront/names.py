"""Login names in all their forms, read into look-up keys; no directory access here.

Sources: *Understanding login strings with POP3/IMAP* (2004) for the forms with a domain and an alias; *Exchange
2000/2003 Front End Server Logon Process* for explicit logon.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum

from attrs import field, frozen

from exfront import limits


class BadName(ValueError):  # noqa: N818 - an answer to a client, not a fault
    """The text cannot be a login name; the message says why and does not repeat the text."""


class KeyKind(Enum):
    """Which attribute a key is compared with."""

    ACCOUNT = "account name"  # sAMAccountName, uid
    UPN = "user principal name"
    ADDRESS = "SMTP address"  # among proxyAddresses, mail
    ALIAS = "alias"  # mailNickname
    CERTIFICATE = "certificate"  # altSecurityIdentities, as Active Directory writes it
    MAILBOX_GUID = "mailbox GUID"  # msExchMailboxGuid, as 32 hexadecimal digits
    SID = "security identifier"  # objectSid; never typed, only told by another front end


@frozen
class LookupKey:
    """One thing to look for. `domain` limits an account name to one naming context; empty is the default domain."""

    kind: KeyKind
    value: str
    domain: str = ""


def _fold(domain: str) -> str:
    return domain.rstrip(".").casefold()


def _folded(domains: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_fold, domains))


@frozen
class NameRules:
    """What an address may be. Without `accepted_domains` every domain is accepted; they compare without case.

    `tag_separator` splits ``user+tag@domain``, whose mail is the user's; empty where addresses have no tags.
    """

    accepted_domains: frozenset[str] = field(default=frozenset(), converter=_folded)
    tag_separator: str = ""

    def accepts(self, domain: str) -> bool:
        """Whether an address in `domain` can name a mailbox here."""
        return not self.accepted_domains or _fold(domain) in self.accepted_domains

    def untagged(self, local: str) -> str:
        """``user`` of ``user+tag``; empty where there is no tag, or nothing before it."""
        if not self.tag_separator or local.startswith('"'):
            return ""
        user, separator, _ = local.partition(self.tag_separator)
        return user if separator else ""


ANY_NAME = NameRules()


@frozen
class LoginName:
    """A login name as typed, and what it means: `keys` find the account, `mailbox_keys` another mailbox it names.

    `public_folders`: it names these instead of a mailbox.
    """

    typed: str
    keys: tuple[LookupKey, ...]
    mailbox_keys: tuple[LookupKey, ...] = ()
    public_folders: bool = False


_PUBLIC_FOLDERS = "public.folders"
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_REFUSED_CATEGORIES = frozenset(("Cc", "Cn", "Cs"))  # control, unassigned, surrogate (S-AUTH-4, RFC 8265)


def decode(octets: bytes) -> str:
    """A name as a client sent it: UTF-8, else Latin-1 (S-AUTH-12)."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def parse_login(text: str, rules: NameRules = ANY_NAME) -> LoginName:
    r"""Read ``alias``, ``DOMAIN\user``, ``DOMAIN/user``, ``DOMAIN/user/alias``, ``user@suffix``, ``user@suffix/alias``.

    ``public.folders`` in the alias' place is Exchange's word for what its users share (IMAP4 up to 2003).

    Keys are in Unicode's composed form (NFC), as directories hold names: some machines type ``u`` and its two dots as
    two characters. Nothing else is folded or trimmed: comparing is the directory's (S-AUTH-4).
    Raises `BadName` for an empty or over-long text and for characters that no name holds.
    """
    name = _checked(text)
    separator = _separator(name)
    parts = name.split(separator) if separator else [name]
    if len(parts) > 3 or not all(parts):
        raise BadName("too many or empty parts")
    if "@" in parts[0]:
        return LoginName(text, _at_keys(parts[0], rules), *_opened(parts[1:], rules))
    if len(parts) == 1:
        return LoginName(text, _bare_keys(parts[0]))
    account = LookupKey(KeyKind.ACCOUNT, parts[1], parts[0])
    return LoginName(text, (account,), *_opened(parts[2:], rules))


def mailbox_keys(name: str, smtp_domain: str = "", rules: NameRules = ANY_NAME) -> tuple[LookupKey, ...]:
    """The keys of a mailbox named in a URL or as the third part of a login: an address, or an alias.

    With `smtp_domain` an alias means the address ``alias@smtp_domain`` first (explicit logon, comment 9 of the
    2000/2003 document). Raises `BadName`, also for an address outside of the accepted domains.
    """
    name = _checked(name)
    if "@" in name:
        keys = _address_keys(name, rules)
        if not keys:  # no keys would mean: no other mailbox
            raise BadName("an address of a domain that is not accepted")
        return keys
    alias = LookupKey(KeyKind.ALIAS, name)
    account = LookupKey(KeyKind.ACCOUNT, name)
    if smtp_domain:
        return (LookupKey(KeyKind.ADDRESS, f"{name}@{smtp_domain}"), alias, account)
    return (alias, account)


_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def guid_keys(name: str, rules: NameRules = ANY_NAME) -> tuple[LookupKey, ...]:
    """The key of ``guid@domain``: a mailbox as Outlook names it since Exchange 2013, instead of a server.

    Empty where it is something else. Raises `BadName` for a domain that is not accepted.
    """
    guid, at, domain = name.partition("@")
    if not at or not _GUID.fullmatch(guid):
        return ()
    if not rules.accepts(domain):
        raise BadName("a mailbox of a domain that is not accepted")
    return (LookupKey(KeyKind.MAILBOX_GUID, guid.replace("-", "").lower()),)


def _checked(text: str) -> str:
    """`text` in composed form."""
    if not text:
        raise BadName("empty name")
    if len(text.encode("utf-8", "surrogatepass")) > limits.USER_NAME_OCTETS:
        raise BadName("name too long")
    for character in text:
        if unicodedata.category(character) in _REFUSED_CATEGORIES or character in _BIDI_CONTROLS:
            raise BadName("a character that no name holds")
    return unicodedata.normalize("NFC", text)


def _separator(text: str) -> str:
    """The first of the two that occurs: in ``DOMAIN/user`` a slash, for IMAP clients that do not escape."""
    found = [(text.index(mark), mark) for mark in ("\\", "/") if mark in text]
    return min(found)[1] if found else ""


def _bare_keys(name: str) -> tuple[LookupKey, ...]:
    return (LookupKey(KeyKind.ACCOUNT, name), LookupKey(KeyKind.ALIAS, name))


def _at_keys(name: str, rules: NameRules) -> tuple[LookupKey, ...]:
    """``user@suffix``: a UPN, an SMTP address, or AD's implicit UPN ``sAMAccountName@dns.domain``.

    A UPN's suffix need not be a domain for mail, so that the accepted domains do not count there; the address without
    its tag comes last, for the longer one may be somebody's own.
    """
    local, _, suffix = name.rpartition("@")
    addresses = _address_keys(name, rules)
    account = (LookupKey(KeyKind.ACCOUNT, local, suffix),) if local and suffix else ()
    return (LookupKey(KeyKind.UPN, name), *addresses[:1], *account, *addresses[1:])


def _address_keys(address: str, rules: NameRules) -> tuple[LookupKey, ...]:
    """The address, and the same without its tag."""
    local, _, domain = address.rpartition("@")
    if not rules.accepts(domain):
        return ()
    untagged = rules.untagged(local)
    names = (address, f"{untagged}@{domain}") if untagged else (address,)
    return tuple(LookupKey(KeyKind.ADDRESS, one) for one in names)


def _opened(parts: list[str], rules: NameRules) -> tuple[tuple[LookupKey, ...], bool]:
    """Another mailbox, and whether it is the public folders instead."""
    if not parts:
        return (), False
    public = parts[0].lower() == _PUBLIC_FOLDERS
    return () if public else mailbox_keys(parts[0], rules=rules), public
