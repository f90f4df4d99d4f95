"""RPC over HTTP through exfront: a client and a server of our own from [MS-RPCH], and impacket's client."""

from __future__ import annotations

import asyncio
import functools
import ssl
import uuid
from collections.abc import Coroutine
from typing import Any, TypeVar

from attrs import frozen
from impacket.dcerpc.v5.rpcrt import DCERPC_v5
from impacket.dcerpc.v5.transport import DCERPCTransportFactory
from impacket.http import AUTH_BASIC
from impacket.uuid import uuidtup_to_bin
from twisted.trial.unittest import SynchronousTestCase

from tests.support.exfront import ExFront
from tests.support.mail_site import LISTENERS, PUBLIC_NAME, MailSite, shared
from tests.support.population import DNS_DOMAIN
from tests.support.process import temporary_folder, wait_until
from tests.support.rpc_back_end import ECHO, RpcBackEnd
from tests.support.rpc_client import INTERFACE, RpcClient, RpcError, probe

T = TypeVar("T")
MEGABYTE = 1 << 20


@frozen
class Stage:
    """Running."""

    site: MailSite
    back_end: RpcBackEnd
    front: ExFront


def start(site: MailSite) -> Stage:
    """A front end of one's own, with the server behind it."""
    people = {user.name: user.password.decode() for user in site.users}
    back_end = RpcBackEnd(temporary_folder("rpc"), "127.0.0.28", people)
    back_end.daemon.start()
    directory = {"path": "/rpc", "application": "rpc", "require_tls": "no"}
    front = site.exfront(
        {name: LISTENERS[name] for name in ("http", "https")},
        server=[site.chicago.section(address=back_end.address, http=back_end.port)],
        virtual_site=[{"name": "default", "public_name": PUBLIC_NAME, "virtual_directory": [directory]}],
    )
    front.start()
    return Stage(site, back_end, front)


@functools.cache
def stage() -> Stage:
    """Started once."""
    return start(shared())


class TunnelTests(SynchronousTestCase):
    """Our own client, over TLS and in the clear."""

    timeout = 60

    def setUp(self) -> None:
        self.stage = stage()
        self.user = self.stage.site.living_on("chicago")[30]

    def client(self, endpoint: str = "chicago:6001", listener: str = "https") -> RpcClient:
        """Not connected."""
        context = None
        if listener == "https":
            context = ssl.create_default_context(cafile=str(self.stage.site.authority.ca_file))
            context.check_hostname = False  # by address
        address = self.stage.front.at(listener)
        return RpcClient(address, PUBLIC_NAME, endpoint, self.user.name, self.user.password.decode(), context)

    def run_async(self, work: Coroutine[Any, Any, T]) -> T:
        """To its end."""
        return asyncio.run(asyncio.wait_for(work, 50))

    def test_calls_through_both_channels(self) -> None:
        """S-HTTP-26: each piece at once, 2 MB each way at the same time, and nothing of it changed."""

        async def work(client: RpcClient) -> None:
            await client.connect()
            for stub in (b"hello", b"\r\n\0\xff", b"x" * 4096):
                self.assertEqual(await client.echo(stub), stub)
            self.assertEqual(await client.download(2 * MEGABYTE), 2 * MEGABYTE)
            self.assertEqual(await client.upload(2 * MEGABYTE), 2 * MEGABYTE)
            await client.close()

        for listener in ("https", "http"):
            self.run_async(work(self.client(listener=listener)))
        wait_until(lambda: self.stage.back_end.open_channels() == 0, "no channel left behind")

    def test_the_mailbox_by_its_guid(self) -> None:
        """S-ROUTE-13: as Outlook asks since Exchange 2013; looked up in the directory."""

        async def work(client: RpcClient) -> None:
            await client.connect()
            self.assertEqual(await client.echo(b"a"), b"a")
            await client.close()

        self.run_async(work(self.client(f"{self.user.mailbox_guid}@{DNS_DOMAIN}:6001")))
        with self.assertRaises(RpcError) as caught:
            self.run_async(work(self.client(f"{uuid.uuid4()}@{DNS_DOMAIN}:6001")))
        self.assertEqual(str(caught.exception), "HTTP/1.1 503 RPC Error: 6ba")

    def test_an_echo_request(self) -> None:
        """[MS-RPCH] 2.1.2.1.5: the server's own answer."""
        self.assertEqual(self.run_async(probe(self.client()))[-4:], b"\x40\0\0\0")

    def test_endpoints_that_are_not_the_users(self) -> None:
        """S-ROUTE-13: another user's server, a foreign host, port 22: the words of [MS-RPCH], and no connection."""
        before = self.stage.back_end.open_channels()
        for endpoint in ("dallas:6001", "evil.example:6001", "chicago:22", "10.0.0.1:6004"):
            with self.assertRaises(RpcError) as caught:
                self.run_async(self.client(endpoint).connect())
            self.assertEqual(str(caught.exception), "HTTP/1.1 503 RPC Error: 6ba", endpoint)
        self.assertEqual(self.stage.back_end.open_channels(), before)

    def test_in_without_out(self) -> None:
        """S-HTTP-26: it waits at the server, ends with the client, and holds nothing up."""

        async def work() -> None:
            _, writer = await self.client().open_in_only()
            whole = self.client()
            await whole.connect()
            self.assertEqual(await whole.echo(b"a"), b"a")
            await whole.close()
            writer.close()

        self.run_async(work())
        wait_until(lambda: self.stage.back_end.open_channels() == 0, "no channel left behind")

    def test_out_torn_down_in_the_middle_of_a_call(self) -> None:
        """S-HTTP-30: the client sees its end, and is not told that it was complete."""

        async def work() -> None:
            client = self.client()
            await client.connect()
            await client.begin_download(MEGABYTE)
            await asyncio.to_thread(self.stage.back_end.tear)
            with self.assertRaises(RpcError):
                while True:
                    await client.answer()
            await client.close()

        self.run_async(work())
        wait_until(lambda: self.stage.back_end.open_channels() == 0, "no channel left behind")
        torn = [line for line in self.stage.front.access_lines() if line["x-reason"] == "XF-BE-TRUNCATED"]
        self.assertEqual({line["cs-method"] for line in torn}, {"RPC_OUT_DATA"})

    def test_a_wrong_password(self) -> None:
        """S-AUTH-7: 401 from exfront on both channels."""
        client = self.client()
        client.password = "wrong"
        with self.assertRaises(RpcError) as caught:
            self.run_async(client.connect())
        self.assertTrue(str(caught.exception).startswith("HTTP/1.1 401 "))


class ImpacketTests(SynchronousTestCase):
    """A client by others."""

    timeout = 60

    def test_bind_and_call(self) -> None:
        """[MS-RPCH]: its client waits for IIS's unasked 100, binds, calls, and gets its answer."""
        here = stage()
        user = here.site.living_on("chicago")[31]
        transport = DCERPCTransportFactory("ncacn_http:chicago[6001,RpcProxy=ignored:80]")
        transport.set_rpc_proxy_url("http://{}:{}/rpc/rpcproxy.dll".format(*here.front.at("http")))
        transport.set_auth_type(AUTH_BASIC)
        transport.set_credentials(user.name, user.password.decode())
        rpc = DCERPC_v5(transport)
        rpc.connect()
        self.addCleanup(rpc.disconnect)
        rpc.bind(uuidtup_to_bin((str(INTERFACE), "1.0")))
        for stub in (b"from another implementation", b"y" * 3000):
            rpc.call(ECHO, stub)
            self.assertEqual(rpc.recv(), stub)
