"""IMAP4 and POP3 users whose mailboxes the flows of Exchange's versions decide, in memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from exfront.facts import Policy, World
from exfront.mail.kinds import POP3
from exfront.reasons import CAS_DOWN
from exfront.topology import Server, Topology
from tests.mail.connection import MailConnection
from tests.routing.test_owa2007 import cas
from tests.support.steps import SmallWorld

_CHICAGO = cas("chicago", roles=frozenset({"mailbox"}))


def world(*servers: Server) -> SmallWorld:
    """alice's mailbox is on chicago, a mailbox server of Texas; exfront is elsewhere."""
    small = SmallWorld()
    known = World(Topology((_CHICAGO, *servers)), Policy(("fourthcoffee.com",)), small.back_ends.health, "Illinois")
    small.steps.world = lambda: known
    return small


class ClientAccessTests(SynchronousTestCase):
    def test_a_client_access_server_of_the_mailboxs_site(self) -> None:
        c = MailConnection(world=world(cas("dallas")))
        c.say(b"a LOGIN alice secret-alice\r\n")
        self.assertEqual(c.world.dialer.dialled[0].relay.server.name, "dallas")

    def test_none_is_a_temporary_fault_with_the_documents_words(self) -> None:
        """S-ROUTE-11: never a wrong password."""
        text = CAS_DOWN.mail_text.encode()
        c = MailConnection(world=world())
        answer = c.say(b"a LOGIN alice secret-alice\r\n")
        self.assertEqual(answer, b"a NO [UNAVAILABLE] %b (XF-CAS-DOWN)\r\n" % text)
        c = MailConnection(POP3, world=world())
        c.say(b"USER alice\r\n")
        self.assertEqual(c.say(b"PASS secret-alice\r\n"), b"-ERR [SYS/TEMP] %b (XF-CAS-DOWN)\r\n" % text)
        self.assertEqual(c.world.dialer.dialled, [])
