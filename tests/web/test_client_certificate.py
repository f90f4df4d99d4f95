"""Client certificates: whose they are, and what a back end is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL.crypto import X509
from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.client_certificate import directory_order, read_certificate
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.names import KeyKind, NameRules
from exfront.reasons import CERTIFICATE_NEEDED, CERTIFICATE_UNKNOWN
from tests.support.authority import Authority
from tests.support.directory import MemoryDirectory, mailbox
from tests.support.steps import SmallWorld
from tests.web.conversation import ALICE, BOB, OK, Conversation, fields_of, request

TO_BACK_END = b"X-Forwarded-User: "


class _Case(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.authority = Authority(folder)

    def certificate(self, name: str = "somebody", **more: str) -> x509.Certificate:
        """Of a client."""
        return x509.load_pem_x509_certificates(self.authority.issue_client(name, **more).read_bytes())[0]


class ReadTests(_Case):
    def test_mappings_then_upn_then_addresses(self) -> None:
        """S-ROUTE-3: the administrator's word comes first."""
        certificate = self.certificate("Alice", upn="alice@corp.example", address="Alice@fc.com")
        found = read_certificate(certificate)
        kinds = [key.kind for key in found.keys]
        self.assertEqual(kinds, [KeyKind.CERTIFICATE, KeyKind.CERTIFICATE, KeyKind.UPN, KeyKind.ADDRESS])
        serial = certificate.serial_number
        octets = serial.to_bytes(serial.bit_length() // 8 + 1, "little").hex()
        self.assertEqual([key.value for key in found.keys], [
            f"X509:<I>CN=exfront test authority<SR>{octets}", "X509:<I>CN=exfront test authority<S>CN=Alice",
            "alice@corp.example", "Alice@fc.com",
        ])  # fmt: skip
        self.assertEqual(found.name, "alice@corp.example")
        self.assertNotIn(found.fingerprint.hex(), repr(found))

    def test_a_subject_alone(self) -> None:
        found = read_certificate(self.certificate("alice"))
        self.assertEqual((found.name, len(found.keys)), ("CN=alice", 2))

    def test_addresses_of_domains_that_are_not_accepted(self) -> None:
        """S-AUTH-4: are nobody's."""
        found = read_certificate(self.certificate(address="alice@evil.example"), NameRules(frozenset({"fc.com"})))
        self.assertNotIn(KeyKind.ADDRESS, [key.kind for key in found.keys])

    def test_names_in_the_directorys_order(self) -> None:
        name = x509.Name([
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "com"), x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "fc"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Sales, West"),
            x509.NameAttribute(NameOID.COMMON_NAME, 'Bob "B"'),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "b@fc.com"), x509.NameAttribute(NameOID.TITLE, "Dr"),
        ])  # fmt: skip
        self.assertEqual(
            directory_order(name), 'DC=com,DC=fc,OU="Sales, West",CN="Bob ""B""",E=b@fc.com,OID.2.5.4.12=Dr'
        )


class RequestTests(_Case):
    def conversation(self, certificate: x509.Certificate | None, *, world: Any = None, **settings: Any) -> Conversation:
        """A client over TLS that shows it; the back ends are told by a header."""
        told: dict[str, Any] = {
            "authentication": ("certificate",), "identity": "header", "header_servers": ("chicago", "dallas"),
            **settings,
        }  # fmt: skip
        directory = VirtualDirectorySection("/x", "exchange", **told)
        site = VirtualSiteSection("x", "mail.fourthcoffee.com", (), (directory,))
        here = Conversation((site,), secure=True, handshake=False, world=world or SmallWorld())
        here.client.peer = None if certificate is None else X509.from_cryptography(certificate)
        here.protocol.handshakeCompleted()
        return here

    def test_each_way_to_name_the_user(self) -> None:
        """S-ROUTE-3: by UPN, by address, by the mapping of the account; the name is the directory's."""
        for certificate in (
            self.certificate(upn="alice@fourthcoffee.com"), self.certificate(address="ALICE@fourthcoffee.com"),
            self.certificate("alice"),
        ):  # fmt: skip
            here = self.conversation(certificate)
            fields = fields_of(here.relayed(line=b"GET /x/"))
            self.assertIn(TO_BACK_END + b"alice", fields)
            self.assertNotIn(b"authorization", b"".join(fields).lower())
            self.assertEqual(here.world.dialer.dialled[0].relay.server.name, "chicago")
            self.assertEqual(here.world.passwords.checked, [])

    def test_the_mapping_wins(self) -> None:
        """S-ROUTE-3: over what a certificate says of itself."""
        fields = fields_of(
            self.conversation(self.certificate("bob", upn="alice@fourthcoffee.com")).relayed(line=b"GET /x/")
        )
        self.assertIn(TO_BACK_END + b"bob", fields)

    def test_no_certificate(self) -> None:
        """S-ROUTE-3: 403, whatever password comes."""
        here = self.conversation(None)
        self.assertEqual(here.ask(b"GET /x/", ALICE).status, 403)
        self.assertIs(here.records[0].reason, CERTIFICATE_NEEDED)
        self.assertEqual(here.world.directory.asked, [])

    def test_a_certificate_that_is_nobodys(self) -> None:
        """S-AUTH-6: 403, one text; the log has the cause."""
        disabled = evolve(mailbox("alice"), disabled=True)
        expired = evolve(mailbox("bob"), expires=999_999.0)
        world = SmallWorld(directory=MemoryDirectory([disabled, expired]))
        seen = set()
        for name, cause in (("eve", "unknown user"), ("alice", "account disabled"), ("bob", "account expired")):
            here = self.conversation(self.certificate(name), world=world)
            answer = here.ask(b"GET /x/")
            seen.add((answer.status, answer.headers.get(b"www-authenticate")))
            self.assertIs(here.records[-1].reason, CERTIFICATE_UNKNOWN, name)
            self.assertEqual(here.records[-1].detail, cause)
        self.assertEqual(seen, {(403, None)})

    def test_a_password_instead(self) -> None:
        """S-ROUTE-3: where both may be, a certificate wins, and its owner's Authorization goes nowhere."""
        both = {"authentication": ("certificate", "basic")}
        self.assertIn(TO_BACK_END + b"bob", fields_of(self.conversation(None, **both).relayed(BOB, line=b"GET /x/")))
        here = self.conversation(self.certificate("alice"), **both)
        fields = fields_of(here.relayed(BOB, line=b"GET /x/"))
        self.assertIn(TO_BACK_END + b"alice", fields)
        self.assertNotIn(BOB.strip(), fields)

    def test_nothing_is_told(self) -> None:
        """S-ROUTE-3: identity none."""
        here = self.conversation(self.certificate("alice"), identity="none", header_servers=())
        fields = fields_of(here.relayed(line=b"GET /x/"))
        self.assertNotIn(b"alice", b"".join(fields))

    def test_a_proxys_certificate_is_no_users(self) -> None:
        """S-HTTP-34: its connection is many users'."""
        certificate = self.certificate("alice")
        directory = VirtualDirectorySection(
            "/x", "exchange", authentication=("certificate",), identity="none", require_tls="no"
        )
        site = VirtualSiteSection("x", "mail.fourthcoffee.com", (), (directory,))
        here = Conversation((site,), secure=True, handshake=False, trusted_proxies=("192.0.2.0/24",))
        here.client.peer = X509.from_cryptography(certificate)
        here.protocol.handshakeCompleted()
        proxied = (b"X-Forwarded-For: 198.51.100.7\r\n", b"X-Forwarded-Proto: https\r\n")
        self.assertEqual(here.ask(b"GET /x/", *proxied).status, 403)

    def test_it_is_asked_for_once_a_minute(self) -> None:
        """S-AUTH-9: as a password."""
        here = self.conversation(self.certificate("alice"))
        for _ in range(3):
            here.send(request(b"GET /x/"))
            here.answer(OK)
        self.assertEqual(len(here.world.directory.asked), 1)
        here.wait(61, step=30)
        here.send(request(b"GET /x/"))
        self.assertEqual(len(here.world.directory.asked), 2)
        self.assertEqual([each.user for each in here.records], ["CN=alice"] * 3)
