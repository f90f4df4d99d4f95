"""Bodies of gigabytes each way: every octet arrives, and the process does not grow with what passes through it."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from tests.support.octets import PIECE, Comparison, pieces
from tests.support.octets_stage import MEGABYTE, PATH, PHONES, octets_stage

BIG = 2 * 10**9
ZEROS = 1000 * MEGABYTE
HUGE = 10 * 10**9
MOST_MEMORY = 100 * MEGABYTE
PATIENCE = 300.0


class HttpBodyTests(SynchronousTestCase):
    """Each test has a front end of its own, whose peak of memory is read at its end."""

    timeout = 1200

    def setUp(self) -> None:
        self.stage = octets_stage()
        self.addCleanup(self.stage.stop)
        self.addCleanup(self.assert_small)

    def assert_small(self) -> None:
        """Whatever passed through it."""
        peak = self.stage.front.peak_memory()
        print(f"figure: {self.id().rpartition('.')[2]}: peak {peak / MEGABYTE:.0f} MB")
        self.assertLess(peak, MOST_MEMORY)

    def client(self, listener: str) -> http.client.HTTPConnection:
        """Connected by address."""
        address = self.stage.front.at(listener)
        if listener == "http":
            return http.client.HTTPConnection(*address, timeout=PATIENCE)
        context = ssl.create_default_context(cafile=str(self.stage.site.authority.ca_file))
        context.check_hostname = False
        return http.client.HTTPSConnection(*address, timeout=PATIENCE, context=context)

    def get(self, listener: str) -> None:
        """Compare what comes down."""
        seen = Comparison()
        with closing(self.client(listener)) as client:
            client.request("GET", f"{PATH}down/{BIG}")
            answer = client.getresponse()
            while piece := answer.read(PIECE):
                seen.add(piece)
        self.assertEqual((answer.status, seen), (200, Comparison(BIG, False)))

    def put(self, octets: int, listener: str, headers: dict[str, str]) -> None:
        """Ask the back end what came up; chunked where `headers` say no length."""
        with closing(self.client(listener)) as client:
            client.request("PUT", f"{PATH}up", pieces(octets), headers, encode_chunked="Content-Length" not in headers)
            told = json.load(client.getresponse())
        self.assertEqual(told, {"right": octets, "wrong": False})

    def test_down(self) -> None:
        """S-HTTP-25: 2 GB."""
        self.get("http")

    def test_down_tls(self) -> None:
        """S-HTTP-25: 2 GB inside TLS."""
        self.get("https")

    def test_up(self) -> None:
        """S-HTTP-25: 2 GB with their length announced."""
        self.put(BIG, "http", {"Content-Length": str(BIG)})

    def test_up_tls(self) -> None:
        """S-HTTP-25: 2 GB inside TLS."""
        self.put(BIG, "https", {"Content-Length": str(BIG)})

    def test_up_chunked(self) -> None:
        """S-HTTP-11, S-HTTP-25: 2 GB in chunks."""
        self.put(BIG, "http", {"Transfer-Encoding": "chunked"})

    def test_zeros_where_wbxml_is_expected(self) -> None:
        """S-HTTP-25: 1 GB to ActiveSync, whose directory has no limit here: it passes, and the back end decides."""
        user = self.stage.site.users[0]
        credentials = base64.b64encode(f"{user.name}:{user.password.decode()}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Length": str(ZEROS),
                   "Content-Type": "application/vnd.ms-sync.wbxml"}  # fmt: skip
        zeros = bytes(MEGABYTE)
        with closing(self.client("https")) as client:
            body = (zeros for _ in range(ZEROS // MEGABYTE))
            client.request("POST", f"{PHONES}?Cmd=Sync&User={user.name}&DeviceId=d&DeviceType=t", body, headers)
            told = json.load(client.getresponse())
        self.assertEqual(told, {"right": 0, "wrong": True})

    def test_up_huge(self) -> None:
        """S-HTTP-25: 10 GB."""
        self.put(HUGE, "http", {"Content-Length": str(HUGE)})
