"""Who may say for which user a request is: peers that proved to be Client Access servers, nobody else (S-AUTH-14)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from exfront.config.proxy import ProxySection
from exfront.secret import Secret


@frozen
class CasPeers:
    """`settings` is [proxy], `secret` the content of its secret_file."""

    settings: ProxySection
    secret: Secret | None = None

    def proof(self, address: bool, names: Sequence[str], secrets: Sequence[bytes]) -> str:
        """How the other side proved it, in a word for the log; empty where it did not.

        `address` says whether it lies in peer_networks; `names` are those of the certificate that it has shown, which
        TLS has verified by peer_ca_file; `secrets` the values of the secret's field.
        """
        wanted = {name.lower() for name in self.settings.peer_names}
        known = next((name for name in names if name in wanted), "")
        if known and (address or not self.settings.peer_networks):
            return known
        if self.secret and address and len(secrets) == 1 and Secret(secrets[0]) == self.secret:
            return "secret"
        return ""
