"""ActiveSync and EWS between sites, in real processes: phone, exchangelib and curl, two exfronts, a strict server."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
from functools import cache
from typing import Any

from exchangelib import BASIC, DELEGATE, Account, Build, Configuration, Credentials, Version
from exchangelib.errors import TransportError
from exchangelib.protocol import close_connections
from twisted.trial.unittest import SynchronousTestCase

from tests.exchange.cas2007 import Cas2007, Cas2010
from tests.support import ews
from tests.support.activesync_server import INBOX
from tests.support.cas_sites import LINKED
from tests.support.cas_stage import FIRST_HOST, PHONES, PUBLIC_NAME, SECOND, SECOND_HOST, USER, CasStage, run
from tests.support.clients import basic
from tests.support.exfront import ExFront
from tests.support.phone import Phone
from tests.support.process import wait_until
from tests.support.samba import shared_site
from tests.support.samba_data import EMPTY_SITE, LINKED_SITE, NOT_INTEGRATED_SITE

_VERSION = Version(build=Build(14, 3))  # 2010
_FIRST = "127.0.0.43"
_EWS = "/EWS/Exchange.asmx"
_XML = {"Content-Type": "text/xml; charset=utf-8"}
_ENVELOPE = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>%b</s:Header><s:Body>'
    b'<FindItem xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"/></s:Body></s:Envelope>'
)
_OWN_CONTEXT = (
    b'<t:SerializedSecurityContext xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">'
    b"<t:UserSid>S-1-5-21-1-2-3-500</t:UserSid><t:GroupSids/></t:SerializedSecurityContext>"
)


@cache
def _stage() -> CasStage:
    """One for all tests of this module; its processes end with ours."""
    stage = CasStage(shared_site())
    stage.start()
    return stage


class _Case(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.stage = _stage()
        self.tls = ssl.create_default_context(cafile=str(self.stage.site.authority.ca_file))
        self.tls.check_hostname = False  # clients come by address

    def run_first(self, at: tuple[str, int], **changes: Any) -> ExFront:
        certificate = self.stage.site.authority.issue("by-address.fourthcoffee.com", [_FIRST])
        front = self.stage.first(at, tls={"certificate": str(certificate)}, **changes)
        self.addCleanup(front.daemon.kill)
        run(front)
        return front

    def strict(self, kind: type[Cas2007] = Cas2007) -> Cas2007:
        authority = self.stage.site.authority
        cas = kind("127.0.0.48", SECOND_HOST, authority.issue(SECOND_HOST), authority.ca_file, frozenset({FIRST_HOST}))
        self.addCleanup(cas.stop)
        return cas

    def phone(self, front: ExFront, user: Any = USER, *, packed: bool = False) -> Phone:
        secret = user.secret.decode()
        return Phone(front.at("https"), PUBLIC_NAME, user.principal, secret, self.tls, packed)


class ActiveSyncTests(_Case):
    def test_a_phones_conversation_through_two_sites(self) -> None:
        """S-ROUTE-6: OPTIONS, Provision, FolderSync, Sync and Ping of a mailbox in Iowa, by way of Illinois."""
        second = self.stage.second
        first = self.run_first(second.at("https"))
        sent = f"V121_PrxTo:{SECOND_HOST}_"
        for number, packed in enumerate((False, True)):
            phone = self.phone(first, packed=packed)
            self.assertEqual(phone.options().headers["ms-asprotocolversions"], "2.5,12.0,12.1")
            self.assertIn(phone.fetch_folders(), ([INBOX], []))
            phone.sync(INBOX)
            self.stage.phones.deliver(USER.name)
            self.assertIn("Mail", " ".join(phone.sync(INBOX)))
            self.assertEqual(phone.ping(INBOX, 1), "1")
            lines = first.lines_since(8 * number, 8)
            self.assertEqual({line["x-decision"] for line in lines}, {"ProxyToCas"})
            self.assertEqual({line["sc-status"] for line in lines}, {"200", "449"})
            logs = [re.sub(r"Sk:[1-9]\d*_", "Sk:n_", line["cs-uri"].partition("Log=")[2]) for line in lines]
            to = sent.removeprefix("V121_")
            self.assertEqual(logs, [
                sent, f"{sent}Error:DeviceNotProvisioned_", sent, sent, sent, f"V121_Fc1_Fid:{INBOX}_St:F_Sk:0_{to}",
                f"V121_Fc1_Fid:{INBOX}_St:S_Sk:n_{to}", f"V121_Fc1_Fid:{INBOX}_Ty:Em_Hb1_{to}",
            ])  # fmt: skip

        def taken() -> list[str]:
            return [line["cs-uri"] for line in second.access_lines() if "PrxFrom" in line["cs-uri"]]

        wait_until(lambda: len(taken()) == 16, "the second server's lines")
        self.assertTrue(all(f"_PrxTo:{SECOND_HOST}_PrxFrom:127.0.0.1_" in uri for uri in taken()), taken())
        inner = [line["cs-uri"] for line in second.access_lines() if line["sc-status"] in ("441", "241")]
        self.assertTrue(inner[0].startswith(f"{PHONES}/Proxy/default.eas"), inner)
        self.assertTrue(inner[1].startswith(f"{PHONES}/Proxy/default.eas?Cmd=ProxyLogin"), inner)
        for front in (first, second):
            self.assertNotIn("Traceback", front.server_log())

    def test_at_the_strict_server(self) -> None:
        """441, the log-on, 241 or 200, and the request once more; of 2007 and of 2010."""
        for kind, status in ((Cas2007, 241), (Cas2010, 200)):
            cas = self.strict(kind)
            cas.log_on_status = status
            first = self.run_first(cas.at)
            answer = self.phone(first).options()
            self.assertEqual((answer.status, answer.headers["ms-asprotocolversions"]), (200, cas.active_sync[1]))
            inner = f"{PHONES}/Proxy/default.eas"
            self.assertEqual([(one.method, one.target, one.status) for one in cas.seen], [
                ("OPTIONS", inner, 441), ("POST", f"{inner}?Cmd=ProxyLogin", status), ("OPTIONS", inner, 200),
            ])  # fmt: skip
            first.stop()
            cas.stop()

    def test_integrated_is_missing_there(self) -> None:
        """*CASProxy mit Exchange 2007*: 401 5, and the log says it in Exchange's words."""
        cas = self.strict()
        cas.integrated = False
        first = self.run_first(cas.at)
        self.assertEqual(self.phone(first).options().status, 401)
        (line,) = first.lines_since(0, 1)
        self.assertEqual((line["sc-status"], line["sc-substatus"]), ("401", "5"))
        self.assertTrue(line["cs-uri"].endswith(f"Log=V121_PrxTo:{SECOND_HOST}_Error:NTLM+not+on+the+destination+CAS_"))

    def test_451(self) -> None:
        """S-ROUTE-7: a mailbox in Texas, which has an ExternalURL; told each time, by curl as by a phone."""
        first = self.run_first(self.stage.second.at("https"))
        url = f"{LINKED.external_url.removesuffix('/owa')}{PHONES}"
        for _ in range(2):
            answer = self.phone(first, LINKED_SITE).post("FolderSync", b"\x03\x01\x6a\x00")
            self.assertEqual((answer.status, answer.headers["x-ms-location"], answer.body), (451, url, b""))
        address, port = first.at("https")
        argv = ["curl", "-ksi", "--max-time", "20", "-u", f"{LINKED_SITE.principal}:{LINKED_SITE.secret.decode()}",
                "-X", "OPTIONS", f"https://{address}:{port}{PHONES}"]  # fmt: skip
        shown = subprocess.run(argv, capture_output=True, check=True, timeout=30).stdout
        self.assertIn(b"HTTP/1.1 451", shown)
        self.assertIn(f"X-MS-Location: {url}\r\n".encode(), shown)

    def test_who_is_no_client_access_server(self) -> None:
        """S-ROUTE-3: the inner path is not a user's, with a password or somebody else's certificate."""
        second = self.stage.second
        for path in (f"{PHONES}/Proxy/default.eas", f"{PHONES}/proxy/default.eas?Cmd=ProxyLogin"):
            for certificate in ("", self.stage.certificate(PUBLIC_NAME)):
                said = {**basic(USER.principal, USER.secret), "X-ExFront-Sid": "S-1-5-21-1-2-3-500"}
                page = self.stage.ask(second, "OPTIONS", path, host=SECOND_HOST, headers=said, certificate=certificate)
                self.assertEqual(page.status, 403)


class EwsTests(_Case):
    def setUp(self) -> None:
        super().setUp()
        self.patch(os, "environ", {**os.environ, "REQUESTS_CA_BUNDLE": str(self.stage.site.authority.ca_file)})
        self.addCleanup(close_connections)

    def account(self, front: ExFront) -> Account:
        """Of the user, by exchangelib; nothing is guessed."""
        url = "https://{}:{}{}".format(*front.at("https"), _EWS)
        credentials = Credentials(USER.principal, USER.secret.decode())
        configuration = Configuration(
            service_endpoint=url, credentials=credentials, auth_type=BASIC, version=_VERSION, max_connections=2
        )
        address = f"{USER.name}@fourthcoffee.com"
        return Account(address, config=configuration, autodiscover=False, access_type=DELEGATE)

    def test_exchangelib_to_a_mailbox_in_another_site(self) -> None:
        """S-ROUTE-6: through two exfronts; the second one takes the context out before its back end."""
        first = self.run_first(self.stage.second.at("https"))
        mark = len(self.stage.second.access_lines())
        inbox = self.account(first).inbox
        self.assertEqual([mail.subject for mail in inbox.all()], [ews.subject(USER.name)])
        for asked in self.stage.ews.asked:
            self.assertEqual(asked.user, USER.name)
            self.assertNotIn(b"SecurityContext", asked.body)
            self.assertNotIn(b"S-1-5", asked.body)
        lines = first.access_lines()
        self.assertEqual({(line["x-decision"], line["s-back-end"], line["sc-status"]) for line in lines},
                         {("ProxyToCas", SECOND, "200")})  # fmt: skip
        taken = self.stage.second.lines_since(mark, len(lines))
        self.assertEqual({line["x-decision"] for line in taken}, {"Relay"})
        for front in (first, self.stage.second):
            self.assertNotIn("Traceback", front.server_log())

    def test_exchangelib_to_the_strict_server(self) -> None:
        """Schema, order and SIDs are as the EWS reference has them; of 2007 and of 2010."""
        for kind in (Cas2007, Cas2010):
            cas = self.strict(kind)
            first = self.run_first(cas.at)
            subjects = [mail.subject for mail in self.account(first).inbox.all()]
            (sid,) = {one.sid for one in cas.seen}
            self.assertRegex(sid, r"\AS-1-5-21-(?:\d+-){3}\d+\Z")
            self.assertEqual(subjects, [ews.subject(sid)])
            self.assertEqual({(one.peer, one.status) for one in cas.seen}, {(FIRST_HOST, 200)})
            self.assertTrue(all(re.search(rb"S-1-5-21-[\d-]+-513<", one.body) for one in cas.seen))  # Domain Users
            close_connections()
            first.stop()
            cas.stop()

    def test_a_server_that_does_not_take_us_for_one(self) -> None:
        cas = self.strict()
        cas.peers = frozenset()
        first = self.run_first(cas.at)
        with self.assertRaises(TransportError):
            list(self.account(first).inbox.all())
        wait_until(first.access_lines, "its lines")
        self.assertEqual({line["x-reason"] for line in first.access_lines()}, {"XF-CSC-LOGIN"})

    def test_a_context_of_a_clients_own(self) -> None:
        """S-ROUTE-3: by curl, at the first server and at the second; nothing reaches a server behind them."""
        cas = self.strict()
        first = self.run_first(cas.at)
        before = len(self.stage.ews.asked)
        for front in (first, self.stage.second):
            address, port = front.at("https")
            argv = ["curl", "-ks", "-o", os.devnull, "-w", "%{http_code}", "--max-time", "20", "-u",
                    f"{USER.principal}:{USER.secret.decode()}", "-H", "Content-Type: text/xml; charset=utf-8",
                    "--data-binary", "@-", f"https://{address}:{port}{_EWS}"]  # fmt: skip
            for body, status in (
                (_ENVELOPE % _OWN_CONTEXT, b"403"), (_ENVELOPE % (_OWN_CONTEXT * 2), b"403"),
                (_ENVELOPE % (b" " * 10_000_000), b"400"), ((_ENVELOPE % b"").decode().encode("utf-16"), b"415"),
            ):  # fmt: skip
                shown = subprocess.run(argv, input=body, capture_output=True, check=False, timeout=30).stdout
                self.assertEqual(shown, status, body[:100])
        self.assertEqual((cas.seen, len(self.stage.ews.asked)), ([], before))

    def test_sites_that_the_directory_has_half(self) -> None:
        """S-ROUTE-11: Ohio without Integrated authentication, Utah without a Client Access server."""
        first = self.run_first(self.stage.second.at("https"))
        cases = (
            (NOT_INTEGRATED_SITE, (401, "XF-NO-NTLM"), "XF-CAS-CONFIG"),
            (EMPTY_SITE, (503, "XF-CAS-DOWN"), "XF-CAS-DOWN"),
        )
        for number, (person, phone, ews_reason) in enumerate(cases):
            said = basic(person.principal, person.secret)
            statuses = [
                self.stage.ask(first, "OPTIONS", PHONES, headers=said).status,
                self.stage.ask(first, "POST", _EWS, _ENVELOPE % b"", headers={**said, **_XML}).status,
            ]
            self.assertEqual(statuses, [phone[0], 503], person)
            lines = first.lines_since(2 * number, 2)
            self.assertEqual([line["x-reason"] for line in lines], [phone[1], ews_reason])
        self.assertIn("?Log=PrxTo:dayton.fourthcoffee.com_Error:NTLM+not+on+the+destination+CAS_",
                      first.access_lines()[0]["cs-uri"])  # fmt: skip

    def test_two_that_point_at_each_other(self) -> None:
        """S-ROUTE-5: 508 at once, for EWS as for ActiveSync; each takes the other one's site for the mailbox's."""
        fronts = self.stage.each_before_the_other()
        for front in fronts:
            self.addCleanup(front.daemon.kill)
            run(front)
        said = {**basic(USER.principal, USER.secret), **_XML}
        self.assertEqual(self.stage.ask(fronts[0], "POST", _EWS, _ENVELOPE % b"", headers=said).status, 508)
        self.assertEqual(self.stage.ask(fronts[0], "OPTIONS", PHONES).status, 508)
        self.assertEqual([line["x-reason"] for line in fronts[1].lines_since(0, 4)],
                         ["XF-LOOP", "XF-CSC-NEEDED", "-", "XF-LOOP"])  # fmt: skip
