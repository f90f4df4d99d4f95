"""SOGo with its ActiveSync module, over the site's slapd and a Dovecot, and a PostgreSQL of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from attrs import frozen

from tests.support.mail_site import MailboxServer, MailSite
from tests.support.population import BASE
from tests.support.process import Daemon, MissingProgramError, free_port, program

PATH = "/SOGo/Microsoft-Server-ActiveSync"


@frozen
class Sogo:
    """Both daemons; `address` and `port` are SOGo's."""

    address: str
    port: int
    database: Daemon
    daemon: Daemon

    def start(self) -> None:
        """The database first."""
        self.database.start()
        self.daemon.start()

    def kill(self) -> None:
        """Both."""
        self.daemon.kill()
        self.database.kill()


def sogo(folder: Path, address: str, site: MailSite, server: MailboxServer) -> Sogo:
    """Not started. SOGo and PostgreSQL run as their own users, for neither starts as root."""
    postgres = _postgres()
    port, database_port = free_port(address), free_port(address)
    data = folder / "database"
    data.mkdir()
    home = folder / "home"
    home.mkdir()
    subprocess.run(["chown", "postgres", data], check=True)
    subprocess.run(["chown", "sogo", home], check=True)
    subprocess.run(
        [*_as("postgres"), str(postgres / "initdb"), "--auth=trust", "--encoding=UTF8", "--no-sync", "-U", "sogo",
         "-D", str(data)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    database = Daemon(
        [*_as("postgres"), str(postgres / "postgres"), "-D", str(data), "-h", address, "-p", str(database_port),
         "-k", "", "-c", "fsync=off"],
        folder / "database.log", [(address, database_port)],
    )  # fmt: skip
    tables = f"postgresql://sogo@{address}:{database_port}/postgres"
    source = (
        f"({{type = ldap; id = directory; canAuthenticate = YES; isAddressBook = NO; CNFieldName = cn; "
        f"IDFieldName = sAMAccountName; UIDFieldName = sAMAccountName; bindFields = (sAMAccountName); "
        f'MailFieldNames = (mail); baseDN = "{BASE}"; bindDN = "{site.slapd.bind_dn}"; '
        f'bindPassword = "{site.slapd.bind_password}"; hostname = "ldap://{site.slapd.address}:{site.slapd.ldap}";}})'
    )
    options = {
        "WOPort": f"{address}:{port}", "WOWorkersCount": "3", "WONoDetach": "YES", "WOLogFile": "-",
        "WOPidFile": str(home / "sogod.pid"), "SOGoUserSources": source,
        "SOGoIMAPServer": f"imap://{server.address}:{server.dovecot.imap}", "SOGoMailDomain": "fourthcoffee.com",
        "SOGoProfileURL": f"{tables}/sogo_user_profile", "OCSFolderInfoURL": f"{tables}/sogo_folder_info",
        "OCSSessionsFolderURL": f"{tables}/sogo_sessions_folder", "OCSEMailAlarmsFolderURL": f"{tables}/sogo_alarms",
        "OCSStoreURL": f"{tables}/sogo_store", "OCSAclURL": f"{tables}/sogo_acl", "OCSAdminURL": f"{tables}/sogo_admin",
        "OCSCacheFolderURL": f"{tables}/sogo_cache_folder", "SOGoMaximumPingInterval": "20",
        "SOGoMaximumSyncInterval": "20", "SOGoInternalSyncInterval": "2",
    }  # fmt: skip
    argv = [*_as("sogo"), "env", f"HOME={home}", program("sogod", "sogo")]
    for name, value in options.items():
        argv += [f"-{name}", value]
    return Sogo(address, port, database, Daemon(argv, folder / "sogo.log", [(address, port)]))


def _postgres() -> Path:
    """The newest one's programs; Debian keeps them out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise MissingProgramError("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent


def _as(user: str) -> list[str]:
    """Another user's process would outlive a test run that is killed: the kernel forgets the wish with the user."""
    return [
        program("setpriv", "util-linux"), f"--reuid={user}", f"--regid={user}", "--clear-groups", "--pdeathsig=TERM",
    ]  # fmt: skip
