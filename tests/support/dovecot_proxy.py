"""A Dovecot that relays IMAP4 and POP3 itself, as many sites have one in front: exfront's client, and its measure."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from tests.support.dovecot import MailUser, dovecot_users
from tests.support.process import Address, Daemon, free_port, program


class DovecotProxy:
    """Takes the passwords of `users` at `imap` and `pop3`, and passes them on to `imap4_behind` and `pop3_behind`."""

    def __init__(
        self, address: str, folder: Path, users: Iterable[MailUser], imap4_behind: Address, pop3_behind: Address
    ) -> None:
        self.imap, self.pop3 = (address, free_port(address)), (address, free_port(address))
        people = list(users)
        for service, (host, port) in (("imap", imap4_behind), ("pop3", pop3_behind)):
            lines = (_line(user, host, port) for user in people)
            (folder / f"passwd.{service}").write_text("".join(lines))
        configuration = folder / "dovecot.conf"
        configuration.write_text(self._configuration(folder))
        ports = [self.imap, self.pop3]
        argv = [program("dovecot", "dovecot-core"), "-F", "-c", str(configuration)]
        self.daemon = Daemon(argv, folder / "dovecot.log", ports)

    def _configuration(self, folder: Path) -> str:
        return f"""
protocols = imap pop3
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = proxy
listen = {self.imap[0]}
log_path = {folder}/dovecot.log
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
login_proxy_max_reconnects = 0
{dovecot_users()}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/passwd.%s
}}
service imap-login {{
  inet_listener imap {{
    port = {self.imap[1]}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.pop3[1]}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"""


def _line(user: MailUser, host: str, port: int) -> str:
    password = base64.b64encode(user.password).decode()
    return f"{user.logins[0]}:{{PLAIN.B64}}{password}::::::proxy=y host={host} port={port}\n"
