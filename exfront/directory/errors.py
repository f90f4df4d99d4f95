"""What can go wrong between exfront and a directory server: a closed list. servers.py turns it into Reasons."""

# ruff: noqa: N818 - the names say what happened, as Twisted's do

from __future__ import annotations


class DirectoryError(Exception):
    """The message is for the log: it names no user and holds no secret."""


class Unreachable(DirectoryError):
    """No connection to the server: refused, no address, or it may not be used as configured."""


class TimedOut(DirectoryError):
    """The server did not answer in time; the connection was closed."""


class FellSilent(DirectoryError):
    """The server owes answers and says nothing; another one can be asked meanwhile."""


class BadCertificate(DirectoryError):
    """TLS failed: wrong name, expired, unknown issuer, or no TLS at all."""


class ConnectionLost(DirectoryError):
    """The connection ended before the answer, by the server, or since it broke the protocol."""


class ServerFault(DirectoryError):
    """The server answered with a result code that is neither success nor "no such entry"."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"result={code} {message}".rstrip())
        self.code = code


class ServiceBindRefused(DirectoryError):
    """The server refuses the service account, or its password cannot be read."""
