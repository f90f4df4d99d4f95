"""The pages of the lab's mailbox servers."""

from __future__ import annotations

import base64

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from exfront.lab.mailboxes import mailboxes
from exfront.lab.web import site


def authorization(name: str, password: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


ANNA = authorization("FOURTHCOFFEE\\anna", "espresso-11")


class WebTests(SynchronousTestCase):
    """One request each."""

    def answer(self, line: str, *header: str) -> str:
        transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 1))
        channel = site(mailboxes("chicago")).buildProtocol(None)
        channel.makeConnection(transport)
        head = (f"{line} HTTP/1.1", "Host: mail.fourthcoffee.com", "Connection: close", *header, "", "")
        channel.dataReceived("\r\n".join(head).encode())
        channel.connectionLost(None)
        return transport.value().decode()

    def test_a_user_of_this_server_gets_a_page_that_names_it(self) -> None:
        answer = self.answer("GET /exchange/", ANNA)
        self.assertTrue(answer.startswith("HTTP/1.1 200 "), answer)
        for text in ("<h1>CHICAGO</h1>", "It saw <b>Anna Arnold</b>", "Mailbox: anna.arnold"):
            self.assertIn(text, answer)

    def test_a_mailbox_named_in_the_url_is_shown(self) -> None:
        self.assertIn("Mailbox: ben.becker", self.answer("GET /exchange/ben.becker/", ANNA))
        self.assertIn("Mailbox: anna.arnold", self.answer("GET /owa/ben.becker/", ANNA))

    def test_a_user_of_another_server_may_come_for_a_mailbox_that_is_here(self) -> None:
        clara = authorization("clara", "macchiato-33")
        answer = self.answer("GET /exchange/ben%2Ebecker/", clara)
        for text in ("HTTP/1.1 200 ", "It saw <b>Clara Conrad</b>", "Mailbox: ben.becker"):
            self.assertIn(text, answer)

    def test_a_mailbox_of_another_server_is_not_here(self) -> None:
        clara = authorization("clara", "macchiato-33")
        for path, header in (("/owa/", clara), ("/exchange/david.dietz/", ANNA), ("/exchange/x%00y/", ANNA)):
            answer = self.answer(f"GET {path}", header)
            self.assertTrue(answer.startswith("HTTP/1.1 404 "), answer)
            self.assertIn("is not on this server", answer)

    def test_the_page_shows_the_header_but_no_password(self) -> None:
        answer = self.answer("PROPFIND /owa/?a=<b>", ANNA, "Front-End-Https: On", "Depth: 0")
        for text in ("PROPFIND /owa/?a=&lt;b&gt; HTTP/1.1", "Front-End-Https: On", "Host: mail.fourthcoffee.com"):
            self.assertIn(text, answer)
        self.assertIn("Authorization: (not shown)", answer)
        self.assertNotIn(ANNA.split()[-1], answer)

    def test_others_are_asked_to_log_on(self) -> None:
        for header in ([], [authorization("anna", "x")], ["Authorization: NTLM x"], [ANNA, ANNA]):
            answer = self.answer("GET /exchange/", *header)
            self.assertTrue(answer.startswith("HTTP/1.1 401 "), answer)
            self.assertIn('Basic realm="chicago.fourthcoffee.com"', answer)

    def test_public_folders_are_for_everybody(self) -> None:
        answer = self.answer("GET /public/")
        self.assertTrue(answer.startswith("HTTP/1.1 200 "), answer)
        self.assertIn("nobody (anonymous)", answer)

    def test_nothing_else_is_there(self) -> None:
        for path in ("/", "/exchanger/", "/exadmin/"):
            self.assertTrue(self.answer(f"GET {path}", ANNA).startswith("HTTP/1.1 404 "), path)
