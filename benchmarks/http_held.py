"""Memory of a held request (long poll): client and back-end connection together. Run: python -m benchmarks.http_held.

The difference between many held requests and a few, in processes started for each figure; what they hold stays theirs.
"""

from __future__ import annotations

import resource
import ssl
from contextlib import ExitStack

from benchmarks.load import Client, request
from benchmarks.measure import proportional_memory
from benchmarks.web_peers import Peer
from benchmarks.web_stage import WebStage
from tests.support.octets import Octets
from tests.support.process import temporary_folder, wait_until

_FEW, _MANY = 50, 1050


def main() -> None:
    """Print the table."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    octets = Octets(temporary_folder("octets"), "127.0.0.32")
    octets.daemon.start()
    stage = WebStage((octets.address, octets.port))
    print(f"\nHTTP: {_MANY - _FEW} held requests, kB each\n  {'':<28}{'plain':>10}{'TLS':>10}")
    for name, start in stage.candidates().items():
        figures = []
        for tls in (None, stage.tls):
            peer = start()
            figures.append(_held(stage, octets, peer, tls))
            peer.daemon.stop()
        print(f"  {name:<28}{figures[0]:>10.1f}{figures[1]:>10.1f}", flush=True)


def _held(stage: WebStage, octets: Octets, peer: Peer, tls: ssl.SSLContext | None) -> float:
    address, visitor = peer.secure if tls else peer.plain, stage.visitors[0]
    with ExitStack() as stack:
        clients: list[Client] = []

        def hold(count: int) -> int:
            while len(clients) < count:
                clients.append(stack.enter_context(Client(address, tls)))
                clients[-1].socket.sendall(request("GET", f"{visitor.path}held/{len(clients)}", visitor.authorization))
            wait_until(lambda: octets.held() == count, f"{count} held requests", 60)
            return proportional_memory(peer.daemon.pid)

        few = hold(_FEW)
        many = hold(_MANY)
        octets.release()
        for client in clients:
            client.body()
    return (many - few) / (_MANY - _FEW) / 1000


if __name__ == "__main__":
    main()
