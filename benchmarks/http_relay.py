"""CPU time of relaying HTTP bodies down and up, plain and TLS. Run: python -m benchmarks.http_relay."""

from __future__ import annotations

from functools import partial

from benchmarks.load import down, up
from benchmarks.measure import compare
from benchmarks.web_stage import PEER, WebStage
from tests.support.octets import Octets
from tests.support.process import temporary_folder

_OCTETS = 256 * 1024 * 1024
_ROUNDS = 5


def main() -> None:
    """Print the tables."""
    octets = Octets(temporary_folder("octets"), "127.0.0.32")
    octets.daemon.start()
    stage = WebStage((octets.address, octets.port))
    peers = {name: start() for name, start in stage.candidates().items()}
    for way, work in (("down", down), ("up", up)):
        for how, tls in (("plain", None), ("TLS", stage.tls)):
            candidates = {
                name: (
                    peer.daemon.pid,
                    partial(work, peer.secure if tls else peer.plain, tls, stage.visitors[0], _OCTETS),
                )
                for name, peer in peers.items()
            }
            compare(f"HTTP: a body of {_OCTETS >> 20} MiB {way}, {how}", "s a GB", candidates, PEER, _ROUNDS)


if __name__ == "__main__":
    main()
