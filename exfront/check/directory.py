"""Checks of one directory server: connection, certificate, service account, clock, site, rights."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from attrs import frozen

from exfront import limits
from exfront.check.rows import Rows, failed, lifetime, peer_certificate
from exfront.check.users import UserCheck
from exfront.config.kinds import LdapUrl
from exfront.config.settings import Settings
from exfront.directory.client import SUCCESS, Connection
from exfront.directory.errors import DirectoryError
from exfront.directory.filters import ANY_ENTRY, Present, Scope, Search
from exfront.directory.root_dse import RootDse
from exfront.directory.servers import Servers, refusal
from exfront.operate.check_table import Row
from exfront.secret import Secret

_GLOBAL_CATALOG = (3268, 3269)


@frozen
class DirectoryCheck:
    """`wall_clock` gives the time with its zone."""

    settings: Settings
    servers: Servers
    users: UserCheck
    wall_clock: Callable[[], datetime]

    async def look(self, url: LdapUrl, until: float) -> Rows:
        """One server, and some of its users where it is asked for users; `until` is on the reactor's clock."""
        subject = f"directory {url}"
        try:
            connection = await self.servers.open_at(url)
        except DirectoryError as error:
            return [failed(subject, refusal(error))]
        rows = [Row("ok", subject, "connected")]
        try:
            if await self._connected(rows, subject, connection):
                await self._users(rows, url, connection, until)
        except DirectoryError as error:
            rows.append(failed(subject, refusal(error)))
        finally:
            connection.close()
            await connection.ended
        return rows

    async def _connected(self, rows: Rows, subject: str, connection: Connection) -> bool:
        """Adds to `rows` as it goes: what was seen before a fault stays. False where nothing can be read."""
        certificate = peer_certificate(connection.protocol.transport)
        if certificate is not None:
            rows.append(lifetime(f"{subject} certificate", certificate, self.wall_clock()))
        rows.append(await self._service_bind(subject, connection))
        if rows[-1].state == "error":
            return False
        root = await connection.root_dse()
        rows += self.clock(subject, root)
        rows += self.site(subject, root)
        rows += await self._rights(subject, connection)
        return True

    async def _users(self, rows: Rows, url: LdapUrl, connection: Connection, until: float) -> None:
        """Each server shows other users than those before it; which it was is told where there are several."""
        urls = self.servers.urls()
        if url in urls:
            subject = "users" if len(urls) == 1 else f"users at {url}"
            rows += await self.users.look(subject, connection, urls.index(url), until)

    async def _service_bind(self, subject: str, connection: Connection) -> Row:
        directory = self.settings.directory
        if not directory.bind_dn or directory.bind_password_file is None:
            return Row("ok", subject, "anonymous: no [directory] bind_dn")
        secret = Secret(directory.bind_password_file.read_bytes().rstrip(b"\r\n"))
        result = await connection.bind(directory.bind_dn, secret)
        if result.code == SUCCESS:
            return Row("ok", subject, f"bound as {directory.bind_dn}")
        advice = "see [directory] bind_dn and bind_password_file; is the account enabled?"
        return Row("error", subject, f"bind refused: result={result.code} {result.message}", advice)

    def clock(self, subject: str, root: RootDse) -> Rows:
        """The difference of the clocks, where the server tells its own (Active Directory does)."""
        try:
            there = datetime.strptime(root.current_time[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return []
        apart = (there - self.wall_clock()).total_seconds()
        found = f"its clock is {round(apart):+d} s from ours"
        if abs(apart) > limits.CLOCK_WARNING_TIME:
            return [Row("warning", subject, found, "certificates and Kerberos need equal clocks: use NTP")]
        return [Row("ok", subject, found)]

    def site(self, subject: str, root: RootDse) -> Rows:
        """Where the server stands, and whether we stand there too."""
        if not root.site:
            return []
        ours = self.servers.site
        which = "" if not ours else ", ours" if ours == root.site else f"; ours is {ours}"
        return [Row("ok", subject, f"in site {root.site}{which}")]

    async def _rights(self, subject: str, connection: Connection) -> Rows:
        """Whether the attributes that everything hangs on can be read: an entry that shows one proves it."""
        directory, rows = self.settings.directory, []
        for name in self._telling_attributes():
            answer = await connection.search(Search(directory.base, Present(name), (name,)))
            shown = any(name.lower() in entry.attributes for entry in answer.entries)
            advice = "" if shown else f"may the service account read {name}? is [directory] base right?"
            found = f"{name} can be read" if shown else f"no entry shows {name}"
            rows.append(Row("ok" if shown else "warning", subject, found, advice))
        global_catalog = self.servers.url_of(connection).port in _GLOBAL_CATALOG  # it holds no domain's policy
        if directory.schema == "active_directory" and not global_catalog:
            rows.append(await self._threshold(subject, connection))
        return rows

    def _telling_attributes(self) -> tuple[str, ...]:
        directory = self.settings.directory
        if directory.schema == "active_directory":
            return ("homeMDB", "proxyAddresses")
        return tuple(filter(None, (directory.home_server_attribute, *directory.address_attributes)))

    async def _threshold(self, subject: str, connection: Connection) -> Row:
        search = Search(self.settings.directory.base, ANY_ENTRY, ("lockoutThreshold",), Scope.BASE)
        answer = await connection.search(search)
        values = [value for entry in answer.entries for value in entry.attributes.get("lockoutthreshold", ())]
        if values:
            return Row("ok", subject, f"lockoutThreshold can be read: {values[0].decode('ascii', 'replace')}")
        advice = "give the right to read it at the domain object, or set [authentication] lockout_threshold"
        return Row("warning", subject, "lockoutThreshold cannot be read", advice)
