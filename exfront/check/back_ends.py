"""Checks of the mailbox servers: each is connected to as a log-on would be, and says its greeting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from exfront.backends.greeting import Greeting, GreetingFactory, ask_for_tls, greeted
from exfront.backends.preface import preface
from exfront.check.rows import ROUTE_ADVICE, Rows, failed, lifetime, own_certificate, peer_certificate
from exfront.config.settings import Settings
from exfront.decision import Refuse, Relay
from exfront.facts import ANONYMOUS, Facts, World
from exfront.interfaces import IBackEndDialer
from exfront.operate.check_table import Row
from exfront.reasons import Refused
from exfront.routing import decide
from exfront.topology import Protocol, Server


def listened_for(settings: Settings) -> tuple[Protocol, ...]:
    """The protocols that clients can speak."""
    return tuple(dict.fromkeys(each for listener in settings.listener for each in listener.served))


def passes_log_ons(settings: Settings) -> bool:
    """Whether Negotiate and NTLM pass through anywhere, from clients that come over TLS."""
    over_tls = any(listener.protocol == "http" and listener.tls != "none" for listener in settings.listener)
    directories = (each for site in settings.virtual_site for each in site.virtual_directory)
    return over_tls and any("passthrough" in each.authentication for each in directories)


def channel_binding(subject: str, shown: x509.Certificate, own: x509.Certificate | None) -> Row:
    """Whether a log-on that is bound to the client's TLS connection can be valid on ours to the back end.

    What it is bound to is the certificate that the client was shown (RFC 5929 section 4, tls-server-end-point).
    """
    if own is not None and own.fingerprint(SHA256()) == shown.fingerprint(SHA256()):
        return Row("ok", f"{subject} channel binding", "it shows the certificate of [tls]")
    return Row(
        "warning",
        f"{subject} channel binding",
        "it shows another certificate than [tls]: where it demands channel binding, NTLM and Negotiate fail",
        "the same certificate on both, or Extended Protection off in that directory of the server",
    )


_NO_XCLIENT = "it does not offer XCLIENT: it will not learn where clients come from"
_NO_XCLIENT_ADVICE = "exfront's address among those it trusts (Dovecot: login_trusted_networks)"


@frozen
class BackEndCheck:
    """Looks at one server at a time; `wall_clock` gives the time with its zone."""

    settings: Settings
    dialer: IBackEndDialer
    world: Callable[[], World]
    wall_clock: Callable[[], datetime]

    def servers(self) -> tuple[Server, ...]:
        """Those of the configuration and of the directory that serve anything that is listened for."""
        protocols = listened_for(self.settings)
        return tuple(one for one in self.world().topology.servers if any(map(one.service, protocols)))

    async def look(self, server: Server) -> Rows:
        """Each protocol that it serves."""
        rows = []
        for protocol in listened_for(self.settings):
            if server.service(protocol) is not None:
                rows += await self._decided(server, protocol)
        return rows

    async def _decided(self, server: Server, protocol: Protocol) -> Rows:
        """Connected to only where a log-on may go there too (S-DIR-4)."""
        subject = f"back end {server.name} {protocol}"
        decision = decide(Facts(protocol, ANONYMOUS, None, named_server=server.name), self.world())
        if isinstance(decision, Refuse):
            return [Row("warning", subject, f"{decision.reason.cause}: {decision.detail}", ROUTE_ADVICE)]
        assert isinstance(decision, Relay)  # a server that is named is relayed to
        return await self._service(subject, decision, protocol)

    async def _service(self, subject: str, relay: Relay, protocol: Protocol) -> Rows:
        server, service = relay.server, relay.service
        connection, greeting = None, b""
        try:
            connection = await self.dialer.dial(relay, protocol, GreetingFactory(), preface(server, protocol))
            assert isinstance(connection, Greeting)
            if protocol != "http":
                greeting = await greeted(connection, protocol)
            if service.tls == "starttls":
                await ask_for_tls(connection, protocol)
                await self.dialer.start_tls(relay, connection)
        except Refused as refused:
            return [failed(subject, refused)]
        else:
            rows = [Row("ok", subject, f"{server.address or server.host} port {service.port}, TLS: {service.tls}")]
            if protocol == "pop3" and server.forward_client == "commands" and b"[XCLIENT]" not in greeting:
                rows.append(Row("warning", f"{subject} clients", _NO_XCLIENT, _NO_XCLIENT_ADVICE))
            certificate = peer_certificate(connection.transport)
            if certificate is not None:
                rows.append(lifetime(f"{subject} certificate", certificate, self.wall_clock()))
                if protocol == "http" and passes_log_ons(self.settings):
                    rows.append(channel_binding(subject, certificate, own_certificate(self.settings)))
            return rows
        finally:
            if isinstance(connection, Greeting) and connection.transport is not None:
                connection.transport.loseConnection()
