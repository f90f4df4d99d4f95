"""``exfrontctl check``: looks at everything that a running exfront would use, changes nothing, and says what to do.

All it looks at is done by the daemon's own objects: connections, verification, reading of entries, the decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen
from cryptography import x509
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from exfront import limits
from exfront.backends.greeting import Greeting, GreetingFactory, ask_for_tls, greeted
from exfront.config.kinds import LdapUrl
from exfront.config.settings import Settings
from exfront.decision import Refuse, Relay
from exfront.directory.client import SUCCESS, Connection
from exfront.directory.entry import Entry
from exfront.directory.errors import DirectoryError
from exfront.directory.filters import ANY_ENTRY, AllOf, AnyOf, Equals, Filter, Present, Scope, Search
from exfront.directory.root_dse import RootDse
from exfront.directory.schemas import Schema
from exfront.directory.servers import Servers, refusal
from exfront.facts import ANONYMOUS, Facts, Identity, World
from exfront.interfaces import IBackEndDialer
from exfront.operate.check_table import Row
from exfront.reasons import (
    BACK_END_CERTIFICATE,
    BACK_END_CONNECT_TIMEOUT,
    BACK_END_NO_ADDRESS,
    BACK_END_NOT_ALLOWED,
    BACK_END_REFUSED,
    DIRECTORY_CERTIFICATE,
    DIRECTORY_DOWN,
    DIRECTORY_TIMEOUT,
    PROTOCOL_NOT_SERVED,
    SERVER_UNKNOWN,
    Reason,
    Refused,
)
from exfront.routing import decide
from exfront.secret import Secret
from exfront.topology import Mailbox, Protocol, Server, Topology

_ADVICE: Mapping[str, str] = {
    DIRECTORY_DOWN.cause: "is the server up, the name right, the port open? see [directory] servers",
    DIRECTORY_TIMEOUT.cause: "a firewall that drops, or an overloaded server",
    DIRECTORY_CERTIFICATE.cause: "the certificate must bear the name in the URL and come from [directory] ca_file",
    BACK_END_REFUSED.cause: "is the service up and the port in [[server]] right?",
    BACK_END_NO_ADDRESS.cause: "DNS does not know the host: see [[server]] host, or give its address",
    BACK_END_CONNECT_TIMEOUT.cause: "a firewall that drops, or a server that is down",
    BACK_END_CERTIFICATE.cause: "name and issuer by [[server]] host and ca_file, or the key shown here by tls_pin",
    BACK_END_NOT_ALLOWED.cause: "the address lies outside of [back_ends] networks, or is an own listener",
}

_GLOBAL_CATALOG = (3268, 3269)

Rows = list[Row]


@frozen
class Checks:
    """What is looked at; all of it built elsewhere. `wall_clock` gives the time with its zone.

    `topology` reads the configuration partition, where that is wanted; `resolve` gives a name's addresses.
    """

    settings: Settings
    servers: Servers
    schema: Schema
    dialer: IBackEndDialer
    world: Callable[[], World]
    resolve: Callable[[str], Awaitable[list[str]]]
    reactor: Any
    wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    topology: Callable[[], Awaitable[Topology]] | None = None

    async def run(self) -> Rows:
        """All rows, the same order every time; after `CHECK_TIME` there is an answer or an error for each."""
        until = self.reactor.seconds() + limits.CHECK_TIME
        topology = await self._in_time("topology", self._topology(), limits.CHECK_TOPOLOGY_TIME)
        left = until - self.reactor.seconds()
        urls = tuple(dict.fromkeys((*self.servers.urls(), *self.servers.urls("configuration"))))
        places = DeferredSemaphore(limits.CHECK_BACK_ENDS)
        looking = [
            *((f"directory {url}", self._directory(url, first)) for url, first in _marked(urls)),
            *((f"back end {one.name}", self._back_end(one, places)) for one in self._back_ends()),
            *((f"name {name}", self._name(name)) for name in self._public_names()),
        ]
        found = await gatherResults([self._in_time(what, rows, left) for what, rows in looking], consumeErrors=True)
        return [*self._own_certificate(), *topology, *(row for rows in found for row in rows)]

    def _in_time(self, subject: str, looking: Coroutine[Any, Any, Rows], seconds: float) -> Deferred[Rows]:
        rows: Deferred[Rows] = Deferred.fromCoroutine(looking)
        rows.addTimeout(seconds, self.reactor)

        def too_slow(failure: Any) -> Rows:
            failure.trap(DeferredTimeoutError)
            return [Row("error", subject, f"no answer in {seconds:g} s", _ADVICE[DIRECTORY_TIMEOUT.cause])]

        return rows.addErrback(too_slow)

    def _back_ends(self) -> tuple[Server, ...]:
        """Those of the configuration and of the directory that serve anything that is listened for."""
        servers = self.world().topology.servers
        return tuple(one for one in servers if any(one.service(protocol) for protocol in self._protocols()))

    def _public_names(self) -> tuple[str, ...]:
        names = [name for site in self.settings.virtual_site for name in (site.public_name, *site.host_names)]
        return tuple(dict.fromkeys(name.partition(":")[0] for name in names))

    def _own_certificate(self) -> Rows:
        file = self.settings.tls.certificate
        if file is None:
            return []
        chain = x509.load_pem_x509_certificates(file.read_bytes())
        return [self._lifetime("certificate of [tls]", chain[0])]

    def _lifetime(self, subject: str, certificate: x509.Certificate) -> Row:
        days = (certificate.not_valid_after_utc - self.wall_clock()).days
        found = f"valid for {days} days, until {certificate.not_valid_after_utc:%Y-%m-%d}"
        if days < limits.CERTIFICATE_WARNING_DAYS:
            return Row("warning", subject, found, "renew it")
        return Row("ok", subject, found)

    async def _name(self, name: str) -> Rows:
        """A public name that nobody can resolve here may still be known outside: no more than a warning."""
        addresses = await self.resolve(name)
        if addresses:
            return [Row("ok", f"name {name}", " ".join(addresses))]
        return [Row("warning", f"name {name}", "has no address here", "clients must be able to resolve it")]

    async def _topology(self) -> Rows:
        """What the configuration partition holds; none is no fault where [[server]] names the servers."""
        try:
            await self.servers.ready()
        except Refused as refused:
            return [_failed("directory servers", refused)]
        if self.topology is None:
            return [Row("ok", "topology", "not read: [directory] topology = false")]
        try:
            read = await self.topology()
        except Refused as refused:
            return [_failed("topology", refused)]
        counts = f"{len(read.servers)} servers, {len(read.databases)} databases, {len(read.sites)} sites"
        return [Row("ok", "topology", f"{read.organisation or 'no Exchange organisation'}: {counts}")]

    # --- one directory server

    async def _directory(self, url: LdapUrl, first: bool) -> Rows:
        subject = f"directory {url}"
        try:
            connection = await self.servers.open_at(url)
        except DirectoryError as error:
            return [_failed(subject, refusal(error))]
        rows = [Row("ok", subject, "connected")]
        try:
            await self._connected(rows, subject, connection, first)
        except DirectoryError as error:
            rows.append(_failed(subject, refusal(error)))
        finally:
            connection.close()
            await connection.ended
        return rows

    async def _connected(self, rows: Rows, subject: str, connection: Connection, first: bool) -> None:
        """Adds to `rows` as it goes: what was seen before a fault stays."""
        certificate = peer_certificate(connection.protocol.transport)
        if certificate is not None:
            rows.append(self._lifetime(f"{subject} certificate", certificate))
        rows.append(await self._service_bind(subject, connection))
        if rows[-1].state == "error":
            return
        root = await connection.root_dse()
        rows += self._clock(subject, root)
        rows += self._site(subject, root)
        rows += await self._rights(subject, connection)
        if first:
            rows += await self._sample(connection)

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

    def _clock(self, subject: str, root: RootDse) -> Rows:
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

    def _site(self, subject: str, root: RootDse) -> Rows:
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

    # --- a sample of the users

    async def _sample(self, connection: Connection) -> Rows:
        """Some users, read and routed as a log-on would: who could not get to a mailbox, and why."""
        search = Search(self.settings.directory.base, self._people(), self.schema.attributes)
        page = await connection.page(search, limits.CHECK_SAMPLE)
        homeless, broken, lost = [], [], Counter[str]()
        for entry in page.entries:
            mailbox = await self._read(connection, entry)
            if mailbox is None:
                broken.append(entry.dn)
            elif not mailbox.home_server:
                homeless.append(entry.dn)
            else:
                lost.update(self._not_routed(mailbox))
        total = f"of {len(page.entries)} users looked at"
        rows = [Row("ok", "users", f"{len(page.entries)} looked at")] if page.entries else [_NO_USERS]
        if homeless:
            advice = "such users get no mailbox: see homeMDB, or [directory] home_server_attribute"
            rows.append(
                Row("warning", "users", f"{len(homeless)} {total} have no home server, {_some(homeless)}", advice)
            )
        if broken:
            advice = "exfrontctl explain tells for each of them what contradicts itself"
            rows.append(Row("warning", "users", f"{len(broken)} {total} cannot be read, {_some(broken)}", advice))
        for why, number in sorted(lost.items()):
            rows.append(Row("error", "users", f"{number} {total} go nowhere: {why}", _ROUTE_ADVICE))
        return rows + _doubles(page.entries, self._addresses())

    def _people(self) -> Filter:
        if self.settings.directory.schema == "active_directory":
            return AllOf((Equals("objectClass", "user"), Present("proxyAddresses")))
        directory = self.settings.directory
        names = directory.address_attributes or (directory.account_attribute,)
        people = AnyOf(tuple(Equals("objectClass", name) for name in directory.object_classes))
        return AllOf((people, AnyOf(tuple(Present(name) for name in names))))

    def _addresses(self) -> tuple[str, ...]:
        """The attributes whose values log on, and so belong to one user each."""
        directory = self.settings.directory
        return ("proxyAddresses",) if directory.schema == "active_directory" else directory.address_attributes

    async def _read(self, connection: Connection, entry: Entry) -> Mailbox | None:
        async def fetch(name: str, attributes: tuple[str, ...]) -> Entry | None:
            answer = await connection.search(Search(name, ANY_ENTRY, attributes, Scope.BASE))
            return answer.entries[0] if answer.entries else None

        try:
            return await self.schema.mailbox(entry, fetch, None)
        except Refused:
            return None

    def _not_routed(self, mailbox: Mailbox) -> set[str]:
        """Why the decision for a protocol that is listened for is a refusal that no administrator wants."""
        found = set()
        for protocol in self._protocols():
            decision = decide(Facts(protocol, Identity(mailbox), mailbox), self.world())
            if isinstance(decision, Refuse) and decision.reason in (SERVER_UNKNOWN, PROTOCOL_NOT_SERVED):
                found.add(f"{decision.reason.cause}, {decision.detail}")
        return found

    def _protocols(self) -> tuple[Protocol, ...]:
        return tuple(dict.fromkeys(listener.protocol for listener in self.settings.listener))

    # --- one back end

    async def _back_end(self, server: Server, places: DeferredSemaphore) -> Rows:
        await places.acquire()
        try:
            rows = []
            for protocol in self._protocols():
                if server.service(protocol) is not None:
                    rows += await self._decided(server, protocol)
            return rows
        finally:
            places.release()

    async def _decided(self, server: Server, protocol: Protocol) -> Rows:
        """Connected to only where a log-on may go there too (S-DIR-4)."""
        subject = f"back end {server.name} {protocol}"
        decision = decide(Facts(protocol, ANONYMOUS, None, named_server=server.name), self.world())
        if isinstance(decision, Refuse):
            return [Row("warning", subject, f"{decision.reason.cause}: {decision.detail}", _ROUTE_ADVICE)]
        return await self._service(subject, decision, protocol)

    async def _service(self, subject: str, relay: Relay, protocol: Protocol) -> Rows:
        server, service = relay.server, relay.service
        connection = None
        try:
            connection = await self.dialer.dial(relay, protocol, GreetingFactory())
            assert isinstance(connection, Greeting)
            if protocol != "http":
                await greeted(connection, protocol)
            if service.tls == "starttls":
                await ask_for_tls(connection, protocol)
                await self.dialer.start_tls(relay, connection)
        except Refused as refused:
            return [_failed(subject, refused)]
        else:
            rows = [Row("ok", subject, f"{server.address or server.host} port {service.port}, TLS: {service.tls}")]
            certificate = peer_certificate(connection.transport)
            return rows + ([] if certificate is None else [self._lifetime(f"{subject} certificate", certificate)])
        finally:
            if isinstance(connection, Greeting) and connection.transport is not None:
                connection.transport.loseConnection()


_NO_USERS = Row("warning", "users", "no user with a mail address was found", "is [directory] base right?")
_ROUTE_ADVICE = "add a [[server]] of that name, or its domain to [back_ends] suffixes"


def peer_certificate(transport: Any) -> x509.Certificate | None:
    """What the other side of a TLS connection showed; None without TLS."""
    ask = getattr(transport, "getPeerCertificate", None)
    found = ask() if ask is not None else None
    certificate: x509.Certificate | None = None if found is None else found.to_cryptography()
    return certificate


def _failed(subject: str, refused: Refused) -> Row:
    return Row("error", subject, f"{refused.reason.cause}: {refused.detail}", _advice(refused.reason))


def _advice(reason: Reason) -> str:
    return _ADVICE.get(reason.cause, "")


def _marked(urls: tuple[LdapUrl, ...]) -> list[tuple[LdapUrl, bool]]:
    """The first one of a list is where the users are sampled."""
    return [(url, number == 0) for number, url in enumerate(urls)]


def _some(names: list[str]) -> str:
    return f"as {names[0]}"


def _doubles(entries: tuple[Entry, ...], attributes: tuple[str, ...]) -> Rows:
    """Addresses that two of the entries hold: who logs on with one is refused (S-AUTH-5)."""
    owners: dict[str, list[str]] = {}
    for entry in entries:
        values = {
            value.decode("utf-8", "replace").lower()
            for name in attributes
            for value in entry.attributes.get(name.lower(), ())
        }
        for value in values:
            owners.setdefault(value, []).append(entry.dn)
    return [
        Row("warning", "users", f"{address} belongs to {' and '.join(names)}", "take it from all but one of them")
        for address, names in sorted(owners.items())
        if len(names) > 1
    ]
