"""Stopping in order."""

from __future__ import annotations

import socket

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from exfront.config.kinds import HostPort
from exfront.config.limits import LimitsSection
from exfront.net.listeners import ListenerService
from exfront.net.transports import TwistedTransports
from exfront.operate.drain import Drain, InOrder
from exfront.sessions import Session, SessionTable


class InOrderTests(SynchronousTestCase):
    def test_the_last_added_stops_first_and_the_next_waits_for_it(self) -> None:
        stopped: list[str] = []
        slow: Deferred[None] = Deferred()

        class Part(Service):
            def stopService(self) -> Deferred[None] | None:  # type: ignore[override]
                stopped.append(str(self.name))
                return slow if self.name == "listener" else None

        service = InOrder()
        for name in ("directory", "drain", "listener"):
            part = Part()
            part.setName(name)
            service.addService(part)
        service.startService()
        done = service.stopService()
        self.assertEqual(stopped, ["listener"])
        slow.callback(None)
        self.successResultOf(done)
        self.assertEqual(stopped, ["listener", "drain", "directory"])


class StartTests(SynchronousTestCase):
    def test_a_port_in_use_ends_the_start_with_one_line(self) -> None:
        """S-OPS-12: no listener is left out; the line names the address, and there is no traceback."""
        service = InOrder()
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            service.addService(
                ListenerService(TwistedTransports(MemoryReactor()), HostPort("127.0.0.1", port), ServerFactory())
            )
            with capturedLogs() as events:
                ended = self.assertRaises(SystemExit, service.privilegedStartService)
        self.assertEqual(ended.code, 1)
        text = f"cannot listen on 127.0.0.1:{port}: Address already in use; see [[listener]]"
        self.assertEqual([formatEvent(event) for event in events], [text])


class DrainTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        limits = LimitsSection(drain_time=30.0)
        self.table = SessionTable(limits, self.clock)
        self.drain = Drain(self.table, limits, self.clock)

    def session(self) -> Session:
        return self.table.open("imap4", "imap4@0.0.0.0:143", "192.0.2.1", 5000, False)

    def test_nothing_runs_and_the_stop_is_at_once(self) -> None:
        self.successResultOf(self.drain.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_running_session_is_waited_for(self) -> None:
        """S-OPS-7: a running download ends whole."""
        session = self.session()
        done = self.drain.stopService()
        self.clock.advance(29.0)
        self.assertNoResult(done)
        self.table.close(session)
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_after_its_time_the_rest_is_cut(self) -> None:
        """S-OPS-7: the drain is bounded."""
        session = self.session()
        session.abort = lambda: self.table.close(session)
        done = self.drain.stopService()
        self.clock.advance(30.0)
        self.successResultOf(done)

    def test_a_session_that_survives_its_cut_does_not_hold_the_stop(self) -> None:
        """S-OPS-7: whatever a session does, the stop ends."""
        self.session()
        done = self.drain.stopService()
        self.clock.pump([30.0, 1.0])
        self.successResultOf(done)

    def test_hurry_cuts_now(self) -> None:
        """S-OPS-7: a second SIGTERM ends the waiting."""
        session = self.session()
        session.abort = lambda: self.table.close(session)
        done = self.drain.stopService()
        self.drain.hurry()
        self.successResultOf(done)
