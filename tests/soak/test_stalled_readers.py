"""Clients that ask for much and read nothing: what each costs the process."""

from __future__ import annotations

import socket
import ssl
import time

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.measure import proportional_memory
from tests.support.exfront import ExFront
from tests.support.mail_site import LIMITS, MailSite, shared
from tests.support.mixed_load import give_mail
from tests.support.octets_stage import PATH, octets_stage
from tests.support.process import Address

PEERS = 30
MOST = 1_000_000  # octets each
SECONDS = 5.0  # until all that moves has moved


class StalledReaderTests(SynchronousTestCase):
    """Thirty at a time; the kernel's buffers are not the process's."""

    timeout = 300

    def setUp(self) -> None:
        self.stage = octets_stage()
        self.addCleanup(self.stage.stop)
        self.site: MailSite = shared()

    def assert_bounded(self, front: ExFront, address: Address, tls: bool, ask: list[bytes]) -> None:
        """The memory of the process grows by less than a megabyte for each."""
        context = ssl.create_default_context(cafile=str(self.site.authority.ca_file)) if tls else None
        peers = [self.stalled(address, context, ask) for _ in range(2)]  # warm
        before = proportional_memory(front.daemon.pid)
        peers += [self.stalled(address, context, ask) for _ in range(PEERS)]
        time.sleep(SECONDS)
        each = (proportional_memory(front.daemon.pid) - before) / PEERS
        print(f"figure: {self.id().rpartition('.')[2]}: {PEERS} stalled readers, {each / 1000:.0f} kB each")
        for peer in peers:
            peer.close()
        self.assertLess(each, MOST)

    def stalled(self, address: Address, context: ssl.SSLContext | None, ask: list[bytes]) -> socket.socket:
        """Asks for the last of `ask` when what comes before was answered."""
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(30)
        peer.connect(address)
        if context is not None:
            context.check_hostname = False
            peer = context.wrap_socket(peer)
        for line in ask[:-1]:
            peer.recv(4096)
            peer.sendall(line)
        if len(ask) > 1:
            peer.recv(4096)
        peer.sendall(ask[-1])
        return peer

    def imap(self, tls: bool) -> None:
        front = self.site.exfront(limits={**LIMITS, "connections_per_address": 1000, "connections_per_back_end": 1000})
        self.addCleanup(front.daemon.kill)
        front.start()
        user = self.site.living_on("chicago")[4]
        self.addCleanup(give_mail(self.site, user))
        log_on = b'a LOGIN "%s" "%s"\r\n' % (user.name.encode(), user.password)
        ask = [log_on, b"b EXAMINE INBOX\r\n", b"c FETCH 1:* BODY.PEEK[]\r\n"]
        self.assert_bounded(front, front.at("imaps" if tls else "imap-clear"), tls, ask)

    def http(self, tls: bool) -> None:
        front = self.stage.front
        ask = b"GET %bdown/100000000 HTTP/1.1\r\nHost: mail.fourthcoffee.com\r\n\r\n" % PATH.encode()
        self.assert_bounded(front, front.at("https" if tls else "http"), tls, [ask])

    def test_imap4(self) -> None:
        """S-MAIL-20: a large mail, in the clear."""
        self.imap(tls=False)

    def test_imap4_by_tls(self) -> None:
        """S-MAIL-20: the same by TLS."""
        self.imap(tls=True)

    def test_http(self) -> None:
        """S-HTTP-25: a large body, in the clear."""
        self.http(tls=False)

    def test_http_by_tls(self) -> None:
        """S-HTTP-25: the same by TLS."""
        self.http(tls=True)
