"""CPU time of a GET of 1 kB with Basic on keep-alive connections. Run: python -m benchmarks.http_get."""

from __future__ import annotations

from functools import partial

from benchmarks.load import get
from benchmarks.measure import compare
from benchmarks.web_stage import PAGE, PEER, WebStage

_REQUESTS = 6000
_ROUNDS = 5


def main() -> None:
    """Print the tables."""
    stage = WebStage()
    peers = {name: start() for name, start in stage.candidates().items()}
    for how, tls in (("plain", None), ("TLS", stage.tls)):
        candidates = {
            name: (
                peer.daemon.pid,
                partial(get, peer.secure if tls else peer.plain, tls, stage.visitors, PAGE, _REQUESTS),
            )
            for name, peer in peers.items()
        }
        title = f"HTTP: GET of {len(PAGE)} octets with Basic, 20 users with a keep-alive connection each, {how}"
        compare(title, "µs a request", candidates, PEER, _ROUNDS, 1e6)


if __name__ == "__main__":
    main()
