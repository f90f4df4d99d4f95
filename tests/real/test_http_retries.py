"""Back ends that die at the wrong moment: what is sent again, and what never is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.corpus.entry import post, request
from tests.corpus.front import corpus_site
from tests.support.clients import Conversation
from tests.support.http_wire import Octets, read_body, read_response_head, status_of
from tests.support.recording_server import Script, Seen

_DIES = Script(b"", "close")


class RetryTests(SynchronousTestCase):
    """A client whose first request leaves a kept connection, on which the back end then dies."""

    timeout = 60

    def setUp(self) -> None:
        self.front, self.back_end = corpus_site()
        self.back_end.take()
        self.client = Conversation(self.front.at("http"), source="127.9.200.1")
        self.addCleanup(self.client.close)
        self.octets = Octets(self.client.socket)
        self.assertEqual(self.ask(request()), 200)
        self.back_end.take()

    def ask(self, octets: bytes) -> int:
        """The status of the answer to one more request."""
        self.client.send(octets)
        head = read_response_head(self.octets)
        read_body(self.octets, head)
        return status_of(head)

    def dies(self) -> None:
        """The back end does not answer the next request of this client, and closes."""
        self.back_end.scripts["127.9.200.1"] = _DIES

    def seen(self) -> list[Seen]:
        """What reached the back end meanwhile."""
        return [seen for seen in self.back_end.take() if seen.client == "127.9.200.1"]

    def test_a_get_is_sent_once_more_on_a_new_connection(self) -> None:
        """S-HTTP-32: the client does not notice."""
        self.dies()
        self.assertEqual(self.ask(request()), 200)
        first, second = self.seen()
        self.assertNotEqual(first.connection, second.connection)

    def test_a_post_is_not(self) -> None:
        """S-HTTP-32: sent once, with or without a body: 502."""
        for octets in (post(b"Content-Length: 2", body=b"ab"), post()):
            self.dies()
            self.assertEqual(self.ask(octets), 502)
            self.assertEqual(len(self.seen()), 1)
            self.assertEqual(self.ask(request()), 200)  # leaves a kept connection again
            self.back_end.take()

    def test_a_get_with_a_body_is_not(self) -> None:
        """S-HTTP-32: its body is gone."""
        self.dies()
        self.assertEqual(self.ask(request(b"GET /public/a HTTP/1.1", b"Content-Length: 2", body=b"ab")), 502)
        self.assertEqual(len(self.seen()), 1)

    def test_an_answer_that_was_begun_is_not_asked_for_again(self) -> None:
        """S-HTTP-32, S-HTTP-30: one octet of an answer is enough."""
        self.back_end.scripts["127.9.200.1"] = Script(b"HTTP/1.1 2", "close")
        self.assertEqual(self.ask(request()), 502)
        self.assertEqual(len(self.seen()), 1)
