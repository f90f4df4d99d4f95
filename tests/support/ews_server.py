"""An EWS server for the users that X-Forwarded-User names, as `ews` answers; in the test's own process."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from attrs import frozen

from tests.support import ews
from tests.support.process import free_port

_PIECE = 262_144
_KEPT = 1 << 20


@frozen
class Asked:
    """A request: whose, its body (of a long one the beginning), and how long that was."""

    user: str
    body: bytes
    length: int


class EwsServer:
    """Listens on `address`, plain HTTP. A body of more than a megabyte is counted, and answered by its length."""

    def __init__(self, address: str) -> None:
        self.at = (address, free_port(address))
        self.asked: list[Asked] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """One request."""
                user, length = self.headers.get("X-Forwarded-User", ""), int(self.headers["Content-Length"])
                body, left = b"", length
                while left:
                    piece = self.rfile.read(min(left, _PIECE))
                    left -= len(piece)
                    body += piece if len(body) < _KEPT else b""
                server.asked.append(Asked(user, body, length))
                status, page = ews.answer(user, body) if length < _KEPT else (200, b"%d" % length)
                self.send_response(status)
                self.send_header("Content-Type", "text/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(self.at, Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Accept no more."""
        self._server.shutdown()
        self._server.server_close()
