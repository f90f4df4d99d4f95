"""[proxy]: between Client Access servers of two sites (441), and before mailbox servers of Exchange 2013."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from exfront.config.kinds import Network


@frozen
class ProxySection:
    """No document has the names of the fields: they are the project's own, and what both sides are configured to.

    `certificate` and `secret_file` prove to a second server, or to a mailbox server, that this is a Client Access
    server, which calls itself `server_name`. To this one, at listeners with `proxy_peers`, a certificate for one of
    `peer_names` (under the listener's `client_ca_file`) proves it, and the secret from `peer_networks`.
    """

    certificate: Path | None = None  # with its key
    secret_file: Path | None = None
    server_name: str = ""  # default: the machine's, in the domain of the directory's base
    sid_header: str = "X-ExFront-Sid"  # the user's SID
    uri_header: str = "X-ExFront-Uri"  # the first server's own URL
    version_header: str = "X-ExFront-Version"
    secret_header: str = "X-ExFront-Proxy-Secret"
    activesync_log_on: str = "Cmd=ProxyLogin"  # the query of ActiveSync's proxy log-on
    peer_names: tuple[str, ...] = ()
    peer_networks: tuple[Network, ...] = ()

    @property
    def headers(self) -> tuple[str, ...]:
        """The fields that one server says to the other; from nobody else they mean anything (S-HTTP-18)."""
        return self.sid_header, self.uri_header, self.version_header, self.secret_header

    @property
    def proves(self) -> bool:
        """Whether a second server can learn what we are."""
        return self.certificate is not None or self.secret_file is not None
