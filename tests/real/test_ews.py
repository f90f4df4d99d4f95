"""exchangelib, a client of Exchange Web Services, through exfront: with Basic and with NTLM."""

from __future__ import annotations

import functools
import os

from attrs import frozen
from exchangelib import BASIC, DELEGATE, NTLM, Account, Build, Configuration, Credentials, Version
from exchangelib.errors import UnauthorizedError
from exchangelib.protocol import close_connections
from twisted.trial.unittest import SynchronousTestCase

from tests.support.connection_bound import DOMAIN, ConnectionBound
from tests.support.ews import subject
from tests.support.exfront import ExFront
from tests.support.mail_site import LISTENERS, PUBLIC_NAME, MailSite, shared
from tests.support.population import Person
from tests.support.process import temporary_folder, wait_until

_VERSION = Version(build=Build(14, 3))  # 2010


@frozen
class Stage:
    """Running."""

    site: MailSite
    back_end: ConnectionBound
    front: ExFront


@functools.cache
def stage() -> Stage:
    """Started once: chicago and dallas are one back end, which knows everybody."""
    site = shared()
    people = {user.name: user.password.decode() for user in site.users}
    folder = temporary_folder("ews")
    back_end = ConnectionBound(
        folder, "127.0.0.29", people, site.authority.issue("ews.fourthcoffee.com", ["127.0.0.29"])
    )
    back_end.daemon.start()
    ews = {"application": "ews", "server": "chicago"}
    front = site.exfront(
        {"https": LISTENERS["https"]},
        server=[each.section(address=back_end.address, http=back_end.http) for each in site.servers.values()],
        virtual_site=[{
            "name": "default", "public_name": PUBLIC_NAME, "virtual_directory": [
                {**ews, "path": "/EWS"}, {**ews, "path": "/NTLM", "authentication": "passthrough"},
            ],
        }],
    )  # fmt: skip
    front.start()
    return Stage(site, back_end, front)


class ReadingTests(SynchronousTestCase):
    timeout = 60

    def setUp(self) -> None:
        self.stage = stage()
        self.patch(os, "environ", {**os.environ, "REQUESTS_CA_BUNDLE": str(self.stage.site.authority.ca_file)})
        self.addCleanup(close_connections)

    def account(
        self, user: Person, path: str, scheme: str, password: str = "", opened: Person | None = None
    ) -> Account:
        """Of a user, or another's that he has `opened`; nothing is guessed, no Autodiscover is asked."""
        credentials = Credentials(f"{DOMAIN}\\{user.name}", password or user.password.decode())
        url = "https://{}:{}{}/Exchange.asmx".format(*self.stage.front.at("https"), path)
        configuration = Configuration(
            service_endpoint=url, credentials=credentials, auth_type=scheme, version=_VERSION, max_connections=2
        )
        return Account((opened or user).address, config=configuration, autodiscover=False, access_type=DELEGATE)

    def test_the_inbox_over_basic_and_over_ntlm(self) -> None:
        """S-HTTP-33: each user sees his own mail, over either."""
        users = self.stage.site.living_on("chicago")[40:42] + self.stage.site.living_on("dallas")[40:42]
        for path, scheme in (("/EWS", BASIC), ("/NTLM", NTLM)):
            for user in users:
                inbox = self.account(user, path, scheme).inbox
                self.assertEqual([mail.subject for mail in inbox.all()], [subject(user.name)], (path, user.name))
        self.assertEqual(self.stage.back_end.report().incidents, ())

    def test_a_wrong_password(self) -> None:
        """S-AUTH-7: exfront's own 401 for Basic, the back end's for NTLM."""
        user = self.stage.site.living_on("chicago")[43]
        for path, scheme in (("/EWS", BASIC), ("/NTLM", NTLM)):
            account = self.account(user, path, scheme, "wrong")
            self.assertRaises(UnauthorizedError, lambda account=account: account.inbox)

    def test_another_mailbox_by_the_anchor_that_exchangelib_sends(self) -> None:
        """S-HTTP-18: its X-AnchorMailbox leads a user of chicago to the mailbox's server, as himself."""
        user, other = self.stage.site.living_on("chicago")[44], self.stage.site.living_on("dallas")[44]
        mails = list(self.account(user, "/EWS", BASIC, opened=other).inbox.all())
        self.assertEqual([mail.subject for mail in mails], [subject(user.name)])

        def found() -> set[tuple[str, str]]:
            lines = self.stage.front.access_lines()
            return {(line["s-back-end"], line["cs-username"]) for line in lines if line["x-mailbox"] == other.address}

        wait_until(found, "lines of the other mailbox")
        self.assertEqual(found(), {("dallas", f"{DOMAIN}\\{user.name}")})
