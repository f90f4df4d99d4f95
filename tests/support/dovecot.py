"""A Dovecot as one mailbox server: IMAP4 and POP3, in the clear, with STARTTLS/STLS and inside TLS."""

from __future__ import annotations

import base64
import grp
import os
import pwd
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen

from tests.support.process import Daemon, free_port, program

MAILS = 3  # in each INBOX
_PASSWD_AGE = 1.1  # seconds: Dovecot looks at its password file once in a second


@frozen
class MailUser:
    """One mailbox: `name` is its folder, `logins` all the spellings that Dovecot accepts for it."""

    name: str
    password: bytes
    logins: tuple[str, ...]


@frozen
class Master:
    """Who may log on as everybody, with an authorization identity or as ``user*name``."""

    name: str
    password: bytes


class Dovecot:
    """Serves the INBOX of each of `users` on `address`; `server` is written into every mail.

    `certificate` is a PEM file with key and chain. Ports: `imap`, `imaps`, `pop3`, `pop3s`; with `trusting` the same
    behind a PROXY header: `proxied`, by those names. A `trusting` server believes everybody on this machine who tells
    the address of a client. With `token_key` it takes the tokens of `tests.support.tokens.token` that are signed so;
    if it `compresses`, it has COMPRESS=DEFLATE.
    """

    def __init__(
        self,
        server: str,
        address: str,
        folder: Path,
        certificate: Path,
        users: Iterable[MailUser],
        trusting: bool = False,
        master: Master | None = None,
        token_key: bytes = b"",
        compresses: bool = False,
    ) -> None:
        self.server = server
        self.address = address
        self.folder = folder
        self.imap, self.imaps, self.pop3, self.pop3s = (free_port(address) for _ in range(4))
        self.proxied = {name: free_port(address) for name in ("imap", "imaps", "pop3", "pop3s")} if trusting else {}
        self.master = master
        self.token_key = token_key
        self.compresses = compresses
        self.log = folder / "dovecot.log"
        _write_mailboxes(folder, server, users)
        configuration = folder / "dovecot.conf"
        configuration.write_text(_configuration(self, certificate))
        ports = [(address, port) for port in (self.imap, self.imaps, self.pop3, self.pop3s)]
        ports += [(address, port) for port in self.proxied.values()]
        self.daemon = Daemon([program("dovecot", "dovecot-core"), "-F", "-c", str(configuration)], self.log, ports)
        _check_protocols()

    def mailbox(self, name: str) -> Path:
        """The maildir of one user."""
        return self.folder / "mail" / name

    def deliver(self, name: str, mails: Iterable[bytes]) -> None:
        """Put these into the INBOX of one user in place of what is there."""
        new = self.mailbox(name) / "new"
        for file in new.iterdir():
            file.unlink()
        for number, mail in enumerate(mails, 1):
            (new / f"{number:06}.exfront.{self.server}").write_bytes(mail)
        if os.geteuid() == 0:
            _give_to_nobody(self.mailbox(name))

    def stored(self, name: str) -> list[bytes]:
        """What lies in the INBOX of one user."""
        return [file.read_bytes() for part in ("cur", "new") for file in (self.mailbox(name) / part).iterdir()]

    def know(self, users: Iterable[MailUser], fields: str = "") -> None:
        """From now on these users and no others; `fields` are extra ones of their entries in the password file."""
        (self.folder / "passwd").write_text("".join(_entries(users, fields)))
        time.sleep(_PASSWD_AGE)

    def logins(self, service: str = "") -> list[str]:
        """The mailboxes logged in to so far, in order, as Dovecot's own log names them; `service` is imap or pop3."""
        return re.findall(rf"{service or '(?:imap|pop3)'}-login: Info: Login: user=<([^>]*)>", self.daemon.log_text())

    def clients(self, service: str = "imap") -> list[tuple[str, str]]:
        """The user and the client's address of each login so far, as Dovecot's own log has them."""
        pattern = rf"{service}-login: Info: Login: user=<([^>]*)>.* rip=([^,]*),"
        return re.findall(pattern, self.daemon.log_text())

    def failed_logins(self) -> int:
        """How many connections ended with a refused password."""
        return len(re.findall(r"auth failed, \d+ attempts", self.daemon.log_text()))

    def sessions(self) -> int:
        """Logged-in sessions now: those that began less those that Dovecot's log saw end."""
        ended = re.findall(r"(?:imap|pop3)\([^)]*\).*: Info: (?:Disconnected|Logged out)", self.daemon.log_text())
        return len(self.logins()) - len(ended)


def _check_protocols() -> None:
    """dovecot-core alone starts without its protocols, and says so in a log only."""
    for name, package in (("imap", "dovecot-imapd"), ("pop3", "dovecot-pop3d")):
        if not Path("/usr/lib/dovecot", name).exists():
            program(f"/usr/lib/dovecot/{name}", package)


def _write_mailboxes(folder: Path, server: str, users: Iterable[MailUser]) -> None:
    people = list(users)
    for user in people:
        new = folder / "mail" / user.name / "new"
        new.mkdir(parents=True)
        for number in range(1, MAILS + 1):
            (new / f"{number}.exfront.{server}").write_text(_mail(user.name, server, number))
    (folder / "passwd").write_text("".join(_entries(people)))
    if os.geteuid() == 0:
        _give_to_nobody(folder / "mail")


def _entries(users: Iterable[MailUser], fields: str = "") -> Iterator[str]:
    """The password file: a line for each spelling."""
    for user in users:
        password = base64.b64encode(user.password).decode()
        for login in user.logins:
            name = login.lower().replace("\\", "\\\\")
            yield f"{name}:{{PLAIN.B64}}{password}::::::user={user.name} {fields}".rstrip() + "\n"


def _mail(user: str, server: str, number: int) -> str:
    return (
        f"From: postmaster@fourthcoffee.com\nTo: {user}@fourthcoffee.com\nSubject: mail {number} of {user}\n"
        f"Date: Mon, 05 Oct 2026 08:0{number}:00 +0000\nMessage-ID: <{number}.{user}@{server}>\n\n"
        f"This mail lies on {server}.\n"
    )


def _give_to_nobody(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    for where, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            os.chown(os.path.join(where, name), nobody.pw_uid, nobody.pw_gid)


def dovecot_users() -> str:
    """Dovecot drops to its own users as root; anybody else can only run it all as himself, without chroot."""
    if os.geteuid() == 0:
        return "mail_uid = nobody\nmail_gid = nogroup\n"
    me, mine = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    chroot = "".join(f"service {name} {{\n  chroot =\n}}\n" for name in ("imap-login", "pop3-login", "anvil"))
    return (
        f"default_internal_user = {me}\ndefault_internal_group = {mine}\ndefault_login_user = {me}\n"
        f"mail_uid = {me}\nmail_gid = {mine}\n{chroot}"
    )


def _trust(dovecot: Dovecot) -> str:
    """Listeners behind a PROXY header, and whom to believe."""
    if not dovecot.proxied:
        return ""
    listeners = "".join(
        f"service {name.rstrip('s')}-login {{\n  inet_listener {name}_proxied {{\n    port = {port}\n"
        f"    haproxy = yes\n    ssl = {'yes' if name.endswith('s') else 'no'}\n  }}\n}}\n"
        for name, port in dovecot.proxied.items()
    )
    return f"login_trusted_networks = 127.0.0.0/8\nhaproxy_trusted_networks = 127.0.0.0/8\n{listeners}"


def _master(dovecot: Dovecot) -> str:
    if dovecot.master is None:
        return ""
    file = dovecot.folder / "master"
    password = base64.b64encode(dovecot.master.password).decode()
    file.write_text(f"{dovecot.master.name}:{{PLAIN.B64}}{password}\n")
    return (
        "auth_master_user_separator = *\npassdb {\n  driver = passwd-file\n  master = yes\n"
        f"  result_success = continue\n  args = scheme=PLAIN username_format=%u {file}\n}}\n"
    )


_COMPRESS = "protocol imap {\n  mail_plugins = zlib imap_zlib\n}\n"


def _tokens(dovecot: Dovecot) -> str:
    """JSON Web Tokens (RFC 7519) that name a user, checked by Dovecot itself."""
    if not dovecot.token_key:
        return ""
    keys = dovecot.folder / "keys" / "default" / "HS256"
    keys.mkdir(parents=True)
    (keys / "default").write_text(base64.b64encode(dovecot.token_key).decode())
    settings = dovecot.folder / "oauth2.conf"
    settings.write_text(
        f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={dovecot.folder}/keys/\n"
        "username_attribute = sub\n"
    )
    return f"passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {settings}\n}}\n"


def _configuration(dovecot: Dovecot, certificate: Path) -> str:
    folder = dovecot.folder
    return f"""
protocols = imap pop3
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = {dovecot.server}
listen = {dovecot.address}
log_path = {dovecot.log}
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{certificate}
disable_plaintext_auth = no
auth_mechanisms = plain login{" xoauth2 oauthbearer" if dovecot.token_key else ""}
auth_username_chars =
auth_username_format = %Lu
auth_failure_delay = 0 secs
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%n
mail_max_userip_connections = 500
{dovecot_users()}
{_trust(dovecot)}
{_master(dovecot)}
{_tokens(dovecot)}
{_COMPRESS if dovecot.compresses else ""}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/passwd
}}
userdb {{
  driver = static
  args = home={folder}/mail/%n
}}
# Without this, two wrong passwords delay everybody who comes through the same front end.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  service_count = 0
  process_limit = 2
  client_limit = 4000
  inet_listener imap {{
    port = {dovecot.imap}
  }}
  inet_listener imaps {{
    port = {dovecot.imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  service_count = 0
  process_limit = 2
  client_limit = 4000
  inet_listener pop3 {{
    port = {dovecot.pop3}
  }}
  inet_listener pop3s {{
    port = {dovecot.pop3s}
    ssl = yes
  }}
}}
service imap {{
  service_count = 200
  process_limit = 4000
}}
service pop3 {{
  service_count = 200
  process_limit = 4000
}}
default_client_limit = 20000
"""
