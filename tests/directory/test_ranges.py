"""Attributes that a server sends in parts, as Active Directory does from 1,500 values on: on a socket."""

from __future__ import annotations

import re
from typing import Any

from ldaptor.protocols import pureldap
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from exfront import limits
from exfront.config.limits import LimitsSection
from exfront.directory.lookup import Directory
from exfront.names import parse_login
from exfront.reasons import INCONSISTENT_MAILBOX, Refused
from exfront.topology import Mailbox
from tests.support.scripted_ldap import BASE, LdapPeer, ScriptedLdap, done, found, section

_PART = 1500
_ADDRESSES = tuple(f"smtp:many{number}@fourthcoffee.com" for number in range(3200))


class RangeTests(TestCase):
    timeout = 30

    def serve(self, endless: bool = False) -> Directory:
        """Parts of 1,500 addresses; with `endless` no part says that it is the last."""

        def answer(peer: LdapPeer, identifier: int, request: Any) -> None:
            assert isinstance(request, pureldap.LDAPSearchRequest)
            asked = re.search(rb"proxyAddresses;range=(\d+)-\*", b" ".join(request.attributes))
            first = int(asked[1]) if asked else 0
            last = "*" if first + _PART >= len(_ADDRESSES) and not endless else str(first + _PART - 1)
            part = [_ADDRESSES[number % len(_ADDRESSES)] for number in range(first, first + _PART)]
            part = part if endless else list(_ADDRESSES[first : first + _PART])
            values: dict[str, Any] = {f"proxyAddresses;range={first}-{last}": part}
            entry = found(f"cn=many,{BASE}", sAMAccountName=["many"], mailHost=["chicago"], **values)
            peer.send(identifier, entry, done())

        self.server = ScriptedLdap(answer)
        self.addCleanup(self.server.stop)
        directory = Directory(section(self.server, search_connections=1), LimitsSection(), reactor)
        self.addCleanup(directory.stop)
        return directory

    async def test_all_parts_are_fetched(self) -> None:
        """S-DIR-8: the last address of 3,200 is the mailbox's too."""
        mailbox = await self.serve().find(parse_login("many").keys, None)
        assert isinstance(mailbox, Mailbox)
        self.assertEqual(len(mailbox.addresses), len(_ADDRESSES))
        self.assertEqual(mailbox.addresses[-1], "many3199@fourthcoffee.com")
        asked = [request.attributes[0] for request in self.server.searches()[1:]]
        self.assertEqual(asked, [b"proxyAddresses;range=1500-*", b"proxyAddresses;range=3000-*"])

    async def test_parts_that_never_end_are_refused(self) -> None:
        """S-DIR-8: after so many parts the mailbox is inconsistent."""
        refused = await self.assertFailure(self.serve(endless=True).find(parse_login("many").keys, None), Refused)
        self.assertIs(refused.reason, INCONSISTENT_MAILBOX)
        self.assertEqual(len(self.server.searches()), 1 + limits.LDAP_RANGES)
