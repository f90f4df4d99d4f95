"""POP3 and IMAP4 of an Exchange 2013 mailbox server, as far as a front end's log-on goes.

Sources: *H13* Exchange 2013's help (banners), the answers that administrators and client libraries quote, RFC 1939,
RFC 3501.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable

_Takes = Callable[[str, str], bool]
_IMAP4_COMMAND = re.compile(r'(\S+) (\S+)(?: (?:"((?:[^"\\]|\\.)*)"|(\S+)) (?:"((?:[^"\\]|\\.)*)"|(\S+)))?', re.DOTALL)
_MOST = 10_240  # octets of a command (PS: Set-ImapSettings MaxCommandSize)


def imap4(line: ssl.SSLSocket, takes: _Takes) -> None:
    """One connection, to its end."""
    reader = line.makefile("rb")
    line.sendall(b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n")
    entered = False
    while text := reader.readline(_MOST).decode("utf-8", "replace").rstrip("\r\n"):
        tag, command, *names = _arguments(text)
        if command == "CAPABILITY":
            line.sendall(f"* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN UIDPLUS IDLE\r\n{tag} OK done\r\n".encode())
        elif command == "LOGIN" and not entered:
            entered = takes(names[0], names[1])
            line.sendall(f"{tag} {'OK LOGIN completed.' if entered else 'NO LOGIN failed.'}\r\n".encode())
        elif command == "LOGOUT":
            line.sendall(f"* BYE Microsoft Exchange Server 2013 IMAP4 server signing off.\r\n{tag} OK\r\n".encode())
            return
        elif command == "NOOP" and entered:
            line.sendall(f"{tag} OK NOOP completed.\r\n".encode())
        else:
            line.sendall(f"{tag} BAD Command is not valid in this state.\r\n".encode())


def pop3(line: ssl.SSLSocket, takes: _Takes) -> None:
    """One connection, to its end."""
    reader = line.makefile("rb")
    line.sendall(b"+OK The Microsoft Exchange POP3 service is ready.\r\n")
    name, entered = "", False
    while text := reader.readline(_MOST).decode("utf-8", "replace").rstrip("\r\n"):
        command, _, argument = text.partition(" ")
        if command == "USER" and not entered:
            name = argument
            answer = "+OK"
        elif command == "PASS" and name and not entered:
            entered = takes(name, argument)
            answer = "+OK User successfully logged on." if entered else "-ERR Logon failure: unknown user name or bad"
        elif command == "CAPA":
            answer = "+OK\r\nTOP\r\nUIDL\r\nUSER\r\n."
        elif command == "STAT" and entered:
            answer = "+OK 0 0"
        elif command == "QUIT":
            line.sendall(b"+OK Microsoft Exchange Server 2013 POP3 server signing off.\r\n")
            return
        else:
            answer = "-ERR Command is not valid in this state."
        line.sendall(f"{answer}\r\n".encode())


def _arguments(text: str) -> list[str]:
    """Tag, command in upper case, and for LOGIN the name and password."""
    found = _IMAP4_COMMAND.fullmatch(text)
    if found is None:
        return ["*", ""]
    name, password = (found[first] if found[first] is not None else found[first + 1] for first in (3, 5))
    unquoted = [re.sub(r"\\(.)", r"\1", each) for each in (name, password) if each is not None]
    return [found[1], found[2].upper(), *unquoted]
