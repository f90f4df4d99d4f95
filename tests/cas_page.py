"""docs/cas-proxy.rst: the octets that two exfronts say to each other for a user, as they went over the wire in a run.

``python -m tests.cas_page`` writes it anew; it needs root for Samba, and takes half a minute.
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.cas_stage import PHONES, SECOND_HOST, USER, CasStage, run
from tests.support.clients import basic
from tests.support.exfront import ExFront
from tests.support.process import Address, free_port
from tests.support.samba import new_site

OUTPUT = Path(__file__).parents[1] / "docs" / "cas-proxy.rst"
_ADDRESS = "127.0.0.49"
_SECRET = b"a-secret-of-both-servers"

_HEAD = """\
From one Client Access server to another
========================================

Where a user's mailbox is in a site without an address of its own in the Internet, the first Client Access server
proxies to a second one there (*How Exchange Server 2007 CAS Proxying works for Outlook Web Access*, step 5). Below is
one such run, octet for octet: the user's client asked the first exfront for ``/owa/``, and the two exfronts, each in
its own site of one Samba domain, said this to each other over TLS. ``make docs`` writes this page anew.

The first server says who the user is, by his SID, and what it is itself, here by a secret (``[proxy]``). The second one
does not know the user (441). It is told (``proxyLogon.owa``, the serialized security context), takes that (241), and is
asked once more. Then its own back end has made the page, for the user whom the second server named to it. Bodies are
broken into lines here.
"""
_PHONE = """
ActiveSync
----------

The same for a phone that asked for ``/Microsoft-Server-ActiveSync`` (*How Exchange 2007 CAS Proxying works for
ActiveSync*), after a restart of the second server. Requests go to the inner path, where Integrated authentication is;
the query of the log-on is ``[proxy] activesync_log_on``.
"""
_EWS = """
Exchange Web Services
---------------------

Here who asks stands in the SOAP header of each request (the EWS reference, *SerializedSecurityContext*): the client had
sent none. The second server takes it out before its back end.
"""
_TAIL = """\
In the access log of the first server this is one line, in that of the second {count}::

"""
_SOAP = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    b'<FindItem xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"/></s:Body></s:Envelope>'
)

_BETWEEN = re.compile(r"><(?=s>|s a=|t:(?!SecurityId)|x:|s:)")  # where a body is broken into lines
# Ids, ports and addresses of a run, and the domain's own part of a SID
_CHANGES = (
    (re.compile(r"(S-1-5-21)-\d+-\d+-\d+"), r"\1-1-2-3"),
    (re.compile(r"(X-ExFront-Session: )\S+"), r"\1…"),
    (re.compile(r"(Date: )[^\r\n]+"), r"\1…"),
    (re.compile(rf"({re.escape(SECOND_HOST)}):\d+"), r"\1"),
    (re.compile(r"127\.0\.0\.1(?!\d)"), "192.0.2.7"),
    (re.compile(re.escape(_SECRET.decode())), "…"),
    (re.compile(r", [0-9a-f-]{12,}"), ", …"),
)


class Recorder:
    """Ends TLS before `target` and begins it anew, and keeps what passes, each turn in one piece."""

    def __init__(self, certificate: str, ca_file: str, target: Address) -> None:
        self.at: Address = (_ADDRESS, free_port(_ADDRESS))
        self.turns: list[tuple[bool, bytes]] = []
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.load_cert_chain(certificate)
        self._client = ssl.create_default_context(cafile=ca_file)
        self._target = target
        self._listening = socket.create_server(self.at)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Accept no more."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        onward = socket.create_connection(self._target, 20, (_ADDRESS, 0))
        first = self._server.wrap_socket(connection, server_side=True)
        second = self._client.wrap_socket(onward, server_hostname=SECOND_HOST)
        other = threading.Thread(target=self._pass, args=(second, first, False), daemon=True)
        other.start()
        self._pass(first, second, True)

    def _pass(self, source: ssl.SSLSocket, sink: ssl.SSLSocket, is_request: bool) -> None:
        with suppress(OSError):
            while octets := source.recv(262_144):
                self.turns.append((is_request, octets))
                sink.sendall(octets)


def page() -> str:
    """The page, of a run made now."""
    site = new_site()
    stage = CasStage(site, secret=True)
    recorder = Recorder(stage.certificate(SECOND_HOST), str(site.authority.ca_file), stage.second.at("https"))
    first = stage.first(recorder.at)
    try:
        stage.start()
        run(first)
        text = _HEAD + _run(stage, first, recorder, "three", 3)
        stage.second.stop()
        run(stage.second)
        text += _PHONE + _run(stage, first, recorder, "three", 3, "OPTIONS", PHONES)
        said = {"Content-Type": "text/xml; charset=utf-8", **basic(USER.principal, USER.secret)}
        text += _EWS + _run(stage, first, recorder, "one too", 1, "POST", "/EWS/Exchange.asmx", _SOAP, headers=said)
    finally:
        first.daemon.kill()
        recorder.stop()
        stage.close()
        site.close()
    return text


def _run(stage: CasStage, first: ExFront, recorder: Recorder, count: str, lines: int, *asked: Any, **more: Any) -> str:
    """What one request of the user made the two say, and both logs, of the second so many `lines`."""
    marks = len(first.access_lines()), len(stage.second.access_lines())
    recorder.turns.clear()
    answer = stage.ask(first, *asked, **more)
    if answer.status != 200:
        raise AssertionError(f"{answer.status} {answer.body!r}")
    logged = [*first.lines_since(marks[0], 1), *stage.second.lines_since(marks[1], lines)]
    log = textwrap.indent("".join(map(_line, logged)), "    ")
    return f"{''.join(_shown(recorder.turns))}\n{_TAIL.format(count=count)}{log}"


def _shown(turns: list[tuple[bool, bytes]]) -> Iterator[str]:
    joined: list[tuple[bool, bytes]] = []
    for is_request, octets in turns:
        if joined and joined[-1][0] is is_request:
            octets = joined.pop()[1] + octets
        joined.append((is_request, octets))
    for is_request, octets in joined:
        yield f"\nThe {'first' if is_request else 'second'} server\n\n.. code-block:: http\n\n"
        head, _, body = _masked(octets).partition("\r\n\r\n")
        yield (
            textwrap.indent(head.replace("\r\n", "\n") + "\n\n" + _BETWEEN.sub(">\n<", body), "    ").rstrip() + "\n"
        )


def _masked(octets: bytes) -> str:
    text = octets.decode("utf-8")
    for pattern, word in _CHANGES:
        text = pattern.sub(word, text)
    return text


def _line(line: dict[str, str]) -> str:
    names = ("cs-username", "cs-method", "cs-uri", "x-decision", "s-back-end", "sc-status", "x-back-end-status",
             "x-reason", "x-detail")  # fmt: skip
    return _masked(" ".join(f"{name}={line[name]}" for name in names).encode()) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(page(), "utf-8")
    sys.exit(0)
