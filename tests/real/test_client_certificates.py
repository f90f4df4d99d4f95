"""Client certificates over real TLS, looked up in slapd; the back end is told by a header."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from tests.support.authority import Authority
from tests.support.mail_site import LISTENERS, PUBLIC_NAME, shared
from tests.support.process import temporary_folder
from tests.support.recording_server import RecordingServer

_FIELD = b"x-forwarded-user"


class ClientCertificateTests(SynchronousTestCase):
    timeout = 60

    def setUp(self) -> None:
        self.site = shared()
        self.user, self.other = self.site.living_on("chicago")[50:52]
        self.back_end = RecordingServer("127.0.0.32")
        self.addCleanup(self.back_end.stop)
        both = {"authentication": ["certificate", "basic"], "identity": "header", "header_servers": ["chicago"]}
        self.front = self.site.exfront(
            {"https": {**LISTENERS["https"], "client_ca_file": str(self.site.authority.ca_file)}},
            server=[self.site.chicago.section(address=self.back_end.address, http=self.back_end.port)],
            virtual_site=[{
                "name": "default", "public_name": PUBLIC_NAME,
                "virtual_directory": [{**both, "path": "/owa", "application": "owa"},
                                      {"path": "/exchange", "application": "exchange"}],
            }],
        )  # fmt: skip
        self.addCleanup(self.front.daemon.kill)
        self.front.start()

    def get(self, path: str, certificate: str = "") -> int:
        """The status; with a client's certificate, a PEM file with its key."""
        context = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        context.check_hostname = False  # by address
        if certificate:
            context.load_cert_chain(certificate)
        with closing(http.client.HTTPSConnection(*self.front.at("https"), timeout=20, context=context)) as client:
            client.request("GET", path, headers={"Host": PUBLIC_NAME})
            return client.getresponse().status

    def told(self) -> list[list[bytes]]:
        """What the back end heard of who asks."""
        return [seen.values(_FIELD) for seen in self.back_end.take()]

    def test_by_mapping_by_upn_and_by_address(self) -> None:
        """S-ROUTE-3: each finds its account in the directory."""
        authority, user = self.site.authority, self.user
        for certificate in (
            authority.issue_client(user.alias),
            authority.issue_client("nobody in particular", upn=user.upn),
            authority.issue_client("nobody in particular", address=user.address.upper()),
        ):
            self.assertEqual(self.get("/owa/x", str(certificate)), 200)
        self.assertEqual(self.told(), [[user.name.encode()]] * 3)

    def test_without_one_and_with_one_of_nobody(self) -> None:
        """S-ROUTE-3: a password is asked for; 403."""
        self.assertEqual(self.get("/owa/x"), 401)
        self.assertEqual(self.get("/owa/x", str(self.site.authority.issue_client("stranger"))), 403)
        self.assertEqual(self.told(), [])

    def test_elsewhere_it_opens_nothing(self) -> None:
        """S-ROUTE-3: only where the directory takes it."""
        self.assertEqual(self.get("/exchange/", str(self.site.authority.issue_client(self.user.alias))), 401)

    def test_of_another_authority_or_expired(self) -> None:
        """S-TLS-2: the handshake fails; nothing is looked up."""
        foreign = Authority(temporary_folder("foreign"), "exfront test authority")
        for certificate in (
            foreign.issue_client(self.user.alias),
            self.site.authority.issue_client(self.other.alias, expired=True),
        ):
            self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected),
                              self.get, "/owa/x", str(certificate))  # fmt: skip
        self.assertEqual(self.told(), [])
