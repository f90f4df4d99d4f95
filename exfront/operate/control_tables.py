"""The tables of exfrontctl: what the daemon answered, in columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def lockouts(found: Rows) -> str:
    """Accounts with failures; `locked` ones are refused until the seconds are over."""
    if not found:
        return "no failed log-ons"
    lines = [
        (
            str(each["name"]) or "-",
            str(each["account_id"]),
            f"{each['failures']}/{each['limit']}",
            f"{each['seconds']:.0f} s",
            "locked" if each["locked"] else "-",
        )
        for each in found
    ]
    return _table(("account", "id", "failures", "for", "state"), lines)


def servers(found: Rows) -> str:
    """Directory servers in the order of preference."""
    if not found:
        return "no directory server was asked yet"
    lines = [
        (
            str(each["url"]),
            str(each["state"]),
            _site(each),
            str(each["requests"]),
            str(each["failures"]),
            str(each["in_flight"]),
            f"{each['latency'] * 1000:.1f} ms",
            str(each["error"]) or "-",
        )
        for each in found
    ]
    return _table(("server", "state", "site", "requests", "failures", "waiting", "latency", "last error"), lines)


def back_ends(found: Rows) -> str:
    """Applications of back ends; `waiting` are log-ons that a full server has no place for yet, `now` what runs.

    `retry` is when one that is out may be tried.
    """
    if not found:
        return "no back end was used yet"
    lines = [
        (
            str(each["server"]),
            str(each["application"]),
            str(each["state"]),
            str(each["connections"]),
            str(each["waiting"]),
            str(each["in_flight"]),
            str(each["requests"]),
            str(each["failures"]),
            f"{each['latency'] * 1000:.1f} ms",
            str(each["probe"]) or "-",
            "-" if each["retry"] is None else f"{each['retry']:.0f} s",
            f"{each['error']} ({each['error_age']:.0f} s ago)" if each["error"] else "-",
        )
        for each in found
    ]
    heads = ("server", "application", "state", "connections", "waiting", "now", "requests", "failures", "latency",
             "probe", "retry", "last error")  # fmt: skip
    return _table(heads, lines)


def devices(found: Rows) -> str:
    """Requests of phones that run now: one Ping is right, several are of a phone that lost its connections."""
    if not found:
        return "no device waits"
    lines = [
        (
            str(each["user"]),
            str(each["device"]),
            str(each["command"]),
            str(each["running"]),
            f"{each['seconds']:.0f} s",
        )
        for each in found
    ]
    return _table(("user", "device", "command", "now", "since"), lines)


def limits(found: Rows) -> str:
    """How near each limit is, and who is nearest."""
    lines = [(str(each["name"]), str(each["now"]), str(each["most"]), str(each["who"]) or "-") for each in found]
    return _table(("limit", "now", "most", "by"), lines)


def _site(each: Mapping[str, Any]) -> str:
    """The server's site of Active Directory, and whether exfront stands in it."""
    site = str((each.get("root") or {}).get("site") or "")
    return f"{site} (own)" if site and site == each.get("own_site") else site or "-"


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heads, *([_one_line(cell) for cell in line] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
