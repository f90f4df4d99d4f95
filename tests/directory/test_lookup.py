"""Look-ups over entries in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from exfront.because import Trace
from exfront.config.directory import DirectorySection
from exfront.config.limits import LimitsSection
from exfront.directory.entry import Entry
from exfront.directory.lookup import Directory
from exfront.interfaces import IDirectory
from exfront.names import KeyKind, LookupKey, mailbox_keys, parse_login
from exfront.reasons import AMBIGUOUS_LOGIN, DIRECTORY_DOWN, DIRECTORY_TIMEOUT, INCONSISTENT_MAILBOX, Reason, Refused
from exfront.topology import Mailbox
from tests.support.population import (
    BASE,
    CHILD_BASE,
    CHILD_DOMAIN,
    DISABLED,
    DOMAIN,
    EIGHT_BIT,
    NO_MAILBOX,
    ODD_ACCOUNT,
    ODD_NAME,
    PARTNER,
    SAME_CHILD,
    SAME_PARENT,
    TWINS,
    population,
)
from tests.support.searches import MemorySearches, entry

_DOMAINS = {DOMAIN: BASE, CHILD_DOMAIN: CHILD_BASE}


class LookupTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.searches = MemorySearches([entry(name, values) for name, values in population(8).entries()])
        self.directory = self.build(DOMAIN)

    def build(self, default_domain: str = "", **settings: Any) -> Directory:
        section = DirectorySection(**{"servers": (), "base": BASE, "domains": _DOMAINS, **settings})
        return Directory(section, LimitsSection(), self.clock, default_domain, self.searches)

    def find(self, login: str, trace: Trace | None = None) -> Deferred[Mailbox | None]:
        return self.directory.find(parse_login(login).keys, trace)

    def found(self, login: str) -> Mailbox:
        mailbox = self.successResultOf(self.find(login))
        assert mailbox is not None, login
        return mailbox

    def refused(self, login: str, reason: Reason) -> str:
        refused = self.failureResultOf(self.find(login), Refused).value
        self.assertIs(refused.reason, reason)
        return str(refused.detail)


class FindTests(LookupTests):
    def test_is_a_directory(self) -> None:
        verifyObject(IDirectory, self.directory)

    def test_all_forms_lead_to_one_account(self) -> None:
        """S-AUTH-4: every form of a name leads to one account id."""
        forms = (
            "user1", "USER1", r"FOURTHCOFFEE\user1", "fourthcoffee/user1", r"fourthcoffee.com\user1",
            "user1@fourthcoffee.com", "user1.old@fourthcoffee.com", "User1@FourthCoffee.com",
        )  # fmt: skip
        self.assertEqual({self.found(form).account_id for form in forms}, {population(1).users[0].guid.hex()})

    def test_upn_that_is_no_address(self) -> None:
        self.assertEqual(self.found("other.name@partner.example").account_name, PARTNER.name)

    def test_implicit_upn_is_account_and_dns_domain(self) -> None:
        self.assertEqual(self.found("partner@fourthcoffee.com").account_name, PARTNER.name)

    def test_alias_of_a_bare_name(self) -> None:
        self.assertEqual(self.found("juergen").account_name, EIGHT_BIT.name)

    def test_home_servers(self) -> None:
        self.assertEqual([self.found(f"user{number}").home_server for number in (1, 2, 5, 7)],
                         ["dallas", "chicago", "dallas", "dallas"])  # fmt: skip

    def test_account_without_mailbox_is_found(self) -> None:
        self.assertEqual(self.found(NO_MAILBOX.name).home_server, "")

    def test_disabled_account_is_marked(self) -> None:
        self.assertTrue(self.found(DISABLED.name).disabled)

    def test_dn_with_special_characters(self) -> None:
        self.assertEqual(self.found("odd").dn, ODD_NAME.dn)

    def test_unknown_name_is_none(self) -> None:
        """Bad input: unknown user"""
        for name in ("nobody", r"FOURTHCOFFEE\nobody", "nobody@fourthcoffee.com"):
            self.assertIsNone(self.successResultOf(self.find(name)), name)

    def test_filter_characters_are_literal(self) -> None:
        """S-AUTH-3: asterisks and parentheses are looked for literally.

        Bad input: user name with asterisk, parentheses, backslash and NUL
        """
        self.assertEqual(self.found("s*t(a)r").account_name, ODD_ACCOUNT.name)
        for name in ("*", "user*", "a)(uid=*", "s*", "user1)(objectClass=*"):
            self.assertIsNone(self.successResultOf(self.find(name)), name)
        for value in (
            "\0",
            "user1\0",
            r"\2a",
            "user1\\",
        ):  # no login name holds these; a key must bear them all the same
            self.assertIsNone(self.successResultOf(self.directory.find([LookupKey(KeyKind.ACCOUNT, value)], None)))

    def test_eight_bit_name(self) -> None:
        """Bad input: 8-bit user name"""
        self.assertEqual(self.found("jürgen").account_name, "jürgen")
        self.assertIsNone(self.successResultOf(self.find("jürgén")))

    def test_keys_are_tried_in_order_and_the_first_match_ends_it(self) -> None:
        self.found("user1@fourthcoffee.com")
        self.assertEqual([str(search.filter) for search in self.searches.asked],
                         ["(&(objectClass=user)(userPrincipalName=user1@fourthcoffee.com))"])  # fmt: skip

    def test_explicit_logon_by_address(self) -> None:
        mailbox = self.successResultOf(self.directory.find(mailbox_keys("user2", "fourthcoffee.com"), None))
        assert mailbox is not None
        self.assertEqual(mailbox.account_name, "user2")


class DomainTests(LookupTests):
    def test_same_account_name_in_two_domains(self) -> None:
        self.assertEqual(self.found(r"FOURTHCOFFEE\same").dn, SAME_PARENT.dn)
        self.assertEqual(self.found(r"WEST\same").dn, SAME_CHILD.dn)
        self.assertEqual(self.found("same@west.fourthcoffee.com").dn, SAME_CHILD.dn)
        self.assertEqual(self.found("same").dn, SAME_PARENT.dn)

    def test_same_account_name_without_default_domain_is_ambiguous(self) -> None:
        """S-AUTH-5: two entries for one name are refused."""
        self.directory = self.build()
        self.refused("same", AMBIGUOUS_LOGIN)

    def test_unknown_domain_asks_nobody(self) -> None:
        """S-AUTH-5: an unknown domain is an unknown user, without a search."""
        self.assertIsNone(self.successResultOf(self.find(r"CONTOSO\user1")))
        self.assertEqual(self.searches.asked, [])

    def test_new_settings_are_one_assignment(self) -> None:
        settings = DirectorySection((), BASE, schema="plain_ldap", domains={"FC": BASE})
        self.directory.settings = settings
        self.assertIs(self.directory.settings, settings)
        self.find(r"FC\paula")
        self.assertIn("uid=paula", str(self.searches.asked[-1].filter))

    def test_new_limits_are_one_assignment(self) -> None:
        self.directory.limits = LimitsSection(ldap_lookup_time=1.0)
        self.searches.hold = True
        waiting = self.find("user1")
        self.clock.advance(1.1)
        self.failureResultOf(waiting, Refused)

    def test_base_that_is_no_dn_is_refused_at_start(self) -> None:
        with self.assertRaises(ValueError):
            self.build(base="fourthcoffee.com", domains={})


class PlainTests(LookupTests):
    def test_account_of_a_plain_directory(self) -> None:
        self.directory = self.build(schema="plain_ldap")
        self.assertEqual(self.found("paula").home_server, "chicago")
        self.assertEqual(self.found("paula@plain.fourthcoffee.com").account_name, "paula")
        self.assertIsNone(self.successResultOf(self.find("user1")))

    def test_kinds_of_key_that_it_does_not_have_are_not_asked_for(self) -> None:
        self.directory = self.build(schema="plain_ldap")
        trace = Trace()
        self.successResultOf(self.directory.find([LookupKey(KeyKind.ALIAS, "paula")], trace))
        self.assertEqual(self.searches.asked, [])
        self.assertEqual([step.rule for step in trace], ["not in this schema"])


class RefusalTests(LookupTests):
    def test_address_of_two_accounts_is_refused_with_both_names(self) -> None:
        """S-AUTH-5: a proxy address that two own names nobody; the log gets both DNs."""
        detail = self.refused("twins@fourthcoffee.com", AMBIGUOUS_LOGIN)
        for twin in TWINS:
            self.assertIn(twin.dn, detail)

    def test_answer_cut_by_the_size_limit_is_ambiguous(self) -> None:
        """S-DIR-8, S-AUTH-5: more entries than two are as ambiguous as two."""
        triplets = [Entry(f"cn={number},{CHILD_BASE}", {"objectclass": (b"user",), "samaccountname": (b"three",)})
                    for number in range(3)]  # fmt: skip
        self.searches.entries += triplets
        self.refused("three", AMBIGUOUS_LOGIN)

    def test_directory_down_is_passed_on(self) -> None:
        self.searches.fault = Refused(DIRECTORY_DOWN)
        self.refused("user1", DIRECTORY_DOWN)

    def test_entry_that_contradicts_itself(self) -> None:
        """S-DIR-12: two home databases refuse the mailbox."""
        values = {"objectClass": ["user"], "sAMAccountName": ["two"], "homeMDB": ["cn=a,dc=b", "cn=b,dc=b"]}
        self.searches.entries.append(entry(f"cn=two,{BASE}", values))
        self.refused("two", INCONSISTENT_MAILBOX)

    def test_dn_that_is_not_utf8(self) -> None:
        name = b"cn=\xff,dc=west,".decode("utf-8", "surrogateescape") + BASE
        self.searches.entries = [Entry(name, {"objectclass": (b"user",), "samaccountname": (b"bad",)})]
        self.refused("bad", INCONSISTENT_MAILBOX)


class TimeTests(LookupTests):
    def test_look_up_is_bounded_as_a_whole(self) -> None:
        """S-DIR-1: a look-up ends after 10 s."""
        self.searches.hold = True
        waiting = self.find("user1")
        self.clock.advance(9.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.2)
        self.assertIs(self.failureResultOf(waiting, Refused).value.reason, DIRECTORY_TIMEOUT)

    def test_equal_look_ups_share_one_search(self) -> None:
        """S-DIR-6: a hundred equal look-ups at once are one search."""
        self.searches.hold = True
        waiting = [self.find("user1") for _ in range(100)]
        self.searches.release()
        self.assertEqual({self.successResultOf(one) for one in waiting}, {self.found("user1")})
        self.assertEqual(len(self.searches.asked), 1)

    def test_client_that_goes_away_does_not_disturb_others(self) -> None:
        """S-DIR-6: one waiter's cancel leaves the others."""
        self.searches.hold = True
        first, second = self.find("user1"), self.find("user1")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.searches.release()
        self.assertIsNotNone(self.successResultOf(second))

    def test_spellings_are_not_folded(self) -> None:
        """S-AUTH-4: comparing is the directory's: two spellings are two look-ups."""
        self.searches.hold = True
        self.find("straße")
        self.find("strasse")
        self.assertEqual(len(self.searches.asked), 2)
        self.searches.release()

    def test_stop_ends_look_ups(self) -> None:
        self.searches.hold = True
        waiting = self.find("user1")
        self.successResultOf(Deferred.fromCoroutine(self.directory.stop()))
        self.failureResultOf(waiting, CancelledError)


class TraceTests(LookupTests):
    def test_trace_has_queries_raw_values_and_readings(self) -> None:
        trace = Trace()
        self.successResultOf(self.find("user2", trace))
        self.assertEqual([step.rule for step in trace],
                         ["search", "entry", "search", "entry", "home server of homeMDB"])  # fmt: skip
        self.assertIn("filter=(&(objectClass=user)(sAMAccountName=user2))", str(trace.steps[0]))
        self.assertIn("homeMDB", str(trace.steps[0]))
        self.assertIn("CN=Database chicago", str(trace.steps[1]))
        self.assertIn("scope=base", str(trace.steps[2]))
        self.assertTrue(str(trace.steps[4]).endswith(", chicago"))

    def test_traced_look_up_has_queries_of_its_own(self) -> None:
        self.searches.hold = True
        self.find("user1")
        self.find("user1", Trace())
        self.assertEqual(len(self.searches.asked), 2)
        self.searches.release()

    def test_trace_tells_an_unknown_domain(self) -> None:
        trace = Trace()
        self.successResultOf(self.find(r"CONTOSO\user1", trace))
        self.assertEqual(str(trace.steps[0]), "unknown domain: account name, CONTOSO")
