"""SIGTERM and SIGINT end a real twistd with status 0."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from exfront.operate.signals import StopOnSignal
from tests.support.process import Daemon, wait_until

# A service that needs `seconds` to stop, unless it is told to hurry.
_PROGRAM = """\
from twisted.application.service import Application, Service
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from exfront.operate.signals import StopOnSignal

over = Deferred()


def hurry():
    if not over.called:
        over.callback(None)


class Slow(Service):
    def startService(self):
        reactor.callWhenRunning(reactor.callLater, 0, print, "running", flush=True)

    def stopService(self):
        print("stopping", flush=True)
        reactor.callLater({seconds}, hurry)
        over.addCallback(lambda _: print("stopped", flush=True))
        return over


application = Application("slow")
for service in (StopOnSignal(reactor, hurry), Slow()):
    service.setServiceParent(application)
"""


class RealProcessTests(SynchronousTestCase):
    timeout = 60

    def twistd(self, seconds: float) -> Daemon:
        """A running process whose service needs that long to stop."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "slow.tac").write_text(_PROGRAM.format(seconds=seconds))
        script = str(Path(sys.executable).with_name("twistd"))
        argv = [sys.executable, script, "--nodaemon", "--pidfile=", "--python", str(folder / "slow.tac")]
        daemon = Daemon(argv, folder / "log")
        self.addCleanup(daemon.kill)
        daemon.start()
        wait_until(lambda: "running" in daemon.log_text(), "the process runs", 30)
        return daemon

    def test_a_signal_stops_the_services_and_ends_with_status_0(self) -> None:
        """S-OPS-7: twistd alone would end by the signal."""
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.twistd(seconds=0.1)
            self.assertEqual(daemon.stop(by=number), 0, daemon.log_text())
            self.assertIn("stopped", daemon.log_text())
            self.assertNotIn("Traceback", daemon.log_text())

    def test_a_second_signal_ends_the_waiting(self) -> None:
        """S-OPS-7: second SIGTERM: now."""
        daemon = self.twistd(seconds=3600)
        os.kill(daemon.pid, signal.SIGTERM)
        wait_until(lambda: "stopping" in daemon.log_text(), "the first signal arrives")
        began = time.monotonic()
        self.assertEqual(daemon.stop(seconds=30), 0, daemon.log_text())
        self.assertLess(time.monotonic() - began, 30)
        self.assertIn("SIGTERM again: ending at once", daemon.log_text())
        self.assertNotIn("Traceback", daemon.log_text())


class StartTests(SynchronousTestCase):
    def test_handlers_are_taken_over_only_when_the_reactor_runs(self) -> None:
        """Twisted installs its own when it starts; ours must come after them."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        before = signal.getsignal(signal.SIGTERM)
        reactor = MemoryReactorClock()
        StopOnSignal(reactor, lambda: None).startService()
        self.assertIs(signal.getsignal(signal.SIGTERM), before)
        for call, arguments, keywords in reactor.whenRunningHooks:
            call(*arguments, **keywords)
        self.assertIsNot(signal.getsignal(signal.SIGTERM), before)
