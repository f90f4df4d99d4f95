"""An Apache as the web side of one mailbox server: Basic against LDAP, a folder per user, HTTP and HTTPS.

`/exchange/ALIAS/` is the page of that user alone; `/owa/` is a page for all who log on; `/public/` asks no password
and takes uploads (WebDAV PUT).
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from tests.support.process import Daemon, free_port, program, wait_until

_MODULES = (
    "mpm_event", "authn_core", "authz_core", "authz_user", "auth_basic", "ldap", "authnz_ldap", "dir", "mime",
    "ssl", "socache_shmcb", "setenvif", "dav", "dav_fs", "reqtimeout", "headers", "rewrite",
)  # fmt: skip
_BUILT_IN_FOLDER = Path("/usr/lib/apache2/modules")


@frozen
class LdapSource:
    """Where Apache looks users up: a URL as in AuthLDAPURL that fetches mailNickname, and the account that searches."""

    url: str
    bind_dn: str
    bind_password: str


class Apache:
    """Serves on `address`; ports `http` and `https`. `users` are the aliases of those who live here."""

    def __init__(
        self, server: str, address: str, folder: Path, certificate: Path, users: Iterable[str], ldap: LdapSource
    ) -> None:
        self.server = server
        self.address = address
        self.folder = folder
        self.root = folder / "pages"
        self.http, self.https = free_port(address), free_port(address)
        self._access = folder / "access.log"
        _write_pages(self.root, server, users)
        configuration = folder / "apache.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(_configuration(self, certificate, ldap))
        argv = [program("apache2", "apache2"), "-DFOREGROUND", "-f", str(configuration)]
        ports = [(address, self.http), (address, self.https)]
        self.daemon = Daemon(argv, folder / "error.log", ports)

    def accesses_since(self, mark: int, fewest: int) -> list[tuple[str, str, int]]:
        """Those behind the first `mark`, `fewest` at least: Apache writes its log behind the answer."""
        wait_until(lambda: len(self.accesses()) >= mark + fewest, f"{fewest} lines in Apache's log")
        return self.accesses()[mark:]

    def accesses(self) -> list[tuple[str, str, int]]:
        """User, path and status of each request so far, in order, as Apache's own access log has them."""
        found = re.findall(r'^(\S+) "\S+ (\S+) [^"]*" (\d+)', self._log_text(), re.MULTILINE)
        return [(user, path, int(status)) for user, path, status in found]

    def forwarded(self) -> list[tuple[str, str]]:
        """Front-End-Https and X-Forwarded-For of each request so far."""
        return re.findall(r'"([^"]*)" "([^"]*)"$', self._log_text(), re.MULTILINE)

    def _log_text(self) -> str:
        return self._access.read_text("utf-8", "backslashreplace") if self._access.exists() else ""


def _write_pages(root: Path, server: str, users: Iterable[str]) -> None:
    for user in users:
        _write_page(root / "exchange" / user, f"This is the mailbox of {user} on {server}.\n")
    _write_page(root / "owa", f"This is Outlook Web Access on {server}.\n")
    _write_page(root / "public", f"These are the public folders on {server}.\n")
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(root / "public", nobody.pw_uid, nobody.pw_gid)
        os.chown(root.parent, nobody.pw_uid, nobody.pw_gid)  # for WebDAV's lock file


def _write_page(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(text)


def _configuration(apache: Apache, certificate: Path, ldap: LdapSource) -> str:
    folder = apache.folder
    modules = "\n".join(f"LoadModule {name}_module {_BUILT_IN_FOLDER}/mod_{name}.so" for name in _MODULES)
    user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
    return f"""{modules}
{user}
ServerRoot {folder}
ServerName {apache.server}.fourthcoffee.com
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex file:{folder} default
DavLockDB {folder}/dav.lock
ErrorLog {folder}/error.log
LogLevel warn
LogFormat "%u \\"%r\\" %>s %B \\"%{{Via}}i\\" \\"%{{Front-End-Https}}i\\" \\"%{{X-Forwarded-For}}i\\"" users
CustomLog {folder}/access.log users
TypesConfig /etc/mime.types
DocumentRoot {apache.root}
DirectoryIndex index.html
# A master, one child, many threads: a test machine has two processors.
StartServers 1
ServerLimit 4
ThreadsPerChild 64
MaxRequestWorkers 256
KeepAlive On
KeepAliveTimeout 15
MaxKeepAliveRequests 0
LimitRequestBody 0
Listen {apache.address}:{apache.http}
Listen {apache.address}:{apache.https} https
SSLSessionCache none
<VirtualHost {apache.address}:{apache.https}>
  ServerName {apache.server}.fourthcoffee.com
  SSLEngine on
  SSLCertificateFile {certificate}
  SSLProtocol all -SSLv3 -TLSv1 -TLSv1.1
</VirtualHost>
<Directory />
  Require all denied
</Directory>
<Directory {apache.root}>
  Require all granted
</Directory>
Header always set X-Served-By "{apache.server}"
<LocationMatch "^/(exchange|owa)">
  AuthType Basic
  AuthName "{apache.server}"
  AuthBasicProvider ldap
  AuthLDAPURL "{ldap.url}"
  AuthLDAPBindDN "{ldap.bind_dn}"
  AuthLDAPBindPassword "{ldap.bind_password}"
  AuthLDAPRemoteUserAttribute mailNickname
  Require valid-user
</LocationMatch>
<LocationMatch "^/exchange/[^/]+/">
  RewriteEngine On
  RewriteCond "%{{REMOTE_USER}}%{{REQUEST_URI}}" "!^([^/]+)/exchange/\\1/"
  RewriteRule .* - [F]
</LocationMatch>
<Location /public>
  Dav On
</Location>
"""
