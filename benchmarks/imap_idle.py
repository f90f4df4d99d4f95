"""Memory of an idle IMAP4 session, client and back-end connection together. Run: python -m benchmarks.imap_idle."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.measure import proportional_memory
from benchmarks.stage import Stage
from tests.support.clients import Conversation
from tests.support.population import Person
from tests.support.process import Address

_FEW, _MANY = 30, 180  # exfront lets one address have 200


def main() -> None:
    """Print the table."""
    stage = Stage()
    candidates = {
        "exfront": (stage.front.daemon.pid, stage.front.at("imap-clear")),
        "exfront, Twisted's": (stage.twisted.daemon.pid, stage.twisted.at("imap-clear")),
        "nginx mail": (stage.nginx.daemon.pid, stage.nginx.imap),
    }
    print(f"\nIMAP4: {_MANY - _FEW} idle sessions, kB each")
    for name, (pid, address) in candidates.items():
        print(f"  {name:<28}{_idle(pid, address, stage.user):>10.1f}", flush=True)


def _idle(pid: int, address: Address, user: Person) -> float:
    with ExitStack() as stack:

        def hold(count: int) -> int:
            for _ in range(count):
                session = stack.enter_context(Conversation(address))
                session.line()
                session.send(b'a LOGIN "%s" "%s"\r\n' % (user.name.encode(), user.password))
                answer = session.line()
                assert answer.startswith(b"a OK"), answer
            return proportional_memory(pid)

        few = hold(_FEW)
        return (hold(_MANY - _FEW) - few) / (_MANY - _FEW) / 1000


if __name__ == "__main__":
    main()
