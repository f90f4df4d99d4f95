"""What explain.py found, in words for people: each step a paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SHOWN_VALUES = 20  # of one attribute; a mailbox may have thousands of addresses

Report = Mapping[str, Any]


def as_text(report: Report) -> str:
    """A report for people; each step is a paragraph."""
    return "\n".join(line.rstrip() for line in _paragraphs(report)) + "\n"


def _paragraphs(report: Report) -> Iterator[str]:
    yield f"{report['protocol']} log-on as {_one_line(report['login'])}"
    yield from _keys_text("keys, in the order in which they are tried", report["keys"])
    yield from _web_text(report.get("web"))
    yield from _trace_text("look-up of the account", report.get("look_up", []))
    if "account" in report:
        yield from _value_text("account", report["account"])
        yield from _held_text(report.get("held"))
    if "authentication" in report:
        yield from ("", f"authentication: {report['authentication']}")
    yield from _trace_text("look-up of the mailbox named", report.get("locate", []))
    if "mailbox" in report:
        yield from _mailbox_text(report)
    if "topology" in report:
        known = report["topology"]
        organisation = known["organisation"] or "no Exchange organisation"
        yield from ("", f"topology: {known['servers']} servers known, {_one_line(organisation)}")
    yield from _decision_text(report.get("decision"))
    if report.get("next_hop"):
        yield from _value_text("log-on at the next hop", report["next_hop"])
    yield from _refused_text(report.get("refused"))
    yield from _servers_text(report.get("servers", []))


def _keys_text(title: str, keys: list[dict[str, Any]]) -> Iterator[str]:
    yield from ("", title)
    for number, key in enumerate(keys, 1):
        if "error" in key:
            yield f"  none: {key['error']}"
            continue
        domain = f" in domain {_one_line(key['domain'])}" if key["domain"] else ""
        use = " (the mailbox to open)" if key["for"] == "mailbox" else ""
        yield f"  {number}. {key['kind']} {_one_line(key['value'])}{domain}{use}"
        if "cached" in key:
            yield f"     cache: {_cached(key['cached'])}"


def _cached(state: dict[str, Any]) -> str:
    """cache.py's `CacheState`: what a log-on would be told without a search, or while no server answers."""
    if state["kind"] == "absent":
        return "nothing"
    mailbox = state["mailbox"]
    what = f", {_one_line(mailbox['dn'])} at home on {_one_line(mailbox['home_server'])}" if mailbox else ""
    return f"{state['kind']}, {state['age']:.0f} s old{what}"


def _web_text(web: Report | None) -> Iterator[str]:
    if web is None:
        return
    yield from ("", "virtual site and virtual directory (2000/2003 steps 3 and 4)")
    for name in (
        "listener", "virtual_site", "path", "virtual_directory", "application", "authentication", "log_on",
        "server", "identity",
    ):  # fmt: skip
        if web.get(name):
            why = web.get(f"{name.removeprefix('virtual_')}_because")
            yield f"  {name.replace('_', ' ')}: {_one_line(web[name])}" + (f" ({_one_line(why)})" if why else "")
    for rule in web.get("rules", ()):
        yield f"  {rule['rule']}: {_one_line(rule['value'])}, {rule['says']}"
    if web.get("explicit_logon"):
        yield from _keys_text("explicit logon: the URL names a mailbox", web["explicit_logon"])
    if web.get("rpc_server"):
        yield f"  RPC server, which must be the mailbox's: {_one_line(web['rpc_server'])}"


def _trace_text(title: str, steps: list[dict[str, Any]]) -> Iterator[str]:
    if not steps:
        return
    yield from ("", title)
    names: dict[str, str] = {}  # attributes as they were asked for: an entry has them in lower case
    for step in steps:
        if step["rule"] == "search":
            names = {name.lower(): name for name in step["values"][0]["attributes"]}
            yield from _search_text(step["values"])
        elif step["rule"] == "entry":
            yield from _entry_text(step["values"], names)
        else:
            yield from _rule_text(step["rule"], step["values"])


def _search_text(values: list[Any]) -> Iterator[str]:
    """lookup.py's ``search``: the question, its attributes, the server, seconds, entries, references."""
    search, _, server, seconds, entries, references = values
    yield "  search"
    for name in ("base", "scope", "filter"):
        yield f"    {name}: {_one_line(search[name])}"
    yield f"    attributes: {' '.join(search['attributes'])}"
    yield f"    asked: {server}, {seconds * 1000:.1f} ms"
    yield f"    found: {entries}" + (f", and {references} references, not followed" if references else "")


def _entry_text(values: list[Any], names: Mapping[str, str]) -> Iterator[str]:
    """lookup.py's ``entry``: the DN, and the attributes with their values."""
    name, attributes = values
    yield f"  entry {_one_line(name)}"
    for attribute, found in attributes.items():
        many = found if isinstance(found, list) else [found]
        for value in many[:_SHOWN_VALUES]:
            yield f"    {names.get(attribute, attribute)}: {_inline(value)}"
        if len(many) > _SHOWN_VALUES:
            yield f"    {names.get(attribute, attribute)}: and {len(many) - _SHOWN_VALUES} more"


def _rule_text(rule: str, values: list[Any]) -> Iterator[str]:
    yield f"  {rule}: {', '.join(map(_inline, values))}" if values else f"  {rule}"


def _value_text(title: str, value: Any) -> Iterator[str]:
    yield from ("", title)
    if not isinstance(value, dict):
        yield f"  {_inline(value)}"
        return
    for name, each in value.items():
        if each not in ("", [], None, False):
            yield f"  {name}: {_inline(each)}"


def _held_text(held: dict[str, Any] | None) -> Iterator[str]:
    if held is not None:
        yield "  but the cache still holds another answer, and a log-on takes that one (exfrontctl flush forgets it):"
        yield f"  {_one_line(held['dn'])} at home on {_one_line(held['home_server'] or 'no server')}"


def _mailbox_text(report: Report) -> Iterator[str]:
    if report["mailbox"] == report.get("account"):
        yield from ("", "mailbox: the account's own")
    else:
        yield from _value_text("mailbox", report["mailbox"])


def _decision_text(decision: Report | None) -> Iterator[str]:
    if decision is None:
        return
    yield from ("", f"decision: {decision['kind']}")
    for name, value in decision.items():
        if name not in ("kind", "because") and value not in ("", None):
            yield f"  {name}: {_inline(value)}"
    for step in decision["because"]:
        yield from (f"  because{line[1:]}" for line in _rule_text(step["rule"], step["values"]))


def _refused_text(refused: Report | None) -> Iterator[str]:
    if refused is None:
        return
    yield from ("", f"refused at the step {refused['step']}: {refused['code']} {refused['cause']}")
    if refused["detail"]:
        yield f"  detail: {_one_line(refused['detail'])}"
    yield f"  the client sees: {refused['client_sees']}"


def _servers_text(servers: list[dict[str, Any]]) -> Iterator[str]:
    """servers.py's `ServerState`, of each server that was asked so far."""
    if not servers:
        return
    yield from ("", "directory servers")
    for each in servers:
        yield f"  {each['url']}: {each['state']}" + (f", {_one_line(each['error'])}" if each["error"] else "")


def _inline(value: Any) -> str:
    """A plain value on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name}={_nested(each)}" for name, each in value.items() if each not in ("", [], None))
    if isinstance(value, list):
        more = [f"and {len(value) - _SHOWN_VALUES} more"] if len(value) > _SHOWN_VALUES else []
        return "; ".join([_inline(each) for each in value[:_SHOWN_VALUES]] + more)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _one_line(value)


def _nested(value: Any) -> str:
    return f"({_inline(value)})" if isinstance(value, dict) else _inline(value)


def _one_line(value: object) -> str:
    """Text that came from outside must not move the cursor of whose terminal shows it."""
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
