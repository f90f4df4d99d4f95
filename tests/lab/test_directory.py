"""The lab's LDAP directory answers as a domain controller does, as far as a front end can tell."""

from __future__ import annotations

from typing import Any

from ldaptor.protocols import pureber, pureldap
from ldaptor.protocols.ldap.ldapserver import BaseLDAPServer
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from exfront.lab.directory import directory_factory

BASE = "dc=fourthcoffee,dc=com"
SERVICE = f"cn=exfront,cn=Users,{BASE}"
ANNA = f"cn=anna arnold,ou=staff,{BASE}"

SUCCESS, OPERATIONS_ERROR, INVALID_DN, INVALID_CREDENTIALS, UNWILLING = 0, 1, 34, 49, 53
AUTH_METHOD_NOT_SUPPORTED = 7


def equals(attribute: str, value: bytes) -> Any:
    return pureldap.LDAPFilter_equalityMatch(
        pureldap.LDAPAttributeDescription(attribute), pureldap.LDAPAssertionValue(value)
    )


def user(attribute: str, value: bytes) -> Any:
    return pureldap.LDAPFilter_and([equals("objectClass", b"user"), equals(attribute, value)])


class DirectoryTests(SynchronousTestCase):
    """One connection, octets in and out."""

    def setUp(self) -> None:
        protocol = directory_factory().buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        assert protocol is not None
        self.protocol = protocol
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)

    def ask(self, request: Any) -> list[Any]:
        self.transport.clear()
        self.protocol.dataReceived(pureldap.LDAPMessage(request, id=1).toWire())
        octets, answers = self.transport.value(), []
        while octets:
            message, length = pureber.berDecodeObject(BaseLDAPServer.berdecoder, octets)
            answers.append(message.value)
            octets = octets[length:]
        return answers

    def bind(self, dn: str, password: bytes) -> Any:
        (answer,) = self.ask(pureldap.LDAPBindRequest(dn=dn, auth=password))
        return answer

    def search(self, sought: Any, attributes: tuple[str, ...] = ("sAMAccountName",), base: str = BASE) -> list[Any]:
        request = pureldap.LDAPSearchRequest(baseObject=base, filter=sought, attributes=attributes, sizeLimit=2)
        *entries, done = self.ask(request)
        self.assertEqual(done.resultCode, SUCCESS)
        return entries

    def found(self, sought: Any) -> list[bytes]:
        return [next(iter(dict(entry.attributes)[b"sAMAccountName"])) for entry in self.search(sought)]

    def test_a_right_password_binds(self) -> None:
        self.assertEqual(self.bind(SERVICE, b"lab-service").resultCode, SUCCESS)

    def test_a_wrong_password_or_name_is_told_as_active_directory_does(self) -> None:
        for dn, password in ((SERVICE, b"x"), (ANNA, b""), (f"cn=nobody,{BASE}", b"x"), ("anna", b"espresso-11")):
            self.assertEqual(self.bind(dn, password).resultCode, INVALID_CREDENTIALS, dn)
        self.assertIn(b"data 52e", self.bind(SERVICE, b"x").errorMessage)

    def test_a_sasl_bind_is_not_offered(self) -> None:
        (answer,) = self.ask(pureldap.LDAPBindRequest(dn="", auth=(b"GSSAPI", b"x"), sasl=True))
        self.assertEqual(answer.resultCode, AUTH_METHOD_NOT_SUPPORTED)

    def test_nobody_searches_before_a_bind(self) -> None:
        (done,) = self.ask(pureldap.LDAPSearchRequest(baseObject=BASE, filter=user("sAMAccountName", b"anna")))
        self.assertEqual(done.resultCode, OPERATIONS_ERROR)

    def test_a_refused_bind_takes_the_one_before_away(self) -> None:
        self.bind(SERVICE, b"lab-service")
        self.bind(ANNA, b"wrong")
        (done,) = self.ask(pureldap.LDAPSearchRequest(baseObject=BASE, filter=user("sAMAccountName", b"anna")))
        self.assertEqual(done.resultCode, OPERATIONS_ERROR)

    def test_each_attribute_that_names_a_user_finds_him_without_case(self) -> None:
        self.bind(SERVICE, b"lab-service")
        for attribute, value in (
            ("sAMAccountName", b"DAVID"),
            ("userPrincipalName", b"david@FOURTHCOFFEE.com"),
            ("proxyAddresses", b"smtp:david.dietz@fourthcoffee.com"),
            ("proxyAddresses", b"SMTP:David@fourthcoffee.com"),
            ("mailNickname", b"David.Dietz"),
        ):
            self.assertEqual(self.found(user(attribute, value)), [b"david"], (attribute, value))

    def test_octets_are_found_as_they_are(self) -> None:
        self.bind(SERVICE, b"lab-service")
        (entry,) = self.search(user("sAMAccountName", b"clara"), ("objectGUID",))
        guid = next(iter(dict(entry.attributes)[b"objectGUID"]))
        self.assertEqual(self.found(equals("objectGUID", guid)), [b"clara"])
        self.assertEqual(self.found(equals("objectGUID", b"\xff" * 16)), [])

    def test_a_value_of_special_characters_finds_nothing(self) -> None:
        self.bind(SERVICE, b"lab-service")
        for value in (b"*", b"anna)(cn=*", b"\xe4\xf6", b"an\0na", b"\\2a"):
            self.assertEqual(self.found(user("sAMAccountName", value)), [], value)

    def test_passwords_are_neither_shown_nor_searchable(self) -> None:
        self.bind(SERVICE, b"lab-service")
        (entry,) = self.search(user("sAMAccountName", b"anna"), ())
        self.assertNotIn(b"userpassword", [name.lower() for name, _ in entry.attributes])
        self.assertEqual(self.search(pureldap.LDAPFilter_present("userPassword")), [])

    def test_a_bad_base_is_told(self) -> None:
        self.bind(SERVICE, b"lab-service")
        (done,) = self.ask(pureldap.LDAPSearchRequest(baseObject="nonsense", filter=user("cn", b"x")))
        self.assertEqual(done.resultCode, INVALID_DN)

    def test_the_root_is_for_everybody(self) -> None:
        request = pureldap.LDAPSearchRequest(baseObject="", scope=pureldap.LDAP_SCOPE_baseObject)
        entry, done = self.ask(request)
        self.assertEqual(done.resultCode, SUCCESS)
        self.assertIn(b"defaultNamingContext", dict(entry.attributes))

    def test_nothing_can_be_changed(self) -> None:
        self.bind(SERVICE, b"lab-service")
        for request in (
            pureldap.LDAPDelRequest(entry=ANNA),
            pureldap.LDAPModifyRequest(object=ANNA, modification=[]),
            pureldap.LDAPStartTLSRequest(),
        ):
            (answer,) = self.ask(request)
            self.assertEqual(answer.resultCode, UNWILLING, request)
        self.assertEqual(self.found(user("sAMAccountName", b"anna")), [b"anna"])
