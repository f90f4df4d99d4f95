"""Mailboxes of Exchange 2013: anchor mailbox, database, active copy, server; a row per documented case.

The organisation is a pair of mailbox servers, Houston and Austin, with a third one, Waco, in one availability group;
Boston is of 2010. Sources: see `exfront.routing.exchange2013`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from exfront.decision import Decision, Refuse, Relay
from exfront.facts import ANONYMOUS, Facts, Health, Identity, Policy, World
from exfront.reasons import (
    DATABASE_DOWN,
    LOOP,
    PROTOCOL_NOT_SERVED,
    PROXY_NOT_POSSIBLE,
    SERVER_TWICE,
    SERVER_UNKNOWN,
    TOKEN_IN_CLEAR,
    Reason,
)
from exfront.routing import decide
from exfront.topology import Database, Protocol, Server, ServerVersion, Service, Topology
from tests.support.directory import mailbox
from tests.support.steps import server

_V2010, _V2013, _V2016 = ServerVersion(14, 1, 218), ServerVersion(15, 0, 516), ServerVersion(15, 1, 2375)
_AT_444 = Service(444, "implicit")
_DATABASE = "cn=mailbox database 1,cn=databases,cn=org"
_OUT, _DUE = Health("out", "refused"), Health("out", "refused", due=True)


def node(name: str, version: ServerVersion | None = _V2013, **more: object) -> Server:
    """A mailbox server as the directory tells of it."""
    values: dict[str, object] = {"http": _AT_444, "roles": frozenset({"mailbox"}), "listed": False, **more}
    return server(name, version=version, **values)


_HOUSTON, _AUSTIN, _WACO, _BOSTON = node("houston"), node("austin"), node("waco", _V2016), node("boston", _V2010)
_ALL = (_HOUSTON, _AUSTIN, _WACO, _BOSTON)


def database(owner: str = "houston", *copies: str) -> Database:
    """The mailbox's, which `owner` owns."""
    return Database(_DATABASE, "Mailbox Database 1", owner, copies=copies, group="DAG1")


_DAG = database("houston", "houston", "waco", "austin")


def world(
    known: Database | None = _DAG, servers: tuple[Server, ...] = _ALL, states: Mapping[str, Health] | None = None,
    active: Callable[[str], str] = lambda database: "", **policy: object,
) -> World:  # fmt: skip
    def health(name: str, protocol: Protocol, application: str) -> Health | None:
        return (states or {}).get(name)

    values: dict[str, object] = {"suffixes": ("fourthcoffee.com",), "proves": True, **policy}
    topology = Topology(servers, (known,) if known is not None else ())
    return World(topology, Policy(**values), health, active=active)  # type: ignore[arg-type]


def facts(protocol: Protocol = "http", application: str = "owa", home: str = "houston", **more: object) -> Facts:
    account = mailbox("dora", home, database=_DATABASE)
    values: dict[str, object] = {"identity": Identity(account), "mailbox": account, **more}
    return Facts(protocol, application=application if protocol == "http" else "", **values)  # type: ignore[arg-type]


def told(decision: Decision) -> list[str]:
    return [str(each) for each in decision.because]


class Case(SynchronousTestCase):
    def relayed(self, where: World, asked: Facts | None = None) -> Relay:
        decision = decide(asked or facts(), where)
        assert isinstance(decision, Relay), decision
        return decision

    def refused(self, where: World, reason: Reason, asked: Facts | None = None) -> Refuse:
        decision = decide(asked or facts(), where)
        assert isinstance(decision, Refuse), decision
        self.assertIs(decision.reason, reason)
        return decision


class ActiveCopyTests(Case):
    """S-ROUTE-1, S-ROUTE-9: from directory, configuration and memory alone, and at 444."""

    def test_the_owner_without_copies(self) -> None:
        relay = self.relayed(world(database("houston")))
        self.assertEqual((relay.server, relay.service), (_HOUSTON, _AT_444))
        self.assertTrue(relay.token)
        self.assertFalse(relay.replaceable)
        self.assertEqual(told(relay), [
            f"anchor mailbox: 2013 step 1, dora@fourthcoffee.com, {_DATABASE}",
            "active copy: 2013 step 1, houston, msExchOwningServer",
            "token: 2013 step 2, X-CommonAccessToken",
            "relay: houston, 444, implicit",
        ])  # fmt: skip

    def test_the_order(self) -> None:
        """Found a moment ago, the configuration, the owner, the other copies by their activation preference."""
        for more, names in (
            ({}, ["houston", "waco", "austin"]),
            ({"active": lambda dn: "austin" if dn == _DATABASE else ""}, ["austin", "houston", "waco"]),
            ({"active_servers": {"mailbox database 1": "WACO"}}, ["waco", "houston", "austin"]),
            ({"active_servers": {"dag1": "austin"}}, ["austin", "houston", "waco"]),
            ({"active_servers": {"dag1": "austin", "mailbox database 1": "waco"}}, ["waco", "houston", "austin"]),
            ({"active_servers": {"dag2": "austin"}}, ["houston", "waco", "austin"]),
            ({"active": lambda dn: "waco", "active_servers": {"dag1": "austin"}}, ["waco", "austin", "houston"]),
        ):  # fmt: skip
            where = world(**more)  # type: ignore[arg-type]
            found: list[str] = []
            while len(found) < len(names):
                found.append(self.relayed(where.without(frozenset(found))).server.name)
            self.assertEqual(found, names, more)

    def test_a_dead_one_is_left_alone_until_it_is_due(self) -> None:
        relay = self.relayed(world(states={"houston": _OUT}))
        self.assertEqual((relay.server, relay.replaceable), (_WACO, True))
        self.assertIn("left out: 2013 step 1, houston, out, refused", told(relay))
        self.assertEqual(self.relayed(world(states={"houston": _DUE})).server, _HOUSTON)

    def test_no_copy_answers(self) -> None:
        refused = self.refused(world(states={each.name: _OUT for each in _ALL}), DATABASE_DOWN)
        self.assertEqual(refused.detail, "servers=houston,waco,austin")

    def test_the_only_one_is_tried_whatever_its_health(self) -> None:
        self.assertEqual(self.relayed(world(database(), states={"houston": _OUT})).server, _HOUSTON)

    def test_an_owner_that_is_gone(self) -> None:
        """Missing objects: of the server, of msExchOwningServer; the copies are there."""
        for owner in ("deleted", ""):
            asked = facts(home=owner or "houston")
            self.assertEqual(self.relayed(world(database(owner, "waco", "austin")), asked).server, _WACO, owner)
        self.assertEqual(world(database("", "waco")).topology.owner(_DATABASE), "waco")
        self.assertEqual(world(database("")).topology.owner(_DATABASE), "")

    def test_a_database_that_is_not_known(self) -> None:
        """The home server's name is then all that there is."""
        self.assertEqual(self.relayed(world(None)).server, _HOUSTON)

    def test_nobody_is_known(self) -> None:
        self.refused(world(database("deleted", "gone")), SERVER_UNKNOWN, facts(home="deleted"))

    def test_copies_that_cannot_be(self) -> None:
        """S-DIR-4, S-ROUTE-5: contradictory objects are left out, each with its reason."""
        servers = (
            _BOSTON, node("plain", None), node("evil", host="evil.example"), node("mail"), node("twice"), node("twice"),
            _AUSTIN,
        )  # fmt: skip
        copies = database("houston", "boston", "plain", "evil", "mail", "twice", "austin")
        own = frozenset({"mail.fourthcoffee.com"})
        relay = self.relayed(world(copies, (*servers, _HOUSTON), {"houston": _OUT}, own_names=own))
        self.assertEqual(relay.server, _AUSTIN)
        self.assertEqual([each.split(", ", 2)[2] for each in told(relay) if each.startswith("left out")], [
            "out, refused", "not of 2013 or later", "not of 2013 or later", "not below an allowed suffix",
            "leads back here", "the directory has two of that name",
        ])  # fmt: skip

    def test_only_this_front_end_itself(self) -> None:
        """S-ROUTE-5"""
        self.refused(world(database(), own_names=frozenset({_HOUSTON.host})), LOOP)

    def test_two_home_servers_of_one_name(self) -> None:
        self.refused(world(database(), (_HOUSTON, evolve(_HOUSTON, dn="other"))), SERVER_TWICE)

    def test_a_database_of_2010_goes_the_flow_of_2010(self) -> None:
        """Older than 15: its Client Access server; and the configuration says in which site that is."""
        cas = (
            node("cas1", _V2010, site="East", roles=frozenset({"client_access"})),
            node("cas2", _V2010, site="West", roles=frozenset({"client_access"})),
        )
        boxes = (node("boston", _V2010, site="East"), node("seattle", _V2010, site="West"))
        known = database("boston", "boston", "seattle")
        for active, name in (({}, "cas1"), ({"dag1": "seattle"}, "cas2")):
            where = evolve(world(known, (*boxes, *cas), active_servers=active), site="")
            relay = self.relayed(where, facts(home="boston"))
            self.assertEqual((relay.server.name, relay.token), (name, False))


class TokenTests(Case):
    """S-ROUTE-3, S-ROUTE-8: who is told of by a token, and to whom."""

    def test_never_in_clear(self) -> None:
        """The configuration's service, or the virtual directory's, may be another than 444 with TLS."""
        in_clear = node("houston", http=Service(80), listed=True)
        self.refused(world(database(), (in_clear,)), TOKEN_IN_CLEAR)
        self.refused(world(database()), TOKEN_IN_CLEAR, facts(tls="none"))
        relay = self.relayed(world(database()), facts(port=8444))
        self.assertEqual((relay.service, relay.token), (Service(8444, "implicit"), True))

    def test_who_cannot_prove_what_he_is(self) -> None:
        self.refused(world(proves=False), PROXY_NOT_POSSIBLE)

    def test_a_site_that_rather_sends_the_password(self) -> None:
        for schemes in (("basic",), ("ntlm", "basic")):
            houston = node("houston", listed=True, next_hop=schemes)
            relay = self.relayed(world(database(), (houston,), proves=False))
            self.assertEqual((relay.token, relay.schemes), (False, schemes))

    def test_who_is_not_proven_here_has_none(self) -> None:
        """S-ROUTE-1: what passes through goes to the server that was looked up, without a credential of exfront's."""
        relay = self.relayed(world(proves=False), facts(identity=ANONYMOUS))
        self.assertEqual((relay.server, relay.token, relay.proves), (_HOUSTON, False, False))

    def test_imap4_and_pop3_have_their_own_log_on(self) -> None:
        for protocol in ("imap4", "pop3"):
            relay = self.relayed(world(proves=False), facts(protocol))  # type: ignore[arg-type]
            self.assertEqual((relay.server, relay.token, relay.replaceable), (_HOUSTON, False, True))

    def test_a_server_without_http(self) -> None:
        self.refused(world(database(), (node("houston", http=None, listed=True),)), PROTOCOL_NOT_SERVED)

    def test_2016_is_as_2013(self) -> None:
        self.assertTrue(self.relayed(world(database("waco")), facts(home="waco")).token)

    def test_a_server_of_the_configuration_that_the_directory_does_not_know(self) -> None:
        """It has no version: never a token."""
        stranger = server("houston", http=_AT_444)
        self.assertFalse(self.relayed(world(database(), (stranger,))).token)
