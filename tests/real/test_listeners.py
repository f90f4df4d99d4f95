"""Listeners of the running process: load balancers before them, Unix sockets, sockets of systemd, few descriptors."""

from __future__ import annotations

import os
import socket
import ssl
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.proxy_protocol import Endpoint, write
from tests.support.clients import Conversation, imap4_log_in, pop3_log_in
from tests.support.exfront import UNGUARDED, ExFront
from tests.support.mail_site import LIMITS, shared
from tests.support.population import Person
from tests.support.process import Daemon, free_port, program, temporary_folder, wait_until

BALANCER = "127.0.0.2"
CLIENT = Endpoint("198.51.100.9", 4711)
HERE = Endpoint("203.0.113.1", 993)
CLEAR = {"protocol": "imap4", "tls": "none", "allow_plaintext": True}
BEHIND = {**CLEAR, "proxy_protocol": [f"{BALANCER}/32"]}


class ListenerTests(SynchronousTestCase):
    transports = "lean"

    def setUp(self) -> None:
        self.site = shared()
        self.user = self.site.living_on("chicago")[4]
        self.trusted = ssl.create_default_context(cafile=str(self.site.authority.ca_file))
        self.open = ExitStack()
        self.addCleanup(self.open.close)

    def front(self, listeners: dict[str, Any], start: bool = True, **changes: Any) -> ExFront:
        changes = {"process": {"transports": self.transports}, **changes}
        front = self.site.exfront(listeners, **changes)
        self.addCleanup(front.stop)
        if start:
            front.start()
        return front

    def log_in(self, talk: Conversation, user: Person | None = None) -> bytes:
        user = user or self.user
        return talk.ask(b'a LOGIN %b "%b"' % (user.name.encode(), user.password))


@cache
def _behind(transports: str) -> ExFront:
    """A front end behind the balancer, until the process ends."""
    listeners = {
        "imap": BEHIND,
        "imaps": {**BEHIND, "tls": "implicit", "allow_plaintext": False},
        "http": {"protocol": "http", "allow_plaintext": True, "proxy_protocol": [f"{BALANCER}/32"]},
        "imap-clear": CLEAR,
    }
    front = shared().exfront(listeners, process={"transports": transports})
    front.start()
    return front


class ProxyProtocolTests(ListenerTests):
    def behind(self) -> ExFront:
        """The shared one; `mark` is where its access log stands."""
        front = _behind(self.transports)
        front.settle()
        self.mark = len(front.access_lines())
        return front

    def test_the_client_is_the_one_that_the_header_names(self) -> None:
        """S-MAIL-15: version 1 and 2, in one segment with what follows and octet by octet; the log has the client."""
        front = self.behind()
        for version in ("v1", "v2"):
            header = write(version, CLIENT, HERE)
            for pieces in ([header], [header[:1], header[1:-1], header[-1:]], [bytes((each,)) for each in header]):
                with Conversation(front.at("imap"), source=BALANCER) as talk:
                    for piece in pieces:
                        talk.send(piece)
                        time.sleep(0.002)
                    talk.until(b"* OK")
                    self.assertIn(b"a OK", self.log_in(talk))
                    talk.ask(b"b LOGOUT")
        with Conversation(front.at("imap"), source=BALANCER) as talk:
            login = b'a LOGIN %b "%b"\r\n' % (self.user.name.encode(), self.user.password)
            talk.send(write("v2", CLIENT, HERE) + login)
            self.assertIn(b"a OK", talk.until(b"a "))
        lines = front.lines_since(self.mark, 7)
        self.assertEqual({line["c-ip"] for line in lines}, {"198.51.100.9:4711"})

    def test_before_tls(self) -> None:
        """S-MAIL-15: the header comes in the clear before the handshake, whose first octets may be in its segment."""
        front = self.behind()
        for at_once in (True, False):
            raw = self.open.enter_context(socket.create_connection(front.at("imaps"), 20, (BALANCER, 0)))
            header = write("v2", CLIENT, HERE)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            talk = self.trusted.wrap_bio(incoming, outgoing, server_hostname="mail.fourthcoffee.com")
            with self.assertRaises(ssl.SSLWantReadError):
                talk.do_handshake()
            hello = outgoing.read()
            if at_once:
                raw.sendall(header + hello)
            else:
                raw.sendall(header)
                time.sleep(0.05)
                raw.sendall(hello)
            greeting = b""
            while b"* OK" not in greeting:
                incoming.write(raw.recv(65536))
                try:
                    talk.do_handshake()
                    greeting += talk.read(4096)
                except ssl.SSLWantReadError:
                    pass
                if octets := outgoing.read():
                    raw.sendall(octets)
            raw.close()
        self.assertEqual({line["c-ip"] for line in front.lines_since(self.mark, 2)}, {"198.51.100.9:4711"})

    def test_who_is_not_listed_or_says_none(self) -> None:
        """S-MAIL-15: closed without an octet, and a line in the log; nobody waits longer than five seconds.

        Bad input: PROXY header missing, wrong or from nobody that is listed.
        """
        front = self.behind()
        header = write("v1", CLIENT, HERE)
        for source, octets, why in (
            ("127.0.0.9", header, "not a listed sender"),
            (BALANCER, b"a LOGIN alice secret\r\n", "no PROXY header"),
            (BALANCER, b"PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n", "v1: "),
            (BALANCER, b"PROXY TCP4 " + b"1" * 100 + b"\r\n", "v1: "),
            (BALANCER, write("v2", CLIENT, HERE)[:12] + b"\x31\x11\x00\x0c" + bytes(12), "v2: "),
            (BALANCER, b"\x16\x03\x01", "no PROXY header"),
        ):
            with Conversation(front.at("imap"), source=source) as talk:
                talk.send(octets)
                self.assertEqual(talk.rest(), b"", why)
            front.settle()
            line = front.access_lines()[-2]
            self.assertEqual(line["x-reason"], "XF-PROXY-HDR", why)
            self.assertTrue(line["x-detail"].startswith(why), line["x-detail"])
            self.assertTrue(line["c-ip"].startswith(f"{source}:"), line["c-ip"])
        began = time.monotonic()
        with Conversation(front.at("imap"), source=BALANCER) as talk:
            talk.send(header[:-1])
            self.assertEqual(talk.rest(), b"")
        self.assertLess(abs(time.monotonic() - began - 5.0), 2.0)

    def test_elsewhere_it_is_a_bad_command(self) -> None:
        """S-MAIL-15: a listener without load balancers believes no header."""
        front = self.behind()
        with Conversation(front.at("imap-clear")) as talk:
            talk.until(b"* OK")
            talk.send(write("v1", CLIENT, HERE))
            self.assertIn(b" BAD ", talk.line())
        front.settle()
        self.assertTrue(all(line["c-ip"].startswith("127.") for line in front.access_lines()[self.mark :]))

    def test_health_checks_of_the_balancer(self) -> None:
        """S-MAIL-15: version 2's LOCAL and version 1's UNKNOWN are of the balancer's own connection."""
        front = self.behind()
        for version in ("v1", "v2"):
            with Conversation(front.at("imap"), source=BALANCER) as talk:
                talk.send(write(version, None, None))
                talk.until(b"* OK")
                talk.ask(b"a LOGOUT")
        self.assertTrue(all(line["c-ip"].startswith(f"{BALANCER}:") for line in front.lines_since(self.mark, 2)))

    def test_limits_and_guard_see_the_client(self) -> None:
        """S-MAIL-15, S-OPS-4, S-MAIL-11: counted by the address in the header; the balancer's own is nobody's."""
        authentication = {**UNGUARDED, "failures_per_network": 2}
        limits = {**LIMITS, "connections_per_address": 2}
        front = self.front({"imap": BEHIND}, limits=limits, authentication=authentication)

        def talk_of(address: str) -> Conversation:
            talk = self.open.enter_context(Conversation(front.at("imap"), source=BALANCER))
            talk.send(write("v2", Endpoint(address, 4711), HERE))
            return talk

        for _ in range(2):
            talk_of("198.51.100.1").until(b"* OK")
        self.assertEqual(talk_of("198.51.100.1").rest(), b"")
        guesser = talk_of("198.51.100.2")
        guesser.until(b"* OK")
        for number in range(2):
            self.assertIn(b"[AUTHENTICATIONFAILED]", guesser.ask(b"a LOGIN nobody%d wrong" % number))
        self.assertIn(b"[LIMIT]", guesser.ask(b"a LOGIN nobody3 wrong"))
        other = talk_of("2001:db8::1")
        other.until(b"* OK")
        self.assertIn(b"a OK", self.log_in(other))

    def test_a_site_by_its_own_address(self) -> None:
        """S-MAIL-15: over HTTP the same: client and log, and X-Forwarded-For stays a client's invention."""
        front = self.behind()
        with Conversation(front.at("http"), source=BALANCER) as talk:
            talk.send(write("v1", CLIENT, HERE) + b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                      b"X-Forwarded-For: 192.0.2.66\r\n\r\n")  # fmt: skip
            self.assertTrue(talk.rest().startswith(b"HTTP/1.1 404 "))
        self.assertEqual(front.lines_since(self.mark, 1)[0]["c-ip"], "198.51.100.9:4711")


class TwistedProxyProtocolTests(ProxyProtocolTests):
    """The same on Twisted's transports."""

    transports = "twisted"


class HaproxyTests(ListenerTests):
    def test_behind_haproxy(self) -> None:
        """S-MAIL-15: a real load balancer, whose clients and health checks come with headers of version 2."""
        front = self.front({"imap": {**CLEAR, "proxy_protocol": ["127.0.0.1/32"]}})
        folder = Path(temporary_folder("haproxy"))
        host, port = front.at("imap")
        listen = ("127.0.0.32", front.ports["imap"])
        (folder / "haproxy.cfg").write_text(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
            f"listen imap\n bind {listen[0]}:{listen[1]}\n"
            f" server exfront {host}:{port} send-proxy-v2 check inter 200ms\n"
        )
        argv = [program("haproxy", "haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]
        balancer = self.balancer(argv, folder, listen)
        client = imap4_log_in(balancer, self.user)
        name, number = client.sock.getsockname()
        client.logout()
        wait_until(lambda: any(line["cs-username"] == self.user.name for line in front.access_lines()), "the line")
        (line,) = (line for line in front.access_lines() if line["cs-username"] == self.user.name)
        self.assertEqual(line["c-ip"], f"{name}:{number}")

    def balancer(self, argv: list[str], folder: Path, listen: tuple[str, int]) -> tuple[str, int]:
        daemon = Daemon(argv, folder / "output.log", [listen])
        self.addCleanup(daemon.kill)
        daemon.start()
        return listen


class AddressTests(ListenerTests):
    def test_an_ipv6_address(self) -> None:
        """S-OPS-4: beside an IPv4 listener on the same port; counted and logged by its own address."""
        port = free_port()
        listeners = {"imap-clear": CLEAR, "four": {**CLEAR, "address": f"127.0.0.1:{port}"},
                     "six": {**CLEAR, "address": f"[::1]:{port}"}}  # fmt: skip
        front = self.front(listeners)
        for host, shown in (("127.0.0.1", "127.0.0.1:"), ("::1", "[::1]:")):
            mark = len(front.access_lines())
            with Conversation((host, port)) as talk:
                talk.until(b"* OK")
                self.assertIn(b"a OK", self.log_in(talk))
            self.assertTrue(front.lines_since(mark, 1)[0]["c-ip"].startswith(shown))

    def test_an_nginx_on_a_unix_socket(self) -> None:
        """S-MAIL-15: auth_http, asked by who may open the socket."""
        path = Path(temporary_folder("sockets")) / "auth"
        auth = {"protocol": "auth_http", "address": f"unix:{path}", "allow_plaintext": True}
        self.front({"imap-clear": CLEAR, "auth": auth})
        fields = f"Auth-Method: plain\r\nAuth-User: {self.user.name}\r\nAuth-Pass: {self.user.password.decode()}\r\n"
        with socket.socket(socket.AF_UNIX) as asks:
            asks.settimeout(20)
            asks.connect(str(path))
            asks.sendall(f"GET / HTTP/1.0\r\nAuth-Protocol: pop3\r\n{fields}Client-IP: 192.0.2.7\r\n\r\n".encode())
            answer = b""
            while piece := asks.recv(4096):
                answer += piece
        self.assertIn(b"Auth-Status: OK\r\nAuth-Server: 127.0.0.20\r\n", answer)


class UnixSocketTests(ListenerTests):
    def test_a_unix_socket(self) -> None:
        """S-OPS-4: who connects there is this machine; relayed, counted and logged like all others."""
        folder = Path(temporary_folder("sockets"))
        path = folder / "imap4"
        front = self.front({"imap-clear": CLEAR, "unix": {**CLEAR, "address": f"unix:{path}"}})
        left = socket.socket(socket.AF_UNIX)
        with left:
            left.settimeout(20)
            left.connect(str(path))
            self.assertTrue(left.recv(4096).startswith(b"* OK"))
            left.sendall(b'a LOGIN %b "%b"\r\nb LOGOUT\r\n' % (self.user.name.encode(), self.user.password))
            said = b""
            while piece := left.recv(4096):
                said += piece
        self.assertIn(b"a OK", said)
        self.assertIn(b"b OK", said)
        self.assertEqual(front.lines_since(0, 1)[0]["c-ip"], "127.0.0.1:0")
        front.stop()
        self.assertFalse(path.exists())

    def test_with_a_header(self) -> None:
        """S-MAIL-15: a balancer of this machine says whose connection it is there, too."""
        path = Path(temporary_folder("sockets")) / "imap4"
        unix = {**CLEAR, "address": f"unix:{path}", "proxy_protocol": ["127.0.0.1/32"]}
        front = self.front({"imap-clear": CLEAR, "unix": unix})
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(20)
            talk.connect(str(path))
            talk.sendall(write("v2", CLIENT, HERE) + b"a LOGOUT\r\n")
            self.assertTrue(talk.recv(4096).startswith(b"* OK"))
        self.assertEqual(front.lines_since(0, 1)[0]["c-ip"], "198.51.100.9:4711")


class PlaceTests(ListenerTests):
    def test_a_socket_that_was_left_behind_and_one_that_is_served(self) -> None:
        """S-OPS-12: the first is replaced, the second ends the start with one line."""
        folder = Path(temporary_folder("sockets"))
        path = folder / "imap4"
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        front = self.front({"imap-clear": CLEAR, "unix": {**CLEAR, "address": f"unix:{path}"}})
        second = self.site.exfront({"unix": {**CLEAR, "address": f"unix:{path}"}})
        second.daemon.start()
        wait_until(lambda: not second.daemon.running, "the end of the second")
        self.assertIn(f"cannot listen on {path}", second.server_log())
        front.stop()


class TwistedUnixSocketTests(UnixSocketTests):
    transports = "twisted"


class ActivationTests(ListenerTests):
    def test_sockets_of_systemd(self) -> None:
        """S-OPS-12: the listener takes the socket that it is handed by its name, and binds the others itself."""
        activate = program("systemd-socket-activate", "systemd")
        port = self.front({"spare": CLEAR}, start=False).ports["spare"]
        before = [activate, "-l", f"127.0.0.33:{port}", "--fdname=mail", "--"]
        listeners = {"imap-clear": CLEAR, "mail": {**CLEAR, "name": "mail", "address": "127.0.0.33:1"}}
        front = self.front(listeners, start=False, before=before)
        front.daemon = self.activated(front, port)
        with Conversation(("127.0.0.33", port)) as talk:  # this connection starts it
            talk.until(b"* OK")
            self.assertIn(b"a OK", self.log_in(talk))
        wait_until(lambda: imap4_log_in(front.at("imap-clear"), self.user).logout(), "its own socket")
        self.assertEqual({line["s-listener"] for line in front.lines_since(0, 2)}, {"mail", "imap4@" + ":".join(
            map(str, front.at("imap-clear")))})  # fmt: skip
        self.assertNotIn("no [[listener]]", front.server_log())

    def test_a_socket_by_its_address(self) -> None:
        """S-OPS-12: a unit whose sockets have one name; one that nobody wants is told."""
        activate = program("systemd-socket-activate", "systemd")
        ports = self.front({"one": CLEAR, "two": CLEAR}, start=False).ports
        at = [f"127.0.0.33:{port}" for port in ports.values()]
        before = [activate, "-l", at[0], "-l", at[1], "--fdname=exfront:exfront", "--"]
        front = self.front({"mail": {**CLEAR, "address": at[0]}}, start=False, before=before)
        front.daemon = self.activated(front, ports["one"])
        with Conversation(("127.0.0.33", ports["one"])) as talk:
            talk.until(b"* OK")
        wait_until(lambda: "no [[listener]] for the socket exfront" in front.server_log(), "the warning")

    def activated(self, front: ExFront, port: int) -> Any:
        daemon = Daemon(front.daemon.argv, front.daemon.log, [("127.0.0.33", port)])
        self.addCleanup(daemon.kill)
        daemon.start()
        return daemon


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class DescriptorTests(ListenerTests):
    def test_few_descriptors(self) -> None:
        """S-OPS-5: at 90 % newcomers wait in the backlog, who is in works on, nothing is busy; then it goes on."""
        before = [program("prlimit", "util-linux"), "--nofile=64:64"]
        listeners = {"imap-clear": CLEAR, "pop3-clear": {**CLEAR, "protocol": "pop3"}}
        front = self.front(listeners, before=before)
        first = self.open.enter_context(Conversation(front.at("imap-clear")))
        first.until(b"* OK")
        crowd = [self.open.enter_context(Conversation(front.at("imap-clear"))) for _ in range(200)]
        wait_until(lambda: "accept_paused" in front.server_log(), "the pause")
        self.assertRegex(front.server_log(), r"accept_paused descriptors=(57|58|59|60) limit=64")
        self.assertIn("RLIMIT_NOFILE is 64", front.server_log())
        self.assertIn(b"a OK", self.log_in(first))
        began = cpu_seconds(front.daemon.pid)
        time.sleep(2.0)
        self.assertIn(b"b OK", first.ask(b"b NOOP"))
        self.assertLess(cpu_seconds(front.daemon.pid) - began, 0.2)
        self.assertNotIn("accept_resumed", front.server_log())
        for talk in crowd:
            talk.close()
        wait_until(lambda: "accept_resumed" in front.server_log(), "taking again", 20.0)
        imap4_log_in(front.at("imap-clear"), self.user).logout()
        pop3_log_in(front.at("pop3-clear"), self.user).quit()
        self.assertIn(b"c OK", first.ask(b"c NOOP"))
        self.assertNotIn("Traceback", front.server_log())
        self.assertNotIn("cannot take a connection", front.server_log())


class TwistedDescriptorTests(DescriptorTests):
    transports = "twisted"


class LimitTests(ListenerTests):
    def test_fewer_connections_than_configured(self) -> None:
        """S-OPS-5: the start fits [limits] connections to the process's limit, and says so."""
        front = self.front({"imap-clear": CLEAR}, before=[program("prlimit", "util-linux"), "--nofile=1024:1024"])
        self.assertIn(
            "RLIMIT_NOFILE is 1024, [limits] connections needs 20256: at most 384 are taken", front.server_log()
        )
