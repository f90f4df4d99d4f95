"""The access log: one line per mail session, failed log-on or HTTP request, as W3C extended format or JSON."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _json_text
from typing import IO

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from exfront.config.log import LogSection
from exfront.decision import SessionRecord
from exfront.interfaces import IRecordObserver

_FIELD_CHARACTERS = 1024  # S-HTTP-40
_FLUSH_TIME = 0.1  # seconds; one write for all lines of a moment
_WORDS = re.compile(r"[\n!#-\[\]-~]*+")
_TEXTS = re.compile(r"[\n !#-\[\]-~]*+")
_UNSAFE = re.compile(r'[\x00-\x1f"\\\x7f-\x9f\u2028\u2029]')

_NAMES = (
    "date",
    "time",
    "x-session-id",
    "c-ip",
    "x-protocol",
    "s-listener",
    "cs-username",
    "x-mailbox",
    "x-virtual-directory",
    "cs-method",
    "cs-uri",
    "x-decision",
    "s-back-end",
    "sc-status",
    "sc-substatus",
    "x-back-end-status",
    "x-reason",
    "x-cause",
    "cs-bytes",
    "sc-bytes",
    "time-taken",
    "x-time-admit",
    "x-time-authenticate",
    "x-time-locate",
    "x-time-route",
    "x-time-relay",
    "x-location",
    "x-schemes-offered",
    "x-scheme-used",
    "x-device",
    "x-command",
    "x-detail",
)
_MEMBERS = tuple(f'"{name}": ' for name in _NAMES)
_OBJECT = "{" + ", ".join(f'{member}"%s"' for member in _MEMBERS) + "}\n"


@implementer(IRecordObserver)
@define(eq=False)
class AccessLog:
    """Writes finished records to `out`, a text stream. A stream that fails never stops the service (S-OPS-9)."""

    out: IO[str]
    clock: IReactorTime
    line: Callable[[SessionRecord], str]
    dropped: int = 0
    _lines: list[str] = field(factory=list)
    _due: IDelayedCall | None = None

    def finished(self, record: SessionRecord) -> None:
        """Queue one line."""
        self._lines.append(self.line(record))
        if self._due is None:
            self._due = self.clock.callLater(_FLUSH_TIME, self.flush)

    def flush(self) -> None:
        """Write what is queued now."""
        if self._due is not None and self._due.active():
            self._due.cancel()
        self._due, lines, self._lines = None, self._lines, []
        try:
            self.out.write("".join(lines))
            self.out.flush()
        except OSError as error:
            if not self.dropped:
                _log.error("access log cannot be written: {error}", error=error.strerror)
            self.dropped += len(lines)
            return
        if self.dropped:
            _log.warn("access log is back; log_dropped={dropped}", dropped=self.dropped)
            self.dropped = 0


_log = Logger()


@define(eq=False)
class FlushOnStop(Service):
    """The last lines of a stopping service reach the file."""

    access_log: AccessLog

    def stopService(self) -> None:
        """Write what is queued."""
        Service.stopService(self)
        self.access_log.flush()


def open_access_log(settings: LogSection, clock: IReactorTime) -> AccessLog:
    """The log that [log] describes: a file of mode 0600, or standard output. Raises OSError."""
    line = json_line if settings.format == "json" else w3c_line
    if settings.access is None:
        assert sys.__stdout__ is not None
        return AccessLog(sys.__stdout__, clock, line)
    descriptor = os.open(settings.access, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    out = os.fdopen(descriptor, "a", encoding="utf-8")
    if settings.format == "w3c" and out.tell() == 0:
        out.write(_w3c_header())
    return AccessLog(out, clock, line)


def _w3c_header() -> str:
    """The two directives that open a W3C extended log file."""
    return f"#Version: 1.0\n#Fields: {' '.join(_NAMES)}\n"


def w3c_line(record: SessionRecord) -> str:
    """One line; a space within a value is written ``+``, as IIS does."""
    values = _values(record)
    if all(values) and _as_they_are(values, _WORDS):
        return " ".join(values) + "\n"
    return " ".join(_escape(value).replace(" ", "+") or "-" for value in values) + "\n"


def json_line(record: SessionRecord) -> str:
    """One JSON object."""
    values = _values(record)
    if _as_they_are(values, _TEXTS):
        return _OBJECT % values
    pairs = zip(_MEMBERS, values, strict=True)
    return "{" + ", ".join([name + _json_text(value[:_FIELD_CHARACTERS]) for name, value in pairs]) + "}\n"


def _as_they_are(values: tuple[str, ...], allowed: re.Pattern[str]) -> bool:
    """Whether no value needs to be escaped or cut, as nearly always: one look at all of them together."""
    text = "\n".join(values)
    return len(text) <= _FIELD_CHARACTERS and text.count("\n") < len(values) and allowed.fullmatch(text) is not None


def _values(record: SessionRecord) -> tuple[str, ...]:
    reason, spent = record.reason, record.steps
    second = int(record.started)
    date, moment = _date_and_time(second)
    return (
        date,
        f"{moment}.{int((record.started - second) * 1000):03d}",
        record.session_id,
        record.client,
        record.protocol,
        record.listener,
        record.user,
        record.mailbox,
        record.virtual_directory,
        record.method,
        record.target,
        record.decision,
        record.back_end,
        record.front_end_status,
        _substatus(record),
        record.back_end_status,
        reason.code if reason else "-",
        reason.cause if reason else "-",
        str(record.octets_in),
        str(record.octets_out),
        f"{record.duration:.6f}",
        _seconds(spent.admit),
        _seconds(spent.authenticate),
        _seconds(spent.locate),
        _seconds(spent.route),
        _seconds(spent.relay),
        record.location,
        record.schemes_offered,
        record.scheme_used,
        record.device,
        record.command,
        record.detail,
    )


def _seconds(took: float | None) -> str:
    return "-" if took is None else f"{took:.6f}"


@lru_cache(16)
def _date_and_time(second: int) -> tuple[str, str]:
    at = time.gmtime(second)
    return time.strftime("%Y-%m-%d", at), time.strftime("%H:%M:%S", at)


def _substatus(record: SessionRecord) -> str:
    """IIS's second number: ``401 5``; only HTTP has one."""
    if record.protocol != "http":
        return "-"
    return str(record.reason.substatus) if record.reason else "0"


def _escape(text: str) -> str:
    r"""Controls, quotes and backslashes as ``\xNN``: one event, one line, whatever a client sent (S-HTTP-40)."""
    return _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", text[:_FIELD_CHARACTERS])
